//! Hands that come, go and come back; gaps; restarts; two workers that give one hand two numbers.

use super::*;
use shm_layout::prediction::{LANDMARKS, Motion};
use shm_layout::{Generation, Label};

const STEP_MS: u64 = 33;

/// A prediction of frame `sequence`, captured at `at_ms`, without hands.
pub(crate) fn prediction_at(sequence: u64, at_ms: u64) -> Prediction {
    let capture = MonotonicNs(at_ms * 1_000_000);
    Prediction {
        sequence: Sequence(sequence),
        generation: Generation(1),
        capture,
        capture_wall_us: 1_000_000_000 + at_ms * 1000,
        publish: capture,
        take: capture,
        done: capture,
        width_px: 640,
        height_px: 480,
        model: [0; 32],
        detected: false,
        looks: 0,
        scene: None,
        hands: Vec::new(),
        lost: Vec::new(),
    }
}

fn hand(id: u64, x: f32, gesture: &str) -> Hand {
    Hand {
        id,
        motion: Motion {
            velocity: [0.0; 2],
            right_average: 0.9,
        },
        gesture: Label::new(gesture).expect("label"),
        score: 0.9,
        right_probability: 0.9,
        presence: 1.0,
        rect: [x, 0.4, 0.2, 0.2],
        landmarks: std::array::from_fn(|n| [x + 0.2 * n as f32 / LANDMARKS as f32, 0.5, 0.0]),
    }
}

/// Frame `n`, with those hands.
fn frame(n: u64, hands: Vec<Hand>) -> Prediction {
    Prediction {
        hands,
        ..prediction_at(n, 1000 + n * STEP_MS)
    }
}

fn up(n: u64) -> Prediction {
    frame(n, vec![hand(7, 0.3, "Thumb_Up")])
}

fn play(steadier: &mut Steadier, frames: impl IntoIterator<Item = Prediction>) -> Vec<String> {
    let mut told = Vec::new();
    for prediction in frames {
        steadier.see(prediction, |event| told.push(line(&event)));
    }
    told
}

fn line(event: &GestureEvent) -> String {
    let at_ms = (event.at.wall_us - 1_000_000_000) / 1000 - 1000;
    let name = match event.kind {
        EventKind::GestureStart => "start",
        EventKind::GestureHold => return "hold".to_owned(),
        EventKind::GestureEnd => "end",
    };
    let reason = event.reason.map(|reason| format!(" {reason:?}"));
    format!(
        "{name} {} {at_ms}{}",
        event.hand.map_or(0, |hand| hand.id),
        reason.unwrap_or_default()
    )
}

fn without_holds(told: Vec<String>) -> Vec<String> {
    told.into_iter().filter(|line| line != "hold").collect()
}

fn steadier() -> Steadier {
    Steadier::new(&SteadySettings::default())
}

#[test]
fn two_hands_have_gestures_of_their_own() {
    let mut steadier = steadier();
    let frames = (0..40).map(|n| {
        let other = if n < 20 { "None" } else { "Victory" };
        frame(n, vec![hand(7, 0.1, "Thumb_Up"), hand(9, 0.6, other)])
    });
    let told = without_holds(play(&mut steadier, frames));
    assert_eq!(told, ["start 7 264", "start 9 924"]);
}

#[test]
fn a_hand_that_is_gone_ends_its_gesture_after_its_time() {
    let mut steadier = steadier();
    let frames = (0..20).map(up).chain((20..60).map(|n| frame(n, vec![])));
    let told = without_holds(play(&mut steadier, frames));
    // The first frame without it is 20, at 660 ms.
    assert_eq!(told, ["start 7 264", "end 7 1060 Lost"]);
}

