//! How a unit's process is replaced on request. Pure.

use super::policy::State;
use shm_layout::control::Role;

/// What to do about a unit whose process is to be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Start the successor beside it, and end it once the successor is ready.
    Roll,
    /// End it, then start the next: there cannot be two, or none serves at the moment.
    Replace,
    /// Not yet: another successor of this kind is under way.
    Wait,
}

/// The way for a unit of that role in that state. A source has one publisher, and a camera one
/// user, so capture never rolls.
#[must_use]
pub fn way(role: Role, state: State, is_spare_free: bool) -> Way {
    match (role, state) {
        (Role::Infer | Role::Gateway, State::Ready { .. }) if is_spare_free => Way::Roll,
        (Role::Infer | Role::Gateway, State::Ready { .. }) => Way::Wait,
        _ => Way::Replace,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shm_layout::MonotonicNs;

    #[test]
    fn only_what_serves_is_rolled_and_capture_never() {
        let since = MonotonicNs(1);
        let ready = State::Ready { since };
        for role in [Role::Infer, Role::Gateway] {
            assert_eq!(way(role, ready, true), Way::Roll);
            assert_eq!(way(role, ready, false), Way::Wait);
            for state in [
                State::Down,
                State::Starting { since },
                State::Backoff { until: since },
                State::Failed { retry_at: None },
            ] {
                assert_eq!(way(role, state, true), Way::Replace, "{state:?}");
            }
        }
        assert_eq!(way(Role::Capture, ready, true), Way::Replace);
    }
}
