//! Pictures: what a frame or a file becomes before a network reads it.
//!
//! - [`jpeg`] decodes frames and files, scaled down where that is enough;
//! - [`mjpeg`] splits a clip into its JPEGs;
//! - [`raw`] converts YUYV, NV12 and RGB24; [`png`] reads files for `predict`.
//!
//! Neighbours: `run` and `predict` fill a [`Picture`], `hand::crop` cuts from it. All bytes that
//! come in are input from a camera or a client: sizes are checked against named limits first.

pub mod jpeg;
pub mod mjpeg;
pub mod png;
pub mod raw;

/// Most pixels of a camera frame: 4096 x 4096, twice a 4K frame. An RGB picture of that size takes
/// 50 MB.
pub const FRAME_PIXELS_MAX: usize = 4096 * 4096;
/// Most pixels of an image file for `predict`: 8192 x 8192 holds what telephones take.
pub const FILE_PIXELS_MAX: usize = 8192 * 8192;

/// Why an image cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The header asks for more than the limit, or for nothing.
    #[error("image of {width_px}x{height_px} pixels (expected 1 to {pixels_max} pixels in all)")]
    Size {
        /// Width that the header states.
        width_px: usize,
        /// Height that the header states.
        height_px: usize,
        /// The limit that was in force.
        pixels_max: usize,
    },
    /// The JPEG decoder refused the bytes.
    #[error("not a readable JPEG: {0}")]
    Jpeg(String),
    /// The PNG decoder refused the bytes.
    #[error("not a readable PNG: {0}")]
    Png(String),
    /// The bytes of a raw frame do not match its stated size.
    #[error("{format} frame of {width_px}x{height_px} pixels does not fit its {len_bytes} bytes")]
    Raw {
        /// Name of the pixel format.
        format: &'static str,
        /// Width that the frame states.
        width_px: u32,
        /// Height that the frame states.
        height_px: u32,
        /// Bytes that the frame has.
        len_bytes: usize,
    },
    /// The first bytes belong to no format that is read.
    #[error("neither a JPEG nor a PNG image")]
    UnknownFormat,
}

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Width in pixels.
    pub width_px: usize,
    /// Height in pixels.
    pub height_px: usize,
}

/// By how much a JPEG is scaled down while it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denominator {
    /// Full size.
    One,
    /// Half of each side.
    Two,
    /// A quarter of each side.
    Four,
    /// An eighth of each side.
    Eight,
}

impl Denominator {
    /// The number itself.
    #[must_use]
    pub const fn get(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
            Self::Eight => 8,
        }
    }
}

/// An RGB picture that is used again for each frame, so that memory is taken once.
#[derive(Debug, Default)]
pub struct Picture {
    /// Width as decoded, in pixels.
    pub width_px: usize,
    /// Height as decoded, in pixels.
    pub height_px: usize,
    /// `[height, width, 3]`, RGB, rows without gaps.
    pub pixels: Vec<u8>,
    frame_width_px: usize,
    frame_height_px: usize,
}

impl Picture {
    /// Makes room for a picture of `width_px` x `height_px`, decoded from a frame of
    /// `frame_width_px` x `frame_height_px`. The pixels hold whatever they held before.
    pub fn resize(
        &mut self,
        width_px: usize,
        height_px: usize,
        frame_width_px: usize,
        frame_height_px: usize,
    ) {
        self.width_px = width_px;
        self.height_px = height_px;
        self.frame_width_px = frame_width_px;
        self.frame_height_px = frame_height_px;
        self.pixels.resize(width_px * height_px * 3, 0);
    }

    /// Adds `added` pixels on every side, in the colours of the edge, to a picture of full size.
    ///
    /// # Errors
    /// [`ImageError::Size`] when the result has more than [`FILE_PIXELS_MAX`] pixels.
    pub fn extend(&mut self, added: usize) -> Result<(), ImageError> {
        let (width, height) = (self.width_px, self.height_px);
        if added == 0 || width == 0 || height == 0 {
            return Ok(());
        }
        let grown = |side: usize| side.saturating_add(added.saturating_mul(2));
        let size = check_size(grown(width), grown(height), FILE_PIXELS_MAX)?;
        let old = std::mem::take(&mut self.pixels);
        self.resize(size.width_px, size.height_px, size.width_px, size.height_px);
        for (y, row) in self.pixels.chunks_exact_mut(size.width_px * 3).enumerate() {
            let from = y.saturating_sub(added).min(height - 1) * width;
            for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
                let at = (from + x.saturating_sub(added).min(width - 1)) * 3;
                pixel.copy_from_slice(&old[at..at + 3]);
            }
        }
        Ok(())
    }

    /// The size of the frame that it was decoded from.
    #[must_use]
    pub fn frame_size(&self) -> Size {
        Size {
            width_px: self.frame_width_px,
            height_px: self.frame_height_px,
        }
    }

    /// Pixels of the picture per pixel of the frame, for x and y.
    #[must_use]
    pub fn scale(&self) -> [f32; 2] {
        [
            self.width_px as f32 / self.frame_width_px.max(1) as f32,
            self.height_px as f32 / self.frame_height_px.max(1) as f32,
        ]
    }
}

/// Refuses a size of nothing or of more than `pixels_max` pixels.
///
/// # Errors
/// [`ImageError::Size`].
fn check_size(width_px: usize, height_px: usize, pixels_max: usize) -> Result<Size, ImageError> {
    match width_px.checked_mul(height_px) {
        Some(pixels) if (1..=pixels_max).contains(&pixels) => Ok(Size {
            width_px,
            height_px,
        }),
        _ => Err(ImageError::Size {
            width_px,
            height_px,
            pixels_max,
        }),
    }
}

/// Decodes an image file at full size, by its first bytes.
///
/// # Errors
/// [`ImageError`] when it is neither JPEG nor PNG, too large or damaged.
pub fn decode_file(bytes: &[u8], picture: &mut Picture) -> Result<(), ImageError> {
    if bytes.starts_with(&[0xFF, 0xD8]) {
        return jpeg::decode(bytes, FILE_PIXELS_MAX, |_| Denominator::One, picture);
    }
    if bytes.starts_with(b"\x89PNG") {
        return png::decode(bytes, FILE_PIXELS_MAX, picture);
    }
    Err(ImageError::UnknownFormat)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_size_knows_both_ends_and_does_not_overflow() {
        assert!(check_size(1, 1, 100).is_ok());
        assert!(check_size(10, 10, 100).is_ok());
        assert!(check_size(10, 11, 100).is_err());
        assert!(check_size(0, 10, 100).is_err());
        assert!(check_size(usize::MAX, 2, 100).is_err());
    }

    #[test]
    fn extend_repeats_the_edge() {
        let mut picture = Picture::default();
        picture.resize(2, 1, 2, 1);
        picture.pixels = vec![1, 1, 1, 2, 2, 2];
        picture.extend(1).expect("small");
        assert_eq!((picture.width_px, picture.height_px), (4, 3));
        let row = [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2];
        assert_eq!(picture.pixels, row.repeat(3));
        assert_eq!(picture.frame_size().width_px, 4);
        assert!(picture.extend(FILE_PIXELS_MAX).is_err());
    }

    #[test]
    fn decode_file_names_what_it_wanted() {
        let error = decode_file(b"GIF89a", &mut Picture::default()).expect_err("not read");
        assert_eq!(error.to_string(), "neither a JPEG nor a PNG image");
    }
}
