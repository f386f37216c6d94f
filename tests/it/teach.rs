//! Gestures of one's own: taught from a running box, in force after a reload, forgotten again.

use crate::reload::{last_reload, processes, replaced, text};
use serde_json::Value;
use shm_layout::control::ReloadState;
use std::path::PathBuf;
use wigwag_tests::client::events::EventStream;
use wigwag_tests::process::signal;
use wigwag_tests::{TestBox, demo, wait};

const PREDICTIONS: &str = "/api/v1/events?only=predictions";
const GESTURES: &str = "/api/v1/events?only=gestures";

/// A box with two workers whose only source shows a thumb pointing up, over and over.
fn box_with_a_thumb(name: &str) -> TestBox {
    let builder = TestBox::builder(name);
    let clip = demo::write_clip(builder.scratch(), demo::THUMB_UP);
    let toml = format!(
        "[sources.cam0]\ntype = \"clip\"\npath = \"{}\"\nfps = 15\n\
         [infer]\nworkers = 2\n[restart]\ntrial_s = 1",
        clip.display()
    );
    builder.config(&toml).start()
}

/// Where its taught gestures are kept: no configuration says so.
fn file(test_box: &TestBox, name: &str) -> PathBuf {
    let folder = test_box
        .state_dir()
        .join("wigwag")
        .join(test_box.instance());
    folder.join("gestures").join(format!("{name}.json"))
}

/// Runs a command that succeeds, and gives what it printed.
#[track_caller]
fn done(test_box: &TestBox, arguments: &[&str]) -> String {
    let output = test_box.run(arguments);
    assert!(output.status.success(), "{output:?}\n{}", test_box.log());
    text(&output)
}

/// Waits for a prediction whose hand shows `gesture`, and gives it.
fn await_gesture(test_box: &TestBox, gesture: &str) -> Value {
    let mut events = EventStream::open(&test_box.http(), PREDICTIONS);
    wait::until(gesture, || {
        let prediction = events.event().data;
        let shown = prediction["hands"][0]["gesture"].as_str();
        (shown == Some(gesture)).then_some(prediction)
    })
}

/// Goal: a gesture is taught while the box runs, which is not disturbed; it is in force after a
/// reload, everywhere where labels are, and gone after it is forgotten and reloaded.
/// Method: a thumb of the demo clip as `approve`. Teaching leaves processes and labels as they are;
/// the reload replaces the infer-workers alone and says why. Then predictions, the status, the list
/// and a gesture event name it, under another digest of the model; and then not any more.
#[test]
fn taught_gesture_comes_with_a_reload_and_goes_with_one() {
    let test_box = box_with_a_thumb("teach");
    let before = await_gesture(&test_box, "Thumb_Up");
    let status = test_box.status();

    let told = done(&test_box, &["teach", "approve", "--seconds", "3"]);
    assert!(told.contains("taught   approve: "), "{told}");
    assert!(
        told.contains("show it in 3") && told.contains("show it now"),
        "{told}"
    );
    assert!(
        told.contains("the model called its hands Thumb_Up 100.0 %"),
        "{told}"
    );
    assert!(told.contains("reload"), "{told}");
    // Frames of 3 s, not of the seconds that were counted down; a slow box has fewer.
    let samples = told.split_once("taught   approve: ").expect("a summary").1;
    let samples = samples
        .split(' ')
        .next()
        .and_then(|count| count.parse().ok());
    assert!((15..=3 * 15 + 2).contains(&samples.unwrap_or(0)), "{told}");
    assert!(file(&test_box, "approve").is_file());
    let taught = test_box.status();
    assert_eq!(
        processes(&taught),
        processes(&status),
        "nothing was replaced"
    );
    assert_eq!(taught.model, status.model, "it is not in force yet");

    // The hand shows it from the first prediction of a new worker on: its beginning is told once.
    let mut events = EventStream::open(&test_box.http(), GESTURES);
    let told = done(&test_box, &["reload"]);
    assert!(told.contains("replaced (taught gestures)"), "{told}");
    let reloaded = test_box.status();
    assert_eq!(replaced(&status, &reloaded), ["infer/0", "infer/1"]);
    let model = reloaded.model.expect("a model is loaded");
    assert_eq!(model.taught, ["approve"]);
    assert_eq!(model.labels.last().map(String::as_str), Some("approve"));
    let after = await_gesture(&test_box, "approve");
    assert_eq!(after["model"], format!("sha256:{}", model.sha256));
    assert_ne!(after["model"], before["model"]);
    assert!(done(&test_box, &["gestures"]).contains("taught approve: "));
    assert!(done(&test_box, &["status"]).contains("taught approve"));
    wait::until_true("it is told as an event", || {
        events.event().data["gesture"] == "approve"
    });

    // The box calls it so already: that says nothing about the model.
    let told = done(&test_box, &["teach", "approve", "--add", "--seconds", "1"]);
    assert!(!told.contains("called its hands"), "{told}");

    let told = done(&test_box, &["forget", "approve", "--reload"]);
    assert!(told.contains("replaced (taught gestures)"), "{told}");
    assert_eq!(test_box.status().model, status.model);
    assert_eq!(
        await_gesture(&test_box, "Thumb_Up")["model"],
        before["model"]
    );
    assert!(!file(&test_box, "approve").exists());
    test_box.stop();
}

