//! The one word that arbitrates a frame slot: `[version:32 | reserved:6 | state:2 | leases:24]`.
//!
//! Publisher and subscribers race on this word alone, each with one compare-and-swap, so no
//! fence between two words is ever needed. A lease is one *bit* per process, never a count: what
//! a dead process held can be told from the word.

/// Processes that can lease from one ring.
pub const LEASE_BITS: u32 = 24;
const LEASES: u64 = (1 << LEASE_BITS) - 1;
const STATE_SHIFT: u32 = LEASE_BITS;
const STATE: u64 = 3 << STATE_SHIFT;

/// State of a frame slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Holds nothing.
    Free = 0,
    /// The publisher writes it; nobody may lease it.
    Writing = 1,
    /// Holds a whole frame.
    Published = 2,
    /// Not a value that Wigwag writes.
    Unknown = 3,
}

/// A set of lease bits with exactly one member: the bit of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseBit(u64);

impl LeaseBit {
    /// The bit of place `index`, or `None` if there are not that many.
    #[must_use]
    pub const fn new(index: usize) -> Option<Self> {
        if index < LEASE_BITS as usize {
            Some(Self(1 << index))
        } else {
            None
        }
    }

    pub(super) const fn mask(self) -> u64 {
        self.0
    }
}

/// A word with no lease on it.
pub(super) const fn unleased(version: u32, state: State) -> u64 {
    ((version as u64) << 32) | ((state as u64) << STATE_SHIFT)
}

/// The state in `word`.
#[must_use]
pub const fn state(word: u64) -> State {
    match (word & STATE) >> STATE_SHIFT {
        0 => State::Free,
        1 => State::Writing,
        2 => State::Published,
        _ => State::Unknown,
    }
}

/// The lease bits in `word`.
#[must_use]
pub const fn leases(word: u64) -> u64 {
    word & LEASES
}

/// The version in `word`; +1 at each claim.
#[must_use]
pub const fn version(word: u64) -> u32 {
    (word >> 32) as u32
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_touch_each_other() {
        let word = unleased(u32::MAX, State::Writing);
        assert_eq!(
            (version(word), state(word), leases(word)),
            (u32::MAX, State::Writing, 0)
        );
        let last = LeaseBit::new(23).unwrap().mask();
        assert_eq!(
            (version(last), state(last), leases(last)),
            (0, State::Free, 1 << 23)
        );
        assert_eq!(LeaseBit::new(24), None);
    }
}
