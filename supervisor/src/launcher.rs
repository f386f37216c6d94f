//! Makes one process of a unit: its place in the segment, its control channel, fork and exec, and
//! the threads that listen to it. Decides nothing.

use crate::black_box::{BlackBox, Deceased};
use crate::event::{Event, Whose};
use crate::limits;
use crate::logging::LEVEL_VARIABLE;
use crate::orphans::Orphan;
use crate::owned_segment::OwnedSegment;
use crate::pidfd::PidFd;
use crate::process::channel::Channel;
use crate::process::{exit_watch, log_pipe};
use crate::session_book::SessionBook;
use crate::siblings::Siblings;
use crate::spawn::{Program, out_of_the_way, spawn};
use crate::unit::death::Death;
use crate::units::Work;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use shm_layout::control::{
    Assignment, FD_HTTP, FD_HTTP_UNIX, FD_SEGMENT, FD_WEIGHTS, FD_WIRE, Role, Start, ToWorker,
};
use shm_layout::segment::Segment;
use shm_layout::{Generation, MonotonicNs};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Child;
use std::sync::mpsc::SyncSender;

/// Everything that the processes of a box have in common.
#[derive(Debug)]
pub struct Launcher<'s> {
    siblings: Siblings,
    segment: &'s OwnedSegment,
    segment_file: OwnedFd,
    /// Where infer-workers put the weights that they share; in memory, and gone with the last of them.
    weights: OwnedFd,
    orphan_grace_ms: u64,
    log_level: String,
    black_box: BlackBox,
    sessions: SessionBook,
    events: SyncSender<Event>,
}

/// An empty file in memory that can grow and never shrink: nobody takes memory from under a reader.
fn weights_file() -> io::Result<OwnedFd> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let file = memfd_create("wigwag-weights", flags)?;
    fcntl(&file, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_SHRINK))?;
    out_of_the_way(file.as_fd())
}

/// What is started.
#[derive(Debug)]
pub struct Order<'a> {
    /// Name of the unit.
    pub unit: &'a str,
    /// Its place in the process table.
    pub place: usize,
    /// Whose process it will be.
    pub whose: Whose,
    /// Its work.
    pub work: &'a Work,
    /// Another process serves until this one is ready.
    pub is_successor: bool,
}

/// A running process, or one that is dead and not reaped yet.
#[derive(Debug)]
pub struct Process {
    handle: Handle,
    id: u32,
    /// When it was started, or adopted.
    pub started: MonotonicNs,
}

#[derive(Debug)]
enum Handle {
    /// One that this supervisor started, with its control channel.
    Child { child: Child, channel: Channel },
    /// One that a supervisor before this one started; nobody else can talk to it.
    Adopted(PidFd),
}

impl<'s> Launcher<'s> {
    /// Takes the parts together.
    ///
    /// # Errors
    ///
    /// The system's: too many open files, no random numbers, or the segment has no file.
    pub fn new(
        siblings: Siblings,
        segment: &'s OwnedSegment,
        (orphan_grace_ms, log_level): (u64, String),
        black_box: BlackBox,
        events: SyncSender<Event>,
    ) -> io::Result<Self> {
        let file = segment.segment().file().ok_or(io::ErrorKind::NotFound)?;
        let segment_file = out_of_the_way(file)?;
        Ok(Self {
            siblings,
            segment,
            segment_file,
            weights: weights_file()?,
            orphan_grace_ms,
            log_level,
            black_box,
            sessions: SessionBook::new()?,
            events,
        })
    }

    /// What processes get to know that are started from now on.
    pub fn set_shared(&mut self, orphan_grace_ms: u64, log_level: &str) {
        self.orphan_grace_ms = orphan_grace_ms;
        log_level.clone_into(&mut self.log_level);
    }

    /// The black box.
    pub fn black_box_mut(&mut self) -> &mut BlackBox {
        &mut self.black_box
    }

    /// The logins at the gateways.
    #[must_use]
    pub fn sessions(&self) -> &SessionBook {
        &self.sessions
    }

    /// The same, to be changed.
    pub fn sessions_mut(&mut self) -> &mut SessionBook {
        &mut self.sessions
    }

