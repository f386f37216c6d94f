//! A worker's end of the control channel, and everything that can ask it to drain.
//!
//! Two threads, neither of which ever touches a frame: one receives, one sends. Sending over
//! ipc-channel blocks on a peer that does not read, so the work loop only ever puts a report into
//! a bounded queue.

use super::report::WorkerFailure;
use crate::Generation;
use crate::control::{BoxStatus, FromWorker, Hello, Start, ToWorker};
use crate::exit::ExitReason;
use crate::layout::LAYOUT_HASH;
use ipc_channel::ipc::{self, IpcReceiver, IpcSender};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Reports that may wait for the supervisor to read them.
const REPORTS_MAX: usize = 64;

/// The control channel of one worker.
#[derive(Debug)]
pub(super) struct Link {
    drain: Arc<AtomicBool>,
    reports: SyncSender<FromWorker>,
    status: Arc<Mutex<Option<Arc<BoxStatus>>>>,
}

impl Link {
    /// Connects to the supervisor's one-shot server and waits for the assignment.
    pub(super) fn connect(
        server: &str,
        generation: Generation,
    ) -> Result<(Self, Start), WorkerFailure> {
        let drain = drain_on_signals()?;
        let (commands, inbox) = ipc::channel::<ToWorker>().map_err(|e| broken(&e))?;
        let (outbox, reports) = ipc::channel::<FromWorker>().map_err(|e| broken(&e))?;
        let hello = Hello::Worker {
            pid: std::process::id(),
            generation: generation.0,
            layout_hash: LAYOUT_HASH,
            commands,
            reports,
        };
        let server = IpcSender::connect(server.to_owned()).map_err(|e| broken(&e))?;
        server.send(hello).map_err(|e| broken(&e))?;
        let start = match inbox.recv() {
            Ok(ToWorker::Start(start)) => start,
            Ok(other) => return Err(WorkerFailure::bug(format!("first message was {other:?}"))),
            Err(error) => return Err(broken(&error)),
        };
        let (reports, queue) = sync_channel(REPORTS_MAX);
        let link = Self {
            drain,
            reports,
            status: Arc::default(),
        };
        link.spawn_threads(
            inbox,
            outbox,
            queue,
            Duration::from_millis(start.orphan_grace_ms),
        )
        .map_err(|e| broken(&e))?;
        Ok((link, start))
    }

    fn spawn_threads(
        &self,
        inbox: IpcReceiver<ToWorker>,
        outbox: IpcSender<FromWorker>,
        queue: Receiver<FromWorker>,
        orphan_grace: Duration,
    ) -> std::io::Result<()> {
        let (drain, status) = (Arc::clone(&self.drain), Arc::clone(&self.status));
        let thread = |name: &str| {
            std::thread::Builder::new()
                .name(name.into())
                .stack_size(1 << 17)
        };
        thread("control-in").spawn(move || receive(&inbox, &drain, &status, orphan_grace))?;
        thread("control-out").spawn(move || {
            // Ends when the work loop drops its end, or the supervisor is gone.
            queue.into_iter().try_for_each(|report| outbox.send(report))
        })?;
        Ok(())
    }

    pub(super) fn should_drain(&self) -> bool {
        // ORDERING: Relaxed - a request; nothing else is read through it.
        self.drain.load(Ordering::Relaxed)
    }

    pub(super) fn send(&self, report: FromWorker) -> bool {
        self.reports.try_send(report).is_ok()
    }

    pub(super) fn box_status(&self) -> Option<Arc<BoxStatus>> {
        self.status
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn receive(
    inbox: &IpcReceiver<ToWorker>,
    drain: &AtomicBool,
    status: &Mutex<Option<Arc<BoxStatus>>>,
    orphan_grace: Duration,
) {
    loop {
        match inbox.recv() {
            Ok(ToWorker::Drain) => drain.store(true, Ordering::Relaxed),
            Ok(ToWorker::Status(newest)) => {
                *status.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::from(newest));
            }
            Ok(ToWorker::Start(_)) => tracing::warn!("a second assignment was ignored"),
            Err(_) if drain.load(Ordering::Relaxed) => return,
            Err(error) => {
                tracing::warn!("supervisor is gone ({error}); draining in {orphan_grace:?}");
                std::thread::sleep(orphan_grace);
                drain.store(true, Ordering::Relaxed);
                return;
            }
        }
    }
}

/// SIGTERM and SIGINT ask to drain; a second one ends the process at once.
fn drain_on_signals() -> Result<Arc<AtomicBool>, WorkerFailure> {
    let drain = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        let code = 128 + signal;
        flag::register_conditional_shutdown(signal, code, Arc::clone(&drain))
            .and_then(|_| flag::register(signal, Arc::clone(&drain)))
            .map_err(|error| WorkerFailure::bug(format!("cannot handle signals: {error}")))?;
    }
    Ok(drain)
}

fn broken(error: &impl std::fmt::Display) -> WorkerFailure {
    WorkerFailure::new(
        ExitReason::Unavailable,
        format!("control channel to the supervisor: {error}"),
    )
}
