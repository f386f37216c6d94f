//! From points to a gesture: the features that the embedder takes, and the label that wins.
//!
//! Neighbours: `recognizer` runs the embedder and the classifier between the two functions.

use super::{LANDMARKS, Landmarks, WRIST};

/// Keeps a hand of no extent from dividing by zero. Source: MediaPipe `landmarks_to_matrix`.
const EXTENT_MIN: f32 = 1e-5;

/// Writes the points relative to the wrist, scaled so that the longer side of their bounds in the
/// picture plane is 1, to `features` (`[21, 3]`).
pub fn normalise(points: &Landmarks, features: &mut [f32]) {
    let extent = |axis: usize| {
        let values = points.iter().map(|point| point[axis]);
        values.clone().fold(f32::NEG_INFINITY, f32::max) - values.fold(f32::INFINITY, f32::min)
    };
    let scale = 1.0 / (extent(0).max(extent(1)) + EXTENT_MIN);
    let wrist = points[WRIST];
    debug_assert_eq!(features.len(), LANDMARKS * 3);
    for (target, point) in features.chunks_exact_mut(3).zip(points) {
        for axis in 0..3 {
            target[axis] = (point[axis] - wrist[axis]) * scale;
        }
    }
}

/// The index and the probability of the likeliest label; `None` when there is no finite number.
#[must_use]
pub fn likeliest(probabilities: &[f32]) -> Option<(usize, f32)> {
    let finite = probabilities
        .iter()
        .copied()
        .enumerate()
        .filter(|(_, p)| p.is_finite());
    finite.max_by(|a, b| a.1.total_cmp(&b.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalise_ignores_place_and_size() {
        let mut hand: Landmarks = [[0.0; 3]; LANDMARKS];
        for (index, point) in hand.iter_mut().enumerate() {
            *point = [index as f32, (index * index % 7) as f32, index as f32 / 2.0];
        }
        let moved = hand.map(|[x, y, z]| [x * 3.0 + 100.0, y * 3.0 - 40.0, z * 3.0]);
        let (mut a, mut b) = ([0.0; LANDMARKS * 3], [0.0; LANDMARKS * 3]);
        normalise(&hand, &mut a);
        normalise(&moved, &mut b);
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-5));
        assert_eq!(a[..3], [0.0; 3]);
        assert!((a[60] - 1.0).abs() < 1e-5);
    }

    #[test]
    fn likeliest_skips_what_is_not_a_number() {
        assert_eq!(likeliest(&[0.1, f32::NAN, 0.7, 0.2]), Some((2, 0.7)));
        assert_eq!(likeliest(&[f32::NAN]), None);
        assert_eq!(likeliest(&[]), None);
    }
}
