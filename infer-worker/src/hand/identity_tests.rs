//! Hands that stay, come, go, come back, cross, and swap their order, over made-up predictions.

use super::*;
use shm_layout::prediction::LANDMARKS;
use shm_layout::{Generation, Label, Sequence};

/// A hand whose bounds are 100 x 100 pixels around `x, y` in a frame of 1000 x 1000.
fn hand(x: f32, y: f32, right_probability: f32) -> Hand {
    sized(x, y, 100.0, right_probability)
}

/// A hand whose bounds have a side of `size` pixels.
fn sized(x: f32, y: f32, size: f32, right_probability: f32) -> Hand {
    let half = size / 2.0;
    let mut landmarks = [[x / 1000.0, y / 1000.0, 0.0]; LANDMARKS];
    landmarks[0] = [(x - half) / 1000.0, (y + half) / 1000.0, 0.0];
    landmarks[12] = [(x + half) / 1000.0, (y - half) / 1000.0, 0.0];
    Hand {
        id: 0,
        motion: Motion::default(),
        gesture: Label::new("None").expect("label"),
        score: 1.0,
        right_probability,
        presence: 1.0,
        rect: [0.0; 4],
        landmarks,
    }
}

/// The prediction of frame `sequence`, at 30 frames a second.
fn prediction(sequence: u64, hands: Vec<Hand>) -> Prediction {
    let capture = MonotonicNs(sequence * 33_333_333);
    Prediction {
        sequence: Sequence(sequence),
        generation: Generation(1),
        capture,
        capture_wall_us: 0,
        publish: capture,
        take: capture,
        done: capture,
        width_px: 1000,
        height_px: 1000,
        model: [0; 32],
        detected: true,
        looks: 0,
        scene: None,
        hands,
        lost: Vec::new(),
    }
}

/// Plays frames in order and returns the numbers in each.
fn play(frames: impl IntoIterator<Item = (u64, Vec<Hand>)>) -> Vec<Vec<u64>> {
    let mut before = None;
    let mut ids = Vec::new();
    for (sequence, hands) in frames {
        let mut now = prediction(sequence, hands);
        carry(before.as_ref(), &mut now);
        ids.push(now.hands.iter().map(|hand| hand.id).collect());
        before = Some(now);
    }
    ids
}

#[test]
fn a_hand_keeps_its_number_wherever_it_stands_in_the_list() {
    let frames = (1..60).map(|n| {
        let mut hands = vec![
            hand(200.0 + n as f32 * 5.0, 300.0, 0.9),
            hand(700.0, 500.0, 0.9),
        ];
        if n % 3 == 0 {
            hands.reverse();
        }
        (n, hands)
    });
    for (index, ids) in play(frames).into_iter().enumerate() {
        let mut expected = [4, 5];
        if (index + 1) % 3 == 0 {
            expected.reverse();
        }
        assert_eq!(ids, expected, "frame {}", index + 1);
    }
}

#[test]
fn a_hand_that_comes_back_soon_is_the_same_and_later_another() {
    for (gap, is_same) in [(1, true), (10, true), (50, true), (70, false)] {
        let mut frames: Vec<_> = (1..=20)
            .map(|n| (n, vec![hand(400.0, 400.0, 0.9)]))
            .collect();
        frames.extend((21..21 + gap).map(|n| (n, Vec::new())));
        frames.push((21 + gap, vec![hand(430.0, 390.0, 0.8)]));
        let ids = play(frames);
        let last = ids[ids.len() - 1][0];
        assert_eq!(last == 4, is_same, "after {gap} frames");
    }
}

#[test]
fn a_hand_elsewhere_is_another() {
    let ids = play([
        (1, vec![hand(100.0, 100.0, 0.9)]),
        (2, vec![hand(100.0, 100.0, 0.9), hand(420.0, 100.0, 0.9)]),
        (3, vec![hand(420.0, 100.0, 0.9)]),
        (4, vec![hand(420.0, 400.0, 0.9)]),
    ]);
    assert_eq!(ids, [vec![4], vec![4, 9], vec![9], vec![16]]);
}

/// Two hands move through each other; while they are close, only one is found, in between.
fn crossing(right_probabilities: [f32; 2]) -> Vec<(u64, Vec<Hand>)> {
    let [a, b] = right_probabilities;
    let frame = |n: u64| {
        let (left, right) = (100.0 + n as f32 * 12.0, 900.0 - n as f32 * 12.0);
        if (left - right).abs() < 90.0 {
            // The tracker keeps the one that lies in front, the second.
            return (n, vec![hand(right, 500.0, b)]);
        }
        (n, vec![hand(left, 500.0, a), hand(right, 520.0, b)])
    };
    (1..=66).map(frame).collect()
}

#[test]
fn hands_that_cross_keep_their_numbers() {
    for sides in [[0.95, 0.05], [0.9, 0.9]] {
        let ids = play(crossing(sides));
        assert_eq!(ids[0], [4, 5]);
        assert_eq!(ids[ids.len() - 1], [4, 5], "{sides:?}");
        assert!(
            ids.iter().flatten().all(|id| [4, 5].contains(id)),
            "{ids:?}"
        );
    }
}

