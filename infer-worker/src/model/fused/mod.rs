//! Turns an ONNX graph into a tract model of our own operators: each convolution with its bias, its
//! activation and the sum that follows as one operator, channels last from end to end.
//!
//! - `source` reads the graph: constants, attributes, who uses what;
//! - `builder` walks it and wires operators; `convolution` merges what follows a convolution;
//! - [`op`] is the operator, which tract plans and runs like its own; [`memory`] keeps its outputs.
//!
//! Neighbours: `model::tract` tries this first; what is refused here runs on tract's own operators.
//! All or nothing: a graph with one operator that is not known, or known with other attributes, is
//! refused as a whole. It must never guess what a graph means, and never panic on one.

mod builder;
mod convolution;
pub mod memory;
pub mod op;
mod source;

use super::network::Port;
use crate::kernels::Kernels;
use memory::Memory;
use std::sync::Arc;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::TypedModel;

/// Why a graph cannot run on our own kernels; not an error, as long as tract can run it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(String);

impl Refusal {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// Builds the model of a graph. Inputs and outputs are those of `inputs` and `outputs`, in order.
///
/// # Errors
/// [`Refusal`] with the first thing that is not known.
pub fn compile(
    proto: &ModelProto,
    inputs: &[Port],
    outputs: &[Port],
    kernels: Kernels,
    memory: &Arc<Memory>,
) -> Result<TypedModel, Refusal> {
    let source = source::Source::new(proto)?;
    builder::Builder::new(&source, kernels, memory).build(inputs, outputs)
}
