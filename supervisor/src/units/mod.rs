//! All units of the box: carries out what the restart policy and the watchdog decide.
//!
//! Upstream: `crate::run` hands over every event. Downstream: [`Launcher`] makes processes. The
//! decisions themselves are in `crate::unit`; here they meet clock, processes and log. `report` says
//! how the units are doing; `watch` lets time pass and asks whether they work; `adoption` goes on
//! with the workers of a dead supervisor, `handover` starts successors beside those who serve,
//! `change` gives units other work.

mod adoption;
mod change;
mod handover;
mod report;
mod watch;

use crate::black_box::Deceased;
use crate::config::{Restart, Watchdog as Limits};
use crate::event::Whose;
use crate::launcher::{Launcher, Order, Process};
use crate::limits::core_place;
use crate::listeners::Listeners;
use crate::unit::death::Death;
use crate::unit::jitter::Jitter;
use crate::unit::policy::{Action, Event, Policy, State};
use crate::unit::watchdog::Watchdog;
use change::Changing;
pub use handover::Outcome;
use handover::{Beside, Kept, Spare};
use nix::sys::signal::Signal;
use report::what_follows;
use shm_layout::MonotonicNs;
use shm_layout::control::{Assignment, Role, ToWorker};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;
use watch::Attention;

/// What a unit is, whatever its state.
#[derive(Debug, Clone)]
pub struct UnitPlan {
    /// `capture/NAME`, `infer/N` or `gateway`.
    pub name: String,
    /// The program that it runs.
    pub role: Role,
    /// Its place in the process table.
    pub place: usize,
    /// Its work.
    pub work: Work,
}

/// What a process of a unit does.
#[derive(Debug, Clone)]
pub struct Work {
    /// Its assignment.
    pub assignment: Assignment,
    /// Where it listens; the gateway only. They are closed when nobody has them any more.
    pub listeners: Option<Arc<Listeners>>,
}

impl From<Assignment> for Work {
    fn from(assignment: Assignment) -> Self {
        Self {
            assignment,
            listeners: None,
        }
    }
}

/// One unit with its present process.
#[derive(Debug)]
struct Unit {
    plan: UnitPlan,
    policy: Policy,
    /// Generation of the process.
    generation: u64,
    /// Generation of the last process that was started, if only as a successor.
    newest: u64,
    process: Option<Process>,
    beside: Option<Beside>,
    is_to_be_replaced: bool,
    /// What its next process does, if that is something else.
    next: Option<Work>,
    changing: Option<Changing>,
    kept: Option<Kept>,
    was_ready: bool,
    last_death: Option<(Death, MonotonicNs)>,
    attention: Attention,
}

impl Unit {
    fn deceased<'a>(&'a self, process: &Process, generation: u64, death: Death) -> Deceased<'a> {
        Deceased {
            unit: &self.plan.name,
            assignment: &self.plan.work.assignment,
            place: self.plan.place,
            generation,
            pid: process.id(),
            started: process.started,
            death,
        }
    }
}

/// All of them, in the order in which they are started.
#[derive(Debug)]
pub struct Units<'s> {
    units: Vec<Unit>,
    spares: Vec<Spare>,
    launcher: Launcher<'s>,
    watchdog: Watchdog,
    limits: Limits,
    /// After so long a successor is tried again that did not get ready in place of an adopted
    /// process.
    retry: Duration,
    changed: bool,
}

impl<'s> Units<'s> {
    /// Units that are all down; the gateway gets the listeners.
    #[must_use]
    pub fn new(
        mut plans: Vec<UnitPlan>,
        listeners: Listeners,
        spare_places: &[(Role, usize)],
        launcher: Launcher<'s>,
        restart: &Restart,
        limits: &Limits,
    ) -> Self {
        let listeners = Arc::new(listeners);
        let gateways = plans.iter_mut().filter(|plan| plan.role == Role::Gateway);
        gateways.for_each(|plan| plan.work.listeners = Some(Arc::clone(&listeners)));
        let drain = Duration::from_millis(limits.drain_ms);
        let unit = |plan| Unit {
            plan,
            policy: Policy::new(restart, drain),
            generation: 0,
            newest: 0,
            process: None,
            beside: None,
            is_to_be_replaced: false,
            next: None,
            changing: None,
            kept: None,
            was_ready: false,
            last_death: None,
            attention: Attention::default(),
        };
        let spare = |&(role, place)| Spare {
            role,
            place,
            is_free: true,
        };
        Self {
            units: plans.into_iter().map(unit).collect(),
            spares: spare_places.iter().map(spare).collect(),
            launcher,
            watchdog: Watchdog::default(),
            limits: limits.clone(),
            retry: Duration::from_secs(restart.retry_s),
            changed: true,
        }
    }

