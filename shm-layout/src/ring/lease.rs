//! The subscribers' side of a ring: lease a frame, read it in place, release it.
//!
//! A lease ends when its owner releases it, or when the supervisor reclaims it after the kernel
//! proved the owner dead. Never because time passed.

use super::word::{LeaseBit, State, leases, state};
use super::{RETRIES_MAX, RingView, cell_parts};
use crate::sync::{Ordering, retry_pause};

/// ORDERING of the release: Release pairs with the publisher's claim (Acquire), so that every
/// load of the payload comes before it is overwritten.
const RELEASE: Ordering = if cfg!(feature = "mutant-release-relaxed") {
    Ordering::Relaxed
} else {
    Ordering::Release
};

/// The right to read one frame slot. [`RingView::release`] ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leased {
    /// Index of the frame slot.
    pub index: usize,
    /// Sequence of the frame in it.
    pub sequence: u64,
}

/// Why a certain frame could not be leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseError {
    /// Not published yet.
    NotYet,
    /// Overwritten by a newer one.
    Missed,
}

impl RingView<'_> {
    /// Leases the newest frame with a sequence above `after`; `None` if there is none.
    #[must_use]
    pub fn lease_latest(&self, bit: LeaseBit, after: u64) -> Option<Leased> {
        for _ in 0..RETRIES_MAX {
            // ORDERING: Acquire - pairs with the announcing store: its cell is visible.
            let head = self.head.head.load(Ordering::Acquire);
            if head <= after {
                return None;
            }
            if let Some(leased) = self.lease_announced(bit, head) {
                return Some(leased);
            }
            // The newest frame is never claimed, so the head has moved: look again.
            retry_pause();
        }
        None
    }

    /// Leases the frame `sequence`, whatever is newest.
    ///
    /// # Errors
    ///
    /// [`LeaseError`]: it is not there yet, or not there any more.
    pub fn lease_exact(&self, bit: LeaseBit, sequence: u64) -> Result<Leased, LeaseError> {
        // ORDERING: Acquire - pairs with the announcing store.
        if sequence > self.head.head.load(Ordering::Acquire) {
            return Err(LeaseError::NotYet);
        }
        self.lease_announced(bit, sequence)
            .ok_or(LeaseError::Missed)
    }

    fn lease_announced(&self, bit: LeaseBit, sequence: u64) -> Option<Leased> {
        // ORDERING: Acquire - pairs with the cell's store: the slot that it names is sealed.
        let (found, index) = cell_parts(self.cell(sequence).load(Ordering::Acquire));
        if found != sequence || !self.set_lease(index, bit) {
            return None;
        }
        // ORDERING: Relaxed - the lease's Acquire ordered it, and it cannot change while leased.
        let sealed = self.frame_slots[index].sequence.load(Ordering::Relaxed);
        if sealed == sequence || cfg!(feature = "mutant-lease-no-recheck") {
            return Some(Leased { index, sequence });
        }
        // The slot got a newer frame between the cell and the lease.
        self.release(Leased { index, sequence }, bit);
        None
    }

    /// Sets our bit if the frame slot holds a whole frame and we have no lease on it yet.
    fn set_lease(&self, index: usize, bit: LeaseBit) -> bool {
        let Some(slot) = self.frame_slots.get(index) else {
            return false;
        };
        // ORDERING: Relaxed - a guess; the compare-and-swap decides.
        let mut word = slot.word.load(Ordering::Relaxed);
        while state(word) == State::Published && leases(word) & bit.mask() == 0 {
            let leased = word | bit.mask();
            // ORDERING: Acquire - pairs with the seal: payload and facts are visible. Leases of
            // others are read-modify-writes and carry the seal's release sequence on.
            match slot.word.compare_exchange_weak(
                word,
                leased,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(seen) => word = seen,
            }
        }
        false
    }

    /// Ends a lease.
    pub fn release(&self, leased: Leased, bit: LeaseBit) {
        if let Some(slot) = self.frame_slots.get(leased.index) {
            slot.word.fetch_and(!bit.mask(), RELEASE);
        }
    }
}
