//! From examples to a classifier: logistic regression that trusts differences between poses more
//! than differences between people.
//!
//! Neighbours: [`super::lesson`] says what is an example and what is not. Pure and deterministic: the
//! same rows in the same order give the same weights to the bit.
//!
//! The penalty on the weights is the scatter of hands within the classes of the bundled examples: a
//! direction in which people differ who show the same gesture is costly to rely on. That is what lets
//! a few seconds of one hand stand for other hands too. Against prototypes with a distance, which
//! know nothing of the poses nearby; and against small networks, which need many people.

use super::features::{FEATURES, Features};
use super::linear::{Symmetric, dot};

/// How much the penalty weighs against the examples.
const PENALTY: f64 = 5.0;
/// Share of the mean scatter that is added in every direction: there are more numbers than ways in
/// which the bundled hands differ.
const EVEN: f64 = 0.1;
/// Added to each number's standard deviation, so that one that hardly changes is not blown up.
const SCALE_MIN: f64 = 0.01;
/// Weight of all examples together, and of everything else: in view of a box, most hands show
/// something else.
pub const WEIGHT_IT: f64 = 60.0;
/// See [`WEIGHT_IT`].
pub const WEIGHT_OTHER: f64 = 1000.0;
/// Newton's steps; five to eight are usual.
const STEPS_MAX: usize = 40;
/// A step smaller than this is the last.
const STEP_MIN: f64 = 1e-7;
/// A row whose answer is that sure adds nothing to the curvature.
const CURVATURE_MIN: f64 = 1e-7;

/// Tells one taught gesture from all else: a weight for each number of a hand, and one alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Classifier {
    /// One for each feature.
    pub weights: Vec<f32>,
    /// Added to their sum.
    pub bias: f32,
}

impl Classifier {
    /// How sure it is that a hand shows the gesture, 0..=1.
    #[must_use]
    pub fn score(&self, features: &Features) -> f32 {
        score(&self.weights, self.bias, features)
    }
}

/// The same from its parts.
#[must_use]
pub fn score(weights: &[f32], bias: f32, features: &Features) -> f32 {
    let sum: f32 = weights.iter().zip(features).map(|(a, b)| a * b).sum();
    1.0 / (1.0 + (-(sum + bias)).exp())
}

/// One hand to learn from.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Its numbers.
    pub features: &'a Features,
    /// Whether it shows the gesture.
    pub is_it: bool,
    /// How much it counts.
    pub weight: f64,
}

/// How hands differ, learnt from hands with known gestures.
#[derive(Debug, Clone)]
pub struct Space {
    mean: Vec<f64>,
    scale: Vec<f64>,
    penalty: Symmetric,
}

