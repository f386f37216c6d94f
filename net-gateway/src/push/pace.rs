//! How many frames of a client are taken. Pure: time is an argument.
//!
//! Frames beyond the rate are read and left out, so that the newest is taken next. Beyond twice the
//! rate the client is not read any more until it has slowed down: then its own line fills, and
//! reading what is thrown away costs the box no more than reading what is taken.

use shm_layout::MonotonicNs;
use std::time::Duration;

/// Frames may come bunched by so much: networks and browsers do not keep time.
const BUNCH_S: f64 = 0.25;
/// Least number of frames that may come at once.
const BUNCH_MIN: f64 = 3.0;

/// What is done with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is taken.
    Take,
    /// It is left out, and nothing more is read for that long.
    Skip(Duration),
}

/// The pace of one client.
#[derive(Debug)]
pub struct Pace {
    taken: Bucket,
    skipped: Bucket,
}

impl Pace {
    /// At most `max_fps` frames a second.
    #[must_use]
    pub fn new(max_fps: u32, now: MonotonicNs) -> Self {
        let fps = f64::from(max_fps.max(1));
        Self {
            taken: Bucket::new((fps * BUNCH_S).max(BUNCH_MIN), fps, now),
            skipped: Bucket::new(fps, fps, now),
        }
    }

    /// Judges a frame that came at `now`.
    pub fn judge(&mut self, now: MonotonicNs) -> Verdict {
        if self.taken.draw(now) {
            return Verdict::Take;
        }
        Verdict::Skip(self.skipped.overdraw(now))
    }
}

/// Fills at a steady rate; each draw takes one.
#[derive(Debug)]
struct Bucket {
    level: f64,
    capacity: f64,
    per_second: f64,
    filled: MonotonicNs,
}

impl Bucket {
    fn new(capacity: f64, per_second: f64, now: MonotonicNs) -> Self {
        Self {
            level: capacity,
            capacity,
            per_second,
            filled: now,
        }
    }

    fn fill(&mut self, now: MonotonicNs) {
        let grown = now.since(self.filled).as_secs_f64() * self.per_second;
        self.level = (self.level + grown).min(self.capacity);
        self.filled = self.filled.max(now);
    }

    /// Takes one if there is one.
    fn draw(&mut self, now: MonotonicNs) -> bool {
        self.fill(now);
        let is_there = self.level >= 1.0;
        if is_there {
            self.level -= 1.0;
        }
        is_there
    }

    /// Takes one whether it is there or not; tells when what is owed will be there.
    fn overdraw(&mut self, now: MonotonicNs) -> Duration {
        self.fill(now);
        self.level -= 1.0;
        Duration::from_secs_f64((-self.level).max(0.0) / self.per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(us: u64) -> MonotonicNs {
        MonotonicNs(1_000_000_000 + us * 1_000)
    }

    /// Frames taken, frames left out, and the pauses that were asked for, in s.
    fn sent(every_us: u64, seconds: u64) -> (u64, u64, f64) {
        let mut pace = Pace::new(30, at(0));
        let (mut taken, mut skipped, mut paused) = (0, 0, 0.0);
        let mut now_us = 0;
        while now_us < seconds * 1_000_000 {
            match pace.judge(at(now_us)) {
                Verdict::Take => taken += 1,
                Verdict::Skip(pause) => {
                    skipped += 1;
                    paused += pause.as_secs_f64();
                    now_us += pause.as_micros() as u64;
                }
            }
            now_us += every_us;
        }
        (taken, skipped, paused)
    }

    #[test]
    fn the_allowed_rate_is_taken_whole() {
        assert_eq!(sent(33_334, 20), (600, 0, 0.0));
    }

    #[test]
    fn what_is_beyond_is_left_out_and_a_flood_is_not_even_read() {
        let (taken, skipped, paused) = sent(20_000, 20);
        assert!((600..=610).contains(&taken), "{taken}");
        assert!((385..=400).contains(&skipped), "{skipped}");
        assert_eq!(paused, 0.0, "50 a second are read");
        // A frame every 10 µs.
        let (taken, skipped, paused) = sent(10, 20);
        assert!((600..=610).contains(&taken), "{taken}");
        assert!((600..=700).contains(&skipped), "{skipped}");
        assert!(paused > 18.0, "{paused}");
    }

    #[test]
    fn a_bunch_after_a_pause_is_taken() {
        let mut pace = Pace::new(4, at(0));
        let bunch = |pace: &mut Pace, us| {
            (0..9)
                .filter(|_| pace.judge(at(us)) == Verdict::Take)
                .count()
        };
        assert_eq!(bunch(&mut pace, 0), 3);
        assert_eq!(bunch(&mut pace, 100), 0);
        assert_eq!(bunch(&mut pace, 10_000_000), 3);
    }
}
