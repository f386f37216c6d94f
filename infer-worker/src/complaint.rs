//! Complaints about bad frames: counted always, told seldom.
//!
//! A camera that sends garbage does so thirty times a second; the log says so once, and then how
//! often.

use shm_layout::MonotonicNs;
use std::time::Duration;

/// Shortest time between two log lines about the frames of one source.
pub const COMPLAIN_EVERY: Duration = Duration::from_secs(10);

/// Decides when a source's bad frames are worth a log line.
#[derive(Debug, Clone, Default)]
pub struct Complaints {
    told: Option<MonotonicNs>,
    untold: u64,
}

impl Complaints {
    /// Notes a bad frame; `Some` with the number of bad frames since the last line, this one too,
    /// when it is time for another.
    pub fn add(&mut self, now: MonotonicNs) -> Option<u64> {
        self.untold += 1;
        if self
            .told
            .is_some_and(|told| now.since(told) < COMPLAIN_EVERY)
        {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn add_tells_the_first_at_once_and_the_rest_together() {
        let at = |seconds: u64| MonotonicNs(1 + seconds * 1_000_000_000);
        let mut complaints = Complaints::default();
        assert_eq!(complaints.add(at(0)), Some(1));
        assert_eq!(complaints.add(at(1)), None);
        assert_eq!(complaints.add(at(9)), None);
        assert_eq!(complaints.add(at(10)), Some(3));
        assert_eq!(complaints.add(at(11)), None);
    }
}
