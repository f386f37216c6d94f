//! The model: which networks, whether they are the right ones, and what runs them.
//!
//! - [`manifest`] reads `manifest.toml` and proves that each file is what it says;
//! - [`classifier`] is the part of it that describes a network of the user's own;
//! - [`skeleton`] writes the beginnings of such a description;
//! - [`network`] is what a step of the recogniser expects of its network, and how it runs one;
//! - `tract` runs networks with tract, on its own operators or on those of [`fused`];
//! - [`onnxruntime`] runs them with ONNX Runtime, if that is asked for;
//! - [`engine`] names what runs them, [`Loader`] loads them for it; [`locate`] finds the model folder.
//!
//! Neighbours: `recognizer` and `classifier` get loaded networks; the supervisor's start asks through
//! `check-model`. Every check happens here, before the first frame, never per frame.

mod check;
pub mod classifier;
pub mod engine;
pub mod error;
pub mod fused;
mod load;
pub mod locate;
pub mod manifest;
pub mod network;
#[cfg_attr(not(feature = "onnxruntime"), path = "no_onnxruntime.rs")]
pub mod onnxruntime;
pub mod skeleton;
mod tract;

pub use engine::Engine;
pub use error::ModelError;
pub use load::{Loader, check};
pub use manifest::ModelSet;
pub use network::{Network, RunError, Step};

/// A port of a file that is not what the manifest states.
fn found_as(
    file: &manifest::NetworkFile,
    port: &str,
    expected: String,
    found: String,
) -> ModelError {
    ModelError::Shape {
        path: file.path.clone(),
        port: port.to_owned(),
        expected,
        found,
    }
}
