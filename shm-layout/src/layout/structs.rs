//! The shared structs. A process of another build maps these same bytes: changing a line here
//! changes [`LAYOUT_HASH`], and a segment of the old layout is then refused.

use crate::sync::{AtomicU32, AtomicU64};

/// Most sources that one box can have.
pub const SOURCES_MAX: usize = 16;

/// Places in the process table: sixteen sources, fifteen infer-workers and a gateway, and one more
/// of each of the latter two while a successor takes over.
pub const PROCESSES: usize = 34;

/// Predictions that each lane keeps: half a second at 30 a second.
pub const LANE_RECORDS: usize = 16;

/// Stages of a process that its place in the process table remembers.
pub const STAGES_KEPT: usize = 16;

/// Words of one prediction; see `prediction::record` for what they hold.
pub const PREDICTION_WORDS: usize = 180;

/// First page of the segment.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct SegmentHeader {
    /// [`super::MAGIC`], stored last: the rest is valid once it is there.
    pub magic: AtomicU64,
    /// `LAYOUT_HASH` of the creator.
    pub layout_hash: AtomicU64,
    /// Length of the whole segment in bytes.
    pub total_bytes: AtomicU64,
    /// Random number of this segment, low half.
    pub instance_id_low: AtomicU64,
    /// Random number of this segment, high half.
    pub instance_id_high: AtomicU64,
    /// `CLOCK_MONOTONIC` of the creation, in ns.
    pub created_ns: AtomicU64,
    /// Process id of the supervisor that owns the segment.
    pub supervisor_pid: AtomicU32,
    /// Sources, 1..=[`SOURCES_MAX`].
    pub sources: AtomicU32,
    /// Prediction lanes per source: one for each infer-worker that may run at once.
    pub lanes: AtomicU32,
    _reserved: AtomicU32,
    /// Names the sources and the order of their rings; 0 = not said. A supervisor adopts a segment
    /// only if this is what it would have stored itself.
    pub sources_hash: AtomicU64,
    /// `CLOCK_MONOTONIC` of the supervisor's last sign of life, ns: while there are any, workers
    /// that lost their control channel go on.
    pub supervisor_beat_ns: AtomicU64,
    /// Bumped by every published frame; infer-workers wait here.
    pub frame_event: EventWord,
    /// Bumped by every published frame and prediction; the gateway waits here.
    pub activity_event: EventWord,
    /// Ring sizes, one for each source.
    pub rings: [RingDescriptor; SOURCES_MAX],
    /// `CLOCK_MONOTONIC` of the last time somebody needed every frame of a source, ns; 0 = never.
    pub wanted_ns: [AtomicU64; SOURCES_MAX],
}

/// A futex word on a line of its own.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct EventWord {
    /// Counts events, wraps.
    pub count: AtomicU32,
}

/// Size of one ring; offsets follow from the sizes.
#[repr(C)]
#[derive(Debug)]
pub struct RingDescriptor {
    /// Frame slots of the ring.
    pub frame_slots: AtomicU32,
    _reserved: AtomicU32,
    /// Payload bytes of each frame slot, a multiple of the page size.
    pub capacity_bytes: AtomicU64,
}

/// What the publisher of a ring advances.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct RingHead {
    /// Sequence of the newest frame; 0 = none yet.
    pub head: AtomicU64,
}

/// What the infer-workers of a ring advance.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct TakeCursor {
    /// Sequence of the newest frame that an infer-worker took.
    pub taken: AtomicU64,
}

/// One frame slot: its arbitration word and the facts of its frame.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct FrameSlot {
    /// `[version:32 | reserved:6 | state:2 | leases:24]`, see `ring::word`.
    pub word: AtomicU64,
    /// Sequence of the frame.
    pub sequence: AtomicU64,
    /// Bytes of the payload in use.
    pub len_bytes: AtomicU64,
    /// Four-character code, little-endian.
    pub fourcc: AtomicU32,
    /// Bytes from row to row.
    pub stride_bytes: AtomicU32,
    /// Width in pixels.
    pub width_px: AtomicU32,
    /// Height in pixels.
    pub height_px: AtomicU32,
    /// `CLOCK_MONOTONIC` of the capture, ns.
    pub capture_ns: AtomicU64,
    /// Wall clock of the capture, µs since 1970.
    pub capture_wall_us: AtomicU64,
    /// `CLOCK_MONOTONIC` of the publication, ns.
    pub publish_ns: AtomicU64,
    /// The source's own frame number.
    pub driver_sequence: AtomicU64,
}

