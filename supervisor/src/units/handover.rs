//! Rolling restart: a successor starts beside the process that serves, at the place to spare, and
//! takes over once it is ready. If it does not get ready, nothing has changed.

use super::{Unit, Units, Work, drain};
use crate::black_box::Deceased;
use crate::event::Whose;
use crate::launcher::{Order, Process};
use crate::plans;
use crate::unit::death::Death;
use crate::unit::policy::{Event, State, Then, later};
use crate::unit::rolling::{Way, way};
use shm_layout::MonotonicNs;
use shm_layout::control::Role;
use std::time::Duration;

/// A second process of a unit.
#[derive(Debug)]
pub(super) struct Beside {
    pub(super) process: Process,
    pub(super) generation: u64,
    pub(super) place: usize,
    work: Work,
    /// It works otherwise than the process before it.
    is_change: bool,
    part: Part,
    /// When it is killed if it has not done its part.
    deadline: MonotonicNs,
    is_killed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// It gets ready to take over.
    Successor,
    /// It was taken over from, and finishes.
    Predecessor,
}

/// Where a successor of a kind can start.
#[derive(Debug)]
pub(super) struct Spare {
    pub(super) role: Role,
    pub(super) place: usize,
    pub(super) is_free: bool,
}

/// A successor did not get ready, and the process before it goes on.
#[derive(Debug)]
pub(super) struct Kept {
    /// The successor's generation.
    generation: u64,
    why: String,
    since: MonotonicNs,
}

impl Kept {
    /// Whether it is time for another try, if nobody asks for one.
    pub(super) fn is_to_be_retried(&self, now: MonotonicNs, after: Duration) -> bool {
        now.since(self.since) >= after
    }
}

/// How a replacement that was asked for is doing.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It is under way.
    Pending,
    /// The new process serves, and the one before is gone.
    Done,
    /// The new process did not get ready; the one before goes on.
    Kept(String),
}

