//! The publishing end of a ring, with payload: `claim` → fill in place → `publish`.
//!
//! Upstream: a capture-worker's source, which writes straight into the [`FrameWriter`].
//! Downstream: every [`super::Subscriber`] of the ring. Never waits for any of them.

use super::publish::Claimed;
use crate::clock::MonotonicNs;
use crate::frame::FrameMeta;
use crate::segment::{PublishingRight, RingAccess};
use crate::sync::Ordering;
use crate::{Sequence, wakeup::Event};

/// The one live publisher of a ring.
///
/// Invariant: no two exist at a time. The supervisor keeps it for sources with a capture-worker,
/// which it starts only after the kernel proved the previous one dead; for pushed sources the
/// kernel's lock behind `right` does.
#[derive(Debug)]
pub struct Publisher<'s> {
    ring: RingAccess<'s>,
    events: [Event<'s>; 2],
    next: u64,
    pub(crate) right: Option<PublishingRight>,
}

/// Why a filled frame was not published; the frame slot was given back.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublishError {
    /// The length does not fit into the frame slot.
    #[error("frame of {len_bytes} bytes is larger than the frame slot of {capacity_bytes} bytes")]
    TooLarge {
        /// Length of the frame.
        len_bytes: usize,
        /// Capacity of the frame slot.
        capacity_bytes: usize,
    },
    /// The facts do not fit the length.
    #[error("frame of {len_bytes} bytes cannot be {meta:?}")]
    Inconsistent {
        /// Length of the frame.
        len_bytes: usize,
        /// What it was said to be.
        meta: FrameMeta,
    },
}

/// Exclusive access to the payload of one claimed frame slot. Dropping it unpublished gives the
/// frame slot back.
#[derive(Debug)]
pub struct FrameWriter<'p> {
    ring: RingAccess<'p>,
    events: [Event<'p>; 2],
    next: &'p mut u64,
    claimed: Option<Claimed>,
}

impl<'s> Publisher<'s> {
    /// Repairs the ring after a predecessor, then stands ready.
    pub(crate) fn new(ring: RingAccess<'s>, events: [Event<'s>; 2]) -> Self {
        let next = ring.view().recover();
        events.iter().for_each(Event::signal);
        Self {
            ring,
            events,
            next,
            right: None,
        }
    }

    /// Bytes that a frame may have at most.
    #[must_use]
    pub fn capacity_bytes(&self) -> usize {
        self.ring.capacity_bytes()
    }

    /// Sequence that the next published frame gets.
    #[must_use]
    pub fn next_sequence(&self) -> Sequence {
        Sequence(self.next)
    }

    /// Claims a frame slot to fill. `None`: none was free, which the sizing of the ring rules
    /// out as long as every lease belongs to a known process; drop the frame and count it.
    pub fn claim(&mut self) -> Option<FrameWriter<'_>> {
        let claimed = self.ring.view().claim(self.next)?;
        Some(FrameWriter {
            ring: self.ring,
            events: self.events,
            next: &mut self.next,
            claimed: Some(claimed),
        })
    }
}

impl FrameWriter<'_> {
    /// The whole payload of the frame slot, [`Publisher::capacity_bytes`] long. It still holds
    /// the bytes of an older frame.
    pub fn payload(&mut self) -> &mut [u8] {
        match &self.claimed {
            Some(claimed) => self.ring.payload_mut(claimed),
            None => &mut [],
        }
    }

    /// Sequence that this frame gets when it is published.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        Sequence(*self.next)
    }

    /// Publishes the first `len_bytes` of the payload as a frame, and wakes those who wait.
    ///
    /// # Errors
    ///
    /// [`PublishError`] if the length exceeds the frame slot or `meta` does not fit the length;
    /// the frame slot is given back and the sequence not used up.
    pub fn publish(mut self, meta: &FrameMeta, len_bytes: usize) -> Result<Sequence, PublishError> {
        let capacity_bytes = self.ring.capacity_bytes();
        if len_bytes > capacity_bytes {
            return Err(PublishError::TooLarge {
                len_bytes,
                capacity_bytes,
            });
        }
        if !meta.fits(len_bytes) {
            return Err(PublishError::Inconsistent {
                len_bytes,
                meta: *meta,
            });
        }
        let sequence = *self.next;
        if let Some(claimed) = self.claimed.take() {
            self.store_facts(claimed.index, meta, len_bytes);
            self.ring.view().publish(claimed);
            *self.next += 1;
            self.events.iter().for_each(Event::signal);
        }
        Ok(Sequence(sequence))
    }

    fn store_facts(&self, index: usize, meta: &FrameMeta, len_bytes: usize) {
        let slot = &self.ring.view().frame_slots[index];
        // ORDERING: Relaxed - all of these are made visible by the seal in `publish`.
        slot.len_bytes.store(len_bytes as u64, Ordering::Relaxed);
        slot.fourcc
            .store(u32::from_le_bytes(meta.format.fourcc()), Ordering::Relaxed);
        slot.stride_bytes
            .store(meta.stride_bytes, Ordering::Relaxed);
        slot.width_px.store(meta.width_px, Ordering::Relaxed);
        slot.height_px.store(meta.height_px, Ordering::Relaxed);
        slot.capture_ns.store(meta.capture.0, Ordering::Relaxed);
        slot.capture_wall_us
            .store(meta.capture_wall_us, Ordering::Relaxed);
        slot.publish_ns
            .store(MonotonicNs::now().0, Ordering::Relaxed);
        slot.driver_sequence
            .store(meta.driver_sequence, Ordering::Relaxed);
    }
}

impl Drop for FrameWriter<'_> {
    fn drop(&mut self) {
        if let Some(claimed) = self.claimed.take() {
            self.ring.view().abandon(claimed);
        }
    }
}
