//! What runs the networks of an infer-worker.
//!
//! Neighbours: the supervisor reads it from the configuration and gives it with
//! [`super::InferAssignment`]; the worker's `model` folder has one implementation for each.

use serde::{Deserialize, Serialize};

/// What runs the networks of an infer-worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// Built in, with kernels of our own.
    #[default]
    Tract,
    /// A library of the system, loaded when it is asked for.
    OnnxRuntime,
}

impl Backend {
    /// What the configuration calls them.
    pub const NAMES: [&'static str; 2] = ["tract", "onnxruntime"];

    /// What the configuration calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tract => Self::NAMES[0],
            Self::OnnxRuntime => Self::NAMES[1],
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Tract, Self::OnnxRuntime];
        all.into_iter().find(|backend| backend.name() == name)
    }
}
