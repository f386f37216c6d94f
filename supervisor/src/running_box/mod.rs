//! The event loop of a running box: takes every event, keeps the status, stops in order.
//!
//! Upstream: [`crate::run`] sets it up. Downstream: [`Units`] acts on processes. Only this loop
//! decides; every other thread just tells it what happened. `reloading` applies a changed
//! configuration, `requests` answers what is asked of the box.

mod reloading;
mod requests;

use crate::certificate::Renewal;
use crate::config::{BlackBox, Config};
use crate::drain::{Drain, Step};
use crate::event::{Event, Whose};
use crate::herald::Herald;
use crate::instance::Instance;
use crate::listeners::Listeners;
use crate::page_address;
use crate::reload::Reloader;
use crate::sources::Source;
use crate::status::{Facts, box_state, line, missing, summary};
use crate::terminal::Terminal;
use crate::unit::death::Death;
use crate::units::Units;
use shm_layout::MonotonicNs;
use shm_layout::control::{
    Assignment, BoxState, BoxStatus, CertificateInfo, CertificateReport, FromWorker, ModelInfo,
    SourceReport, SourceState, TrafficReport,
};
use std::net::SocketAddr;
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// How often time is let pass: restarts that wait, watchdog, deadlines.
const TICK: Duration = Duration::from_millis(100);

/// How often the status goes out even if nothing changed.
const STATUS_EVERY: Duration = Duration::from_secs(1);

/// What stays the same while the box runs.
#[derive(Debug)]
pub struct Identity {
    instance: String,
    infer_workers: usize,
    began: MonotonicNs,
}

impl Identity {
    /// The box as it begins now.
    #[must_use]
    pub fn new(instance: &Instance, infer_workers: usize) -> Self {
        Self {
            instance: instance.name().to_owned(),
            infer_workers,
            began: MonotonicNs::now(),
        }
    }
}

/// A box that runs.
#[derive(Debug)]
pub struct RunningBox<'s> {
    identity: Identity,
    units: Units<'s>,
    sources: Vec<Source>,
    model: Option<ModelInfo>,
    /// What a successor loaded that has not taken over yet.
    next_model: Option<(Whose, ModelInfo)>,
    traffic: TrafficReport,
    reloader: Reloader,
    /// The certificate that clients get; the gateway tells when that changes.
    certificate: CertificateReport,
    renewal: Renewal,
    /// Where black boxes go now.
    black_box: BlackBox,
    drain: Option<Drain>,
    drain_limit: Duration,
    state: BoxState,
    was_ready: bool,
    changed: bool,
    status_sent: MonotonicNs,
    herald: Herald,
}

impl<'s> RunningBox<'s> {
    /// A box whose units are all down.
    #[must_use]
    pub fn new(
        identity: Identity,
        units: Units<'s>,
        reloader: Reloader,
        (certificate, renewal): (Option<CertificateInfo>, Renewal),
    ) -> Self {
        let Config {
            sources,
            watchdog,
            black_box,
            ..
        } = &reloader.setup().config;
        let now = MonotonicNs::now();
        Self {
            identity,
            units,
            sources: sources
                .iter()
                .map(|source| Source::new(source, now))
                .collect(),
            model: None,
            next_model: None,
            traffic: TrafficReport::default(),
            drain: None,
            drain_limit: Duration::from_millis(watchdog.drain_ms),
            black_box: black_box.clone(),
            reloader,
            certificate: CertificateReport {
                info: certificate,
                problem: None,
            },
            renewal,
            state: BoxState::Starting,
            was_ready: false,
            changed: false,
            status_sent: MonotonicNs(0),
            herald: Herald::find(),
        }
    }

