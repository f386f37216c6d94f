//! The segment of a running box: created here, or adopted, and its name removed when the
//! supervisor ends.

use crate::failure::Failure;
use crate::orphans::{Adopted, Orphan, SegmentLock};
use shm_layout::layout::{Geometry, PROCESSES};
use shm_layout::segment::{Segment, SegmentName};

/// The segment with its name and the lock that says whose it is.
#[derive(Debug)]
pub struct OwnedSegment {
    name: SegmentName,
    segment: Segment,
    removes_name: bool,
    _lock: Option<SegmentLock>,
}

impl OwnedSegment {
    /// Creates it; `sources` names what will be in its rings.
    ///
    /// # Errors
    ///
    /// [`Failure::Segment`]: no room, or the name is taken.
    pub fn create(name: SegmentName, geometry: &Geometry, sources: u64) -> Result<Self, Failure> {
        let segment = Segment::create(&name, geometry)?;
        let lock = SegmentLock::take(&name);
        let lock = lock.inspect_err(|_| drop(name.unlink()))?;
        segment.take_over(sources);
        Ok(Self {
            name,
            segment,
            removes_name: true,
            _lock: lock,
        })
    }

    /// Goes on with the one that a killed supervisor left; gives back the workers in it that
    /// live. What dead ones held is free again. The name stays if the start fails after this, so
    /// that the next one can still go on; see [`Self::settle`].
    #[must_use]
    pub fn adopt(name: SegmentName, adopted: Adopted) -> (Self, Vec<Orphan>) {
        let Adopted {
            segment,
            lock,
            orphans,
        } = adopted;
        segment.take_over(segment.sources_hash());
        for place in 0..PROCESSES {
            if !orphans.iter().any(|orphan| orphan.place == place) {
                segment.reclaim(place);
            }
        }
        let owned = Self {
            name,
            segment,
            removes_name: false,
            _lock: Some(lock),
        };
        (owned, orphans)
    }

    /// The box runs: from now on its end is the segment's end.
    pub fn settle(&mut self) {
        self.removes_name = true;
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &SegmentName {
        &self.name
    }

    /// The mapping.
    #[must_use]
    pub fn segment(&self) -> &Segment {
        &self.segment
    }
}

impl Drop for OwnedSegment {
    fn drop(&mut self) {
        if self.removes_name
            && let Err(error) = self.name.unlink()
        {
            tracing::warn!("the segment's name stays behind: {error}");
        }
    }
}
