//! The second backend with its real library. `cargo test` leaves this out, because the library comes
//! from elsewhere; `tests/onnxruntime/run.sh` gets it and runs this, as `.ci/run` does.
//!
//! What a box says when the library is missing, foreign or too old is in `commands.rs` and
//! `tests/it/config.rs`, which need no library.
#![cfg(feature = "onnxruntime")]

use infer_worker::model::{Engine, Loader, ModelSet, Network, Step};
use infer_worker::pipeline::Pipeline;
use shm_layout::control::Backend;
use std::path::{Path, PathBuf};

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn onnxruntime() -> Engine {
    Engine::of(Backend::OnnxRuntime, None)
        .expect("ORT_DYLIB_PATH names a library, as tests/onnxruntime/run.sh sets it")
}

fn open(profile: &str, gestures: &str) -> ModelSet {
    let manifest = project("models/manifest.toml");
    ModelSet::open_with(&manifest, profile, gestures).expect("manifest")
}

fn load(model: &ModelSet, engine: Engine) -> [Box<dyn Network>; 4] {
    let loader = Loader::new(engine);
    Step::ALL.map(|step| loader.step(model, step).expect("loads"))
}

/// Values from 0 to 1 that look like noise and are the same every time.
fn noise(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// The greatest difference of two networks' outputs, relative to the greatest value of each output.
fn apart(ours: &mut dyn Network, theirs: &mut dyn Network, ports: [usize; 2], seed: u32) -> f32 {
    for index in 0..ports[0] {
        let values = noise(ours.input(index).len(), seed + index as u32);
        ours.input(index).copy_from_slice(&values);
        theirs.input(index).copy_from_slice(&values);
    }
    ours.run().expect("run");
    theirs.run().expect("run");
    let mut most = 0.0_f32;
    for index in 0..ports[1] {
        let (found, expected) = (ours.output(index), theirs.output(index));
        assert_eq!(found.len(), expected.len());
        assert!(!found.is_empty());
        let scale = expected
            .iter()
            .fold(1.0_f32, |most, one| most.max(one.abs()));
        for (found, expected) in found.iter().zip(expected) {
            most = most.max((found - expected).abs() / scale);
        }
    }
    most
}

/// Goal: whoever changes the backend gets the same answers.
/// Method: the same noise into each network of each profile and set of gestures, on tract's own
/// operators and on ONNX Runtime; twice, because the second run uses memory that the first has filled.
#[test]
fn networks_compute_what_tract_computes() {
    for (profile, gestures) in [("full", "canned"), ("lite", "wigwag")] {
        let model = open(profile, gestures);
        let mut plain = load(&model, Engine::Plain);
        let mut other = load(&model, onnxruntime());
        for step in Step::ALL {
            let file = model.network(step);
            let ports = [file.inputs.len(), file.outputs.len()];
            let (ours, theirs) = (&mut other[step as usize], &mut plain[step as usize]);
            for seed in [1, 2] {
                let apart = apart(&mut **ours, &mut **theirs, ports, seed);
                assert!(apart < 2e-5, "{profile} {step:?}: {apart}");
            }
        }
    }
}

/// Goal: a worker has one thread for its networks, whatever runs them.
/// Method: count the threads of this process, load and run, count again. The script runs one test at a
/// time, so that no other thread comes or goes.
#[test]
fn networks_run_on_the_thread_that_asks() {
    let threads = || {
        std::fs::read_dir("/proc/self/task")
            .expect("threads")
            .count()
    };
    let before = threads();
    let mut networks = load(&open("lite", "canned"), onnxruntime());
    networks[0].run().expect("run");
    assert_eq!(threads(), before);
}

/// Goal: a frame shows the same hands and gestures.
/// Method: every tenth frame of the demo clip, each without what is known of others.
#[test]
fn clip_shows_the_same_hands() {
    let clip =
        std::fs::read(project("capture-worker/demo/demo-640x480-15fps.mjpeg")).expect("clip");
    let load = |engine| Pipeline::load_on(engine, open("full", "canned"), 2).expect("load");
    let (mut tract, mut other) = (load(Engine::best()), load(onnxruntime()));
    let mut hands = 0;
    for frame in infer_worker::image::mjpeg::Clip::new(&clip).step_by(10) {
        let look = |pipeline: &mut Pipeline| {
            pipeline.load_jpeg(frame, None, 1).expect("frame");
            pipeline.recognize().expect("recognised").hands
        };
        let (expected, found) = (look(&mut tract), look(&mut other));
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found.gesture, expected.gesture);
            assert!((found.score - expected.score).abs() < 1e-3);
            for (found, expected) in found.landmarks.iter().zip(&expected.landmarks) {
                // In parts of the picture; a thousandth is less than a pixel of it.
                let apart = |at: usize| (found[at] - expected[at]).abs();
                assert!(apart(0) < 1e-3 && apart(1) < 1e-3);
            }
            hands += 1;
        }
    }
    assert!(hands > 10, "{hands}");
}

/// Goal: a user's own network says the same on either backend, over frames and over hands.
/// Method: both examples over every tenth frame of the demo clip.
#[test]
fn own_networks_say_the_same() {
    let clip =
        std::fs::read(project("capture-worker/demo/demo-640x480-15fps.mjpeg")).expect("clip");
    for example in ["manifest.toml", "hand.toml"] {
        let load = |engine| {
            let manifest = project("models/example").join(example);
            let model = ModelSet::open(&manifest, "full").expect("manifest");
            infer_worker::model::check(&model, engine).expect("it can be used");
            Pipeline::load_on(engine, model, 2).expect("load")
        };
        let (mut tract, mut other) = (load(Engine::best()), load(onnxruntime()));
        let mut labels = std::collections::BTreeSet::new();
        for frame in infer_worker::image::mjpeg::Clip::new(&clip).step_by(10) {
            let look = |pipeline: &mut Pipeline| {
                pipeline.load_jpeg(frame, None, 1).expect("frame");
                let outcome = pipeline.recognize().expect("recognised");
                let scene = outcome.scene.map(|scene| (scene.gesture, scene.score));
                let hands = outcome.hands.iter().map(|hand| (hand.gesture, hand.score));
                scene.into_iter().chain(hands).collect::<Vec<_>>()
            };
            let (expected, found) = (look(&mut tract), look(&mut other));
            assert_eq!(found.len(), expected.len(), "{example}");
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!(found.0, expected.0, "{example}");
                assert!((found.1 - expected.1).abs() < 1e-3, "{example}");
                labels.insert(found.0.to_string());
            }
        }
        assert!(labels.len() > 5, "{example}: {labels:?}");
    }
}
