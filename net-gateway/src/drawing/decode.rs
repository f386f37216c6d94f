//! A JPEG as a canvas, at a fraction of its size if that is enough.
//!
//! The JPEG is input: size and number of scans are looked at before memory or time is spent on it.

use super::canvas::Canvas;
use shm_layout::frame::SIDE_PX_MAX;
use thiserror::Error;
use turbojpeg::{Decompressor, Image, PixelFormat, ScalingFactor};

/// Largest picture that is decoded, in pixels: 4K.
pub const PIXELS_MAX: u64 = 3840 * 2160;
/// Most scans of a progressive JPEG: encoders make about ten, and each costs a whole pass.
const SCANS_MAX: u32 = 64;

/// Why a JPEG cannot be decoded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// It is larger than [`PIXELS_MAX`], or a side has no pixel.
    #[error(
        "a frame of {width}x{height} is too large to draw on, expected at most {PIXELS_MAX} pixels"
    )]
    TooLarge {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
    },
    /// It is no JPEG that can be decoded.
    #[error("the frame cannot be decoded")]
    Decode(#[from] turbojpeg::Error),
}

/// A decoder with its scratch memory.
#[derive(Debug)]
pub struct Decoder(Decompressor);

impl Decoder {
    /// A decoder without any memory yet.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Decode`] when libjpeg-turbo cannot be set up.
    pub fn new() -> Result<Self, DecodeError> {
        Ok(Self(decompressor()?))
    }

    /// Width and height of the picture in `jpeg`, in pixels.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when it is no JPEG, or a side is beyond what a frame may have.
    pub fn size(&mut self, jpeg: &[u8]) -> Result<(u32, u32), DecodeError> {
        let header = match self.0.read_header(jpeg) {
            Ok(header) => header,
            Err(error) => return Err(self.start_over(error)),
        };
        let (width, height) = (header.width, header.height);
        let sides = 1..=SIDE_PX_MAX as usize;
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(DecodeError::TooLarge { width, height });
        }
        // Both fit, as their range was checked.
        Ok((width as u32, height as u32))
    }

    /// Decodes `jpeg` into `canvas`: whole, or at the smallest size that libjpeg-turbo can reach
    /// without more work and that is at least `width_px` wide.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when it is no JPEG, or too large even so.
    pub fn decode(
        &mut self,
        jpeg: &[u8],
        width_px: u32,
        canvas: &mut Canvas,
    ) -> Result<(), DecodeError> {
        let (whole_width, whole_height) = self.size(jpeg)?;
        let scale = scale(whole_width, width_px);
        let (width, height) = (
            scale.scale(whole_width as usize),
            scale.scale(whole_height as usize),
        );
        if width as u64 * height as u64 > PIXELS_MAX {
            return Err(DecodeError::TooLarge { width, height });
        }
        self.0.set_scaling_factor(scale)?;
        canvas.resize(width as u32, height as u32);
        let image = Image {
            pixels: canvas.rgb.as_mut_slice(),
            width,
            pitch: width * 3,
            height,
            format: PixelFormat::RGB,
        };
        match self.0.decompress(jpeg, image) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.start_over(error)),
        }
    }

    /// After an error libjpeg-turbo may stand in the middle of that JPEG, and would then refuse the
    /// next one: a new one takes its place.
    fn start_over(&mut self, error: turbojpeg::Error) -> DecodeError {
        match decompressor() {
            Ok(fresh) => self.0 = fresh,
            Err(error) => return error.into(),
        }
        error.into()
    }
}

fn decompressor() -> Result<Decompressor, turbojpeg::Error> {
    let mut decompressor = Decompressor::new()?;
    decompressor.set_scan_limit(SCANS_MAX)?;
    Ok(decompressor)
}

/// The smallest of 1/8, 1/4, 1/2 and 1 that leaves at least `wanted` of `whole` pixels.
fn scale(whole: u32, wanted: u32) -> ScalingFactor {
    let smaller = [
        ScalingFactor::ONE_EIGHTH,
        ScalingFactor::ONE_QUARTER,
        ScalingFactor::ONE_HALF,
    ];
    smaller
        .into_iter()
        .find(|scale| scale.scale(whole as usize) >= wanted as usize)
        .unwrap_or(ScalingFactor::ONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg(width: usize, height: usize) -> Vec<u8> {
        let image = Image {
            pixels: [250, 120, 60].repeat(width * height),
            width,
            pitch: width * 3,
            height,
            format: PixelFormat::RGB,
        };
        turbojpeg::compress(image.as_deref(), 90, turbojpeg::Subsamp::Sub2x2)
            .unwrap()
            .to_vec()
    }

    #[test]
    fn picture_is_as_small_as_decoding_can_make_it() {
        let (mut decoder, mut canvas) = (Decoder::new().unwrap(), Canvas::default());
        let jpeg = jpeg(640, 480);
        for (wanted, got) in [
            (640, (640, 480)),
            (10_000, (640, 480)),
            (321, (640, 480)),
            (320, (320, 240)),
            (100, (160, 120)),
            (1, (80, 60)),
        ] {
            decoder.decode(&jpeg, wanted, &mut canvas).unwrap();
            assert_eq!((canvas.width_px, canvas.height_px), got, "{wanted}");
            assert_eq!(canvas.rgb.len() as u32, got.0 * got.1 * 3);
            let pixel = &canvas.rgb[..3];
            assert!(pixel[0] > 240 && pixel[1].abs_diff(120) < 8, "{pixel:?}");
        }
    }

    #[test]
    fn what_is_no_jpeg_or_far_too_large_is_refused_before_memory_is_taken() {
        let (mut decoder, mut canvas) = (Decoder::new().unwrap(), Canvas::default());
        assert!(decoder.decode(b"", 10, &mut canvas).is_err());
        assert!(decoder.decode(&[0x5a; 5000], 10, &mut canvas).is_err());
        let mut huge = jpeg(16, 16);
        // The size in the frame header: after the marker, its length and the precision.
        let header = huge.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
        huge[header + 5..header + 9].copy_from_slice(&[0x40, 0, 0x40, 0]);
        assert!(matches!(
            decoder.decode(&huge, 16_384, &mut canvas),
            Err(DecodeError::TooLarge { .. })
        ));
        huge[header + 5..header + 9].copy_from_slice(&[0xff, 0xff, 0xff, 0xff]);
        assert!(decoder.decode(&huge, 1, &mut canvas).is_err());
        assert!(canvas.rgb.is_empty());
        decoder.decode(&jpeg(16, 16), 16, &mut canvas).unwrap();
    }
}
