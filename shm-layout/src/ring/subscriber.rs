//! The reading end of a ring, with payload: lease → read in place → released on drop.
//!
//! Upstream: the ring's [`super::Publisher`]. Downstream: an infer-worker, or the gateway's pump.
//! A subscriber holds one lease at a time, which the borrow checker enforces: that is what the
//! ring's size is computed from.

use super::lease::{LeaseError, Leased};
use super::word::LeaseBit;
use crate::clock::MonotonicNs;
use crate::frame::{FrameMeta, PixelFormat};
use crate::segment::RingAccess;
use crate::sync::Ordering;
use crate::{Sequence, layout::FrameSlot};

/// One process's reading end of one ring.
#[derive(Debug)]
pub struct Subscriber<'s> {
    ring: RingAccess<'s>,
    bit: LeaseBit,
    corrupt: u64,
}

/// The right to read one frame in place; ends on drop.
#[derive(Debug)]
pub struct FrameLease<'l> {
    ring: RingAccess<'l>,
    bit: LeaseBit,
    leased: Leased,
    meta: FrameMeta,
    publish: MonotonicNs,
    len_bytes: usize,
    skipped: u64,
}

impl<'s> Subscriber<'s> {
    pub(crate) fn new(ring: RingAccess<'s>, bit: LeaseBit) -> Self {
        Self {
            ring,
            bit,
            corrupt: 0,
        }
    }

    /// Sequence of the newest frame; 0 = none yet.
    #[must_use]
    pub fn head(&self) -> Sequence {
        // ORDERING: Acquire - a caller that leases this sequence finds it announced.
        Sequence(self.ring.view().head.head.load(Ordering::Acquire))
    }

    /// Frames whose facts made no sense and that were therefore passed over.
    #[must_use]
    pub fn corrupt(&self) -> u64 {
        self.corrupt
    }

    /// Leases the newest frame above `after`, or `None` if there is none.
    pub fn lease_latest(&mut self, after: Sequence) -> Option<FrameLease<'_>> {
        let leased = self.ring.view().lease_latest(self.bit, after.0)?;
        let skipped = leased.sequence.saturating_sub(after.0 + 1);
        self.checked(leased, skipped)
    }

    /// Leases the frame `sequence`.
    ///
    /// # Errors
    ///
    /// [`LeaseError`]: not there yet, or overwritten.
    pub fn lease_exact(&mut self, sequence: Sequence) -> Result<FrameLease<'_>, LeaseError> {
        let leased = self.ring.view().lease_exact(self.bit, sequence.0)?;
        self.checked(leased, 0).ok_or(LeaseError::Missed)
    }

    /// Leases the newest frame that no infer-worker has taken, and takes it: nobody else gets it.
    pub fn take_latest(&mut self) -> Option<FrameLease<'_>> {
        let (leased, skipped) = self.ring.view().take_latest(self.bit)?;
        self.checked(leased, skipped)
    }

    /// Takes over the lease of a dead process whose place this end was made for: the frame that it
    /// was reading when it died. Supervisor only, after the kernel proved that process dead.
    pub fn left_behind(&mut self) -> Option<FrameLease<'_>> {
        let leased = self.ring.view().left_behind(self.bit)?;
        self.checked(leased, 0)
    }

    /// Turns the stored facts into a lease if they make sense; they are input, not truth.
    fn checked(&mut self, leased: Leased, skipped: u64) -> Option<FrameLease<'_>> {
        let slot = &self.ring.view().frame_slots[leased.index];
        let Some((meta, len_bytes)) = read_facts(slot, self.ring.capacity_bytes()) else {
            self.ring.view().release(leased, self.bit);
            self.corrupt += 1;
            return None;
        };
        // ORDERING: Relaxed - ordered by the lease.
        let publish = MonotonicNs(slot.publish_ns.load(Ordering::Relaxed));
        Some(FrameLease {
            ring: self.ring,
            bit: self.bit,
            leased,
            meta,
            publish,
            len_bytes,
            skipped,
        })
    }
}

/// Loads each fact once and checks it. The caller holds a lease, so none of them changes.
fn read_facts(slot: &FrameSlot, capacity_bytes: usize) -> Option<(FrameMeta, usize)> {
    // ORDERING: Relaxed throughout - ordered by the Acquire of the lease.
    let len_bytes = usize::try_from(slot.len_bytes.load(Ordering::Relaxed)).ok()?;
    let fourcc = slot.fourcc.load(Ordering::Relaxed).to_le_bytes();
    let meta = FrameMeta {
        format: PixelFormat::from_fourcc(fourcc)?,
        width_px: slot.width_px.load(Ordering::Relaxed),
        height_px: slot.height_px.load(Ordering::Relaxed),
        stride_bytes: slot.stride_bytes.load(Ordering::Relaxed),
        capture: MonotonicNs(slot.capture_ns.load(Ordering::Relaxed)),
        capture_wall_us: slot.capture_wall_us.load(Ordering::Relaxed),
        driver_sequence: slot.driver_sequence.load(Ordering::Relaxed),
    };
    (len_bytes <= capacity_bytes && meta.fits(len_bytes)).then_some((meta, len_bytes))
}

impl FrameLease<'_> {
    /// Sequence of the frame.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        Sequence(self.leased.sequence)
    }

    /// Facts of the frame, checked.
    #[must_use]
    pub fn meta(&self) -> &FrameMeta {
        &self.meta
    }

    /// When it was published.
    #[must_use]
    pub fn publish_time(&self) -> MonotonicNs {
        self.publish
    }

    /// Frames that this reader, or this group of takers, skipped just before this one.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The bytes of the frame, in place. Nobody writes them while the lease lasts.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.ring.payload(&self.leased, self.len_bytes)
    }
}

impl Drop for FrameLease<'_> {
    fn drop(&mut self) {
        self.ring.view().release(self.leased, self.bit);
    }
}
