//! What `infer-worker check-model` answers: the model, and what was taught beside it.
//!
//! Neighbours: [`crate::probe`] asks; [`crate::plans`] hands what was taught to the workers.

use serde::Deserialize;
use shm_layout::control::{ModelInfo, TaughtGesture};

/// The answer.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    name: String,
    profile: String,
    sha256: String,
    labels: Vec<String>,
    taught: Vec<TaughtGesture>,
}

/// A model that can be used.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedModel {
    /// What infer-workers will say of it.
    pub info: ModelInfo,
    /// What was taught beside it, learnt just now.
    pub taught: Vec<TaughtGesture>,
}

impl From<Answer> for CheckedModel {
    fn from(answer: Answer) -> Self {
        let taught = answer.taught.iter().map(|own| own.name.clone()).collect();
        Self {
            info: ModelInfo {
                name: answer.name,
                profile: answer.profile,
                sha256: answer.sha256,
                labels: answer.labels,
                taught,
            },
            taught: answer.taught,
        }
    }
}
