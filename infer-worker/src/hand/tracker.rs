//! Decides what runs on a frame: palm detection or not, which regions, at which scale.
//!
//! Neighbours: `run` and `recognizer` ask; nothing here touches a pixel. The only state is what
//! the last prediction of the source says, which lies in shared memory: so any worker, also one
//! that was started a moment ago, carries on where another stopped.

use super::region::Region;
use super::{Landmarks, MIDDLE_MCP, WRIST, bounds, distance, overlap};
use crate::image::{Denominator, Size};

/// While some hands are known and another may appear, the palm detector looks every that many
/// frames: it costs as much as a tracked hand, and a hand that comes 0.2 s later is not missed.
pub const DETECT_EVERY_FRAMES: u64 = 6;
/// The same while a hand is gone that was there a moment ago: it is likely to be near.
pub const DETECT_EVERY_FRAMES_LOST: u64 = 3;

/// A detected palm that overlaps a tracked hand more than this is that hand.
/// Source: MediaPipe `min_tracking_confidence` in the association of regions.
const SAME_REGION_OVERLAP: f32 = 0.5;

/// Two hands are one when so many of their points lie near each other and their bounds overlap.
/// Source: MediaPipe `hand_landmarks_deduplication_calculator`.
const SAME_HAND_POINTS: usize = 10;
const SAME_HAND_DISTANCE: f32 = 0.2;
const SAME_HAND_OVERLAP: f32 = 0.2;

/// A tracked region keeps at least this many decoded pixels on a side, so that its 224-pixel crop
/// gains nothing from a larger picture.
const REGION_SIDE_MIN_PX: f32 = 200.0;
/// A picture for palm detection keeps at least this many decoded pixels on its longer side. The
/// detector reads 192, but the landmarks of the hand that it finds are cut from the same picture.
const DETECT_SIDE_MIN_PX: f32 = 640.0;
/// The same for a look at a part of the frame, where hands are small.
const PART_SIDE_MIN_PX: f32 = 320.0;

/// Whether the palm detector runs on frame `sequence`, when `known` hands were in the source's
/// last prediction, which was of frame `previous`, and `lost` ones were gone there.
#[must_use]
pub fn detects(known: usize, lost: usize, hands_max: usize, previous: u64, sequence: u64) -> bool {
    if known == 0 {
        return true;
    }
    let every = if lost == 0 {
        DETECT_EVERY_FRAMES
    } else {
        DETECT_EVERY_FRAMES_LOST
    };
    // True once in each stretch of frames, whichever of them a worker happens to get.
    known < hands_max && previous / every != sequence / every
}

/// By how much a JPEG may be scaled down while it is decoded without costing accuracy.
#[must_use]
pub fn denominator(frame: Size, tracked: &[Region], look: Option<Region>) -> Denominator {
    let fits = |denominator: &Denominator| {
        let divisor = denominator.get();
        let enough = |side: f32| side / divisor as f32 >= REGION_SIDE_MIN_PX;
        let longer = frame.width_px.max(frame.height_px) as f32;
        let least = |look: &Region| {
            if look.side < longer {
                PART_SIDE_MIN_PX
            } else {
                DETECT_SIDE_MIN_PX
            }
        };
        tracked.iter().all(|region| enough(region.side))
            && look.is_none_or(|look| look.side / divisor as f32 >= least(&look))
    };
    let choices = [Denominator::Eight, Denominator::Four, Denominator::Two];
    choices.into_iter().find(fits).unwrap_or(Denominator::One)
}

/// Whether a detected palm is a hand that is tracked already.
#[must_use]
pub fn is_tracked(detected: &Region, tracked: &[Region]) -> bool {
    let detected = detected.upright();
    tracked
        .iter()
        .any(|region| overlap(region.upright(), detected) > SAME_REGION_OVERLAP)
}

/// Whether two sets of points are the same hand, found twice.
#[must_use]
pub fn is_same_hand(a: &Landmarks, b: &Landmarks) -> bool {
    let reach = hand_length(a).max(hand_length(b)) * SAME_HAND_DISTANCE;
    let near = a
        .iter()
        .zip(b)
        .filter(|(a, b)| distance(a, b) < reach)
        .count();
    near >= SAME_HAND_POINTS && overlap(bounds(a), bounds(b)) > SAME_HAND_OVERLAP
}

