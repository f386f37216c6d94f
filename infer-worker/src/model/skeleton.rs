//! The beginnings of a manifest for a network of the user's own, from what its file says.
//!
//! Neighbours: `check-model --print-manifest` prints it; [`super::classifier`] reads what the user made
//! of it. What the file does not say is a guess with a comment, or left to be filled in: the labels.

use super::ModelError;
use super::manifest::read_network;
use std::fmt::Write as _;
use std::path::Path;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dim;
use tract_onnx::pb::type_proto::Value as Kind;
use tract_onnx::pb::{GraphProto, ModelProto, ValueInfoProto};
use tract_onnx::prelude::*;

/// What stands for a side that the graph leaves open: what most networks were trained with.
const SIDE_PX: i64 = 224;
/// `TensorProto.DataType` of 32-bit floats. Source: onnx.proto.
const FLOAT: i32 = 1;

/// A named input or output, as the graph states it.
struct Port<'a> {
    name: &'a str,
    is_float: bool,
    /// `None`: left open.
    dims: Vec<Option<i64>>,
}

/// The manifest's text.
///
/// # Errors
/// [`ModelError`] when the file cannot be read, is no ONNX graph, or has not one picture as its input.
pub fn of(path: &Path) -> Result<String, ModelError> {
    let (bytes, sha256) = read_network(path)?;
    let unsupported = |cause: String| ModelError::Unsupported {
        path: path.to_owned(),
        cause,
    };
    let proto: ModelProto = onnx()
        .proto_model_for_read(&mut bytes.as_slice())
        .map_err(|error| unsupported(format!("{error:#}")))?;
    let graph = proto.graph.as_ref();
    let graph = graph.ok_or_else(|| unsupported("it holds no graph".to_owned()))?;
    let misfit = |port: &str, expected: &str, found: String| ModelError::Shape {
        path: path.to_owned(),
        port: port.to_owned(),
        expected: expected.to_owned(),
        found,
    };
    let is_weight = |port: &Port<'_>| graph.initializer.iter().any(|w| w.name == port.name);
    let inputs = graph.input.iter().map(port).filter(|port| !is_weight(port));
    let inputs: Vec<Port<'_>> = inputs.collect();
    let [input] = inputs.as_slice() else {
        let names: Vec<&str> = inputs.iter().map(|input| input.name).collect();
        return Err(misfit("inputs", "one picture", format!("{names:?}")));
    };
    if input.dims.len() != 4 || !input.is_float {
        let kind = if input.is_float {
            "floats"
        } else {
            "other values"
        };
        let found = format!("{kind} of {} dimensions", input.dims.len());
        let expected = "32-bit floats of 4 dimensions: a picture";
        return Err(misfit(&format!("input `{}`", input.name), expected, found));
    }
    let outputs: Vec<Port<'_>> = graph.output.iter().map(port).collect();
    let [output, others @ ..] = outputs.as_slice() else {
        return Err(misfit(
            "outputs",
            "one value for each label",
            "none".to_owned(),
        ));
    };
    Ok(text(path, &sha256, graph, input, output, others))
}

fn port(info: &ValueInfoProto) -> Port<'_> {
    let kind = info.r#type.as_ref().and_then(|kind| kind.value.as_ref());
    let (mut is_float, mut dims) = (false, Vec::new());
    if let Some(Kind::TensorType(tensor)) = kind {
        is_float = tensor.elem_type == FLOAT;
        let shape = tensor.shape.iter().flat_map(|shape| &shape.dim);
        dims.extend(shape.map(|dim| match dim.value {
            Some(Dim::DimValue(value)) if value > 0 => Some(value),
            _ => None,
        }));
    }
    Port {
        name: &info.name,
        is_float,
        dims,
    }
}

/// Layout, colours, and the shape with what is open filled in.
fn guessed(dims: &[Option<i64>]) -> (&'static str, &'static str, Vec<i64>) {
    let is_colours = |dim: Option<i64>| matches!(dim, Some(1 | 3));
    let (layout, at) = match (is_colours(dims[1]), is_colours(dims[3])) {
        (false, true) => ("NHWC", 3),
        _ => ("NCHW", 1),
    };
    let colours = if dims[at] == Some(1) { "grey" } else { "RGB" };
    let filled = dims.iter().enumerate().map(|(index, dim)| match index {
        0 => dim.unwrap_or(1),
        _ if index == at => dim.unwrap_or(3),
        _ => dim.unwrap_or(SIDE_PX),
    });
    (layout, colours, filled.collect())
}

/// What the last operator says of the values.
fn scores(graph: &GraphProto, output: &str) -> &'static str {
    let mut nodes = graph.node.iter();
    let last = nodes.find(|node| node.output.iter().any(|name| name == output));
    match last.map(|node| node.op_type.as_str()) {
        Some("Softmax" | "Sigmoid") => "none",
        _ => "softmax",
    }
}

fn text(
    path: &Path,
    sha256: &str,
    graph: &GraphProto,
    input: &Port<'_>,
    output: &Port<'_>,
    others: &[Port<'_>],
) -> String {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let (layout, colours, shape) = guessed(&input.dims);
    let open = if input.dims[1..].contains(&None) {
        "\n# The graph leaves its size open: say the one that it was trained with."
    } else {
        ""
    };
    let out: Vec<i64> = output.dims.iter().map(|dim| dim.unwrap_or(1)).collect();
    let count: i64 = out.iter().product();
    let mut more = String::new();
    if !others.is_empty() {
        let names: Vec<&str> = others.iter().map(|port| port.name).collect();
        // Writing to a String cannot fail.
        let _ = write!(more, "\n# The graph has other outputs too: {names:?}.");
    }
    format!(
        r#"# A manifest for {file}. Fill in the labels, and look at what is marked as a guess;
# models/README.md describes every key and has the usual values.
format = 1
name = {name:?}
licence = ""

[classifier]
file = {file:?}
sha256 = "{sha256}"

# A guess: "frame", or "hand" for a network that sees a hand cut out of it.
sees = "frame"
# A guess: "letterbox", "stretch" or "crop".
fit = "letterbox"
{open}
input = {{ name = {input:?}, shape = {shape:?} }}
layout = "{layout}"
# A guess: the order of the colours, and what pixels of 0 and 255 become. ImageNet's would be
# mean = [0.485, 0.456, 0.406] and std = [0.229, 0.224, 0.225].
colours = "{colours}"
range = [0.0, 1.0]
{more}
output = {{ name = {output:?}, shape = {out:?} }}
# "softmax" or "sigmoid" for logits, "none" for probabilities.
scores = "{scores}"
# {count} labels, in the order of the output; "None" for no gesture.
labels = []
"#,
        input = input.name,
        output = output.name,
        scores = scores(graph, output.name),
    )
}
