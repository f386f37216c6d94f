//! The segment of a running box: created here, and its name removed when the supervisor ends.

use crate::failure::Failure;
use crate::orphans::SegmentLock;
use shm_layout::layout::Geometry;
use shm_layout::segment::{Segment, SegmentName};

/// The segment with its name and the lock that says whose it is.
#[derive(Debug)]
pub struct OwnedSegment {
    name: SegmentName,
    segment: Segment,
    _lock: Option<SegmentLock>,
}

impl OwnedSegment {
    /// Creates it.
    ///
    /// # Errors
    ///
    /// [`Failure::Segment`]: no room, or the name is taken.
    pub fn create(name: SegmentName, geometry: &Geometry) -> Result<Self, Failure> {
        let segment = Segment::create(&name, geometry)?;
        let lock = SegmentLock::take(&name);
        let lock = lock.inspect_err(|_| drop(name.unlink()))?;
        Ok(Self {
            name,
            segment,
            _lock: lock,
        })
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
        if let Err(error) = self.name.unlink() {
            tracing::warn!("the segment's name stays behind: {error}");
        }
    }
}
