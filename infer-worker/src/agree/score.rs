//! Counts how far the hands that were found agree with a reference.

use super::reference::{ReferenceHand, same_gesture};
use crate::hand::{Landmarks, bounds, distance};
use serde::Serialize;

/// A found hand further away than this many hand sizes is another hand.
const SAME_HAND: f32 = 0.5;

/// A hand that was found in a frame.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Points in pixels of the frame.
    pub landmarks: Landmarks,
    /// Its gesture.
    pub gesture: String,
    /// `Right` or `Left`.
    pub handedness: &'static str,
}

/// Agreement over a clip.
#[derive(Debug, Default, Clone, Serialize)]
pub struct Agreement {
    /// Frames compared.
    pub frames: usize,
    /// Hands in the reference.
    pub hands: usize,
    /// How many of them were found.
    pub found: usize,
    /// Hands found that the reference does not have.
    pub extra: usize,
    /// Hands found for which the reference states a gesture.
    pub gestures: usize,
    /// How many of them have that gesture.
    pub gestures_equal: usize,
    /// Hands found on the side that the reference states.
    pub handedness_equal: usize,
    /// Mean distance of the 21 points, in sizes of the hand, for each hand found.
    #[serde(skip)]
    pub errors: Vec<f32>,
}

impl Agreement {
    /// Adds one frame.
    pub fn add(&mut self, reference: &[ReferenceHand], answers: &[Answer]) {
        self.frames += 1;
        self.hands += reference.len();
        let mut left: Vec<&Answer> = answers.iter().collect();
        for expected in reference {
            let nearest = left
                .iter()
                .map(|answer| point_error(&expected.landmarks, &answer.landmarks))
                .enumerate()
                .min_by(|a, b| a.1.total_cmp(&b.1));
            let Some((index, error)) = nearest.filter(|(_, error)| *error < SAME_HAND) else {
                continue;
            };
            let answer = left.swap_remove(index);
            self.found += 1;
            self.errors.push(error);
            let same_side = expected.handedness.eq_ignore_ascii_case(answer.handedness);
            self.handedness_equal += usize::from(same_side);
            if let Some(gesture) = &expected.gesture {
                self.gestures += 1;
                self.gestures_equal += usize::from(same_gesture(gesture, &answer.gesture));
            }
        }
        self.extra += left.len();
    }

    /// Mean of the point errors, in sizes of the hand.
    #[must_use]
    pub fn error_mean(&self) -> f32 {
        self.errors.iter().sum::<f32>() / self.errors.len().max(1) as f32
    }

    /// The point error that a share `0..=1` of the hands does not exceed.
    #[must_use]
    pub fn error_at(&self, share: f32) -> f32 {
        quantile(&self.errors, share)
    }
}

/// The value that a share `0..=1` of `values` does not exceed; 0 for none.
#[must_use]
pub fn quantile(values: &[f32], share: f32) -> f32 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    let index = (sorted.len().saturating_sub(1) as f32 * share).round() as usize;
    sorted.get(index).copied().unwrap_or(0.0)
}

/// Mean distance of corresponding points over the longer side of the reference's bounds.
fn point_error(reference: &Landmarks, found: &Landmarks) -> f32 {
    let [_, _, width, height] = bounds(reference);
    let pairs = reference.iter().zip(found);
    let mean = pairs.map(|(a, b)| distance(a, b)).sum::<f32>() / reference.len() as f32;
    mean / width.max(height).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hand::LANDMARKS;

    fn square(x: f32) -> Landmarks {
        let mut points: Landmarks = [[x, 0.0, 0.0]; LANDMARKS];
        points[20] = [x + 100.0, 100.0, 0.0];
        points
    }

    fn expected(x: f32, gesture: &str) -> ReferenceHand {
        ReferenceHand {
            landmarks: square(x),
            gesture: Some(gesture.to_owned()),
            handedness: "Right".to_owned(),
        }
    }

    fn answer(x: f32, gesture: &str) -> Answer {
        Answer {
            landmarks: square(x),
            gesture: gesture.to_owned(),
            handedness: "Right",
        }
    }

    #[test]
    fn add_pairs_the_nearest_and_counts_the_rest() {
        let mut agreement = Agreement::default();
        let reference = [expected(0.0, "victory"), expected(500.0, "Open_Palm")];
        let answers = [
            answer(510.0, "Open_Palm"),
            answer(2.0, "None"),
            answer(900.0, "None"),
        ];
        agreement.add(&reference, &answers);
        assert_eq!(
            (agreement.hands, agreement.found, agreement.extra),
            (2, 2, 1)
        );
        assert_eq!((agreement.gestures, agreement.gestures_equal), (2, 1));
        assert!((agreement.error_mean() - 0.06).abs() < 1e-6);
        assert!((agreement.error_at(1.0) - 0.1).abs() < 1e-6);
    }

    #[test]
    fn add_far_away_is_missed_and_extra() {
        let mut agreement = Agreement::default();
        agreement.add(&[expected(0.0, "None")], &[answer(300.0, "None")]);
        assert_eq!((agreement.found, agreement.extra), (0, 1));
    }

    #[test]
    fn quantile_of_nothing_is_zero() {
        assert_eq!(quantile(&[], 0.5), 0.0);
        assert_eq!(quantile(&[3.0, 1.0, 2.0], 0.5), 2.0);
    }
}
