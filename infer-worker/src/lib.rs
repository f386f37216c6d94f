//! infer-worker: turns frames into predictions, and image files too.
//!
//! The path of a frame: [`run`] takes the newest frame that no worker has taken, [`image`] decodes
//! it, [`recognizer`] runs the networks of [`model`] by the rules of [`hand`], and `run` publishes
//! what was found. The networks run on our own [`kernels`] where these know them.
//!
//! Neighbours: frames come from and predictions go to shared memory (`shm-layout`); the supervisor
//! starts the worker and, before that, asks `check-model`. The model runtime lives in this crate
//! only. It must never wait for a reader, and never publish what it is not sure belongs to the
//! frame that it names.

pub mod agree;
mod backend_args;
pub mod bench;
pub mod classifier;
pub mod cli;
pub mod complaint;
pub mod eval;
pub mod events;
pub mod fractions;
pub mod hand;
pub mod idle;
pub mod image;
pub mod kernels;
pub mod model;
pub mod pipeline;
pub mod predict;
pub mod recognizer;
pub mod rotation;
pub mod run;
pub mod taught;
pub mod trim;
