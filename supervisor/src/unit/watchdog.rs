//! Decides whether a process still works, from the heartbeat that its work loop stores.
//!
//! The supervisor may itself have stood still (suspend, SIGSTOP, overload), and then every
//! heartbeat looks old. A round that comes late is therefore skipped, and silence is counted from
//! that moment on, so that a stall of the whole machine restarts nothing.

use shm_layout::MonotonicNs;
use std::time::Duration;

/// A round that comes this much after the one before was late: five times the tick of 100 ms.
pub const LATE: Duration = Duration::from_millis(500);

/// Remembers the supervisor's own rounds.
#[derive(Debug, Clone, Default)]
pub struct Watchdog {
    last_round: Option<MonotonicNs>,
    forgiven: MonotonicNs,
    late_rounds: u64,
}

impl Watchdog {
    /// Begins a round; `false` if it must be skipped because it came late.
    pub fn begin_round(&mut self, now: MonotonicNs) -> bool {
        let late = self.last_round.is_some_and(|last| now.since(last) > LATE);
        self.last_round = Some(now);
        if late {
            self.forgiven = now;
            self.late_rounds += 1;
        }
        !late
    }

    /// How long a process has been silent whose last sign of life was at `alive`.
    #[must_use]
    pub fn silence(&self, alive: MonotonicNs, now: MonotonicNs) -> Duration {
        now.since(alive.max(self.forgiven))
    }

    /// Rounds that were skipped.
    #[must_use]
    pub fn late_rounds(&self) -> u64 {
        self.late_rounds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> MonotonicNs {
        MonotonicNs(ms * 1_000_000)
    }

    #[test]
    fn silence_counts_from_the_last_heartbeat() {
        let mut watchdog = Watchdog::default();
        assert!(watchdog.begin_round(at(1_000)));
        assert!(watchdog.begin_round(at(1_100)));
        assert_eq!(
            watchdog.silence(at(900), at(1_100)),
            Duration::from_millis(200)
        );
        assert_eq!(watchdog.silence(at(1_200), at(1_100)), Duration::ZERO);
        assert_eq!(watchdog.late_rounds(), 0);
    }

    #[test]
    fn late_round_is_skipped_and_forgives_the_silence_before_it() {
        let mut watchdog = Watchdog::default();
        assert!(watchdog.begin_round(at(1_000)));
        assert!(
            !watchdog.begin_round(at(61_000)),
            "stood still for a minute"
        );
        assert!(watchdog.begin_round(at(61_100)));
        assert_eq!(
            watchdog.silence(at(1_000), at(61_100)),
            Duration::from_millis(100)
        );
        assert_eq!(watchdog.late_rounds(), 1);
        assert_eq!(
            watchdog.silence(at(1_000), at(63_001)),
            Duration::from_millis(2_001)
        );
    }
}
