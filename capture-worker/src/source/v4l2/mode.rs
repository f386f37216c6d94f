//! Which of the modes that a camera offers is used: a pure choice over the enumerated list.
//!
//! Neighbours: `device` enumerates, `stream` sets what was chosen and checks what the driver made
//! of it. Nothing here touches a device.

use serde::Serialize;
use shm_layout::PixelFormat;

/// Size and rate that are used where a request names none.
const WIDTH_PX_DEFAULT: u32 = 640;
const HEIGHT_PX_DEFAULT: u32 = 480;
const FPS_DEFAULT: u32 = 30;

/// 29.97 fps serve somebody who asked for 30.
const FPS_TOLERANCE: f64 = 0.5;

/// What the config asks of a camera; 0 stands for "the usual".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WantedMode {
    /// Width in pixels.
    pub width_px: u32,
    /// Height in pixels.
    pub height_px: u32,
    /// Frames per second.
    pub fps: u32,
    /// Pixel format; `None` = any.
    pub format: Option<PixelFormat>,
}

impl WantedMode {
    /// The same with every 0 replaced by its default.
    #[must_use]
    pub const fn with_defaults(self) -> Self {
        const fn or(value: u32, default: u32) -> u32 {
            if value == 0 { default } else { value }
        }
        Self {
            width_px: or(self.width_px, WIDTH_PX_DEFAULT),
            height_px: or(self.height_px, HEIGHT_PX_DEFAULT),
            fps: or(self.fps, FPS_DEFAULT),
            format: self.format,
        }
    }
}

/// A pixel format that a camera offers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OfferedFormat {
    /// Four-character code, e.g. `MJPG`.
    pub fourcc: String,
    /// The driver's words for it.
    pub description: String,
    /// Whether Wigwag reads it.
    pub usable: bool,
    /// Its sizes.
    pub sizes: Vec<OfferedSize>,
    /// The code as the kernel writes it.
    #[serde(skip)]
    pub code: [u8; 4],
}

/// A size, or a range of sizes, of a format.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OfferedSize {
    /// Smallest width in pixels; the only one for a fixed size.
    pub width_px: u32,
    /// Smallest height in pixels; the only one for a fixed size.
    pub height_px: u32,
    /// Largest width, and the step between widths, if it is a range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<SizeRange>,
    /// Frames per second, fastest first; empty if the driver does not say. For a range of rates
    /// the fastest and the slowest.
    pub fps: Vec<f64>,
    /// Whether every rate between the fastest and the slowest is offered.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub any_fps_between: bool,
}

/// The upper end of a range of sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SizeRange {
    /// Largest width in pixels.
    pub width_px_max: u32,
    /// Largest height in pixels.
    pub height_px_max: u32,
    /// Step between widths in pixels, at least 1.
    pub width_px_step: u32,
    /// Step between heights in pixels, at least 1.
    pub height_px_step: u32,
}

impl OfferedSize {
    /// The size of this entry that is nearest to the one asked for.
    #[must_use]
    pub fn nearest(&self, width_px: u32, height_px: u32) -> (u32, u32) {
        let Some(range) = self.range else {
            return (self.width_px, self.height_px);
        };
        (
            nearest_step(
                width_px,
                self.width_px,
                range.width_px_max,
                range.width_px_step,
            ),
            nearest_step(
                height_px,
                self.height_px,
                range.height_px_max,
                range.height_px_step,
            ),
        )
    }

    /// The rate for somebody who wants `fps`: the slowest that is fast enough, else the fastest.
    /// `None` if the driver does not say.
    #[must_use]
    pub fn rate(&self, fps: f64) -> Option<f64> {
        let fastest = self.fps.iter().copied().max_by(f64::total_cmp)?;
        let slowest = self.fps.iter().copied().min_by(f64::total_cmp)?;
        if self.any_fps_between {
            return Some(fps.clamp(slowest, fastest));
        }
        let enough = self
            .fps
            .iter()
            .copied()
            .filter(|rate| *rate >= fps - FPS_TOLERANCE);
        Some(enough.min_by(f64::total_cmp).unwrap_or(fastest))
    }
}