    /// The segment.
    #[must_use]
    pub fn segment(&self) -> &'s Segment {
        self.segment.segment()
    }

    /// Frees what a process held that has ended; what is known of it is kept first if it died.
    /// Gives the number of its leases. As [`Self::release`].
    pub fn bury(&self, deceased: &Deceased<'_>, died: bool) -> u32 {
        let held = if died {
            self.black_box.keep(self.segment(), deceased)
        } else {
            self.black_box.forget(deceased.pid);
            0
        };
        held + self.release(deceased.place)
    }

    /// Starts a process.
    ///
    /// # Errors
    ///
    /// The system's; nothing is left behind then.
    pub fn launch(&self, order: &Order<'_>) -> io::Result<Process> {
        let (whose, role) = (order.whose, role_of(&order.work.assignment));
        let entry = self
            .segment()
            .process(order.place)
            .map_err(io::Error::other)?;
        entry.reserve(Generation(whose.generation), role as u32);
        let mut assignment = order.work.assignment.clone();
        if let Assignment::Gateway(gateway) = &mut assignment {
            // Systemd may have passed one that the configuration does not name.
            let listeners = order.work.listeners.as_ref();
            // While one with a certificate serves, one without has no right to take over.
            gateway.may_lack_certificate = !order.is_successor;
            gateway.has_http_unix = listeners.is_some_and(|it| it.http_unix().is_some());
        }
        let start = Start {
            assignment,
            orphan_grace_ms: self.orphan_grace_ms,
            sessions: (role == Role::Gateway).then(|| Box::new(self.sessions.seed())),
        };
        let events = self.events.clone();
        let channel = Channel::open(start, whose.generation, move |report| {
            // The main loop is gone only when the whole process ends.
            let _ended = events.send(Event::Report(whose, report));
        })?;
        if let Assignment::Gateway(gateway) = &order.work.assignment {
            limits::allow_files(gateway.max_clients);
        }
        let started = MonotonicNs::now();
        let (child, output) = match spawn(&self.program(order, role, channel.name())) {
            Ok(spawned) => spawned,
            Err(error) => {
                channel.close();
                entry.free();
                return Err(error);
            }
        };
        limits::prefer_when_out_of_memory(child.id(), role);
        let mut process = Process {
            id: child.id(),
            handle: Handle::Child { child, channel },
            started,
        };
        if let Err(error) = self.listen_to(&process, order, output) {
            process.kill_group();
            process.reap();
            self.release(order.place);
            return Err(error);
        }
        Ok(process)
    }

    fn program<'a>(&'a self, order: &Order<'a>, role: Role, control: &str) -> Program<'a> {
        let mut files = vec![(self.segment_file.as_fd(), FD_SEGMENT)];
        if let Some(listeners) = &order.work.listeners {
            files.push((listeners.http(), FD_HTTP));
            files.push((listeners.wire(), FD_WIRE));
            files.extend(listeners.http_unix().map(|socket| (socket, FD_HTTP_UNIX)));
        }
        if role == Role::Infer {
            files.push((self.weights.as_fd(), FD_WEIGHTS));
        }
        let arguments = [
            ("--control", control.to_owned()),
            ("--unit", order.unit.to_owned()),
            ("--entry", order.place.to_string()),
            ("--generation", order.whose.generation.to_string()),
            ("--segment", self.segment.name().as_str().to_owned()),
        ];
        Program {
            path: self.siblings.path(role),
            arguments: arguments
                .into_iter()
                .flat_map(|(k, v)| [k.to_owned(), v])
                .collect(),
            environment: vec![(LEVEL_VARIABLE, self.log_level.clone())],
            files,
        }
    }

    fn listen_to(
        &self,
        process: &Process,
        order: &Order<'_>,
        output: io::PipeReader,
    ) -> io::Result<()> {
        let (events, whose) = (self.events.clone(), order.whose);
        let tail = self.black_box.tail(process.id());
        log_pipe::forward(output, order.unit.to_owned(), process.id(), tail)?;
        exit_watch::watch(process.pid(), move |death| {
            let _ended = events.send(Event::Exited(whose, death));
        })
    }

    /// Makes a worker of a dead supervisor the process of a unit.
    ///
    /// # Errors
    ///
    /// The system's: its end cannot be watched for.
    pub fn adopt(&self, orphan: Orphan, whose: Whose) -> io::Result<Process> {
        let events = self.events.clone();
        exit_watch::watch_orphan(orphan.process.try_clone()?, move || {
            let _ended = events.send(Event::Exited(whose, Death::Untold));
        })?;
        Ok(Process {
            id: orphan.pid,
            handle: Handle::Adopted(orphan.process),
            started: MonotonicNs::now(),
        })
    }

    /// Frees what a dead process held in the segment: its leases, which are counted, and its
    /// place. Only after the kernel told of its death, and before its successor starts.
    pub fn release(&self, place: usize) -> u32 {
        let leases = self.segment().reclaim(place);
        if let Ok(entry) = self.segment().process(place) {
            entry.free();
        }
        leases
    }
}

fn role_of(assignment: &Assignment) -> Role {
    match assignment {
        Assignment::Capture(_) => Role::Capture,
        Assignment::Infer(_) => Role::Infer,
        Assignment::Gateway(_) => Role::Gateway,
    }
}

impl Process {
    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.id as i32)
    }

    /// Whether a supervisor before this one started it.
    #[must_use]
    pub fn is_adopted(&self) -> bool {
        matches!(self.handle, Handle::Adopted(_))
    }

    /// Queues a message without waiting; false if it does not listen, or not keep up.
    #[must_use]
    pub fn send(&self, message: ToWorker) -> bool {
        match &self.handle {
            Handle::Child { channel, .. } => channel.is_greeted() && channel.send(message),
            Handle::Adopted(_) => false,
        }
    }

    /// Sends it a signal. A child is not reaped yet, so its number can mean nobody else.
    pub fn signal(&self, signal: Signal) {
        match &self.handle {
            // An error means that it is dead already, and its end is on the way as an event.
            Handle::Child { .. } => drop(kill(self.pid(), signal)),
            Handle::Adopted(process) => process.signal(signal),
        }
    }

    /// Kills it together with whatever it started.
    pub fn kill_group(&self) {
        if let Handle::Child { .. } = &self.handle {
            let _dead = killpg(self.pid(), Signal::SIGKILL);
        }
        self.signal(Signal::SIGKILL);
    }

    /// Takes its remains from the kernel; its number is free then.
    pub fn reap(&mut self) {
        let pid = self.pid();
        if let Handle::Child { child, .. } = &mut self.handle {
            // Whatever it started and left behind goes with it.
            let _none = killpg(pid, Signal::SIGKILL);
            if let Err(error) = child.wait() {
                tracing::warn!("pid {pid} cannot be reaped: {error}");
            }
        }
    }

    /// Ends the channel of a process that is dead.
    pub fn close(self) {
        if let Handle::Child { channel, .. } = self.handle {
            channel.close();
        }
    }
}
