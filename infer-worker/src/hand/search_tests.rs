//! Hands that are far away, lost, near the edge, and known ones beside them.

use super::*;
use shm_layout::MonotonicNs;
use shm_layout::prediction::Motion;

const SIZES: [Size; 5] = [
    size(640, 480),
    size(1920, 1080),
    size(1080, 1920),
    size(500, 500),
    size(2000, 300),
];

const fn size(width_px: usize, height_px: usize) -> Size {
    Size {
        width_px,
        height_px,
    }
}

fn looks(count: u32, known: usize, lost: &[LostHand], frame: Size) -> Vec<Region> {
    (0..count)
        .map(|look| square(look, known, lost, frame))
        .collect()
}

fn is_whole(region: &Region, frame: Size) -> bool {
    region.side == frame.width_px.max(frame.height_px) as f32
}

/// A hand of a twentieth of the frame's width, in fractions of the frame, and how it moves.
fn lost(x: f32, y: f32, velocity: [f32; 2]) -> LostHand {
    LostHand {
        id: 4,
        seen: MonotonicNs(0),
        rect: [x, y, 0.05, 0.05],
        motion: Motion {
            velocity,
            right_average: 0.9,
        },
    }
}

#[test]
fn wherever_a_small_hand_is_a_part_shows_all_of_it() {
    for frame in SIZES {
        let all = looks(24, 0, &[], frame);
        let parts: Vec<&Region> = all.iter().filter(|look| !is_whole(look, frame)).collect();
        let hand = frame.width_px.max(frame.height_px) as f32 / 8.0;
        let (width, height) = (frame.width_px as f32, frame.height_px as f32);
        for step in 0..400_u16 {
            let share = |number: u16| f32::from(number) / 19.0;
            let x = share(step % 20) * (width - hand);
            let y = share(step / 20) * (height - hand).max(0.0);
            let is_in = |part: &&&Region| {
                let [left, top, side, _] = part.upright();
                let reaches =
                    |at: f32, from: f32| from <= at + 0.1 && at + hand <= from + side + 0.1;
                reaches(x, left) && reaches(y, top)
            };
            assert!(parts.iter().any(|part| is_in(&part)), "{frame:?}: {x} {y}");
        }
    }
}

#[test]
fn every_other_look_is_at_the_whole_frame_while_nothing_is_known() {
    for frame in SIZES {
        let all = looks(40, 0, &[], frame);
        let whole = |look: &Region| is_whole(look, frame);
        assert!(all.iter().step_by(2).all(whole), "{frame:?}");
        assert!(!all.iter().skip(1).step_by(2).any(whole), "{frame:?}");
    }
    let frame = SIZES[0];
    let known = looks(40, 1, &[], frame);
    let parts = known.iter().filter(|look| !is_whole(look, frame)).count();
    assert_eq!(parts, 10, "beside a known hand one look in four");
}

#[test]
fn a_small_hand_that_was_lost_is_looked_for_where_it_was_going() {
    let frame = SIZES[0];
    for known in [0, 1] {
        let still = looks(12, known, &[lost(0.5, 0.5, [0.0; 2])], frame);
        let here = |look: &&Region| (look.side - 160.0).abs() < 0.1;
        assert_eq!(still.iter().filter(here).count(), 6, "every other look");
        assert_eq!(still[0].center.map(f32::round), [336.0, 252.0]);
        assert!(still.iter().any(|look| is_whole(look, frame)));
        let fast = square(0, known, &[lost(0.5, 0.5, [1.0, -0.5])], frame);
        let expected = [336.0 + 64.0, 252.0 - 24.0];
        assert_eq!(fast.center.map(f32::round), expected);
    }
    // The other looks go through all the parts.
    let mut parts: Vec<[i32; 2]> = looks(24, 0, &[lost(0.5, 0.5, [0.0; 2])], frame)
        .iter()
        .filter(|look| look.side == 320.0)
        .map(|look| look.center.map(|value| value as i32))
        .collect();
    parts.sort_unstable();
    parts.dedup();
    assert_eq!(parts.len(), 6);
}

#[test]
fn a_hand_lost_at_the_edge_is_looked_for_inside() {
    let frame = SIZES[0];
    for (x, y) in [(-0.02, 0.5), (0.98, 0.98), (0.5, -0.03)] {
        let [left, top, side, _] = square(0, 0, &[lost(x, y, [0.0; 2])], frame).upright();
        assert!(left >= -0.1 && top >= -0.1, "{x} {y}");
        assert!(left + side <= 640.1 && top + side <= 480.1, "{x} {y}");
    }
}

#[test]
fn a_large_hand_that_was_lost_is_looked_for_in_the_whole_frame() {
    let frame = SIZES[0];
    let large = LostHand {
        rect: [0.3, 0.3, 0.3, 0.4],
        ..lost(0.0, 0.0, [0.0; 2])
    };
    assert_eq!(looks(40, 0, &[large], frame), looks(40, 0, &[], frame));
}

#[test]
fn strange_numbers_give_a_square_that_can_be_refused() {
    for value in [f32::NAN, f32::INFINITY, 1e30, -1e30] {
        let strange = lost(value, value, [value; 2]);
        for look in [0, 1, 2, u32::MAX] {
            let region = square(look, 0, &[strange], size(1, 1));
            assert!(!region.side.is_nan());
        }
    }
    assert!(square(3, 0, &[], size(0, 0)).side <= 0.0);
}
