//! The ring of one source: one publisher, many subscribers, no lock, nobody waits.
//!
//! [`RingView`] is the protocol over the control words alone, without payload and without system
//! calls: this is what the models explore. [`Publisher`] and [`Subscriber`] add the payload,
//! reachable only through guards.
//!
//! - [`word`]: the one 64-bit word that arbitrates a frame slot.
//! - `publish`: claim, publish, recover (the publisher's side).
//! - `lease`: lease the newest or one certain frame, release it (the subscribers' side).
//! - `take`: lease the newest frame that nobody took, at most once.
//! - `reclaim`: free what a dead process held; the supervisor's side.

mod lease;
mod publish;
mod reclaim;
mod take;
pub mod word;

#[cfg(not(loom))]
mod publisher;
#[cfg(not(loom))]
mod subscriber;

pub use lease::{LeaseError, Leased};
pub use publish::Claimed;
#[cfg(not(loom))]
pub use publisher::{FrameWriter, PublishError, Publisher};
#[cfg(not(loom))]
pub use subscriber::{FrameLease, Subscriber};

use crate::layout::{FrameSlot, RingHead, TakeCursor};
use crate::sync::AtomicU64;

/// Most rescans of a claim or retries of a lease before the caller is told "not now". Each one
/// means that another process made progress meanwhile, so the bound is never met in practice.
const RETRIES_MAX: u32 = 1000;

/// The control words of one ring.
#[derive(Debug, Clone, Copy)]
pub struct RingView<'s> {
    /// Newest sequence.
    pub head: &'s RingHead,
    /// Newest sequence that was taken.
    pub cursor: &'s TakeCursor,
    /// `sequence << 16 | frame slot`, at `sequence % cells.len()`.
    pub cells: &'s [AtomicU64],
    /// The frame slots.
    pub frame_slots: &'s [FrameSlot],
}

impl<'s> RingView<'s> {
    fn cell(&self, sequence: u64) -> &'s AtomicU64 {
        // In bounds: the remainder is smaller than the length, which is at least 4.
        &self.cells[(sequence % self.cells.len() as u64) as usize]
    }
}

/// Packs a cell.
const fn cell_value(sequence: u64, index: usize) -> u64 {
    (sequence << 16) | index as u64
}

/// Unpacks a cell into (sequence, frame slot).
const fn cell_parts(cell: u64) -> (u64, usize) {
    (cell >> 16, (cell & 0xffff) as usize)
}
