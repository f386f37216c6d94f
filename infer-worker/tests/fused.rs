//! Graphs on our own operators against the same graphs on tract's: made ones at odd sizes, and the
//! networks of the release.

mod graphs;

use graphs::{case, graph, noise, sizes};
use infer_worker::kernels::{KernelSet, Kernels};
use infer_worker::model::network::Port;
use infer_worker::model::{Engine, Loader, ModelSet, Network, Step, fused};
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;

fn run(model: TypedModel, input: &Port, values: &[f32]) -> Vec<f32> {
    let tensor = tract_ndarray::ArrayD::from_shape_vec(input.shape.clone(), values.to_vec());
    let tensor = tensor.expect("as many values").into_tensor();
    let state = model.into_runnable().expect("plan");
    let out = state.run(tvec!(tensor.into_tvalue())).expect("run");
    out[0]
        .try_as_plain_ram()
        .expect("memory")
        .as_slice::<f32>()
        .expect("floats")
        .to_vec()
}

fn plain(proto: &ModelProto, input: &Port) -> TypedModel {
    let fact = InferenceFact::dt_shape(f32::datum_type(), &input.shape);
    let model = onnx().model_for_proto_model(proto).expect("graph");
    let model = model.with_input_fact(0, fact).expect("input");
    model.into_optimized().expect("optimised")
}

fn sets() -> impl Iterator<Item = Kernels> {
    KernelSet::ALL.into_iter().filter_map(Kernels::new)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    /// Goal: whatever is merged, the graph computes what tract computes.
    #[test]
    fn fused_graphs_compute_what_tract_computes(case in case()) {
        let Some(size) = sizes(&case) else { return Ok(()) };
        let (proto, input, output) = graph(&case, size);
        let values = noise(input.shape.iter().product(), case.seed);
        let expected = run(plain(&proto, &input), &input, &values);
        for kernels in sets() {
            let memory = Arc::default();
            let model = fused::compile(&proto, std::slice::from_ref(&input), std::slice::from_ref(&output), kernels, &memory);
            let found = run(model.expect("known"), &input, &values);
            prop_assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(&expected) {
                prop_assert!((found - expected).abs() <= 1e-4 * (1.0 + expected.abs()), "{} for {}, {:?}", found, expected, kernels);
            }
        }
    }
}

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/manifest.toml")
}

fn load(model: &ModelSet, engine: Engine) -> [Box<dyn Network>; 4] {
    let loader = Loader::new(engine);
    Step::ALL.map(|step| loader.step(model, step).expect("loads"))
}

/// Goal: the networks of the release run on our operators as a whole, and say what tract says.
/// Method: the same noise into each, all outputs compared, on every set.
#[test]
fn networks_of_the_release_are_known_and_right() {
    for profile in ["full", "lite"] {
        let model = ModelSet::open(&models(), profile).expect("manifest");
        for step in [Step::PalmDetection, Step::HandLandmark] {
            let file = model.network(step);
            let proto = onnx().proto_model_for_read(&mut file.read().expect("file").as_slice());
            let proto = proto.expect("graph");
            for kernels in sets() {
                let memory = Arc::default();
                let fused = fused::compile(&proto, &file.inputs, &file.outputs, kernels, &memory);
                assert!(
                    fused.is_ok(),
                    "{profile} {step:?}: {}",
                    fused.expect_err("refused")
                );
            }
        }
        let mut plain = load(&model, Engine::Plain);
        for engine in Engine::all() {
            let mut networks = load(&model, engine);
            for step in [Step::PalmDetection, Step::HandLandmark] {
                let (ours, theirs) = (&mut networks[step as usize], &mut plain[step as usize]);
                // The second run uses memory that the first has filled.
                for seed in [1, 2] {
                    let input = noise(ours.input(0).len(), seed);
                    for network in [&mut *ours, &mut *theirs] {
                        network.input(0).copy_from_slice(&input);
                        network.run().expect("run");
                    }
                    for index in 0..step.outputs().len() {
                        let (found, expected) = (ours.output(index), theirs.output(index));
                        assert_eq!(found.len(), expected.len());
                        let scale = expected
                            .iter()
                            .fold(1.0_f32, |most, value| most.max(value.abs()));
                        for (found, expected) in found.iter().zip(expected) {
                            let apart = (found - expected).abs() / scale;
                            assert!(
                                apart < 2e-5,
                                "{profile} {step:?} {engine}: {found} {expected}"
                            );
                        }
                    }
                }
            }
        }
    }
}

/// Counts warnings.
struct Warnings(Arc<AtomicUsize>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN && metadata.target().starts_with("infer_worker")
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

/// Goal: a graph that our operators do not know runs all the same, and the log says so once.
/// Method: one operator of the landmark network is replaced by another one of tract's.
#[test]
fn an_unknown_graph_runs_on_tract_with_one_line_in_the_log() {
    use sha2::{Digest, Sha256};
    let folder = tempfile::tempdir().expect("folder");
    let original = models();
    let original = original.parent().expect("folder");
    for entry in std::fs::read_dir(original).expect("models").flatten() {
        if entry.path().is_file() {
            std::fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("copy");
        }
    }
    let path = folder.path().join("hand_landmark_lite.onnx");
    let mut bytes = std::fs::read(&path).expect("network");
    let before: String = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let at = bytes
        .windows(9)
        .position(|part| part == b"\x22\x07Sigmoid")
        .expect("a Sigmoid");
    bytes[at + 2..at + 9].copy_from_slice(b"Softmax");
    let after: String = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    std::fs::write(&path, bytes).expect("write");
    let manifest = folder.path().join("manifest.toml");
    let text = std::fs::read_to_string(&manifest).expect("manifest");
    std::fs::write(&manifest, text.replace(&before, &after)).expect("write");

    let model = ModelSet::open(&manifest, "lite").expect("manifest");
    let count = Arc::new(AtomicUsize::new(0));
    let loads = || load(&model, Engine::best());
    let mut networks = tracing::subscriber::with_default(Warnings(Arc::clone(&count)), loads);
    assert_eq!(count.load(Ordering::SeqCst), 1);
    networks[Step::HandLandmark as usize].run().expect("runs");
    assert_eq!(networks[Step::HandLandmark as usize].output(0).len(), 63);
}

/// Goal: a damaged or strange graph is refused, and never panics.
/// Method: each node in turn loses its inputs, its outputs, its attributes, or its meaning.
#[test]
fn strange_graphs_are_refused_without_a_panic() {
    let model = ModelSet::open(&models(), "lite").expect("manifest");
    for step in [Step::PalmDetection, Step::HandLandmark] {
        let file = model.network(step);
        let proto = onnx().proto_model_for_read(&mut file.read().expect("file").as_slice());
        let proto = proto.expect("graph");
        let nodes = proto.graph.as_ref().expect("graph").node.len();
        for at in (0..nodes).step_by(7) {
            for fault in 0..5 {
                let mut proto = proto.clone();
                let node = &mut proto.graph.as_mut().expect("graph").node[at];
                let is_cast = node.op_type == "Cast";
                match fault {
                    0 => node.input.clear(),
                    1 => node.output.clear(),
                    2 => node.input.truncate(1),
                    3 => node
                        .attribute
                        .iter_mut()
                        .for_each(|one| one.ints = vec![-1, i64::MAX]),
                    _ => node.op_type = "Unheard".to_owned(),
                }
                let kernels = Kernels::best();
                let memory = Arc::default();
                let result = fused::compile(&proto, &file.inputs, &file.outputs, kernels, &memory);
                assert!(fault != 4 || is_cast || result.is_err(), "node {at}");
            }
        }
    }
}
