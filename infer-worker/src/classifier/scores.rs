//! From the numbers that a classifier gives to one label and its score.
//!
//! Neighbours: the manifest says which numbers these are; [`super`] runs the network in between. What
//! comes out of a user's network is input: values that are no numbers give no answer, never a panic.

use serde::Deserialize;

/// What stands between the network's output and probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scores {
    /// The output is logits, of which one is right.
    Softmax,
    /// The output is logits, each for itself.
    Sigmoid,
    /// The output is probabilities already.
    None,
}

impl Scores {
    /// As it stands in a manifest.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Softmax => "softmax",
            Self::Sigmoid => "sigmoid",
            Self::None => "none",
        }
    }
}

/// A label by its index, and its score, 0..=1.
pub type Answer = (usize, f32);

/// From here on a label that stands for itself is shown.
const SHOWN_MIN: f32 = 0.5;

/// The likeliest label for an output.
///
/// `no_gesture`: the label for "none of these", for a network that has no output for it: it wins
/// when no output reaches one half. `None` when a value is no finite number, or there is none.
#[must_use]
pub fn answer(scores: Scores, output: &[f32], no_gesture: Option<usize>) -> Option<Answer> {
    if !output.iter().all(|value| value.is_finite()) {
        return None;
    }
    let values = output.iter().copied().enumerate();
    let (index, value) = values.max_by(|a, b| a.1.total_cmp(&b.1))?;
    let score = match scores {
        // The largest is subtracted, so that nothing overflows: its own part is 1.
        Scores::Softmax => {
            1.0 / output
                .iter()
                .map(|other| (other - value).exp())
                .sum::<f32>()
        }
        Scores::Sigmoid => 1.0 / (1.0 + (-value).exp()),
        Scores::None => value.clamp(0.0, 1.0),
    };
    match no_gesture {
        Some(none) if score < SHOWN_MIN => Some((none, 1.0 - score)),
        _ => Some((index, score)),
    }
}

/// How far from 0..=1, and the sum of probabilities from 1, rounding may lead.
const ROUNDING: f32 = 1e-3;

/// What an output contradicts, of what the manifest says of it: expected and found.
#[must_use]
pub fn contradiction(scores: Scores, output: &[f32]) -> Option<(String, String)> {
    if let Some(value) = output.iter().find(|value| !value.is_finite()) {
        return Some(("finite numbers".to_owned(), value.to_string()));
    }
    let is_share = |value: &f32| (-ROUNDING..=1.0 + ROUNDING).contains(value);
    let sum: f32 = output.iter().sum();
    let beyond = output.iter().find(|value| !is_share(value));
    match (scores, beyond) {
        (Scores::None, Some(value)) => Some((
            "probabilities from 0 to 1 (scores = \"softmax\" or \"sigmoid\" is for logits)"
                .to_owned(),
            value.to_string(),
        )),
        (Scores::Softmax, None) if output.len() > 1 && (sum - 1.0).abs() < ROUNDING => Some((
            "logits (scores = \"none\" is for probabilities)".to_owned(),
            format!("probabilities, which sum to {sum}"),
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(found: Option<Answer>, expected: Answer) {
        let (index, score) = found.expect("an answer");
        assert_eq!(index, expected.0);
        assert!((score - expected.1).abs() < 1e-5, "{score}");
    }

    /// Values of scipy 1.17: `softmax` and `expit`.
    #[test]
    fn scores_are_what_scipy_makes_of_them() {
        let logits = [1.0, 3.0, -2.0, 0.5];
        close(answer(Scores::Softmax, &logits, None), (1, 0.816_888));
        close(answer(Scores::Sigmoid, &logits, None), (1, 0.952_574));
        close(answer(Scores::None, &[0.1, 0.2, 0.7], None), (2, 0.7));
        close(answer(Scores::Softmax, &[1e30, -1e30], None), (0, 1.0));
    }

    #[test]
    fn a_network_without_an_output_for_nothing_says_so_below_one_half() {
        close(answer(Scores::Sigmoid, &[-2.0], Some(1)), (1, 0.880_797));
        close(answer(Scores::Sigmoid, &[2.0], Some(1)), (0, 0.880_797));
        close(answer(Scores::None, &[0.2, 0.3], Some(2)), (2, 0.7));
        close(answer(Scores::Sigmoid, &[-2.0, -3.0], None), (0, 0.119_203));
    }

    #[test]
    fn what_the_output_contradicts_is_told() {
        let told = |scores, output: &[f32]| contradiction(scores, output).map(|told| told.1);
        assert_eq!(told(Scores::None, &[0.2, 0.8]), None);
        assert_eq!(told(Scores::None, &[0.2, 3.5]).as_deref(), Some("3.5"));
        assert_eq!(told(Scores::Softmax, &[0.2, 3.5]), None);
        let sums = told(Scores::Softmax, &[0.25, 0.75]);
        assert_eq!(sums.as_deref(), Some("probabilities, which sum to 1"));
        assert_eq!(told(Scores::Softmax, &[1.0]), None);
        assert_eq!(told(Scores::Sigmoid, &[0.25, 0.75]), None);
        assert_eq!(told(Scores::Sigmoid, &[f32::NAN]).as_deref(), Some("NaN"));
    }

    proptest! {
        #[test]
        fn any_output_gives_a_probability_or_nothing(
            bits in prop::collection::vec(any::<u32>(), 0..12),
            which in 0..3,
        ) {
            let output: Vec<f32> = bits.into_iter().map(f32::from_bits).collect();
            let scores = [Scores::Softmax, Scores::Sigmoid, Scores::None][which as usize];
            if let Some((index, score)) = answer(scores, &output, None) {
                prop_assert!(index < output.len() && (0.0..=1.0).contains(&score), "{}", score);
            }
        }
    }
}
