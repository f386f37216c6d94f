//! The options that say what runs the networks.
//!
//! Neighbours: every command of [`cli`](crate::cli) that loads a model takes them; the supervisor gives
//! its configuration in them.

use crate::model::{Engine, ModelError};
use clap::Args;
use shm_layout::control::Backend;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct BackendArgs {
    /// What runs the networks: tract (built in) or onnxruntime (a library of the system)
    #[arg(long, default_value = "tract", value_parser = backend, value_name = "NAME")]
    backend: Backend,
    /// ONNX Runtime's libonnxruntime.so [default: ORT_DYLIB_PATH, then the system's]
    #[arg(long, value_name = "FILE")]
    onnxruntime_library: Option<PathBuf>,
}

fn backend(text: &str) -> Result<Backend, String> {
    Backend::named(text).ok_or_else(|| format!("expected {}", Backend::NAMES.join(" or ")))
}

impl BackendArgs {
    /// The fastest that the backend has.
    pub fn engine(&self) -> Result<Engine, ModelError> {
        self.engine_on(Engine::best())
    }

    /// As [`engine`](Self::engine), with these kernels if it is tract.
    pub fn engine_on(&self, kernels: Engine) -> Result<Engine, ModelError> {
        match self.backend {
            Backend::Tract => Ok(kernels),
            Backend::OnnxRuntime => Engine::of(self.backend, self.onnxruntime_library.as_deref()),
        }
    }

    /// All that can be compared here, or the kernels that are named; ONNX Runtime last, if it is asked
    /// for, or nothing is and it is there.
    pub fn engines(&self, named: &[Engine]) -> Result<Vec<Engine>, ModelError> {
        let mut engines = if named.is_empty() {
            Engine::all()
        } else {
            named.to_vec()
        };
        let other = Engine::of(Backend::OnnxRuntime, self.onnxruntime_library.as_deref());
        match other {
            Ok(other) if named.is_empty() || self.backend == Backend::OnnxRuntime => {
                engines.push(other);
            }
            Err(error) if self.backend == Backend::OnnxRuntime => return Err(error),
            _ => {}
        }
        Ok(engines)
    }
}
