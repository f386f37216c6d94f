//! When the frames of a clip or pattern are due: absolute times, so that errors never add up.
//!
//! Neighbours: the clip and pattern sources. Pure arithmetic but for [`wait_until`].

use shm_layout::MonotonicNs;
use std::time::Duration;

/// Slowest rate that is accepted, in frames per second: one frame in 1000 s.
pub const FPS_MIN: f64 = 0.001;
/// Fastest rate that is accepted, in frames per second.
pub const FPS_MAX: f64 = 1_000.0;

/// What happens to frames whose time has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenLate {
    /// Leave them out, so that the schedule holds: what a live source does.
    Skip,
    /// Shift the schedule, so that every frame is shown: for a clip that plays once.
    Shift,
}

/// The schedule of a paced source.
#[derive(Debug, Clone, Copy)]
pub struct Pacer {
    start: MonotonicNs,
    /// Length of one frame in units of 2^-20 ns, which keeps a day at 1000 fps exact to 0.1 ms.
    period: u128,
    next: u64,
    when_late: WhenLate,
}

/// A frame that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Number of the frame, from 0.
    pub number: u64,
    /// When it was due.
    pub at: MonotonicNs,
    /// Frames left out directly before it.
    pub skipped: u64,
}

impl Pacer {
    /// A schedule that starts at `start` with frame 0; `fps` is brought into the accepted range.
    #[must_use]
    pub fn new(start: MonotonicNs, fps: f64, when_late: WhenLate) -> Self {
        let fps = if fps.is_finite() {
            fps.clamp(FPS_MIN, FPS_MAX)
        } else {
            FPS_MIN
        };
        let period = (f64::from(1 << 20) * 1e9 / fps) as u128;
        Self {
            start,
            period,
            next: 0,
            when_late,
        }
    }

    /// When frame `number` is due.
    #[must_use]
    pub fn due_at(&self, number: u64) -> MonotonicNs {
        let offset = (u128::from(number) * self.period) >> 20;
        MonotonicNs(
            self.start
                .0
                .saturating_add(u64::try_from(offset).unwrap_or(u64::MAX)),
        )
    }

    /// When the next frame is due.
    #[must_use]
    pub fn next_at(&self) -> MonotonicNs {
        self.due_at(self.next)
    }

    /// The frame to show at `now`, or `None` if the next one is not due yet.
    pub fn take(&mut self, now: MonotonicNs) -> Option<Due> {
        let expected = self.next;
        if now < self.due_at(expected) {
            return None;
        }
        if self.when_late == WhenLate::Shift && now >= self.due_at(expected.saturating_add(1)) {
            let late_ns = now.0 - self.due_at(expected).0;
            self.start = MonotonicNs(self.start.0.saturating_add(late_ns));
        }
        let passed = u128::from(now.0.saturating_sub(self.start.0)) << 20;
        let mut number = u64::try_from(passed / self.period)
            .unwrap_or(u64::MAX)
            .max(expected);
        // Both divisions round down, so the quotient may name the frame before the last due one.
        if self.due_at(number.saturating_add(1)) <= now {
            number = number.saturating_add(1);
        }
        self.next = number.saturating_add(1);
        Some(Due {
            number,
            at: self.due_at(number),
            skipped: number - expected,
        })
    }
}

/// Sleeps until `due` or `deadline`, whichever comes first; tells whether `due` is reached.
pub fn wait_until(due: MonotonicNs, deadline: MonotonicNs) -> bool {
    let until = due.min(deadline);
    let now = MonotonicNs::now();
    if until > now {
        std::thread::sleep(Duration::from_nanos(until.0 - now.0));
    }
    due <= deadline
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn frames_are_due_on_absolute_times_after_a_day() {
        let pacer = Pacer::new(MonotonicNs(7), 30.0, WhenLate::Skip);
        let day = 30 * 86_400;
        let error = pacer.due_at(day).0.abs_diff(7 + 86_400 * SECOND);
        assert!(error < 100_000, "{error} ns");
        let ntsc = Pacer::new(MonotonicNs(0), 30_000.0 / 1001.0, WhenLate::Skip);
        assert!(ntsc.due_at(30_000).0.abs_diff(1001 * SECOND) < 1_000);
    }

    #[test]
    fn nothing_is_due_early_and_each_frame_once() {
        let mut pacer = Pacer::new(MonotonicNs(SECOND), 10.0, WhenLate::Skip);
        assert_eq!(pacer.take(MonotonicNs(SECOND - 1)), None);
        let first = pacer.take(MonotonicNs(SECOND)).unwrap();
        assert_eq!((first.number, first.skipped), (0, 0));
        assert_eq!(pacer.take(MonotonicNs(SECOND)), None);
        let second_at = pacer.next_at();
        assert_eq!(pacer.take(MonotonicNs(second_at.0 - 1)), None);
        assert_eq!(pacer.take(second_at).unwrap().number, 1);
    }

    #[test]
    fn a_late_live_source_skips_and_keeps_its_schedule() {
        let mut pacer = Pacer::new(MonotonicNs(0), 10.0, WhenLate::Skip);
        pacer.take(MonotonicNs(0)).unwrap();
        let due = pacer.take(MonotonicNs(SECOND + 50_000_000)).unwrap();
        assert_eq!((due.number, due.skipped), (10, 9));
        assert!(due.at.0.abs_diff(SECOND) < 1_000);
        assert!(pacer.next_at().0.abs_diff(SECOND + 100_000_000) < 1_000);
    }

    #[test]
    fn a_late_clip_that_plays_once_shifts_and_skips_nothing() {
        let mut pacer = Pacer::new(MonotonicNs(0), 10.0, WhenLate::Shift);
        pacer.take(MonotonicNs(0)).unwrap();
        let due = pacer.take(MonotonicNs(5 * SECOND)).unwrap();
        assert_eq!((due.number, due.skipped), (1, 0));
        assert!(pacer.next_at().0.abs_diff(5 * SECOND + 100_000_000) < 1_000);
        assert_eq!(pacer.take(MonotonicNs(5 * SECOND + 1)), None);
    }

    #[test]
    fn every_frame_is_shown_once_for_any_rate_and_jitter() {
        for fps in [0.5, 7.0, 14.985, 29.97, 30.0, 59.94, 144.0, 1000.0] {
            let mut pacer = Pacer::new(MonotonicNs(3), fps, WhenLate::Skip);
            for number in 0..2_000_u64 {
                let jitter_ns = number * 7919 % 400_000;
                let due = pacer
                    .take(MonotonicNs(pacer.next_at().0 + jitter_ns))
                    .unwrap();
                assert_eq!((due.number, due.skipped), (number, 0), "{fps} fps");
            }
        }
    }

    #[test]
    fn wild_rates_are_brought_into_range() {
        for fps in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e30] {
            let mut pacer = Pacer::new(MonotonicNs(0), fps, WhenLate::Skip);
            assert!(pacer.next_at() == MonotonicNs(0) && pacer.take(MonotonicNs(1)).is_some());
            assert!(pacer.next_at().0 >= 999_999 && pacer.next_at().0 <= 1_001 * SECOND);
        }
    }
}
