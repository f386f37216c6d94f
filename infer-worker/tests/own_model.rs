//! A network of the user's own: the examples say what numpy says, and whatever is wrong with one is
//! told with its key or file, what was expected and what was found.

#[path = "own_model/cases.rs"]
mod cases;

use infer_worker::image::mjpeg::Clip;
use infer_worker::model::{self, Engine, ModelError, ModelSet, skeleton};
use infer_worker::pipeline::{Outcome, Pipeline};
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Largest difference of a score to numpy's; the pictures differ in how their JPEG was rounded.
const APART_MAX: f32 = 0.01;

/// Frames of the demo clip, and what `models/example/make.py`'s own functions and ONNX's reference
/// evaluator (onnx 1.16, numpy) make of them: whole, and of the hand.
const SAID: [(usize, &str, f32, f32); 7] = [
    (40, "Open_Palm", 0.9382, 0.9658),
    (70, "Closed_Fist", 0.8494, 0.9921),
    (100, "Pointing_Up", 0.9420, 0.9827),
    (130, "Victory", 0.9208, 0.9753),
    (180, "Thumb_Up", 0.8891, 0.9293),
    (215, "Thumb_Down", 0.9538, 0.9118),
    (240, "None", 0.9870, 0.9809),
];

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn example(name: &str) -> ModelSet {
    ModelSet::open(&project("models/example").join(name), "full").expect("manifest")
}

/// What each of those frames gives.
fn answers(pipeline: &mut Pipeline) -> Vec<Outcome> {
    let clip = fs::read(project("capture-worker/demo/demo-640x480-15fps.mjpeg")).expect("clip");
    let frames: Vec<&[u8]> = Clip::new(&clip).collect();
    let outcome = |(frame, ..): &(usize, &str, f32, f32)| {
        pipeline.load_file(frames[*frame]).expect("a JPEG");
        pipeline.recognize().expect("it runs")
    };
    SAID.iter().map(outcome).collect()
}

#[test]
fn a_whole_frame_gets_the_label_and_the_score_that_numpy_gives_it() {
    for engine in [Engine::best(), Engine::Plain] {
        let model = example("manifest.toml");
        let mut pipeline = Pipeline::load_on(engine, model, 2).expect("it loads");
        for (outcome, (frame, label, score, _)) in answers(&mut pipeline).iter().zip(SAID) {
            let scene = outcome.scene.expect("a scene");
            assert_eq!(scene.gesture.as_str(), label, "frame {frame}");
            let apart = (scene.score - score).abs();
            assert!(apart < APART_MAX, "frame {frame}: {}", scene.score);
            assert!(outcome.hands.is_empty() && !outcome.detected);
        }
    }
}

#[test]
fn a_hand_gets_the_label_and_the_score_that_numpy_gives_it() {
    let mut pipeline = Pipeline::load(example("hand.toml"), 2).expect("it loads");
    for (outcome, (frame, label, _, score)) in answers(&mut pipeline).iter().zip(SAID) {
        assert!(outcome.scene.is_none());
        let [hand] = outcome.hands.as_slice() else {
            panic!("frame {frame}: {} hands", outcome.hands.len());
        };
        assert_eq!(hand.gesture.as_str(), label, "frame {frame}");
        let apart = (hand.score - score).abs();
        assert!(apart < 2.0 * APART_MAX, "frame {frame}: {}", hand.score);
    }
}

/// A folder with a copy of an example, to be spoiled.
struct Own {
    folder: TempDir,
}

impl Own {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        for name in ["manifest.toml", "hand.toml", "frame.onnx", "hand.onnx"] {
            let from = project("models/example").join(name);
            fs::copy(from, folder.path().join(name)).expect("copy");
        }
        let own = Self { folder };
        let hands = project("models/manifest.toml")
            .canonicalize()
            .expect("path");
        own.edit("hand.toml", "../manifest.toml", &hands.to_string_lossy());
        own
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn edit(&self, manifest: &str, from: &str, to: &str) {
        let path = self.path(manifest);
        let text = fs::read_to_string(&path).expect("read");
        assert!(text.contains(from), "`{from}` is not in {manifest}");
        fs::write(path, text.replacen(from, to, 1)).expect("write");
    }

