//! Another configuration for a box that runs: `supervisor reload`, or SIGHUP.
//!
//! - `candidate`: the file is read again and checked as at a start; what cannot work changes
//!   nothing.
//! - [`plan`]: what the difference concerns, key by key.
//! - [`course`]: in which order units are changed, and when all of it is taken back.
//!
//! Neighbours: `crate::running_box` drives it; `crate::units` changes the units. [`Reloader`] only
//! remembers how far it is.

mod candidate;
pub mod course;
pub mod plan;

pub use candidate::{Candidate, Setup};

use crate::config::Options;
use crate::event::Event;
use crate::instance::Instance;
use crate::listeners::Listeners;
use crate::siblings::Siblings;
use crate::units::Work;
use candidate::Inquiry;
use course::{Course, Phase};
use shm_layout::MonotonicNs;
use shm_layout::control::{ReloadState, ReloadStatus, UnitChange};
use shm_layout::layout::Layout;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

/// How long reading and checking may take; a camera's driver or a file system may hang.
const CHECK_PATIENCE: Duration = Duration::from_secs(60);

/// The reloads of a box.
#[derive(Debug)]
pub struct Reloader {
    instance: Instance,
    options: Options,
    siblings: Siblings,
    events: SyncSender<Event>,
    setup: Setup,
    last: Option<Told>,
    pub(crate) is_asked_again: bool,
    pub(crate) under_way: Option<UnderWay>,
}

/// How the last reload is doing.
#[derive(Debug, Clone)]
struct Told {
    number: u64,
    state: ReloadState,
    since: MonotonicNs,
    problem: Option<String>,
    hint: Option<String>,
    changes: Vec<UnitChange>,
}

/// A reload whose units are being changed.
#[derive(Debug)]
pub(crate) struct UnderWay {
    pub(crate) candidate: Candidate,
    pub(crate) course: Course,
    /// The new work of each unit.
    pub(crate) works: Vec<Work>,
}

impl Reloader {
    /// The box runs with `setup`, which `options` led to.
    #[must_use]
    pub fn new(
        instance: &Instance,
        options: &Options,
        siblings: Siblings,
        setup: Setup,
        events: SyncSender<Event>,
    ) -> Self {
        Self {
            instance: instance.clone(),
            options: options.clone(),
            siblings,
            events,
            setup,
            last: None,
            is_asked_again: false,
            under_way: None,
        }
    }

    /// The instance.
    #[must_use]
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    /// What the box runs with.
    #[must_use]
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The box runs with another setup from now on.
    pub(crate) fn set_setup(&mut self, setup: Setup) {
        self.setup = setup;
    }

    /// Whether one is under way.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.last
            .as_ref()
            .is_some_and(|last| !last.state.is_final())
    }

    /// Number and state of the last one.
    #[must_use]
    pub(crate) fn state(&self) -> Option<(u64, ReloadState)> {
        self.last.as_ref().map(|last| (last.number, last.state))
    }

    /// Begins to read and check; an event tells the end. Gives the number of this reload.
    ///
    /// # Errors
    ///
    /// The system's: there can be no further thread.
    pub(crate) fn begin(&mut self, layout: &Layout, listeners: &Arc<Listeners>) -> io::Result<u64> {
        let number = self.last.as_ref().map_or(0, |last| last.number) + 1;
        let inquiry = Inquiry {
            instance: self.instance.clone(),
            options: self.options.clone(),
            siblings: self.siblings.clone(),
            present: self.setup.clone(),
            layout: layout.clone(),
            listeners: Arc::clone(listeners),
        };
        let events = self.events.clone();
        let thread = std::thread::Builder::new().name("reload".to_owned());
        thread.spawn(move || {
            let answer = Box::new(inquiry.answer());
            // The main loop is gone only when the whole process ends.
            let _ended = events.send(Event::Reread(number, answer));
        })?;
        self.last = Some(Told {
            number,
            state: ReloadState::Checking,
            since: MonotonicNs::now(),
            problem: None,
            hint: None,
            changes: Vec::new(),
        });
        Ok(number)
    }

    /// Whether the check takes too long.
    pub(crate) fn is_check_overdue(&self, now: MonotonicNs) -> bool {
        self.last.as_ref().is_some_and(|last| {
            last.state == ReloadState::Checking && now.since(last.since) >= CHECK_PATIENCE
        })
    }

    /// Notes how far it is; true if that is news.
    pub(crate) fn tell(&mut self, state: ReloadState) -> bool {
        let Some(last) = self.last.as_mut().filter(|last| last.state != state) else {
            return false;
        };
        last.state = state;
        last.since = MonotonicNs::now();
        true
    }

    /// Notes why it is not in force.
    pub(crate) fn explain(&mut self, problem: String, hint: Option<String>) {
        if let Some(last) = &mut self.last {
            last.problem = Some(problem);
            last.hint = hint;
        }
    }

    /// Notes what became of the units.
    pub(crate) fn list(&mut self, changes: Vec<UnitChange>) {
        if let Some(last) = &mut self.last {
            last.changes = changes;
        }
    }

    /// How the last reload is doing.
    #[must_use]
    pub fn status(&self, now: MonotonicNs) -> Option<ReloadStatus> {
        self.last.clone().map(|last| ReloadStatus {
            number: last.number,
            state: last.state,
            since_ms: u64::try_from(now.since(last.since).as_millis()).unwrap_or(u64::MAX),
            problem: last.problem,
            hint: last.hint,
            changes: last.changes,
        })
    }
}

/// What people are told of a phase.
#[must_use]
pub fn state_of(phase: &Phase) -> ReloadState {
    match phase {
        Phase::Trial { until: Some(_) } => ReloadState::Trial,
        Phase::Trial { until: None } | Phase::Rest => ReloadState::Changing,
        Phase::Reverting => ReloadState::Reverting,
        Phase::Applied => ReloadState::Applied,
        Phase::Reverted => ReloadState::Reverted,
    }
}
