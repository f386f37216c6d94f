//! Fewer pictures a second than a source gives, spread as evenly as its pictures allow.
//!
//! Pure: capture times in, decisions out. It goes by the time of capture and not by the clock, so
//! the same pictures are chosen however late they come.

use shm_layout::MonotonicNs;

/// How much earlier than due a picture may be, as a part of the interval. Cameras are not exact, and
/// a picture that is refused for a millisecond costs a whole one.
const EARLY_PARTS: u64 = 4;

/// Chooses pictures at a rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    interval_ns: u64,
    /// When the next one is due; `None` before the first.
    due: Option<MonotonicNs>,
}

impl Pace {
    /// At most `fps` pictures a second on average; more than 0.
    #[must_use]
    pub fn new(fps: f64) -> Self {
        Self {
            // A cast that would not fit ends at the largest number.
            interval_ns: (1e9 / fps) as u64,
            due: None,
        }
    }

    /// Whether the picture captured at `captured` is taken.
    pub fn takes(&mut self, captured: MonotonicNs) -> bool {
        let early = self.interval_ns / EARLY_PARTS;
        let due = self.due.unwrap_or(captured);
        if captured.0.saturating_add(early) < due.0 {
            return false;
        }
        // The next one is due an interval after this one was, so that the average holds; after a
        // pause, an interval after it came.
        let next = due.0.saturating_add(self.interval_ns);
        self.due = Some(MonotonicNs(if next > captured.0 {
            next
        } else {
            captured.0.saturating_add(self.interval_ns)
        }));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// Which of `count` pictures at `fps` are taken at a pace, each up to `jitter_ms` late.
    fn taken(pace: f64, fps: f64, count: u64, jitter_ms: u64) -> Vec<u64> {
        let mut pace = Pace::new(pace);
        (0..count)
            .filter(|index| {
                let exact = 5_000 * MS + (*index as f64 * 1e9 / fps) as u64;
                let late = index.wrapping_mul(7919) % (jitter_ms + 1) * MS;
                pace.takes(MonotonicNs(exact + late))
            })
            .collect()
    }

    #[test]
    fn average_is_the_rate_asked_for_whatever_the_jitter() {
        for (pace, fps) in [
            (5.0, 30.0),
            (20.0, 30.0),
            (29.0, 30.0),
            (7.0, 25.0),
            (0.5, 30.0),
        ] {
            for jitter_ms in [0, 3, 8] {
                let count = taken(pace, fps, 6000, jitter_ms).len() as f64;
                let expected = 6000.0 * pace / fps;
                assert!(
                    (count - expected).abs() <= expected * 0.01 + 1.0,
                    "{pace} of {fps} with {jitter_ms} ms: {count}, not {expected}"
                );
            }
        }
    }

    #[test]
    fn pictures_are_spread_evenly() {
        let taken = taken(10.0, 30.0, 300, 0);
        assert!(
            taken.windows(2).all(|pair| pair[1] - pair[0] == 3),
            "{taken:?}"
        );
    }

    #[test]
    fn faster_than_the_source_takes_everything() {
        assert_eq!(taken(240.0, 30.0, 100, 8).len(), 100);
        assert_eq!(taken(30.0, 30.0, 100, 0).len(), 100);
    }

    #[test]
    fn pause_is_not_made_up_for() {
        let mut pace = Pace::new(10.0);
        assert!(pace.takes(MonotonicNs(1000 * MS)));
        let after = (0..10).filter(|index| pace.takes(MonotonicNs((60_000 + index * 33) * MS)));
        assert_eq!(after.count(), 4, "0, 100, 200 and 300 ms");
    }
}
