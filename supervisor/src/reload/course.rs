//! The course of a reload: in which order units are changed, and when all of it is taken back.
//! Pure: (how the units stand, time) → what to do.
//!
//! ```text
//!            first infer-worker    trial over      every other unit
//!  start ──────► Trial ───────────────────► Rest ───────────────► Applied
//!     no model      │ it fails                │ any fails
//!     changed ──►   ▼                         ▼
//!     Rest       Reverting ─────────────► Reverted
//! ```
//! A new model is the riskiest part, so one infer-worker tries it alone for `restart.trial_s`, and
//! nothing else changes before it has passed; the others follow without a trial of their own, but
//! one that fails still takes everything back. A reload is in force as a whole or not at all.
//!
//! Neighbours: `crate::units` carries it out and says how units stand.

use crate::unit::policy::later;
use shm_layout::MonotonicNs;
use std::time::Duration;

/// How a unit that is being changed stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Its next process is not ready yet.
    Pending,
    /// A process that works as wanted serves.
    Serves,
    /// The process failed that works as wanted.
    Failed(String),
}

/// What to do with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Give it a process that works as the new configuration says.
    Change(usize),
    /// Give it one that works as before.
    Revert(usize),
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// The first infer-worker gets ready, or serves until its trial is over.
    Trial {
        /// When that is; `None` = it is not ready yet.
        until: Option<MonotonicNs>,
    },
    /// Every other unit is being changed.
    Rest,
    /// What was changed is being brought back.
    Reverting,
    /// All of it is in force.
    Applied,
    /// None of it is, but for the units that could not be brought back.
    Reverted,
}

/// One reload on its way.
#[derive(Debug, Clone)]
pub struct Course {
    first: Option<usize>,
    rest: Vec<usize>,
    trial: Duration,
    phase: Phase,
    problem: Option<String>,
    /// Units that were changed and are not back yet.
    to_bring_back: Vec<usize>,
    /// Units that could not be brought back, and why.
    stuck: Vec<(usize, String)>,
}

impl Course {
    /// The course for the units whose work changes: the infer-workers, and others. What to do
    /// first comes with it.
    #[must_use]
    pub fn start(infer: &[usize], others: &[usize], trial: Duration) -> (Self, Vec<Action>) {
        let first = infer.first().copied();
        let rest: Vec<usize> = infer.iter().skip(1).chain(others).copied().collect();
        let (phase, actions) = match first {
            Some(first) => (Phase::Trial { until: None }, vec![Action::Change(first)]),
            None => (Phase::Rest, change(&rest)),
        };
        let course = Self {
            first,
            rest,
            trial,
            phase,
            problem: None,
            to_bring_back: Vec::new(),
            stuck: Vec::new(),
        };
        (course, actions)
    }

    /// How far it is.
    #[must_use]
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Whether nothing more will happen.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Applied | Phase::Reverted)
    }

    /// Why it was taken back.
    #[must_use]
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Units that could not be brought back, and why.
    #[must_use]
    pub fn stuck(&self) -> &[(usize, String)] {
        &self.stuck
    }

    /// Goes on as far as is possible now.
    pub fn step(&mut self, now: MonotonicNs, standing: impl Fn(usize) -> Standing) -> Vec<Action> {
        match self.phase {
            Phase::Trial { until } => self.on_trial(until, now, standing),
            Phase::Rest => self.on_rest(standing),
            Phase::Reverting => self.on_reverting(standing),
            Phase::Applied | Phase::Reverted => Vec::new(),
        }
    }

    fn on_trial(
        &mut self,
        until: Option<MonotonicNs>,
        now: MonotonicNs,
        standing: impl Fn(usize) -> Standing,
    ) -> Vec<Action> {
        let Some(first) = self.first else {
            return Vec::new();
        };
        match (standing(first), until) {
            (Standing::Failed(why), _) => self.revert(why, vec![first]),
            (Standing::Pending, _) => Vec::new(),
            (Standing::Serves, None) if !self.trial.is_zero() => {
                let until = Some(later(now, self.trial));
                self.phase = Phase::Trial { until };
                Vec::new()
            }
            (Standing::Serves, Some(until)) if now < until => Vec::new(),
            (Standing::Serves, _) => {
                self.phase = if self.rest.is_empty() {
                    Phase::Applied
                } else {
                    Phase::Rest
                };
                change(&self.rest)
            }
        }
    }

    fn on_rest(&mut self, standing: impl Fn(usize) -> Standing) -> Vec<Action> {
        let changed: Vec<usize> = self.first.iter().chain(&self.rest).copied().collect();
        let failed = changed.iter().find_map(|unit| match standing(*unit) {
            Standing::Failed(why) => Some(why),
            Standing::Pending | Standing::Serves => None,
        });
        if let Some(why) = failed {
            return self.revert(why, changed);
        }
        let mut all = changed.iter();
        if all.all(|unit| standing(*unit) == Standing::Serves) {
            self.phase = Phase::Applied;
        }
        Vec::new()
    }

    fn revert(&mut self, why: String, changed: Vec<usize>) -> Vec<Action> {
        self.problem = Some(why);
        self.phase = Phase::Reverting;
        let actions = changed.iter().copied().map(Action::Revert).collect();
        self.to_bring_back = changed;
        actions
    }

    fn on_reverting(&mut self, standing: impl Fn(usize) -> Standing) -> Vec<Action> {
        let stuck = &mut self.stuck;
        self.to_bring_back.retain(|unit| match standing(*unit) {
            Standing::Pending => true,
            Standing::Serves => false,
            Standing::Failed(why) => {
                stuck.push((*unit, why));
                false
            }
        });
        if self.to_bring_back.is_empty() {
            self.phase = Phase::Reverted;
        }
        Vec::new()
    }
}

fn change(units: &[usize]) -> Vec<Action> {
    units.iter().copied().map(Action::Change).collect()
}

#[cfg(test)]
#[path = "course_tests.rs"]
mod tests;