    fn check(&self, manifest: &str) -> Result<(), ModelError> {
        model::check(
            &ModelSet::open(&self.path(manifest), "full")?,
            Engine::best(),
        )
    }

    /// The error, which must hold all of `parts`.
    fn refused(&self, manifest: &str, parts: &[&str]) {
        let error = self.check(manifest).expect_err("must be refused");
        let text = error.to_string();
        for part in parts {
            assert!(text.contains(part), "`{part}` is not in: {text}");
        }
        assert!(!error.hint().is_empty());
    }

    /// Changes the network's file, and its digest in the manifest too.
    fn patch(&self, change: impl Fn(&mut Vec<u8>)) {
        let path = self.path("frame.onnx");
        let mut bytes = fs::read(&path).expect("read");
        change(&mut bytes);
        fs::write(&path, bytes).expect("write");
        if let Err(ModelError::Damaged {
            expected, found, ..
        }) = self.check("manifest.toml")
        {
            self.edit("manifest.toml", &expected, &found);
        }
    }
}

/// Replaces each occurrence of bytes by as many others.
fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let mut found = 0;
    for at in 0..bytes.len() - from.len() {
        if &bytes[at..at + from.len()] == from {
            bytes[at..at + from.len()].copy_from_slice(to);
            found += 1;
        }
    }
    assert!(found > 0, "{from:?} is not there");
}

/// Goal: each key that is wrong is named, with what may stand there and what does.
#[test]
fn a_wrong_key_is_named_with_what_was_expected_and_found() {
    for (from, to, parts) in cases::KEYS {
        let own = Own::new();
        own.edit("manifest.toml", from, to);
        own.refused("manifest.toml", parts);
    }
}

/// Goal: a network that is not what its manifest says is told by its file, port, expected and found.
#[test]
fn a_file_that_is_not_as_described_is_named() {
    let own = Own::new();
    own.edit("manifest.toml", "sha256 = \"", "sha256 = \"00");
    own.refused(
        "manifest.toml",
        &["damaged", "frame.onnx", "expected sha256 00", "found "],
    );
    for (manifest, from, to, parts) in cases::FILES {
        let own = Own::new();
        own.edit(manifest, from, to);
        own.refused(manifest, parts);
    }
}

/// Goal: the networks for hands come from a manifest that has them.
#[test]
fn hands_from_a_manifest_without_them_are_refused() {
    let own = Own::new();
    let text = fs::read_to_string(own.path("hand.toml")).expect("read");
    let hands = text.lines().find(|line| line.starts_with("hands = "));
    own.edit(
        "hand.toml",
        hands.expect("the key"),
        "hands = \"manifest.toml\"",
    );
    let expected = "classifier.hands: expected a manifest with [profiles]";
    own.refused("hand.toml", &[expected, "found one with a [classifier]"]);
    own.edit(
        "hand.toml",
        "hands = \"manifest.toml\"",
        "hands = \"gone.toml\"",
    );
    own.refused(
        "hand.toml",
        &["cannot read the model manifest", "gone.toml"],
    );
}

/// Goal: what tract cannot run is refused before anything starts, and the node is named.
#[test]
fn an_operator_that_is_not_known_is_named_with_its_node() {
    let own = Own::new();
    own.patch(|bytes| replace(bytes, b"Relu", b"Rulu"));
    own.refused("manifest.toml", &["frame.onnx", "relu0", "Rulu"]);

    let own = Own::new();
    own.patch(|bytes| bytes.truncate(20_000));
    own.refused("manifest.toml", &["frame.onnx", "expected an ONNX network"]);

    let own = Own::new();
    own.patch(|bytes| {
        let input = b"image\x12";
        let at = bytes.windows(6).position(|part| part == input);
        let kind = at.expect("the input") + 10;
        assert_eq!(bytes[kind], 1, "32-bit floats");
        bytes[kind] = 2;
    });
    own.refused(
        "manifest.toml",
        &["input `image`: expected F32", "found U8"],
    );
}

/// Goal: values that are no numbers are found before anything starts.
/// Method: the root of what is negative, in the place of each activation.
#[test]
fn a_network_of_no_numbers_is_refused() {
    let own = Own::new();
    own.patch(|bytes| replace(bytes, b"Relu", b"Sqrt"));
    own.refused(
        "manifest.toml",
        &["output `logits`: expected finite numbers, found NaN"],
    );
}

