//! The rotated square around a hand that the landmark network reads.
//!
//! Neighbours: made from `palm` (a new hand) or from the landmarks of the frame before (a tracked
//! hand); read by `crop`, which cuts it out, and by `landmark`, which maps points back.

use super::{LANDMARKS, Landmarks, MIDDLE_MCP, WRIST};
use std::f32::consts::{FRAC_PI_2, PI, TAU};

/// A palm's square covers the hand when it is enlarged this much and shifted up by half.
/// Source: MediaPipe `palm_detection_detection_to_roi` (scale 2.6, shift_y -0.5).
const PALM_SCALE: f32 = 2.6;
const PALM_SHIFT: f32 = 0.5;
/// Landmarks already span the hand, so that less is added. Source: MediaPipe
/// `hand_landmark_landmarks_to_roi` (scale 2.0, shift_y -0.1).
const LANDMARK_SCALE: f32 = 2.0;
const LANDMARK_SHIFT: f32 = 0.1;
/// The points that span the region: wrist, thumb without tip, and base and middle of each finger.
/// Finger tips are left out, because they move the square most. Source: as above.
const SPANNING: [usize; 12] = [0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18];
const INDEX_MCP: usize = 5;
const RING_MCP: usize = 13;

/// A square in the frame, turned so that the hand in it points up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Region {
    /// Centre, in pixels of the frame.
    pub center: [f32; 2],
    /// Length of a side, in pixels of the frame.
    pub side: f32,
    /// Angle between the frame's up and the hand's up, in radians, clockwise, -pi..pi.
    pub rotation: f32,
}

impl Region {
    /// The whole frame in an upright square that leaves bars at two sides.
    #[must_use]
    pub fn letterbox(width: f32, height: f32) -> Self {
        Self {
            center: [width / 2.0, height / 2.0],
            side: width.max(height),
            rotation: 0.0,
        }
    }

    /// The region of a hand whose palm was detected.
    ///
    /// `palm` is `[x, y, width, height]`; `wrist` and `middle` (the middle finger's knuckle) say
    /// which way is up.
    #[must_use]
    pub fn from_palm(palm: [f32; 4], wrist: [f32; 2], middle: [f32; 2]) -> Self {
        let rotation = upward(wrist, middle);
        let (sin, cos) = rotation.sin_cos();
        let shift = palm[3] * PALM_SHIFT;
        Self {
            center: [
                palm[0] + palm[2] / 2.0 + shift * sin,
                palm[1] + palm[3] / 2.0 - shift * cos,
            ],
            side: palm[2].max(palm[3]) * PALM_SCALE,
            rotation,
        }
    }

    /// The region in which a hand with these landmarks will be found in the next frame.
    #[must_use]
    pub fn from_landmarks(landmarks: &Landmarks) -> Self {
        let knuckles = |axis: usize| {
            let outer = (landmarks[INDEX_MCP][axis] + landmarks[RING_MCP][axis]) / 2.0;
            (outer + landmarks[MIDDLE_MCP][axis]) / 2.0
        };
        let wrist = [landmarks[WRIST][0], landmarks[WRIST][1]];
        let rotation = upward(wrist, [knuckles(0), knuckles(1)]);
        let (sin, cos) = rotation.sin_cos();

        let upright = span(landmarks, |[x, y, _]| [x, y]);
        let pivot = upright.center();
        // The bounds of the points as seen along the hand's own axes.
        let along = span(landmarks, |[x, y, _]| {
            let (x, y) = (x - pivot[0], y - pivot[1]);
            [x * cos + y * sin, y * cos - x * sin]
        });
        let [u, v] = along.center();
        let [width, height] = along.size();
        let shift = height * LANDMARK_SHIFT;
        Self {
            center: [
                pivot[0] + u * cos - v * sin + shift * sin,
                pivot[1] + u * sin + v * cos - shift * cos,
            ],
            side: width.max(height) * LANDMARK_SCALE,
            rotation,
        }
    }

    /// The point of the frame at `[x, y]` of the square, both -0.5..=0.5 from its centre.
    #[must_use]
    pub fn to_frame(&self, x: f32, y: f32) -> [f32; 2] {
        let (sin, cos) = self.rotation.sin_cos();
        let (x, y) = (x * self.side, y * self.side);
        [
            self.center[0] + x * cos - y * sin,
            self.center[1] + x * sin + y * cos,
        ]
    }

    /// The upright square of the same centre and side, `[x, y, width, height]`.
    #[must_use]
    pub fn upright(&self) -> [f32; 4] {
        let half = self.side / 2.0;
        [
            self.center[0] - half,
            self.center[1] - half,
            self.side,
            self.side,
        ]
    }

