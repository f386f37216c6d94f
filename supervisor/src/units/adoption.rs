//! Workers of a dead supervisor: they go on as the processes of their units, and are replaced one
//! by one, so that at most one of them is missing at a time.

use super::{Unit, Units};
use crate::event::Whose;
use crate::orphans::{Orphan, end_all};
use crate::plans;
use crate::unit::policy::State;
use crate::unit::seating::{Post, Seating, seat};
use shm_layout::MonotonicNs;
use shm_layout::control::Role;
use std::time::Duration;

/// The order of replacing: what nobody is connected to first.
const ORDER: [Role; 3] = [Role::Infer, Role::Capture, Role::Gateway];

impl Units<'_> {
    /// Gives every unit the worker that is there already. What does not belong to any is ended.
    /// Generations go on where the segment says that they were.
    pub fn adopt(&mut self, orphans: Vec<Orphan>) {
        let seating = self.seating(&orphans);
        for (unit, place) in self.units.iter_mut().zip(&seating.places) {
            unit.plan.place = *place;
            unit.plan.work = plans::at_place(&unit.plan.work, *place);
        }
        for (spare, place) in self.spares.iter_mut().zip(&seating.spares) {
            spare.place = *place;
        }
        let unit_of = |orphan| {
            let mut workers = seating.workers.iter();
            workers.position(|worker| *worker == Some(orphan))
        };
        let (mut seated, mut others) = (Vec::new(), Vec::new());
        for (index, orphan) in orphans.into_iter().enumerate() {
            match unit_of(index) {
                Some(unit) => seated.push((unit, orphan)),
                None => others.push(orphan),
            }
        }
        end_all(&others);
        for orphan in others {
            self.launcher.release(orphan.place);
        }
        for index in 0..self.units.len() {
            let generation = self.last_generation(index, &seating);
            let unit = &mut self.units[index];
            (unit.generation, unit.newest) = (generation, generation);
        }
        for (index, orphan) in seated {
            self.adopt_one(index, orphan);
        }
        self.settle_counters();
    }

    fn seating(&self, orphans: &[Orphan]) -> Seating {
        let post = |unit: &Unit| Post {
            unit: unit.plan.name.clone(),
            role: unit.plan.role,
            place: unit.plan.place,
        };
        let found = |orphan: &Orphan| {
            let post = Post {
                unit: orphan.unit.clone(),
                role: orphan.role,
                place: orphan.place,
            };
            (post, self.generation_at(orphan.place))
        };
        let units: Vec<Post> = self.units.iter().map(post).collect();
        let spares: Vec<_> = self.spares.iter().map(|s| (s.role, s.place)).collect();
        let found: Vec<_> = orphans.iter().map(found).collect();
        seat(&units, &spares, &found)
    }

    /// Generation of the process that is, or was last, at a place.
    fn generation_at(&self, place: usize) -> u64 {
        let entry = self.launcher.segment().process(place).ok();
        let owner = entry.and_then(|entry| entry.owner_now());
        owner.map_or(0, |(generation, _)| generation.0)
    }

    /// Generation of a unit's last process. Whose a place without a worker was, nobody knows: a
    /// unit without one goes on after the latest of its kind.
    fn last_generation(&self, index: usize, seating: &Seating) -> u64 {
        let plan = &self.units[index].plan;
        let role = plan.role;
        if seating.workers[index].is_some() || role == Role::Capture {
            return self.generation_at(plan.place);
        }
        let of_units = self
            .units
            .iter()
            .map(|unit| (unit.plan.role, unit.plan.place));
        let of_spares = self.spares.iter().map(|spare| (spare.role, spare.place));
        let of_kind = of_units.chain(of_spares).filter(|found| found.0 == role);
        of_kind
            .map(|(_, place)| self.generation_at(place))
            .max()
            .unwrap_or(0)
    }

    /// What was counted at the places that are to spare now belongs to their kind.
    fn settle_counters(&mut self) {
        for (role, place) in [0, 1].map(|n| (self.spares[n].role, self.spares[n].place)) {
            if let Some(index) = self.units.iter().position(|unit| unit.plan.role == role) {
                self.free_spare(index, place);
            }
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
