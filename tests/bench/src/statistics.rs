//! Percentiles of one round, and the median over rounds.
//!
//! Neighbours: every measurement hands its samples here; `report` prints what comes out. It must
//! never know what was measured.

use serde::{Deserialize, Serialize};

/// Percentiles of the samples of one round, in the samples' own unit.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Percentiles {
    /// Number of samples.
    pub count: usize,
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Largest.
    pub max: f64,
}

impl Percentiles {
    /// Of `samples`, in any order; zeroes if there are none.
    #[must_use]
    pub fn of(mut samples: Vec<f64>) -> Self {
        samples.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| {
            let last = samples.len().saturating_sub(1);
            let index = (last as f64 * share).round() as usize;
            samples.get(index).copied().unwrap_or(0.0)
        };
        Self {
            count: samples.len(),
            p50: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
            max: at(1.0),
        }
    }

    /// The median of each percentile over `rounds`; `count` is the sum.
    #[must_use]
    pub fn over_rounds<'r>(rounds: impl IntoIterator<Item = &'r Self>) -> Self {
        let rounds: Vec<&Self> = rounds.into_iter().collect();
        let over = |pick: fn(&Self) -> f64| median(rounds.iter().map(|round| pick(round)));
        Self {
            count: rounds.iter().map(|round| round.count).sum(),
            p50: over(|round| round.p50),
            p95: over(|round| round.p95),
            p99: over(|round| round.p99),
            max: over(|round| round.max),
        }
    }
}

/// The median of `values`; the mean of the middle two if their number is even, 0 if there are none.
#[must_use]
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.get(middle), sorted.len() % 2) {
        (None, _) => 0.0,
        (Some(value), 1) => *value,
        (Some(value), _) => (value + sorted[middle - 1]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_the_middle_or_the_mean_of_two() {
        assert_eq!(median([]), 0.0);
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn percentiles_are_samples() {
        let percentiles = Percentiles::of((0..=100).rev().map(f64::from).collect());
        assert_eq!(
            (percentiles.p50, percentiles.p99, percentiles.max),
            (50.0, 99.0, 100.0)
        );
        assert_eq!(Percentiles::of(Vec::new()), Percentiles::default());
    }

    #[test]
    fn one_bad_round_does_not_decide() {
        let rounds = [10.0, 900.0, 11.0].map(|value| Percentiles::of(vec![value]));
        assert_eq!(Percentiles::over_rounds(&rounds).p50, 11.0);
    }
}
