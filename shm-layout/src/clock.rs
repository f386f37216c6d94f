//! The two clocks: monotonic inside the box, wall clock at its edge.

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `CLOCK_MONOTONIC` in nanoseconds; comparable between the processes of one machine; 0 = never.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct MonotonicNs(pub u64);

impl MonotonicNs {
    /// The time now; V4L2 stamps its buffers with the same clock.
    #[must_use]
    pub fn now() -> Self {
        // The call fails only for an unknown clock id; zero reads as "never" everywhere.
        clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Self(0), |t| {
            Self(t.tv_sec() as u64 * 1_000_000_000 + t.tv_nsec() as u64)
        })
    }

    /// Time passed since `earlier`; zero when `earlier` is later, as it can be between two cores.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Wall clock in microseconds since 1970 (UTC).
#[must_use]
pub fn wall_us() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| u64::try_from(d.as_micros()).unwrap_or(u64::MAX))
}
