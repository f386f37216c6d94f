//! The supervisor's side of a ring: free what a dead process held.

use super::RingView;
use super::word::{LeaseBit, leases};
use crate::sync::Ordering;

impl RingView<'_> {
    /// Ends every lease of one process; returns how many there were. Only after the kernel
    /// proved that process dead (`waitid`): then it can store nothing any more. May be killed and
    /// run again at any point.
    pub fn reclaim(&self, bit: LeaseBit) -> u32 {
        let mut held = 0;
        for slot in self.frame_slots {
            // ORDERING: AcqRel - the dead process's loads come before the next claim, and a
            // concurrent lease of another process stays untouched.
            let before = slot.word.fetch_and(!bit.mask(), Ordering::AcqRel);
            held += u32::from(leases(before) & bit.mask() != 0);
        }
        held
    }
}
