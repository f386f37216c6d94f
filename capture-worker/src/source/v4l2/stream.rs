//! A running camera: V4L2 buffers go to the driver and come back with frames.
//!
//! Neighbours: `node` makes the calls; [`super`] opens, closes and follows the camera. The stream
//! polls before it takes, so that it never blocks; it hands out the newest frame and gives older
//! ones back; and it copies a frame once, straight into the frame slot.

use super::CameraError;
use super::device::{printable, rate};
use super::mode::{ChosenMode, known_format};
use super::node::{Dequeued, Node, SettledFormat};
use super::raw::MappedBuffer;
use crate::source::{BadFrame, FilledFrame, FrameOutcome, FrameTarget, jpeg};
use shm_layout::frame::SIDE_PX_MAX;
use shm_layout::{FrameMeta, MonotonicNs, PixelFormat};
use std::time::Duration;

/// V4L2 buffers to ask for: one being filled, one waiting, one being copied, one to spare.
const BUFFERS: u32 = 4;

/// A driver's time that differs from now by more is not believed.
const CAPTURE_AGE_MAX: Duration = Duration::from_secs(10);

/// A camera that streams.
#[derive(Debug)]
pub(super) struct Stream {
    // The order of the fields is the order of their end: unmap, then close.
    buffers: Vec<MappedBuffer>,
    node: Node,
    layout: Layout,
    returned_at: MonotonicNs,
    frame_number: FrameNumber,
}

/// How the frames of a stream lie in memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Layout {
    pub(super) format: PixelFormat,
    pub(super) width_px: u32,
    pub(super) height_px: u32,
    pub(super) fps: f64,
    /// 0 for MJPEG.
    pub(super) stride_bytes: u32,
    /// Bytes of a raw image; for MJPEG the most that the driver may give.
    pub(super) image_bytes: u64,
}

impl Layout {
    /// What the driver settled, checked: some settle another format than the one asked for, and
    /// say Ok.
    pub(super) fn check(settled: SettledFormat, wanted: ChosenMode) -> Result<Self, String> {
        let SettledFormat {
            fourcc,
            width_px,
            height_px,
            ..
        } = settled;
        let found = format!("{} {width_px}x{height_px}", printable(fourcc));
        let format = known_format(fourcc).filter(|format| *format == wanted.format);
        let format = format.ok_or_else(|| {
            format!(
                "asked for {}, the driver gave {found}",
                wanted.format.name()
            )
        })?;
        if !(1..=SIDE_PX_MAX).contains(&width_px) || !(1..=SIDE_PX_MAX).contains(&height_px) {
            return Err(format!(
                "the driver gave {found}, allowed is 1 to {SIDE_PX_MAX} a side"
            ));
        }
        let row_bytes = format.row_bytes(width_px);
        // Some drivers leave the stride of packed formats at 0.
        let stride_bytes = match (format, settled.stride_bytes) {
            (PixelFormat::Mjpeg, _) => 0,
            (_, 0) => row_bytes,
            (_, stride_bytes) => stride_bytes,
        };
        if stride_bytes < row_bytes {
            return Err(format!(
                "the driver gave {found} with rows of {stride_bytes} bytes"
            ));
        }
        let image_bytes = match format {
            PixelFormat::Mjpeg => u64::from(settled.image_bytes),
            _ => format.image_bytes(stride_bytes, height_px),
        };
        Ok(Self {
            format,
            width_px,
            height_px,
            fps: wanted.fps,
            stride_bytes,
            image_bytes,
        })
    }
}

impl Stream {
    /// Sets the mode and starts streaming.
    pub(super) fn start(node: Node, wanted: ChosenMode) -> Result<Self, CameraError> {
        let failed = |step| move |source| CameraError::from_step(step, source);
        let settled = node
            .set_format(wanted.fourcc, (wanted.width_px, wanted.height_px))
            .map_err(failed("setting the format"))?;
        let mut layout = Layout::check(settled, wanted).map_err(CameraError::Refused)?;
        // A driver without a rate to set runs at its own; that is no reason to do without it.
        let (numerator, denominator) = interval(wanted.fps);
        if let Ok((numerator, denominator)) = node.set_interval(numerator, denominator) {
            layout.fps = rate(numerator, denominator).unwrap_or(layout.fps);
        }
        let count = node
            .request_buffers(BUFFERS)
            .map_err(failed("asking for buffers"))?;
        if count == 0 {
            return Err(CameraError::Refused("the driver gave no buffers".into()));
        }
        let mut buffers = Vec::new();
        for index in 0..count {
            buffers.push(node.map_buffer(index).map_err(failed("mapping a buffer"))?);
            node.queue(index).map_err(failed("queueing a buffer"))?;
        }
        node.stream_on().map_err(failed("starting the stream"))?;
        let frame_number = FrameNumber::default();
        Ok(Self {
            buffers,
            node,
            layout,
            returned_at: MonotonicNs::now(),
            frame_number,
        })
    }

