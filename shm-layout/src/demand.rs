//! Whether somebody needs every frame of a source: a word in shared memory with the time when
//! somebody last said so.
//!
//! Upstream: the gateway asks while somebody watches, an infer-worker while it sees a hand.
//! Downstream: a capture-worker that may publish fewer frames looks at it for each one, so that the
//! first frame after a word is published, however few came before. Nothing has to be taken back:
//! whoever dies stops asking. It must never decide whether a frame is published.

use crate::clock::MonotonicNs;
use crate::sync::{AtomicU64, Ordering};
use std::time::Duration;

/// How long a word holds. Whoever needs frames says so at least every few hundred ms, also when an
/// infer-worker takes long for one.
pub const DEMAND_LASTS: Duration = Duration::from_secs(2);

/// A word younger than this is not renewed: a gateway would write it for every frame.
const RENEWED_AFTER: Duration = Duration::from_millis(100);

/// The demand for one source's frames.
#[derive(Debug, Clone, Copy)]
pub struct Demand<'s>(&'s AtomicU64);

impl<'s> Demand<'s> {
    pub(crate) fn new(word: &'s AtomicU64) -> Self {
        Self(word)
    }

    /// Says that every frame is needed, now.
    pub fn ask(&self, now: MonotonicNs) {
        if now.since(self.asked()) >= RENEWED_AFTER || self.asked() > now {
            // ORDERING: Relaxed - a stamp; nothing else is read through it.
            self.0.store(now.0, Ordering::Relaxed);
        }
    }

    /// Whether every frame is needed at `now`. A time to come, which nobody writes, holds until it
    /// is overwritten: too many frames do no harm.
    #[must_use]
    pub fn holds(&self, now: MonotonicNs) -> bool {
        self.asked() != MonotonicNs(0) && now.since(self.asked()) < DEMAND_LASTS
    }

    fn asked(&self) -> MonotonicNs {
        // ORDERING: Relaxed - as above.
        MonotonicNs(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> MonotonicNs {
        MonotonicNs(ms * 1_000_000)
    }

    #[test]
    fn a_word_holds_for_its_time_and_is_renewed() {
        let word = AtomicU64::new(0);
        let demand = Demand::new(&word);
        assert!(!demand.holds(ms(10)), "nobody ever asked");
        demand.ask(ms(5_000));
        assert!(demand.holds(ms(5_000)) && demand.holds(ms(6_999)));
        assert!(!demand.holds(ms(7_000)));
        demand.ask(ms(5_099));
        assert!(!demand.holds(ms(7_000)), "too young to be renewed");
        demand.ask(ms(5_100));
        assert!(demand.holds(ms(7_099)) && !demand.holds(ms(7_100)));
    }

    #[test]
    fn nonsense_costs_frames_and_lasts_until_the_next_word() {
        let word = AtomicU64::new(u64::MAX);
        let demand = Demand::new(&word);
        assert!(demand.holds(ms(1_000)));
        demand.ask(ms(1_000));
        assert!(!demand.holds(ms(3_000)));
    }
}
