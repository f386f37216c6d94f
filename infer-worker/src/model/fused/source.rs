//! Reads an ONNX graph: its constants, its attributes, and who uses which value.
//!
//! Neighbours: [`builder`](super::builder) walks the nodes. The file is input: a name may be missing,
//! a number out of range, and then the graph is refused.

use super::Refusal;
use std::collections::HashMap;
use tract_onnx::data_resolver::MmapDataResolver;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};
use tract_onnx::tensor::load_tensor;

/// Versions of ONNX's operators whose meaning is known here.
const OPSETS: std::ops::RangeInclusive<i64> = 13..=17;
/// Longest list of dimensions.
const RANK_MAX: usize = 8;

/// A graph with an index of its names.
pub(super) struct Source<'a> {
    pub graph: &'a GraphProto,
    constants: HashMap<&'a str, &'a TensorProto>,
    users: HashMap<&'a str, Vec<usize>>,
}

/// A constant, as 32-bit floats.
pub(super) struct Floats {
    pub dims: Vec<usize>,
    pub values: Vec<f32>,
}

impl<'a> Source<'a> {
    pub fn new(proto: &'a ModelProto) -> Result<Self, Refusal> {
        let of_onnx = |domain: &str| domain.is_empty() || domain == "ai.onnx";
        let mut opsets = proto.opset_import.iter();
        let opset = opsets.find(|opset| of_onnx(&opset.domain));
        if !opset.is_some_and(|opset| OPSETS.contains(&opset.version)) {
            return Err(Refusal::new("operators of another version than 13 to 17"));
        }
        let Some(graph) = &proto.graph else {
            return Err(Refusal::new("no graph"));
        };
        let mut source = Self {
            graph,
            constants: HashMap::new(),
            users: HashMap::new(),
        };
        for tensor in &graph.initializer {
            source.constants.insert(&tensor.name, tensor);
        }
        for (at, node) in graph.node.iter().enumerate() {
            if !of_onnx(&node.domain) {
                return Err(refuse(node, "of another domain"));
            }
            for input in &node.input {
                source.users.entry(input).or_default().push(at);
            }
            // A constant stored in another type: it is converted when it is read.
            if let ("Cast", [from], [to]) =
                (node.op_type.as_str(), &node.input[..], &node.output[..])
                && integer(node, "to", 0) == DataType::Float as i64
                && let Some(tensor) = source.constants.get(from.as_str()).copied()
            {
                source.constants.insert(to, tensor);
            }
        }
        Ok(source)
    }

    /// Whether a name is that of a constant.
    pub fn is_constant(&self, name: &str) -> bool {
        self.constants.contains_key(name)
    }

    /// The only node that reads a value, if it is no output of the graph as well.
    pub fn only_user(&self, name: &str) -> Option<usize> {
        match self.users(name) {
            [one] => Some(*one),
            _ => None,
        }
    }

    /// The nodes that read a value; none if it is an output of the graph.
    pub fn users(&self, name: &str) -> &[usize] {
        if self.graph.output.iter().any(|output| output.name == name) {
            return &[];
        }
        self.users.get(name).map_or(&[], Vec::as_slice)
    }

    pub fn node(&self, at: usize) -> &'a NodeProto {
        &self.graph.node[at]
    }

    /// A constant as floats.
    pub fn floats(&self, name: &str) -> Result<Floats, Refusal> {
        let tensor = self.load(name, &[DataType::Float, DataType::Float16])?;
        let unreadable = |_| Refusal::new(format!("constant `{name}`"));
        let cast = tensor.cast_to::<f32>().map_err(unreadable)?;
        let view = cast.try_as_plain_ram().map_err(unreadable)?;
        let values = view.as_slice::<f32>().map_err(unreadable)?;
        Ok(Floats {
            dims: tensor.shape().to_vec(),
            values: values.to_vec(),
        })
    }

    /// A constant of one float.
    pub fn float(&self, name: &str) -> Result<f32, Refusal> {
        match self.floats(name)?.values[..] {
            [value] => Ok(value),
            _ => Err(Refusal::new(format!(
                "constant `{name}` of more than one value"
            ))),
        }
    }

    /// A constant list of whole numbers.
    pub fn integers(&self, name: &str) -> Result<Vec<i64>, Refusal> {
        let tensor = self.load(name, &[DataType::Int64])?;
        let unreadable = |_| Refusal::new(format!("constant `{name}`"));
        let view = tensor.try_as_plain_ram().map_err(unreadable)?;
        Ok(view.as_slice::<i64>().map_err(unreadable)?.to_vec())
    }

    fn load(&self, name: &str, types: &[DataType]) -> Result<tract_onnx::prelude::Tensor, Refusal> {
        let Some(tensor) = self.constants.get(name) else {
            return Err(Refusal::new(format!("`{name}` is no constant")));
        };
        let known = types.iter().any(|kind| *kind as i32 == tensor.data_type);
        if !known || tensor.dims.len() > RANK_MAX {
            return Err(Refusal::new(format!("constant `{name}` of another type")));
        }
        load_tensor(&MmapDataResolver, tensor, None)
            .map_err(|error| Refusal::new(format!("constant `{name}`: {error}")))
    }
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|one| one.name == name)
}

/// A whole number, or what the operator takes when it is not stated.
pub(super) fn integer(node: &NodeProto, name: &str, default: i64) -> i64 {
    attribute(node, name).map_or(default, |one| one.i)
}

/// A number, or what the operator takes when it is not stated.
pub(super) fn number(node: &NodeProto, name: &str, default: f32) -> f32 {
    attribute(node, name).map_or(default, |one| one.f)
}

/// A list of whole numbers; empty when it is not stated.
pub(super) fn integers<'a>(node: &'a NodeProto, name: &str) -> &'a [i64] {
    attribute(node, name).map_or(&[], |one| &one.ints)
}

/// A word; empty when it is not stated.
pub(super) fn word<'a>(node: &'a NodeProto, name: &str) -> &'a [u8] {
    attribute(node, name).map_or(&[], |one| &one.s)
}

/// An input's name; empty when the node has no such input.
pub(super) fn input(node: &NodeProto, index: usize) -> &str {
    node.input.get(index).map_or("", String::as_str)
}

/// Why a node is refused.
pub(super) fn refuse(node: &NodeProto, what: &str) -> Refusal {
    let (kind, name) = (&node.op_type, node.output.first());
    let name = name.map_or("", String::as_str);
    Refusal::new(format!("operator {kind} (`{name:.60}`): {what}"))
}