#[test]
fn what_ends_unseen_ends_on_the_side_where_the_hand_was_on_average() {
    for (right_average, is_right) in [(0.9, true), (0.1, false)] {
        let mut steadier = steadier();
        let shown = |n: u64| {
            let mut hand = hand(7, 0.3, "Thumb_Up");
            // What single frames say changes.
            hand.right_probability = (n % 2) as f32;
            hand.motion.right_average = right_average;
            frame(n, vec![hand])
        };
        let mut sides = Vec::new();
        let frames = (0..20).map(shown).chain((20..60).map(|n| frame(n, vec![])));
        for prediction in frames {
            steadier.see(prediction, |event| {
                sides.push(event.hand.expect("one of a hand").is_right);
            });
        }
        assert!(!sides.is_empty() && sides.iter().all(|side| *side == is_right));
    }
}

#[test]
fn a_hand_that_is_back_in_time_goes_on() {
    let mut steadier = steadier();
    let away = |n| frame(n, vec![]);
    let frames = (0..20)
        .map(up)
        .chain((20..30).map(away))
        .chain((30..60).map(up));
    assert_eq!(without_holds(play(&mut steadier, frames)), ["start 7 264"]);
}

#[test]
fn a_gap_in_predictions_ends_nothing_until_its_time() {
    for (gap_frames, told) in [
        (44, &["start 7 264"][..]),
        // The last one was frame 19, at 627 ms.
        (46, &["start 7 264", "end 7 2127 Lost", "start 7 2409"]),
    ] {
        let mut steadier = steadier();
        let frames = (0..20).map(up).chain((19 + gap_frames..100).map(up));
        assert_eq!(without_holds(play(&mut steadier, frames)), told);
    }
}

#[test]
fn the_end_of_all_predictions_is_told_as_if_another_had_come() {
    let mut steadier = steadier();
    play(&mut steadier, (0..20).map(up));
    let mut told = Vec::new();
    let mut tick = |ms: u64| {
        let now = MonotonicNs((1000 + ms) * 1_000_000);
        steadier.tick(now, |event| told.push(line(&event)));
        told.clone()
    };
    assert_eq!(tick(627 + 1749), [""; 0]);
    assert_eq!(tick(627 + 1751), ["end 7 2127 Lost"]);
    assert_eq!(tick(9000), ["end 7 2127 Lost"], "told once");
}

#[test]
fn one_hand_with_two_numbers_is_one_hand() {
    let mut steadier = steadier();
    let number = |n| if n < 10 { 7 } else { 44 };
    let frames = (0..40).map(|n| frame(n, vec![hand(number(n), 0.3, "Thumb_Up")]));
    assert_eq!(without_holds(play(&mut steadier, frames)), ["start 7 264"]);
    let seen = steadier.see(frame(40, vec![hand(44, 0.3, "Thumb_Up")]), |_| {});
    assert_eq!(seen.raw.hands[0].id, 7);
    // Side by side they are two.
    let both = vec![hand(7, 0.3, "None"), hand(44, 0.31, "None")];
    let seen = steadier.see(frame(41, both), |_| {});
    assert_eq!((seen.raw.hands[0].id, seen.raw.hands[1].id), (7, 44));
    // And stay two, whichever is named first.
    let both = vec![hand(44, 0.31, "None"), hand(7, 0.3, "None")];
    let seen = steadier.see(frame(42, both), |_| {});
    assert_eq!((seen.raw.hands[0].id, seen.raw.hands[1].id), (44, 7));
}

#[test]
fn a_hand_that_comes_elsewhere_is_not_the_one_that_went() {
    let mut steadier = steadier();
    play(&mut steadier, (0..20).map(up));
    let seen = steadier.see(frame(20, vec![hand(44, 0.7, "Thumb_Up")]), |_| {});
    assert_eq!(seen.raw.hands[0].id, 44);
    assert_eq!(seen.hands[0].gesture, None, "it has begun nothing yet");
}

#[test]
fn a_hand_that_is_there_in_every_other_frame_shows_nothing() {
    let mut steadier = steadier();
    let frames = (0..80).map(|n| if n % 2 == 0 { up(n) } else { frame(n, vec![]) });
    assert_eq!(without_holds(play(&mut steadier, frames)), [""; 0]);
}

