//! When a source counts as live, lost or ended, and when it is opened again.
//!
//! Neighbours: [`crate::run`] tells it what happened and does what it says. Pure: no clock is read
//! and nothing is opened here.

use crate::source::{Mode, SourceError};
use shm_layout::MonotonicNs;
use shm_layout::control::{SourceMode, SourceReport, SourceState};
use std::time::Duration;

/// How often somebody looks whether a missing camera is back. A look costs a few reads of sysfs.
pub const RETRY_ABSENT: Duration = Duration::from_millis(200);

/// How often something that is there and does not work is tried again: a busy camera, a clip that
/// cannot be read. Opening costs more than looking.
pub const RETRY_BROKEN: Duration = Duration::from_secs(1);

/// What happened to a source.
#[derive(Debug)]
pub enum Event {
    /// It was opened; frames may come.
    Opened(Mode),
    /// A whole frame was published.
    Frame,
    /// It could not be opened, or is gone.
    Failed(SourceError),
    /// It has no more frames to give.
    Ended,
}

/// What is to be done with a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Open it as soon as this time has come.
    OpenAt(MonotonicNs),
    /// Ask it for frames.
    Read,
    /// Nothing any more.
    Rest,
}

/// State of one source.
#[derive(Debug)]
pub struct Tracker {
    source: usize,
    state: SourceState,
    detail: String,
    mode: Option<Mode>,
    next: Next,
}

impl Tracker {
    /// A source that was not opened yet, with the number of its ring.
    #[must_use]
    pub const fn new(source: usize) -> Self {
        let next = Next::OpenAt(MonotonicNs(0));
        Self {
            source,
            state: SourceState::Starting,
            detail: String::new(),
            mode: None,
            next,
        }
    }

    /// What to do with the source.
    #[must_use]
    pub const fn next(&self) -> Next {
        self.next
    }

    /// Takes note of `event` at `now`; returns a report if there is something to tell.
    pub fn on_event(&mut self, event: Event, now: MonotonicNs) -> Option<SourceReport> {
        match event {
            // An opened camera is not live before a frame came: some open well and stay silent.
            Event::Opened(mode) => {
                self.mode = Some(mode);
                self.next = Next::Read;
                None
            }
            Event::Frame if self.state == SourceState::Live => None,
            Event::Frame => {
                let detail = self.mode.as_ref().map_or_else(String::new, describe);
                self.change(SourceState::Live, detail)
            }
            Event::Failed(error) => self.on_failure(&error, now),
            Event::Ended => {
                self.next = Next::Rest;
                let device = self.mode.as_ref().map_or("the source", |mode| &mode.device);
                let detail = format!("{device} has played once to its end");
                self.change(SourceState::Ended, detail)
            }
        }
    }

    fn on_failure(&mut self, error: &SourceError, now: MonotonicNs) -> Option<SourceReport> {
        // The first try after a loss is soon: a frozen camera often comes back when it is opened.
        let is_retry = matches!(self.next, Next::OpenAt(_));
        let wait = if is_retry && !error.is_absent() {
            RETRY_BROKEN
        } else {
            RETRY_ABSENT
        };
        let wait_ns = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        self.next = Next::OpenAt(MonotonicNs(now.0.saturating_add(wait_ns)));
        if is_retry && error.is_absent() && self.state == SourceState::Lost {
            // That it was unplugged says more than that it is not there.
            return None;
        }
        self.change(SourceState::Lost, error.to_string())
    }

    fn change(&mut self, state: SourceState, detail: String) -> Option<SourceReport> {
        if self.state == state && self.detail == detail {
            return None;
        }
        (self.state, self.detail) = (state, detail);
        Some(SourceReport {
            source: self.source,
            state,
            detail: self.detail.clone(),
            mode: self.mode.as_ref().map(|mode| SourceMode {
                format: mode.format,
                width_px: mode.width_px,
                height_px: mode.height_px,
                fps: mode.fps,
            }),
        })
    }
}

