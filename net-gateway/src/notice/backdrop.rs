//! What a notice is written on: the last frame, dimmed, or a dark card.
//!
//! Upstream: [`super::board`], once for each time that a source falls silent. The frame's JPEG is
//! input: its size is looked at before any memory is taken for it.

use shm_layout::frame::SIDE_PX_MAX;
use thiserror::Error;
use turbojpeg::{Decompressor, Image, PixelFormat};

/// Largest picture that is drawn, in pixels; a notice of a larger source is a smaller card.
const PIXELS_MAX: u64 = 3840 * 2160;
/// Size of the card of a source whose size is not known.
const SIZE_UNKNOWN_PX: (u32, u32) = (640, 480);
/// Colour of the card.
const CARD_RGB: [u8; 3] = [23, 26, 31];
/// What is left of a dimmed frame's light, in 1/256.
const DIMMED: u32 = 64;

/// Why the last frame cannot be shown dimmed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BackdropError {
    /// It is larger than a notice may be.
    #[error("a frame of {width}x{height} is too large for a notice")]
    TooLarge {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
    },
    /// It is no JPEG that can be decoded.
    #[error("the last frame cannot be decoded")]
    Decode(#[from] turbojpeg::Error),
}

/// A picture in RGB without padding, at least one pixel large.
#[derive(Debug, Clone)]
pub struct Backdrop {
    /// Width in pixels.
    pub width_px: u32,
    /// Height in pixels.
    pub height_px: u32,
    /// Red, green and blue of each pixel, row by row.
    pub rgb: Vec<u8>,
}

impl Backdrop {
    /// A dark card of about that size; of 640x480 if either side is 0.
    #[must_use]
    pub fn card(width_px: u32, height_px: u32) -> Self {
        let (width_px, height_px) = card_size(width_px, height_px);
        let pixels = width_px as usize * height_px as usize;
        Self {
            width_px,
            height_px,
            rgb: CARD_RGB.repeat(pixels),
        }
    }

    /// The frame in `jpeg` with little of its light and half of its colour.
    ///
    /// # Errors
    ///
    /// [`BackdropError`] when it is no JPEG, or too large.
    pub fn dimmed(jpeg: &[u8]) -> Result<Self, BackdropError> {
        let mut decompressor = Decompressor::new()?;
        let header = decompressor.read_header(jpeg)?;
        let (width, height) = (header.width, header.height);
        let sides = 1..=SIDE_PX_MAX as usize;
        let fits = sides.contains(&width) && sides.contains(&height);
        if !fits || width as u64 * height as u64 > PIXELS_MAX {
            return Err(BackdropError::TooLarge { width, height });
        }
        let mut rgb = vec![0; width * height * 3];
        let image = Image {
            pixels: rgb.as_mut_slice(),
            width,
            pitch: width * 3,
            height,
            format: PixelFormat::RGB,
        };
        decompressor.decompress(jpeg, image)?;
        for pixel in rgb.chunks_exact_mut(3) {
            let grey = pixel.iter().map(|value| u32::from(*value)).sum::<u32>() / 3;
            for value in pixel {
                *value = ((u32::from(*value) + grey) / 2 * DIMMED / 256) as u8;
            }
        }
        // Both fit, as their range was checked.
        Ok(Self {
            width_px: width as u32,
            height_px: height as u32,
            rgb,
        })
    }
}

/// The size of a card for a source of that size: the same, unless it is unknown or too large.
fn card_size(width_px: u32, height_px: u32) -> (u32, u32) {
    if width_px == 0 || height_px == 0 {
        return SIZE_UNKNOWN_PX;
    }
    let (mut width, mut height) = (width_px.min(SIDE_PX_MAX), height_px.min(SIDE_PX_MAX));
    while u64::from(width) * u64::from(height) > PIXELS_MAX {
        (width, height) = (width.div_ceil(2), height.div_ceil(2));
    }
    (width, height)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg_of(rgb: [u8; 3], width: usize, height: usize) -> Vec<u8> {
        let image = Image {
            pixels: rgb.repeat(width * height),
            width,
            pitch: width * 3,
            height,
            format: PixelFormat::RGB,
        };
        let image = image.as_deref();
        turbojpeg::compress(image, 90, turbojpeg::Subsamp::Sub2x2)
            .unwrap()
            .to_vec()
    }

    #[test]
    fn a_frame_keeps_its_size_and_shape_but_little_of_its_light() {
        let backdrop = Backdrop::dimmed(&jpeg_of([250, 120, 60], 50, 30)).unwrap();
        assert_eq!((backdrop.width_px, backdrop.height_px), (50, 30));
        assert_eq!(backdrop.rgb.len(), 50 * 30 * 3);
        let pixel = &backdrop.rgb[..3];
        assert!(pixel.iter().all(|value| *value < 80), "{pixel:?}");
        assert!(pixel[0] > pixel[2], "some colour is left: {pixel:?}");
        assert!(pixel[2] > 20, "it can still be made out: {pixel:?}");
    }

    #[test]
    fn what_is_no_jpeg_or_far_too_large_is_refused_before_memory_is_taken() {
        assert!(Backdrop::dimmed(b"").is_err());
        assert!(Backdrop::dimmed(&[0x5a; 5000]).is_err());
        let mut huge = jpeg_of([9; 3], 16, 16);
        // The size in the frame header: after the marker, its length and the precision.
        let header = huge.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
        huge[header + 5..header + 9].copy_from_slice(&[0x40, 0, 0x40, 0]);
        assert!(matches!(
            Backdrop::dimmed(&huge),
            Err(BackdropError::TooLarge { .. })
        ));
    }

    #[test]
    fn a_card_has_the_sources_size_within_bounds() {
        for (asked, got) in [
            ((1280, 720), (1280, 720)),
            ((0, 0), (640, 480)),
            ((640, 0), (640, 480)),
            ((3840, 2160), (3840, 2160)),
            ((7680, 4320), (3840, 2160)),
            ((u32::MAX, 1), (SIDE_PX_MAX, 1)),
        ] {
            assert_eq!(card_size(asked.0, asked.1), got, "{asked:?}");
        }
        let card = Backdrop::card(32, 16);
        assert_eq!(card.rgb.len(), 32 * 16 * 3);
        assert_eq!(card.rgb[..3], CARD_RGB);
    }
}