    /// What makes processes.
    #[must_use]
    pub fn launcher(&self) -> &Launcher<'s> {
        &self.launcher
    }

    /// The same, to be changed.
    pub fn launcher_mut(&mut self) -> &mut Launcher<'s> {
        &mut self.launcher
    }

    /// Starts every unit, in order.
    pub fn start_all(&mut self) {
        for index in 0..self.units.len() {
            self.apply(index, Event::Start);
        }
    }

    /// From now on nothing is started any more.
    pub fn retire_all(&mut self) {
        for index in 0..self.units.len() {
            let unit = &mut self.units[index];
            unit.is_to_be_replaced = false;
            (unit.next, unit.changing) = (None, None);
            self.apply(index, Event::Retire);
        }
    }

    /// Asks every unit of a role to drain and stay down.
    pub fn stop(&mut self, role: Role) {
        for index in 0..self.units.len() {
            if self.units[index].plan.role == role {
                self.apply(index, Event::Stop);
                let unit = &self.units[index];
                if let Some(beside) = unit.beside.as_ref().filter(|_| unit.has_successor()) {
                    drain(&beside.process);
                }
            }
        }
    }

    /// Whether a unit of the role has a process.
    #[must_use]
    pub fn runs(&self, role: Role) -> bool {
        self.units
            .iter()
            .any(|unit| unit.plan.role == role && unit.processes().next().is_some())
    }

    /// Kills every process that is left.
    pub fn kill_all(&self) {
        for process in self.units.iter().flat_map(Unit::processes) {
            process.kill_group();
        }
    }

    /// Replaces the processes of the units that `name` means: one unit, or all of a kind. Gives
    /// each with the generation that is replaced; none if nothing has that name.
    pub fn restart(&mut self, name: &str) -> Vec<(String, u64)> {
        let mut replaced = Vec::new();
        for unit in &mut self.units {
            let kind = unit.plan.name.split('/').next();
            if unit.plan.name == name || kind == Some(name) {
                replaced.push((unit.plan.name.clone(), unit.newest));
                tracing::info!("{}: restart was asked for", unit.plan.name);
                unit.is_to_be_replaced = true;
            }
        }
        self.go_on_replacing();
        replaced
    }

    /// Names of all units.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.units.iter().map(|unit| unit.plan.name.as_str())
    }

    /// What the event's process does, if that is still a process of its unit.
    #[must_use]
    pub fn assignment(&self, whose: Whose) -> Option<&Assignment> {
        let unit = self.units.get(whose.unit)?;
        let beside = unit.beside.as_ref().map(|beside| beside.generation);
        let is_own = self.serves(whose) || beside == Some(whose.generation);
        is_own.then_some(&unit.plan.work.assignment)
    }

    /// Whether it is the process that its unit serves with: no successor that is not ready yet,
    /// and none that was succeeded.
    #[must_use]
    pub fn serves(&self, whose: Whose) -> bool {
        let unit = self.units.get(whose.unit);
        unit.is_some_and(|unit| unit.generation == whose.generation)
    }

    /// A worker says that it works.
    pub fn on_ready(&mut self, whose: Whose) {
        if self.assignment(whose).is_none() {
            return;
        }
        if !self.take_over(whose) && self.serves(whose) {
            self.apply(whose.unit, Event::Ready);
        }
        if !self.serves(whose) {
            return;
        }
        let unit = &mut self.units[whose.unit];
        if !matches!(unit.policy.state(), State::Ready { .. }) {
            return;
        }
        unit.was_ready = true;
        if let Some(process) = &unit.process {
            let took = MonotonicNs::now().since(process.started).as_millis();
            let (name, pid) = (&unit.plan.name, process.id());
            tracing::info!(
                "{name} ready in {took} ms (pid {pid}, generation {})",
                unit.generation
            );
        }
    }

    /// A process ended: gives back what it held, takes its remains, and lets the policy decide.
    pub fn on_exit(&mut self, whose: Whose, death: Death) {
        if self.assignment(whose).is_none() {
            return;
        }
        if !self.serves(whose) {
            return self.on_beside_exit(whose.unit, death);
        }
        let Some(mut process) = self.units[whose.unit].process.take() else {
            return;
        };
        let unit = &mut self.units[whose.unit];
        let wanted = !matches!(unit.policy.state(), State::Stopping { .. });
        let died = wanted || !death.is_clean();
        let deceased = unit.deceased(&process, whose.generation, death);
        let leases = self.launcher.bury(&deceased, died);
        process.reap();
        if died {
            unit.last_death = Some((death, MonotonicNs::now()));
        }
        if !self.succeed_dead(whose.unit) {
            let unit = &mut self.units[whose.unit];
            let why = match unit.policy.state() {
                State::Stopping { .. } => "its new process hung".to_owned(),
                _ => format!("its new process died: {death}"),
            };
            let is_back = died && unit.fall_back(whose.generation, &why);
            self.apply(whose.unit, Event::Died(death));
            if is_back {
                self.start_at_once(whose.unit);
            }
        }
        let process_id = process.id();
        process.close();
        let unit = &self.units[whose.unit];
        let name = &unit.plan.name;
        let next = what_follows(unit.policy.state());
        if died {
            let held = match leases {
                0 => String::new(),
                leases => format!(" ({leases} leased frames given back)"),
            };
            tracing::warn!("{name} died: {death}{held}{next}");
            if death.left_core() {
                tracing::info!("{name}: core file: {}", core_place(process_id));
            }
        } else {
            tracing::info!("{name} stopped{next}");
        }
    }

    /// Feeds the policy of one unit and does what it answers.
    fn apply(&mut self, index: usize, event: Event) {
        let jitter = Jitter::from_random(RandomState::new().hash_one(index));
        let unit = &mut self.units[index];
        let before = unit.policy.state();
        let mut action = unit.policy.on_event(event, MonotonicNs::now(), jitter);
        // A start that fails is a death like any other; the policy then makes it wait.
        while action == Action::Spawn && !self.spawn(index) {
            let died = Event::Died(Death::NotStarted);
            action = self.units[index]
                .policy
                .on_event(died, MonotonicNs::now(), jitter);
        }
        let unit = &self.units[index];
        match (action, &unit.process) {
            (Action::Drain, Some(process)) => drain(process),
            (Action::Abort, Some(process)) => {
                process.signal(Signal::SIGABRT);
                // One that is stopped would die of it only when somebody continues it.
                process.signal(Signal::SIGCONT);
            }
            (Action::Kill, Some(process)) => process.kill_group(),
            _ => {}
        }
        self.changed |= unit.policy.state() != before;
    }

    fn spawn(&mut self, index: usize) -> bool {
        let unit = &mut self.units[index];
        unit.newest += 1;
        unit.generation = unit.newest;
        let whose = Whose {
            unit: index,
            generation: unit.generation,
        };
        let order = Order {
            unit: &unit.plan.name,
            place: unit.plan.place,
            whose,
            work: &unit.plan.work,
            is_successor: false,
        };
        match self.launcher.launch(&order) {
            Ok(process) => {
                unit.process = Some(process);
                true
            }
            Err(error) => {
                tracing::error!("{} cannot be started: {error}", unit.plan.name);
                unit.fall_back(
                    unit.generation,
                    &format!("its new process cannot be started: {error}"),
                );
                unit.last_death = Some((Death::NotStarted, MonotonicNs::now()));
                false
            }
        }
    }
}

/// Asks a process to finish. Once only: a second request means "at once" to a worker.
fn drain(process: &Process) {
    if !process.send(ToWorker::Drain) {
        process.signal(Signal::SIGTERM);
    }
}
