//! A moving test picture with the frame's sequence drawn in: for trying out and for tests.
//!
//! Neighbours: `canvas` paints, `strip` writes the number for programs,
//! [`crate::source::pacing`] says when. Every frame is complete in itself and says which it is.

mod canvas;
pub mod strip;

use super::pacing::{FPS_MAX, FPS_MIN, Pacer, WhenLate, wait_until};
use super::{BadFrame, FilledFrame, FrameOutcome, FrameTarget, Mode, Source, SourceError};
use canvas::Canvas;
use shm_layout::frame::SIDE_PX_MAX;
use shm_layout::{FrameMeta, MonotonicNs, PixelFormat};

/// Smallest side in pixels: room for the strips, the number and the box.
pub const PATTERN_SIDE_PX_MIN: u32 = 64;

/// JPEG quality of the test picture; its hard edges come out clean.
const JPEG_QUALITY: i32 = 85;

/// What the test picture is to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PatternRequest {
    /// Width in pixels, even.
    pub width_px: u32,
    /// Height in pixels, even.
    pub height_px: u32,
    /// Frames per second.
    pub fps: f64,
    /// Pixel format.
    pub format: PixelFormat,
}

/// Why there is no test picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// The size cannot be painted.
    #[error(
        "a test pattern of {width_px}x{height_px} is not possible: expected even sides of 64 to 16384"
    )]
    Size {
        /// Width asked for.
        width_px: u32,
        /// Height asked for.
        height_px: u32,
    },
    /// The rate is none.
    #[error("a test pattern at {0} fps is not possible: expected 0.001 to 1000")]
    Rate(f64),
    /// The JPEG library failed.
    #[error("encoding the test pattern failed: {0}")]
    Encoder(#[from] turbojpeg::Error),
}

impl PatternRequest {
    /// Checks the request.
    ///
    /// # Errors
    ///
    /// [`PatternError`] names the value and what is allowed.
    pub fn check(self) -> Result<Self, PatternError> {
        let Self {
            width_px,
            height_px,
            fps,
            ..
        } = self;
        let sides = PATTERN_SIDE_PX_MIN..=SIDE_PX_MAX;
        let is_side = |side: u32| sides.contains(&side) && side.is_multiple_of(2);
        if !is_side(width_px) || !is_side(height_px) {
            return Err(PatternError::Size {
                width_px,
                height_px,
            });
        }
        if !(FPS_MIN..=FPS_MAX).contains(&fps) {
            return Err(PatternError::Rate(fps));
        }
        Ok(self)
    }

    /// The mode of such a source.
    #[must_use]
    pub fn mode(self) -> Mode {
        Mode {
            format: self.format,
            width_px: self.width_px,
            height_px: self.height_px,
            fps: self.fps,
            device: "test pattern".to_owned(),
        }
    }

    /// Most bytes of one frame.
    #[must_use]
    pub fn frame_bytes_max(self) -> u64 {
        canvas::frame_bytes(self.format, self.width_px, self.height_px)
    }
}

/// The test picture as a source.
#[derive(Debug)]
pub struct PatternSource {
    request: PatternRequest,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    canvas: Canvas,
    compressor: turbojpeg::Compressor,
    pacer: Pacer,
}

impl PatternSource {
    /// The source that `request` describes, not opened yet.
    #[must_use]
    pub const fn new(request: PatternRequest) -> Self {
        Self {
            request,
            running: None,
        }
    }
}

impl Source for PatternSource {
    fn open(&mut self) -> Result<Mode, SourceError> {
        let request = self.request.check()?;
        let mut compressor = turbojpeg::Compressor::new().map_err(PatternError::from)?;
        compressor
            .set_quality(JPEG_QUALITY)
            .map_err(PatternError::from)?;
        let canvas = Canvas::new(request.width_px as usize, request.height_px as usize);
        let pacer = Pacer::new(MonotonicNs::now(), request.fps, WhenLate::Skip);
        self.running = Some(Running {
            canvas,
            compressor,
            pacer,
        });
        Ok(request.mode())
    }

