//! Convolutions and dense layers, each merged with the nodes that follow it: a stride that stands
//! alone, a bias, an activation, and the sum with an earlier value.
//!
//! Neighbours: [`builder`](super::builder) comes here for `Conv`, `Gemm` and `MatMul`. A node is
//! merged only when nobody else reads what lies between.

use super::Refusal;
use super::builder::{Builder, Layout, Value};
use super::op::{After, Function, Work};
use super::source::{input, integer, integers, number, refuse, word};
use crate::kernels::{Lines, Window};
use tract_onnx::pb::NodeProto;

/// Longest side of a window, and largest stride.
const SIDE_MAX: i64 = 64;

/// What has been merged so far.
struct Merge<'a> {
    /// Name of the value after the last merged node.
    name: &'a str,
    dims: Vec<usize>,
    bias: Vec<f32>,
    function: Function,
    residual: Option<bool>,
    inputs: Vec<Value>,
}

impl Merge<'_> {
    fn is_linear(&self) -> bool {
        matches!(self.function, Function::None)
    }

    /// An activation may follow a sum only if the sum comes first.
    fn takes_function(&self) -> bool {
        self.is_linear() && self.residual != Some(false)
    }
}

impl<'a> Builder<'a> {
    pub fn convolution(&mut self, at: usize, node: &'a NodeProto) -> Result<(), Refusal> {
        let image = self.image(node, 0)?.clone();
        let weights = self.source.floats(input(node, 1))?;
        let (mut window, [bottom, right]) = window(node)?;
        let [1, height, width, channels] = image.dims[..] else {
            return Err(refuse(node, "more than one image"));
        };
        let [filters, depth, rows, columns] = weights.dims[..] else {
            return Err(refuse(node, "weights of another rank"));
        };
        if rows != window.side || columns != window.side || filters == 0 {
            return Err(refuse(node, "a window that is no square"));
        }
        let group = integer(node, "group", 1);
        let depthwise = group > 1 && group == channels as i64 && depth == 1 && filters == channels;
        if !depthwise && (group != 1 || depth != channels) {
            return Err(refuse(node, "groups"));
        }
        let mut name = node.output[0].as_str();
        self.merged[at] = true;
        let size = |before: usize, from: usize, after: usize, stride: usize| {
            let places = (before + from + after).checked_sub(window.side);
            places.map(|places| places / stride + 1)
        };
        let mut stride = window.stride;
        // A stride of 2 may be written as a stride of 1 whose every second value is taken.
        if let (true, 1, Some((next, after))) = (depthwise, stride, self.every_second(name)) {
            (self.merged[next], name, stride) = (true, after, 2);
        }
        let sizes = (
            size(window.top, height, bottom, stride),
            size(window.left, width, right, stride),
        );
        let (Some(high), Some(wide)) = sizes else {
            return Err(refuse(node, "a window larger than the image"));
        };
        window.stride = stride;
        if depthwise && !window.is_depthwise() {
            return Err(refuse(node, "a depthwise window other than 3x3 or 5x5"));
        }
        let mut merge = Merge {
            name,
            dims: vec![1, high, wide, filters],
            bias: self.bias(node, filters)?,
            function: Function::None,
            residual: None,
            inputs: vec![image],
        };
        self.merge(&mut merge, !depthwise)?;
        let taps = window.side * window.side;
        let work = if depthwise {
            let lines = per_tap(&weights.values, taps, channels).shared();
            Work::Depthwise(window, lines, after(&mut merge))
        } else {
            let matrix = channels_last(&weights.values, [filters, depth, taps]);
            let packed = self.kernels.pack(&matrix, taps * depth, filters).shared();
            let single = taps == 1 && window.stride == 1 && (high, wide) == (height, width);
            if single {
                Work::Product(packed, after(&mut merge))
            } else {
                Work::Windows(window, packed, after(&mut merge))
            }
        };
        self.add(merge.name, work, &merge.dims, Layout::Image, &merge.inputs)
    }