    pub(super) const fn layout(&self) -> Layout {
        self.layout
    }

    /// The newest frame, if one comes before `deadline`.
    pub(super) fn next(&mut self, target: FrameTarget<'_>) -> FrameOutcome {
        let outcome = self.ask(target);
        self.returned_at = MonotonicNs::now();
        outcome.unwrap_or_else(|error| FrameOutcome::Gone(error.into()))
    }

    fn ask(&mut self, target: FrameTarget<'_>) -> Result<FrameOutcome, CameraError> {
        let deadline = target.deadline;
        let asked_at = MonotonicNs::now();
        let Some(newest) = self.take_newest(deadline)? else {
            return Ok(FrameOutcome::Nothing);
        };
        let now = MonotonicNs::now();
        // Time in which nobody asked: between two calls, or stopped inside this one.
        let pause = asked_at.since(self.returned_at) + now.since(deadline);
        let outcome = if is_left_over(&newest, now, pause, self.layout.fps) {
            FrameOutcome::Nothing
        } else {
            self.fill(&newest, now, target)
        };
        self.give_back(newest.index)?;
        Ok(outcome)
    }

    /// Takes the newest of the filled V4L2 buffers; older ones go back to the driver.
    fn take_newest(&self, deadline: MonotonicNs) -> Result<Option<Dequeued>, CameraError> {
        let failed = |source| CameraError::from_step("taking a frame", source);
        let wait = deadline.since(MonotonicNs::now()).as_millis();
        let wait_ms = u16::try_from(wait).unwrap_or(u16::MAX);
        if !self.node.wait_readable(wait_ms).map_err(failed)? {
            return Ok(None);
        }
        // Poll also reports a stream that stopped, and then there is no buffer.
        let mut newest = self
            .node
            .dequeue()
            .map_err(failed)?
            .ok_or(CameraError::Stopped)?;
        // Bounded, so that a driver that fills faster than this copies cannot hold the loop.
        for _ in 0..self.buffers.len() {
            if !self.node.wait_readable(0).map_err(failed)? {
                break;
            }
            let Some(newer) = self.node.dequeue().map_err(failed)? else {
                break;
            };
            let (older, later) = match is_late(newer.sequence, newest.sequence) {
                true => (newer, newest),
                false => (newest, newer),
            };
            self.give_back(older.index)?;
            newest = later;
        }
        Ok(Some(newest))
    }

    fn give_back(&self, index: u32) -> Result<(), CameraError> {
        self.node
            .queue(index)
            .map_err(|source| CameraError::from_step("queueing a buffer", source))
    }

    /// Copies one V4L2 buffer into the payload and checks what came, if it is needed.
    fn fill(
        &mut self,
        taken: &Dequeued,
        now: MonotonicNs,
        target: FrameTarget<'_>,
    ) -> FrameOutcome {
        let Some(driver_sequence) = self.frame_number.extend(taken.sequence) else {
            return FrameOutcome::Nothing;
        };
        let capture = capture_time(taken.monotonic_ns, now);
        if !target.gate.lets_through(capture) {
            return FrameOutcome::NotNeeded { driver_sequence };
        }
        let filled = match copy(&self.buffers, taken, self.layout, target.payload) {
            Ok(filled) => filled,
            Err(bad) => return FrameOutcome::Bad(bad),
        };
        FrameOutcome::Frame(FilledFrame {
            len_bytes: filled.len_bytes,
            meta: FrameMeta {
                format: self.layout.format,
                width_px: filled.width_px,
                height_px: filled.height_px,
                stride_bytes: self.layout.stride_bytes,
                capture,
                capture_wall_us: 0,
                driver_sequence,
            },
        })
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // Fails on a camera that is gone, where there is nothing left to stop.
        if let Err(error) = self.node.stream_off() {
            tracing::debug!("stopping a stream: {error}");
        }
    }
}

/// Size and length of a copied frame.
struct Copied {
    len_bytes: usize,
    width_px: u32,
    height_px: u32,
}