/// Two hands that are there for twenty frames, away for ten, and there again.
fn away(before: [Hand; 2], after: [Hand; 2]) -> Vec<u64> {
    let mut frames: Vec<_> = (1..=20).map(|n| (n, before.to_vec())).collect();
    frames.extend((21..31).map(|n| (n, Vec::new())));
    frames.push((31, after.to_vec()));
    play(frames).pop().unwrap_or_default()
}

#[test]
fn hands_that_come_back_beside_each_other_are_told_apart_by_side_and_size() {
    let sides = [[0.95, 0.05], [0.9, 0.9]].map(|[a, b]| {
        let before = [hand(450.0, 500.0, a), hand(550.0, 500.0, b)];
        away(before, [hand(480.0, 500.0, b), hand(520.0, 500.0, a)])
    });
    assert_eq!(
        sides,
        [[5, 4], [4, 5]],
        "nothing but the place tells equal ones apart"
    );
    let sizes = [[100.0, 200.0], [100.0, 100.0]].map(|[a, b]| {
        let before = [sized(450.0, 500.0, a, 0.9), sized(550.0, 500.0, b, 0.9)];
        away(
            before,
            [sized(485.0, 500.0, b, 0.9), sized(515.0, 500.0, a, 0.9)],
        )
    });
    assert_eq!(sizes, [[5, 4], [4, 5]]);
}

#[test]
fn a_hand_is_not_thought_to_move_on_for_ever() {
    let mut frames: Vec<_> = (1..=20)
        .map(|n| (n, vec![hand(100.0 + n as f32 * 12.0, 500.0, 0.9)]))
        .collect();
    frames.extend((21..51).map(|n| (n, Vec::new())));
    frames.push((51, vec![hand(340.0, 500.0, 0.9)]));
    let ids = play(frames);
    assert_eq!(ids[50], [4], "a second later it is where it was");
}

#[test]
fn one_number_is_given_to_one_hand() {
    let ids = play([
        (1, vec![hand(400.0, 400.0, 0.9)]),
        (2, vec![hand(395.0, 400.0, 0.9), hand(430.0, 400.0, 0.9)]),
    ]);
    assert_eq!(ids, [vec![4], vec![4, 9]]);
}

#[test]
fn what_is_known_of_a_motion_is_a_mean_within_bounds() {
    let mut before = prediction(30, vec![hand(400.0, 400.0, 0.95)]);
    carry(None, &mut before);
    let mut now = prediction(31, vec![hand(480.0, 400.0, 0.1)]);
    now.capture = MonotonicNs(before.capture.0 + 1_100_000);
    carry(Some(&before), &mut now);
    let motion = now.hands[0].motion;
    assert_eq!(now.hands[0].id, before.hands[0].id);
    assert!(
        motion.right_average > 0.7,
        "one frame says little: {motion:?}"
    );
    let most = VELOCITY_MAX * VELOCITY_WEIGHT;
    assert!((motion.velocity[0] - most).abs() < 1e-3, "{motion:?}");
}

#[test]
fn a_side_that_flickers_swaps_nothing() {
    let frames = (1..30).map(|n| {
        let a = if n % 7 == 0 { 0.1 } else { 0.95 };
        (n, vec![hand(300.0, 500.0, a), hand(420.0, 500.0, 0.05)])
    });
    assert!(play(frames).iter().all(|ids| ids == &[4, 5]));
}

#[test]
fn a_worker_that_is_late_takes_over_the_number_of_the_newer_frame() {
    let mut newer = prediction(9, vec![hand(400.0, 400.0, 0.9)]);
    carry(None, &mut newer);
    let mut late = prediction(8, vec![hand(395.0, 400.0, 0.9)]);
    carry(Some(&newer), &mut late);
    assert_eq!(late.hands[0].id, newer.hands[0].id);
}

#[test]
fn what_is_known_never_exceeds_the_record() {
    let four = |sequence, x: f32| {
        let hands = (0..4).map(|n| hand(x + n as f32 * 200.0, x, 0.9)).collect();
        prediction(sequence, hands)
    };
    let mut before = four(1, 100.0);
    carry(None, &mut before);
    let mut now = prediction(2, vec![hand(900.0, 900.0, 0.9)]);
    carry(Some(&before), &mut now);
    assert_eq!((now.hands.len(), now.lost.len()), (1, 3));
    let wild = [f32::NAN, 1e30, -1e30, f32::INFINITY];
    let mut strange = prediction(3, wild.map(|x| hand(x, x, 0.5)).to_vec());
    carry(Some(&now), &mut strange);
    assert_eq!(strange.hands.len(), 4);
    let finite = |hand: &Hand| hand.motion.velocity.iter().all(|v| v.is_finite());
    assert!(strange.hands.iter().all(finite));
}