    /// Whether a hand could be read from it: every number finite, a side of at least one pixel
    /// and at most eight times the frame's longer side, the centre not further out than that.
    #[must_use]
    pub fn is_usable(&self, width: f32, height: f32) -> bool {
        let reach = width.max(height) * 8.0;
        let [x, y] = self.center;
        self.rotation.is_finite()
            && (1.0..=reach).contains(&self.side)
            && (-reach..=reach).contains(&x)
            && (-reach..=reach).contains(&y)
    }
}

/// The rotation that makes the line from `base` to `tip` point up, normalised to -pi..pi.
fn upward(base: [f32; 2], tip: [f32; 2]) -> f32 {
    let angle = FRAC_PI_2 - (base[1] - tip[1]).atan2(tip[0] - base[0]);
    angle - TAU * ((angle + PI) / TAU).floor()
}

struct Span {
    least: [f32; 2],
    most: [f32; 2],
}

impl Span {
    fn center(&self) -> [f32; 2] {
        [
            (self.least[0] + self.most[0]) / 2.0,
            (self.least[1] + self.most[1]) / 2.0,
        ]
    }

    fn size(&self) -> [f32; 2] {
        [self.most[0] - self.least[0], self.most[1] - self.least[1]]
    }
}

fn span(landmarks: &Landmarks, place: impl Fn([f32; 3]) -> [f32; 2]) -> Span {
    let mut span = Span {
        least: [f32::INFINITY; 2],
        most: [f32::NEG_INFINITY; 2],
    };
    for index in SPANNING {
        debug_assert!(index < LANDMARKS);
        let point = place(landmarks[index]);
        for (axis, value) in point.into_iter().enumerate() {
            span.least[axis] = span.least[axis].min(value);
            span.most[axis] = span.most[axis].max(value);
        }
    }
    span
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f32, b: f32) -> bool {
        (a - b).abs() < 1e-3
    }

    #[test]
    fn from_palm_upright_hand_moves_up_by_half_its_height() {
        let region = Region::from_palm([90.0, 100.0, 20.0, 20.0], [100.0, 130.0], [100.0, 100.0]);
        assert!(close(region.rotation, 0.0));
        assert!(close(region.center[0], 100.0) && close(region.center[1], 100.0));
        assert!(close(region.side, 52.0));
    }

    #[test]
    fn from_palm_hand_pointing_right_moves_right() {
        let region = Region::from_palm([90.0, 90.0, 20.0, 20.0], [90.0, 100.0], [120.0, 100.0]);
        assert!(close(region.rotation, FRAC_PI_2));
        assert!(close(region.center[0], 110.0) && close(region.center[1], 100.0));
    }

    #[test]
    fn from_landmarks_turns_with_the_hand() {
        // A cross of points: width 40 at the knuckles, height 80 from wrist to fingers.
        let mut hand: Landmarks = [[100.0, 140.0, 0.0]; LANDMARKS];
        hand[WRIST] = [100.0, 180.0, 0.0];
        hand[MIDDLE_MCP] = [100.0, 140.0, 0.0];
        hand[10] = [100.0, 100.0, 0.0];
        hand[INDEX_MCP] = [80.0, 140.0, 0.0];
        hand[RING_MCP] = [120.0, 140.0, 0.0];
        let upright = Region::from_landmarks(&hand);
        assert!(close(upright.rotation, 0.0) && close(upright.side, 160.0));
        assert!(close(upright.center[0], 100.0) && close(upright.center[1], 132.0));

        // The same hand turned a quarter clockwise about (100, 140): up becomes right.
        let turned = hand.map(|[x, y, z]| [100.0 - (y - 140.0), 140.0 + (x - 100.0), z]);
        let region = Region::from_landmarks(&turned);
        assert!(close(region.rotation, FRAC_PI_2) && close(region.side, 160.0));
        assert!(close(region.center[0], 108.0) && close(region.center[1], 140.0));
    }

    #[test]
    fn to_frame_puts_up_where_the_hand_points() {
        let region = Region {
            center: [50.0, 60.0],
            side: 20.0,
            rotation: FRAC_PI_2,
        };
        let [x, y] = region.to_frame(0.0, -0.5);
        assert!(close(x, 60.0) && close(y, 60.0));
    }

    #[test]
    fn is_usable_refuses_wild_numbers() {
        let good = Region {
            center: [50.0, 60.0],
            side: 20.0,
            rotation: 0.1,
        };
        assert!(good.is_usable(640.0, 480.0));
        assert!(
            !Region {
                side: f32::NAN,
                ..good
            }
            .is_usable(640.0, 480.0)
        );
        assert!(!Region { side: 0.0, ..good }.is_usable(640.0, 480.0));
        assert!(!Region { side: 1e9, ..good }.is_usable(640.0, 480.0));
        assert!(
            !Region {
                center: [f32::INFINITY, 0.0],
                ..good
            }
            .is_usable(640.0, 480.0)
        );
        assert!(
            !Region {
                rotation: f32::NAN,
                ..good
            }
            .is_usable(640.0, 480.0)
        );
    }
}
