//! A hand as the numbers that a taught gesture is recognised by: where its points lie, and how far
//! apart those are that fingers move.
//!
//! Neighbours: `recognizer` computes them for each hand, [`super::lesson`] for each example, from
//! what [`gesture::normalise`](crate::hand::gesture::normalise) writes. Pure; nothing is allocated.
//!
//! Against the gesture embedder's 128 numbers: on poses that it was not trained on they do no better,
//! and another manifest may have another embedder; models/README.md has the figures.

use crate::hand::LANDMARKS;

/// Coordinates of a hand: 21 × (x, y, z), relative to the wrist.
pub const COORDINATES: usize = LANDMARKS * 3;
/// Pairs of points whose distance, in palm sizes, says how the fingers are held: finger tips among
/// each other and to the wrist, how straight each finger is, the thumb against the other fingers,
/// the fingers side by side.
const PAIRS: [(usize, usize); 32] = [
    (4, 8),
    (4, 12),
    (4, 16),
    (4, 20),
    (8, 12),
    (12, 16),
    (16, 20),
    (8, 16),
    (8, 20),
    (12, 20),
    (0, 4),
    (0, 8),
    (0, 12),
    (0, 16),
    (0, 20),
    (2, 4),
    (5, 8),
    (9, 12),
    (13, 16),
    (17, 20),
    (3, 5),
    (4, 5),
    (4, 9),
    (4, 13),
    (4, 17),
    (4, 6),
    (4, 10),
    (4, 14),
    (4, 18),
    (6, 10),
    (10, 14),
    (14, 18),
];
/// The size of a palm: the mean of these distances.
const PALM: [(usize, usize); 4] = [(0, 5), (0, 9), (0, 17), (5, 17)];
/// Keeps a palm of no extent from dividing by zero.
const PALM_MIN: f32 = 1e-3;
/// Numbers of a hand: the points but for the wrist, which is the origin, and the distances.
pub const FEATURES: usize = COORDINATES - 3 + PAIRS.len();

/// The numbers of one hand.
pub type Features = [f32; FEATURES];
/// The points of one hand, normalised.
pub type Shape = [f32; COORDINATES];

/// Computes the numbers of a hand.
#[must_use]
pub fn of(shape: &Shape) -> Features {
    let (points, _) = shape.as_chunks::<3>();
    let apart = |&(a, b): &(usize, usize)| {
        let [x, y, z] = std::array::from_fn(|axis| points[a][axis] - points[b][axis]);
        (x * x + y * y + z * z).sqrt()
    };
    let palm = PALM.iter().map(apart).sum::<f32>() / PALM.len() as f32;
    let mut features = [0.0; FEATURES];
    let (coordinates, distances) = features.split_at_mut(COORDINATES - 3);
    coordinates.copy_from_slice(&shape[3..]);
    for (distance, pair) in distances.iter_mut().zip(&PAIRS) {
        *distance = apart(pair) / palm.max(PALM_MIN);
    }
    features
}

/// The same pose, shown with the other hand.
#[must_use]
pub fn mirrored(shape: &Shape) -> Shape {
    let mut other = *shape;
    for x in other.iter_mut().step_by(3) {
        *x = -*x;
    }
    other
}

/// The hand turned by `angles` (radians) about the picture's x axis, its y axis and the line of
/// sight, and normalised anew.
#[must_use]
pub fn turned(shape: &Shape, angles: [f32; 3]) -> Shape {
    let [(sin_a, cos_a), (sin_b, cos_b), (sin_c, cos_c)] = angles.map(f32::sin_cos);
    let mut points = [[0.0; 3]; LANDMARKS];
    for (target, [x, y, z]) in points.iter_mut().zip(shape.as_chunks::<3>().0) {
        let (y, z) = (y * cos_a - z * sin_a, y * sin_a + z * cos_a);
        let (x, z) = (x * cos_b + z * sin_b, z * cos_b - x * sin_b);
        *target = [x * cos_c - y * sin_c, x * sin_c + y * cos_c, z];
    }
    let mut shape = [0.0; COORDINATES];
    crate::hand::gesture::normalise(&points, &mut shape);
    shape
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hand::gesture::normalise;

    fn shape() -> Shape {
        let points = std::array::from_fn(|i| {
            let i = i as f32;
            [i * 3.0 % 17.0, i * 7.0 % 19.0, i * 5.0 % 11.0]
        });
        let mut shape = [0.0; COORDINATES];
        normalise(&points, &mut shape);
        shape
    }

    fn near(a: &[f32], b: &[f32]) -> bool {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4)
    }

    #[test]
    fn distances_know_neither_the_view_nor_the_side() {
        let plain = of(&shape());
        let other = of(&mirrored(&shape()));
        assert!(near(&plain[COORDINATES - 3..], &other[COORDINATES - 3..]));
        let seen = of(&turned(&shape(), [0.3, -0.4, 1.0]));
        assert!(near(&plain[COORDINATES - 3..], &seen[COORDINATES - 3..]));
        assert!(!near(&plain, &seen) && !near(&plain, &other));
    }

    #[test]
    fn turning_there_and_back_changes_nothing() {
        let back = turned(&turned(&shape(), [0.0, 0.0, 0.5]), [0.0, 0.0, -0.5]);
        assert!(near(&back, &shape()));
        assert!(near(&mirrored(&mirrored(&shape())), &shape()));
    }

    #[test]
    fn a_hand_of_no_extent_has_finite_numbers() {
        assert!(
            of(&[0.0; COORDINATES])
                .iter()
                .all(|value| value.is_finite())
        );
    }
}
