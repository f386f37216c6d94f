//! Reads a JPEG back, so that the checks can tell what a viewer sees.
//!
//! Neighbours: `main.rs` prints this for the guest's checks; `picture.rs` draws what is looked for
//! here. It uses a decoder that the product does not use, on purpose.

use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use crate::picture::THIRDS_RGB;

/// How far a flat colour may be off after one conversion and one JPEG; a mistaken range (limited
/// for full) is off by up to 16.
const COLOUR_TOLERANCE: i32 = 9;

/// Why a file is no whole picture.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The start or end marker is missing; decoders forgive a missing end, a test must not.
    #[error("the {0} marker is missing")]
    Marker(&'static str),
    /// The decoder refuses the file.
    #[error("{0:?}")]
    Damaged(DecodeErrors),
}

/// A decoded picture.
#[derive(Debug)]
pub struct Decoded {
    /// Width in pixels.
    pub width_px: usize,
    /// Height in pixels.
    pub height_px: usize,
    /// `[H, W, 3]` u8 RGB row-major.
    rgb: Vec<u8>,
}

impl Decoded {
    /// Decodes a whole JPEG; strict, so that a damaged one is an error.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] for anything that is not one complete JPEG.
    pub fn from_jpeg(bytes: &[u8]) -> Result<Self, DecodeError> {
        if !bytes.starts_with(&[0xff, 0xd8]) {
            return Err(DecodeError::Marker("start of image (ff d8)"));
        }
        if !bytes.ends_with(&[0xff, 0xd9]) {
            return Err(DecodeError::Marker("end of image (ff d9)"));
        }
        let options = DecoderOptions::default()
            .set_strict_mode(true)
            .jpeg_set_out_colorspace(ColorSpace::RGB);
        let mut decoder = JpegDecoder::new_with_options(bytes, options);
        let rgb = decoder.decode().map_err(DecodeError::Damaged)?;
        let no_size = DecodeError::Damaged(DecodeErrors::FormatStatic("no picture size"));
        let (width_px, height_px) = decoder.dimensions().ok_or(no_size)?;
        Ok(Self {
            width_px,
            height_px,
            rgb,
        })
    }

    /// The colour at a place given in fractions of width and height; clamped into the picture.
    #[must_use]
    pub fn colour(&self, x: f64, y: f64) -> [u8; 3] {
        let column = ((x * self.width_px as f64) as usize).min(self.width_px - 1);
        let row = ((y * self.height_px as f64) as usize).min(self.height_px - 1);
        let at = (row * self.width_px + column) * 3;
        [self.rgb[at], self.rgb[at + 1], self.rgb[at + 2]]
    }

    /// The counter in the bottom band; `None` where a digit is neither black nor white.
    #[must_use]
    pub fn counter(&self) -> Option<usize> {
        (0..4).try_fold(0, |counter, digit| {
            match self.colour((f64::from(digit) + 0.5) / 4.0, 0.94) {
                [r, g, b] if r.min(g).min(b) > 190 => Some(counter | 1 << digit),
                [r, g, b] if r.max(g).max(b) < 65 => Some(counter),
                _ => None,
            }
        })
    }

    /// The three thirds have the colours that the camera sends.
    #[must_use]
    pub fn shows_scene(&self) -> bool {
        THIRDS_RGB.iter().enumerate().all(|(index, expected)| {
            let seen = self.colour((index as f64 + 0.5) / 3.0, 0.4);
            let off = |channel: usize| i32::from(seen[channel]) - i32::from(expected[channel]);
            (0..3).all(|channel| off(channel).abs() <= COLOUR_TOLERANCE)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Library;

    #[test]
    fn half_a_jpeg_is_an_error() {
        let library = Library::default();
        let jpeg = library.jpeg(0, 3).unwrap();
        assert!(Decoded::from_jpeg(jpeg).is_ok());
        let half = Decoded::from_jpeg(&jpeg[..jpeg.len() / 2]);
        assert!(matches!(half, Err(DecodeError::Marker(_))), "{half:?}");
    }
}
