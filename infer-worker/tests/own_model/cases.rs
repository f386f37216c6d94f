//! What can be wrong with a manifest, and what is said about it.

/// A text of `manifest.toml`, what takes its place, and parts of the message.
type Key = (&'static str, &'static str, &'static [&'static str]);
/// A manifest, and the same.
type File = (
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

const SHAPE: &str = "shape = [1, 3, 60, 80]";
const LABELS: &str = "    \"ILoveYou\",\n";

/// Keys that are wrong in themselves, or do not fit together.
pub const KEYS: [Key; 24] = [
    ("format = 1", "format = 2", &["format: expected 1, found 2"]),
    (
        SHAPE,
        "shape = [1, 60, 80, 3]",
        &[
            "classifier.input",
            "[1, 3, height, width] for layout NCHW",
            "which is layout NHWC",
        ],
    ),
    (
        SHAPE,
        "shape = [2, 3, 60, 80]",
        &["classifier.input", "found [2, 3, 60, 80]"],
    ),
    (
        SHAPE,
        "shape = [3, 60, 80]",
        &["classifier.input", "found [3, 60, 80]"],
    ),
    (
        SHAPE,
        "shape = [1, 3, 60, 9000]",
        &["classifier.input", "sides of 1 to 2048", "9000 x 60"],
    ),
    (
        SHAPE,
        "shape = [1, 3, 0, 80]",
        &["classifier.input", "80 x 0"],
    ),
    (
        "colours = \"RGB\"",
        "colours = \"grey\"",
        &["classifier.input", "[1, 1, height, width]", "colours GREY"],
    ),
    (
        "colours = \"RGB\"",
        "colours = \"HSV\"",
        &["unknown variant `HSV`", "`RGB`", "`BGR`", "`grey`"],
    ),
    (
        "layout = \"NCHW\"",
        "layout = \"NHCW\"",
        &["unknown variant `NHCW`", "`NCHW`", "`NHWC`"],
    ),
    (
        "fit = \"letterbox\"",
        "fit = \"squash\"",
        &["unknown variant `squash`", "`letterbox`, `stretch`, `crop`"],
    ),
    (
        "sees = \"frame\"",
        "sees = \"hand\"",
        &["classifier.fit: expected no such key where sees = \"hand\""],
    ),
    (
        "sees = \"frame\"",
        "sees = \"frame\"\nmargin = 0.2",
        &["classifier.margin: expected no such key where sees = \"frame\""],
    ),
    (
        "sees = \"frame\"",
        "sees = \"frame\"\nshare = 0.5",
        &["classifier.share", "without fit = \"crop\""],
    ),
    (
        "fit = \"letterbox\"",
        "fit = \"crop\"\nshare = 0.0",
        &["classifier.share: expected a number from 0.05 to 1, found 0"],
    ),
    (
        "range = [0.0, 1.0]",
        "range = [1.0, 0.0]",
        &["classifier.range", "the lower first", "[1, 0]"],
    ),
    (
        "mean = [0.485, 0.456, 0.406]",
        "mean = [0.5, 0.5]",
        &["classifier.mean: expected one number, or 3", "[0.5, 0.5]"],
    ),
    (
        "std = [0.229, 0.224, 0.225]",
        "std = [0.0, 1.0, 1.0]",
        &[
            "classifier.std: expected finite numbers above 0",
            "[0.0, 1.0, 1.0]",
        ],
    ),
    (
        "mean = [0.485, 0.456, 0.406]",
        "mean = [nan]",
        &["classifier.mean: expected finite numbers", "NaN"],
    ),
    (
        LABELS,
        "",
        &[
            "classifier.labels: expected 8 labels",
            "`logits` [1, 8]",
            "found 7",
        ],
    ),
    (
        LABELS,
        "    \"Victory\",\n",
        &[
            "classifier.labels: expected each label once, but for None",
            "\"Victory\" twice",
        ],
    ),
    (
        LABELS,
        "    \"a label that is far too long\",\n",
        &["classifier.labels", "1 to 24 bytes"],
    ),
    (
        "shape = [1, 8]",
        "shape = [8]",
        &["classifier.output: expected shape [1, labels]", "found [8]"],
    ),
    (
        "[classifier]",
        "[gestures]\na = \"b\"\n[classifier]",
        &["gestures: expected no such section beside [classifier]"],
    ),
    ("sees =", "looks = 1\nsees =", &["unknown field `looks`"]),
];

/// Keys that do not fit the network's file.
pub const FILES: [File; 7] = [
    (
        "manifest.toml",
        "frame.onnx",
        "gone.onnx",
        &["gone.onnx", "No such file"],
    ),
    (
        "manifest.toml",
        "name = \"image\"",
        "name = \"picture\"",
        &["inputs: expected [\"picture\"], found [\"image\"]"],
    ),
    (
        "manifest.toml",
        "name = \"logits\"",
        "name = \"scores\"",
        &["outputs: expected [\"scores\"]"],
    ),
    (
        "manifest.toml",
        "[1, 3, 60, 80]",
        "[1, 3, 80, 60]",
        &["input `image`: expected F32 [1, 3, 80, 60], found F32 [batch, 3, 60, 80]"],
    ),
    (
        "manifest.toml",
        "scores = \"softmax\"",
        "scores = \"none\"",
        &[
            "output `logits`: expected probabilities from 0 to 1",
            "softmax",
        ],
    ),
    (
        "hand.toml",
        "scores = \"none\"",
        "scores = \"softmax\"",
        &["output `scores`: expected logits", "which sum to 1"],
    ),
    (
        "hand.toml",
        "margin = 0.25",
        "margin = 9.0",
        &["classifier.margin: expected a number from 0 to 4, found 9"],
    ),
];
