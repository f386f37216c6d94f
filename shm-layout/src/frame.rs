//! What a frame is: its pixel format and the facts that travel with it.

use crate::clock::MonotonicNs;
use serde::{Deserialize, Serialize};

/// Largest width or height that is accepted anywhere, in pixels.
pub const SIDE_PX_MAX: u32 = 16_384;

/// How the bytes of a frame are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PixelFormat {
    /// One JPEG image, as a camera gives it (the Huffman tables may be missing).
    Mjpeg,
    /// Packed 4:2:2, `Y0 U Y1 V`, 2 bytes a pixel, BT.601 limited range.
    Yuyv,
    /// 4:2:0: a plane of Y, then a half-size plane of interleaved UV, both with the same stride.
    Nv12,
    /// Packed `R G B`, 3 bytes a pixel, full range.
    Rgb24,
}

impl PixelFormat {
    /// All formats, in the order of preference when a camera offers several.
    pub const ALL: [Self; 4] = [Self::Mjpeg, Self::Yuyv, Self::Nv12, Self::Rgb24];

    /// The V4L2 four-character code.
    #[must_use]
    pub const fn fourcc(self) -> [u8; 4] {
        match self {
            Self::Mjpeg => *b"MJPG",
            Self::Yuyv => *b"YUYV",
            Self::Nv12 => *b"NV12",
            Self::Rgb24 => *b"RGB3",
        }
    }

    /// The four-character code as text, e.g. `MJPG`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mjpeg => "MJPG",
            Self::Yuyv => "YUYV",
            Self::Nv12 => "NV12",
            Self::Rgb24 => "RGB3",
        }
    }

    /// The format with that four-character code, if Wigwag reads it.
    #[must_use]
    pub fn from_fourcc(code: [u8; 4]) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.fourcc() == code)
    }

    /// Bytes of the shortest row of `width_px` pixels; 0 for MJPEG, which has no rows.
    #[must_use]
    pub const fn row_bytes(self, width_px: u32) -> u32 {
        match self {
            Self::Mjpeg => 0,
            Self::Yuyv => width_px.div_ceil(2).saturating_mul(4),
            Self::Nv12 => width_px.div_ceil(2).saturating_mul(2),
            Self::Rgb24 => width_px.saturating_mul(3),
        }
    }

    /// Bytes of a whole picture with rows of `stride_bytes`; 0 for MJPEG, where any length fits.
    #[must_use]
    pub const fn image_bytes(self, stride_bytes: u32, height_px: u32) -> u64 {
        let plane = stride_bytes as u64 * height_px as u64;
        match self {
            Self::Mjpeg => 0,
            Self::Yuyv | Self::Rgb24 => plane,
            Self::Nv12 => plane + stride_bytes as u64 * height_px.div_ceil(2) as u64,
        }
    }
}

/// The facts that travel with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameMeta {
    /// How to read the bytes.
    pub format: PixelFormat,
    /// Width in pixels, 1..=[`SIDE_PX_MAX`].
    pub width_px: u32,
    /// Height in pixels, 1..=[`SIDE_PX_MAX`].
    pub height_px: u32,
    /// Bytes from one row to the next (of the Y plane for NV12); 0 for MJPEG.
    pub stride_bytes: u32,
    /// When the light was caught, as near as the source knows it.
    pub capture: MonotonicNs,
    /// The same moment on the wall clock, in microseconds since 1970.
    pub capture_wall_us: u64,
    /// The source's own number for the frame; a gap means that frames were lost before Wigwag.
    pub driver_sequence: u64,
}

impl FrameMeta {
    /// Whether a payload of `len_bytes` can hold such a frame: sides in range, rows long enough.
    #[must_use]
    pub fn fits(&self, len_bytes: usize) -> bool {
        let sides = 1..=SIDE_PX_MAX;
        sides.contains(&self.width_px)
            && sides.contains(&self.height_px)
            && len_bytes > 0
            && self.stride_bytes >= self.format.row_bytes(self.width_px)
            && self.format.image_bytes(self.stride_bytes, self.height_px) <= len_bytes as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(format: PixelFormat, width_px: u32, height_px: u32, stride_bytes: u32) -> FrameMeta {
        FrameMeta {
            format,
            width_px,
            height_px,
            stride_bytes,
            capture: MonotonicNs(1),
            capture_wall_us: 1,
            driver_sequence: 1,
        }
    }

    #[test]
    fn fits_is_exact_at_the_last_byte() {
        let cases = [
            (meta(PixelFormat::Yuyv, 640, 480, 1280), 614_400),
            (meta(PixelFormat::Rgb24, 641, 3, 1923), 5_769),
            (meta(PixelFormat::Nv12, 640, 480, 704), 704 * 720),
            (meta(PixelFormat::Nv12, 5, 5, 6), 6 * 5 + 6 * 3),
            (meta(PixelFormat::Mjpeg, 640, 480, 0), 1),
        ];
        for (meta, len_bytes) in cases {
            assert!(meta.fits(len_bytes), "{meta:?}");
            assert!(!meta.fits(len_bytes - 1), "{meta:?}");
        }
    }

    #[test]
    fn fits_refuses_short_rows_and_wild_sides() {
        assert!(!meta(PixelFormat::Rgb24, 640, 480, 640).fits(usize::MAX));
        assert!(!meta(PixelFormat::Mjpeg, 0, 480, 0).fits(100));
        assert!(!meta(PixelFormat::Mjpeg, 640, SIDE_PX_MAX + 1, 0).fits(100));
        assert!(!meta(PixelFormat::Rgb24, u32::MAX, u32::MAX, u32::MAX).fits(usize::MAX));
    }

    #[test]
    fn fourcc_round_trips() {
        for format in PixelFormat::ALL {
            assert_eq!(PixelFormat::from_fourcc(format.fourcc()), Some(format));
            assert_eq!(format.name().as_bytes(), format.fourcc());
        }
        assert_eq!(PixelFormat::from_fourcc(*b"H264"), None);
    }
}