impl Space {
    /// Learns it from classes of hands; those of no gesture count for the mean and scale only.
    #[must_use]
    pub fn of<'a>(classes: impl Iterator<Item = (&'a [Features], bool)> + Clone) -> Self {
        let all = || classes.clone().flat_map(|(hands, _)| hands);
        let mean = mean_of(all());
        let variance = variance_of(all(), &mean);
        let scale: Vec<f64> = variance.iter().map(|v| v.sqrt() + SCALE_MIN).collect();
        let mut within = Symmetric::zero(FEATURES);
        let mut count = 0.0;
        for (hands, _) in classes.filter(|(_, is_gesture)| *is_gesture) {
            let own = mean_of(hands.iter());
            for hand in hands {
                within.add_square(&standard(hand, &own, &scale), 1.0);
                count += 1.0;
            }
        }
        let count = f64::max(count, 1.0);
        let trace: f64 = (0..FEATURES).map(|i| within.values[i * FEATURES + i]).sum();
        for value in &mut within.values {
            *value *= (1.0 - EVEN) * PENALTY / count;
        }
        for i in 0..FEATURES {
            within.values[i * FEATURES + i] += EVEN * PENALTY * trace / count / FEATURES as f64;
        }
        within.fill();
        Self {
            mean,
            scale,
            penalty: within,
        }
    }

    /// Fits a classifier; `None` when the numbers lead nowhere, which finite rows of both kinds do
    /// not.
    #[must_use]
    pub fn fit(&self, rows: &[Row<'_>]) -> Option<Classifier> {
        let points: Vec<Vec<f64>> = rows
            .iter()
            .map(|row| {
                let mut point = standard(row.features, &self.mean, &self.scale);
                point.push(1.0);
                point
            })
            .collect();
        let mut found = vec![0.0; FEATURES + 1];
        let mut cost = self.cost(rows, &points, &found);
        for _ in 0..STEPS_MAX {
            let step = self.step(rows, &points, &found)?;
            let (next, lower) = self.descend(rows, &points, &found, &step, cost)?;
            let size = step.iter().fold(0.0, |most: f64, s| most.max(s.abs()));
            let is_last = size < STEP_MIN || cost - lower < 1e-9 * cost;
            (found, cost) = (next, lower);
            if is_last {
                break;
            }
        }
        self.in_features(&found)
    }

    /// Newton's step from `at`.
    fn step(&self, rows: &[Row<'_>], points: &[Vec<f64>], at: &[f64]) -> Option<Vec<f64>> {
        let mut curvature = Symmetric::zero(FEATURES + 1);
        for row in 0..FEATURES {
            let (from, to) = (row * FEATURES, row * (FEATURES + 1));
            let penalty = &self.penalty.values[from..from + FEATURES];
            curvature.values[to..to + FEATURES].copy_from_slice(penalty);
        }
        curvature.values[(FEATURES + 1) * (FEATURES + 1) - 1] = CURVATURE_MIN;
        let mut slope = self.penalty.times(&at[..FEATURES]);
        slope.push(0.0);
        for (row, point) in rows.iter().zip(points) {
            let p = sigmoid(dot(point, at));
            let error = row.weight * (p - f64::from(u8::from(row.is_it)));
            for (slope, x) in slope.iter_mut().zip(point) {
                *slope += error * x;
            }
            let bend = row.weight * p * (1.0 - p);
            if bend > CURVATURE_MIN {
                curvature.add_square(point, bend);
            }
        }
        curvature.solve(&slope)
    }

    /// Goes along the step as far as that makes things better; where it ends and the cost there.
    fn descend(
        &self,
        rows: &[Row<'_>],
        points: &[Vec<f64>],
        at: &[f64],
        step: &[f64],
        cost: f64,
    ) -> Option<(Vec<f64>, f64)> {
        let mut share = 1.0;
        while share > 1e-6 {
            let next: Vec<f64> = at.iter().zip(step).map(|(a, s)| a - share * s).collect();
            let lower = self.cost(rows, points, &next);
            if lower <= cost {
                return Some((next, lower));
            }
            share /= 2.0;
        }
        cost.is_finite().then(|| (at.to_vec(), cost))
    }

    fn cost(&self, rows: &[Row<'_>], points: &[Vec<f64>], at: &[f64]) -> f64 {
        let weights = &at[..FEATURES];
        let misses = rows.iter().zip(points).map(|(row, point)| {
            let sum = dot(point, at);
            let signed = if row.is_it { -sum } else { sum };
            // ln(1 + e^x) without overflow.
            row.weight * (signed.max(0.0) + (-signed.abs()).exp().ln_1p())
        });
        misses.sum::<f64>() + dot(weights, &self.penalty.times(weights)) / 2.0
    }

    /// The same classifier, for numbers as they come.
    fn in_features(&self, found: &[f64]) -> Option<Classifier> {
        let weights: Vec<f64> = found.iter().zip(&self.scale).map(|(w, s)| w / s).collect();
        let bias = found[FEATURES] - dot(&weights, &self.mean);
        let classifier = Classifier {
            weights: weights.iter().map(|weight| *weight as f32).collect(),
            bias: bias as f32,
        };
        let is_finite = classifier.weights.iter().all(|weight| weight.is_finite());
        (is_finite && classifier.bias.is_finite()).then_some(classifier)
    }
}

fn sigmoid(sum: f64) -> f64 {
    1.0 / (1.0 + (-sum).exp())
}

fn standard(hand: &Features, mean: &[f64], scale: &[f64]) -> Vec<f64> {
    let centred = hand.iter().zip(mean).map(|(x, m)| f64::from(*x) - m);
    centred.zip(scale).map(|(x, s)| x / s).collect()
}

fn mean_of<'a>(hands: impl Iterator<Item = &'a Features>) -> Vec<f64> {
    let (mut sum, mut count) = (vec![0.0; FEATURES], 0.0);
    for hand in hands {
        for (sum, x) in sum.iter_mut().zip(hand) {
            *sum += f64::from(*x);
        }
        count += 1.0;
    }
    sum.iter().map(|sum| sum / f64::max(count, 1.0)).collect()
}

fn variance_of<'a>(hands: impl Iterator<Item = &'a Features>, mean: &[f64]) -> Vec<f64> {
    let (mut sum, mut count) = (vec![0.0; FEATURES], 0.0);
    for hand in hands {
        for ((sum, x), mean) in sum.iter_mut().zip(hand).zip(mean) {
            *sum += (f64::from(*x) - mean).powi(2);
        }
        count += 1.0;
    }
    sum.iter().map(|sum| sum / f64::max(count, 1.0)).collect()
}
