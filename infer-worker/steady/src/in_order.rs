//! Puts the predictions of several infer-workers in the order of their frames.
//!
//! Neighbours: the gateway's pump fills it and says which frame somebody still works on. A
//! prediction waits while one of an older frame is to come, but no longer than it may; a frame that
//! was waited for in vain, because its worker died over it, holds nobody up again.

use shm_layout::{MonotonicNs, Prediction, Sequence};
use std::time::Duration;

/// The predictions of one source that wait for older ones.
#[derive(Debug)]
pub struct InOrder {
    wait_max: Duration,
    /// By sequence, the oldest last.
    waiting: Vec<Prediction>,
    /// The newest one that was given out.
    given: Sequence,
    /// Up to this frame nothing is waited for.
    given_up: Sequence,
}

/// What is given out.
#[derive(Debug, PartialEq)]
pub enum Given {
    /// Newer than everything before.
    Next(Prediction),
    /// It came after one of a newer frame was given out.
    Late(Prediction),
}

impl InOrder {
    /// Nothing of frames up to `known` is waited for.
    #[must_use]
    pub fn new(wait_max: Duration, known: Sequence) -> Self {
        Self {
            wait_max,
            waiting: Vec::new(),
            given: known,
            given_up: known,
        }
    }

    /// Takes a prediction in.
    pub fn put(&mut self, prediction: Prediction) {
        let sequence = prediction.sequence;
        let place = self
            .waiting
            .partition_point(|other| other.sequence > sequence);
        self.waiting.insert(place, prediction);
    }

    /// The next one that need not wait, at `now`; `in_work` is the oldest frame of which a
    /// prediction may yet come.
    pub fn next(&mut self, in_work: Option<Sequence>, now: MonotonicNs) -> Option<Given> {
        let oldest = self.waiting.last()?;
        let awaited = in_work.filter(|frame| *frame > self.given_up && *frame < oldest.sequence);
        if let Some(frame) = awaited {
            if now.since(oldest.done) < self.wait_max {
                return None;
            }
            self.given_up = frame;
        }
        let oldest = self.waiting.pop()?;
        if oldest.sequence <= self.given {
            return Some(Given::Late(oldest));
        }
        self.given = oldest.sequence;
        Some(Given::Next(oldest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steadier::tests::prediction_at;

    const WAIT: Duration = Duration::from_millis(200);

    fn ms(ms: u64) -> MonotonicNs {
        MonotonicNs(ms * 1_000_000)
    }

    /// A prediction of frame `sequence` that was finished at `done_ms`.
    fn done(sequence: u64, done_ms: u64) -> Prediction {
        Prediction {
            done: ms(done_ms),
            ..prediction_at(sequence, 0)
        }
    }

    fn next(queue: &mut InOrder, in_work: Option<u64>, now_ms: u64) -> Option<(u64, bool)> {
        queue
            .next(in_work.map(Sequence), ms(now_ms))
            .map(|given| match given {
                Given::Next(prediction) => (prediction.sequence.0, true),
                Given::Late(prediction) => (prediction.sequence.0, false),
            })
    }

    #[test]
    fn one_worker_never_waits() {
        let mut queue = InOrder::new(WAIT, Sequence(0));
        queue.put(done(3, 10));
        // It has taken the next frame already.
        assert_eq!(next(&mut queue, Some(4), 10), Some((3, true)));
        assert_eq!(next(&mut queue, Some(4), 10), None);
    }

    #[test]
    fn a_faster_worker_waits_for_a_slower_one() {
        let mut queue = InOrder::new(WAIT, Sequence(0));
        queue.put(done(8, 10));
        assert_eq!(next(&mut queue, Some(7), 15), None);
        queue.put(done(9, 20));
        queue.put(done(7, 30));
        assert_eq!(next(&mut queue, None, 30), Some((7, true)));
        assert_eq!(next(&mut queue, None, 30), Some((8, true)));
        assert_eq!(next(&mut queue, None, 30), Some((9, true)));
    }

    #[test]
    fn a_dead_worker_holds_up_once() {
        let mut queue = InOrder::new(WAIT, Sequence(0));
        queue.put(done(8, 100));
        assert_eq!(next(&mut queue, Some(7), 299), None);
        assert_eq!(next(&mut queue, Some(7), 300), Some((8, true)));
        queue.put(done(9, 310));
        assert_eq!(next(&mut queue, Some(7), 310), Some((9, true)));
        // It was not dead, only slow.
        queue.put(done(7, 400));
        assert_eq!(next(&mut queue, None, 400), Some((7, false)));
    }
}
