//! Waiting on states: the one deadline that every test shares, and the loop that meets it.
//!
//! Upstream: every test. A test says what must become true and never how long that takes; the
//! deadline only ends a test that can no longer pass.

use std::time::{Duration, Instant};

/// Longest wait for any state; generous, as machines are busy.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Pause between two looks at a state.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Looks until `look` answers, and returns the answer.
///
/// # Panics
///
/// If it does not within [`DEADLINE`]; `what` names the state in the message.
#[track_caller]
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = look() {
            return answer;
        }
        assert!(
            started.elapsed() < DEADLINE,
            "not within {DEADLINE:?}: {what}"
        );
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Looks until `condition` holds.
///
/// # Panics
///
/// As [`until`].
#[track_caller]
pub fn until_true(what: &str, mut condition: impl FnMut() -> bool) {
    until(what, || condition().then_some(()));
}
