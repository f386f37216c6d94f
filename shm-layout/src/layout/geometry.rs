//! From the sizes of a box's rings to the offset of every struct: pure arithmetic, checked.
//!
//! The supervisor computes a [`Layout`] to create the segment. Every other process computes it
//! again from the sizes in the header and compares the total with the length that it mapped; after
//! that it never reads a size or an offset from shared memory again.

use super::structs::{
    FrameSlot, LANE_RECORDS, LaneHead, PROCESSES, PredictionHead, PredictionRecord, ProcessEntry,
    RingHead, SOURCES_MAX, SegmentHeader, TakeCursor,
};
use super::{MAGIC, PAGE_BYTES};
use crate::ring::word::LEASE_BITS;
use core::mem::size_of;

/// Most frame slots of a ring: two, one for each lease bit, and history.
pub const FRAME_SLOTS_MAX: usize = 256;
/// Fewest frame slots: the newest, the one being written and one leased.
const FRAME_SLOTS_MIN: usize = 3;
/// Largest payload of one frame slot, 64 MiB: 16 bytes for each pixel of 2048x2048.
pub const CAPACITY_BYTES_MAX: usize = 64 << 20;
/// Most prediction lanes.
pub const LANES_MAX: usize = 16;

const _: () = assert!(size_of::<SegmentHeader>() <= PAGE_BYTES && MAGIC != 0);
const _: () = assert!(FRAME_SLOTS_MAX >= 2 + LEASE_BITS as usize && FRAME_SLOTS_MAX < 1 << 16);
const _: () = assert!(LANES_MAX * LANE_RECORDS < 1 << 16);

/// Size of one source's ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingGeometry {
    /// Frame slots, 3..=[`FRAME_SLOTS_MAX`]. At least 2 + the number of processes that lease
    /// from the ring, or the publisher may find none free.
    pub frame_slots: usize,
    /// Payload bytes of a frame slot, 1..=[`CAPACITY_BYTES_MAX`]; rounded up to whole pages.
    pub capacity_bytes: usize,
}

/// Sizes of a whole segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Geometry {
    /// One ring for each source, 1..=[`SOURCES_MAX`].
    pub rings: Vec<RingGeometry>,
    /// Prediction lanes per source, 1..=[`LANES_MAX`].
    pub lanes: usize,
}

/// Why no segment of that geometry can be made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum GeometryError {
    /// A count or size is out of range.
    #[error("{what} is {value}, expected {min}..={max}")]
    OutOfRange {
        /// What was counted.
        what: &'static str,
        /// Its value.
        value: usize,
        /// Smallest value allowed.
        min: usize,
        /// Largest value allowed.
        max: usize,
    },
}

/// Offsets of one source's structs, in bytes from the start of the segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RingLayout {
    /// [`RingHead`].
    pub head: usize,
    /// [`TakeCursor`].
    pub cursor: usize,
    /// `cells` words of 64 bits.
    pub cells: usize,
    /// Number of cells: the frame slots rounded up to a power of two.
    pub cell_count: usize,
    /// [`FrameSlot`]s.
    pub frame_slots: usize,
    /// Number of frame slots.
    pub frame_slot_count: usize,
    /// [`PredictionHead`].
    pub prediction_head: usize,
    /// [`LaneHead`]s, one for each lane.
    pub lane_heads: usize,
    /// [`PredictionRecord`]s, [`LANE_RECORDS`] for each lane.
    pub records: usize,
    /// First payload byte.
    pub arena: usize,
    /// Bytes from one payload to the next, whole pages.
    pub capacity_bytes: usize,
}

/// Offsets of everything in a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// [`ProcessEntry`] × [`PROCESSES`].
    pub processes: usize,
    /// One for each source.
    pub rings: Vec<RingLayout>,
    /// Prediction lanes.
    pub lanes: usize,
    /// First byte of the first arena; everything before is control words.
    pub control_bytes: usize,
    /// Length of the segment, whole pages.
    pub total_bytes: usize,
}

fn in_range(
    what: &'static str,
    value: usize,
    min: usize,
    max: usize,
) -> Result<usize, GeometryError> {
    if (min..=max).contains(&value) {
        Ok(value)
    } else {
        Err(GeometryError::OutOfRange {
            what,
            value,
            min,
            max,
        })
    }
}

/// Hands out places one behind the other, each on a 128-byte line.
struct Cursor(usize);

impl Cursor {
    fn place<T>(&mut self, count: usize) -> usize {
        self.bytes(size_of::<T>() * count)
    }

    fn bytes(&mut self, len: usize) -> usize {
        let at = self.0.next_multiple_of(128);
        self.0 = at + len;
        at
    }

    fn next_page(&mut self) -> usize {
        self.0 = self.0.next_multiple_of(PAGE_BYTES);
        self.0
    }
}

