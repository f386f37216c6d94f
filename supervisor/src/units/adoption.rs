//! Workers of a dead supervisor: they go on as the processes of their units, and are replaced one
//! by one, so that at most one of them is missing at a time.

use super::{Unit, Units};
use crate::event::Whose;
use crate::orphans::{Orphan, end_all};
use crate::unit::policy::{Event, Policy, State};
use shm_layout::MonotonicNs;
use shm_layout::control::Role;
use std::time::Duration;

/// The order of replacing: what nobody is connected to first.
const ORDER: [Role; 3] = [Role::Infer, Role::Capture, Role::Gateway];

impl Units<'_> {
    /// Gives every unit the worker that is there already. What does not belong to any is ended.
    /// Generations go on where the segment says that they were.
    pub fn adopt(&mut self, orphans: Vec<Orphan>) {
        self.continue_generations();
        for orphan in orphans {
            let index = self
                .units
                .iter()
                .position(|unit| (unit.plan.place, unit.plan.role) == (orphan.place, orphan.role));
            match index {
                Some(index) => self.adopt_one(index, orphan),
                None => {
                    let place = orphan.place;
                    end_all(&[orphan]);
                    self.launcher.release(place);
                }
            }
        }
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
                let drain = Duration::from_millis(self.limits.drain_ms);
                unit.policy = Policy::adopted(&self.restart, drain, MonotonicNs::now());
                unit.process = Some(process);
                unit.was_ready = true;
            }
            Err(error) => tracing::error!("{name} (pid {pid}) cannot be watched: {error}"),
        }
    }

    /// Replaces one more of the adopted workers if none is missing at the moment.
    pub fn replace_adopted(&mut self) {
        let facts = self.units.iter().map(Unit::standing);
        if let Some(index) = next_to_replace(facts) {
            let unit = &self.units[index];
            tracing::info!("{}: replacing the adopted worker", unit.plan.name);
            self.apply(index, Event::Restart);
        }
    }
}

/// What the order of replacing depends on.
#[derive(Debug, Clone, Copy)]
struct Standing {
    role: Role,
    state: State,
    is_adopted: bool,
}

impl Unit {
    fn standing(&self) -> Standing {
        let process = self.process.as_ref();
        Standing {
            role: self.plan.role,
            state: self.policy.state(),
            is_adopted: process.is_some_and(|process| process.is_adopted()),
        }
    }
}

/// The unit to replace next; none while any is on its way. Pure.
fn next_to_replace(units: impl Iterator<Item = Standing> + Clone) -> Option<usize> {
    let is_under_way = |unit: Standing| {
        matches!(
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