    fn next_frame(&mut self, target: FrameTarget<'_>) -> FrameOutcome {
        let request = self.request;
        let Some(running) = &mut self.running else {
            return FrameOutcome::Ended;
        };
        if !wait_until(running.pacer.next_at(), target.deadline) {
            return FrameOutcome::Nothing;
        }
        let now = MonotonicNs::now();
        let Some(due) = running.pacer.take(now) else {
            return FrameOutcome::Nothing;
        };
        if !target.gate.lets_through(due.at) {
            let driver_sequence = due.number;
            return FrameOutcome::NotNeeded { driver_sequence };
        }
        running.canvas.paint(target.sequence.0);
        let len_bytes = match write(
            &running.canvas,
            request,
            &mut running.compressor,
            target.payload,
        ) {
            Ok(len_bytes) => len_bytes,
            Err(Unwritten::Bad(bad)) => return FrameOutcome::Bad(bad),
            Err(Unwritten::Gone(error)) => return FrameOutcome::Gone(error.into()),
        };
        FrameOutcome::Frame(FilledFrame {
            len_bytes,
            meta: FrameMeta {
                format: request.format,
                width_px: request.width_px,
                height_px: request.height_px,
                stride_bytes: request.format.row_bytes(request.width_px),
                capture: due.at,
                capture_wall_us: 0,
                driver_sequence: due.number,
            },
        })
    }
}

/// Why a picture was not written.
enum Unwritten {
    Bad(BadFrame),
    Gone(PatternError),
}

/// Writes the picture into `payload`; returns its length.
fn write(
    canvas: &Canvas,
    request: PatternRequest,
    compressor: &mut turbojpeg::Compressor,
    payload: &mut [u8],
) -> Result<usize, Unwritten> {
    if request.format == PixelFormat::Mjpeg {
        return write_jpeg(canvas, compressor, payload);
    }
    let (found, capacity) = (request.frame_bytes_max(), payload.len());
    let oversize = || Unwritten::Bad(BadFrame::Oversize { found, capacity });
    let len_bytes = usize::try_from(found).map_err(|_| oversize())?;
    let out = payload.get_mut(..len_bytes).ok_or_else(oversize)?;
    match request.format {
        PixelFormat::Yuyv => canvas.write_yuyv(out),
        PixelFormat::Nv12 => canvas.write_nv12(out),
        PixelFormat::Rgb24 | PixelFormat::Mjpeg => canvas.write_rgb(out),
    }
    Ok(len_bytes)
}

/// The JPEG of a test picture is far smaller than the worst case, so it is encoded apart and only
/// then compared with the frame slot: a ring sized for real frames is enough.
fn write_jpeg(
    canvas: &Canvas,
    compressor: &mut turbojpeg::Compressor,
    payload: &mut [u8],
) -> Result<usize, Unwritten> {
    let image = turbojpeg::YuvPlanesImage {
        y_plane: &canvas.luma[..],
        u_plane: &canvas.blue[..],
        v_plane: &canvas.red[..],
        width: canvas.width_px,
        height: canvas.height_px,
        y_stride: canvas.width_px,
        u_stride: canvas.width_px / 2,
        v_stride: canvas.width_px / 2,
        subsamp: turbojpeg::Subsamp::Sub2x2,
    };
    let jpeg = compressor
        .compress_yuv_planes_to_owned(&image)
        .map_err(|error| Unwritten::Gone(error.into()))?;
    let capacity = payload.len();
    let oversize = BadFrame::Oversize {
        found: jpeg.len() as u64,
        capacity,
    };
    let out = payload
        .get_mut(..jpeg.len())
        .ok_or(Unwritten::Bad(oversize))?;
    out.copy_from_slice(&jpeg);
    Ok(jpeg.len())
}

#[cfg(test)]
#[path = "pattern_tests.rs"]
mod tests;
