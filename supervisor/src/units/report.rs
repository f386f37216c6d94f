//! How the units are doing: for the status, and in words for the log.

use super::{Unit, Units};
use crate::launcher::Process;
use crate::unit::policy::State;
use shm_layout::MonotonicNs;
use shm_layout::control::{BoxStatus, Role, ToWorker, UnitState, UnitStatus};
use shm_layout::layout::ProcessEntry;
use shm_layout::process_table::Counter;
use std::collections::BTreeMap;
use std::time::Duration;

impl Units<'_> {
    /// The status of every unit.
    #[must_use]
    pub fn statuses(&self, now: MonotonicNs) -> Vec<UnitStatus> {
        let status = |unit: &Unit| {
            let beside = unit.beside.as_ref().map(|beside| beside.place);
            let places = [Some(unit.plan.place), beside].into_iter().flatten();
            let entries = places.filter_map(|place| self.launcher.segment().process(place).ok());
            let entries: Vec<&ProcessEntry> = entries.collect();
            let all = Counter::ALL.iter().map(|(counter, name)| {
                let counted = entries.iter().map(|entry| entry.counted(*counter));
                ((*name).to_owned(), counted.sum::<u64>())
            });
            UnitStatus {
                counters: all.filter(|(_, count)| *count > 0).collect(),
                ..unit.status(now)
            }
        };
        self.units.iter().map(status).collect()
    }

    /// Whether a unit changed its state since the last call.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Sends the status to the gateway, if one listens.
    pub fn tell_gateway(&self, status: &BoxStatus) {
        for process in self.gateways() {
            // One that does not keep up gets the next one; the watchdog sees to the rest.
            let _full = process.send(ToWorker::Status(Box::new(status.clone())));
        }
    }

    /// Tells every gateway, also one that is only about to take over, which logins were ended. All
    /// of them: one may have been started between two.
    pub fn tell_ended_sessions(&self) {
        let ended = self.launcher.sessions().ended();
        if ended.is_empty() {
            return;
        }
        for process in self.gateways() {
            let _full = process.send(ToWorker::SessionsEnded(ended.clone()));
        }
    }

    fn gateways(&self) -> impl Iterator<Item = &Process> {
        let units = self.units.iter();
        let gateways = units.filter(|unit| unit.plan.role == Role::Gateway);
        gateways.flat_map(Unit::processes)
    }

    /// Whether some unit never was ready and may still become it.
    #[must_use]
    pub fn are_starting(&self) -> bool {
        self.units.iter().any(|unit| {
            !unit.was_ready && !matches!(unit.policy.state(), State::Failed { .. } | State::Down)
        })
    }

    /// Whether every unit is ready.
    #[must_use]
    pub fn are_ready(&self) -> bool {
        self.units
            .iter()
            .all(|unit| matches!(unit.policy.state(), State::Ready { .. }))
    }
}

impl Unit {
    fn status(&self, now: MonotonicNs) -> UnitStatus {
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let (state, retry_at) = match self.policy.state() {
            State::Down => (UnitState::Down, None),
            State::Starting { .. } => (UnitState::Starting, None),
            State::Ready { .. } => (UnitState::Ready, None),
            State::Stopping { .. } => (UnitState::Stopping, None),
            State::Backoff { until } => (UnitState::Backoff, Some(until)),
            State::Failed { retry_at } => (UnitState::Failed, retry_at),
        };
        UnitStatus {
            name: self.plan.name.clone(),
            kind: self.plan.role,
            state,
            pid: self.process.as_ref().map(Process::id),
            generation: self.generation,
            up_ms: self
                .process
                .as_ref()
                .map(|process| ms(now.since(process.started))),
            restarts: self.generation.saturating_sub(1),
            last_death: self.last_death.map(|(death, _)| death.to_string()),
            last_death_ago_ms: self.last_death.map(|(_, at)| ms(now.since(at))),
            retry_in_ms: retry_at.map(|at| ms(at.since(now))),
            counters: BTreeMap::new(),
        }
    }
}

/// What the log adds about what comes after the end of a process.
pub(super) fn what_follows(state: State) -> String {
    let now = MonotonicNs::now();
    match state {
        State::Starting { .. } => ", started again".to_owned(),
        State::Backoff { until } => format!(", next start in {} ms", until.since(now).as_millis()),
        State::Failed { retry_at: Some(at) } => {
            format!(
                "; given up after too many deaths, next try in {} s",
                at.since(now).as_secs()
            )
        }
        State::Failed { retry_at: None } => {
            "; given up, starting it again could not help (`supervisor restart` tries)".to_owned()
        }
        State::Down | State::Ready { .. } | State::Stopping { .. } => String::new(),
    }
}
