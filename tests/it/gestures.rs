//! Gestures that begin, are held and end: told as events on every channel, each once, whatever dies
//! meanwhile.

use crate::predictions::box_with_a_thumb;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use wigwag_tests::client::events::EventStream;
use wigwag_tests::client::websocket::{WsClient, WsMessage};
use wigwag_tests::client::wire::{GESTURES, Message, WireClient};
use wigwag_tests::process::signal;
use wigwag_tests::{TestBox, demo, wait};

const EVENTS: &str = "/api/v1/events?only=gestures";

/// A box whose only source shows a thumb pointing up, over and over, and that ends no gesture because
/// a busy machine recognises nothing for a while.
fn box_with_a_patient_thumb(name: &str) -> TestBox {
    let builder = TestBox::builder(name);
    let clip = demo::write_clip(builder.scratch(), demo::THUMB_UP);
    let toml = format!(
        "[sources.cam0]\ntype = \"clip\"\npath = \"{}\"\nfps = 15\n\
         [steady]\ngap_ms = 60000\nlost_ms = 60000\n[gestures]\nrelease_ms = 60000",
        clip.display()
    );
    builder.config(&toml).start()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("no {key} in {value}"))
}

/// What is held by each hand, as the events say; fails at an event that does not fit.
#[derive(Default)]
struct Ledger {
    held: BTreeMap<u64, String>,
    began: Vec<String>,
}

impl Ledger {
    #[track_caller]
    fn note(&mut self, event: &Value) {
        let hand = event["hand_id"].as_u64().unwrap();
        let gesture = text(event, "gesture").to_owned();
        match text(event, "event") {
            "gesture_start" => {
                let before = self.held.insert(hand, gesture.clone());
                assert_eq!(before, None, "two at once: {event}");
                self.began.push(gesture);
            }
            "gesture_hold" => assert_eq!(self.held.get(&hand), Some(&gesture), "{event}"),
            "gesture_end" => assert_eq!(self.held.remove(&hand), Some(gesture), "{event}"),
            other => panic!("{other}: {event}"),
        }
    }
}

/// Goal: a gesture that is meant is told once; what lies between two is told never.
/// Method: the demo clip over and over, until each of its seven gestures has begun, over server-sent
/// events; they come in the clip's order, each with its beginning, its end, and nothing between.
#[test]
fn every_gesture_of_the_clip_is_told_once() {
    let test_box = TestBox::builder("gestures").source("clip:").start();
    let mut events = EventStream::open(&test_box.http(), EVENTS);
    let mut ledger = Ledger::default();
    let names = [
        "Open_Palm",
        "Closed_Fist",
        "Pointing_Up",
        "Victory",
        "ILoveYou",
        "Thumb_Up",
        "Thumb_Down",
    ];
    wait::until_true("all seven gestures", || {
        let event = events.event();
        assert_eq!(event.kind, "gesture");
        assert_eq!(text(&event.data, "handedness"), "Right", "{}", event.data);
        ledger.note(&event.data);
        let began: BTreeSet<&str> = ledger.began.iter().map(String::as_str).collect();
        began == names.into()
    });
    // A busy machine may miss one, and then the clip begins again; the order is always the clip's.
    let place = |name: &String| names.iter().position(|known| known == name).unwrap();
    let places: Vec<usize> = ledger.began.iter().map(place).collect();
    let mut turns = 0;
    for pair in places.windows(2) {
        assert_ne!(pair[0], pair[1], "told twice: {:?}", ledger.began);
        turns += usize::from(pair[1] < pair[0]);
    }
    assert!(turns <= places.len() / 2, "in order: {:?}", ledger.began);
    test_box.stop();
}

