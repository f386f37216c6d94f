//! Runs networks with tract.
//!
//! Neighbours: `load` comes here; `manifest` hands over the bytes that it checked; `fused` makes
//! operators of our own; `recognizer` sees the trait only. The ONNX protobuf and the unoptimised graph are gone once a
//! network is loaded.

use super::fused::{self, memory::Memory};
use super::manifest::NetworkFile;
use super::network::{Network, Port, RunError};
use super::{ModelError, found_as};
use crate::kernels::Kernels;
use std::fmt;
use std::sync::Arc;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::Factoid;

/// Checks a file without preparing it to run.
pub(super) fn check(file: &NetworkFile) -> Result<(), ModelError> {
    typed(file, &parse(file)?).map(|_| ())
}

/// Reads a file's graph.
fn parse(file: &NetworkFile) -> Result<ModelProto, ModelError> {
    let bytes = file.read()?;
    let proto = onnx().proto_model_for_read(&mut bytes.as_slice());
    proto.map_err(unsupported(file))
}

/// Translates a graph into tract's operators and compares its ports with the manifest.
fn typed(file: &NetworkFile, proto: &ModelProto) -> Result<TypedModel, ModelError> {
    let unsupported = unsupported(file);
    // Shapes that an exporter wrote down may have names for what the manifest fixes, such as the batch;
    // tract would take them for a contradiction. All follow from the input.
    let reader = onnx()
        .with_ignore_value_info(true)
        .with_ignore_output_shapes(true);
    let mut graph = reader.model_for_proto_model(proto).map_err(&unsupported)?;
    check_inputs(file, &mut graph)?;
    let names: Vec<&str> = file.outputs.iter().map(|port| port.name.as_str()).collect();
    if let Err(error) = graph.select_outputs_by_name(&names) {
        return Err(found_as(
            file,
            "outputs",
            format!("{names:?}"),
            format!("{error:#}"),
        ));
    }
    let typed = graph.into_typed().map_err(&unsupported)?;
    for (index, port) in file.outputs.iter().enumerate() {
        let fact = typed.output_fact(index).map_err(&unsupported)?;
        let dims = fact
            .shape
            .as_concrete()
            .map_or("an open shape".to_owned(), listed);
        let found = format!("{:?} {dims}", fact.datum_type);
        let expected = format!("{:?} {}", f32::datum_type(), listed(&port.shape));
        if found != expected {
            return Err(found_as(
                file,
                &format!("output `{}`", port.name),
                expected,
                found,
            ));
        }
    }
    Ok(typed)
}

/// Compares the inputs with the manifest and fixes their shapes.
fn check_inputs(file: &NetworkFile, graph: &mut InferenceModel) -> Result<(), ModelError> {
    let unsupported = unsupported(file);
    let outlets = graph.input_outlets().map_err(&unsupported)?;
    let found: Vec<&str> = outlets
        .iter()
        .map(|at| graph.node(at.node).name.as_str())
        .collect();
    let expected: Vec<&str> = file.inputs.iter().map(|port| port.name.as_str()).collect();
    if found != expected {
        return Err(found_as(
            file,
            "inputs",
            format!("{expected:?}"),
            format!("{found:?}"),
        ));
    }
    for (index, port) in file.inputs.iter().enumerate() {
        let fact = graph.input_fact(index).map_err(&unsupported)?;
        if let Some((expected, found)) = unlike(port, fact) {
            let port = format!("input `{}`", port.name);
            return Err(found_as(file, &port, expected, found));
        }
        let fact = InferenceFact::dt_shape(f32::datum_type(), port.shape.clone());
        graph.set_input_fact(index, fact).map_err(&unsupported)?;
    }
    Ok(())
}

