//! In place of [`onnxruntime`](super::onnxruntime) in a program that was built without that feature.
//!
//! Neighbours: as there. Whoever asks for the backend is told; nothing else differs.

use super::ModelError;
use super::manifest::NetworkFile;
use super::network::{Network, RunError};
use std::convert::Infallible;
use std::path::Path;

/// A proof that nobody can have here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Runtime(Infallible);

impl Runtime {
    /// Refuses.
    ///
    /// # Errors
    /// [`ModelError::Runtime`], always.
    pub fn open(library: Option<&Path>) -> Result<Self, ModelError> {
        Err(ModelError::Runtime {
            library: library.unwrap_or(Path::new("libonnxruntime.so")).to_owned(),
            cause: "this infer-worker was built without the feature `onnxruntime`".to_owned(),
        })
    }
}

/// A network that cannot be.
#[derive(Debug)]
pub(super) struct OrtNetwork(Infallible);

impl OrtNetwork {
    pub fn load(_: &NetworkFile, runtime: Runtime) -> Result<Self, ModelError> {
        match runtime.0 {}
    }
}

impl Network for OrtNetwork {
    fn input(&mut self, _: usize) -> &mut [f32] {
        match self.0 {}
    }

    fn run(&mut self) -> Result<(), RunError> {
        match self.0 {}
    }

    fn output(&self, _: usize) -> &[f32] {
        match self.0 {}
    }
}
