//! The order in which a box stops, and the time each step gets. Pure.
//!
//! The gateway goes first, so that no client is left with half an answer; then capture, so that
//! no new frame comes; then infer, which finishes the frame in hand. A step that hangs holds up
//! the next ones for a third of the time only, and what still runs at the deadline is killed.

use shm_layout::MonotonicNs;
use shm_layout::control::Role;
use std::time::Duration;

/// The roles in the order in which they are asked to stop.
pub const ORDER: [Role; 3] = [Role::Gateway, Role::Capture, Role::Infer];

/// A second signal within this time is the first one again: faster than a person presses twice.
const SAME_REQUEST: Duration = Duration::from_millis(300);

/// A stop that is under way.
#[derive(Debug, Clone, Copy)]
pub struct Drain {
    began: MonotonicNs,
    limit: Duration,
    asked: usize,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Ask the units of this role to stop.
    Ask(Role),
    /// Wait for what was asked.
    Wait,
    /// Kill what still runs.
    KillAll,
    /// Nothing runs any more.
    Done,
}

impl Drain {
    /// A stop that begins at `now` and may take `limit`.
    #[must_use]
    pub fn new(now: MonotonicNs, limit: Duration) -> Self {
        Self {
            began: now,
            limit,
            asked: 0,
        }
    }

    /// Somebody asks again to stop. Ends the patience, so that the next step is to kill; unless
    /// it is the same request once more, as from a program that signals both us and our group.
    pub fn hurry(&mut self, now: MonotonicNs) -> bool {
        let is_meant = now.since(self.began) >= SAME_REQUEST;
        if is_meant {
            self.limit = Duration::ZERO;
        }
        is_meant
    }

    /// The next step, given which roles still have a process.
    pub fn next(&mut self, now: MonotonicNs, runs: impl Fn(Role) -> bool) -> Step {
        let elapsed = now.since(self.began);
        let gone = |roles: &[Role]| !roles.iter().any(|role| runs(*role));
        if self.asked == ORDER.len() && gone(&ORDER) {
            return Step::Done;
        }
        if elapsed >= self.limit {
            self.asked = ORDER.len();
            return if gone(&ORDER) {
                Step::Done
            } else {
                Step::KillAll
            };
        }
        let (asked, to_come) = ORDER.split_at(self.asked);
        let patience = self.limit / ORDER.len() as u32 * self.asked as u32;
        match to_come.first() {
            Some(role) if gone(asked) || elapsed >= patience => {
                self.asked += 1;
                Step::Ask(*role)
            }
            _ => Step::Wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> MonotonicNs {
        MonotonicNs(ms * 1_000_000)
    }

    fn drain() -> Drain {
        Drain::new(at(0), Duration::from_secs(3))
    }

    #[test]
    fn roles_stop_one_after_the_other() {
        let mut drain = drain();
        assert_eq!(drain.next(at(0), |_| true), Step::Ask(Role::Gateway));
        assert_eq!(drain.next(at(1), |_| true), Step::Wait);
        assert_eq!(
            drain.next(at(2), |role| role != Role::Gateway),
            Step::Ask(Role::Capture)
        );
        assert_eq!(drain.next(at(3), |role| role != Role::Gateway), Step::Wait);
        assert_eq!(
            drain.next(at(4), |role| role == Role::Infer),
            Step::Ask(Role::Infer)
        );
        assert_eq!(drain.next(at(5), |role| role == Role::Infer), Step::Wait);
        assert_eq!(drain.next(at(6), |_| false), Step::Done);
    }

    #[test]
    fn hanging_step_holds_the_next_up_for_a_third_of_the_time() {
        let mut drain = drain();
        assert_eq!(drain.next(at(0), |_| true), Step::Ask(Role::Gateway));
        assert_eq!(drain.next(at(999), |_| true), Step::Wait);
        assert_eq!(drain.next(at(1_000), |_| true), Step::Ask(Role::Capture));
        assert_eq!(drain.next(at(2_000), |_| true), Step::Ask(Role::Infer));
        assert_eq!(drain.next(at(2_999), |_| true), Step::Wait);
        assert_eq!(drain.next(at(3_000), |_| true), Step::KillAll);
        assert_eq!(drain.next(at(3_001), |_| false), Step::Done);
    }

    #[test]
    fn second_request_kills_at_once_but_an_echo_does_not() {
        let mut drain = drain();
        assert_eq!(drain.next(at(0), |_| true), Step::Ask(Role::Gateway));
        assert!(!drain.hurry(at(2)));
        assert_eq!(drain.next(at(2), |_| true), Step::Wait);
        assert!(drain.hurry(at(300)));
        assert_eq!(drain.next(at(300), |_| true), Step::KillAll);
    }

    #[test]
    fn nothing_to_stop_is_done_after_asking_everybody() {
        let mut drain = drain();
        for role in ORDER {
            assert_eq!(drain.next(at(0), |_| false), Step::Ask(role));
        }
        assert_eq!(drain.next(at(0), |_| false), Step::Done);
    }
}
