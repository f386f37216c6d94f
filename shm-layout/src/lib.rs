//! What two Wigwag processes must agree on, and nothing else.
//!
//! - [`segment`]: the one shared-memory mapping of a box; [`layout`] says where everything lies in it.
//! - [`ring`]: one ring of frames per source, one publisher, many subscribers, no lock.
//! - [`prediction_slot`]: the latest prediction of a source and a short history of them.
//! - [`process_table`]: who is attached, its heartbeat and its counters.
//! - [`demand`]: whether somebody needs every frame of a source.
//! - [`wakeup`]: how a process learns that there is something new.
//! - [`control`]: the messages between supervisor and workers; [`exit`]: what an exit code means.
//! - [`worker`]: the few lines with which every worker attaches, beats and drains.
//!
//! Neighbours: every other crate of the workspace uses this one; it uses none of them. It must
//! never know a camera, a model or a network protocol, and never wait for another process.
//!
//! `ring`, `prediction_slot` and `layout` also compile under `cfg(loom)`, unchanged, where the
//! models in `tests/` explore their interleavings. `unsafe` lives only in the modules listed in
//! `README.md`.

#[cfg(not(target_has_atomic = "64"))]
compile_error!("Wigwag needs lock-free 64-bit atomics (x86-64, aarch64, ARMv7)");

pub mod layout;
pub mod prediction_slot;
pub mod ring;
pub mod sync;

#[cfg(not(loom))]
pub mod clock;
#[cfg(not(loom))]
pub mod control;
#[cfg(not(loom))]
pub mod demand;
#[cfg(not(loom))]
pub mod exit;
#[cfg(not(loom))]
pub mod frame;
#[cfg(not(loom))]
pub mod prediction;
#[cfg(not(loom))]
pub mod process_table;
#[cfg(not(loom))]
pub mod segment;
#[cfg(not(loom))]
pub mod wakeup;
#[cfg(not(loom))]
pub mod worker;

#[cfg(not(loom))]
pub use clock::{MonotonicNs, wall_us};
#[cfg(not(loom))]
pub use frame::{FrameMeta, PixelFormat};
#[cfg(not(loom))]
pub use prediction::{Hand, Label, Prediction, Scene};
#[cfg(not(loom))]
pub use segment::Segment;

/// Number of a frame within its source: 1 for the first, +1 per published frame, never reset
/// within a segment; 0 means "none yet".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(not(loom), derive(serde::Serialize, serde::Deserialize))]
pub struct Sequence(pub u64);

/// Number of a unit's spawn: +1 each time the supervisor starts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(not(loom), derive(serde::Serialize, serde::Deserialize))]
pub struct Generation(pub u64);
