//! The time of capture that a frame travels with: on both clocks, and always later than the frame
//! before it.
//!
//! Neighbours: sources say when the light was caught on the monotonic clock; [`crate::publish`]
//! stamps each frame with the answer. Drivers that compute that time from a camera's own clock
//! jitter by milliseconds, so that of two frames the later one can seem the older.

use shm_layout::{MonotonicNs, wall_us};

/// Least distance between the stamps of two frames: the unit of the wall clock's stamps.
const STEP_NS: u64 = 1_000;

/// By how much the wall clock may seem to go back between two readings because of rounding. What
/// is more was a clock that somebody set, and is believed.
const WALL_JITTER_US: u64 = 1_000;

/// Readings of both clocks that took no longer are good enough: the process was not interrupted.
const READING_NS: u64 = 20_000;

/// How often the clocks are read for a good reading; of these the shortest counts.
const READINGS_MAX: u32 = 5;

/// Both clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    /// `CLOCK_MONOTONIC`.
    pub monotonic: MonotonicNs,
    /// Microseconds since 1970.
    pub wall_us: u64,
}

impl Clocks {
    /// Reads both as nearly at once as can be.
    #[must_use]
    pub fn now() -> Self {
        let mut best = Self::read();
        for _ in 1..READINGS_MAX {
            if best.1 <= READING_NS {
                break;
            }
            let again = Self::read();
            if again.1 < best.1 {
                best = again;
            }
        }
        best.0
    }

    /// One reading, and how long it took in ns.
    fn read() -> (Self, u64) {
        let before = MonotonicNs::now();
        let wall_us = wall_us();
        let took_ns = MonotonicNs::now().0.saturating_sub(before.0);
        let monotonic = MonotonicNs(before.0.saturating_add(took_ns / 2));
        (Self { monotonic, wall_us }, took_ns)
    }
}

/// Stamps the frames of one ring.
#[derive(Debug, Default)]
pub struct Stamper {
    last: Option<(MonotonicNs, u64)>,
}

impl Stamper {
    /// The stamps of a frame that was caught at `capture`, on the monotonic and the wall clock.
    pub fn stamp(&mut self, capture: MonotonicNs, clocks: Clocks) -> (MonotonicNs, u64) {
        let (last, last_wall_us) = self.last.unwrap_or_default();
        let capture = MonotonicNs(capture.0.max(last.0.saturating_add(STEP_NS)));
        let age_us = clocks.monotonic.0.saturating_sub(capture.0) / 1_000;
        let mut wall_us = clocks.wall_us.saturating_sub(age_us);
        if wall_us <= last_wall_us && last_wall_us - wall_us <= WALL_JITTER_US {
            wall_us = last_wall_us + 1;
        }
        self.last = Some((capture, wall_us));
        (capture, wall_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn clocks(monotonic_ms: u64, wall_ms: u64) -> Clocks {
        Clocks {
            monotonic: MonotonicNs(monotonic_ms * MS),
            wall_us: wall_ms * 1_000,
        }
    }

    #[test]
    fn the_age_is_taken_off_the_wall_clock() {
        let stamp = Stamper::default().stamp(MonotonicNs(90 * MS), clocks(100, 5_000));
        assert_eq!(stamp, (MonotonicNs(90 * MS), 4_990_000));
    }

    #[test]
    fn a_later_frame_is_never_stamped_earlier() {
        let mut stamper = Stamper::default();
        let first = stamper.stamp(MonotonicNs(90 * MS), clocks(100, 5_000));
        let second = stamper.stamp(MonotonicNs(77 * MS), clocks(101, 5_001));
        let third = stamper.stamp(MonotonicNs(90 * MS), clocks(102, 5_002));
        assert!(first.0 < second.0 && second.0 < third.0);
        assert!(first.1 < second.1 && second.1 < third.1);
        // A true later time is kept as it is.
        let fourth = stamper.stamp(MonotonicNs(110 * MS), clocks(112, 5_012));
        assert_eq!(fourth, (MonotonicNs(110 * MS), 5_010_000));
    }

    #[test]
    fn jitter_of_the_wall_clock_is_smoothed_and_a_clock_that_was_set_is_believed() {
        let mut stamper = Stamper::default();
        let (_, before) = stamper.stamp(MonotonicNs(100 * MS), clocks(100, 5_000));
        let (_, jittered) = stamper.stamp(MonotonicNs(101 * MS), clocks(101, 4_999));
        assert_eq!(jittered, before + 1);
        let (_, set_back) = stamper.stamp(MonotonicNs(133 * MS), clocks(133, 2_000));
        assert_eq!(set_back, 2_000_000);
    }

    #[test]
    fn readings_go_forward() {
        let (first, second) = (Clocks::now(), Clocks::now());
        assert!(first.monotonic <= second.monotonic && first.monotonic.0 > 0);
    }
}
