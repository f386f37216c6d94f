//! Loads networks for the engine that is to run them.
//!
//! Neighbours: `recognizer` and `check-model` come here; `tract` and `onnxruntime` do the work. A
//! network is checked in the same way whatever runs it.

use super::fused::memory::Memory;
use super::manifest::NetworkFile;
use super::onnxruntime::OrtNetwork;
use super::tract::{self, TractNetwork};
use super::{Engine, ModelError, ModelSet, Network, Step};
use crate::classifier::ImageClassifier;
use std::sync::Arc;

/// Loads networks that run on one engine, and lets them share what memory they can.
#[derive(Debug)]
pub struct Loader {
    engine: Engine,
    memory: Arc<Memory>,
}

impl Loader {
    /// For networks that run on `engine`, one after another.
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        let memory = Arc::default();
        Self { engine, memory }
    }

    /// Loads the network of a step, of a model that sees hands, and runs it once.
    ///
    /// # Errors
    /// [`ModelError`] when the file is missing, damaged, of other shapes or unsupported.
    pub fn step(&self, model: &ModelSet, step: Step) -> Result<Box<dyn Network>, ModelError> {
        // The two small gesture networks always run on tract's own operators.
        self.network(model.network(step), step.is_convolutional())
    }

    /// Loads the network of a user's own classifier, and runs it once.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn classifier(&self, file: &NetworkFile) -> Result<Box<dyn Network>, ModelError> {
        self.network(file, true)
    }

    fn network(
        &self,
        file: &NetworkFile,
        is_convolutional: bool,
    ) -> Result<Box<dyn Network>, ModelError> {
        let kernels = match self.engine {
            Engine::OnnxRuntime(runtime) => return Ok(Box::new(OrtNetwork::load(file, runtime)?)),
            Engine::Fused(kernels) if is_convolutional => Some(kernels),
            Engine::Fused(_) | Engine::Plain => None,
        };
        Ok(Box::new(TractNetwork::load(file, kernels, &self.memory)?))
    }
}

/// Checks the files of a model, those of a profile without preparing them to run; with another
/// runtime, that it can run them too. A user's own classifier is tried.
///
/// # Errors
/// As [`Loader::step`].
pub fn check(model: &ModelSet, engine: Engine) -> Result<(), ModelError> {
    let own = model.classifier.as_ref();
    let is_own = |file: &&NetworkFile| own.is_some_and(|own| own.file.path == file.path);
    let check = |file: &NetworkFile| match engine {
        Engine::OnnxRuntime(runtime) => OrtNetwork::load(file, runtime).map(|_| ()),
        Engine::Fused(_) | Engine::Plain => tract::check(file),
    };
    model
        .files()
        .filter(|file| !is_own(file))
        .try_for_each(check)?;
    own.map_or(Ok(()), |own| {
        ImageClassifier::load(own, &Loader::new(engine)).map(|_| ())
    })
}