/// Which record holds the newest prediction of a source.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct PredictionHead {
    /// `sequence << 16 | lane × LANE_RECORDS + record`; 0 = none yet.
    pub latest: AtomicU64,
}

/// What the one infer-worker that writes a lane advances.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct LaneHead {
    /// Records ever finished in this lane; the next goes to `count % LANE_RECORDS`.
    pub count: AtomicU64,
    /// Sequence of the frame that its infer-worker has in hand; 0 = none.
    pub working: AtomicU64,
}

/// One prediction under a version word: odd while it is being written.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct PredictionRecord<const WORDS: usize = PREDICTION_WORDS> {
    /// Even = whole, odd = being written (or its writer died).
    pub version: AtomicU64,
    /// Sequence of the frame that it belongs to.
    pub sequence: AtomicU64,
    /// The packed prediction.
    pub words: [AtomicU64; WORDS],
}

/// One place of the process table.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct ProcessEntry {
    /// `generation << 8 | EntryState`.
    pub owner: AtomicU64,
    /// Process id while attached.
    pub pid: AtomicU32,
    /// `control::Role` as a number, 0 = unused.
    pub role: AtomicU32,
    /// Start time of the process in clock ticks since boot: with the pid it names one process.
    pub start_ticks: AtomicU64,
    _identity_reserved: [AtomicU64; 13],
    /// `CLOCK_MONOTONIC` of the last turn of the work loop, ns; 0 = not ready yet.
    pub heartbeat_ns: AtomicU64,
    /// When the present stage began, ns.
    pub stage_since_ns: AtomicU64,
    /// `process_table::Stage` as a number.
    pub stage: AtomicU32,
    /// Stages ever entered, wraps; the next goes to `stages[stages_entered % STAGES_KEPT]`.
    pub stages_entered: AtomicU32,
    /// When the process last heard the supervisor, as its work loop knew at its last turn, ns;
    /// 0 = never.
    pub heard_ns: AtomicU64,
    _heartbeat_reserved: [AtomicU64; 12],
    /// `process_table::Counter`s; they survive the process.
    pub counters: [AtomicU64; 16],
    /// The last stages, a ring: `CLOCK_MONOTONIC` of the entry in µs `<< 8 | Stage`; 0 = none.
    pub stages: [AtomicU64; STAGES_KEPT],
}

#[cfg(not(loom))]
mod asserts {
    use super::*;
    use core::mem::{offset_of, size_of};

