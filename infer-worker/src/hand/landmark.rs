//! What the landmark network says, brought back into the frame.
//!
//! Neighbours: `recognizer` passes the outputs in; [`gesture`](super::gesture) reads the result.

use super::region::Region;
use super::{LANDMARKS, Landmarks};

/// Length of a side of the network's input, in pixels.
pub const INPUT_SIDE: usize = 224;
/// What the network says of depth is in 0.4 of the unit of x and y. Source: MediaPipe
/// `normalize_z` in `hand_landmarks_detector_graph`.
const DEPTH_UNIT: f32 = 0.4;
/// Numbers in each of its two lists of points.
pub const VALUES: usize = LANDMARKS * 3;
/// Below this probability there is no hand, and a tracked one is lost.
/// Source: MediaPipe `min_hand_presence_confidence`.
pub const PRESENCE_MIN: f32 = 0.5;

/// A hand's points, twice.
#[derive(Debug, Clone, Copy)]
pub struct HandPoints {
    /// In pixels of the frame.
    pub landmarks: Landmarks,
    /// In metres around the hand's centre, turned like the frame.
    pub world: Landmarks,
}

/// Maps both lists of points out of `region`; `None` when a number is not finite.
///
/// `points` is `[21, 3]` in pixels of the input, `world` is `[21, 3]` in metres.
#[must_use]
pub fn decode(points: &[f32], world: &[f32], region: &Region) -> Option<HandPoints> {
    if points.len() != VALUES || world.len() != VALUES {
        return None;
    }
    if !points.iter().chain(world).all(|value| value.is_finite()) {
        return None;
    }
    let side = INPUT_SIDE as f32;
    let (sin, cos) = region.rotation.sin_cos();
    let mut hand = HandPoints {
        landmarks: [[0.0; 3]; LANDMARKS],
        world: [[0.0; 3]; LANDMARKS],
    };
    for (target, point) in hand.landmarks.iter_mut().zip(points.chunks_exact(3)) {
        let [x, y] = region.to_frame(point[0] / side - 0.5, point[1] / side - 0.5);
        *target = [x, y, point[2] / side / DEPTH_UNIT * region.side];
    }
    for (target, point) in hand.world.iter_mut().zip(world.chunks_exact(3)) {
        let (x, y) = (point[0], point[1]);
        *target = [x * cos - y * sin, x * sin + y * cos, point[2]];
    }
    Some(hand)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f32::consts::FRAC_PI_2;

    #[test]
    fn decode_maps_the_centre_to_the_centre_and_up_to_the_hand_s_up() {
        let region = Region {
            center: [300.0, 200.0],
            side: 112.0,
            rotation: FRAC_PI_2,
        };
        let mut points = [112.0; VALUES];
        points[3] = 112.0;
        points[4] = 0.0;
        points[5] = 20.0;
        let hand = decode(&points, &[0.1; VALUES], &region).expect("finite");
        assert!((hand.landmarks[0][0] - 300.0).abs() < 1e-3);
        assert!((hand.landmarks[0][1] - 200.0).abs() < 1e-3);
        // The top middle of the input lies right of the centre; depth scales with the region: 20 of
        // 224 pixels, in 0.4 of the unit, of 112 pixels.
        assert!((hand.landmarks[1][0] - 356.0).abs() < 1e-3);
        assert!((hand.landmarks[1][1] - 200.0).abs() < 1e-3);
        assert!((hand.landmarks[1][2] - 25.0).abs() < 1e-3);
        assert!((hand.world[0][0] + 0.1).abs() < 1e-6 && (hand.world[0][1] - 0.1).abs() < 1e-6);
    }

    #[test]
    fn decode_refuses_nan_and_short_lists() {
        let region = Region::letterbox(100.0, 100.0);
        let mut points = [1.0; VALUES];
        assert!(decode(&points[1..], &[0.0; VALUES], &region).is_none());
        points[7] = f32::NAN;
        assert!(decode(&points, &[0.0; VALUES], &region).is_none());
    }
}