/// Copies the used part of a V4L2 buffer and checks it where nobody else writes.
fn copy(
    buffers: &[MappedBuffer],
    taken: &Dequeued,
    layout: Layout,
    payload: &mut [u8],
) -> Result<Copied, BadFrame> {
    let capacity = payload.len();
    let len_bytes = used_bytes(taken, layout, capacity)?;
    let buffer = buffers.get(taken.index as usize).ok_or(BadFrame::Empty)?;
    let copied = buffer.copy_to(&mut payload[..len_bytes]);
    if copied < len_bytes {
        return Err(BadFrame::Short {
            found: copied,
            expected: len_bytes as u64,
        });
    }
    if layout.format != PixelFormat::Mjpeg {
        let Layout {
            width_px,
            height_px,
            ..
        } = layout;
        return Ok(Copied {
            len_bytes,
            width_px,
            height_px,
        });
    }
    // The size in the JPEG counts: some cameras round theirs up to whole blocks.
    let facts = jpeg::inspect(&payload[..len_bytes])?;
    let jpeg::JpegFacts {
        len_bytes,
        width_px,
        height_px,
    } = facts;
    Ok(Copied {
        len_bytes,
        width_px,
        height_px,
    })
}

/// How many bytes of a V4L2 buffer are the frame.
fn used_bytes(taken: &Dequeued, layout: Layout, capacity: usize) -> Result<usize, BadFrame> {
    if taken.is_damaged {
        return Err(BadFrame::MarkedDamaged);
    }
    if taken.used_bytes == 0 {
        return Err(BadFrame::Empty);
    }
    let len_bytes = match layout.format {
        PixelFormat::Mjpeg => taken.used_bytes as u64,
        _ if (taken.used_bytes as u64) < layout.image_bytes => {
            let (found, expected) = (taken.used_bytes, layout.image_bytes);
            return Err(BadFrame::Short { found, expected });
        }
        _ => layout.image_bytes,
    };
    let fitting = usize::try_from(len_bytes)
        .ok()
        .filter(|&length| length <= capacity);
    fitting.ok_or(BadFrame::Oversize {
        found: len_bytes,
        capacity,
    })
}

/// The driver's time if it can be true, else now. Some drivers stamp a little ahead of the clock.
fn capture_time(driver_ns: Option<u64>, now: MonotonicNs) -> MonotonicNs {
    let stamped = driver_ns.map(|ns| MonotonicNs(ns).min(now));
    stamped
        .filter(|stamped| now.since(*stamped) <= CAPTURE_AGE_MAX)
        .unwrap_or(now)
}

/// Whether a frame lay in its V4L2 buffer since before a pause in asking, so that it shows the
/// past. A camera that is merely slow, or whose clock is off, is never taken for that.
fn is_left_over(taken: &Dequeued, now: MonotonicNs, pause: Duration, fps: f64) -> bool {
    let Some(stamped_ns) = taken.monotonic_ns else {
        return false;
    };
    let frame = Duration::from_secs_f64(1.0 / fps.clamp(0.1, 1000.0));
    let age = now.since(MonotonicNs(stamped_ns));
    pause > frame * (BUFFERS + 1) && age > frame * 2 && age <= pause + frame * BUFFERS
}

/// A rate as the interval that drivers ask for.
fn interval(fps: f64) -> (u32, u32) {
    if (fps - fps.round()).abs() < 1e-6 && fps >= 1.0 {
        return (1, fps.round() as u32);
    }
    (1000, (fps * 1000.0).round().max(1.0) as u32)
}

/// Most frames that one may come late: as many V4L2 buffers as a stream can have.
/// Source: `VIDEO_MAX_FRAME` in `linux/videodev2.h`.
const LATE_MAX: u32 = 32;

/// Whether frame `number` comes after one that was filled later. uvcvideo hands V4L2 buffers out
/// as its work queue gets done with them, which under load is not the order of filling.
fn is_late(number: u32, last: u32) -> bool {
    (1..=LATE_MAX).contains(&last.wrapping_sub(number))
}

/// The driver's 32-bit frame number made 64 bits wide.
#[derive(Debug, Default)]
struct FrameNumber {
    last: Option<(u32, u64)>,
}

impl FrameNumber {
    /// `None` for a frame that comes late and is to be left out.
    fn extend(&mut self, number: u32) -> Option<u64> {
        let wide = match self.last {
            None => u64::from(number),
            Some((last, _)) if is_late(number, last) => return None,
            // Forward over the 32 bits, or a driver that started its count anew.
            Some((last, wide)) => match number.wrapping_sub(last) {
                step if step <= u32::MAX / 2 => wide + u64::from(step),
                _ => wide + 1,
            },
        };
        self.last = Some((number, wide));
        Some(wide)
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
