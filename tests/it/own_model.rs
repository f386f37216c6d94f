//! A network of the user's own in a running box: what it says travels everywhere, and one that cannot
//! be used disturbs nothing.

use crate::reload::{last_reload, processes, reload, start, text, write};
use serde_json::Value;
use shm_layout::control::ReloadState;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use wigwag_tests::TestBox;
use wigwag_tests::broken_model;
use wigwag_tests::browser::BrowserPage;
use wigwag_tests::client::events::EventStream;
use wigwag_tests::client::websocket::{WsClient, WsMessage};
use wigwag_tests::client::wire::{GESTURES, Message, PREDICTIONS, WireClient};
use wigwag_tests::wait;

const DEMO: &str =
    "[sources.cam0]\ntype = \"clip\"\n[restart]\ntrial_s = 1\n[infer]\nworkers = 1\n";

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../models/example")
        .join(name)
}

fn with(manifest: &Path) -> String {
    format!("{DEMO}manifest = \"{}\"\n", manifest.display())
}

/// A whole-frame prediction has a scene, no hands, and what is steady beside it.
#[track_caller]
fn is_of_whole_frame(prediction: &Value) -> bool {
    let Some(scene) = prediction.get("scene") else {
        return false;
    };
    assert_eq!(prediction["hands"], serde_json::json!([]), "{prediction}");
    let score = scene["score"].as_f64().expect("a score");
    assert!((0.0..=1.0).contains(&score), "{scene}");
    assert!(scene["steady"]["gesture"].is_string(), "{scene}");
    true
}

/// Goal: the classic design, a network over the whole frame that gives a label, works on every channel.
/// Method: the example over the demo clip; its predictions over SSE, the wire protocol, the WebSocket
/// and HTTP, and each of the clip's gestures begins, told as one of the whole frame.
#[test]
fn a_classifier_over_the_whole_frame_is_heard_on_every_channel() {
    let test_box = start("own_frame", &with(&example("manifest.toml")));
    let model = test_box.status().model.expect("a model");
    assert_eq!(
        (&*model.name, &*model.profile),
        ("example-frame", "whole frame")
    );
    let (http, wire) = (test_box.http(), test_box.wire());
    let mut program = WireClient::subscribe(&wire, PREDICTIONS | GESTURES, "cam0");
    let mut socket = WsClient::open(&http, "/ws?source=cam0");
    wait::until_true(
        "a prediction over the wire protocol",
        || matches!(program.message(), Message::Prediction { json, .. } if is_of_whole_frame(&json)),
    );
    wait::until_true("a prediction over the WebSocket", || {
        matches!(socket.message(),
            WsMessage::Json(json) if json["type"] == "prediction" && is_of_whole_frame(&json))
    });
    wait::until_true("the newest prediction", || {
        let reply = test_box.http_get("/api/v1/predictions/cam0");
        reply.status == 200 && is_of_whole_frame(&reply.json())
    });
    let mut events = EventStream::open(&http, "/api/v1/events");
    let mut begun = BTreeSet::new();
    wait::until_true("all seven gestures", || {
        let event = events.event();
        if event.kind == "prediction" {
            assert!(is_of_whole_frame(&event.data));
            return false;
        }
        assert_eq!(event.data["hand_id"], 0, "{}", event.data);
        assert_eq!(event.data["handedness"], "None", "{}", event.data);
        begun.insert(event.data["gesture"].to_string());
        begun.len() == 7
    });
    wait::until_true(
        "an event over the wire protocol",
        || matches!(program.message(), Message::GestureEvent { json, .. } if json["hand_id"] == 0),
    );
    test_box.stop();
}

/// Goal: who opens the page, or a picture with the overlay, sees what the whole frame shows.
/// Method: the example over the demo clip; the page says what its own prediction says, beside the
/// picture and in the history; a picture with the overlay names the prediction that is drawn in.
#[test]
fn what_a_whole_frame_shows_is_seen_on_the_page_and_in_the_overlay() {
    let mut browser = BrowserPage::blank().unwrap_or_else(|error| panic!("{error}"));
    let test_box = start("own_page", &with(&example("manifest.toml")));
    browser.go(&format!("http://{}/", test_box.http())).unwrap();
    let seen = "window.wigwag?.overlayScene?.gesture === 'Open_Palm' && \
        document.querySelector('#now [data-hand=\"None\"][data-gesture=\"Open_Palm\"]') !== null";
    browser.wait_until(seen, wait::DEADLINE).unwrap();
    let entry = "document.querySelector('#history li')?.textContent.includes('Whole picture')";
    browser.wait_until(entry, wait::DEADLINE).unwrap();
    assert_eq!(browser.errors(), [""; 0], "in the console");
    wait::until_true("a picture with the label", || {
        let drawn = test_box.http_get("/snapshot/cam0?width=320&overlay=1");
        drawn.header("x-wigwag-prediction-sequence").is_some()
    });
    test_box.stop();
}