impl Units<'_> {
    /// Goes on with the replacements that were asked for, as far as is possible now.
    pub fn go_on_replacing(&mut self) {
        for index in 0..self.units.len() {
            let unit = &self.units[index];
            if !unit.is_to_be_replaced {
                continue;
            }
            let spares = &self.spares;
            let is_free = |role| {
                spares
                    .iter()
                    .any(|spare| spare.role == role && spare.is_free)
            };
            match way(unit.plan.role, unit.policy.state(), is_free(unit.plan.role)) {
                Way::Wait => continue,
                Way::Replace => {
                    self.units[index].take_next_work();
                    self.apply(index, Event::Restart);
                }
                Way::Roll => self.roll(index),
            }
            self.units[index].is_to_be_replaced = false;
        }
    }

    /// How the replacement of the process of `generation` is doing; `None` if there is no such
    /// unit.
    #[must_use]
    pub fn outcome(&self, name: &str, generation: u64) -> Option<Outcome> {
        let unit = self.units.iter().find(|unit| unit.plan.name == name)?;
        let is_ready = matches!(unit.policy.state(), State::Ready { .. });
        let is_alone = unit.beside.is_none();
        Some(match &unit.kept {
            _ if unit.generation > generation && is_ready && is_alone => Outcome::Done,
            Some(kept) if kept.generation > generation => Outcome::Kept(kept.why.clone()),
            _ => Outcome::Pending,
        })
    }

    /// Starts a successor at the place to spare.
    fn roll(&mut self, index: usize) {
        let unit = &mut self.units[index];
        let role = unit.plan.role;
        let Some(spare) = self.spares.iter_mut().find(|spare| spare.role == role) else {
            return;
        };
        unit.newest += 1;
        let generation = unit.newest;
        let next = unit.next.take();
        let is_change = next.is_some();
        let work = plans::at_place(next.as_ref().unwrap_or(&unit.plan.work), spare.place);
        let order = Order {
            unit: &unit.plan.name,
            place: spare.place,
            whose: Whose {
                unit: index,
                generation,
            },
            work: &work,
            is_successor: true,
        };
        match self.launcher.launch(&order) {
            Ok(process) => {
                spare.is_free = false;
                let limit = Duration::from_millis(self.limits.start_ms);
                unit.beside = Some(Beside {
                    process,
                    generation,
                    place: spare.place,
                    work,
                    is_change,
                    part: Part::Successor,
                    deadline: later(MonotonicNs::now(), limit),
                    is_killed: false,
                });
            }
            Err(error) => {
                let why = format!("its successor cannot start: {error}");
                unit.keep(generation, is_change, &why);
            }
        }
    }

    /// The successor of a unit is ready: it is the unit's process from now on, and the one before
    /// drains. False if the process is not a successor.
    pub(super) fn take_over(&mut self, whose: Whose) -> bool {
        let Some(unit) = self.units.get(whose.unit) else {
            return false;
        };
        let beside = unit.beside.as_ref();
        let is_killed = beside.is_some_and(|beside| beside.is_killed);
        let is_next = unit.has_successor() && unit.newest == whose.generation && !is_killed;
        if !is_next || unit.is_to_stay_down() {
            return false;
        }
        let since = MonotonicNs::now();
        self.promote(whose.unit, State::Ready { since });
        true
    }

    /// The process of a unit died while its successor was starting. False if there is none.
    pub(super) fn succeed_dead(&mut self, index: usize) -> bool {
        let unit = &self.units[index];
        let successor = unit.beside.as_ref().filter(|_| unit.has_successor());
        let Some(beside) = successor.filter(|_| !unit.is_to_stay_down()) else {
            return false;
        };
        let since = beside.process.started;
        self.promote(index, State::Starting { since });
        true
    }

    fn promote(&mut self, index: usize, state: State) {
        let unit = &mut self.units[index];
        let Some(successor) = unit.beside.take() else {
            return;
        };
        let (generation, place) = (unit.generation, unit.plan.place);
        unit.plan.place = successor.place;
        let work = std::mem::replace(&mut unit.plan.work, successor.work);
        if successor.is_change {
            unit.has_next_work();
        }
        unit.generation = successor.generation;
        unit.policy.succeed(state);
        self.changed = true;
        match unit.process.replace(successor.process) {
            Some(process) => {
                drain(&process);
                let limit = Duration::from_millis(self.limits.drain_ms);
                unit.beside = Some(Beside {
                    process,
                    generation,
                    place,
                    work,
                    is_change: false,
                    part: Part::Predecessor,
                    deadline: later(MonotonicNs::now(), limit),
                    is_killed: false,
                });
            }
            None => self.free_spare(index, place),
        }
    }

    /// The second process of a unit ended.
    pub(super) fn on_beside_exit(&mut self, index: usize, death: Death) {
        let unit = &mut self.units[index];
        let Some(mut beside) = unit.beside.take() else {
            return;
        };
        let died = !(death.is_clean() && matches!(beside.part, Part::Predecessor));
        let deceased = Deceased {
            place: beside.place,
            assignment: &beside.work.assignment,
            ..unit.deceased(&beside.process, beside.generation, death)
        };
        self.launcher.bury(&deceased, died);
        beside.process.reap();
        let (name, pid) = (&unit.plan.name, beside.process.id());
        match beside.part {
            Part::Predecessor if death.is_clean() => {
                tracing::info!("{name}: its predecessor (pid {pid}) stopped");
            }
            Part::Predecessor => {
                tracing::warn!("{name}: its predecessor (pid {pid}) died: {death}")
            }
            Part::Successor => {
                let why = format!("its successor ended before it was ready: {death}");
                unit.keep(beside.generation, beside.is_change, &why);
            }
        }
        self.free_spare(index, beside.place);
        beside.process.close();
        self.changed = true;
    }

    /// The place that a dead process of a unit had is to spare from now on; what was counted
    /// there goes with the unit.
    pub(super) fn free_spare(&mut self, index: usize, place: usize) {
        let plan = &self.units[index].plan;
        let segment = self.launcher.segment();
        if let (Ok(left), Ok(own)) = (segment.process(place), segment.process(plan.place)) {
            left.move_counters_to(own);
        }
        if let Some(spare) = self.spares.iter_mut().find(|spare| spare.role == plan.role) {
            spare.place = place;
            spare.is_free = true;
        }
    }

    /// Kills a second process that has not done its part in time.
    pub(super) fn watch_beside(&mut self, index: usize, now: MonotonicNs) {
        let Unit { plan, beside, .. } = &mut self.units[index];
        let name = &plan.name;
        if let Some(beside) = beside
            && now >= beside.deadline
            && !beside.is_killed
        {
            let not_done = match beside.part {
                Part::Successor => "its successor is not ready in time",
                Part::Predecessor => "its predecessor has not stopped in time",
            };
            tracing::error!(
                "{name}: {not_done} (pid {}); ending it",
                beside.process.id()
            );
            beside.is_killed = true;
            beside.process.kill_group();
        }
    }
}

impl Unit {
    /// Its process, and the one beside it.
    pub(super) fn processes(&self) -> impl Iterator<Item = &Process> {
        let beside = self.beside.as_ref().map(|beside| &beside.process);
        self.process.iter().chain(beside)
    }

    /// Kills a successor that is no longer wanted.
    pub(super) fn dismiss_successor(&mut self) {
        if self.has_successor()
            && let Some(beside) = &mut self.beside
        {
            beside.is_killed = true;
            beside.process.kill_group();
        }
    }

    pub(super) fn has_successor(&self) -> bool {
        let beside = self.beside.as_ref();
        beside.is_some_and(|beside| beside.part == Part::Successor)
    }

    fn is_to_stay_down(&self) -> bool {
        let state = self.policy.state();
        matches!(
            state,
            State::Stopping {
                then: Then::Down,
                ..
            }
        )
    }

    /// Its present process goes on.
    fn keep(&mut self, generation: u64, is_change: bool, why: &str) {
        let name = &self.plan.name;
        let pid = self.process.as_ref().map_or(0, Process::id);
        tracing::error!("{name}: {why}; pid {pid} goes on");
        self.kept = Some(Kept {
            generation,
            why: why.to_owned(),
            since: MonotonicNs::now(),
        });
        if is_change {
            self.could_not_change(why);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn successor_that_did_not_get_ready_is_tried_again_after_a_while() {
        let at = |s: u64| MonotonicNs(s * 1_000_000_000);
        let kept = Kept {
            generation: 2,
            why: String::new(),
            since: at(100),
        };
        let retry = Duration::from_secs(60);
        assert!(!kept.is_to_be_retried(at(159), retry));
        assert!(kept.is_to_be_retried(at(160), retry));
    }
}
