//! The commands of `supervisor`, as a user types them.

use serde_json::Value;
use std::path::PathBuf;
use wigwag_tests::client::multipart::MultipartStream;
use wigwag_tests::{TestBox, demo};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Goal: `status` shows each unit and source to people, and the same to programs.
/// Method: ask both ways on a box with two sources.
#[test]
fn status_shows_units_and_sources() {
    let test_box = TestBox::builder("status")
        .source("pattern:")
        .source("clip:")
        .start();
    let output = test_box.run(&["status"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let shown = text(&output.stdout);
    let status = test_box.status();
    for unit in &status.units {
        let line = shown.lines().find(|line| line.contains(&unit.name));
        let line = line.unwrap_or_else(|| panic!("{} is missing:\n{shown}", unit.name));
        assert!(
            line.contains("ready") && line.contains(&unit.pid.unwrap().to_string()),
            "{line}"
        );
    }
    for part in ["pattern0", "clip0", status.http.as_str()] {
        assert!(shown.contains(part), "`{part}` is missing:\n{shown}");
    }
    let model = status.model.unwrap();
    assert!(
        model.labels.iter().any(|label| label == "Thumb_Up"),
        "{model:?}"
    );
    test_box.stop();
}

/// Goal: the log tells within the first lines what runs: source and mode, model, workers, address.
/// Method: read the log of a box that got ready.
#[test]
fn log_tells_what_runs() {
    let test_box = TestBox::start("log");
    let (log, status) = (test_box.log(), test_box.status());
    for part in [
        "pattern0",
        "640x480",
        "mediapipe-hands",
        &format!("http://{}/", status.http),
    ] {
        assert!(log.contains(part), "`{part}` is missing:\n{log}");
    }
    test_box.stop();
}

/// Goal: `restart` replaces the process of a unit, or of all units of a kind, and nothing else.
/// Method: one unit, then a kind, under a viewer who sees the sequence only rise.
#[test]
fn restart_replaces_a_unit() {
    let test_box = TestBox::start("restart");
    let mut viewer = MultipartStream::open(&test_box.http(), "pattern0");
    let mut newest = viewer.part().sequence;
    for (argument, name) in [("infer/0", "infer/0"), ("capture", "capture/pattern0")] {
        let before = test_box.unit(name);
        let gateway = test_box.unit("gateway");
        let output = test_box.run(&["restart", argument]);
        assert!(output.status.success(), "{output:?}");
        let after = test_box.await_successor(name, before.generation);
        assert_ne!(after.pid, before.pid);
        assert_eq!(test_box.unit("gateway").pid, gateway.pid);
        let now = test_box.newest("pattern0");
        while newest <= now {
            let sequence = viewer.part().sequence;
            assert!(sequence > newest, "{sequence} after {newest}");
            newest = sequence;
        }
    }
    test_box.stop();
}

/// Goal: a unit that does not exist is named, with the nearest that does.
/// Method: a slip of the pen.
#[test]
fn restart_of_an_unknown_unit_names_the_nearest() {
    let test_box = TestBox::start("restart_unknown");
    let output = test_box.run(&["restart", "capture/patern0"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(
        said.contains("capture/patern0") && said.contains("capture/pattern0"),
        "{said}"
    );
    test_box.stop();
}

/// Goal: `list-devices` on a machine without a camera says that there is none.
/// Method: both forms; with a camera, JSON is an array with a path and a stable id each.
#[test]
fn list_devices_works_without_a_camera() {
    let test_box = TestBox::builder("devices").build();
    let (table, json) = (
        test_box.run(&["list-devices"]),
        test_box.run(&["list-devices", "--json"]),
    );
    assert_eq!(table.status.code(), Some(0), "{table:?}");
    assert_eq!(json.status.code(), Some(0), "{json:?}");
    let devices: Vec<Value> = serde_json::from_slice(&json.stdout).unwrap();
    if devices.is_empty() {
        let said = text(&table.stdout) + &text(&table.stderr);
        assert!(said.to_lowercase().contains("no camera"), "{said}");
    }
    for device in &devices {
        assert!(
            device["path"].as_str().unwrap().starts_with("/dev/"),
            "{device}"
        );
    }
    test_box.assert_nothing_left();
}

/// Goal: `predict` says what is on a picture, in one line of JSON, through the same recognition.
/// Method: a frame of the demo clip, a text file, a file cut off, and one that does not exist: the
/// good one is answered, the bad ones are named.
#[test]
fn predict_answers_for_each_picture() {
    let test_box = TestBox::builder("predict").build();
    let frame = &demo::frames()[demo::THUMB_UP.start + 8];
    let file = |name: &str, bytes: &[u8]| -> PathBuf {
        let path = test_box.scratch().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let good = file("thumb.jpg", frame);
    let output = test_box.run(&["predict", good.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let answer = text(&output.stdout);
    assert_eq!(answer.lines().count(), 1, "{answer}");
    let prediction: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(
        prediction["hands"][0]["gesture"], "Thumb_Up",
        "{prediction}"
    );
    assert_eq!(prediction["source"], good.to_str().unwrap());

    let bad = [
        file("text.jpg", b"this is no picture"),
        file("cut.jpg", &frame[..100]),
        test_box.scratch().join("missing.jpg"),
    ];
    let mut arguments = vec!["predict"];
    arguments.extend(bad.iter().map(|path| path.to_str().unwrap()));
    arguments.push(good.to_str().unwrap());
    let output = test_box.run(&arguments);
    assert_eq!(output.status.code(), Some(69), "{output:?}");
    assert_eq!(
        text(&output.stdout).lines().count(),
        1,
        "the good one is answered"
    );
    for path in &bad {
        assert!(
            text(&output.stderr).contains(path.to_str().unwrap()),
            "{output:?}"
        );
    }
    test_box.assert_nothing_left();
}

/// Goal: help fits one screen and ends with examples; a wrong verb is a usage error.
/// Method: ask for both.
#[test]
fn help_is_one_screen_with_examples() {
    let test_box = TestBox::builder("help").build();
    let output = test_box.run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = text(&output.stdout);
    assert!(
        help.lines().count() <= 40 && help.contains("Examples:"),
        "{help}"
    );
    for verb in [
        "start",
        "stop",
        "restart",
        "status",
        "check-config",
        "list-devices",
        "predict",
    ] {
        assert!(help.contains(verb), "{verb} is missing");
    }
    let output = test_box.run(&["begin"]);
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    let output = test_box.run(&["--version"]);
    assert!(
        text(&output.stdout).contains(env!("CARGO_PKG_VERSION")),
        "{output:?}"
    );
}
