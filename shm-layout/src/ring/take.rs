//! Work sharing between infer-workers: each frame is taken at most once, newest first.
//!
//! A worker that is killed after it took a frame leaves that frame without a prediction, on
//! purpose: a frame that kills its reader must not kill the next one too.

use super::RingView;
use super::lease::Leased;
use super::word::LeaseBit;
use crate::sync::Ordering;

impl RingView<'_> {
    /// Leases and takes the newest frame, if nobody took it or a newer one before. Returns the
    /// lease and the number of frames that were skipped since the last take.
    #[must_use]
    pub fn take_latest(&self, bit: LeaseBit) -> Option<(Leased, u64)> {
        // ORDERING: Acquire - frames at or below the cursor are somebody else's.
        let mut taken = self.cursor.taken.load(Ordering::Acquire);
        let leased = self.lease_latest(bit, taken)?;
        if cfg!(feature = "mutant-take-no-swap") {
            self.cursor.taken.store(leased.sequence, Ordering::Release);
            return Some((leased, leased.sequence - taken - 1));
        }
        while taken < leased.sequence {
            // ORDERING: AcqRel - takes of one ring are totally ordered through this word.
            match self.cursor.taken.compare_exchange(
                taken,
                leased.sequence,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return Some((leased, leased.sequence - taken - 1)),
                Err(newer) => taken = newer,
            }
        }
        self.release(leased, bit);
        None
    }
}
