//! Gestures of one's own through the real binary: taught from pictures, kept, recognised, forgotten.

use infer_worker::image::mjpeg::Clip;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const DEMO: &str = "capture-worker/demo/demo-640x480-15fps.mjpeg";

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn infer_worker(arguments: &[&str], folder: &Path) -> Output {
    let manifest = project("models/manifest.toml")
        .canonicalize()
        .expect("path");
    let (verb, rest) = arguments.split_first().expect("a verb");
    let mut command = Command::new(env!("CARGO_BIN_EXE_infer-worker"));
    command.arg(verb);
    if *verb != "forget" {
        command.arg("--manifest").arg(manifest);
    }
    command
        .args(rest)
        .current_dir(folder)
        .output()
        .expect("start")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The frames on which a hold of that gesture is to be seen, as files in a folder of that name.
fn write_pictures(folder: &Path, gesture: &str) -> usize {
    let clip = fs::read(project(DEMO)).expect("clip");
    let labels = fs::read(project("capture-worker/demo/labels.json")).expect("labels");
    let labels: Value = serde_json::from_slice(&labels).expect("json");
    let labels = labels["frames"].as_array().expect("frames");
    fs::create_dir(folder.join(gesture)).expect("folder");
    let frames = Clip::new(&clip).zip(labels).enumerate();
    let shown = frames.filter(|(_, (_, label))| label["gesture"] == gesture);
    let written = shown.map(|(number, (frame, _))| {
        let path = folder.join(gesture).join(format!("{number:03}.jpg"));
        fs::write(path, frame).expect("write");
    });
    written.count()
}

/// What is seen on each picture of a folder.
fn predicted(folder: &Path, gesture: &str) -> Vec<String> {
    let files = fs::read_dir(folder.join(gesture)).expect("folder");
    let files = files.map(|file| file.expect("file").path().display().to_string());
    let files: Vec<String> = files.collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let arguments = [&["predict", "--taught", "kept", "--"], files.as_slice()].concat();
    let output = infer_worker(&arguments, folder);
    let lines = text(&output.stdout);
    let gesture = |line: &str| {
        let line: Value = serde_json::from_str(line).expect("json");
        line["hands"][0]["gesture"]
            .as_str()
            .unwrap_or("no hand")
            .to_owned()
    };
    lines.lines().map(gesture).collect()
}

#[test]
fn taught_gesture_is_recognised_and_the_others_still_are() {
    let folder = tempfile::tempdir().expect("folder");
    let folder = folder.path();
    assert!(write_pictures(folder, "i_love_you") >= 15);
    write_pictures(folder, "victory");
    write_pictures(folder, "open_palm");
    let taught = [
        "teach",
        "--pictures",
        "i_love_you",
        "--taught",
        "kept",
        "mine",
    ];
    let output = infer_worker(&taught, folder);
    assert!(output.status.success(), "{output:?}");
    let told = text(&output.stdout);
    assert!(told.starts_with("taught   mine: "), "{told}");
    assert!(told.contains("called its hands ILoveYou"), "{told}");
    for (shown, expected) in [
        ("i_love_you", "mine"),
        ("victory", "Victory"),
        ("open_palm", "Open_Palm"),
    ] {
        let found = predicted(folder, shown);
        assert!(
            found.iter().all(|found| found == expected),
            "{shown}: {found:?}"
        );
    }
    let output = infer_worker(&["check-model", "--taught", "kept", "--json"], folder);
    let model: Value = serde_json::from_slice(&output.stdout).expect("json");
    assert_eq!(model["taught"][0]["name"], "mine");
    assert_eq!(model["labels"][8], "mine");
    let plain = infer_worker(&["check-model", "--json"], folder);
    let plain: Value = serde_json::from_slice(&plain.stdout).expect("json");
    assert_ne!(model["sha256"], plain["sha256"]);
}

#[test]
fn the_same_pictures_are_kept_as_the_same_bytes_and_more_are_added() {
    let folder = tempfile::tempdir().expect("folder");
    let folder = folder.path();
    let count = write_pictures(folder, "i_love_you");
    let teach = |kept: &str, more: &[&str]| {
        let taught = [
            "teach",
            "--pictures",
            "i_love_you",
            "--taught",
            kept,
            "mine",
        ];
        infer_worker(&[&taught[..], more].concat(), folder)
    };
    let bytes = |kept: &str| fs::read(folder.join(kept).join("mine.json")).expect("kept");
    assert!(teach("a", &[]).status.success() && teach("b", &[]).status.success());
    assert_eq!(bytes("a"), bytes("b"));

    let again = teach("a", &[]);
    assert_eq!(again.status.code(), Some(64));
    assert!(
        text(&again.stderr).contains("hint: --add learns"),
        "{again:?}"
    );
    assert_eq!(bytes("a"), bytes("b"), "nothing has changed");
    assert!(teach("a", &["--replace"]).status.success());
    assert_eq!(bytes("a"), bytes("b"));
    let told = text(&teach("a", &["--add"]).stdout);
    assert!(
        told.contains(&format!("mine: {} samples", 2 * count)),
        "{told}"
    );
    let other = teach("a", &["--add", "--hand", "right"]);
    assert_eq!(other.status.code(), Some(64));
    assert!(
        text(&other.stderr).contains("was taught with --hand any"),
        "{other:?}"
    );

    let names: Vec<_> = fs::read_dir(folder.join("a")).expect("folder").collect();
    assert_eq!(names.len(), 1, "nothing half is left: {names:?}");
    let gone = infer_worker(&["forget", "--taught", "a", "mine"], folder);
    assert!(gone.status.success() && !folder.join("a/mine.json").exists());
}

#[test]
fn gesture_of_the_other_hand_is_said_to_be_that() {
    let folder = tempfile::tempdir().expect("folder");
    write_pictures(folder.path(), "i_love_you");
    let left = [
        "teach",
        "--pictures",
        "i_love_you",
        "--taught",
        "kept",
        "--hand",
        "left",
        "mine",
    ];
    let output = infer_worker(&left, folder.path());
    assert_eq!(output.status.code(), Some(69));
    let told = text(&output.stderr);
    assert!(told.contains("0 usable hands were seen"), "{told}");
    assert!(
        told.contains("hint: only the other hand was seen"),
        "{told}"
    );
    assert!(!folder.path().join("kept").exists());
}

#[test]
fn damaged_gesture_is_an_error_of_the_configuration() {
    let folder = tempfile::tempdir().expect("folder");
    fs::create_dir(folder.path().join("kept")).expect("folder");
    fs::write(folder.path().join("kept/mine.json"), "{\"format\": 1").expect("write");
    for verb in ["check-model", "gestures"] {
        let output = infer_worker(&[verb, "--taught", "kept"], folder.path());
        assert_eq!(output.status.code(), Some(78), "{output:?}");
        let told = text(&output.stderr);
        assert!(
            told.contains("damaged taught gesture `kept/mine.json`"),
            "{told}"
        );
        assert!(told.contains("hint: `supervisor forget mine`"), "{told}");
    }
}
