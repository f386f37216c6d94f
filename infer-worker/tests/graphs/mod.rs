//! Small ONNX graphs, made node by node: a convolution at any size and what may follow it.
//!
//! Neighbours: `fused` runs each on our operators and on tract's.

use infer_worker::model::network::Port;
use proptest::prelude::*;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TypeProto,
    ValueInfoProto, tensor_shape_proto, type_proto,
};

/// A graph that is put together node by node.
#[derive(Default)]
struct Graph(GraphProto);

impl Graph {
    fn constant(&mut self, name: &str, dims: &[usize], values: &[f32]) {
        self.0.initializer.push(TensorProto {
            name: name.to_owned(),
            dims: dims.iter().map(|dim| *dim as i64).collect(),
            data_type: DataType::Float as i32,
            float_data: values.to_vec(),
            ..TensorProto::default()
        });
    }

    fn node(&mut self, kind: &str, inputs: &[&str], output: &str) -> &mut NodeProto {
        self.0.node.push(NodeProto {
            op_type: kind.to_owned(),
            name: output.to_owned(),
            input: inputs.iter().map(|name| (*name).to_owned()).collect(),
            output: vec![output.to_owned()],
            ..NodeProto::default()
        });
        self.0.node.last_mut().expect("just added")
    }

    fn finish(mut self, input: &Port, output: &str) -> ModelProto {
        self.0.input = vec![port(&input.name, &input.shape)];
        self.0.output = vec![port(output, &[])];
        ModelProto {
            ir_version: 7,
            opset_import: vec![OperatorSetIdProto {
                version: 13,
                ..OperatorSetIdProto::default()
            }],
            graph: Some(self.0),
            ..ModelProto::default()
        }
    }
}

fn port(name: &str, shape: &[usize]) -> ValueInfoProto {
    let dim = |value: &usize| tensor_shape_proto::Dimension {
        value: Some(tensor_shape_proto::dimension::Value::DimValue(
            *value as i64,
        )),
        ..tensor_shape_proto::Dimension::default()
    };
    let shape = (!shape.is_empty()).then(|| tract_onnx::pb::TensorShapeProto {
        dim: shape.iter().map(dim).collect(),
    });
    let tensor = type_proto::Tensor {
        elem_type: DataType::Float as i32,
        shape,
    };
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
            ..TypeProto::default()
        }),
        ..ValueInfoProto::default()
    }
}

fn ints(node: &mut NodeProto, name: &str, values: &[usize]) {
    node.attribute.push(AttributeProto {
        name: name.to_owned(),
        r#type: 7,
        ints: values.iter().map(|value| *value as i64).collect(),
        ..AttributeProto::default()
    });
}

fn int(node: &mut NodeProto, name: &str, value: usize) {
    node.attribute.push(AttributeProto {
        name: name.to_owned(),
        r#type: 2,
        i: value as i64,
        ..AttributeProto::default()
    });
}

