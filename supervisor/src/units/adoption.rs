//! Workers of a dead supervisor: they go on as the processes of their units, and are replaced one
//! by one, so that at most one of them is missing at a time.

use super::{Unit, Units};
use crate::event::Whose;
use crate::orphans::{Orphan, end_all};
use crate::plans;
use crate::unit::policy::State;
use shm_layout::MonotonicNs;
use shm_layout::control::Role;
use shm_layout::process_table::lives;
use std::time::Duration;

/// The order of replacing: what nobody is connected to first.
const ORDER: [Role; 3] = [Role::Infer, Role::Capture, Role::Gateway];

impl Units<'_> {
    /// Gives every unit the worker that is there already. What does not belong to any is ended.
    /// Generations go on where the segment says that they were.
    pub fn adopt(&mut self, orphans: Vec<Orphan>) {
        let mut seated: Vec<(usize, Orphan)> = Vec::new();
        for orphan in orphans {
            let taken: Vec<usize> = seated.iter().map(|(index, _)| *index).collect();
            match self.seat(orphan.role, orphan.place, &taken) {
                Some(index) => seated.push((index, orphan)),
                None => {
                    let place = orphan.place;
                    end_all(&[orphan]);
                    self.launcher.release(place);
                }
            }
        }
        self.continue_generations();
        for (index, orphan) in seated {
            self.adopt_one(index, orphan);
        }
        // What was counted at the places that are to spare now belongs to their kind.
        for (role, place) in [0, 1].map(|n| (self.spares[n].role, self.spares[n].place)) {
            if let Some(index) = self.units.iter().position(|unit| unit.plan.role == role) {
                self.free_spare(index, place);
            }
        }
    }

    /// The unit that a worker at `place` belongs to. One of a kind that rolls may work at the
    /// place that is to spare at first; the two are exchanged then.
    fn seat(&mut self, role: Role, place: usize, taken: &[usize]) -> Option<usize> {
        let mut units = self.units.iter();
        let own = units.position(|unit| (unit.plan.role, unit.plan.place) == (role, place));
        if own.is_some() {
            return own;
        }
        let spare = self
            .spares
            .iter_mut()
            .find(|spare| (spare.role, spare.place) == (role, place))?;
        let segment = self.launcher.segment();
        // Not one whose own worker is still to come: its place is in use.
        let is_vacant = |unit: &Unit| {
            let process = segment.process(unit.plan.place).ok();
            let process = process.and_then(|entry| entry.process());
            !process.is_some_and(|(pid, start)| lives(pid, start))
        };
        let mut units = self.units.iter_mut().enumerate();
        let (index, unit) = units.find(|(index, unit)| {
            unit.plan.role == role && !taken.contains(index) && is_vacant(unit)
        })?;
        spare.place = unit.plan.place;
        unit.plan.place = place;
        unit.plan.work = plans::at_place(&unit.plan.work, place);
        Some(index)
    }

    /// Takes each unit's generation from its place; one whose worker has given its place back
    /// goes on after the latest of all.
    fn continue_generations(&mut self) {
        let segment = self.launcher.segment();
        let generation = |unit: &Unit| {
            let owner = segment.process(unit.plan.place).ok()?.owner_now();
            owner.map(|(generation, _)| generation.0)
        };
        let latest = self.units.iter().filter_map(generation).max().unwrap_or(0);
        for unit in &mut self.units {
            let own = generation(unit).filter(|generation| *generation > 0);
            unit.generation = own.unwrap_or(latest);
            unit.newest = unit.generation;
        }
    }

    fn adopt_one(&mut self, index: usize, orphan: Orphan) {
        let unit = &mut self.units[index];
        let whose = Whose {
            unit: index,
            generation: unit.generation,
        };
        let (name, pid) = (&unit.plan.name, orphan.pid);
        match self.launcher.adopt(orphan, whose) {
            Ok(process) => {
                tracing::info!("{name} goes on (pid {pid}) until it is replaced");
                let since = MonotonicNs::now();
                unit.policy.succeed(State::Ready { since });
                unit.process = Some(process);
                unit.was_ready = true;
            }
            Err(error) => tracing::error!("{name} (pid {pid}) cannot be watched: {error}"),
        }
    }

    /// Replaces one more of the adopted workers if none is missing at the moment.
    pub fn replace_adopted(&mut self) {
        let (now, retry) = (MonotonicNs::now(), self.retry);
        let facts = self.units.iter().map(|unit| unit.standing(now, retry));
        if let Some(index) = next_to_replace(facts) {
            let unit = &self.units[index];
            tracing::info!("{}: replacing the adopted worker", unit.plan.name);
            self.units[index].is_to_be_replaced = true;
            self.go_on_replacing();
        }
    }
}

/// What the order of replacing depends on.
#[derive(Debug, Clone, Copy)]
struct Standing {
    role: Role,
    state: State,
    is_adopted: bool,
    /// A successor or predecessor runs beside it, or is to.
    is_held_up: bool,
}

impl Unit {
    fn standing(&self, now: MonotonicNs, retry: Duration) -> Standing {
        let process = self.process.as_ref();
        Standing {
            role: self.plan.role,
            state: self.policy.state(),
            // One whose successor did not get ready is left to go on for a while.
            is_adopted: process.is_some_and(|process| process.is_adopted())
                && self
                    .kept
                    .as_ref()
                    .is_none_or(|kept| kept.is_to_be_retried(now, retry)),
            is_held_up: self.beside.is_some() || self.is_to_be_replaced,
        }
    }
}

/// The unit to replace next; none while any is on its way. Pure.
fn next_to_replace(units: impl Iterator<Item = Standing> + Clone) -> Option<usize> {
    let is_under_way = |unit: Standing| {
        unit.is_held_up
            || matches!(
                unit.state,
                State::Starting { .. } | State::Stopping { .. } | State::Backoff { .. }
            )
    };
    if units.clone().any(is_under_way) {
        return None;
    }
    ORDER.into_iter().find_map(|role| {
        let mut units = units.clone();
        units.position(|unit| unit.is_adopted && unit.role == role)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: MonotonicNs = MonotonicNs(1);

    fn adopted(role: Role) -> Standing {
        Standing {
            role,
            state: State::Ready { since: NOW },
            is_adopted: true,
            is_held_up: false,
        }
    }

    fn next(units: &[Standing]) -> Option<usize> {
        next_to_replace(units.iter().copied())
    }

    #[test]
    fn gateway_is_replaced_last_and_nobody_twice() {
        let mut units = [Role::Capture, Role::Capture, Role::Infer, Role::Gateway].map(adopted);
        let mut order = Vec::new();
        while let Some(index) = next(&units) {
            order.push(index);
            units[index].is_adopted = false;
        }
        assert_eq!(order, [2, 0, 1, 3]);
    }

    #[test]
    fn nobody_is_replaced_while_another_is_missing() {
        for state in [
            State::Starting { since: NOW },
            State::Backoff { until: NOW },
            State::Stopping {
                kill_at: NOW,
                then: crate::unit::policy::Then::Restart,
            },
        ] {
            let infer = Standing {
                state,
                is_adopted: false,
                ..adopted(Role::Infer)
            };
            assert_eq!(next(&[adopted(Role::Capture), infer]), None, "{state:?}");
        }
        let given_up = Standing {
            state: State::Failed { retry_at: None },
            is_adopted: false,
            ..adopted(Role::Infer)
        };
        assert_eq!(next(&[adopted(Role::Capture), given_up]), Some(0));
    }
}
