//! Between the recogniser's pixels and a prediction's fractions of the frame.
//!
//! Neighbours: `pipeline` converts what `recognizer` found for publishing, and what the last
//! prediction of the source says into regions to look at. A prediction read from shared memory
//! was checked by `shm-layout`; the regions are checked again where they are used.

use crate::hand::region::Region;
use crate::hand::{FoundHand, Landmarks, bounds};
use crate::image::Size;
use shm_layout::prediction::Motion;
use shm_layout::{Hand, Label, Prediction};

/// A found hand as it is published; `None` when the model gave it a label that it does not have.
#[must_use]
pub fn to_published(found: &FoundHand, labels: &[Label], frame: Size) -> Option<Hand> {
    let (width, height) = (frame.width_px.max(1) as f32, frame.height_px.max(1) as f32);
    let [x, y, w, h] = bounds(&found.landmarks);
    // The box is what a viewer draws, so it ends where the picture ends.
    let (left, top) = ((x / width).clamp(0.0, 1.0), (y / height).clamp(0.0, 1.0));
    let (right, bottom) = (
        ((x + w) / width).clamp(0.0, 1.0),
        ((y + h) / height).clamp(0.0, 1.0),
    );
    Some(Hand {
        // Told by `hand::identity`, when all hands of the frame are known.
        id: 0,
        motion: Motion::default(),
        gesture: *labels.get(found.gesture)?,
        score: found.score,
        right_probability: found.right_probability,
        presence: found.presence,
        rect: [left, top, right - left, bottom - top],
        landmarks: found
            .landmarks
            .map(|[x, y, z]| [x / width, y / height, z / width]),
    })
}

/// The points of a published hand in pixels of a frame.
#[must_use]
pub fn to_pixels(hand: &Hand, frame: Size) -> Landmarks {
    let (width, height) = (frame.width_px as f32, frame.height_px as f32);
    hand.landmarks
        .map(|[x, y, z]| [x * width, y * height, z * width])
}

/// Writes where the hands of a prediction will be in the next frame to `regions`.
pub fn tracked_regions(prediction: &Prediction, frame: Size, regions: &mut Vec<Region>) {
    regions.clear();
    let next = |hand: &Hand| Region::from_landmarks(&to_pixels(hand, frame));
    regions.extend(prediction.hands.iter().map(next));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hand::LANDMARKS;

    #[test]
    fn published_hand_comes_back_in_pixels_and_its_box_stays_in_the_frame() {
        let mut landmarks: Landmarks = [[320.0, 240.0, 0.0]; LANDMARKS];
        landmarks[4] = [-32.0, 120.0, 64.0];
        let found = FoundHand {
            landmarks,
            gesture: 1,
            score: 0.5,
            right_probability: 0.9,
            presence: 1.0,
        };
        let labels = [
            Label::new("None").expect("label"),
            Label::new("Victory").expect("label"),
        ];
        let frame = Size {
            width_px: 640,
            height_px: 480,
        };
        let hand = to_published(&found, &labels, frame).expect("known label");
        assert_eq!(hand.gesture.as_str(), "Victory");
        assert_eq!(hand.rect, [0.0, 0.25, 0.5, 0.25]);
        assert_eq!(hand.landmarks[4], [-0.05, 0.25, 0.1]);
        assert_eq!(to_pixels(&hand, frame), landmarks);
        let unknown = FoundHand {
            gesture: 2,
            ..found
        };
        assert!(to_published(&unknown, &labels, frame).is_none());
    }
}