/// Numbers from -1 to 1 that look random and are the same each time.
pub fn noise(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// A convolution and what follows it.
#[derive(Debug, Clone)]
pub struct Case {
    size: [usize; 2],
    channels: usize,
    filters: usize,
    window: usize,
    depthwise: bool,
    stride: usize,
    pads: [usize; 4],
    /// 0 none, 1 ReLU, 2 Clip, 3 PReLU, 4 PReLU spelled out.
    function: u8,
    /// 0 none, 1 before the activation, 2 after it.
    sum: u8,
    /// A stride of 2 as a stride of 1 and a pool that takes every second pixel.
    spelled_stride: bool,
    /// Max-pool, twice the size, or sigmoid, at the end.
    last: u8,
    pub seed: u32,
}

/// Any case.
pub fn case() -> impl Strategy<Value = Case> {
    let size = (1_usize..14, 1_usize..14);
    let pads = (0_usize..3, 0_usize..3, 0_usize..3, 0_usize..3);
    let window = (
        prop_oneof![Just(1_usize), Just(2), Just(3), Just(5)],
        any::<bool>(),
        1_usize..3,
    );
    let after = (0_u8..5, 0_u8..3, any::<bool>(), 0_u8..4);
    (
        size,
        1_usize..37,
        1_usize..37,
        window,
        pads,
        after,
        any::<u32>(),
    )
        .prop_map(
            |(
                (high, wide),
                channels,
                filters,
                (window, depthwise, stride),
                (a, b, c, d),
                after,
                seed,
            )| {
                let (function, sum, spelled_stride, last) = after;
                let depthwise = depthwise && channels > 1 && window > 2;
                Case {
                    size: [high, wide],
                    channels,
                    filters: if depthwise { channels } else { filters },
                    window,
                    depthwise,
                    stride,
                    pads: [a, b, c, d],
                    function,
                    sum,
                    spelled_stride: spelled_stride && depthwise && stride == 2,
                    last,
                    seed,
                }
            },
        )
}

/// Size after the convolution; none if the window is larger than the image.
pub fn sizes(case: &Case) -> Option<[usize; 2]> {
    let [top, left, bottom, right] = case.pads;
    let places = |before: usize, from: usize, after: usize| {
        (before + from + after)
            .checked_sub(case.window)
            .map(|room| room / case.stride + 1)
    };
    Some([
        places(top, case.size[0], bottom)?,
        places(left, case.size[1], right)?,
    ])
}

fn activation(graph: &mut Graph, case: &Case, from: &str, to: &str) {
    match case.function {
        1 => drop(graph.node("Relu", &[from], to)),
        2 => {
            graph.constant("low", &[], &[-0.5]);
            graph.constant("high", &[], &[0.75]);
            graph.node("Clip", &[from, "low", "high"], to);
        }
        3 | 4 => {
            graph.constant(
                "slopes",
                &[case.filters, 1, 1],
                &noise(case.filters, case.seed ^ 9),
            );
            if case.function == 3 {
                graph.node("PRelu", &[from, "slopes"], to);
                return;
            }
            graph.constant("zero", &[], &[0.0]);
            graph.node("Max", &[from, "zero"], "positive");
            graph.node("Sub", &[from, "positive"], "negative");
            graph.node("Mul", &["negative", "slopes"], "scaled");
            graph.node("Add", &["positive", "scaled"], to);
        }
        _ => drop(graph.node("Identity", &[from], to)),
    }
}

/// The graph of a case: the sum's other value is a 1x1 convolution of a second copy of the image.
pub fn graph(case: &Case, [high, wide]: [usize; 2]) -> (ModelProto, Port, Port) {
    let mut graph = Graph::default();
    let [height, width] = case.size;
    let input = Port {
        name: "image".to_owned(),
        shape: vec![1, height, width, case.channels],
    };
    ints(
        graph.node("Transpose", &["image"], "x"),
        "perm",
        &[0, 3, 1, 2],
    );
    let sum = case.sum > 0 && case.stride == 1 && [high, wide] == case.size && !case.depthwise;
    if sum {
        let count = case.filters * case.channels;
        graph.constant(
            "w2",
            &[case.filters, case.channels, 1, 1],
            &noise(count, case.seed ^ 3),
        );
        let node = graph.node("Conv", &["x", "w2"], "other");
        ints(node, "kernel_shape", &[1, 1]);
    }
    let depth = if case.depthwise { 1 } else { case.channels };
    let dims = [case.filters, depth, case.window, case.window];
    graph.constant("w", &dims, &noise(dims.iter().product(), case.seed ^ 1));
    graph.constant("b", &[case.filters], &noise(case.filters, case.seed ^ 2));
    let output = if case.spelled_stride { "dense" } else { "sum" };
    let node = graph.node("Conv", &["x", "w", "b"], output);
    let stride = if case.spelled_stride { 1 } else { case.stride };
    ints(node, "kernel_shape", &[case.window; 2]);
    ints(node, "strides", &[stride; 2]);
    ints(node, "pads", &case.pads);
    int(
        node,
        "group",
        if case.depthwise { case.channels } else { 1 },
    );
    if case.spelled_stride {
        let node = graph.node("MaxPool", &["dense"], "sum");
        ints(node, "kernel_shape", &[1, 1]);
        ints(node, "strides", &[2, 2]);
    }
    match (sum, case.sum) {
        (true, 1) => {
            graph.node("Add", &["other", "sum"], "total");
            activation(&mut graph, case, "total", "y");
        }
        (true, _) => {
            activation(&mut graph, case, "sum", "bent");
            graph.node("Add", &["bent", "other"], "y");
        }
        _ => activation(&mut graph, case, "sum", "y"),
    }
    let (mut shape, mut end) = (vec![1, high, wide, case.filters], "y");
    match case.last {
        1 if high > 1 && wide > 1 => {
            let node = graph.node("MaxPool", &["y"], "z");
            ints(node, "kernel_shape", &[2, 2]);
            ints(node, "strides", &[2, 2]);
            (shape, end) = (vec![1, high / 2, wide / 2, case.filters], "z");
        }
        2 => {
            graph.node("Sigmoid", &["y"], "z");
            end = "z";
        }
        3 => {
            graph.node("GlobalAveragePool", &["y"], "z");
            (shape, end) = (vec![1, 1, 1, case.filters], "z");
        }
        _ => {}
    }
    ints(
        graph.node("Transpose", &[end], "out"),
        "perm",
        &[0, 2, 3, 1],
    );
    let output = Port {
        name: "out".to_owned(),
        shape,
    };
    (graph.finish(&input, "out"), input, output)
}
