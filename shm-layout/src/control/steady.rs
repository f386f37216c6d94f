//! What makes gestures steady: the keys of `[steady]` and `[gestures]`, as the gateway gets them.
//!
//! Neighbours: the supervisor reads them from the config, the rules of the crate `steady` use them.

use super::measured::enter_score;
use serde::{Deserialize, Serialize};

/// How landmarks are smoothed, and when a gesture begins and ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SteadySettings {
    /// One Euro filter: lowest cutoff, in Hz; less is smoother and later.
    pub min_cutoff_hz: f64,
    /// One Euro filter: by how much the cutoff rises, in Hz for each hand size per second.
    pub beta: f64,
    /// One Euro filter: cutoff of the speed, in Hz.
    pub speed_cutoff_hz: f64,
    /// A hand that predictions do not show for so long is gone; milliseconds.
    pub lost_ms: u64,
    /// Without any prediction for so long, every hand is gone; milliseconds.
    pub gap_ms: u64,
    /// Longest time that a prediction waits for those of older frames; milliseconds.
    pub wait_ms: u64,
    /// The rules of every gesture without rules of its own; see [`GestureRules::of`].
    pub gestures: GestureRules,
    /// The rules of single gestures, by name.
    pub named: Vec<(String, GestureRules)>,
}

/// When a gesture begins, how long it is to be held, and when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GestureRules {
    /// Whether there are events for it at all.
    pub enabled: bool,
    /// Least score of a prediction that speaks for its beginning, 0..=1.
    pub enter_score: f64,
    /// Least score of a prediction that speaks for its going on, 0..=1.
    pub release_score: f64,
    /// So many of the hand's last `window` predictions must speak for it.
    pub votes: u32,
    /// See `votes`; at most [`WINDOW_MAX`].
    pub window: u32,
    /// It begins when it was shown for so long; milliseconds.
    pub min_hold_ms: u64,
    /// Its progress is 1 when it was shown for so long; milliseconds.
    pub hold_ms: u64,
    /// It ends when it was not shown for so long, and `votes` of `window` cannot be had any more;
    /// milliseconds.
    pub release_ms: u64,
    /// Least time from its end until it can begin again with the same hand; milliseconds.
    pub cooldown_ms: u64,
}

/// Most predictions of a hand that are remembered for voting.
pub const WINDOW_MAX: u32 = 16;

impl GestureRules {
    /// These rules of all gestures, for the one of that name: it begins from the score on from which
    /// it is to be believed as measured, if that is more.
    #[must_use]
    pub fn of(self, gesture: &str) -> Self {
        Self {
            enter_score: self.enter_score.max(enter_score(gesture)),
            ..self
        }
    }
}

impl Default for SteadySettings {
    fn default() -> Self {
        Self {
            min_cutoff_hz: 1.0,
            beta: 5.0,
            speed_cutoff_hz: 1.0,
            lost_ms: 400,
            gap_ms: 1500,
            wait_ms: 200,
            gestures: GestureRules::default(),
            named: Vec::new(),
        }
    }
}

impl Default for GestureRules {
    fn default() -> Self {
        Self {
            enabled: true,
            enter_score: 0.55,
            release_score: 0.4,
            votes: 4,
            window: 6,
            min_hold_ms: 250,
            hold_ms: 1000,
            release_ms: 200,
            cooldown_ms: 300,
        }
    }
}