/// Goal: who watches from hands to a network of one's own and back sees the answers of both, under
/// their models' names, and no process but the infer-worker's changes.
#[test]
fn a_box_goes_from_hands_to_an_own_model_and_back() {
    let test_box = start("own_reload", DEMO);
    let before = test_box.status();
    let mut events = EventStream::open(&before.http, "/api/v1/events?only=predictions");
    for (manifest, name) in [
        (Some(example("manifest.toml")), "example-frame"),
        (Some(example("hand.toml")), "example-hand"),
        (None, "mediapipe-hands"),
    ] {
        let config = manifest.as_deref().map_or(DEMO.to_owned(), with);
        reload(&test_box, &config);
        let model = test_box.status().model.expect("a model");
        assert_eq!(model.name, name);
        let digest = format!("sha256:{}", model.sha256);
        wait::until_true("a prediction of that model, which says something", || {
            let prediction = events.event().data;
            if prediction["model"] != digest.as_str() {
                return false;
            }
            let is_whole = prediction.get("scene").is_some();
            assert_eq!(is_whole, name == "example-frame", "{prediction}");
            is_whole || prediction["hands"] != serde_json::json!([])
        });
    }
    let (mut before, mut after) = (processes(&before), processes(&test_box.status()));
    before.remove("infer/0");
    after.remove("infer/0");
    assert_eq!(before, after);
    test_box.stop();
}

/// Goal: a network that says no number at work ends nothing: its frames have no answer, and the log says
/// why.
/// Method: a network that passes every check and fails on the first picture that is not even.
#[test]
fn a_network_that_says_no_number_gives_no_answer_and_goes_on() {
    let builder = TestBox::builder("own_numbers");
    let manifest = broken_model::without_numbers(&builder.scratch().join("models"));
    let test_box = builder.config(&with(&manifest)).start();
    let mut events = EventStream::open(&test_box.http(), "/api/v1/events?only=predictions");
    for _ in 0..10 {
        let prediction = events.event().data;
        assert_eq!(prediction.get("scene"), None, "{prediction}");
        assert_eq!(prediction["hands"], serde_json::json!([]), "{prediction}");
    }
    test_box.await_log("a value that is no finite number");
    assert_eq!(test_box.unit("infer/0").generation, 1);
    test_box.stop();
}

/// A folder with the example and one thing that is wrong with it.
fn broken(folder: &Path, from: &str, to: &str) -> PathBuf {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::copy(example("frame.onnx"), folder.join("frame.onnx")).unwrap();
    let text = std::fs::read_to_string(example("manifest.toml")).unwrap();
    assert!(text.contains(from));
    let manifest = folder.join("manifest.toml");
    std::fs::write(&manifest, text.replace(from, to)).unwrap();
    manifest
}

/// Goal: a model that cannot be used is refused by `check-config`, a start and a reload, with what was
/// expected and found, and a box that runs goes on as if nothing had been asked.
#[test]
fn an_own_model_that_cannot_be_used_is_refused_and_disturbs_nothing() {
    let cases = [
        (
            "[1, 3, 60, 80]",
            "[1, 60, 80, 3]",
            "expected shape [1, 3, height, width]",
        ),
        ("sha256 = \"", "sha256 = \"0", "damaged model file"),
        ("    \"ILoveYou\",\n", "", "expected 8 labels"),
        (
            "scores = \"softmax\"",
            "scores = \"none\"",
            "expected probabilities",
        ),
    ];
    let builder = TestBox::builder("own_refused");
    let manifest = broken(&builder.scratch().join("models"), cases[0].0, cases[0].1);
    let (code, log) = builder.config(&with(&manifest)).refused();
    assert_eq!(code, 78, "{log}");
    assert!(log.contains(cases[0].2) && log.contains("hint: "), "{log}");

    let test_box = start("own_undisturbed", &with(&example("manifest.toml")));
    let before = test_box.status();
    let mut events = EventStream::open(&before.http, "/api/v1/events?only=predictions");
    for (n, (from, to, expected)) in cases.into_iter().enumerate() {
        let folder = test_box.scratch().join(format!("models{n}"));
        let config = with(&broken(&folder, from, to));
        write(&test_box, &config);
        let file = test_box.scratch().join("wigwag.toml");
        let file = file.to_string_lossy();
        let checked = text(&test_box.run(&["check-config", "--config", &file]));
        assert!(checked.contains(expected), "{checked}");
        let output = test_box.run(&["reload"]);
        assert!(!output.status.success(), "{output:?}");
        assert!(text(&output).contains(expected), "{}", text(&output));
        assert_eq!(last_reload(&test_box).state, ReloadState::Rejected);
    }
    assert_eq!(processes(&before), processes(&test_box.status()));
    let newest = test_box.newest("cam0");
    let digest = format!("sha256:{}", before.model.expect("a model").sha256);
    wait::until_true("a prediction of a newer frame", || {
        let prediction = events.event().data;
        assert_eq!(prediction["model"], digest.as_str());
        is_of_whole_frame(&prediction) && prediction["sequence"].as_u64() > Some(newest)
    });
    test_box.stop();
}
