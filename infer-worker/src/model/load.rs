//! Loads a profile's networks for the engine that is to run them.
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

/// Loads the four networks of a profile, in the order of [`Step::ALL`], and runs each once.
///
/// # Errors
/// [`ModelError`] for the first file that is missing, damaged, of other shapes or unsupported.
pub fn load(model: &ModelSet, engine: Engine) -> Result<[Box<dyn Network>; 4], ModelError> {
    let memory = Arc::new(Memory::default());
    // The two small gesture networks always run on tract's own operators.
    let load = |step: Step| {
        network(
            model.network(step),
            step.is_convolutional(),
            engine,
            &memory,
        )
    };
    let [palm, landmark, embedder, classifier] = Step::ALL;
    Ok([
        load(palm)?,
        load(landmark)?,
        load(embedder)?,
        load(classifier)?,
    ])
}

/// Loads the network of a user's own classifier, and runs it once.
///
/// # Errors
/// As [`load`].
pub fn load_classifier(file: &NetworkFile, engine: Engine) -> Result<Box<dyn Network>, ModelError> {
    network(file, true, engine, &Arc::new(Memory::default()))
}

fn network(
    file: &NetworkFile,
    is_convolutional: bool,
    engine: Engine,
    memory: &Arc<Memory>,
) -> Result<Box<dyn Network>, ModelError> {
    let kernels = match engine {
        Engine::OnnxRuntime(runtime) => return Ok(Box::new(OrtNetwork::load(file, runtime)?)),
        Engine::Fused(kernels) if is_convolutional => Some(kernels),
        Engine::Fused(_) | Engine::Plain => None,
    };
    Ok(Box::new(TractNetwork::load(file, kernels, memory)?))
}

/// Checks the files of a model, those of a profile without preparing them to run; with another
/// runtime, that it can run them too. A user's own classifier is tried.
///
/// # Errors
/// As [`load`].
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
    own.map_or(Ok(()), |own| ImageClassifier::load(own, engine).map(|_| ()))
}
