//! A model that cannot be used is refused with its file, what was expected and what was found.

use infer_worker::model::{self, Engine, ModelError, ModelSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A model folder of its own, whose networks are links to the project's.
struct Models {
    folder: TempDir,
}

impl Models {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
        for entry in fs::read_dir(&original).expect("models") {
            let path = entry.expect("entry").path();
            let name = path.file_name().expect("name").to_owned();
            if path
                .extension()
                .is_some_and(|extension| extension == "onnx")
            {
                let target = path.canonicalize().expect("path");
                symlink(target, folder.path().join(name)).expect("link");
            }
        }
        fs::copy(
            original.join("manifest.toml"),
            folder.path().join("manifest.toml"),
        )
        .expect("copy");
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces a text that stands in the manifest.
    fn edit(&self, from: &str, to: &str) {
        let manifest = self.path("manifest.toml");
        let text = fs::read_to_string(&manifest).expect("read");
        assert!(text.contains(from), "`{from}` is not in the manifest");
        fs::write(manifest, text.replacen(from, to, 1)).expect("write");
    }

    fn check(&self, profile: &str) -> Result<(), ModelError> {
        model::check(
            &ModelSet::open(&self.path("manifest.toml"), profile)?,
            Engine::best(),
        )
    }

    /// The error text, which must hold all of `parts`.
    fn refused(&self, profile: &str, parts: &[&str]) {
        let error = self.check(profile).expect_err("must be refused");
        let text = error.to_string();
        for part in parts {
            assert!(text.contains(part), "`{part}` is not in: {text}");
        }
        assert!(!error.hint().is_empty());
    }
}

#[test]
fn check_accepts_both_profiles() {
    let models = Models::new();
    models.check("full").expect("full");
    models.check("lite").expect("lite");
}

#[test]
fn check_names_a_missing_file() {
    let models = Models::new();
    fs::remove_file(models.path("hand_landmark_full.onnx")).expect("remove");
    models.refused("full", &["hand_landmark_full.onnx", "No such file"]);
    models
        .check("lite")
        .expect("the other profile does not need it");
}

#[test]
fn check_names_a_damaged_file_and_both_digests() {
    let models = Models::new();
    let path = models.path("gesture_embedder_v2.onnx");
    let mut bytes = fs::read(&path).expect("read");
    bytes[1000] ^= 1;
    fs::remove_file(&path).expect("unlink");
    fs::write(&path, bytes).expect("write");
    let expected =
        "expected sha256 4ee3a18b0ab0049728b9609cf01ac94a36cf5d527673b1e868b07ac8bca669dc";
    models.refused("full", &["gesture_embedder_v2.onnx", expected, "found "]);
}

#[test]
fn check_names_a_file_that_is_no_network() {
    let models = Models::new();
    let digest = "37a9b0b2bf12ddc1c6a2cfa0d30d2c8dbbd5f0ab6ad3d0d6e8c3d1f8f8d1a4a1";
    let path = models.path("palm_detection_lite.onnx");
    fs::remove_file(&path).expect("unlink");
    fs::write(&path, b"no network at all").expect("write");
    models.edit(
        "a724da034b37642b6c46f0590ab5f49f984e3540ac47093917cf95041d124f2f",
        digest,
    );
    // The digest is wrong too; once it is right, the content is what is wrong.
    let Err(ModelError::Damaged { found, .. }) = models.check("lite") else {
        panic!("the digest does not match");
    };
    models.edit(digest, &found);
    models.refused(
        "lite",
        &["palm_detection_lite.onnx", "expected an ONNX network"],
    );
}

#[test]
fn check_names_a_file_of_other_shapes() {
    let models = Models::new();
    // The right digest of the wrong network: the entry of the embedder names the classifier.
    models.edit(
        "file = \"gesture_embedder_v2.onnx\"",
        "file = \"canned_gesture_classifier_v2.onnx\"",
    );
    models.edit(
        "4ee3a18b0ab0049728b9609cf01ac94a36cf5d527673b1e868b07ac8bca669dc",
        "06c496ed027fadd54eb72f9c7fd9973189f7e76f955fce3c380ef1623cb43df8",
    );
    let expected = r#"expected ["hand", "handedness", "world_hand"], found ["hand_embedding"]"#;
    models.refused(
        "full",
        &["canned_gesture_classifier_v2.onnx", "inputs", expected],
    );
}

#[test]
fn check_names_an_output_that_the_file_does_not_have() {
    let models = Models::new();
    models.edit(
        "{ name = \"Identity_1\", shape = [1, 2016, 1] }",
        "{ name = \"scores\", shape = [1, 2016, 1] }",
    );
    models.refused("full", &["palm_detection_full.onnx", "outputs", "scores"]);
}

#[test]
fn open_names_a_shape_that_the_recogniser_cannot_use() {
    let models = Models::new();
    models.edit("shape = [1, 192, 192, 3]", "shape = [1, 256, 256, 3]");
    let parts = [
        "manifest.toml",
        "networks.palm_detection_full.inputs",
        "[[1, 192, 192, 3]]",
        "[[1, 256, 256, 3]]",
    ];
    models.refused("full", &parts);
}

#[test]
fn open_names_labels_that_do_not_match_the_output() {
    let models = Models::new();
    models.edit("    \"ILoveYou\",\n", "");
    models.refused(
        "full",
        &[
            "networks.canned_gesture_classifier_v2.outputs",
            "[[1, 7]]",
            "[[1, 8]]",
        ],
    );
    models.edit("\"Victory\"", "\"A_gesture_with_a_very_long_name\", \"x\"");
    models.refused(
        "full",
        &["labels of 1 to 24 bytes", "A_gesture_with_a_very_long_name"],
    );
}

#[test]
fn open_names_an_unknown_profile_and_the_known_ones() {
    Models::new().refused("small", &["profiles.small", "one of full, lite"]);
}

#[test]
fn open_names_an_unknown_key_with_its_line() {
    let models = Models::new();
    models.edit("format = 1", "format = 1\ncolour = \"blue\"");
    models.refused(
        "full",
        &["manifest.toml`: line 6: unknown field `colour`, expected"],
    );
    let models = Models::new();
    models.edit("format = 1", "format = 2");
    models.refused("full", &["format: expected 1, found 2"]);
}

#[test]
fn open_names_a_manifest_that_is_not_there() {
    let error = ModelSet::open(Path::new("/nowhere/manifest.toml"), "full").expect_err("missing");
    assert!(
        error.to_string().contains("`/nowhere/manifest.toml`"),
        "{error}"
    );
}

#[test]
fn gestures_take_the_place_of_the_profile_s_own() {
    let models = Models::new();
    let manifest = models.path("manifest.toml");
    let open = |gestures: &str| ModelSet::open_with(&manifest, "lite", gestures);
    assert_eq!(open("").expect("own").labels.len(), 8);
    assert_eq!(open("canned").expect("canned").labels.len(), 8);
    let own = open("wigwag").expect("wigwag");
    assert_eq!(own.labels.len(), 16);
    assert_eq!(own.labels[0].as_str(), "None");
    model::check(&own, Engine::best()).expect("files");
}

#[test]
fn unknown_gestures_are_named_beside_the_known_ones() {
    let models = Models::new();
    let manifest = models.path("manifest.toml");
    let error = ModelSet::open_with(&manifest, "full", "mine").expect_err("unknown");
    let text = error.to_string();
    assert!(text.contains("gestures.mine"), "{text}");
    assert!(text.contains("one of canned, wigwag"), "{text}");
    models.edit(
        "canned = \"canned_gesture_classifier_v2\"",
        "canned = \"x\"",
    );
    let error = ModelSet::open_with(&manifest, "full", "canned").expect_err("no network");
    let text = error.to_string();
    assert!(text.contains("gestures.canned"), "{text}");
    assert!(text.contains("[networks.x]"), "{text}");
}

#[test]
fn a_classifier_takes_the_embedding_or_all_that_the_embedder_takes() {
    let models = Models::new();
    let wanted = "{ name = \"world_hand\", shape = [1, 21, 3] },\n]\noutputs = [{ name = \"Identity\", shape = [1, 16] }]";
    models.edit(
        wanted,
        "]\noutputs = [{ name = \"Identity\", shape = [1, 16] }]",
    );
    let manifest = models.path("manifest.toml");
    let error = ModelSet::open_with(&manifest, "full", "wigwag").expect_err("three inputs");
    let text = error.to_string();
    assert!(text.contains("networks.wigwag_gestures_1.inputs"), "{text}");
    assert!(text.contains("[1, 128]"), "{text}");
}
