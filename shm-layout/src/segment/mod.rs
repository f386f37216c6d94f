//! The one shared-memory mapping of a box, as typed places.
//!
//! - `memory`: where the bytes come from: a named segment, an inherited file, or private memory.
//! - `lifetime`: create, attach, unlink, and the checks before anything is believed.
//! - `access`: from offsets to references; the only place that makes them.
//! - `ownership`: which supervisor looks after a segment, and what becomes of it without one.
//! - `pushing`: sources that one of several processes publishes, each in its time.

mod access;
mod lifetime;
mod memory;
mod ownership;
mod pushing;

pub(crate) use access::RingAccess;
pub use lifetime::{SegmentError, SegmentName};
pub(crate) use pushing::PublishingRight;
pub use pushing::{ClaimError, SourceSet};

use crate::demand::Demand;
use crate::layout::{EventWord, Layout, PROCESSES, ProcessEntry, SegmentHeader};
use crate::prediction::PredictionSlot;
use crate::ring::word::LeaseBit;
use crate::ring::{Publisher, Subscriber};
use crate::wakeup::Event;
use memory::Memory;
use std::os::fd::{AsFd, BorrowedFd};

/// What a process may write besides control words. Payload that it may not write is mapped
/// read-only, so that a stray store faults the offender instead of tearing a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Every payload: the creator, tests.
    Everything,
    /// The payload of one source: its publisher.
    Publish(usize),
    /// The payload of pushed sources, each while no other process publishes it: the gateway.
    Push(SourceSet),
    /// No payload: infer-workers, a gateway without pushed sources.
    Read,
}

/// A mapped segment. Everything that it hands out borrows from it.
#[derive(Debug)]
pub struct Segment {
    memory: Memory,
    layout: Layout,
    access: Access,
}

/// What was asked for does not exist, or this process may not have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// There is no such source.
    #[error("source number {0} does not exist in the segment")]
    Source(usize),
    /// There is no such lease bit.
    #[error("place {0} of the process table cannot lease frames")]
    LeaseBit(usize),
    /// There is no such place in the process table.
    #[error("place {0} does not exist in the process table")]
    Process(usize),
    /// The payload is mapped read-only.
    #[error("this process may not publish frames of source number {0}")]
    ReadOnly(usize),
}

impl Segment {
    fn header(&self) -> &SegmentHeader {
        self.memory.header()
    }

    fn event<'s>(&'s self, word: &'s EventWord) -> Event<'s> {
        Event::new(word)
    }

    /// Number of sources.
    #[must_use]
    pub fn source_count(&self) -> usize {
        self.layout.rings.len()
    }

    /// Prediction lanes per source.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.layout.lanes
    }

    /// Where everything lies in it.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Length of the whole segment in bytes.
    #[must_use]
    pub fn total_bytes(&self) -> usize {
        self.layout.total_bytes
    }

    /// Signalled by every published frame.
    #[must_use]
    pub fn frame_event(&self) -> Event<'_> {
        self.event(&self.header().frame_event)
    }

    /// Signalled by every published frame and every prediction.
    #[must_use]
    pub fn activity_event(&self) -> Event<'_> {
        self.event(&self.header().activity_event)
    }

    /// The publishing end of a source's ring, repaired after its predecessor. At most one
    /// process may have it at a time, and that one once; the supervisor sees to it.
    ///
    /// # Errors
    ///
    /// [`PlaceError`]: no such source, or its payload is read-only here.
    pub fn publisher(&self, source: usize) -> Result<Publisher<'_>, PlaceError> {
        let ring = self.ring_access(source)?;
        match self.access {
            Access::Everything => {}
            Access::Publish(own) if own == source => {}
            Access::Publish(_) | Access::Push(_) | Access::Read => {
                return Err(PlaceError::ReadOnly(source));
            }
        }
        Ok(Publisher::new(
            ring,
            [self.frame_event(), self.activity_event()],
        ))
    }

    /// A reading end of a source's ring for the process at `place` of the process table. One for
    /// each process and source: two would share a lease bit.
    ///
    /// # Errors
    ///
    /// [`PlaceError`]: no such source, or the place has no lease bit.
    pub fn subscriber(&self, source: usize, place: usize) -> Result<Subscriber<'_>, PlaceError> {
        let bit = LeaseBit::new(place).ok_or(PlaceError::LeaseBit(place))?;
        Ok(Subscriber::new(self.ring_access(source)?, bit))
    }

    /// Sequence of a source's newest frame, without a lease; 0 = none yet or no such source.
    #[must_use]
    pub fn newest(&self, source: usize) -> u64 {
        // ORDERING: Relaxed - a statistic.
        self.ring_access(source).map_or(0, |ring| {
            ring.view().head.head.load(crate::sync::Ordering::Relaxed)
        })
    }

    /// Whether somebody needs every frame of a source.
    ///
    /// # Errors
    ///
    /// [`PlaceError::Source`]: no such source.
    pub fn demand(&self, source: usize) -> Result<Demand<'_>, PlaceError> {
        let mut words = self.header().wanted_ns.iter().take(self.source_count());
        let word = words.nth(source).ok_or(PlaceError::Source(source))?;
        Ok(Demand::new(word))
    }

    /// The prediction slot of a source.
    ///
    /// # Errors
    ///
    /// [`PlaceError::Source`]: no such source.
    pub fn predictions(&self, source: usize) -> Result<PredictionSlot<'_>, PlaceError> {
        Ok(PredictionSlot::new(
            self.slot_view(source)?,
            self.activity_event(),
        ))
    }

    /// A place of the process table.
    ///
    /// # Errors
    ///
    /// [`PlaceError::Process`]: no such place.
    pub fn process(&self, place: usize) -> Result<&ProcessEntry, PlaceError> {
        self.processes()
            .get(place)
            .ok_or(PlaceError::Process(place))
    }

    /// Ends every lease that the process at `place` held; returns how many. Only after the kernel
    /// proved that process dead.
    pub fn reclaim(&self, place: usize) -> u32 {
        let Some(bit) = LeaseBit::new(place) else {
            return 0;
        };
        (0..self.source_count())
            .filter_map(|source| self.ring_access(source).ok())
            .map(|ring| ring.view().reclaim(bit))
            .sum()
    }

    /// Leases held on a source's ring right now, over all processes.
    #[must_use]
    pub fn leases_held(&self, source: usize) -> u32 {
        // ORDERING: Relaxed - a statistic.
        self.ring_access(source).map_or(0, |ring| {
            let words = ring.view().frame_slots.iter();
            words
                .map(|slot| slot.word.load(crate::sync::Ordering::Relaxed))
                .map(|word| crate::ring::word::leases(word).count_ones())
                .sum()
        })
    }

    /// The file behind the mapping, for children to inherit; `None` for private memory.
    #[must_use]
    pub fn file(&self) -> Option<BorrowedFd<'_>> {
        self.memory.file().map(AsFd::as_fd)
    }
}

const _: () = assert!(PROCESSES >= crate::process_table::LEASING_PLACES);
