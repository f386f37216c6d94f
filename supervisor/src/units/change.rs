//! Other work for a unit: its next process gets it, and its last one the former work back if that
//! fails. When that is asked for is decided by `crate::reload::course`; here it meets processes.

use super::{Unit, Units, Work};
use crate::config::{Restart, Watchdog as Limits};
use crate::listeners::Listeners;
use crate::plans;
use crate::reload::course::{Action, Standing};
use crate::unit::policy::{Event, State};
use shm_layout::MonotonicNs;
use shm_layout::control::{Role, Settings, ToWorker};
use std::sync::Arc;
use std::time::Duration;

/// A process that was silent for longer does not count as serving.
const BREATH: Duration = Duration::from_secs(1);

/// A unit whose work is being changed, until that has proved itself.
#[derive(Debug)]
pub(super) struct Changing {
    before: Work,
    /// Generation of the last process that was started before.
    since: u64,
    /// The present process, or the next one to start, has the new work.
    is_in_force: bool,
    is_reverting: bool,
    /// Why it could not be changed, or brought back.
    failed: Option<String>,
}

impl Units<'_> {
    /// Carries out what the course of a reload says; `works` has the new work of each unit.
    pub fn carry_out(&mut self, actions: &[Action], works: &[Work]) {
        for action in actions {
            match *action {
                Action::Change(index) => self.change(index, works[index].clone()),
                Action::Revert(index) => self.revert(index),
            }
        }
        self.go_on_replacing();
    }

    fn change(&mut self, index: usize, work: Work) {
        let unit = &mut self.units[index];
        tracing::info!("{}: its configuration changed", unit.plan.name);
        unit.changing = Some(Changing {
            before: unit.plan.work.clone(),
            since: unit.newest,
            is_in_force: false,
            is_reverting: false,
            failed: None,
        });
        unit.next = Some(work);
        unit.is_to_be_replaced = true;
    }

    fn revert(&mut self, index: usize) {
        let unit = &mut self.units[index];
        let Some(changing) = &mut unit.changing else {
            return;
        };
        changing.is_reverting = true;
        changing.failed = None;
        if changing.is_in_force {
            unit.next = Some(changing.before.clone());
            unit.is_to_be_replaced = true;
        } else if unit.next.take().is_some() {
            // It has not begun.
            unit.is_to_be_replaced = false;
        } else {
            unit.dismiss_successor();
        }
    }

    /// How a unit stands whose work is being changed, or brought back.
    #[must_use]
    pub fn standing(&self, index: usize) -> Standing {
        let unit = &self.units[index];
        let Some(changing) = &unit.changing else {
            return Standing::Serves;
        };
        if let Some(why) = &changing.failed {
            return Standing::Failed(format!("{}: {why}", unit.plan.name));
        }
        let is_under_way = unit.next.is_some() || unit.is_to_be_replaced || unit.beside.is_some();
        match unit.policy.state() {
            State::Ready { since } if !is_under_way => {
                let entry = self.launcher.segment().process(unit.plan.place);
                let alive = entry.map_or(since, |entry| entry.heartbeat().max(since));
                // One that may be hanging is left to the watchdog.
                if MonotonicNs::now().since(alive) > BREATH {
                    Standing::Pending
                } else {
                    Standing::Serves
                }
            }
            State::Failed { .. } if changing.is_reverting => {
                Standing::Failed(format!("{} is given up", unit.plan.name))
            }
            _ => Standing::Pending,
        }
    }

    /// The change of every unit's work is over; what was before is forgotten.
    pub fn settle(&mut self) {
        for unit in &mut self.units {
            unit.changing = None;
        }
    }

    /// Starts the process of a unit now, if it waits.
    pub(super) fn start_at_once(&mut self, index: usize) {
        let state = self.units[index].policy.state();
        if matches!(state, State::Backoff { .. } | State::Failed { .. }) {
            self.apply(index, Event::Restart);
        }
    }

    /// Where the gateway listens.
    #[must_use]
    pub fn listeners(&self) -> Option<&Arc<Listeners>> {
        let mut listeners = self.units.iter().map(|unit| &unit.plan.work.listeners);
        listeners.find_map(Option::as_ref)
    }

    /// Changes the limits of policy and watchdog; whatever is under way goes on under the new ones.
    pub fn set_limits(&mut self, restart: &Restart, limits: &Limits) {
        let drain = Duration::from_millis(limits.drain_ms);
        for unit in &mut self.units {
            unit.policy.set_limits(restart, drain);
        }
        self.limits = limits.clone();
        self.retry = Duration::from_secs(restart.retry_s);
    }

    /// Tells every worker what it can change while it works.
    pub fn tell_settings(&self, settings: &Settings) {
        for process in self.units.iter().flat_map(Unit::processes) {
            // One that does not keep up is the watchdog's affair; its successor starts with them.
            let _full = process.send(ToWorker::Settings(settings.clone()));
        }
    }

    /// Index, name, role and source of each unit; `None` where it has none.
    pub fn facts(&self) -> impl Iterator<Item = (&str, Role, Option<usize>)> {
        self.units.iter().map(|unit| {
            let source = match &unit.plan.work.assignment {
                shm_layout::control::Assignment::Capture(work) => Some(work.source),
                _ => None,
            };
            (unit.plan.name.as_str(), unit.plan.role, source)
        })
    }
}

impl Unit {
    /// The next process, which takes the present one's place, gets the changed work.
    pub(super) fn take_next_work(&mut self) {
        if let Some(next) = self.next.take() {
            self.plan.work = plans::at_place(&next, self.plan.place);
            self.has_next_work();
        }
    }

    /// The unit has the work that was to be its next.
    pub(super) fn has_next_work(&mut self) {
        if let Some(changing) = &mut self.changing {
            changing.is_in_force = !changing.is_reverting;
        }
    }

    /// The successor with other work did not get ready.
    pub(super) fn could_not_change(&mut self, why: &str) {
        if let Some(changing) = &mut self.changing
            // One that was dismissed is not missed.
            && changing.is_in_force == changing.is_reverting
        {
            changing.failed = Some(why.to_owned());
        }
    }

    /// The process of that generation failed. If it had work that has not proved itself, the unit
    /// has its former work back; true then.
    pub(super) fn fall_back(&mut self, generation: u64, why: &str) -> bool {
        let Some(changing) = &mut self.changing else {
            return false;
        };
        if !changing.is_in_force || generation <= changing.since {
            return false;
        }
        changing.is_in_force = false;
        if changing.is_reverting {
            self.next = None;
            self.is_to_be_replaced = false;
        } else {
            tracing::error!("{}: {why}; it works as before again", self.plan.name);
            changing.failed = Some(why.to_owned());
        }
        self.plan.work = plans::at_place(&changing.before, self.plan.place);
        true
    }
}
