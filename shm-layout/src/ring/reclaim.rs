//! The supervisor's side of a ring: free what a dead process held.

use super::RingView;
use super::lease::Leased;
use super::word::{LeaseBit, State, leases, state};
use crate::sync::Ordering;

impl RingView<'_> {
    /// The frame that a dead process had leased, lease and all: whoever gets it may read the
    /// frame, and releases it. Only after the kernel proved that process dead, and once.
    #[must_use]
    pub fn left_behind(&self, bit: LeaseBit) -> Option<Leased> {
        self.frame_slots
            .iter()
            .enumerate()
            .find_map(|(index, slot)| {
                // ORDERING: Acquire - pairs with the seal, through the lease that the dead process
                // set on it: payload and facts are visible, and stay so while the bit is set.
                let word = slot.word.load(Ordering::Acquire);
                let held = leases(word) & bit.mask() != 0 && state(word) == State::Published;
                held.then(|| Leased {
                    index,
                    // ORDERING: Relaxed - ordered by the Acquire above.
                    sequence: slot.sequence.load(Ordering::Relaxed),
                })
            })
    }

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
