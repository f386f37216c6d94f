//! MediaPipe's rules for hands, as pure functions over numbers.
//!
//! - [`palm`] decodes the palm detector; [`region`] turns a palm, or the landmarks of the frame
//!   before, into the rotated square that the landmark network reads; [`crop`] cuts it out.
//! - [`landmark`] brings the network's answer back into the frame; [`gesture`] prepares the
//!   features for the classifier and picks the label; [`tracker`] decides what runs when.
//! - [`search`] says where the palm detector looks; [`identity`] which hand is which.
//!
//! Neighbours: `recognizer` calls these between the networks. Nothing here runs a network, reads
//! a clock or keeps state between two frames. Coordinates are pixels of the whole frame unless a
//! name says otherwise.
//!
//! Source: MediaPipe 0.10 (Apache-2.0), `hand_landmarker` and `gesture_recognizer` task graphs.

pub mod crop;
pub mod gesture;
pub mod identity;
pub mod landmark;
pub mod palm;
pub mod region;
pub mod search;
pub mod tracker;

/// Points of one hand.
pub const LANDMARKS: usize = 21;
/// Index of the wrist among the points.
pub const WRIST: usize = 0;
/// Index of the middle finger's knuckle (MCP joint).
pub const MIDDLE_MCP: usize = 9;

/// The 21 points of a hand, `[x, y, z]`: pixels of the frame, z relative to the wrist in the same
/// unit (smaller is nearer to the camera). Order: wrist, then thumb to little finger, base to tip.
pub type Landmarks = [[f32; 3]; LANDMARKS];

/// One hand found in one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FoundHand {
    /// Points in pixels of the frame.
    pub landmarks: Landmarks,
    /// Index into the labels of the model.
    pub gesture: usize,
    /// Probability of that gesture, 0..=1.
    pub score: f32,
    /// Probability that it is a right hand, in a picture that is not mirrored, 0..=1.
    pub right_probability: f32,
    /// Probability that the region held a hand at all, 0..=1.
    pub presence: f32,
}

/// Distance between two points in the picture plane.
#[must_use]
pub fn distance(a: &[f32; 3], b: &[f32; 3]) -> f32 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// The bounds of the points: `[x, y, width, height]`.
#[must_use]
pub fn bounds(landmarks: &Landmarks) -> [f32; 4] {
    let [mut left, mut top] = [f32::INFINITY; 2];
    let [mut right, mut bottom] = [f32::NEG_INFINITY; 2];
    for [x, y, _] in landmarks {
        left = left.min(*x);
        right = right.max(*x);
        top = top.min(*y);
        bottom = bottom.max(*y);
    }
    [left, top, right - left, bottom - top]
}

/// Shared area over united area of two upright rectangles `[x, y, width, height]`, 0..=1.
#[must_use]
pub fn overlap(a: [f32; 4], b: [f32; 4]) -> f32 {
    let width = (a[0] + a[2]).min(b[0] + b[2]) - a[0].max(b[0]);
    let height = (a[1] + a[3]).min(b[1] + b[3]) - a[1].max(b[1]);
    let shared = width.max(0.0) * height.max(0.0);
    let united = a[2] * a[3] + b[2] * b[3] - shared;
    if united > 0.0 { shared / united } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlap_is_one_for_equal_and_zero_for_apart_or_empty() {
        let square = [10.0, 10.0, 4.0, 4.0];
        assert_eq!(overlap(square, square), 1.0);
        assert_eq!(overlap(square, [20.0, 10.0, 4.0, 4.0]), 0.0);
        assert_eq!(overlap([0.0; 4], [0.0; 4]), 0.0);
        assert!((overlap(square, [12.0, 10.0, 4.0, 4.0]) - 8.0 / 24.0).abs() < 1e-6);
    }

    #[test]
    fn bounds_hold_every_point() {
        let mut hand: Landmarks = [[5.0, 6.0, 0.0]; LANDMARKS];
        hand[3] = [1.0, 9.0, 0.0];
        hand[8] = [7.0, 2.0, 0.0];
        assert_eq!(bounds(&hand), [1.0, 2.0, 6.0, 7.0]);
    }
}
