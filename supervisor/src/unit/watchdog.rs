//! Decides whether a process still works, from the heartbeat that its work loop stores, and whether
//! it still listens, from what the work loop last knew of its control channel.
//!
//! The supervisor may itself have stood still (suspend, SIGSTOP, overload), and then every
//! heartbeat looks old. A round that comes late is therefore skipped, and silence is counted from
//! that moment on, so that a stall of the whole machine restarts nothing.

use shm_layout::MonotonicNs;
use shm_layout::process_table::{Signs, Stage};
use std::time::Duration;

/// How often a process that answered is asked again whether it listens.
pub const ASK_EVERY: Duration = Duration::from_millis(200);

/// An infer-worker may be silent for so many times as long as its model takes for a frame: a busy
/// machine, larger pictures and a decoder come on top of the networks.
const PACE_FACTOR: u64 = 20;

/// Shortest and longest silence that follows from a model's pace, in ms.
const PACE_LIMIT_MS: std::ops::RangeInclusive<u64> = 1_000..=30_000;

/// The limit of an infer-worker whose pace is not known: one that was adopted.
pub const UNKNOWN_PACE_LIMIT: Duration = Duration::from_millis(5_000);

/// How long an infer-worker may be silent whose model takes `frame_ms` for a frame.
#[must_use]
pub fn limit_for_pace(frame_ms: u64) -> Duration {
    let limit_ms = frame_ms.saturating_mul(PACE_FACTOR);
    Duration::from_millis(limit_ms.clamp(*PACE_LIMIT_MS.start(), *PACE_LIMIT_MS.end()))
}

/// How long a process may be silent that works on `stage`. A driver may block for seconds in the
/// kernel while a sick camera is opened or closed, and the worker with it; it has as long as for
/// its start then. That counts from the one heartbeat with which the stage began, so nobody hides
/// there for longer.
#[must_use]
pub fn patience(stage: Option<Stage>, limit: Duration, start: Duration) -> Duration {
    match stage {
        Some(Stage::Opening | Stage::Closing) => limit.max(start),
        _ => limit,
    }
}

/// Whether a process listens: it is asked, and its work loop passes on that the question came.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hearing {
    /// The oldest question that it is not known to have heard.
    open: Option<MonotonicNs>,
    asked: MonotonicNs,
}

impl Hearing {
    /// Whether to ask at `now`, given what the process shows; the question goes out then.
    pub fn is_to_ask(&mut self, signs: Signs, now: MonotonicNs) -> bool {
        if self.open.is_some_and(|asked| signs.heard >= asked) {
            self.open = None;
        }
        if now.since(self.asked) < ASK_EVERY {
            return false;
        }
        // Asked again as long as it does not answer: the first question may have been lost.
        self.asked = now;
        self.open.get_or_insert(now);
        true
    }

    /// For how long its work loop turned without hearing what was asked.
    #[must_use]
    pub fn deaf_for(&self, signs: Signs) -> Duration {
        let open = self.open.filter(|asked| signs.heard < *asked);
        open.map_or(Duration::ZERO, |asked| signs.heartbeat.since(asked))
    }

    /// The questions of so far count no more: the supervisor stood still.
    pub fn forgive(&mut self) {
        *self = Self::default();
    }
}

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

    fn signs(heartbeat_ms: u64, heard_ms: u64) -> Signs {
        Signs {
            stage: Some(Stage::Reading),
            heartbeat: at(heartbeat_ms),
            heard: at(heard_ms),
        }
    }

    #[test]
    fn only_opening_and_closing_may_take_as_long_as_a_start() {
        let (limit, start) = (Duration::from_millis(900), Duration::from_secs(15));
        for stage in [Stage::Opening, Stage::Closing] {
            assert_eq!(patience(Some(stage), limit, start), start);
            assert_eq!(patience(Some(stage), start, limit), start, "never less");
        }
        for stage in [Some(Stage::Reading), Some(Stage::Waiting), None] {
            assert_eq!(patience(stage, limit, start), limit);
        }
    }

    #[test]
    fn models_pace_sets_the_limit_within_bounds() {
        let limits = [1, 50, 200, 10_000, u64::MAX].map(|ms| limit_for_pace(ms).as_millis());
        assert_eq!(limits, [1_000, 1_000, 4_000, 30_000, 30_000]);
    }

    #[test]
    fn process_that_answers_is_never_deaf() {
        let mut hearing = Hearing::default();
        for ms in (1_000..60_000).step_by(100) {
            hearing.is_to_ask(signs(ms - 20, ms - 150), at(ms));
            assert!(hearing.deaf_for(signs(ms - 20, ms - 150)) < ASK_EVERY);
        }
    }

    #[test]
    fn deafness_counts_from_the_first_question_that_was_not_heard() {
        let mut hearing = Hearing::default();
        assert!(hearing.is_to_ask(signs(990, 0), at(1_000)));
        for ms in (1_100..2_000).step_by(100) {
            hearing.is_to_ask(signs(ms - 10, 0), at(ms));
        }
        let deaf = |heartbeat, heard| hearing.deaf_for(signs(heartbeat, heard)).as_millis();
        assert_eq!(deaf(1_890, 0), 890);
        assert_eq!(deaf(900, 0), 0, "its work loop has not turned since");
        assert_eq!(deaf(1_890, 1_001), 0, "it heard one of them");
        hearing.forgive();
        assert_eq!(hearing.deaf_for(signs(9_000, 0)), Duration::ZERO);
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
