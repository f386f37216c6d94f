//! Models that every check passes and that fail at work, written here as ONNX files by hand: the models
//! of this repository with another palm detector, and a classifier that gives no number.
//!
//! Upstream: the tests of new models. The file is a real one that the real runtime loads.

use std::path::{Path, PathBuf};
use std::process::Command;

/// When the palm detector fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fails {
    /// Never; it finds nothing.
    Never,
    /// On the first picture that is not black.
    OnPictures,
    /// On whatever it is given.
    Always,
}

/// Writes such a model into `folder`, which is made, and gives its manifest.
///
/// # Panics
///
/// If it cannot be written.
#[must_use]
pub fn write(folder: &Path, fails: Fails) -> PathBuf {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    std::fs::create_dir(folder).expect("a folder can be made");
    for entry in std::fs::read_dir(models).expect("the models are there") {
        let path = entry.expect("the folder can be read").path();
        if path.is_file() {
            let name = path.file_name().expect("a file has a name");
            std::fs::copy(&path, folder.join(name)).expect("a file can be copied");
        }
    }
    let detector = folder.join("palm_detection_full.onnx");
    let before = sha256(&detector);
    std::fs::write(&detector, palm_detector(fails)).expect("a file can be written");
    let manifest = folder.join("manifest.toml");
    let text = std::fs::read_to_string(&manifest).expect("the manifest can be read");
    let text = text.replace(&before, &sha256(&detector));
    let text = text.replace("name = \"mediapipe-hands\"", "name = \"other-hands\"");
    std::fs::write(&manifest, text).expect("the manifest can be written");
    manifest
}

/// Writes a classifier over whole frames, of two labels, into `folder`, which is made, and gives its
/// manifest. Of a picture that is not even its values are no numbers: the logarithm of what is negative.
///
/// # Panics
///
/// If it cannot be written.
#[must_use]
pub fn without_numbers(folder: &Path) -> PathBuf {
    std::fs::create_dir(folder).expect("a folder can be made");
    let network = folder.join("own.onnx");
    std::fs::write(&network, evenness()).expect("a file can be written");
    let manifest = folder.join("manifest.toml");
    let digest = sha256(&network);
    let text = format!(
        r#"format = 1
name = "without-numbers"
licence = "none"
[classifier]
file = "own.onnx"
sha256 = "{digest}"
sees = "frame"
input = {{ name = "image", shape = [1, 3, 24, 32] }}
layout = "NCHW"
colours = "RGB"
output = {{ name = "logits", shape = [1, 2] }}
scores = "sigmoid"
labels = ["even", "None"]
"#
    );
    std::fs::write(&manifest, text).expect("the manifest can be written");
    manifest
}

/// `log(limit - (brightest - darkest))`, twice.
fn evenness() -> Vec<u8> {
    let mut graph = Message::default();
    let flat = Some(("keepdims", 0));
    for (operator, inputs, output, attribute) in [
        ("ReduceMax", &["image"][..], "brightest", flat),
        ("ReduceMin", &["image"], "darkest", flat),
        ("Sub", &["brightest", "darkest"], "spread", None),
        ("Sub", &["limit", "spread"], "left", None),
        ("Log", &["left"], "log", None),
        ("Add", &["log", "zeros"], "logits", None),
    ] {
        graph.message(1, node(operator, inputs, output, attribute));
    }
    graph.text(2, "evenness");
    graph.message(5, tensor("limit", FLOAT, &[], &f32::to_le_bytes(0.05)));
    graph.message(5, tensor("zeros", FLOAT, &[1, 2], &[0; 8]));
    graph.message(11, port("image", &[1, 3, 24, 32]));
    graph.message(12, port("logits", &[1, 2]));
    model(graph)
}

fn model(graph: Message) -> Vec<u8> {
    let mut operators = Message::default();
    operators.text(1, "").number(2, 11);
    let mut model = Message::default();
    model.number(1, 6).message(7, graph).message(8, operators);
    model.0
}

