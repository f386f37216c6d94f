//! Where everything lies in the segment: the shared structs and their offsets.
//!
//! ```text
//! 0          SegmentHeader       magic, versions, geometry, the two event words
//! 4 KiB      ProcessEntry × 34   owner, heartbeat, stages, counters
//! 24 KiB     per source          RingHead, TakeCursor, cells, FrameSlot × S,
//!                                PredictionHead, lanes × (LaneHead, PredictionRecord × 16)
//! next page  per source          payload arena: S × capacity
//! ```
//! Rules: `repr(C)`, little-endian, every field atomic and of fixed size, no pointer, no `usize`,
//! no `bool`, no enum. A process built from another layout must refuse the segment: [`LAYOUT_HASH`].

#[cfg(not(loom))]
mod geometry;
mod structs;

#[cfg(not(loom))]
pub use geometry::{
    CAPACITY_BYTES_MAX, FRAME_SLOTS_MAX, Geometry, GeometryError, LANES_MAX, Layout, RingGeometry,
    RingLayout,
};
#[cfg(not(loom))]
pub use structs::LAYOUT_HASH;
pub use structs::{
    EventWord, FrameSlot, LANE_RECORDS, LaneHead, PREDICTION_WORDS, PROCESSES, PredictionHead,
    PredictionRecord, ProcessEntry, RingDescriptor, RingHead, SOURCES_MAX, STAGES_KEPT,
    SegmentHeader, TakeCursor,
};

/// First word of a finished segment, `WIGWAG01` in ASCII; stored last.
pub const MAGIC: u64 = u64::from_le_bytes(*b"WIGWAG01");

/// Raised whenever the meaning of a shared word changes without its size or place changing.
pub const LAYOUT_VERSION: u32 = 5;

/// Page size that the arenas are aligned to; larger pages than this are refused at attach.
pub const PAGE_BYTES: usize = 4096;