/// Goal: a network whose labels each stand for themselves can say that none of them is shown.
/// Method: the example with every label meaning something, and a network that is sure of none.
#[test]
fn a_network_without_a_label_for_nothing_gets_one() {
    let own = Own::new();
    own.edit("manifest.toml", "\"softmax\"\n", "\"sigmoid\"\n");
    own.edit("manifest.toml", "\"None\",", "\"Fist\",");
    let model = ModelSet::open(&own.path("manifest.toml"), "full").expect("manifest");
    assert_eq!(
        model.labels.last().map(|label| label.as_str()),
        Some("None")
    );
    assert_eq!(model.classifier.and_then(|own| own.no_gesture), Some(8));
}

/// Goal: from an ONNX file to a manifest that works, with nothing to be looked up but the labels.
#[test]
fn a_printed_manifest_lacks_nothing_but_the_labels() {
    for (file, layout, input, scores) in [
        ("frame.onnx", "NCHW", "[1, 3, 60, 80]", "softmax"),
        ("hand.onnx", "NHWC", "[1, 48, 48, 3]", "none"),
    ] {
        let own = Own::new();
        let text = skeleton::of(&own.path(file)).expect("a network");
        for part in [
            format!("layout = \"{layout}\""),
            format!("shape = {input}"),
            format!("scores = \"{scores}\""),
            "8 labels".to_owned(),
        ] {
            assert!(text.contains(&part), "`{part}` is not in:\n{text}");
        }
        fs::write(own.path("manifest.toml"), text).expect("write");
        own.refused(
            "manifest.toml",
            &["classifier.labels: expected 8 labels", "found 0"],
        );
        let labels = r#"labels = ["a", "b", "c", "d", "e", "f", "g", "None"]"#;
        own.edit("manifest.toml", "labels = []", labels);
        own.check("manifest.toml").expect("complete");
    }
    let error = skeleton::of(&project("models/gesture_embedder_v2.onnx")).expect_err("no picture");
    assert!(
        error.to_string().contains("inputs: expected one picture"),
        "{error}"
    );
    let error = skeleton::of(&project("models/README.md")).expect_err("no network");
    assert!(
        error.to_string().contains("expected an ONNX network"),
        "{error}"
    );
}

/// Goal: a set of gestures is for the box's own models; with a classifier it is an error.
#[test]
fn a_set_of_gestures_beside_a_classifier_is_refused() {
    let path = project("models/example/manifest.toml");
    let error = ModelSet::open_with(&path, "full", "wigwag").expect_err("two sets of labels");
    assert!(
        error
            .to_string()
            .contains("gestures.wigwag: expected no set"),
        "{error}"
    );
}

proptest! {
    /// Goal: no manifest, whatever stands in it, does more than give an error with a hint.
    /// Method: the example with some of its words and numbers exchanged, or bytes of it changed.
    #[test]
    fn any_manifest_is_read_or_refused(
        words in prop::collection::vec((0_usize..200, 0_usize..200), 0..4),
        number in prop_oneof![any::<f64>().prop_map(|n| n.to_string()), any::<i64>().prop_map(|n| n.to_string())],
        at in 0_usize..200,
        bytes in prop::collection::vec((0_usize..1500, any::<u8>()), 0..3),
    ) {
        let text = fs::read_to_string(project("models/example/manifest.toml")).expect("read");
        let mut parts: Vec<&str> = text.split_inclusive([' ', ',', '\n']).collect();
        let count = parts.len();
        words.iter().for_each(|(from, to)| parts.swap(from % count, to % count));
        let number = format!(" {number} ");
        if at < count {
            parts[at] = &number;
        }
        let mut text = parts.concat().into_bytes();
        let length = text.len();
        bytes.iter().for_each(|(at, byte)| text[at % length] = *byte);
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("manifest.toml");
        fs::write(&path, text).expect("write");
        if let Err(error) = ModelSet::open(&path, "full") {
            prop_assert!(!error.to_string().is_empty() && !error.hint().is_empty());
        }
    }
}
