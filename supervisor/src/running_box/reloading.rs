//! A box that gets another configuration while it runs: starts the check, applies what it found,
//! goes on with the units, and tells how it ended. What concerns whom is decided in
//! `crate::reload`.

use super::RunningBox;
use crate::black_box::Store;
use crate::config::{Config, Gateway};
use crate::failure::Failure;
use crate::orphans::sources_hash;
use crate::reload::course::Course;
use crate::reload::plan::{Change, Concern};
use crate::reload::{Candidate, Setup, UnderWay, state_of};
use crate::units::Work;
use crate::unix_listener::set_mode;
use crate::{logging, plans};
use shm_layout::MonotonicNs;
use shm_layout::control::{ReloadState, Role, Settings, UnitChange};
use std::sync::Arc;
use std::time::Duration;

impl RunningBox<'_> {
    /// Begins a reload; gives its number, or why there can be none now.
    pub(super) fn reload(&mut self) -> Result<u64, String> {
        if let Some((number, _)) = self.reloader.state().filter(|_| self.reloader.is_busy()) {
            return Err(format!("reload {number} is still under way"));
        }
        let listeners = self.units.listeners().map(Arc::clone);
        let listeners = listeners.ok_or("the box has no gateway")?;
        let layout = self.units.launcher().segment().layout();
        let begun = self.reloader.begin(layout, &listeners);
        let number = begun.map_err(|error| format!("the configuration cannot be read: {error}"))?;
        tracing::info!("reload {number}: the configuration is read again");
        self.changed = true;
        Ok(number)
    }

    /// SIGHUP. One that comes during a reload is for what was written since: it begins another.
    pub(super) fn on_reload_signal(&mut self) {
        if self.drain.is_some() {
            return;
        }
        if self.reloader.is_busy() {
            self.reloader.is_asked_again = true;
        } else if let Err(error) = self.reload() {
            tracing::error!("no reload: {error}");
        }
    }

    /// The configuration was read and checked.
    pub(super) fn on_reread(&mut self, number: u64, outcome: Result<Candidate, Failure>) {
        let expected = Some((number, ReloadState::Checking));
        if self.reloader.state() != expected || self.drain.is_some() {
            return;
        }
        match outcome {
            Err(failure) => self.reject(failure.in_full(), failure.hint()),
            Ok(candidate) => self.put_in_force(candidate),
        }
        self.changed = true;
    }

    fn reject(&mut self, problem: String, hint: Option<String>) {
        let advice = hint.as_deref().map(|hint| format!(" ({hint})"));
        let advice = advice.unwrap_or_default();
        tracing::error!("reload rejected, nothing changes: {problem}{advice}");
        self.reloader.explain(problem, hint);
        self.reloader.tell(ReloadState::Rejected);
    }

    fn put_in_force(&mut self, candidate: Candidate) {
        if candidate.changes.is_empty() {
            let changes = self.told(&candidate, |_| String::new());
            self.reloader.list(changes);
            self.reloader.tell(ReloadState::Unchanged);
            tracing::info!("reload: nothing changed");
            return;
        }
        let Setup {
            config,
            workers,
            taught,
            ..
        } = &candidate.setup;
        let instance = self.reloader.instance();
        let plans = plans::all(instance, &config.sources, *workers, config, taught);
        let work = |plan: crate::units::UnitPlan| Work {
            listeners: (plan.role == Role::Gateway).then(|| Arc::clone(&candidate.listeners)),
            ..plan.work
        };
        let works = plans.into_iter().map(work).collect();
        let (mut infer, mut others) = (Vec::new(), Vec::new());
        for (index, (_, role, source)) in self.units.facts().enumerate() {
            if replacing(&candidate.changes, role, source).next().is_some() {
                let concerned = if role == Role::Infer {
                    &mut infer
                } else {
                    &mut others
                };
                concerned.push(index);
            }
        }
        let trial = Duration::from_secs(config.restart.trial_s);
        let (course, actions) = Course::start(&infer, &others, trial);
        let keys: Vec<&str> = candidate.changes.iter().map(|c| c.key.as_str()).collect();
        tracing::info!("reload: {} changed", keys.join(", "));
        let setup = candidate.setup.clone();
        self.apply_in_place(&setup);
        self.reloader.tell(state_of(course.phase()));
        let under_way = UnderWay {
            candidate,
            course,
            works,
        };
        self.units.carry_out(&actions, &under_way.works);
        self.reloader.under_way = Some(under_way);
        self.go_on_reloading();
    }

    /// What needs no other process; the present setup brings everything back.
    fn apply_in_place(&mut self, setup: &Setup) {
        let Config {
            restart,
            watchdog,
            log,
            black_box,
            sources,
            gateway,
            ..
        } = &setup.config;
        self.drain_limit = Duration::from_millis(watchdog.drain_ms);
        self.units.set_limits(restart, watchdog);
        logging::set_level(&log.level);
        self.set_socket_mode(gateway);
        let launcher = self.units.launcher_mut();
        launcher.set_shared(restart.orphan_grace_ms, &log.level);
        launcher.segment().take_over(sources_hash(sources.iter()));
        if *black_box != self.black_box {
            let store = Store::configured(black_box, self.reloader.instance());
            launcher.black_box_mut().set_store(store);
            self.black_box = black_box.clone();
        }
        self.units.tell_settings(&Settings {
            orphan_grace_ms: restart.orphan_grace_ms,
            log_level: logging::level(&log.level),
        });
        for (source, config) in self.sources.iter_mut().zip(sources) {
            source.becomes(config);
        }
    }

    /// The mode of the file at `gateway.http_unix`; systemd's own stays as it is.
    fn set_socket_mode(&self, gateway: &Gateway) {
        let path = gateway.http_unix.as_path();
        let is_ours = self.reloader.setup().config.gateway.http_unix == path;
        if is_ours && !path.as_os_str().is_empty() {
            set_mode(path, gateway.unix_mode());
        }
    }

    /// Goes on with a reload that is under way.
    pub(super) fn go_on_reloading(&mut self) {
        let now = MonotonicNs::now();
        if self.reloader.is_check_overdue(now) {
            let problem = "the check of the configuration does not come to an end".to_owned();
            let hint = "a source or a file system may hang; `supervisor doctor` looks at them";
            self.reject(problem, Some(hint.to_owned()));
        }
        if let Some(mut under_way) = self.reloader.under_way.take() {
            let course = &mut under_way.course;
            let actions = course.step(now, |index| self.units.standing(index));
            self.units.carry_out(&actions, &under_way.works);
            if self.reloader.tell(state_of(course.phase())) {
                self.changed = true;
                self.on_phase(&under_way);
            }
            if !under_way.course.is_over() {
                self.reloader.under_way = Some(under_way);
            }
        }
        if self.reloader.is_asked_again && !self.reloader.is_busy() {
            self.reloader.is_asked_again = false;
            self.on_reload_signal();
        }
    }

    fn on_phase(&mut self, under_way: &UnderWay) {
        let UnderWay {
            candidate, course, ..
        } = under_way;
        let problem = course.problem().unwrap_or_default();
        match state_of(course.phase()) {
            ReloadState::Trial => {
                let trial_s = candidate.setup.config.restart.trial_s;
                tracing::info!(
                    "reload: the first worker with the new model serves; trial of {trial_s} s"
                );
            }
            ReloadState::Reverting => {
                tracing::error!("reload: {problem}; everything is brought back as it was");
                let setup = self.reloader.setup().clone();
                self.apply_in_place(&setup);
                self.reloader.explain(problem.to_owned(), None);
            }
            ReloadState::Applied => {
                let changes = self.told(candidate, |_| String::new());
                self.reloader.list(changes);
                self.reloader.set_setup(candidate.setup.clone());
                self.units.settle();
                tracing::info!("reload: done");
            }
            ReloadState::Reverted => {
                let stuck = course.stuck();
                let changes = self.told(candidate, |index| {
                    let stuck = stuck.iter().find(|(unit, _)| *unit == index);
                    stuck.map_or("as before".to_owned(), |(_, why)| {
                        format!("could not be brought back: {why}")
                    })
                });
                self.reloader.list(changes);
                let hint = "what was before is in force; `supervisor postmortem` shows what a \
                            process that died held";
                self.reloader
                    .explain(problem.to_owned(), Some(hint.to_owned()));
                self.units.settle();
                tracing::error!("reload: everything is as it was, because {problem}");
            }
            _ => {}
        }
    }

    /// What became of each unit; `instead` says it for those that were to be replaced, unless it
    /// is empty.
    fn told(&self, candidate: &Candidate, instead: impl Fn(usize) -> String) -> Vec<UnitChange> {
        let Candidate { changes, model, .. } = candidate;
        let is_other_file = |role| {
            let present = self.model.as_ref().map(|present| &present.sha256);
            role == Role::Infer && present.is_some_and(|present| *present != model.sha256)
        };
        let outcome = |index: usize, role: Role, source: Option<usize>| {
            let keys: Vec<&str> = replacing(changes, role, source).collect();
            let instead = instead(index);
            if keys.is_empty() && is_other_file(role) {
                "unchanged; its manifest has other contents now, `supervisor restart infer` uses them"
                    .to_owned()
            } else if keys.is_empty() {
                "unchanged".to_owned()
            } else if !instead.is_empty() {
                instead
            } else if role == Role::Infer {
                let (name, profile) = (&model.name, &model.profile);
                format!("replaced ({}): model {name} ({profile})", keys.join(", "))
            } else {
                format!("replaced ({})", keys.join(", "))
            }
        };
        let units = self.units.facts().enumerate();
        let mut told: Vec<UnitChange> = units
            .map(|(index, (name, role, source))| UnitChange {
                unit: name.to_owned(),
                outcome: outcome(index, role, source),
            })
            .collect();
        let in_place = [Concern::InPlace, Concern::Room];
        let keys = changes.iter().filter(|c| in_place.contains(&c.concern));
        let keys: Vec<&str> = keys.map(|change| change.key.as_str()).collect();
        if !keys.is_empty() {
            let instead = instead(usize::MAX);
            let outcome = if instead.is_empty() {
                format!("changed in place ({})", keys.join(", "))
            } else {
                instead
            };
            let unit = "supervisor".to_owned();
            told.push(UnitChange { unit, outcome });
        }
        told
    }
}

/// Keys of the changes that replace a unit of that role.
fn replacing(changes: &[Change], role: Role, source: Option<usize>) -> impl Iterator<Item = &str> {
    let concerned = changes
        .iter()
        .filter(move |change| change.concern.replaces(role, source));
    concerned.map(|change| change.key.as_str())
}