fn sha256(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output();
    let output = output.expect("coreutils has sha256sum");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// Boxes and logits are `table[whole part of (the brightest value * factor) + bias]` everywhere,
/// and the table has one entry: an index beyond it is an error of the runtime.
fn palm_detector(fails: Fails) -> Vec<u8> {
    let (factor, bias) = match fails {
        Fails::Never => (0.0, 0),
        Fails::OnPictures => (100.0, 0),
        Fails::Always => (0.0, 1),
    };
    let (boxes, logits) = ([1, 2016, 18], [1, 2016, 1]);
    let zeros = |name, dims: [i64; 3]| {
        let count = dims.iter().product::<i64>();
        tensor(name, FLOAT, &dims, &vec![0; 4 * count as usize])
    };
    let mut graph = Message::default();
    for (operator, inputs, output, attribute) in [
        (
            "ReduceMax",
            &["input_1"][..],
            "brightest",
            Some(("keepdims", 0)),
        ),
        ("Mul", &["brightest", "factor"], "scaled", None),
        ("Cast", &["scaled"], "whole", Some(("to", INT64))),
        ("Add", &["whole", "bias"], "index", None),
        ("Gather", &["table", "index"], "found", Some(("axis", 0))),
        ("Add", &["found", "boxes"], "Identity", None),
        ("Add", &["found", "logits"], "Identity_1", None),
    ] {
        graph.message(1, node(operator, inputs, output, attribute));
    }
    graph.text(2, "palm_detector");
    // No palm: a logit of -100 is none.
    graph.message(5, tensor("table", FLOAT, &[1], &(-100.0_f32).to_le_bytes()));
    graph.message(5, tensor("factor", FLOAT, &[], &f32::to_le_bytes(factor)));
    graph.message(5, tensor("bias", INT64, &[], &i64::to_le_bytes(bias)));
    graph.message(5, zeros("boxes", boxes));
    graph.message(5, zeros("logits", logits));
    graph.message(11, port("input_1", &[1, 192, 192, 3]));
    graph.message(12, port("Identity", &boxes));
    graph.message(12, port("Identity_1", &logits));
    model(graph)
}

/// Element types. Source: onnx.proto, `TensorProto.DataType`.
const FLOAT: i64 = 1;
const INT64: i64 = 7;

/// Attribute type of a whole number. Source: onnx.proto, `AttributeProto.AttributeType`.
const INT: i64 = 2;

fn node(operator: &str, inputs: &[&str], output: &str, attribute: Option<(&str, i64)>) -> Message {
    let mut node = Message::default();
    for input in inputs {
        node.text(1, input);
    }
    node.text(2, output).text(3, output).text(4, operator);
    if let Some((name, value)) = attribute {
        let mut attribute = Message::default();
        attribute.text(1, name).number(3, value).number(20, INT);
        node.message(5, attribute);
    }
    node
}

fn tensor(name: &str, kind: i64, dims: &[i64], bytes: &[u8]) -> Message {
    let mut tensor = Message::default();
    for dim in dims {
        tensor.number(1, *dim);
    }
    tensor.number(2, kind).text(8, name).bytes(9, bytes);
    tensor
}

fn port(name: &str, dims: &[i64]) -> Message {
    let mut shape = Message::default();
    for dim in dims {
        let mut dimension = Message::default();
        dimension.number(1, *dim);
        shape.message(1, dimension);
    }
    let (mut tensor, mut kind) = (Message::default(), Message::default());
    tensor.number(1, FLOAT).message(2, shape);
    kind.message(1, tensor);
    let mut port = Message::default();
    port.text(1, name).message(2, kind);
    port
}

/// A protobuf message. Source: protobuf.dev, Encoding.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(&mut self, field: u64, value: i64) -> &mut Self {
        self.varint(field << 3);
        self.varint(value as u64);
        self
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) -> &mut Self {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    fn text(&mut self, field: u64, text: &str) -> &mut Self {
        self.bytes(field, text.as_bytes())
    }

    fn message(&mut self, field: u64, message: Self) -> &mut Self {
        self.bytes(field, &message.0)
    }
}
