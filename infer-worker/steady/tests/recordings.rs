//! Recorded predictions, played again: the same gestures begin and end, however many workers made
//! the predictions and in whichever order they finished.
//!
//! `demo.jsonl` is the demo clip of the project as `infer-worker events --record` wrote it, 272 frames
//! at 15 a second with two hands allowed; `labels` say what it shows.

#![allow(clippy::unwrap_used, reason = "a test fails where it is surprised")]

use shm_layout::control::SteadySettings;
use shm_layout::{MonotonicNs, Prediction, Sequence};
use std::time::Duration;
use steady::{EventKind, GestureEvent, Given, InOrder, Steadier, recording};

const DEMO: &str = include_str!("demo.jsonl");

/// What the labels of the demo clip hold: gesture, first and last frame, from 1.
const SHOWN: [(&str, u64, u64); 7] = [
    ("Open_Palm", 28, 57),
    ("Closed_Fist", 63, 84),
    ("Pointing_Up", 90, 111),
    ("Victory", 117, 138),
    ("ILoveYou", 144, 165),
    ("Thumb_Up", 173, 194),
    ("Thumb_Down", 203, 224),
];

fn play(predictions: impl IntoIterator<Item = Prediction>) -> Vec<GestureEvent> {
    let mut steadier = Steadier::new(&SteadySettings::default());
    let mut events = Vec::new();
    for prediction in predictions {
        steadier.see(prediction, |event| events.push(event));
    }
    events
}

fn of_kind(events: &[GestureEvent], kind: EventKind) -> Vec<&GestureEvent> {
    events.iter().filter(|event| event.kind == kind).collect()
}

/// Goal: each gesture that is meant begins once and ends, soon; what lies between begins nothing.
#[test]
fn gestures_of_the_demo_clip_begin_once_and_in_time() {
    let predictions = recording::read(DEMO).unwrap();
    let capture = |sequence: u64| predictions[sequence as usize - 1].capture;
    let events = play(predictions.clone());
    let starts = of_kind(&events, EventKind::GestureStart);
    let names: Vec<&str> = starts
        .iter()
        .map(|event| event.held.gesture.as_str())
        .collect();
    assert_eq!(names, SHOWN.map(|(name, ..)| name));
    let hold = Duration::from_millis(SteadySettings::default().gestures.min_hold_ms);
    let two_frames = Duration::from_millis(2 * 1000 / 15);
    for (start, (name, first, last)) in starts.iter().zip(SHOWN) {
        let delay = start.at.capture.since(capture(first));
        assert!(delay <= hold + two_frames, "{name} begins {delay:?} late");
        assert!(start.sequence.0 <= last, "{name} begins while it is shown");
    }
    let ends = of_kind(&events, EventKind::GestureEnd);
    for (end, (name, _, last)) in ends.iter().zip(SHOWN) {
        assert_eq!(end.held.gesture.as_str(), name);
        let delay = end.at.capture.since(capture(last));
        assert!(
            delay < Duration::from_millis(800),
            "{name} ends {delay:?} late"
        );
    }
    assert_eq!(ends.len(), SHOWN.len());
    let hands: std::collections::BTreeSet<u64> = starts
        .iter()
        .filter_map(|event| Some(event.hand?.id))
        .collect();
    assert_eq!(hands.len(), 1, "one hand: {hands:?}");
}

/// Goal: one worker or several make no difference.
/// Method: the predictions finish in a random order, as workers would that take two to five frames'
/// time; the queue puts them in order.
#[test]
fn events_are_the_same_however_many_workers_made_the_predictions() {
    let predictions = recording::read(DEMO).unwrap();
    let expected = play(predictions.clone());
    for workers in 2..=5_u64 {
        let mut finished: Vec<(u64, Prediction)> = predictions
            .iter()
            .map(|prediction| {
                let at_ms = prediction.capture.0 / 1_000_000;
                let noise = (prediction.sequence.0 * 7919) % 67;
                (at_ms + 66 * (workers - 1) * noise / 67, prediction.clone())
            })
            .collect();
        finished.sort_by_key(|(at_ms, _)| *at_ms);
        let mut left: Vec<u64> = finished.iter().map(|(_, p)| p.sequence.0).collect();
        let mut queue = InOrder::new(Duration::from_secs(9), Sequence(0));
        let mut ordered = Vec::new();
        for (at_ms, prediction) in finished {
            left.retain(|sequence| *sequence != prediction.sequence.0);
            queue.put(prediction);
            let in_work = left.iter().min().map(|sequence| Sequence(*sequence));
            let now = MonotonicNs(at_ms * 1_000_000);
            while let Some(given) = queue.next(in_work, now) {
                let Given::Next(prediction) = given else {
                    panic!("late")
                };
                ordered.push(prediction);
            }
        }
        assert_eq!(play(ordered), expected, "{workers} workers");
    }
}
