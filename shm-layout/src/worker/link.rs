//! A worker's end of the control channel, and everything that can ask it to drain.
//!
//! Two threads, neither of which ever touches a frame: one receives, one sends. Sending over
//! ipc-channel blocks on a peer that does not read, so the work loop only ever puts a report into
//! a bounded queue.

use super::report::{WorkerFailure, set_log_level};
use crate::Generation;
use crate::clock::MonotonicNs;
use crate::control::{BoxStatus, EndedSession, FromWorker, Hello, Start, ToWorker};
use crate::exit::ExitReason;
use crate::layout::LAYOUT_HASH;
use ipc_channel::ipc::{self, IpcReceiver, IpcSender};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Reports that may wait for the supervisor to read them.
const REPORTS_MAX: usize = 64;

/// The control channel of one worker.
#[derive(Debug)]
pub(super) struct Link {
    drain: Arc<AtomicBool>,
    /// When the supervisor was found gone, ns; 0 = it is there.
    orphaned_ns: Arc<AtomicU64>,
    orphan_grace_ms: Arc<AtomicU64>,
    reports: SyncSender<FromWorker>,
    status: Arc<Mutex<Option<Arc<BoxStatus>>>>,
    ended_sessions: Arc<Mutex<Vec<EndedSession>>>,
    /// When the last message came, ns; 0 = none yet.
    heard_ns: Arc<AtomicU64>,
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
            Ok(ToWorker::Start(start)) => *start,
            Ok(other) => return Err(WorkerFailure::bug(format!("first message was {other:?}"))),
            Err(error) => return Err(broken(&error)),
        };
        let (reports, queue) = sync_channel(REPORTS_MAX);
        let link = Self {
            drain,
            orphaned_ns: Arc::default(),
            orphan_grace_ms: Arc::new(AtomicU64::new(start.orphan_grace_ms)),
            reports,
            status: Arc::default(),
            ended_sessions: Arc::default(),
            heard_ns: Arc::default(),
        };
        link.spawn_threads(inbox, outbox, queue)
            .map_err(|e| broken(&e))?;
        Ok((link, start))
    }

    fn spawn_threads(
        &self,
        inbox: IpcReceiver<ToWorker>,
        outbox: IpcSender<FromWorker>,
        queue: Receiver<FromWorker>,
    ) -> std::io::Result<()> {
        let (drain, status) = (Arc::clone(&self.drain), Arc::clone(&self.status));
        let ended_sessions = Arc::clone(&self.ended_sessions);
        let heard_ns = Arc::clone(&self.heard_ns);
        let orphaned_ns = Arc::clone(&self.orphaned_ns);
        let orphan_grace_ms = Arc::clone(&self.orphan_grace_ms);
        let thread = |name: &str| {
            std::thread::Builder::new()
                .name(name.into())
                .stack_size(1 << 17)
        };
        thread("control-in").spawn(move || {
            let news = (&*status, &*ended_sessions);
            receive(&inbox, &heard_ns, &drain, news, &orphan_grace_ms);
            // ORDERING: Relaxed - flags; nothing else is read through them.
            if !drain.load(Ordering::Relaxed) {
                let grace = Duration::from_millis(orphan_grace_ms.load(Ordering::Relaxed));
                tracing::warn!("the supervisor is gone; draining in {grace:?} if no other comes");
                orphaned_ns.store(MonotonicNs::now().0, Ordering::Relaxed);
            }
        })?;
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

    /// Whether the supervisor that started this worker is gone.
    pub(super) fn is_orphan(&self) -> bool {
        // ORDERING: Relaxed - see `spawn_threads`.
        self.orphaned_ns.load(Ordering::Relaxed) != 0
    }

    /// Whether the supervisor is gone and no other has come, given the last sign of life of one
    /// that did. Once it is so, the worker drains.
    pub(super) fn is_abandoned(&self, supervisor_beat: MonotonicNs) -> bool {
        // ORDERING: Relaxed - see `spawn_threads`.
        let orphaned = MonotonicNs(self.orphaned_ns.load(Ordering::Relaxed));
        let grace = Duration::from_millis(self.orphan_grace_ms.load(Ordering::Relaxed));
        let now = MonotonicNs::now();
        orphaned.0 != 0 && is_over(orphaned, supervisor_beat, now, grace)
    }

    /// When the supervisor last said something that this process took in.
    pub(super) fn heard(&self) -> MonotonicNs {
        // ORDERING: Relaxed - a stamp.
        MonotonicNs(self.heard_ns.load(Ordering::Relaxed))
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

    pub(super) fn take_ended_sessions(&self) -> Vec<EndedSession> {
        let waiting = self.ended_sessions.lock();
        std::mem::take(&mut *waiting.unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether the grace of a worker that was orphaned at `orphaned` is over. It counts from the last
/// sign of life of whoever took over; one from the future is none.
fn is_over(
    orphaned: MonotonicNs,
    supervisor_beat: MonotonicNs,
    now: MonotonicNs,
    grace: Duration,
) -> bool {
    let alone_since = if supervisor_beat > now {
        orphaned
    } else {
        orphaned.max(supervisor_beat)
    };
    now.since(alone_since) >= grace
}

/// Takes in what the supervisor says; ends when it is gone.
fn receive(
    inbox: &IpcReceiver<ToWorker>,
    heard_ns: &AtomicU64,
    drain: &AtomicBool,
    (status, ended_sessions): (&Mutex<Option<Arc<BoxStatus>>>, &Mutex<Vec<EndedSession>>),
    orphan_grace_ms: &AtomicU64,
) {
    while let Ok(message) = inbox.recv() {
        heard_ns.store(MonotonicNs::now().0, Ordering::Relaxed);
        match message {
            ToWorker::Ping => {}
            ToWorker::Drain => drain.store(true, Ordering::Relaxed),
            ToWorker::Status(newest) => {
                *status.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::from(newest));
            }
            ToWorker::SessionsEnded(ended) => {
                let mut waiting = ended_sessions
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                waiting.extend(ended);
            }
            ToWorker::Settings(settings) => {
                // ORDERING: Relaxed - a number; nothing else is read through it.
                orphan_grace_ms.store(settings.orphan_grace_ms, Ordering::Relaxed);
                set_log_level(&settings.log_level);
            }
            ToWorker::Start(_) => tracing::warn!("a second assignment was ignored"),
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

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(5);

    fn over(orphaned_s: u64, beat_s: u64, now_s: u64) -> bool {
        let at = |s: u64| MonotonicNs(s * 1_000_000_000);
        is_over(at(orphaned_s), at(beat_s), at(now_s), GRACE)
    }

    #[test]
    fn orphan_goes_on_as_long_as_a_supervisor_gives_signs_of_life() {
        assert!(!over(100, 99, 104));
        assert!(over(100, 99, 105), "nobody came");
        assert!(!over(100, 110, 114), "somebody came");
        assert!(over(100, 110, 115), "and was killed too");
        assert!(over(100, 1_000, 105), "a stamp from the future is none");
    }
}