/// Goal: a damaged file is one clear error, and disturbs nothing that runs: not even a worker that
/// dies loses what it was taught.
/// Method: the file is cut in half. A reload is rejected and names it, as `check-config` does; a
/// worker that is killed then has a successor that still knows the gesture. Forgotten, it is gone.
#[test]
fn damaged_gesture_is_refused_and_what_runs_goes_on() {
    let test_box = box_with_a_thumb("teach_damaged");
    let told = done(
        &test_box,
        &["teach", "approve", "--seconds", "3", "--reload"],
    );
    assert!(told.contains("replaced (taught gestures)"), "{told}");
    let before = test_box.status();
    let file = file(&test_box, "approve");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();

    let config = test_box.scratch().join("wigwag.toml");
    let config = config.to_str().unwrap();
    for arguments in [&["reload"][..], &["check-config", "--config", config]] {
        let output = test_box.run(arguments);
        assert_eq!(output.status.code(), Some(78), "{output:?}");
        let told = text(&output);
        assert!(
            told.contains("damaged taught gesture") && told.contains("approve.json"),
            "{told}"
        );
        assert!(told.contains("hint: `supervisor forget approve`"), "{told}");
    }
    assert_eq!(last_reload(&test_box).state, ReloadState::Rejected);
    assert_eq!(processes(&test_box.status()), processes(&before));

    let generation = test_box.unit("infer/0").generation;
    signal(test_box.pid("infer/0"), "KILL");
    test_box.await_successor("infer/0", generation);
    await_gesture(&test_box, "approve");

    done(&test_box, &["forget", "approve", "--reload"]);
    await_gesture(&test_box, "Thumb_Up");
    test_box.stop();
}

/// Goal: whatever is wrong with a lesson is said at once, and nothing is kept.
/// Method: names that are none or taken, a source that is not there, one without a hand, and a
/// gesture that was taught before.
#[test]
fn what_cannot_be_taught_is_refused_with_a_hint() {
    let toml = "[sources.test]\ntype = \"pattern\"\n[sources.own]\ntype = \"push\"\n";
    let test_box = TestBox::builder("teach_refused").config(toml).start();
    let cases = [
        (
            &["thumb_up", "--source", "test"][..],
            64,
            "the model has its own gesture `Thumb_Up`",
        ),
        (&["a b", "--source", "test"], 64, "`a b` is no name"),
        (&["wave"], 69, "the box has several sources"),
        (
            &["wave", "--source", "cam9"],
            69,
            "the box has no source `cam9`",
        ),
        (
            &["wave", "--source", "own"],
            69,
            "no frames come from source `own`",
        ),
        (
            &["wave", "--source", "test", "--seconds", "1"],
            69,
            "0 usable hands were seen",
        ),
        (&["wave", "--pictures", "/nowhere"], 69, "no pictures"),
    ];
    for (arguments, code, said) in cases {
        let output = test_box.run(&[&["teach"][..], arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let told = text(&output);
        assert_eq!(told.matches("error: ").count(), 1, "{told}");
        assert!(told.contains(said) && told.contains("\nhint: "), "{told}");
    }
    let output = test_box.run(&["forget", "wave"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(text(&output).contains("no gesture `wave` was taught"));
    assert!(!file(&test_box, "wave").exists());
    test_box.stop();
}