/// `wanted` brought into `min..=max` and onto a step.
fn nearest_step(wanted: u32, min: u32, max: u32, step: u32) -> u32 {
    let (min, max, step) = (min, max.max(min), step.max(1));
    let above = wanted.clamp(min, max) - min;
    // Rounding up may leave the range, whose end need not lie on a step.
    let rounded = above.saturating_add(step / 2) / step * step;
    if rounded > max - min {
        min + (max - min) / step * step
    } else {
        min + rounded
    }
}

/// A mode to ask the driver for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChosenMode {
    /// Pixel format.
    pub format: PixelFormat,
    /// The driver's code for it.
    pub fourcc: [u8; 4],
    /// Width in pixels.
    pub width_px: u32,
    /// Height in pixels.
    pub height_px: u32,
    /// Frames per second.
    pub fps: f64,
}

/// The pixel format that a V4L2 code stands for; `JPEG` is what some drivers call MJPEG.
#[must_use]
pub fn known_format(code: [u8; 4]) -> Option<PixelFormat> {
    if code == *b"JPEG" {
        Some(PixelFormat::Mjpeg)
    } else {
        PixelFormat::from_fourcc(code)
    }
}

/// Picks the mode to use: the size asked for before all else, then the format that costs least
/// to move and to show (MJPEG), then a rate that is fast enough; where there is no exact fit, the
/// nearest. `None` if no offered format is both allowed and known.
#[must_use]
pub fn choose(offered: &[OfferedFormat], wanted: WantedMode) -> Option<ChosenMode> {
    let wanted = wanted.with_defaults();
    let mut best: Option<(Rank, ChosenMode)> = None;
    for (format, entry) in offered
        .iter()
        .filter_map(|entry| Some((known_format(entry.code)?, entry)))
    {
        if wanted.format.is_some_and(|wanted| wanted != format) {
            continue;
        }
        for size in &entry.sizes {
            let (width_px, height_px) = size.nearest(wanted.width_px, wanted.height_px);
            let fps = size
                .rate(f64::from(wanted.fps))
                .unwrap_or(f64::from(wanted.fps));
            let mode = ChosenMode {
                format,
                fourcc: entry.code,
                width_px,
                height_px,
                fps,
            };
            let rank = Rank::of(&mode, wanted);
            if best
                .as_ref()
                .is_none_or(|(best, _)| rank.is_better_than(best))
            {
                best = Some((rank, mode));
            }
        }
    }
    best.map(|(_, mode)| mode)
}

/// How far a mode is from what is wanted; compared from the first field to the last.
struct Rank {
    size_error_px: u64,
    is_smaller: bool,
    format: usize,
    fps_missing: f64,
    fps_beyond: f64,
}

impl Rank {
    fn of(mode: &ChosenMode, wanted: WantedMode) -> Self {
        let off = |found: u32, wanted: u32| u64::from(found.abs_diff(wanted));
        let fps = f64::from(wanted.fps);
        let missing = fps - mode.fps;
        Self {
            size_error_px: off(mode.width_px, wanted.width_px)
                + off(mode.height_px, wanted.height_px),
            is_smaller: mode.width_px < wanted.width_px || mode.height_px < wanted.height_px,
            format: PixelFormat::ALL
                .iter()
                .position(|format| *format == mode.format)
                .unwrap_or(0),
            fps_missing: if missing > FPS_TOLERANCE {
                missing
            } else {
                0.0
            },
            fps_beyond: (mode.fps - fps).max(0.0),
        }
    }

    fn is_better_than(&self, other: &Self) -> bool {
        self.size_error_px
            .cmp(&other.size_error_px)
            .then(self.is_smaller.cmp(&other.is_smaller))
            .then(self.format.cmp(&other.format))
            .then(self.fps_missing.total_cmp(&other.fps_missing))
            .then(self.fps_beyond.total_cmp(&other.fps_beyond))
            .is_lt()
    }
}

#[cfg(test)]
#[path = "mode_tests.rs"]
mod tests;
