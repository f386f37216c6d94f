//! The head `wigwag`: its numbers are those of the runtime that it was made with, and it recognises
//! the demo clip.

use infer_worker::eval::{self, How};
use infer_worker::model::{Engine, Loader, ModelSet, Step};
use infer_worker::pipeline::Pipeline;
use serde::Deserialize;
use shm_layout::control::SteadySettings;
use std::path::{Path, PathBuf};

/// Largest difference of a probability between tract and ONNX Runtime; they differ by 1e-6.
const APART_MAX: f32 = 1e-3;

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn model(gestures: &str) -> ModelSet {
    let manifest = project("models/manifest.toml");
    ModelSet::open_with(&manifest, "full", gestures).expect("manifest")
}

/// A hand and what ONNX Runtime says of it; made by `models/train/check.py`.
#[derive(Deserialize)]
struct Checked {
    frame: usize,
    hand: Vec<f32>,
    right: f32,
    world: Vec<f32>,
    probabilities: Vec<f32>,
}

#[test]
fn the_head_says_in_tract_what_it_says_in_onnx_runtime() {
    let text = std::fs::read_to_string(project("infer-worker/tests/data/own_head.json"));
    let hands: Vec<Checked> = serde_json::from_str(&text.expect("data")).expect("JSON");
    let model = model("wigwag");
    let loader = Loader::new(Engine::best());
    let load = |step| loader.step(&model, step).expect("load");
    let (mut embedder, mut head) = (load(Step::GestureEmbedder), load(Step::GestureClassifier));
    let mut seen = Vec::new();
    for checked in &hands {
        let inputs = [&checked.hand[..], &[checked.right], &checked.world[..]];
        for (index, values) in inputs.into_iter().enumerate() {
            embedder.input(index).copy_from_slice(values);
            head.input(index + 1).copy_from_slice(values);
        }
        embedder.run().expect("embedder");
        head.input(0).copy_from_slice(embedder.output(0));
        head.run().expect("head");
        let found = head.output(0);
        assert_eq!(found.len(), model.labels.len());
        for (index, (found, expected)) in found.iter().zip(&checked.probabilities).enumerate() {
            let label = &model.labels[index];
            assert!(
                (found - expected).abs() < APART_MAX,
                "frame {}: {label} is {found}, expected {expected}",
                checked.frame
            );
        }
        let best = (0..found.len()).max_by(|&a, &b| found[a].total_cmp(&found[b]));
        seen.push(model.labels[best.expect("labels")].to_string());
    }
    let shown = [
        "palm",
        "fist",
        "one",
        "peace",
        "i_love_you",
        "like",
        "dislike",
        "None",
    ];
    assert_eq!(seen, shown);
}

#[test]
fn both_heads_recognise_the_demo_clip() {
    for gestures in ["canned", "wigwag"] {
        let mut pipeline = Pipeline::load(model(gestures), 1).expect("load");
        let demo = project("capture-worker/demo");
        let report = eval::run(&mut pipeline, &demo, &How::default()).expect("demo clip");
        assert!(report.unreadable.is_empty(), "{:?}", report.unreadable);
        let total = report.tally.total();
        assert_eq!(report.tally.rows.len(), 8, "{gestures}");
        assert_eq!(total.pictures, 182, "{gestures}");
        assert!(total.found > 0.99 && total.recall > 0.97, "{report}");
        // Its gestures begin once each, in their time, and nothing else does.
        let fit = report.all_clips();
        assert_eq!((fit.shown, fit.begun), (7, 7), "{report}");
        assert!(fit.wrong.is_empty(), "{report}");
        let rules = SteadySettings::default().gestures;
        let two_frames_ms = 2.0 * 1000.0 / 15.0;
        let most_ms = rules.min_hold_ms as f32 + two_frames_ms;
        assert!(
            fit.delays_ms.iter().all(|delay| *delay <= most_ms),
            "{report}"
        );
        assert!((fit.seconds - 272.0 / 15.0).abs() < 0.01, "{}", fit.seconds);
    }
}