    /// FNV-1a over a list of numbers, so that any change of size or place changes the result.
    const fn fnv(numbers: &[usize]) -> u64 {
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        let mut i = 0;
        while i < numbers.len() {
            hash = (hash ^ numbers[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
            i += 1;
        }
        hash
    }

    /// Names the layout: two processes share a segment only if theirs are equal.
    pub const LAYOUT_HASH: u64 = fnv(&[
        super::super::LAYOUT_VERSION as usize,
        SOURCES_MAX,
        PROCESSES,
        LANE_RECORDS,
        PREDICTION_WORDS,
        STAGES_KEPT,
        size_of::<SegmentHeader>(),
        offset_of!(SegmentHeader, sources_hash),
        offset_of!(SegmentHeader, supervisor_beat_ns),
        offset_of!(SegmentHeader, frame_event),
        offset_of!(SegmentHeader, activity_event),
        offset_of!(SegmentHeader, rings),
        offset_of!(SegmentHeader, wanted_ns),
        size_of::<RingDescriptor>(),
        size_of::<RingHead>(),
        size_of::<TakeCursor>(),
        size_of::<FrameSlot>(),
        offset_of!(FrameSlot, fourcc),
        offset_of!(FrameSlot, driver_sequence),
        size_of::<PredictionHead>(),
        size_of::<LaneHead>(),
        offset_of!(LaneHead, working),
        size_of::<PredictionRecord>(),
        offset_of!(PredictionRecord, words),
        size_of::<ProcessEntry>(),
        offset_of!(ProcessEntry, heartbeat_ns),
        offset_of!(ProcessEntry, heard_ns),
        offset_of!(ProcessEntry, counters),
        offset_of!(ProcessEntry, stages),
    ]);

    const _: () = {
        assert!(size_of::<SegmentHeader>() == 768);
        assert!(offset_of!(SegmentHeader, magic) == 0);
        assert!(offset_of!(SegmentHeader, layout_hash) == 8);
        assert!(offset_of!(SegmentHeader, total_bytes) == 16);
        assert!(offset_of!(SegmentHeader, instance_id_low) == 24);
        assert!(offset_of!(SegmentHeader, created_ns) == 40);
        assert!(offset_of!(SegmentHeader, supervisor_pid) == 48);
        assert!(offset_of!(SegmentHeader, sources) == 52);
        assert!(offset_of!(SegmentHeader, lanes) == 56);
        assert!(offset_of!(SegmentHeader, sources_hash) == 64);
        assert!(offset_of!(SegmentHeader, supervisor_beat_ns) == 72);
        assert!(offset_of!(SegmentHeader, frame_event) == 128);
        assert!(offset_of!(SegmentHeader, activity_event) == 256);
        assert!(offset_of!(SegmentHeader, rings) == 384);
        assert!(offset_of!(SegmentHeader, wanted_ns) == 640);
        assert!(size_of::<EventWord>() == 128);
        assert!(size_of::<RingDescriptor>() == 16);
        assert!(offset_of!(RingDescriptor, capacity_bytes) == 8);
        assert!(size_of::<RingHead>() == 128);
        assert!(size_of::<TakeCursor>() == 128);
        assert!(size_of::<FrameSlot>() == 128);
        assert!(offset_of!(FrameSlot, sequence) == 8);
        assert!(offset_of!(FrameSlot, len_bytes) == 16);
        assert!(offset_of!(FrameSlot, fourcc) == 24);
        assert!(offset_of!(FrameSlot, stride_bytes) == 28);
        assert!(offset_of!(FrameSlot, width_px) == 32);
        assert!(offset_of!(FrameSlot, height_px) == 36);
        assert!(offset_of!(FrameSlot, capture_ns) == 40);
        assert!(offset_of!(FrameSlot, capture_wall_us) == 48);
        assert!(offset_of!(FrameSlot, publish_ns) == 56);
        assert!(offset_of!(FrameSlot, driver_sequence) == 64);
        assert!(size_of::<PredictionHead>() == 128);
        assert!(size_of::<LaneHead>() == 128);
        assert!(offset_of!(LaneHead, working) == 8);
        assert!(size_of::<PredictionRecord>() == 1536);
        assert!(offset_of!(PredictionRecord, words) == 16);
        assert!(size_of::<ProcessEntry>() == 512);
        assert!(offset_of!(ProcessEntry, pid) == 8);
        assert!(offset_of!(ProcessEntry, start_ticks) == 16);
        assert!(offset_of!(ProcessEntry, heartbeat_ns) == 128);
        assert!(offset_of!(ProcessEntry, stage_since_ns) == 136);
        assert!(offset_of!(ProcessEntry, stage) == 144);
        assert!(offset_of!(ProcessEntry, stages_entered) == 148);
        assert!(offset_of!(ProcessEntry, heard_ns) == 152);
        assert!(offset_of!(ProcessEntry, counters) == 256);
        assert!(offset_of!(ProcessEntry, stages) == 384);
    };
}
#[cfg(not(loom))]
pub use asserts::LAYOUT_HASH;