impl Layout {
    /// Computes every offset.
    ///
    /// # Errors
    ///
    /// [`GeometryError::OutOfRange`] names the first size that is out of its range.
    pub fn new(geometry: &Geometry) -> Result<Self, GeometryError> {
        in_range("number of sources", geometry.rings.len(), 1, SOURCES_MAX)?;
        let lanes = in_range("number of prediction lanes", geometry.lanes, 1, LANES_MAX)?;
        let mut cursor = Cursor(PAGE_BYTES);
        let processes = cursor.place::<ProcessEntry>(PROCESSES);
        cursor.next_page();
        let mut rings = Vec::with_capacity(geometry.rings.len());
        for ring in &geometry.rings {
            let slots = in_range(
                "frame slots",
                ring.frame_slots,
                FRAME_SLOTS_MIN,
                FRAME_SLOTS_MAX,
            )?;
            let capacity = in_range(
                "frame slot capacity",
                ring.capacity_bytes,
                1,
                CAPACITY_BYTES_MAX,
            )?;
            let cell_count = slots.next_power_of_two();
            rings.push(RingLayout {
                head: cursor.place::<RingHead>(1),
                cursor: cursor.place::<TakeCursor>(1),
                cells: cursor.place::<u64>(cell_count),
                cell_count,
                frame_slots: cursor.place::<FrameSlot>(slots),
                frame_slot_count: slots,
                prediction_head: cursor.place::<PredictionHead>(1),
                lane_heads: cursor.place::<LaneHead>(lanes),
                records: cursor.place::<PredictionRecord>(lanes * LANE_RECORDS),
                arena: 0,
                capacity_bytes: capacity.next_multiple_of(PAGE_BYTES),
            });
        }
        let control_bytes = cursor.next_page();
        for ring in &mut rings {
            ring.arena = cursor.next_page();
            cursor.bytes(ring.arena_bytes());
        }
        let total_bytes = cursor.next_page();
        Ok(Self {
            processes,
            rings,
            lanes,
            control_bytes,
            total_bytes,
        })
    }
}

impl RingLayout {
    /// Bytes of the whole payload arena of this ring.
    #[must_use]
    pub fn arena_bytes(&self) -> usize {
        self.frame_slot_count * self.capacity_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn geometry(slots: &[usize], lanes: usize) -> Geometry {
        let rings = slots
            .iter()
            .map(|&frame_slots| RingGeometry {
                frame_slots,
                capacity_bytes: 614_400,
            })
            .collect();
        Geometry { rings, lanes }
    }

    /// Every region of a layout as (start, length), in order of their place.
    fn regions(layout: &Layout) -> Vec<(usize, usize)> {
        let mut regions = vec![
            (0, size_of::<SegmentHeader>()),
            (layout.processes, PROCESSES * size_of::<ProcessEntry>()),
        ];
        for ring in &layout.rings {
            regions.extend([
                (ring.head, size_of::<RingHead>()),
                (ring.cursor, size_of::<TakeCursor>()),
                (ring.cells, ring.cell_count * 8),
                (
                    ring.frame_slots,
                    ring.frame_slot_count * size_of::<FrameSlot>(),
                ),
                (ring.prediction_head, size_of::<PredictionHead>()),
                (ring.lane_heads, layout.lanes * size_of::<LaneHead>()),
                (
                    ring.records,
                    layout.lanes * LANE_RECORDS * size_of::<PredictionRecord>(),
                ),
                (ring.arena, ring.arena_bytes()),
            ]);
        }
        regions.sort_unstable();
        regions
    }

    #[test]
    fn nothing_overlaps_and_everything_is_aligned() {
        for slots in [&[3][..], &[8], &[8, 3, 26], &[256; 16]] {
            for lanes in [1, 3, 16] {
                let layout = Layout::new(&geometry(slots, lanes)).unwrap();
                let regions = regions(&layout);
                for pair in regions.windows(2) {
                    assert!(pair[0].0 + pair[0].1 <= pair[1].0, "{pair:?} overlap");
                }
                assert!(regions.iter().all(|(at, _)| at % 128 == 0));
                assert!(layout.rings.iter().all(|ring| ring.arena % PAGE_BYTES == 0));
                assert!(
                    layout
                        .rings
                        .iter()
                        .all(|ring| ring.arena >= layout.control_bytes)
                );
                let (last, len) = regions[regions.len() - 1];
                assert_eq!(layout.total_bytes, last + len);
            }
        }
    }

    #[test]
    fn offsets_of_the_default_box_are_fixed() {
        let layout = Layout::new(&geometry(&[8], 3)).unwrap();
        let ring = &layout.rings[0];
        assert_eq!(layout.processes, 4096);
        assert_eq!(ring.head, 24_576);
        assert_eq!(ring.cursor, 24_704);
        assert_eq!(ring.cells, 24_832);
        assert_eq!(ring.frame_slots, 24_960);
        assert_eq!(ring.prediction_head, 25_984);
        assert_eq!(ring.lane_heads, 26_112);
        assert_eq!(ring.records, 26_496);
        assert_eq!(ring.arena, 102_400);
        assert_eq!(layout.total_bytes, 102_400 + 8 * 614_400);
    }

    #[test]
    fn sizes_out_of_range_are_named() {
        let refused = |geometry: &Geometry| Layout::new(geometry).unwrap_err().to_string();
        assert_eq!(
            refused(&geometry(&[], 1)),
            "number of sources is 0, expected 1..=16"
        );
        assert_eq!(
            refused(&geometry(&[2], 1)),
            "frame slots is 2, expected 3..=256"
        );
        assert_eq!(
            refused(&geometry(&[8], 0)),
            "number of prediction lanes is 0, expected 1..=16"
        );
        let mut wide = geometry(&[8], 1);
        wide.rings[0].capacity_bytes = CAPACITY_BYTES_MAX + 1;
        assert!(refused(&wide).starts_with("frame slot capacity is 67108865"));
    }
}
