//! The model: which networks, whether they are the right ones, and what runs them.
//!
//! - [`manifest`] reads `manifest.toml` and proves that each file is what it says;
//! - [`classifier`] is the part of it that describes a network of the user's own;
//! - [`skeleton`] writes the beginnings of such a description;
//! - [`network`] is what a step of the recogniser expects of its network, and how it runs one;
//! - [`tract`] runs networks with tract, on its own operators or on those of [`fused`];
//! - [`engine`] names what runs them; [`locate`] finds the model folder.
//!
//! Neighbours: `recognizer` gets four loaded networks, `classifier` one; the supervisor's start asks through
//! `check-model`. Every check happens here, before the first frame, never per frame.

mod check;
pub mod classifier;
pub mod engine;
pub mod error;
pub mod fused;
pub mod locate;
pub mod manifest;
pub mod network;
pub mod skeleton;
pub mod tract;

pub use engine::Engine;
pub use error::ModelError;
pub use manifest::ModelSet;
pub use network::{Network, RunError, Step};
