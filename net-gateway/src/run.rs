//! The gateway from its assignment to its end, on one screen.
//!
//! Three threads, and one that looks after the certificate if there is one: this one is the pump, which turns whenever something happens in the segment;
//! another runs the async side ([`crate::server`]), where all the clients are; the third makes
//! pictures in other forms ([`crate::rendition`]) while somebody wants some. The pump beats only if
//! the others also came on since: a gateway of which any part hangs is restarted.
//! Neighbours: [`crate::pump`] upstream of the clients, [`crate::hub`] between the two threads.

use crate::access::Access;
use crate::clients::ClientLimits;
use crate::gatekeeper::Gatekeeper;
use crate::hub::Hub;
use crate::limits::Limits;
use crate::pump::Pump;
use crate::push::reports::Reports;
use crate::push::{Desk, Press};
use crate::rtp::Output;
use crate::server::{self, Listeners};
use crate::tls::{self, keeper::Keeper};
use crate::traffic::Figures;
use shm_layout::MonotonicNs;
use shm_layout::control::{
    Assignment, EndedSession, FD_HTTP, FD_HTTP_UNIX, FD_WIRE, FromWorker, GatewayAssignment,
    TrafficReport,
};
use shm_layout::exit::ExitReason;
use shm_layout::process_table::{Counter, Stage};
use shm_layout::worker::{Worker, WorkerFailure};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

/// Longest sleep of the pump: the heartbeat's tick, and the price of a wake-up that got lost.
const TICK: Duration = Duration::from_millis(100);
/// How often the supervisor hears what the gateway carries.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Where the kernel tells the machine's name. Source: proc_sys_kernel(5).
const HOSTNAME_FILE: &str = "/proc/sys/kernel/hostname";
/// Longest time for which the renditions' thread may be at one picture. The largest that clients may
/// push, of as many scans as are let in, takes a small and busy machine longer than the watchdog waits
/// for a heartbeat; nobody but who asked for that form has to wait for it.
const PICTURE_TIME_MAX: Duration = Duration::from_secs(5);
/// Stack of each of the other threads; what they need lies on the heap.
const STACK_BYTES: usize = 512 * 1024;

/// Serves until the worker is asked to drain.
///
/// # Errors
///
/// [`WorkerFailure`] when the assignment does not fit the segment, or a listener is missing.
pub fn run(worker: &Worker) -> Result<(), WorkerFailure> {
    let Assignment::Gateway(assignment) = worker.assignment() else {
        return Err(WorkerFailure::bug("the assignment is not for a gateway"));
    };
    let names = assignment.sources.iter().map(|source| source.name.as_str());
    let access = Access::new(&assignment.trusted_proxies, &assignment.cors_origins)
        .map_err(|error| WorkerFailure::bug(format!("trusted_proxies: {error}")))?;
    let hub = Hub::new(names, limits(assignment))
        .with_access(access)
        .with_gatekeeper(gatekeeper(worker, assignment)?)
        .with_steady((*assignment.steady).clone())
        .with_desk(Desk::new(&assignment.sources))
        .with_outputs(assignment.rtp.iter().cloned().map(Output::new));
    let press = Press::new(worker.segment(), hub.desk().take_orders());
    let hub = Arc::new(hub);
    let keeper = keeper(assignment)?;
    let listeners = Listeners {
        http: worker.take_listener(FD_HTTP)?,
        wire: worker.take_listener(FD_WIRE)?,
        http_unix: match assignment.has_http_unix {
            true => Some(worker.take_unix_listener(FD_HTTP_UNIX)?),
            false => None,
        },
        keeper: keeper.clone(),
    };
    let pump = Pump::new(worker.segment(), worker.place(), &hub)?;
    let activity = worker.segment().activity_event();
    std::thread::scope(|scope| {
        let serving = std::thread::Builder::new()
            .name("clients".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || {
                server::serve(&hub, listeners, move || activity.signal(), press)
            })
            .map_err(broken)?;
        std::thread::Builder::new()
            .name("renditions".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || hub.studio().work(&hub))
            .map_err(broken)?;
        // Its end is told by dropping it.
        let (_watching, end) = channel();
        if let Some(keeper) = keeper {
            let tell = |report| {
                worker.send(FromWorker::Certificate(report));
            };
            tell(keeper.report());
            std::thread::Builder::new()
                .name("certificate".to_owned())
                .stack_size(STACK_BYTES)
                .spawn_scoped(scope, move || keeper.watch(&end, tell))
                .map_err(broken)?;
        }
        turn_until_drained(worker, &hub, pump, || serving.is_finished());
        hub.stop();
        match serving.join() {
            Ok(served) => served.map_err(broken),
            Err(_panic) => Err(WorkerFailure::bug("the clients' thread panicked")),
        }
    })
}