    /// Starts every unit and serves until the box has stopped.
    pub fn serve(mut self, inbox: &Receiver<Event>) {
        self.units.start_all();
        let mut last_tick = MonotonicNs::now();
        while !self.has_stopped() {
            let rest = TICK.saturating_sub(MonotonicNs::now().since(last_tick));
            // The queue cannot be closed: the units hold a sender.
            if let Ok(event) = inbox.recv_timeout(rest) {
                self.on_event(event);
            }
            if MonotonicNs::now().since(last_tick) >= TICK {
                last_tick = MonotonicNs::now();
                self.herald.turned(last_tick);
                self.units.launcher().segment().beat_supervisor();
                self.units.tick();
                if self.drain.is_none() {
                    self.units.go_on_replacing();
                    self.units.replace_adopted();
                    self.go_on_reloading();
                    let config = &self.reloader.setup().config;
                    self.renewal.turn(config, last_tick);
                }
            }
            self.tell();
        }
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Exited(whose, death) => self.on_exit(whose, death),
            Event::Report(whose, report) => self.on_report(whose, report),
            Event::StopSignal => match &mut self.drain {
                None => self.begin_drain(),
                Some(drain) => {
                    if drain.hurry(MonotonicNs::now()) {
                        tracing::warn!("asked to stop again: killing what still runs");
                    }
                }
            },
            Event::ReloadSignal => self.on_reload_signal(),
            Event::Reread(number, outcome) => self.on_reread(number, *outcome),
            Event::Request(request, answer) => {
                let reply = self.on_request(request);
                // Whoever asked may have gone.
                let _gone = answer.try_send(reply);
            }
        }
    }

    fn on_exit(&mut self, whose: Whose, death: Death) {
        let now = MonotonicNs::now();
        match self.units.assignment(whose) {
            Some(Assignment::Capture(work)) => {
                if let Some(source) = self.sources.get_mut(work.source) {
                    source.abandoned(now);
                }
            }
            Some(Assignment::Gateway(_)) if self.units.serves(whose) => {
                self.traffic = TrafficReport::default();
                for source in self.sources.iter_mut().filter(|source| source.is_pushed()) {
                    source.abandoned(now);
                }
            }
            _ => {}
        }
        self.units.on_exit(whose, death);
    }

    fn on_report(&mut self, whose: Whose, report: FromWorker) {
        let Some(assignment) = self.units.assignment(whose) else {
            return;
        };
        match (report, assignment) {
            (FromWorker::Ready, _) => {
                self.units.on_ready(whose);
                self.units.tell_ended_sessions();
                if let Some((_, model)) = self.next_model.take_if(|(next, _)| *next == whose) {
                    self.model = Some(model);
                }
            }
            (FromWorker::Source(report), Assignment::Capture(work))
                if work.source == report.source =>
            {
                self.on_source(report);
            }
            (FromWorker::Source(report), Assignment::Gateway(work))
                if work.pushed_sources().contains(report.source) =>
            {
                // Of two gateways each knows its own clients only; who serves says it again soon.
                if self.units.serves(whose) {
                    self.on_source(report);
                }
            }
            (FromWorker::Model(model), Assignment::Infer(_)) => {
                if self.units.serves(whose) {
                    self.changed |= self.model.as_ref() != Some(&model);
                    self.model = Some(model);
                } else {
                    self.next_model = Some((whose, model));
                }
            }
            (FromWorker::Pace { frame_ms }, Assignment::Infer(_)) => {
                self.units.note_pace(whose, frame_ms);
            }
            (FromWorker::Traffic(traffic), Assignment::Gateway(_)) => {
                if self.units.serves(whose) {
                    self.traffic = traffic;
                }
            }
            (FromWorker::SessionEnded(ended), Assignment::Gateway(_)) => self.on_logout(ended),
            (FromWorker::Order(order), Assignment::Gateway(_)) => self.on_order(order),
            (FromWorker::Certificate(certificate), Assignment::Gateway(_)) => {
                // One that is about to serve says it as well as one that does.
                self.certificate = certificate;
                self.changed = true;
            }
            (report, _) => tracing::warn!("a worker reported what is not its own: {report:?}"),
        }
    }

    fn on_source(&mut self, report: SourceReport) {
        let Some(source) = self.sources.get_mut(report.source) else {
            return;
        };
        let (state, detail) = (report.state, report.detail.clone());
        if !source.report(report, MonotonicNs::now()) {
            return;
        }
        self.changed = true;
        let name = source.name();
        match state {
            SourceState::Live => tracing::info!("source {name} live: {detail}"),
            SourceState::Lost => tracing::warn!("source {name} lost: {detail}"),
            SourceState::Ended => tracing::info!("source {name} ended: {detail}"),
            SourceState::Waiting => tracing::info!("source {name} {detail}"),
            SourceState::Starting => tracing::debug!("source {name} starting: {detail}"),
        }
    }

    fn begin_drain(&mut self) {
        if self.drain.is_none() {
            tracing::info!("stopping");
            self.units.retire_all();
            self.reloader.under_way = None;
            self.drain = Some(Drain::new(MonotonicNs::now(), self.drain_limit));
            self.changed = true;
        }
    }

    /// Takes the next steps of a stop that is under way; true once nothing runs any more.
    fn has_stopped(&mut self) -> bool {
        let Some(drain) = &mut self.drain else {
            return false;
        };
        loop {
            match drain.next(MonotonicNs::now(), |role| self.units.runs(role)) {
                Step::Ask(role) => self.units.stop(role),
                Step::Wait => return false,
                Step::KillAll => {
                    self.units.kill_all();
                    return false;
                }
                Step::Done => return true,
            }
        }
    }

    /// Tells everybody who wants to know how the box is doing: at every change and once a second.
    fn tell(&mut self) {
        let now = MonotonicNs::now();
        let due = now.since(self.status_sent) >= STATUS_EVERY;
        let changed = self.units.take_changed() | std::mem::take(&mut self.changed);
        if !due && !changed {
            return;
        }
        if due {
            self.status_sent = now;
            self.count(now);
        }
        let status = self.status();
        self.was_ready |= status.state == BoxState::Ready;
        // A restart that is over before anybody noticed is told of by its unit only.
        let lasting = due || !matches!(status.state, BoxState::Degraded);
        if status.state != self.state && lasting {
            self.state = status.state;
            match status.state {
                BoxState::Ready => {
                    let page = page_address::of(&status);
                    tracing::info!("box is ready: {page}  wire {}", status.wire);
                }
                BoxState::Degraded => {
                    tracing::warn!("box is degraded ({}); the rest goes on", missing(&status));
                }
                BoxState::Starting => {}
                BoxState::Stopping => Terminal::get().live(String::new()),
            }
        }
        if lasting {
            self.herald.tell(status.state, || line(&status));
        }
        self.units.tell_gateway(&status);
        if due && matches!(status.state, BoxState::Ready | BoxState::Degraded) {
            Terminal::get().live(summary(&status));
        }
    }

    fn count(&mut self, now: MonotonicNs) {
        let segment = self.units.launcher().segment();
        for (index, source) in self.sources.iter_mut().enumerate() {
            let predictions = segment.predictions(index).map_or(0, |slot| slot.count());
            source.count(segment.newest(index), predictions, now);
            let demand = segment.demand(index);
            source.note_demand(demand.is_ok_and(|demand| demand.holds(now)));
        }
    }

    /// Whether the gateway that serves wants TLS of its clients.
    fn has_tls(&self) -> bool {
        self.reloader.setup().config.tls.enabled
    }

    fn status(&self) -> BoxStatus {
        let now = MonotonicNs::now();
        let listeners = self.units.listeners();
        let address = |of: fn(&Listeners) -> SocketAddr| {
            listeners.map_or_else(String::new, |listeners| of(listeners).to_string())
        };
        // Whether clients push is up to them; it makes the box no better or worse.
        let own = || self.sources.iter().filter(|source| !source.is_pushed());
        let states = || own().map(Source::state);
        let opening = !self.was_ready && states().any(|state| state == SourceState::Starting);
        let facts = Facts {
            stopping: self.drain.is_some(),
            starting: self.units.are_starting() || (opening && self.units.are_ready()),
            units_ready: self.units.are_ready(),
            lets_in: !self.has_tls() || self.certificate.info.is_some(),
        };
        BoxStatus {
            instance: self.identity.instance.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            state: box_state(facts, states()),
            uptime_ms: now.since(self.identity.began).as_millis() as u64,
            http: address(Listeners::http_address),
            wire: address(Listeners::wire_address),
            http_unix: listeners
                .and_then(|listeners| listeners.http_unix_path())
                .map(|path| path.display().to_string()),
            tls: self.certificate.info.clone().filter(|_| self.has_tls()),
            tls_problem: self.certificate.problem.clone().filter(|_| self.has_tls()),
            units: self.units.statuses(now),
            sources: self
                .sources
                .iter()
                .map(|source| source.status(now))
                .collect(),
            model: self.model.clone(),
            infer_workers: self.identity.infer_workers,
            traffic: self.traffic,
            reload: self.reloader.status(now),
        }
    }
}
