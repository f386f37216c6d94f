//! The chance in the wait before a restart. It must never make a wait negative or endless.

/// The wait before a restart differs from the computed one by at most this much, so that units
/// that died together do not come back together.
pub const JITTER_PERCENT_MAX: i64 = 20;

/// A chance number for the wait before a restart, -20..=20 percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jitter(i64);

impl Jitter {
    /// From any number, evenly.
    #[must_use]
    pub fn from_random(number: u64) -> Self {
        let span = 2 * JITTER_PERCENT_MAX as u64 + 1;
        Self((number % span) as i64 - JITTER_PERCENT_MAX)
    }

    /// None.
    pub const NONE: Self = Self(0);

    /// The wait with its change.
    #[must_use]
    pub fn apply(self, wait_ms: u64) -> u64 {
        let change = wait_ms.saturating_mul(self.0.unsigned_abs()) / 100;
        if self.0 < 0 {
            wait_ms - change
        } else {
            wait_ms.saturating_add(change)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_moves_a_wait_by_at_most_a_fifth() {
        let waits: Vec<u64> = (0..41)
            .map(|n| Jitter::from_random(n).apply(1_000))
            .collect();
        assert_eq!(
            (waits.iter().min(), waits.iter().max()),
            (Some(&800), Some(&1_200))
        );
        assert!(waits.contains(&1_000));
        assert_eq!(Jitter::from_random(u64::MAX).apply(0), 0);
    }
}
