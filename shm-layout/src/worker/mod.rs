//! The few lines with which every worker attaches, beats and drains.
//!
//! [`main`] is the whole `main` of a worker: log, arguments, control channel, segment, place in
//! the process table; then the worker's own `run`, then the exit code. A panic is a bug and ends
//! the process at once: restart is the recovery path.

mod arguments;
mod link;
mod report;

pub use report::WorkerFailure;

use crate::Generation;
use crate::control::{
    Assignment, BoxStatus, EndedSession, FD_SEGMENT, FD_WEIGHTS, FromWorker, Role, SessionSeed,
};
use crate::exit::ExitReason;
use crate::layout::{LAYOUT_HASH, ProcessEntry};
use crate::process_table::{self, Counter, Stage};
use crate::segment::{Access, Segment, SegmentName};
use arguments::Arguments;
use link::Link;
use std::net::TcpListener;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;
use std::process::ExitCode;
use std::sync::Arc;

/// A worker that is attached to its box.
#[derive(Debug)]
pub struct Worker {
    segment: Segment,
    name: SegmentName,
    place: usize,
    unit: String,
    generation: Generation,
    assignment: Assignment,
    sessions: Option<Box<SessionSeed>>,
    link: Link,
}

/// Arguments that ask a worker's program for its [`build`] instead of starting it.
pub const BUILD_QUESTION: [&str; 2] = ["--control", "--build"];

/// Version and memory layout of this program: programs that differ in it cannot work together.
#[must_use]
pub fn build() -> String {
    format!("{} (layout {LAYOUT_HASH:016x})", env!("CARGO_PKG_VERSION"))
}

/// Runs a worker from its command line to its exit code.
pub fn main(role: Role, run: impl FnOnce(&Worker) -> Result<(), WorkerFailure>) -> ExitCode {
    if std::env::args()
        .skip(1)
        .eq(BUILD_QUESTION.map(str::to_owned))
    {
        println!("{}", build());
        return ExitCode::SUCCESS;
    }
    report::log_to_stderr();
    report::abort_on_panic();
    let outcome = Worker::attach(role).and_then(|worker| {
        run(&worker)?;
        worker.beat(Stage::Draining);
        if worker.link.is_orphan() {
            worker.segment.leave(worker.place, &worker.name);
        }
        Ok(())
    });
    match outcome {
        Ok(()) => ExitCode::from(ExitReason::Stopped as u8),
        Err(failure) => failure.print(),
    }
}

impl Worker {
    fn attach(role: Role) -> Result<Self, WorkerFailure> {
        let arguments = Arguments::from_command_line(std::env::args().skip(1))?;
        let generation = Generation(arguments.generation);
        let (link, start) = Link::connect(&arguments.control, generation)?;
        let access = match (&start.assignment, role) {
            (Assignment::Capture(work), Role::Capture) => Access::Publish(work.source),
            (Assignment::Gateway(work), Role::Gateway) => match work.pushed_sources() {
                none if none.is_empty() => Access::Read,
                pushed => Access::Push(pushed),
            },
            (Assignment::Infer(_), Role::Infer) => Access::Read,
            _ => {
                return Err(WorkerFailure::bug(
                    "the assignment is for another kind of worker",
                ));
            }
        };
        let name = SegmentName::from_text(&arguments.segment);
        let segment = Segment::attach(&name, Some(inherited(FD_SEGMENT)), access)?;
        let place = arguments.place;
        let (pid, entry) = (std::process::id(), segment.process(place)?);
        let ticks = process_table::start_ticks(pid).unwrap_or(0);
        if !entry.attach(generation, pid, ticks) {
            return Err(WorkerFailure::bug(
                "the place in the process table went to a successor",
            ));
        }
        Ok(Self {
            name,
            place,
            unit: arguments.unit,
            generation,
            link,
            segment,
            assignment: start.assignment,
            sessions: start.sessions,
        })
    }

    /// The segment.
    #[must_use]
    pub fn segment(&self) -> &Segment {
        &self.segment
    }

    /// What to do.
    #[must_use]
    pub fn assignment(&self) -> &Assignment {
        &self.assignment
    }

    /// The logins at the gateways before this one (to the gateway only).
    #[must_use]
    pub fn sessions(&self) -> Option<&SessionSeed> {
        self.sessions.as_deref()
    }