/// A mode in plain words, e.g. `Webcam at /dev/video0: MJPG 640x480 at 30 fps`.
#[must_use]
pub fn describe(mode: &Mode) -> String {
    let Mode {
        format,
        width_px,
        height_px,
        fps,
        device,
    } = mode;
    // Two places at most, none for whole rates.
    let fps = (fps * 100.0).round() / 100.0;
    format!(
        "{device}: {} {width_px}x{height_px} at {fps} fps",
        format.name()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::v4l2::CameraError;
    use shm_layout::PixelFormat;

    const NOW: MonotonicNs = MonotonicNs(5_000_000_000);

    fn mode() -> Mode {
        let device = "Webcam at /dev/video0".to_owned();
        Mode {
            format: PixelFormat::Mjpeg,
            width_px: 640,
            height_px: 480,
            fps: 29.97,
            device,
        }
    }

    fn missing() -> Event {
        Event::Failed(CameraError::Missing("Webcam".into()).into())
    }

    fn failed(error: CameraError) -> Event {
        Event::Failed(error.into())
    }

    fn live() -> Tracker {
        let mut tracker = Tracker::new(2);
        tracker.on_event(Event::Opened(mode()), NOW);
        tracker.on_event(Event::Frame, NOW);
        tracker
    }

    fn retry_in(tracker: &Tracker) -> Duration {
        match tracker.next() {
            Next::OpenAt(at) => at.since(NOW),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_source_is_opened_at_once_and_live_with_its_first_frame() {
        let mut tracker = Tracker::new(2);
        assert_eq!(tracker.next(), Next::OpenAt(MonotonicNs(0)));
        assert_eq!(tracker.on_event(Event::Opened(mode()), NOW), None);
        assert_eq!(tracker.next(), Next::Read);
        let report = tracker.on_event(Event::Frame, NOW).unwrap();
        assert_eq!((report.source, report.state), (2, SourceState::Live));
        assert_eq!(
            report.detail,
            "Webcam at /dev/video0: MJPG 640x480 at 29.97 fps"
        );
        assert_eq!(report.mode.unwrap().fps, 29.97);
        assert_eq!(tracker.on_event(Event::Frame, NOW), None, "told once");
    }

    #[test]
    fn a_missing_camera_is_lost_and_looked_for() {
        let mut tracker = Tracker::new(0);
        let report = tracker.on_event(missing(), NOW).unwrap();
        assert_eq!(report.state, SourceState::Lost);
        assert_eq!(report.detail, "camera `Webcam` is not connected");
        assert_eq!(tracker.on_event(missing(), NOW), None, "told once");
        assert_eq!(retry_in(&tracker), RETRY_ABSENT);
    }

    #[test]
    fn an_unplugged_camera_keeps_its_reason_and_comes_back() {
        let mut tracker = live();
        let report = tracker
            .on_event(failed(CameraError::Unplugged), NOW)
            .unwrap();
        assert_eq!(
            (report.state, report.detail.as_str()),
            (SourceState::Lost, "it was unplugged")
        );
        assert_eq!(retry_in(&tracker), RETRY_ABSENT);
        assert_eq!(tracker.on_event(missing(), NOW), None);
        assert_eq!(tracker.on_event(Event::Opened(mode()), NOW), None);
        assert_eq!(
            tracker.on_event(Event::Frame, NOW).unwrap().state,
            SourceState::Live
        );
    }

    #[test]
    fn a_frozen_camera_that_stays_silent_is_told_once() {
        let mut tracker = live();
        assert!(
            tracker
                .on_event(failed(CameraError::Frozen(3)), NOW)
                .is_some()
        );
        for _ in 0..3 {
            assert_eq!(tracker.on_event(Event::Opened(mode()), NOW), None);
            assert_eq!(tracker.on_event(failed(CameraError::Frozen(3)), NOW), None);
        }
    }

    #[test]
    fn a_busy_camera_is_tried_less_often() {
        let mut tracker = Tracker::new(0);
        let busy = || failed(CameraError::Busy(" by cheese (pid 9)".into()));
        let report = tracker.on_event(busy(), NOW).unwrap();
        assert_eq!(report.detail, "it is in use by cheese (pid 9)");
        tracker.on_event(busy(), NOW);
        assert_eq!(retry_in(&tracker), RETRY_BROKEN);
    }

    #[test]
    fn a_clip_that_ended_rests() {
        let mut tracker = live();
        let report = tracker.on_event(Event::Ended, NOW).unwrap();
        assert_eq!(report.state, SourceState::Ended);
        assert_eq!(tracker.next(), Next::Rest);
    }
}