    pub fn dense(&mut self, node: &'a NodeProto, output: &'a str) -> Result<(), Refusal> {
        let value = self.whole(node, 0)?.clone();
        let weights = self.source.floats(input(node, 1))?;
        let plain = integer(node, "transA", 0) == 0
            && number(node, "alpha", 1.0) == 1.0
            && number(node, "beta", 1.0) == 1.0
            && value.layout == Layout::Plain;
        let ([rows, depth], [first, second], true) = (&value.dims[..], &weights.dims[..], plain)
        else {
            return Err(refuse(node, "other than a matrix times a constant"));
        };
        let transposed = integer(node, "transB", 0) != 0;
        let (from, to) = if transposed {
            (*second, *first)
        } else {
            (*first, *second)
        };
        if from != *depth || to == 0 {
            return Err(refuse(node, "matrices that do not fit"));
        }
        let matrix = if transposed {
            channels_last(&weights.values, [to, from, 1])
        } else {
            weights.values
        };
        let mut merge = Merge {
            name: output,
            dims: vec![*rows, to],
            bias: self.bias(node, to)?,
            function: Function::None,
            residual: None,
            inputs: vec![value],
        };
        let packed = self.kernels.pack(&matrix, from, to).shared();
        let work = Work::Product(packed, after(&mut merge));
        self.add(merge.name, work, &merge.dims, Layout::Plain, &merge.inputs)
    }

    /// The third input, or zeros.
    fn bias(&self, node: &NodeProto, channels: usize) -> Result<Vec<f32>, Refusal> {
        if input(node, 2).is_empty() {
            return Ok(vec![0.0; channels]);
        }
        let bias = self.source.floats(input(node, 2))?;
        match bias.values.len() {
            count if count == channels => Ok(bias.values),
            _ => Err(refuse(node, "a bias that is not one value per channel")),
        }
    }

    /// Merges what follows, as long as nobody else reads what lies between.
    fn merge(&mut self, merge: &mut Merge<'a>, adds: bool) -> Result<(), Refusal> {
        while self.merge_slopes(merge)? || self.merge_next(merge, adds)? {}
        Ok(())
    }

    /// Merges the only node that follows; false if it is none that can be merged.
    fn merge_next(&mut self, merge: &mut Merge<'a>, adds: bool) -> Result<bool, Refusal> {
        let Some(at) = self.source.only_user(merge.name) else {
            return Ok(false);
        };
        let node = self.source.node(at);
        let [output] = &node.output[..] else {
            return Ok(false);
        };
        let channels = merge.bias.len();
        match node.op_type.as_str() {
            "Relu" if merge.takes_function() => merge.function = Function::Clamp(0.0, f32::MAX),
            "Clip" if merge.takes_function() => {
                let bound = |index, default| match input(node, index) {
                    "" => Ok(default),
                    name => self.source.float(name),
                };
                merge.function = Function::Clamp(bound(1, f32::MIN)?, bound(2, f32::MAX)?);
            }
            "PRelu" if merge.takes_function() && input(node, 0) == merge.name => {
                let slopes = self.per_channel(node, 1, channels)?;
                merge.function = Function::Slope(Lines::of(&slopes));
            }
            "Add" => {
                let other = usize::from(input(node, 0) == merge.name);
                if self.source.is_constant(input(node, other)) {
                    if !merge.is_linear() || merge.residual.is_some() {
                        return Ok(false);
                    }
                    let more = self.per_channel(node, other, channels)?;
                    merge
                        .bias
                        .iter_mut()
                        .zip(more)
                        .for_each(|(sum, value)| *sum += value);
                } else if !adds || merge.residual.is_some() || !self.merge_sum(merge, node, other) {
                    return Ok(false);
                }
            }
            _ => return Ok(false),
        }
        self.merged[at] = true;
        merge.name = output;
        Ok(true)
    }

    /// Merges the sum with a value that is there already.
    fn merge_sum(&self, merge: &mut Merge<'a>, node: &NodeProto, other: usize) -> bool {
        let Some(value) = self.named(input(node, other)) else {
            return false;
        };
        let same_pixels = value.dims.get(..3) == merge.dims.get(..3);
        if value.layout != Layout::Image || !same_pixels || value.channels != merge.bias.len() {
            return false;
        }
        merge.residual = Some(merge.is_linear());
        merge.inputs.push(value.clone());
        true
    }

