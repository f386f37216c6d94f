//! Events that are in time, early, late, missing, doubled and false.

use super::*;
use crate::agree::prediction;
use crate::image::Size;
use crate::pipeline::Outcome;
use shm_layout::{Label, Sequence};
use steady::EventHand;
use steady::machine::{Held, Machine, Moment};

const STEP_MS: u64 = 40;

/// `count` frames, 25 a second, without a hand.
fn frames(count: u64) -> Vec<Prediction> {
    let frame = |number: u64| {
        let outcome = Outcome {
            hands: Vec::new(),
            scene: None,
            detected: true,
            looks: 0,
            frame: Size {
                width_px: 640,
                height_px: 480,
            },
        };
        let mut now = prediction(number, outcome);
        now.capture = MonotonicNs(number * STEP_MS * 1_000_000);
        now
    };
    (1..=count).map(frame).collect()
}

/// A beginning of `gesture` in a frame.
fn start(gesture: &str, frame: u64) -> GestureEvent {
    let at = Moment {
        capture: MonotonicNs(frame * STEP_MS * 1_000_000),
        wall_us: 0,
    };
    GestureEvent {
        kind: EventKind::GestureStart,
        reason: None,
        sequence: Sequence(frame),
        at,
        hand: Some(EventHand {
            id: 4,
            is_right: true,
        }),
        held: held(gesture, at),
    }
}

/// What a machine holds that saw nothing but `gesture`.
fn held(gesture: &str, at: Moment) -> Held {
    let mut settings = shm_layout::control::SteadySettings::default();
    (settings.gestures.votes, settings.gestures.min_hold_ms) = (1, 0);
    let mut machine = Machine::default();
    let label = Label::new(gesture).expect("label");
    machine.see(&settings, at, (label, 1.0), |_| {});
    *machine.held().expect("held")
}

fn stretch(gesture: &str, first: u64, last: u64) -> Stretch {
    Stretch {
        gesture: gesture.to_owned(),
        first,
        last,
    }
}

fn fit(events: &[GestureEvent], stretches: &[Stretch]) -> Fit {
    let labels = ["None", "palm", "stop", "like"].map(str::to_owned);
    Fit::of(events, stretches, &frames(1500), &labels)
}

#[test]
fn a_gesture_in_time_has_a_delay_and_any_name_of_it_is_right() {
    let fit = fit(
        &[start("like", 110), start("stop", 205), start("like", 298)],
        &[
            stretch("Thumb_Up", 100, 140),
            stretch("open_palm", 200, 240),
            // It began before the label says so.
            stretch("like", 300, 340),
        ],
    );
    assert_eq!((fit.shown, fit.begun), (3, 3));
    assert_eq!((fit.missed.len(), fit.wrong.len()), (0, 0));
    assert_eq!(fit.delays_ms, [400.0, 200.0, 0.0]);
}

#[test]
fn what_is_late_early_doubled_or_another_is_missed_and_false() {
    for (events, missed, wrong) in [
        (&[][..], 1, 0),
        (&[start("palm", 110)][..], 1, 1),
        (&[start("like", 110), start("like", 130)], 0, 1),
        // 400 ms before, and 800 ms behind the last frame.
        (&[start("like", 90)], 0, 0),
        (&[start("like", 89)], 1, 1),
        (&[start("like", 160)], 0, 0),
        (&[start("like", 161)], 1, 1),
    ] {
        let fit = fit(events, &[stretch("like", 100, 140)]);
        assert_eq!(
            (fit.missed.len(), fit.wrong.len()),
            (missed, wrong),
            "{fit}"
        );
    }
}

#[test]
fn everything_is_false_where_nothing_is_meant_and_counts_by_the_minute() {
    let nothing = [stretch("none", 1, 700), stretch("vulcan", 701, 1400)];
    let fit = fit(&[start("like", 110), start("palm", 900)], &nothing);
    assert_eq!((fit.shown, fit.begun, fit.missed.len()), (0, 0, 0));
    assert_eq!(
        fit.wrong[1],
        At {
            gesture: "palm".to_owned(),
            frame: 900
        }
    );
    assert!((fit.seconds - 60.0).abs() < 1e-6, "{}", fit.seconds);
    assert!((fit.wrong_per_minute() - 2.0).abs() < 1e-6);
    let mut both = fit.clone();
    both.add(&Fit {
        seconds: 60.0,
        ..Fit::default()
    });
    assert!((both.wrong_per_minute() - 1.0).abs() < 1e-6);
}

#[test]
fn two_hands_that_show_the_same_begin_it_twice() {
    let both = [stretch("like", 100, 140), stretch("like", 100, 140)];
    let fit = fit(&[start("like", 110), start("like", 112)], &both);
    assert_eq!((fit.begun, fit.wrong.len()), (2, 0));
}

#[test]
fn labels_behind_the_end_are_missed() {
    let fit = fit(&[], &[stretch("like", 1600, 1700)]);
    assert_eq!(fit.missed.len(), 1);
}
