//! Walks a graph in its order and wires an operator for each node, or none where memory does not
//! change.
//!
//! Neighbours: [`source`](super::source) reads the nodes; [`convolution`](super::convolution) merges
//! a convolution with what follows it. ONNX images are `[1, channels, height, width]`; here they lie
//! in memory as `[1, height, width, channels]`, and [`Layout`] says which values do.

use super::Refusal;
use super::memory::Memory;
use super::op::{FusedOp, Work};
use super::source::{Source, input, integer, integers, refuse, word};
use crate::kernels::Kernels;
use crate::model::network::Port;
use std::collections::HashMap;
use std::sync::Arc;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::internal::*;

/// How a value lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// As ONNX says.
    Plain,
    /// An image, with channels last.
    Image,
}

/// A value that an operator has made.
#[derive(Debug, Clone)]
pub(super) struct Value {
    pub outlet: OutletId,
    /// Dimensions in memory.
    pub dims: Vec<usize>,
    pub layout: Layout,
    /// Channels of an image with the zeros that a Pad put behind them; they are not in memory.
    pub channels: usize,
}

pub(super) struct Builder<'a> {
    pub source: &'a Source<'a>,
    pub kernels: Kernels,
    memory: &'a Arc<Memory>,
    model: TypedModel,
    values: HashMap<&'a str, Value>,
    pub merged: Vec<bool>,
}

impl<'a> Builder<'a> {
    pub fn new(source: &'a Source<'a>, kernels: Kernels, memory: &'a Arc<Memory>) -> Self {
        Self {
            source,
            kernels,
            memory,
            model: TypedModel::default(),
            values: HashMap::new(),
            merged: vec![false; source.graph.node.len()],
        }
    }

    pub fn build(mut self, inputs: &[Port], outputs: &[Port]) -> Result<TypedModel, Refusal> {
        for port in inputs {
            let is_there = |name: &&'a str| *name == port.name;
            let mut names = self.source.graph.input.iter().map(|one| one.name.as_str());
            let name = names.find(is_there);
            let name = name.ok_or_else(|| Refusal::new(format!("no input `{}`", port.name)))?;
            let fact = f32::fact(&port.shape);
            let outlet = self.model.add_source(name, fact).map_err(of_tract)?;
            self.set(name, outlet, port.shape.clone(), Layout::Plain);
        }
        for at in 0..self.source.graph.node.len() {
            let node = self.source.node(at);
            let constant = node.output.iter().all(|name| self.source.is_constant(name));
            if !self.merged[at] && !constant {
                self.wire(at, node)?;
            }
        }
        let mut outlets = Vec::new();
        for port in outputs {
            let value = self.values.get(port.name.as_str());
            let fits = |value: &&Value| value.dims == port.shape && value.layout == Layout::Plain;
            let Some(value) = value.filter(fits) else {
                return Err(Refusal::new(format!("no output {port}")));
            };
            let name = format!("{} result", port.name);
            let dims = vec![value.dims.clone()];
            let op = FusedOp::new(Work::Result, dims, &port.shape, self.kernels, self.memory);
            let result = self.model.wire_node(name, op, &[value.outlet]);
            outlets.push(result.map_err(of_tract)?[0]);
        }
        self.model
            .select_output_outlets(&outlets)
            .map_err(of_tract)?;
        Ok(self.model)
    }

    fn wire(&mut self, at: usize, node: &'a NodeProto) -> Result<(), Refusal> {
        let [output] = &node.output[..] else {
            return Err(refuse(node, "more than one output"));
        };
        match node.op_type.as_str() {
            "Conv" => return self.convolution(at, node),
            "Gemm" | "MatMul" => return self.dense(node, output),
            "Identity" => {
                let value = self.value(node, 0)?.clone();
                self.values.insert(output, value);
                return Ok(());
            }
            "Transpose" => return self.transpose(node, output),
            "Reshape" | "Squeeze" | "Flatten" => return self.reshape(node, output),
            "Pad" => return self.pad(node, output),
            _ => {}
        }
        let first = self.whole(node, 0)?.clone();
        let (work, dims) = match node.op_type.as_str() {
            "MaxPool" => (Work::MaxPool, pooled(node, &first)?),
            "Resize" => (Work::Double, self.doubled(node, &first)?),
            "GlobalAveragePool" if first.layout == Layout::Image => {
                (Work::Mean, vec![1, 1, 1, first.channels])
            }
            "Sigmoid" => (Work::Sigmoid, first.dims.clone()),
            "Add" => {
                let second = self.whole(node, 1)?;
                if second.dims != first.dims || second.layout != first.layout {
                    return Err(refuse(node, "values of two shapes"));
                }
                (Work::Add, first.dims.clone())
            }
            "Concat" => (Work::Concat, self.joined(node, &first)?),
            _ => return Err(refuse(node, "not known")),
        };
        let inputs: Result<Vec<Value>, Refusal> = match work {
            Work::Add | Work::Concat => (0..node.input.len())
                .map(|index| self.whole(node, index).cloned())
                .collect(),
            _ => Ok(vec![first.clone()]),
        };
        self.add(output, work, &dims, first.layout, &inputs?)
    }