/// The pump's loop. It ends early if the clients' thread did, which then says why.
fn turn_until_drained(
    worker: &Worker,
    hub: &Hub,
    mut pump: Pump<'_>,
    has_server_ended: impl Fn() -> bool,
) {
    let activity = worker.segment().activity_event();
    let mut life = Life {
        worker,
        hub,
        pulse: 0,
        studio: (false, 0),
        studio_since: MonotonicNs::now(),
    };
    let mut last_report = MonotonicNs::now();
    let mut pushed = Reports::default();
    while !worker.should_drain() && !has_server_ended() {
        let seen = activity.observe();
        life.pass_on(Stage::Publishing);
        if let Some(status) = worker.box_status() {
            hub.status().set(status);
        }
        let turned = pump.turn(MonotonicNs::now(), || life.pass_on(Stage::Publishing));
        worker.count(Counter::CorruptFrames, turned.corrupt);
        pass_on_orders_and_logins(worker, hub);
        let now = MonotonicNs::now();
        for report in pushed.due(hub.desk(), now) {
            worker.send(FromWorker::Source(report));
        }
        if now.since(last_report) >= REPORT_EVERY {
            last_report = now;
            worker.send(FromWorker::Traffic(report(hub, pump.figures(now))));
        }
        if !turned.is_unfinished {
            life.pass_on(Stage::Waiting);
            activity.wait(seen, TICK);
        }
    }
}

/// Tells the supervisor what clients ordered and which logins ended, and hears of logins that ended
/// at other gateways.
fn pass_on_orders_and_logins(worker: &Worker, hub: &Hub) {
    for order in hub.orders().take() {
        worker.send(FromWorker::Order(order));
    }
    let gatekeeper = hub.gatekeeper();
    let ended = gatekeeper.take_ended();
    hub.end_logins(&ended);
    let is_untold = |session: &EndedSession| !worker.send(FromWorker::SessionEnded(*session));
    gatekeeper.told_all_but(ended.into_iter().filter(is_untold).collect());
    let elsewhere = worker.take_ended_sessions();
    gatekeeper.end_elsewhere(&elsewhere);
    hub.end_logins(&elsewhere);
}

fn gatekeeper(
    worker: &Worker,
    assignment: &GatewayAssignment,
) -> Result<Gatekeeper, WorkerFailure> {
    let machine = std::fs::read_to_string(HOSTNAME_FILE).ok();
    let (rules, instance) = (&assignment.access, assignment.instance.as_str());
    let gatekeeper = Gatekeeper::new(rules, instance, machine.as_deref(), worker.sessions());
    gatekeeper.map_err(|error| WorkerFailure::bug(format!("no random numbers: {error}")))
}

/// The heartbeat of the gateway: the pump's, as long as the clients' thread turns too and the
/// renditions' thread is not at one picture all the time.
struct Life<'w> {
    worker: &'w Worker,
    hub: &'w Hub,
    /// The clients' thread's last pulse that was passed on; 0 = none yet.
    pulse: u64,
    /// Whether the renditions' thread was busy at the last look, and its pulse; and since when.
    studio: (bool, u64),
    studio_since: MonotonicNs,
}

impl Life<'_> {
    /// The pump goes on with `stage`.
    fn pass_on(&mut self, stage: Stage) {
        let (pulse, studio) = (self.hub.pulse(), self.hub.studio().pulse());
        let now = MonotonicNs::now();
        if studio != self.studio {
            (self.studio, self.studio_since) = (studio, now);
        }
        let is_studio_stuck = studio.0 && now.since(self.studio_since) > PICTURE_TIME_MAX;
        if pulse == self.pulse || is_studio_stuck {
            return self.worker.enter(stage);
        }
        if self.pulse == 0 {
            self.worker.ready();
        }
        self.pulse = pulse;
        self.worker.beat(stage);
    }
}

fn report(hub: &Hub, figures: Figures) -> TrafficReport {
    TrafficReport {
        clients: hub.clients().connected_total() as usize,
        predictions_per_s: figures.predictions_per_s,
        latency_ms_p50: figures.latency_ms_p50,
        latency_ms_p99: figures.latency_ms_p99,
    }
}

/// The certificate, if clients are to begin with TLS.
fn keeper(assignment: &GatewayAssignment) -> Result<Option<Arc<Keeper>>, WorkerFailure> {
    let keeper = assignment.tls.as_ref().map(|files| {
        let may_lack = assignment.may_lack_certificate;
        let keeper = Keeper::new(files, tls::provider(), may_lack);
        keeper.map(Arc::new).map_err(|error| {
            // Not for good: the supervisor has seen it whole, and it may be replaced just now.
            WorkerFailure::new(ExitReason::Unavailable, error.to_string()).hint(error.hint())
        })
    });
    keeper.transpose()
}

fn limits(assignment: &GatewayAssignment) -> Limits {
    let clients = ClientLimits {
        max_clients: assignment.max_clients,
        max_clients_per_address: assignment.max_clients_per_address,
    };
    Limits {
        clients,
        write_timeout: Duration::from_millis(assignment.write_timeout_ms),
        notice_after: Duration::from_millis(assignment.notice_after_ms),
        staleness_max: Duration::from_millis(assignment.staleness_ms),
        max_renditions: assignment.max_renditions,
        jpeg_quality: assignment.jpeg_quality,
    }
}

fn broken(error: io::Error) -> WorkerFailure {
    WorkerFailure::bug(format!("cannot serve clients: {error}"))
}