#[test]
fn a_restart_begins_nothing_a_second_time() {
    // What shared memory holds: the last sixteen predictions.
    for (until, expected) in [
        // Held from before: nothing but its end is told.
        (60, vec!["end 7 2310 Released"]),
        // It began within what is known: the rest of its hold is told too.
        (30, vec!["hold"; 5]),
        // It was about to begin: it does.
        (24, vec!["start 7 924"]),
    ] {
        let shown = |n: u64| {
            let gesture = if (20..64).contains(&n) {
                "Thumb_Up"
            } else {
                "None"
            };
            frame(n, vec![hand(7, 0.3, gesture)])
        };
        let mut first = steadier();
        let before = without_holds(play(&mut first, (0..until).map(shown)));
        assert_eq!(before.len(), usize::from(until > 28));
        let mut second = steadier();
        second.rebuild((until - 16..until).map(shown));
        let told = play(&mut second, (until..80).map(shown));
        let told: Vec<_> = told
            .iter()
            .map(String::as_str)
            .take(expected.len())
            .collect();
        assert_eq!(told, expected, "restarted at frame {until}");
    }
}

#[test]
fn a_hand_shows_nothing_since_its_gesture_ended() {
    let mut steadier = steadier();
    let shown = |n: u64| {
        let gesture = if n < 20 { "Thumb_Up" } else { "None" };
        frame(n, vec![hand(7, 0.3, gesture)])
    };
    let since_ms = |steady: &SteadyHand| (steady.since_us - 1_000_000_000) / 1000 - 1000;
    let mut seen = Vec::new();
    for n in 0..60 {
        let steady = steadier.see(shown(n), |_| {}).hands[0];
        let name = steady
            .gesture
            .map_or("None".to_owned(), |label| label.to_string());
        seen.push((name, since_ms(&steady)));
    }
    assert_eq!(seen[0], ("None".to_owned(), 0));
    assert_eq!(seen[19], ("Thumb_Up".to_owned(), 0));
    // Shown last in frame 19; released for 200 ms and more votes than it may lose.
    assert_eq!(seen[59], ("None".to_owned(), 26 * STEP_MS));
}

#[test]
fn hands_without_end_are_not_remembered_without_end() {
    let mut steadier = steadier();
    for n in 0..100_u64 {
        // Each in a place of its own: none stands for another.
        let others = (0..4_u64).map(|k| {
            let mut other = hand(100 + n * 4 + k, 0.05 + 0.25 * k as f32, "None");
            let y = 0.1 + 0.2 * (n % 5) as f32;
            other.landmarks.iter_mut().for_each(|point| point[1] = y);
            other
        });
        steadier.see(frame(n, others.collect()), |_| {});
        assert!(steadier.tracks.len() <= HANDS_KEPT);
    }
}

#[test]
fn landmarks_are_smoothed_and_the_raw_ones_stay() {
    let mut steadier = steadier();
    let mut last = None;
    for n in 0..30 {
        let x = 0.3 + if n % 2 == 0 { 0.004 } else { -0.004 };
        last = Some(steadier.see(frame(n, vec![hand(7, x, "None")]), |_| {}));
    }
    let seen = last.expect("frames");
    assert_eq!(seen.raw.hands[0].landmarks[0][0], 0.296);
    assert!((seen.hands[0].landmarks[0][0] - 0.3).abs() < 0.002);
    let json = serde_json::to_value(seen.to_json("cam0", MonotonicNs(0))).expect("json");
    assert_eq!(json["hands"][0]["id"], 7);
    assert_eq!(json["hands"][0]["steady"]["gesture"], "None");
    assert_eq!(json["hands"][0]["steady"]["since_us"], 1_001_000_000_u64);
}