/// What of an input is not as the manifest says: expected and found. A graph may leave dimensions
/// open, or name them; those that it states must match, and values are 32-bit floats.
fn unlike(port: &Port, fact: &InferenceFact) -> Option<(String, String)> {
    let kind = fact.datum_type.concretize().unwrap_or(f32::datum_type());
    let dims: Vec<Option<TDim>> = fact.shape.dims().map(|dim| dim.concretize()).collect();
    let is_same = |(found, expected): (&Option<TDim>, &usize)| {
        let stated = found.as_ref().and_then(|dim| dim.to_i64().ok());
        stated.is_none_or(|stated| usize::try_from(stated) == Ok(*expected))
    };
    let is_rank = dims.len() == port.shape.len() || fact.shape.is_open();
    if kind == f32::datum_type() && is_rank && dims.iter().zip(&port.shape).all(is_same) {
        return None;
    }
    let found: Vec<String> = dims
        .iter()
        .map(|dim| dim.as_ref().map_or("?".to_owned(), ToString::to_string))
        .collect();
    let expected = format!("{:?} {}", f32::datum_type(), listed(&port.shape));
    Some((expected, format!("{kind:?} {}", listed(&found))))
}

/// Dimensions as they stand in a manifest.
fn listed(dims: &[impl ToString]) -> String {
    let dims: Vec<String> = dims.iter().map(ToString::to_string).collect();
    format!("[{}]", dims.join(", "))
}

fn unsupported(file: &NetworkFile) -> impl Fn(TractError) -> ModelError {
    |error| ModelError::Unsupported {
        path: file.path.clone(),
        cause: format!("{error:#}"),
    }
}

/// The graph in operators of our own, if these are asked for and know it.
fn fused_model(
    file: &NetworkFile,
    proto: &ModelProto,
    kernels: Kernels,
    memory: &Arc<Memory>,
) -> Option<TypedModel> {
    match fused::compile(proto, &file.inputs, &file.outputs, kernels, memory) {
        Ok(model) => Some(model),
        Err(refusal) => {
            let name = file.name();
            tracing::warn!("{name}: runs on tract's own operators, which are slower: {refusal}");
            None
        }
    }
}

/// One network, ready to run again and again on the same memory.
pub(super) struct TractNetwork {
    name: String,
    state: TypedSimpleState,
    inputs: Vec<Arc<Tensor>>,
    outputs: TVec<TValue>,
}

impl TractNetwork {
    /// Loads a network, on these kernels if they know all of it, and runs it once.
    pub fn load(
        file: &NetworkFile,
        kernels: Option<Kernels>,
        memory: &Arc<Memory>,
    ) -> Result<Self, ModelError> {
        let unsupported = unsupported(file);
        let proto = parse(file)?;
        let fused = kernels.and_then(|kernels| fused_model(file, &proto, kernels, memory));
        let model = match fused {
            Some(model) => model,
            None => typed(file, &proto)?
                .into_optimized()
                .map_err(&unsupported)?,
        };
        drop(proto);
        let prepare = |model: TypedModel| model.into_runnable()?.spawn();
        let state = prepare(model).map_err(&unsupported)?;
        let zero = |port: &Port| Tensor::zero::<f32>(&port.shape).map(Arc::new);
        let inputs = file.inputs.iter().map(zero).collect::<TractResult<_>>();
        let mut network = Self {
            name: file.name(),
            state,
            inputs: inputs.map_err(&unsupported)?,
            outputs: tvec!(),
        };
        // The first run takes its memory, and shows a network that can be read but not run.
        match network.run() {
            Ok(()) => Ok(network),
            Err(error) => Err(unsupported(TractError::msg(error.cause))),
        }
    }
}

impl fmt::Debug for TractNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TractNetwork")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Network for TractNetwork {
    fn input(&mut self, index: usize) -> &mut [f32] {
        let Some(tensor) = self.inputs.get_mut(index) else {
            return &mut [];
        };
        // The state let go of the tensor at the end of its last run, so that nothing is copied.
        let view = Arc::make_mut(tensor).to_plain_array_view_mut::<f32>();
        view.ok()
            .and_then(|view| view.into_slice())
            .unwrap_or_default()
    }

    fn run(&mut self) -> Result<(), RunError> {
        let inputs = self
            .inputs
            .iter()
            .cloned()
            .map(TValue::from_const)
            .collect();
        self.outputs = self.state.run(inputs).map_err(|error| RunError {
            network: self.name.clone(),
            cause: format!("{error:#}"),
        })?;
        Ok(())
    }

    fn output(&self, index: usize) -> &[f32] {
        let view = self
            .outputs
            .get(index)
            .and_then(|value| value.as_plain_ram());
        view.and_then(|view| view.as_slice::<f32>().ok())
            .unwrap_or_default()
    }
}
