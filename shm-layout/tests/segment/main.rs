//! The segment as its users see it: guards over real payload, in private memory and by name.
//!
//! What the modules share is here.
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod frames;
#[cfg(not(miri))]
mod named;
mod predictions;

use shm_layout::layout::{Geometry, RingGeometry};
use shm_layout::{FrameMeta, MonotonicNs, PixelFormat, Segment, Sequence};

fn geometry() -> Geometry {
    let ring = RingGeometry {
        frame_slots: 4,
        capacity_bytes: 8192,
    };
    Geometry {
        rings: vec![ring, ring],
        lanes: 2,
    }
}

fn meta() -> FrameMeta {
    FrameMeta {
        format: PixelFormat::Mjpeg,
        width_px: 64,
        height_px: 48,
        stride_bytes: 0,
        capture: MonotonicNs(7),
        capture_wall_us: 8,
        driver_sequence: 9,
    }
}

/// Publishes a frame of `len_bytes` bytes, each holding the low byte of its sequence.
fn publish(segment: &Segment, source: usize, len_bytes: usize) -> Sequence {
    let mut publisher = segment.publisher(source).unwrap();
    let mut writer = publisher.claim().unwrap();
    let byte = writer.sequence().0 as u8;
    writer.payload()[..len_bytes].fill(byte);
    writer.publish(&meta(), len_bytes).unwrap()
}
