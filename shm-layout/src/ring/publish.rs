//! The publisher's side of a ring: claim a frame slot, publish it, repair what a killed
//! predecessor left. Exactly one live process calls these for one ring; the supervisor sees to
//! it by proving the old one dead before it starts the next.

use super::word::{State, leases, state, unleased, version};
use super::{RETRIES_MAX, RingView, cell_value};
use crate::sync::{Ordering, retry_pause};

/// ORDERING of the claim: Acquire pairs with the Release of every lease's end, so that the
/// publisher's stores to the payload come after the last reader's loads.
const CLAIM: Ordering = if cfg!(feature = "mutant-claim-relaxed") {
    Ordering::Relaxed
} else {
    Ordering::Acquire
};

/// ORDERING of the seal: Release pairs with the Acquire of a lease, so that whoever leases the
/// frame slot sees the whole payload and its facts.
const SEAL: Ordering = if cfg!(feature = "mutant-publish-relaxed") {
    Ordering::Relaxed
} else {
    Ordering::Release
};

/// A frame slot that this publisher alone may write.
#[derive(Debug)]
pub struct Claimed {
    /// Index of the frame slot.
    pub index: usize,
    /// Version of its word since the claim.
    version: u32,
    /// Sequence that the frame will get.
    pub sequence: u64,
}

impl RingView<'_> {
    /// Repairs what a killed publisher left, and returns the next sequence.
    ///
    /// Frees frame slots that were being written (no subscriber can have reached them) and
    /// announces a frame that was sealed but not yet announced. May itself be killed and run
    /// again at any point.
    pub fn recover(&self) -> u64 {
        // ORDERING: Acquire - pairs with the announcing store of the dead publisher.
        let head = self.head.head.load(Ordering::Acquire);
        for (index, slot) in self.frame_slots.iter().enumerate() {
            // ORDERING: Acquire - pairs with the seal, so that `sequence` below is the sealed one.
            let word = slot.word.load(Ordering::Acquire);
            match state(word) {
                State::Writing => {
                    // ORDERING: Release - a later claim by anyone comes after this.
                    slot.word.store(
                        unleased(version(word).wrapping_add(1), State::Free),
                        Ordering::Release,
                    );
                }
                State::Published => {
                    // ORDERING: Relaxed - ordered by the Acquire load of the word above.
                    if slot.sequence.load(Ordering::Relaxed) == head + 1
                        && !cfg!(feature = "mutant-recover-no-announce")
                    {
                        self.announce(head + 1, index);
                    }
                }
                State::Free | State::Unknown => {}
            }
        }
        // ORDERING: Relaxed - only the publisher writes `head`.
        self.head.head.load(Ordering::Relaxed) + 1
    }

    /// Claims a frame slot for `sequence`: a free one, else the oldest that nobody leases. The
    /// newest frame is never claimed, so a subscriber always finds one.
    ///
    /// With at least 2 + (leases that can be held) frame slots one is claimable at every instant,
    /// but one scan is not an instant: a subscriber can move its lease from behind the scan to
    /// before it. Hence the rescan; each miss means that a subscriber made progress. `None` after
    /// 1000 misses: the frame is dropped, nobody waits.
    #[must_use]
    pub fn claim(&self, sequence: u64) -> Option<Claimed> {
        for _ in 0..RETRIES_MAX {
            let Some((index, word)) = self.oldest_unleased(sequence) else {
                if cfg!(feature = "mutant-no-rescan") {
                    return None;
                }
                retry_pause();
                continue;
            };
            let version = version(word).wrapping_add(1);
            let claimed = self.frame_slots[index].word.compare_exchange(
                word,
                unleased(version, State::Writing),
                CLAIM,
                // ORDERING: Relaxed - a lost race reads nothing.
                Ordering::Relaxed,
            );
            if claimed.is_ok() {
                return Some(Claimed {
                    index,
                    version,
                    sequence,
                });
            }
        }
        None
    }

    /// The frame slot to write next, and its word as it was seen.
    fn oldest_unleased(&self, sequence: u64) -> Option<(usize, u64)> {
        let newest = sequence - 1;
        let mut best: Option<(u64, usize, u64)> = None;
        for (index, slot) in self.frame_slots.iter().enumerate() {
            // ORDERING: Relaxed - a guess; the compare-and-swap of the claim decides.
            let word = slot.word.load(Ordering::Relaxed);
            if leases(word) != 0 {
                continue;
            }
            match state(word) {
                State::Free => return Some((index, word)),
                State::Published => {
                    // ORDERING: Relaxed - only the publisher writes `sequence`.
                    let age = slot.sequence.load(Ordering::Relaxed);
                    if age < newest && best.is_none_or(|(oldest, ..)| age < oldest) {
                        best = Some((age, index, word));
                    }
                }
                State::Writing | State::Unknown => {}
            }
        }
        best.map(|(_, index, word)| (index, word))
    }

    /// Seals a claimed frame slot, whose payload and facts are in place, and announces it.
    /// Waking those who wait is the caller's part.
    pub fn publish(&self, claimed: Claimed) {
        let slot = &self.frame_slots[claimed.index];
        // ORDERING: Relaxed - made visible by the seal.
        slot.sequence.store(claimed.sequence, Ordering::Relaxed);
        slot.word
            .store(unleased(claimed.version, State::Published), SEAL);
        self.announce(claimed.sequence, claimed.index);
    }

    /// Gives a claimed frame slot back unwritten.
    pub fn abandon(&self, claimed: Claimed) {
        // ORDERING: Release - our stores to the payload come before the next claim.
        self.frame_slots[claimed.index]
            .word
            .store(unleased(claimed.version, State::Free), Ordering::Release);
    }

    /// Makes a sealed frame findable.
    fn announce(&self, sequence: u64, index: usize) {
        // ORDERING: Release - who reads the cell may look at the sealed slot.
        self.cell(sequence)
            .store(cell_value(sequence, index), Ordering::Release);
        // ORDERING: Release - who reads the head finds the cell.
        self.head.head.store(sequence, Ordering::Release);
    }
}
