//! Gestures made of the bundled hands: learnt from some, judged by others.

use super::*;
use crate::taught::examples;
use crate::taught::features::{FEATURES, Shape};
use crate::taught::file::{Samples, Session};
use shm_layout::control::HandSide;

const CANNED: [&str; 8] = [
    "None",
    "Closed_Fist",
    "Open_Palm",
    "Pointing_Up",
    "Thumb_Down",
    "Thumb_Up",
    "Victory",
    "ILoveYou",
];

fn labels() -> Vec<String> {
    CANNED.map(str::to_owned).to_vec()
}

fn bundled(class: &str) -> Vec<Shape> {
    let classes = examples::load().expect("usable");
    let found = classes.into_iter().find(|found| found.name == class);
    found.expect("a class").hands
}

fn samples(name: &str, hands: Vec<Shape>) -> Samples {
    Samples {
        name: name.to_owned(),
        side: HandSide::Any,
        sessions: vec![Session {
            from: "a test".to_owned(),
            samples: hands.len(),
        }],
        hands,
    }
}

fn measured(kept: &[Samples]) -> Result<Measure, TaughtError> {
    let lessons = Lessons::new(&labels()).expect("usable");
    let examples: Vec<Example> = kept.iter().map(Example::of).collect();
    measure(&lessons, &examples, kept.len() - 1)
}

#[test]
fn a_pose_that_the_model_lacks_is_told_from_all_that_it_has() {
    let found = measured(&[samples("horns", bundled("rock"))]).expect("one gesture");
    assert!(found.recall > 0.9, "{found:?}");
    assert!(found.nothing < 0.01, "{found:?}");
    assert_eq!(found.verdict(), Verdict::Good);
    let twin = found
        .others
        .iter()
        .find(|other| other.is_twin)
        .expect("itself");
    assert_eq!((twin.name.as_str(), twin.is_known), ("rock", false));
    assert!(
        found
            .others
            .iter()
            .all(|other| other.is_twin || other.taken < 0.05)
    );
}

#[test]
fn a_pose_that_the_model_has_is_said_to_overlap() {
    let found = measured(&[samples("mine", bundled("peace"))]).expect("one gesture");
    let Verdict::Overlaps(names) = found.verdict() else {
        panic!("{found:?}");
    };
    assert_eq!(names, ["Victory"]);
}

#[test]
fn a_pose_that_was_taught_before_is_said_to_overlap() {
    let rock = bundled("rock");
    let (one, other) = (
        samples("one", rock[..35].to_vec()),
        samples("other", rock[35..].to_vec()),
    );
    match measured(&[one, other]) {
        Ok(found) => assert_eq!(found.verdict(), Verdict::Overlaps(vec!["one".to_owned()])),
        // Each took the other's place, so that little is left of either.
        Err(error) => assert!(matches!(error, TaughtError::Scattered)),
    }
}

#[test]
fn hands_of_all_kinds_are_no_gesture() {
    let mut all: Vec<Shape> = Vec::new();
    for class in ["none", "fist", "palm", "like", "dislike"] {
        all.extend(&bundled(class)[..12]);
    }
    assert!(matches!(
        measured(&[samples("all", all)]),
        Err(TaughtError::Scattered)
    ));
}

#[test]
fn the_same_samples_give_the_same_classifier_beside_others_too() {
    let lessons = Lessons::new(&labels()).expect("usable");
    let kept = [
        samples("horns", bundled("rock")),
        samples("ring", bundled("ok")),
    ];
    let first = lessons.teach_all(&kept).expect("learnt");
    let again = Lessons::new(&labels())
        .expect("usable")
        .teach_all(&kept)
        .expect("learnt");
    assert_eq!(first, again);
    assert_eq!(first[0].weights.len(), FEATURES);
    let alone = lessons.teach_all(&kept[..1]).expect("learnt");
    assert_ne!(first[0], alone[0], "it is learnt against the other one");
}