#[test]
fn event_has_exactly_the_documented_shape() {
    let mut steadier = steadier();
    let mut first = None;
    for n in 0..20 {
        steadier.see(up(n), |event| {
            first.get_or_insert(event);
        });
    }
    let json = serde_json::to_value(first.expect("an event").to_json("cam0")).expect("json");
    let expected = serde_json::json!({
        "event": "gesture_start", "source": "cam0", "sequence": 8,
        "capture_time_us": 1_001_264_000_u64, "hand_id": 7, "handedness": "Right",
        "gesture": "Thumb_Up", "score": 0.9_f32, "progress": 0.264_f32,
        "since_us": 1_001_000_000_u64, "held_ms": 264, "continued": false,
    });
    assert_eq!(json, expected);
}

/// Frame `n`, which as a whole shows `gesture`.
fn whole(n: u64, gesture: &str) -> Prediction {
    Prediction {
        scene: Some(Scene {
            gesture: Label::new(gesture).expect("label"),
            score: 0.9,
        }),
        ..frame(n, Vec::new())
    }
}

#[test]
fn what_whole_frames_show_begins_and_ends_by_the_same_rules() {
    let mut steadier = Steadier::new(&SteadySettings::default());
    let told = play(&mut steadier, (0..30).map(|n| whole(n, "Thumb_Up")));
    assert_eq!(told[0], "start 0 264", "as a hand: {told:?}");
    let steady = steadier
        .see(whole(30, "Thumb_Up"), |_| {})
        .scene
        .expect("a scene");
    assert_eq!(steady.gesture, Label::new("Thumb_Up"));
    assert!(steady.progress > 0.5, "{steady:?}");
    let told = play(&mut steadier, (31..60).map(|n| whole(n, "None")));
    assert_eq!(told.len(), 1);
    assert!(
        told[0].starts_with("end 0 ") && told[0].ends_with(" Released"),
        "{told:?}"
    );
    let mut event = None;
    let mut last = Steadier::new(&SteadySettings::default());
    for n in 0..30 {
        last.see(whole(n, "Thumb_Up"), |told| {
            event.get_or_insert(told);
        });
    }
    let json = serde_json::to_value(event.expect("a start").to_json("cam0")).expect("json");
    assert_eq!(
        (&json["hand_id"], &json["handedness"]),
        (&0.into(), &"None".into())
    );
    let shown = last
        .see(whole(30, "Thumb_Up"), |_| {})
        .to_json("cam0", MonotonicNs(0));
    let scene = serde_json::to_value(shown.scene.expect("a scene")).expect("json");
    assert_eq!(scene["steady"]["gesture"], "Thumb_Up");
}

/// While a new model is tried, predictions of hands and of whole frames take turns.
#[test]
fn a_prediction_of_whole_frames_says_nothing_of_hands_nor_the_other_way_round() {
    let mut steadier = Steadier::new(&SteadySettings::default());
    let both = (0..40).map(|n| {
        if n % 2 == 0 {
            up(n)
        } else {
            whole(n, "Victory")
        }
    });
    let mut told = play(&mut steadier, both);
    told.retain(|line| line != "hold");
    told.sort();
    assert_eq!(told.len(), 2, "both are held: {told:?}");
    assert!(told[0].starts_with("start 0 ") && told[1].starts_with("start 7 "));
    // The one that speaks no more ends when its time is over.
    let told = play(&mut steadier, (40..120).map(|n| whole(n, "Victory")));
    let ends: Vec<_> = told.iter().filter(|line| line.starts_with("end")).collect();
    assert_eq!(ends.len(), 1, "{told:?}");
    assert!(ends[0].starts_with("end 7 ") && ends[0].ends_with(" Lost"));
    let mut told = Vec::new();
    steadier.tick(MonotonicNs(60_000_000_000), |event| told.push(line(&event)));
    assert!(
        told[0].starts_with("end 0 ") && told[0].ends_with(" Lost"),
        "{told:?}"
    );
    steadier.tick(MonotonicNs(90_000_000_000), |_| panic!("told twice"));
}