/// The length of the palm, wrist to middle knuckle, in the picture plane: the measure of a hand
/// that bends least.
#[must_use]
pub fn hand_length(landmarks: &Landmarks) -> f32 {
    distance(&landmarks[WRIST], &landmarks[MIDDLE_MCP])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hand::LANDMARKS;

    const VGA: Size = Size {
        width_px: 640,
        height_px: 480,
    };
    const FULL_HD: Size = Size {
        width_px: 1920,
        height_px: 1080,
    };

    fn region(x: f32, side: f32) -> Region {
        Region {
            center: [x, 200.0],
            side,
            rotation: 0.0,
        }
    }

    fn hand(x: f32) -> Landmarks {
        let mut hand: Landmarks = [[x, 0.0, 0.0]; LANDMARKS];
        for (index, point) in hand.iter_mut().enumerate() {
            *point = [
                x + (index % 5) as f32 * 10.0,
                (index / 5) as f32 * 20.0,
                0.0,
            ];
        }
        hand
    }

    #[test]
    fn detects_always_without_and_never_with_all_hands() {
        for sequence in 1..50 {
            assert!(detects(0, 0, 2, sequence - 1, sequence));
            assert!(!detects(2, 0, 2, sequence - 1, sequence));
        }
    }

    #[test]
    fn detects_once_per_stretch_while_another_hand_may_appear() {
        let runs = (1..=60).filter(|n| detects(1, 0, 2, n - 1, *n)).count();
        assert_eq!(runs, 10);
        let runs = (1..=60).filter(|n| detects(1, 1, 2, n - 1, *n)).count();
        assert_eq!(runs, 20, "while the other one is lost");
        // A worker that gets every fourth frame only still detects as often.
        let runs = (4..=60)
            .step_by(4)
            .filter(|n| detects(1, 0, 2, n - 4, *n))
            .count();
        assert_eq!(runs, 10);
        // Several workers that read the same last prediction are bounded by the stretch.
        assert!(!detects(1, 0, 2, 7, 11));
    }

    #[test]
    fn denominator_keeps_enough_pixels() {
        let whole = |frame: Size| {
            let (width, height) = (frame.width_px as f32, frame.height_px as f32);
            Some(Region::letterbox(width, height))
        };
        assert_eq!(denominator(VGA, &[], whole(VGA)), Denominator::One);
        assert_eq!(denominator(FULL_HD, &[], whole(FULL_HD)), Denominator::Two);
        let part = Some(region(500.0, 640.0));
        assert_eq!(denominator(FULL_HD, &[], part), Denominator::Two);
        let small = Some(region(500.0, 400.0));
        assert_eq!(denominator(FULL_HD, &[], small), Denominator::One);
        assert_eq!(
            denominator(FULL_HD, &[region(500.0, 850.0)], None),
            Denominator::Four
        );
        assert_eq!(
            denominator(FULL_HD, &[region(500.0, 850.0)], whole(FULL_HD)),
            Denominator::Two
        );
        let two = [region(500.0, 850.0), region(900.0, 399.0)];
        assert_eq!(denominator(FULL_HD, &two, None), Denominator::One);
        let large = Size {
            width_px: 16_384,
            height_px: 16_384,
        };
        assert_eq!(denominator(large, &[], whole(large)), Denominator::Eight);
    }

    #[test]
    fn is_tracked_tells_a_known_hand_from_another() {
        let tracked = [region(100.0, 80.0), region(400.0, 80.0)];
        assert!(is_tracked(&region(405.0, 90.0), &tracked));
        assert!(!is_tracked(&region(250.0, 80.0), &tracked));
        assert!(!is_tracked(&region(250.0, 80.0), &[]));
    }

    #[test]
    fn is_same_hand_needs_near_points() {
        assert!(is_same_hand(&hand(100.0), &hand(103.0)));
        assert!(!is_same_hand(&hand(100.0), &hand(140.0)));
        // Two hands in one place that point opposite ways are two hands.
        let mut turned = hand(100.0);
        turned.reverse();
        assert!(!is_same_hand(&hand(100.0), &turned));
    }
}