    /// Puts an operator into the model.
    pub fn add(
        &mut self,
        name: &'a str,
        work: Work,
        dims: &[usize],
        layout: Layout,
        inputs: &[Value],
    ) -> Result<(), Refusal> {
        let from = inputs.iter().map(|value| value.dims.clone()).collect();
        let op = FusedOp::new(work, from, dims, self.kernels, self.memory);
        let outlets: Vec<OutletId> = inputs.iter().map(|value| value.outlet).collect();
        let outlets = self.model.wire_node(name, op, &outlets).map_err(of_tract)?;
        self.set(name, outlets[0], dims.to_vec(), layout);
        Ok(())
    }

    fn set(&mut self, name: &'a str, outlet: OutletId, dims: Vec<usize>, layout: Layout) {
        let channels = dims.last().copied().unwrap_or_default();
        let value = Value {
            outlet,
            dims,
            layout,
            channels,
        };
        self.values.insert(name, value);
    }

    /// A value by its name, once it is made.
    pub fn named(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// An input of a node.
    fn value(&self, node: &NodeProto, index: usize) -> Result<&Value, Refusal> {
        let value = self.values.get(input(node, index));
        value.ok_or_else(|| refuse(node, "a constant or missing input"))
    }

    /// An input of a node, all of which is in memory.
    pub fn whole(&self, node: &NodeProto, index: usize) -> Result<&Value, Refusal> {
        let value = self.value(node, index)?;
        if value.dims.last() != Some(&value.channels) {
            return Err(refuse(node, "padded channels"));
        }
        Ok(value)
    }

    /// An input of a node that is an image.
    pub fn image(&self, node: &NodeProto, index: usize) -> Result<&Value, Refusal> {
        let value = self.whole(node, index)?;
        if value.layout != Layout::Image {
            return Err(refuse(node, "no image"));
        }
        Ok(value)
    }

    fn transpose(&mut self, node: &'a NodeProto, output: &'a str) -> Result<(), Refusal> {
        let value = self.whole(node, 0)?.clone();
        let layout = match (value.layout, integers(node, "perm"), &value.dims[..]) {
            (Layout::Plain, [0, 3, 1, 2], [1, _, _, _]) => Layout::Image,
            (Layout::Image, [0, 2, 3, 1], _) => Layout::Plain,
            _ => return Err(refuse(node, "another order")),
        };
        self.set(output, value.outlet, value.dims, layout);
        Ok(())
    }

    /// A reshape leaves memory as it is; of an image only if it is a single pixel.
    fn reshape(&mut self, node: &'a NodeProto, output: &'a str) -> Result<(), Refusal> {
        let value = self.whole(node, 0)?.clone();
        let dims = match (value.layout, &value.dims[..]) {
            (Layout::Plain, dims) => dims.to_vec(),
            (Layout::Image, [1, 1, 1, channels]) => vec![1, *channels, 1, 1],
            _ => return Err(refuse(node, "an image with more than one pixel")),
        };
        let shape = match node.op_type.as_str() {
            "Reshape" if integer(node, "allowzero", 0) == 0 => {
                let wanted = self.source.integers(input(node, 1))?;
                reshaped(&dims, &wanted).ok_or_else(|| refuse(node, "another size"))?
            }
            "Squeeze" => {
                let axes = self.source.integers(input(node, 1))?;
                let gone = |axis: usize| axes.contains(&(axis as i64)) && dims[axis] == 1;
                let kept = (0..dims.len()).filter(|axis| !gone(*axis));
                let shape: Vec<usize> = kept.map(|axis| dims[axis]).collect();
                if shape.len() + axes.len() != dims.len() {
                    return Err(refuse(node, "other axes"));
                }
                shape
            }
            "Flatten" if integer(node, "axis", 1) == 1 && !dims.is_empty() => {
                vec![dims[0], dims[1..].iter().product()]
            }
            _ => return Err(refuse(node, "other attributes")),
        };
        self.set(output, value.outlet, shape, Layout::Plain);
        Ok(())
    }

    /// Zeros behind the channels of an image.
    fn pad(&mut self, node: &'a NodeProto, output: &'a str) -> Result<(), Refusal> {
        let mut value = self.image(node, 0)?.clone();
        let zero = match input(node, 2) {
            "" => 0.0,
            name => self.source.float(name)?,
        };
        let constant = matches!(word(node, "mode"), b"" | b"constant");
        match self.source.integers(input(node, 1))?[..] {
            [0, 0, 0, 0, 0, more, 0, 0]
                if constant && zero == 0.0 && (0..1 << 20).contains(&more) =>
            {
                value.channels += more as usize;
            }
            _ => return Err(refuse(node, "other than zeros behind the channels")),
        }
        self.values.insert(output, value);
        Ok(())
    }

    fn doubled(&self, node: &NodeProto, image: &Value) -> Result<Vec<usize>, Refusal> {
        let known = word(node, "mode") == b"linear"
            && word(node, "coordinate_transformation_mode") == b"half_pixel"
            && integer(node, "exclude_outside", 0) == 0
            && input(node, 3).is_empty()
            && image.layout == Layout::Image;
        let scales = self.source.floats(input(node, 2))?.values;
        match image.dims[..] {
            [1, height, width, channels] if known && scales == [1.0, 1.0, 2.0, 2.0] => {
                Ok(vec![1, 2 * height, 2 * width, channels])
            }
            _ => Err(refuse(node, "other than twice the size, linear")),
        }
    }

    /// The dimensions of values that follow each other in memory.
    fn joined(&self, node: &NodeProto, first: &Value) -> Result<Vec<usize>, Refusal> {
        let axis = integer(node, "axis", -1);
        let before = usize::try_from(axis)
            .ok()
            .and_then(|axis| first.dims.get(..axis));
        let simple = before.is_some_and(|dims| dims.iter().all(|dim| *dim == 1));
        if !simple || axis as usize >= first.dims.len() || first.layout != Layout::Plain {
            return Err(refuse(node, "values that do not follow each other"));
        }
        let mut dims = first.dims.clone();
        for index in 1..node.input.len() {
            let other = self.whole(node, index)?;
            let mut same = other.dims.clone();
            let along = same.get(axis as usize).copied().unwrap_or_default();
            if let Some(dim) = same.get_mut(axis as usize) {
                *dim = first.dims[axis as usize];
            }
            if same != first.dims || other.layout != Layout::Plain {
                return Err(refuse(node, "values of other shapes"));
            }
            dims[axis as usize] += along;
        }
        Ok(dims)
    }
}

/// The dimensions after a pool of 2x2 pixels.
fn pooled(node: &NodeProto, image: &Value) -> Result<Vec<usize>, Refusal> {
    let known = integers(node, "kernel_shape") == [2, 2]
        && integers(node, "strides") == [2, 2]
        && integers(node, "pads").iter().all(|pad| *pad == 0)
        && integers(node, "dilations").iter().all(|step| *step == 1)
        && integer(node, "ceil_mode", 0) == 0
        && matches!(word(node, "auto_pad"), b"" | b"NOTSET" | b"VALID");
    match image.dims[..] {
        [1, height, width, channels] if known && image.layout == Layout::Image => {
            Ok(vec![1, height / 2, width / 2, channels])
        }
        _ => Err(refuse(node, "other than 2x2")),
    }
}

/// The dimensions that a Reshape asks for, with 0 and -1 filled in.
fn reshaped(dims: &[usize], wanted: &[i64]) -> Option<Vec<usize>> {
    let count: usize = dims.iter().product();
    let mut shape = Vec::with_capacity(wanted.len());
    for (at, dim) in wanted.iter().enumerate() {
        shape.push(match dim {
            0 => *dims.get(at)?,
            -1 => 0,
            dim => usize::try_from(*dim).ok()?,
        });
    }
    if let Some(open) = wanted.iter().position(|dim| *dim == -1) {
        let others = shape.iter().enumerate().filter(|(at, _)| *at != open);
        let known = others
            .map(|(_, dim)| *dim)
            .try_fold(1, usize::checked_mul)?;
        shape[open] = count.checked_div(known)?;
    }
    let product = shape.iter().copied().try_fold(1, usize::checked_mul)?;
    (product == count).then_some(shape)
}

/// tract refused an operator: its shapes do not fit.
pub(super) fn of_tract(error: TractError) -> Refusal {
    Refusal::new(format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reshaped_fills_in_what_is_open_and_refuses_other_sizes() {
        assert_eq!(reshaped(&[2, 3, 4], &[0, -1]), Some(vec![2, 12]));
        assert_eq!(reshaped(&[2, 3, 4], &[24]), Some(vec![24]));
        assert_eq!(reshaped(&[2, 3, 4], &[5, -1]), None);
        assert_eq!(reshaped(&[2, 3], &[-1, -1]), None);
        assert_eq!(reshaped(&[2, 3], &[-1, 0, 0]), None);
        assert_eq!(reshaped(&[2, 3], &[-2, 3]), None);
    }
}