    /// Logins that were ended elsewhere since the last call (to the gateway only).
    #[must_use]
    pub fn take_ended_sessions(&self) -> Vec<EndedSession> {
        self.link.take_ended_sessions()
    }

    /// Name of the unit, e.g. `infer/0`.
    #[must_use]
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// Number of this spawn.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Place in the process table; also the process's lease bit in every ring.
    #[must_use]
    pub fn place(&self) -> usize {
        self.place
    }

    fn entry(&self) -> Option<&ProcessEntry> {
        self.segment.process(self.place).ok()
    }

    /// Stores a heartbeat; called by the work loop on each turn and before each long stage.
    pub fn beat(&self, stage: Stage) {
        if let Some(entry) = self.entry() {
            entry.hear(self.link.heard());
            entry.beat(stage);
        }
    }

    /// Says what the work loop goes on with, without a heartbeat.
    pub fn enter(&self, stage: Stage) {
        if let Some(entry) = self.entry() {
            entry.enter(stage);
        }
    }

    /// Adds to one of the unit's counters.
    pub fn count(&self, counter: Counter, by: u64) {
        if by > 0
            && let Some(entry) = self.entry()
        {
            entry.count(counter, by);
        }
    }

    /// Value of one of the unit's counters, over all its generations.
    #[must_use]
    pub fn counted(&self, counter: Counter) -> u64 {
        self.entry().map_or(0, |entry| entry.counted(counter))
    }

    /// Whether to finish: asked by the supervisor or a signal, or orphaned for too long.
    #[must_use]
    pub fn should_drain(&self) -> bool {
        self.link.should_drain() || self.link.is_abandoned(self.segment.supervisor_beat())
    }

    /// Tells the supervisor that this worker works now.
    pub fn ready(&self) {
        self.beat(Stage::Waiting);
        self.send(FromWorker::Ready);
    }

    /// Sends a report to the supervisor. Never waits: a report that finds the queue full is
    /// dropped and counted, and gives false.
    pub fn send(&self, report: FromWorker) -> bool {
        let is_sent = self.link.send(report);
        if !is_sent {
            self.count(Counter::DroppedReports, 1);
        }
        is_sent
    }

    /// The newest status of the box that the supervisor sent (to the gateway only).
    #[must_use]
    pub fn box_status(&self) -> Option<Arc<BoxStatus>> {
        self.link.box_status()
    }

    /// Takes a listener that the supervisor bound and handed over: `control::FD_HTTP` or
    /// `FD_WIRE`. Once for each.
    ///
    /// # Errors
    ///
    /// A bug: nothing was handed over on that descriptor.
    pub fn take_listener(&self, fd: RawFd) -> Result<TcpListener, WorkerFailure> {
        let listener = TcpListener::from(inherited(fd));
        match listener.local_addr() {
            Ok(_) => Ok(listener),
            Err(error) => Err(WorkerFailure::bug(format!(
                "no listener on descriptor {fd}: {error}"
            ))),
        }
    }

    /// Takes the file in which the infer-workers of a box share their weights (an infer-worker only).
    /// Once.
    #[must_use]
    pub fn take_weights(&self) -> OwnedFd {
        inherited(FD_WEIGHTS)
    }

    /// The same of the listener at a path, `control::FD_HTTP_UNIX`, if the assignment says that
    /// there is one.
    ///
    /// # Errors
    ///
    /// A bug: nothing was handed over on that descriptor.
    pub fn take_unix_listener(&self, fd: RawFd) -> Result<UnixListener, WorkerFailure> {
        let listener = UnixListener::from(inherited(fd));
        match listener.local_addr() {
            Ok(_) => Ok(listener),
            Err(error) => Err(WorkerFailure::bug(format!(
                "no listener on descriptor {fd}: {error}"
            ))),
        }
    }
}

/// Owns a descriptor that the supervisor put in place before this program started.
#[expect(
    unsafe_code,
    reason = "inherited descriptors are known by their numbers only"
)]
fn inherited(fd: RawFd) -> OwnedFd {
    // SAFETY: the supervisor passes these descriptors to this program alone, and each is taken
    // once, before anything else here could have opened one with that number.
    unsafe { OwnedFd::from_raw_fd(fd) }
}
