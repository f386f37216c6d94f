//! What a notice is written on: the last frame, dimmed, or a dark card.
//!
//! Upstream: [`super::board`], once for each time that a source falls silent.

use crate::drawing::Canvas;
use crate::drawing::canvas::Rgb;
use crate::drawing::decode::{DecodeError, Decoder, PIXELS_MAX};
use shm_layout::frame::SIDE_PX_MAX;

/// Size of the card of a source whose size is not known.
const SIZE_UNKNOWN_PX: (u32, u32) = (640, 480);
/// Colour of the card.
const CARD_RGB: Rgb = [23, 26, 31];
/// What is left of a dimmed frame's light, in 1/256.
const DIMMED: u32 = 64;

/// A dark card of about that size; of 640x480 if either side is 0.
#[must_use]
pub fn card(width_px: u32, height_px: u32) -> Canvas {
    let (width_px, height_px) = card_size(width_px, height_px);
    Canvas::filled(width_px, height_px, CARD_RGB)
}

/// The frame in `jpeg` with little of its light and half of its colour.
///
/// # Errors
///
/// [`DecodeError`] when it is no JPEG, or too large.
pub fn dimmed(jpeg: &[u8]) -> Result<Canvas, DecodeError> {
    let mut canvas = Canvas::default();
    Decoder::new()?.decode(jpeg, SIDE_PX_MAX, &mut canvas)?;
    for pixel in canvas.rgb.chunks_exact_mut(3) {
        let grey = pixel.iter().map(|value| u32::from(*value)).sum::<u32>() / 3;
        for value in pixel {
            *value = ((u32::from(*value) + grey) / 2 * DIMMED / 256) as u8;
        }
    }
    Ok(canvas)
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
    use turbojpeg::{Image, PixelFormat};

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
        let backdrop = dimmed(&jpeg_of([250, 120, 60], 50, 30)).unwrap();
        assert_eq!((backdrop.width_px, backdrop.height_px), (50, 30));
        assert_eq!(backdrop.rgb.len(), 50 * 30 * 3);
        let pixel = &backdrop.rgb[..3];
        assert!(pixel.iter().all(|value| *value < 80), "{pixel:?}");
        assert!(pixel[0] > pixel[2], "some colour is left: {pixel:?}");
        assert!(pixel[2] > 20, "it can still be made out: {pixel:?}");
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
        let card = card(32, 16);
        assert_eq!(card.rgb.len(), 32 * 16 * 3);
        assert_eq!(card.rgb[..3], CARD_RGB);
    }
}