    /// A PReLU that is spelled out: `p = max(x, 0); p + slope · (x - p)`.
    fn merge_slopes(&mut self, merge: &mut Merge<'a>) -> Result<bool, Refusal> {
        let source = self.source;
        let [first, second] = *source.users(merge.name) else {
            return Ok(false);
        };
        let (max, sub) = (source.node(first), source.node(second));
        let (Some(positive), Some(negative)) = (max.output.first(), sub.output.first()) else {
            return Ok(false);
        };
        let is = |node: &NodeProto, kind: &str, inputs: [&str; 2]| {
            node.op_type == kind && node.input.iter().map(String::as_str).eq(inputs)
        };
        let zero = input(max, 1);
        if !merge.takes_function()
            || !is(max, "Max", [merge.name, zero])
            || !is(sub, "Sub", [merge.name, positive])
            || !source.is_constant(zero)
            || source
                .floats(zero)?
                .values
                .iter()
                .any(|value| *value != 0.0)
        {
            return Ok(false);
        }
        let (Some(third), [_, fourth]) = (source.only_user(negative), source.users(positive))
        else {
            return Ok(false);
        };
        let (mul, add) = (source.node(third), source.node(*fourth));
        let Some(scaled) = mul.output.first() else {
            return Ok(false);
        };
        let slopes = input(mul, 1);
        let fits = is(mul, "Mul", [negative, slopes])
            && source.is_constant(slopes)
            && is(add, "Add", [positive, scaled])
            && source.only_user(scaled) == Some(*fourth);
        let (true, [output]) = (fits, &add.output[..]) else {
            return Ok(false);
        };
        let slopes = self.per_channel(mul, 1, merge.bias.len())?;
        merge.function = Function::Slope(Lines::of(&slopes));
        for at in [first, second, third, *fourth] {
            self.merged[at] = true;
        }
        merge.name = output;
        Ok(true)
    }

    /// The node that takes every second pixel of a value, and its output.
    fn every_second(&self, name: &str) -> Option<(usize, &'a str)> {
        let at = self.source.only_user(name)?;
        let node = self.source.node(at);
        let known = node.op_type == "MaxPool"
            && integers(node, "kernel_shape") == [1, 1]
            && integers(node, "strides") == [2, 2]
            && integers(node, "pads").iter().all(|pad| *pad == 0)
            && integer(node, "ceil_mode", 0) == 0
            && matches!(word(node, "auto_pad"), b"" | b"NOTSET" | b"VALID");
        match &node.output[..] {
            [output] if known => Some((at, output)),
            _ => None,
        }
    }

    /// A constant with one value per channel of an image, or one for all.
    fn per_channel(
        &self,
        node: &NodeProto,
        index: usize,
        channels: usize,
    ) -> Result<Vec<f32>, Refusal> {
        let constant = self.source.floats(input(node, index))?;
        match (constant.dims.as_slice(), constant.values.as_slice()) {
            (_, [one]) => Ok(vec![*one; channels]),
            ([count, 1, 1] | [1, count, 1, 1], _) if *count == channels => Ok(constant.values),
            _ => Err(refuse(node, "a constant that is not one value per channel")),
        }
    }
}

/// The window of a convolution, and the border below and right of the image.
fn window(node: &NodeProto) -> Result<(Window, [usize; 2]), Refusal> {
    let plain = integers(node, "dilations").iter().all(|step| *step == 1)
        && matches!(word(node, "auto_pad"), b"" | b"NOTSET");
    let small = |value: &i64| (0..=SIDE_MAX).contains(value);
    let side = match *integers(node, "kernel_shape") {
        [high, wide] if high == wide && high > 0 && small(&high) => high as usize,
        _ => return Err(refuse(node, "a window that is no small square")),
    };
    let stride = match *integers(node, "strides") {
        [] => 1,
        [down, across] if down == across && down > 0 && small(&down) => down as usize,
        _ => return Err(refuse(node, "two strides")),
    };
    let pads = match *integers(node, "pads") {
        [] => [0; 4],
        [a, b, c, d] if [a, b, c, d].iter().all(small) => [a, b, c, d].map(|pad| pad as usize),
        _ => return Err(refuse(node, "another border")),
    };
    if !plain {
        return Err(refuse(node, "dilations or automatic borders"));
    }
    let [top, left, bottom, right] = pads;
    let window = Window {
        side,
        stride,
        top,
        left,
    };
    Ok((window, [bottom, right]))
}

fn after(merge: &mut Merge<'_>) -> After {
    After {
        bias: Lines::of(&merge.bias),
        function: std::mem::replace(&mut merge.function, Function::None),
        residual: merge.residual,
    }
}

/// `[filters, depth, taps]` as `[taps, depth, filters]`.
fn channels_last(values: &[f32], [filters, depth, taps]: [usize; 3]) -> Vec<f32> {
    let mut matrix = vec![0.0; values.len()];
    for (at, value) in values.iter().enumerate() {
        let (filter, channel, tap) = (at / (depth * taps), at / taps % depth, at % taps);
        matrix[(tap * depth + channel) * filters + filter] = *value;
    }
    matrix
}

/// `[channels, taps]` as `[taps, channels]`, each tap's channels padded to whole lines.
fn per_tap(values: &[f32], taps: usize, channels: usize) -> Lines {
    let step = Lines::padded(channels);
    let mut lines = Lines::zeros(taps * step);
    for (at, value) in values.iter().enumerate() {
        lines.set(at % taps * step + at / taps, *value);
    }
    lines
}
