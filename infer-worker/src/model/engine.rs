//! Which code runs the networks: our own kernels, tract's, or another runtime.
//!
//! Neighbours: the command line names one, a worker takes the best of its backend; `load` loads
//! accordingly.

use super::ModelError;
use super::onnxruntime::Runtime;
use crate::kernels::{KernelSet, Kernels};
use shm_layout::control::Backend;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// What runs the networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// tract's own operators.
    Plain,
    /// Our operators in tract's plan; a graph that they do not know runs on tract's.
    Fused(Kernels),
    /// ONNX Runtime.
    OnnxRuntime(Runtime),
}

impl Engine {
    /// The fastest one of a backend; `library` is ONNX Runtime's, where it is not to be searched for.
    ///
    /// # Errors
    /// [`ModelError::Runtime`] when the library cannot be used.
    pub fn of(backend: Backend, library: Option<&Path>) -> Result<Self, ModelError> {
        match backend {
            Backend::Tract => Ok(Self::best()),
            Backend::OnnxRuntime => Runtime::open(library).map(Self::OnnxRuntime),
        }
    }

    /// The fastest one for this processor that needs no library.
    #[must_use]
    pub fn best() -> Self {
        Self::Fused(Kernels::best())
    }

    /// All that this processor can run without a library, the fastest first.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let sets = KernelSet::ALL.into_iter().filter_map(Kernels::new);
        sets.map(Self::Fused).chain([Self::Plain]).collect()
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain => f.write_str("plain"),
            Self::Fused(kernels) => kernels.set().fmt(f),
            Self::OnnxRuntime(_) => f.write_str("onnxruntime"),
        }
    }
}

impl FromStr for Engine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => return Ok(Self::best()),
            "plain" => return Ok(Self::Plain),
            _ => {}
        }
        let set: KernelSet = text
            .parse()
            .map_err(|error| format!("{error}, plain, auto"))?;
        match Kernels::new(set) {
            Some(kernels) => Ok(Self::Fused(kernels)),
            None => Err(format!("this processor has no {set}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_engine_of_this_processor_is_found_by_its_name() {
        for engine in Engine::all() {
            assert_eq!(engine.to_string().parse(), Ok(engine));
        }
        assert_eq!("auto".parse(), Ok(Engine::best()));
        let error = "mmx".parse::<Engine>().expect_err("unknown");
        assert!(error.contains("scalar, plain, auto"), "{error}");
    }
}
