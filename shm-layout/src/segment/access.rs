//! From offsets to references: the only place that makes them. `unsafe` inventory.
//!
//! Control words: every shared struct is made of atomics only, so a shared reference stays sound
//! while other processes store. Payload: reachable only with a [`Claimed`] (ours alone to write)
//! or a [`Leased`] (nobody writes while it lasts).

use super::{PlaceError, Segment};
use crate::layout::{LANE_RECORDS, PROCESSES, ProcessEntry, RingLayout};
use crate::prediction_slot::SlotView;
use crate::ring::{Claimed, Leased, RingView};
use std::ptr::NonNull;

/// One ring with its payload arena.
///
/// Invariants: `arena` points to `view.frame_slots.len() * capacity_bytes` mapped bytes that stay
/// mapped for `'s`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RingAccess<'s> {
    view: RingView<'s>,
    arena: NonNull<u8>,
    capacity_bytes: usize,
}

#[expect(
    unsafe_code,
    reason = "the payload is reached through a raw pointer into the mapping"
)]
// SAFETY: the pointer names shared memory, which belongs to no thread; who may read or write it
// is decided by the ring's words, which are atomics.
unsafe impl Send for RingAccess<'_> {}

impl Segment {
    pub(super) fn processes(&self) -> &[ProcessEntry] {
        self.memory.slice(self.layout.processes, PROCESSES)
    }

    pub(super) fn ring_access(&self, source: usize) -> Result<RingAccess<'_>, PlaceError> {
        let ring = self.ring_layout(source)?;
        let memory = &self.memory;
        Ok(RingAccess {
            view: RingView {
                head: memory.place(ring.head),
                cursor: memory.place(ring.cursor),
                cells: memory.slice(ring.cells, ring.cell_count),
                frame_slots: memory.slice(ring.frame_slots, ring.frame_slot_count),
            },
            arena: memory.address(ring.arena, ring.arena_bytes()),
            capacity_bytes: ring.capacity_bytes,
        })
    }

    pub(super) fn slot_view(&self, source: usize) -> Result<SlotView<'_>, PlaceError> {
        let ring = self.ring_layout(source)?;
        Ok(SlotView {
            head: self.memory.place(ring.prediction_head),
            lanes: self.memory.slice(ring.lane_heads, self.layout.lanes),
            records: self
                .memory
                .slice(ring.records, self.layout.lanes * LANE_RECORDS),
        })
    }

    fn ring_layout(&self, source: usize) -> Result<&RingLayout, PlaceError> {
        self.layout
            .rings
            .get(source)
            .ok_or(PlaceError::Source(source))
    }
}

impl<'s> RingAccess<'s> {
    pub(crate) fn view(&self) -> RingView<'s> {
        self.view
    }

    pub(crate) fn capacity_bytes(&self) -> usize {
        self.capacity_bytes
    }

    /// First payload byte of a frame slot.
    #[expect(unsafe_code, reason = "pointer arithmetic inside the mapping")]
    fn payload_start(&self, index: usize) -> NonNull<u8> {
        assert!(
            index < self.view.frame_slots.len(),
            "frame slot {index} does not exist"
        );
        // SAFETY: in bounds: the index was checked above; see the invariant on `arena`.
        unsafe { self.arena.add(index * self.capacity_bytes) }
    }

    /// The payload of a claimed frame slot, all of it.
    #[expect(unsafe_code, reason = "turns the claimed payload into a slice")]
    pub(crate) fn payload_mut(&mut self, claimed: &Claimed) -> &mut [u8] {
        let start = self.payload_start(claimed.index);
        // SAFETY:
        // 1. in bounds and mapped: `payload_start`, and a frame slot is `capacity_bytes` long;
        // 2. initialised: the mapping is zero-filled or holds older frames; any byte is valid;
        // 3. exclusive: the word says WRITING and the claim is ours, so no other process reads
        //    or writes these bytes; `&mut self` keeps a second slice from being made here;
        // 4. writable: `Segment::publisher` refuses where the arena is mapped read-only.
        unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), self.capacity_bytes) }
    }

    /// The first `len_bytes` of a leased frame slot's payload; fewer if it is not that long.
    #[expect(unsafe_code, reason = "turns the leased payload into a slice")]
    pub(crate) fn payload(&self, leased: &Leased, len_bytes: usize) -> &[u8] {
        let start = self.payload_start(leased.index);
        // SAFETY:
        // 1. in bounds and mapped: `payload_start`, and the length is cut to the frame slot's;
        // 2. initialised: as above;
        // 3. not written: our lease bit is set, so the publisher does not claim the frame slot
        //    until it is cleared, which happens after the borrow ends.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), len_bytes.min(self.capacity_bytes)) }
    }
}
