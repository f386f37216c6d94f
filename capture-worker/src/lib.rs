//! Puts frames of one source into one ring of the shared-memory segment.
//!
//! - [`run`]: the worker's main loop, one screen long: start reading there.
//! - [`source`]: where frames come from (V4L2 cameras, clips, the test pattern), behind one trait.
//! - [`publish`]: the checks between a source and the ring.
//! - [`idle`]: which frames are left out while nobody needs all of them.
//! - [`stamp`]: the time of capture that a frame travels with.
//! - [`tracker`]: when a source counts as starting, live or lost, and when it is opened again.
//! - [`probe`] and [`cli`]: what the supervisor asks before it starts a worker.
//!
//! Neighbours: `shm-layout` gives the ring and the control messages; `supervisor` starts the
//! binary. Frames pass as they come: this crate must never convert one for the sake of a reader,
//! never wait for a reader, and never touch the network.

pub mod cli;
pub mod idle;
pub mod probe;
pub mod publish;
pub mod run;
pub mod source;
pub mod stamp;
pub mod tracker;