/// Goal: every channel tells the same events.
/// Method: a thumb that stays up; whoever asks for gestures sees its hold go on over the wire protocol
/// and over the WebSocket, from its beginning, for which the infer-worker is started after them.
#[test]
fn every_channel_tells_gestures() {
    let test_box = box_with_a_thumb("gesture_channels");
    let (http, wire) = (test_box.http(), test_box.wire());
    let mut program = WireClient::subscribe(&wire, GESTURES, "cam0");
    assert!(matches!(program.message(), Message::Welcome(_)));
    let mut socket = WsClient::open(&http, "/ws?source=cam0");
    let mut events = EventStream::open(&http, EVENTS);
    // The clip's end and its beginning do not fit together: the thumb is told again and again.
    let from_wire = wait::until("an event over the wire protocol", || {
        match program.message() {
            Message::GestureEvent {
                sequence,
                capture_time_us,
                json,
            } => {
                assert_eq!(json["sequence"], sequence);
                assert_eq!(json["capture_time_us"], capture_time_us);
                Some(json)
            }
            Message::Ping => None,
            other => panic!("{other:?}"),
        }
    });
    let from_socket = wait::until("an event over the WebSocket", || match socket.message() {
        WsMessage::Json(json) if json["type"] == "gesture" => Some(json),
        _ => None,
    });
    let from_events = events.event().data;
    for event in [&from_wire, &from_socket, &from_events] {
        assert_eq!(text(event, "gesture"), "Thumb_Up");
        assert_eq!(text(event, "source"), "cam0");
        assert!(event["since_us"].as_u64() <= event["capture_time_us"].as_u64());
    }
    test_box.stop();
}

/// The newest prediction of the only source, once its hand holds the thumb up steadily.
fn steady_thumb(test_box: &TestBox) -> Value {
    wait::until("a steady thumb", || {
        let reply = test_box.http_get("/api/v1/predictions/cam0");
        let prediction = (reply.status == 200).then(|| reply.json())?;
        (prediction["hands"][0]["steady"]["gesture"] == "Thumb_Up").then_some(prediction)
    })
}

/// Goal: a gesture that is held goes on while the process that recognises it, or the one that tells it,
/// is replaced.
/// Method: a thumb that stays up; the infer-worker is killed, then the gateway. Predictions of the
/// successors show the same hand holding the same gesture, and no channel tells a second beginning, or
/// an end.
#[test]
fn a_held_gesture_outlives_infer_worker_and_gateway() {
    let test_box = box_with_a_patient_thumb("gesture_outlives");
    let mut events = EventStream::open(&test_box.http(), EVENTS);
    let before = steady_thumb(&test_box);
    let hand = before["hands"][0]["id"].clone();

    let victim = test_box.unit("infer/0");
    signal(victim.pid.unwrap(), "KILL");
    let heir = test_box.await_successor("infer/0", victim.generation);
    let after = wait::until("a prediction of the successor", || {
        let prediction = steady_thumb(&test_box);
        (prediction["generation"] == heir.generation).then_some(prediction)
    });
    assert_eq!(after["hands"][0]["id"], hand, "the same hand");
    let since = after["hands"][0]["steady"]["since_us"].clone();
    assert_eq!(since, before["hands"][0]["steady"]["since_us"]);

    let victim = test_box.unit("gateway");
    signal(victim.pid.unwrap(), "KILL");
    test_box.await_successor("gateway", victim.generation);
    // What was told up to its death.
    let mut told = Vec::new();
    while let Some(event) = events.next_event() {
        told.push(text(&event.data, "event").to_owned());
    }
    let starts = told
        .iter()
        .filter(|event| *event == "gesture_start")
        .count();
    assert!(
        starts <= 1 && !told.contains(&"gesture_end".to_owned()),
        "{told:?}"
    );

    let mut all = EventStream::open(&test_box.http(), "/api/v1/events");
    let mut predictions = 0;
    wait::until_true("twenty predictions after the restart", || {
        let event = all.event();
        if event.kind == "gesture" {
            assert_eq!(text(&event.data, "event"), "gesture_hold", "{}", event.data);
        } else if let Some(seen) = event.data["hands"].get(0) {
            assert_eq!(seen["id"], hand, "the same hand");
            assert_eq!(seen["steady"]["gesture"], "Thumb_Up");
            predictions += 1;
        }
        predictions >= 20
    });
    test_box.stop();
}

/// Goal: rules for a gesture that the model does not know are an error that names the known ones.
/// Method: a start with such a table.
#[test]
fn rules_for_an_unknown_gesture_are_refused_at_the_start() {
    let builder = TestBox::builder("gesture_names").config("[gestures.Thump_Up]\nvotes = 2");
    let (code, log) = builder.refused();
    assert_eq!(code, 78, "{log}");
    for part in [
        "gestures.Thump_Up",
        "did you mean `Thumb_Up`?",
        "Closed_Fist",
        "Victory",
    ] {
        assert!(log.contains(part), "`{part}` is missing in:\n{log}");
    }
}
