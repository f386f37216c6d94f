//! Loads a profile's networks for the engine that is to run them.
//!
//! Neighbours: `recognizer` and `check-model` come here; `tract` and `onnxruntime` do the work. A
//! network is checked in the same way whatever runs it.

use super::fused::memory::Memory;
use super::manifest::NetworkFile;
use super::onnxruntime::OrtNetwork;
use super::tract::{self, TractNetwork};
use super::{Engine, ModelError, ModelSet, Network, Step};
use std::sync::Arc;

/// Loads the four networks of a profile, in the order of [`Step::ALL`], and runs each once.
///
/// # Errors
/// [`ModelError`] for the first file that is missing, damaged, of other shapes or unsupported.
pub fn load(model: &ModelSet, engine: Engine) -> Result<[Box<dyn Network>; 4], ModelError> {
    let memory = Arc::new(Memory::default());
    let load = |step: Step| network(model.network(step), step, engine, &memory);
    let [palm, landmark, embedder, classifier] = Step::ALL;
    Ok([
        load(palm)?,
        load(landmark)?,
        load(embedder)?,
        load(classifier)?,
    ])
}

fn network(
    file: &NetworkFile,
    step: Step,
    engine: Engine,
    memory: &Arc<Memory>,
) -> Result<Box<dyn Network>, ModelError> {
    let kernels = match engine {
        Engine::OnnxRuntime(runtime) => return Ok(Box::new(OrtNetwork::load(file, runtime)?)),
        // The two small gesture networks always run on tract's own operators.
        Engine::Fused(kernels) if step.is_convolutional() => Some(kernels),
        Engine::Fused(_) | Engine::Plain => None,
    };
    Ok(Box::new(TractNetwork::load(file, kernels, memory)?))
}

/// Checks the four files of a profile; with another runtime, that it can run them too.
///
/// # Errors
/// As [`load`].
pub fn check(model: &ModelSet, engine: Engine) -> Result<(), ModelError> {
    if let Engine::OnnxRuntime(_) = engine {
        return load(model, engine).map(|_| ());
    }
    Step::ALL
        .into_iter()
        .try_for_each(|step| tract::check(model.network(step)))
}
