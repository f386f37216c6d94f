//! Wigwag's ring: claim, fill from a private buffer, publish; the reader leases in place.
//!
//! The real crate, a named segment, two processes; the reader maps the payload read-only, as every
//! worker does.

use super::job::Job;
use super::peer::{PATIENCE, Pace, Reader, private_frame, say_ready};
use super::samples::{RunResult, Samples, stamp};
use anyhow::{Context, Result};
use shm_layout::layout::{Geometry, RingGeometry};
use shm_layout::segment::{Access, SegmentName};
use shm_layout::{FrameMeta, PixelFormat, Segment, Sequence, wall_us};
use std::time::{Duration, Instant};

/// As many as a box with one infer-worker has: the newest, the next, one for the gateway, one for
/// the infer-worker, a history of two.
const FRAME_SLOTS: usize = 6;
/// Overrides [`FRAME_SLOTS`], to look into the cost of the ring's footprint.
const FRAME_SLOTS_VARIABLE: &str = "WIGWAG_BENCH_FRAME_SLOTS";
/// Place of the reader in the process table.
const READER: usize = 0;
/// Longest sleep of the reader before it looks by itself.
const WAIT: Duration = Duration::from_millis(100);

/// Removes the segment's name.
struct Named(SegmentName);

impl Drop for Named {
    fn drop(&mut self) {
        // Gone already is as good.
        let _gone = self.0.unlink();
    }
}

/// Publishes the frames of `job` and returns what the reader found.
///
/// # Errors
///
/// The segment cannot be made, no frame slot is free, or the reader failed.
pub fn write(job: &Job) -> Result<RunResult> {
    let name = Named(SegmentName::new(&format!("bench-{}", std::process::id())));
    let ring = RingGeometry {
        frame_slots: frame_slots()?,
        capacity_bytes: job.size.len_bytes(),
    };
    let segment = Segment::create(
        &name.0,
        &Geometry {
            rings: vec![ring],
            lanes: 1,
        },
    )?;
    let mut reader = Reader::start(job, name.0.as_str())?;
    reader.await_ready()?;
    let mut publisher = segment.publisher(0)?;
    let mut source = private_frame(job);
    let pace = Pace::start(job);
    for index in 0..job.frames {
        pace.await_frame(index);
        let capture = stamp(&mut source);
        let meta = FrameMeta {
            format: PixelFormat::Rgb24,
            width_px: job.size.width_px,
            height_px: job.size.height_px,
            stride_bytes: job.size.width_px * 3,
            capture,
            capture_wall_us: wall_us(),
            driver_sequence: index,
        };
        let mut writer = publisher.claim().context("no frame slot was free")?;
        writer.payload()[..source.len()].copy_from_slice(&source);
        writer.publish(&meta, source.len())?;
    }
    reader.finish()
}

fn frame_slots() -> Result<usize> {
    match std::env::var(FRAME_SLOTS_VARIABLE) {
        Ok(count) => count
            .parse()
            .with_context(|| format!("{FRAME_SLOTS_VARIABLE}={count}")),
        Err(_) => Ok(FRAME_SLOTS),
    }
}

/// Reads frames from the segment `name` until all are accounted for.
///
/// # Errors
///
/// The segment cannot be attached.
pub fn read(job: &Job, name: &str, samples: &mut Samples) -> Result<()> {
    let segment = Segment::attach(&SegmentName::from_text(name), None, Access::Read)?;
    let mut subscriber = segment.subscriber(0, READER)?;
    let (mut newest, mut last_frame) = (Sequence(0), Instant::now());
    say_ready();
    while newest.0 < job.frames && last_frame.elapsed() < PATIENCE {
        let seen = segment.frame_event().observe();
        match subscriber.lease_latest(newest) {
            Some(lease) => {
                samples.frame(lease.payload(), Some(lease.publish_time()));
                samples.missed(lease.skipped());
                newest = lease.sequence();
                last_frame = Instant::now();
            }
            None => segment.frame_event().wait(seen, WAIT),
        }
    }
    Ok(())
}
