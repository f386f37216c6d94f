//! How often a source is looked at while nobody shows a hand, or the whole frame shows nothing.
//!
//! Neighbours: `run` asks before it takes a frame. Looking for palms costs as much as following a
//! hand, and most of the time nobody is there: so after a while without a hand only some of the
//! frames are taken. The first hand brings all of them back. Pure, but for what it remembers; any
//! worker sees the same predictions, so that together they look no more often than one alone.

use shm_layout::{MonotonicNs, Prediction, Scene};
use std::time::Duration;
use steady::machine::is_no_gesture;

/// A source without a hand for so long is looked at less often. A hand that is lost for a moment is
/// found again in the next frame.
const IDLE_AFTER: Duration = Duration::from_secs(2);

/// What is known of a source's calm.
#[derive(Debug)]
pub struct Idle {
    interval: Duration,
    /// When a hand was there last; a worker that has just started assumes one.
    seen: MonotonicNs,
}

impl Idle {
    /// At least `fps` looks a second.
    #[must_use]
    pub fn new(fps: u32, now: MonotonicNs) -> Self {
        // A tenth early: frames come on a beat of their own, and one that is just too early would
        // leave out the whole interval to the next.
        let interval = Duration::from_secs(1) / fps.max(1) * 9 / 10;
        Self {
            interval,
            seen: now,
        }
    }

    /// Whether the source's newest frame is to be looked at, after `last`, its newest prediction.
    pub fn is_due(&mut self, last: Option<&Prediction>, now: MonotonicNs) -> bool {
        let Some(last) = last else {
            return true;
        };
        if !last.hands.is_empty() || last.scene.is_some_and(shows_something) {
            self.seen = self.seen.max(last.take);
        }
        self.is_awake(now) || now.since(last.take) >= self.interval
    }

    /// Whether every frame is looked at, because a hand was there a moment ago.
    #[must_use]
    pub fn is_awake(&self, now: MonotonicNs) -> bool {
        now.since(self.seen) < IDLE_AFTER
    }
}

/// Whether the frame as a whole shows what its model has a name for.
fn shows_something(scene: Scene) -> bool {
    !is_no_gesture(scene.gesture)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shm_layout::prediction::{LANDMARKS, Label, Motion};
    use shm_layout::{Generation, Hand, Sequence};

    fn ms(ms: u64) -> MonotonicNs {
        MonotonicNs(ms * 1_000_000)
    }

    fn hand() -> Hand {
        Hand {
            id: 1,
            motion: Motion::default(),
            gesture: Label::new("None").expect("label"),
            score: 1.0,
            right_probability: 1.0,
            presence: 1.0,
            rect: [0.0; 4],
            landmarks: [[0.0; 3]; LANDMARKS],
        }
    }

    fn prediction(take: MonotonicNs, hands: usize) -> Prediction {
        Prediction {
            sequence: Sequence(1),
            generation: Generation(1),
            capture: take,
            capture_wall_us: 0,
            publish: take,
            take,
            done: take,
            width_px: 640,
            height_px: 480,
            model: [0; 32],
            detected: true,
            looks: 0,
            scene: None,
            hands: vec![hand(); hands],
            lost: Vec::new(),
        }
    }

    /// How many of the frames of 30 frames/s are looked at from `from` to `to`, without any hand.
    fn looks(idle: &mut Idle, from: u64, to: u64, mut last: Prediction) -> usize {
        let mut looks = 0;
        for frame in (0..).map(|n| from + n * 100 / 3).take_while(|at| *at < to) {
            if idle.is_due(Some(&last), ms(frame)) {
                last = prediction(ms(frame), 0);
                looks += 1;
            }
        }
        looks
    }

    #[test]
    fn is_due_falls_to_the_minimum_when_nobody_is_there() {
        let mut idle = Idle::new(10, ms(1000));
        assert!(idle.is_due(None, ms(1000)));
        assert_eq!(looks(&mut idle, 1000, 3000, prediction(ms(999), 0)), 60);
        assert_eq!(looks(&mut idle, 3000, 13_000, prediction(ms(2900), 0)), 100);
    }

    #[test]
    fn is_awake_for_a_while_after_the_start_and_after_each_hand() {
        let mut idle = Idle::new(10, ms(1000));
        assert!(idle.is_awake(ms(2999)));
        assert!(!idle.is_awake(ms(3000)));
        idle.is_due(Some(&prediction(ms(9990), 1)), ms(10_000));
        assert!(idle.is_awake(ms(11_989)));
        assert!(!idle.is_awake(ms(11_990)));
    }

    #[test]
    fn is_due_is_always_true_from_the_first_hand_on() {
        let mut idle = Idle::new(10, ms(0));
        assert!(!idle.is_due(Some(&prediction(ms(9990), 0)), ms(10_000)));
        // Another worker has found a hand.
        assert!(idle.is_due(Some(&prediction(ms(9990), 1)), ms(10_000)));
        // It is lost again: every frame is looked at for a while.
        assert_eq!(
            looks(&mut idle, 10_033, 11_933, prediction(ms(10_000), 0)),
            57
        );
    }

    #[test]
    fn what_a_whole_frame_shows_counts_as_somebody() {
        let whole = |gesture: &str, at: u64| Prediction {
            scene: Some(Scene {
                gesture: Label::new(gesture).expect("label"),
                score: 0.9,
            }),
            ..prediction(ms(at), 0)
        };
        let mut idle = Idle::new(10, ms(0));
        assert!(idle.is_due(Some(&whole("Thumb_Up", 5000)), ms(5010)));
        assert!(
            !idle.is_due(Some(&whole("None", 9000)), ms(9010)),
            "nothing is shown"
        );
    }
}
