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
fn a_pose_may_mean_one_thing_with_the_left_hand_and_another_with_the_right() {
    let of = |side: HandSide| Samples {
        side,
        ..samples(side.word(), bundled("rock"))
    };
    let found = measured(&[of(HandSide::Left), of(HandSide::Right)]).expect("one gesture");
    assert!(found.recall > 0.9, "{found:?}");
    assert_eq!(found.verdict(), Verdict::Good);
}

#[test]
fn a_verdict_says_the_worst() {
    let good = Measure {
        samples: 15,
        recall: 1.0,
        nothing: 0.0,
        others: Vec::new(),
        given: vec![("near".to_owned(), 0.01)],
    };
    let verdict = |change: fn(&mut Measure)| {
        let mut measure = good.clone();
        change(&mut measure);
        measure.verdict()
    };
    assert_eq!(verdict(|_| {}), Verdict::Good);
    assert_eq!(verdict(|m| m.recall = 0.8), Verdict::Unsure);
    assert_eq!(
        verdict(|m| (m.recall, m.nothing) = (0.8, 0.02)),
        Verdict::Loose
    );
    let overlaps = |m: &mut Measure| {
        m.nothing = 0.02;
        m.given = vec![("its".to_owned(), 0.3)];
        for (name, is_known) in [("Victory", true), ("peace", false)] {
            let taken = 0.9;
            m.others.push(Taken {
                taken,
                ..super::taken(name, is_known, false)
            });
        }
    };
    let both = ["Victory", "its"].map(str::to_owned).to_vec();
    assert_eq!(verdict(overlaps), Verdict::Overlaps(both));
}

/// Goal: no praise for what was only learnt by heart.
/// Method: the last fifth of the samples is another pose, which the first four do not teach.
#[test]
fn hands_are_known_again_by_what_the_others_taught() {
    let two = [&bundled("rock")[..40], &bundled("ok")[..10]].concat();
    let found = measured(&[samples("two", two)]).expect("mostly one gesture");
    assert!((0.7..0.85).contains(&found.recall), "{found:?}");
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
