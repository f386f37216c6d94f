//! Predictions as clients get them: one form on every channel, to the letter, and each with the
//! sequence and the time of its frame.

use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use wigwag_tests::client::events::EventStream;
use wigwag_tests::client::multipart::{MultipartStream, is_jpeg};
use wigwag_tests::client::websocket::{WsClient, WsMessage};
use wigwag_tests::client::wire::{FRAMES, Message, PREDICTIONS, WireClient};
use wigwag_tests::{TestBox, demo, wait};

/// A box whose only source shows a thumb pointing up, over and over.
pub(crate) fn box_with_a_thumb(name: &str) -> TestBox {
    let builder = TestBox::builder(name);
    let clip = demo::write_clip(builder.scratch(), demo::THUMB_UP);
    let toml = format!(
        "[sources.cam0]\ntype = \"clip\"\npath = \"{}\"\nfps = 15",
        clip.display()
    );
    builder.config(&toml).start()
}

/// Names of the fields of an object.
pub(crate) fn keys(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

fn is_fraction(value: &Value) -> bool {
    value
        .as_f64()
        .is_some_and(|number| (0.0..=1.0).contains(&number))
}

/// Fails unless `prediction` has the documented form, to the letter, and shows one thumb up.
#[track_caller]
fn assert_is_a_thumb_up(prediction: &Value, extra: &[&str]) {
    let mut expected: BTreeSet<&str> = [
        "source",
        "sequence",
        "capture_time_us",
        "age_ms",
        "stale",
        "hands",
        "model",
        "generation",
        "timing_us",
    ]
    .into();
    expected.extend(extra);
    assert_eq!(keys(prediction), expected);
    assert_eq!(prediction["source"], "cam0");
    assert!(prediction["sequence"].as_u64().unwrap() > 0);
    let time = prediction["capture_time_us"].as_u64().unwrap();
    assert!(
        shm_layout::wall_us().abs_diff(time) < 60_000_000,
        "{time} is not now"
    );
    let age_ms = prediction["age_ms"].as_f64().unwrap();
    assert!(
        age_ms > 0.0 && prediction["stale"] == (age_ms > 500.0),
        "{prediction}"
    );
    let digest = prediction["model"]
        .as_str()
        .unwrap()
        .strip_prefix("sha256:")
        .unwrap();
    assert!(digest.len() == 64 && digest.chars().all(|digit| digit.is_ascii_hexdigit()));
    assert!(prediction["generation"].as_u64().is_some());
    let timing = &prediction["timing_us"];
    assert_eq!(
        keys(timing),
        ["capture_to_publish", "publish_to_take", "infer"].into()
    );
    assert!(
        timing.as_object().unwrap().values().all(Value::is_u64),
        "{timing}"
    );
    let hands = prediction["hands"].as_array().unwrap();
    assert_eq!(hands.len(), 1, "{prediction}");
    let hand = &hands[0];
    let mut found = keys(hand);
    // Missing in one that came so late that newer ones were told already.
    found.insert("steady");
    assert_eq!(
        found,
        [
            "id",
            "gesture",
            "score",
            "handedness",
            "box",
            "landmarks",
            "steady"
        ]
        .into()
    );
    assert_eq!(hand["gesture"], "Thumb_Up");
    assert_eq!(hand["handedness"], "Right");
    assert!(is_fraction(&hand["score"]), "{hand}");
    let rect = hand["box"].as_array().unwrap();
    assert!(rect.len() == 4 && rect.iter().all(is_fraction), "{hand}");
    let landmarks = hand["landmarks"].as_array().unwrap();
    assert_eq!(landmarks.len(), 21);
    for landmark in landmarks {
        let [x, y, z] = &landmark.as_array().unwrap()[..] else {
            panic!("{landmark}")
        };
        assert!(
            is_fraction(x) && is_fraction(y) && z.as_f64().unwrap().abs() < 1.0,
            "{landmark}"
        );
    }
}

/// Whether a hand was found; the first frames of a box may come before.
fn has_hand(prediction: &Value) -> bool {
    prediction["hands"]
        .as_array()
        .is_some_and(|hands| !hands.is_empty())
}

/// Goal: a prediction looks the same everywhere.
/// Method: read one with a hand from each of the channels, and check every field of it.
#[test]
fn prediction_has_one_form_on_every_channel() {
    let test_box = box_with_a_thumb("form");
    let (http, wire) = (test_box.http(), test_box.wire());

    let latest = wait::until("a hand in the latest prediction", || {
        let reply = test_box.http_get("/api/v1/predictions/cam0");
        // 204 until there is one.
        (reply.status == 200).then(|| reply.json()).filter(has_hand)
    });
    assert_is_a_thumb_up(&latest, &[]);

    let mut events = EventStream::open(&http, "/api/v1/events?source=cam0&only=predictions");
    let mut last_id = String::new();
    for _ in 0..5 {
        let event = events.event();
        assert_eq!(event.kind, "prediction");
        assert_eq!(event.id, format!("cam0:{}", event.data["sequence"]));
        assert_ne!(event.id, last_id);
        assert_is_a_thumb_up(&event.data, &[]);
        last_id = event.id;
    }

    let mut socket = WsClient::open(&http, "/ws?source=cam0");
    let mut kinds = BTreeSet::new();
    while !kinds.contains("prediction") || !kinds.contains("status") {
        let WsMessage::Json(message) = socket.message() else {
            panic!("a frame without video=1")
        };
        kinds.insert(message["type"].as_str().unwrap().to_owned());
        match message["type"].as_str() {
            Some("prediction") => assert_is_a_thumb_up(&message, &["type"]),
            Some("status") => assert_eq!(message["status"]["instance"], test_box.instance()),
            Some("gesture") => assert_eq!(message["gesture"], "Thumb_Up"),
            _ => panic!("{message}"),
        }
    }

    let mut program = WireClient::subscribe(&wire, PREDICTIONS, "cam0");
    let Message::Welcome(welcome) = program.message() else {
        panic!("no WELCOME")
    };
    assert_eq!(
        (&welcome["source"], &welcome["format"]),
        (&"cam0".into(), &"jpeg".into())
    );
    for _ in 0..5 {
        let Message::Prediction {
            sequence,
            capture_time_us,
            json,
        } = program.message()
        else {
            panic!("no PREDICTION")
        };
        assert_is_a_thumb_up(&json, &[]);
        assert_eq!(json["sequence"], sequence);
        assert_eq!(json["capture_time_us"], capture_time_us);
    }
    test_box.stop();
}

/// Goal: a prediction can be matched with its frame on every channel.
/// Method: collect frames and predictions by sequence from the stream beside the events, from the
/// WebSocket and from the wire protocol until 10 of each match; the capture times are the same.
#[test]
fn predictions_name_their_frames() {
    const MATCHES: usize = 10;
    let test_box = box_with_a_thumb("match");
    let (http, wire) = (test_box.http(), test_box.wire());
    let stamp = |json: &Value| {
        (
            json["sequence"].as_u64().unwrap(),
            json["capture_time_us"].as_u64().unwrap(),
        )
    };
    // Fills both sides in turn, so that neither runs away from the other.
    let both = |what: &str, next: &mut dyn FnMut() -> (bool, (u64, u64))| {
        let (mut frames, mut predictions) = (HashMap::new(), HashMap::new());
        wait::until_true(what, || {
            let (is_frame, (sequence, time)) = next();
            let before = if is_frame {
                &mut frames
            } else {
                &mut predictions
            }
            .insert(sequence, time);
            assert_eq!(before, None, "{what}: {sequence} came twice");
            let matched: Vec<(&u64, &u64)> = predictions
                .iter()
                .filter_map(|(sequence, time)| Some((frames.get(sequence)?, time)))
                .collect();
            assert!(
                matched
                    .iter()
                    .all(|(frame, prediction)| frame == prediction),
                "{what}"
            );
            matched.len() >= MATCHES
        });
    };

    let mut viewer = MultipartStream::open(&http, "cam0");
    let mut events = EventStream::open(&http, "/api/v1/events?only=predictions");
    let mut turn = false;
    both("stream and events", &mut || {
        turn = !turn;
        if turn {
            let part = viewer.part();
            (true, (part.sequence, part.capture_time_us))
        } else {
            (false, stamp(&events.event().data))
        }
    });

    let mut socket = WsClient::open(&http, "/ws?source=cam0&video=1");
    both("WebSocket", &mut || loop {
        match socket.message() {
            WsMessage::Frame {
                sequence,
                capture_time_us,
                width_px,
                height_px,
                jpeg,
            } => {
                assert!(is_jpeg(&jpeg));
                assert_eq!((width_px, height_px), (640, 480));
                return (true, (sequence, capture_time_us));
            }
            WsMessage::Json(json) if json["type"] == "prediction" => return (false, stamp(&json)),
            WsMessage::Json(_) => {}
        }
    });

    let mut program = WireClient::subscribe(&wire, FRAMES | PREDICTIONS, "");
    assert!(matches!(program.message(), Message::Welcome(_)));
    both("wire protocol", &mut || match program.message() {
        Message::Frame {
            sequence,
            capture_time_us,
            jpeg,
            ..
        } => {
            assert!(is_jpeg(&jpeg));
            (true, (sequence, capture_time_us))
        }
        Message::Prediction {
            sequence,
            capture_time_us,
            ..
        } => (false, (sequence, capture_time_us)),
        other => panic!("{other:?}"),
    });
    test_box.stop();
}
