//! What is known of each source: its state as the capture-worker tells it, or the gateway for one
//! that clients push, and its rates as the segment shows them. Pure, apart from being told what the segment shows.

use crate::config::SourceConfig;
use shm_layout::MonotonicNs;
use shm_layout::control::{SourceReport, SourceState, SourceStatus};
use std::time::Duration;

/// Rates are measured over at least this time.
const MEASURED_OVER: Duration = Duration::from_secs(1);

/// Counts of one source at one moment.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    at: MonotonicNs,
    frames: u64,
    predictions: u64,
}

/// One source.
#[derive(Debug, Clone)]
pub struct Source {
    status: SourceStatus,
    /// As in its configuration.
    idle_fps: u32,
    since: MonotonicNs,
    counts: Counts,
}

impl Source {
    /// A source that nothing is known of yet.
    #[must_use]
    pub fn new(config: &SourceConfig, now: MonotonicNs) -> Self {
        let status = SourceStatus {
            name: config.name.clone(),
            kind: config.kind.name().to_owned(),
            state: SourceState::Starting,
            detail: String::new(),
            format: String::new(),
            width_px: 0,
            height_px: 0,
            fps: 0.0,
            is_idle: false,
            measured_fps: 0.0,
            sequence: 0,
            predictions_per_s: 0.0,
            since_ms: 0,
        };
        Self {
            status,
            idle_fps: config.idle_fps,
            since: now,
            counts: Counts {
                at: now,
                ..Counts::default()
            },
        }
    }

    /// It is another source under the same name from now on, or has another rate while it is idle.
    pub fn becomes(&mut self, config: &SourceConfig) {
        self.idle_fps = config.idle_fps;
        config.kind.name().clone_into(&mut self.status.kind);
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.status.name
    }

    /// Its state.
    #[must_use]
    pub fn state(&self) -> SourceState {
        self.status.state
    }

    /// Takes in a report; true if the state or what is said of it changed.
    pub fn report(&mut self, report: SourceReport, now: MonotonicNs) -> bool {
        let status = &mut self.status;
        let changed = status.state != report.state || status.detail != report.detail;
        if status.state != report.state {
            self.since = now;
        }
        status.state = report.state;
        status.detail = report.detail;
        if let Some(mode) = report.mode {
            mode.format.name().clone_into(&mut status.format);
            (status.width_px, status.height_px) = (mode.width_px, mode.height_px);
            status.fps = mode.fps;
        }
        changed
    }

    /// Whether clients push it.
    #[must_use]
    pub fn is_pushed(&self) -> bool {
        self.status.is_pushed()
    }

    /// Notes that the process that publishes it is gone; the next one reports anew.
    pub fn abandoned(&mut self, now: MonotonicNs) {
        if self.status.state != SourceState::Starting {
            self.since = now;
        }
        self.status.state = SourceState::Starting;
        let restarted = if self.is_pushed() {
            "the gateway is being restarted"
        } else {
            "its capture-worker is being restarted"
        };
        restarted.clone_into(&mut self.status.detail);
    }

    /// Notes what the segment shows: the newest sequence, and predictions ever published.
    pub fn count(&mut self, frames: u64, predictions: u64, now: MonotonicNs) {
        self.status.sequence = frames;
        let elapsed = now.since(self.counts.at);
        if elapsed < MEASURED_OVER {
            return;
        }
        let per_second = |newer: u64, older: u64| {
            let rate = newer.saturating_sub(older) as f64 / elapsed.as_secs_f64();
            (rate * 10.0).round() / 10.0
        };
        self.status.measured_fps = per_second(frames, self.counts.frames);
        self.status.predictions_per_s = per_second(predictions, self.counts.predictions);
        self.counts = Counts {
            at: now,
            frames,
            predictions,
        };
    }

    /// Notes whether somebody needs every frame, as the segment shows it.
    pub fn note_demand(&mut self, is_needed: bool) {
        self.status.is_idle = self.idle_fps > 0 && !is_needed;
    }

    /// Frames per second, measured.
    #[must_use]
    pub fn measured_fps(&self) -> f64 {
        self.status.measured_fps
    }

    /// Its status.
    #[must_use]
    pub fn status(&self, now: MonotonicNs) -> SourceStatus {
        let since_ms = now.since(self.since).as_millis() as u64;
        SourceStatus {
            since_ms,
            ..self.status.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shm_layout::PixelFormat;
    use shm_layout::control::SourceMode;

    fn at(ms: u64) -> MonotonicNs {
        MonotonicNs(ms * 1_000_000)
    }

    fn report(state: SourceState, detail: &str, mode: Option<SourceMode>) -> SourceReport {
        SourceReport {
            source: 0,
            state,
            detail: detail.to_owned(),
            mode,
        }
    }

    #[test]
    fn report_changes_state_and_keeps_the_last_mode() {
        let mut source = Source::new(&SourceConfig::demo(), at(0));
        let mode = SourceMode {
            format: PixelFormat::Mjpeg,
            width_px: 640,
            height_px: 480,
            fps: 15.0,
        };
        assert!(source.report(report(SourceState::Live, "demo clip", Some(mode)), at(100)));
        assert!(!source.report(report(SourceState::Live, "demo clip", None), at(150)));
        assert!(source.report(report(SourceState::Lost, "unplugged", None), at(200)));
        let status = source.status(at(1_200));
        assert_eq!((status.state, status.since_ms), (SourceState::Lost, 1_000));
        assert_eq!((status.format.as_str(), status.width_px), ("MJPG", 640));
    }

    #[test]
    fn rates_are_measured_over_a_second() {
        let mut source = Source::new(&SourceConfig::demo(), at(0));
        source.count(20, 10, at(900));
        assert_eq!(
            source.status(at(900)).measured_fps,
            0.0,
            "too early to tell"
        );
        source.count(30, 15, at(1_000));
        let status = source.status(at(1_000));
        assert_eq!(
            (status.measured_fps, status.predictions_per_s),
            (30.0, 15.0)
        );
        source.count(30, 15, at(3_000));
        assert_eq!(source.status(at(3_000)).measured_fps, 0.0);
    }

    #[test]
    fn only_a_source_with_an_idle_rate_is_ever_idle() {
        let mut source = Source::new(&SourceConfig::demo(), at(0));
        source.note_demand(false);
        assert!(!source.status(at(0)).is_idle);
        source.becomes(&SourceConfig {
            idle_fps: 5,
            ..SourceConfig::demo()
        });
        source.note_demand(false);
        assert!(source.status(at(0)).is_idle);
        source.note_demand(true);
        assert!(!source.status(at(0)).is_idle);
    }
}
