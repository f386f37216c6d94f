//! Everything that the main loop waits for, in one queue.

use crate::control_socket::{Reply, Request};
use crate::failure::Failure;
use crate::reload::Candidate;
use crate::unit::death::Death;
use shm_layout::control::FromWorker;
use std::sync::mpsc::SyncSender;

/// Names one process of one unit: an event of a process that was replaced meanwhile is void.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whose {
    /// Index of the unit.
    pub unit: usize,
    /// Generation of the process.
    pub generation: u64,
}

/// Something happened.
#[derive(Debug)]
pub enum Event {
    /// A process ended; it is not reaped yet.
    Exited(Whose, Death),
    /// A worker says something.
    Report(Whose, FromWorker),
    /// SIGTERM, SIGINT, or the terminal was closed.
    StopSignal,
    /// SIGHUP.
    ReloadSignal,
    /// The configuration was read again and checked, for the reload of that number.
    Reread(u64, Box<Result<Candidate, Failure>>),
    /// Somebody asks through the control socket; the answer goes back through the sender.
    Request(Request, SyncSender<Reply>),
}
