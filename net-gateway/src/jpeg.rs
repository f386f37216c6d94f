//! Raw frames and drawn pictures to JPEG.
//!
//! Upstream: [`crate::pump`] calls it once per raw frame, with the leased bytes, and only while
//! somebody watches; [`crate::notice`] and [`crate::rendition`] with what they drew. It must never
//! see an MJPEG frame: those pass through untouched.

use crate::drawing::Canvas;
use shm_layout::{FrameMeta, PixelFormat};
use thiserror::Error;
use turbojpeg::{Compressor, Image, OwnedBuf, Subsamp};
use yuv::{
    YuvBiPlanarImage, YuvConversionMode, YuvPackedImage, YuvRange, YuvStandardMatrix,
    yuv_nv12_to_rgb, yuyv422_to_rgb,
};

/// Why a frame could not be encoded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The payload is shorter than its own description says, or is no raw picture.
    #[error("a {format} frame of {width_px}x{height_px} does not fit its {len_bytes} bytes")]
    Shape {
        /// Four-character code.
        format: &'static str,
        /// Width in pixels.
        width_px: u32,
        /// Height in pixels.
        height_px: u32,
        /// Bytes of the payload.
        len_bytes: usize,
    },
    /// The colour conversion refused it.
    #[error("cannot convert the frame to RGB")]
    Convert(#[source] yuv::YuvError),
    /// libjpeg-turbo refused it.
    #[error("cannot encode the frame as JPEG")]
    Compress(#[from] turbojpeg::Error),
}

/// An encoder with its scratch memory; one per source, made when the first viewer comes.
#[derive(Debug)]
pub struct Encoder {
    compressor: Compressor,
    rgb: Vec<u8>,
}

impl Encoder {
    /// An encoder of `quality`, 1..=100.
    ///
    /// # Errors
    ///
    /// [`EncodeError::Compress`] when libjpeg-turbo cannot be set up.
    pub fn new(quality: u8) -> Result<Self, EncodeError> {
        let mut compressor = Compressor::new()?;
        compressor.set_quality(i32::from(quality.clamp(1, 100)))?;
        compressor.set_subsamp(Subsamp::Sub2x2)?;
        Ok(Self {
            compressor,
            rgb: Vec::new(),
        })
    }

    /// Encodes `payload`, which `meta` describes.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when the payload is not the picture that `meta` describes.
    pub fn encode(&mut self, meta: &FrameMeta, payload: &[u8]) -> Result<OwnedBuf, EncodeError> {
        let shape = || EncodeError::Shape {
            format: meta.format.name(),
            width_px: meta.width_px,
            height_px: meta.height_px,
            len_bytes: payload.len(),
        };
        if !meta.fits(payload.len()) {
            return Err(shape());
        }
        let (pixels, pitch): (&[u8], u32) = match meta.format {
            PixelFormat::Mjpeg => return Err(shape()),
            PixelFormat::Rgb24 => (payload, meta.stride_bytes),
            PixelFormat::Yuyv => (
                rgb_of_yuyv(&mut self.rgb, meta, payload)?,
                meta.width_px * 3,
            ),
            PixelFormat::Nv12 => (
                rgb_of_nv12(&mut self.rgb, meta, payload)?,
                meta.width_px * 3,
            ),
        };
        let image = Image {
            pixels,
            width: meta.width_px as usize,
            pitch: pitch as usize,
            height: meta.height_px as usize,
            format: turbojpeg::PixelFormat::RGB,
        };
        Ok(self.compressor.compress_to_owned(image)?)
    }

    /// Encodes a picture that was drawn here.
    ///
    /// # Errors
    ///
    /// [`EncodeError::Compress`] when libjpeg-turbo refuses it.
    pub fn encode_rgb(&mut self, canvas: &Canvas) -> Result<OwnedBuf, EncodeError> {
        let image = Image {
            pixels: canvas.rgb.as_slice(),
            width: canvas.width_px as usize,
            pitch: canvas.width_px as usize * 3,
            height: canvas.height_px as usize,
            format: turbojpeg::PixelFormat::RGB,
        };
        Ok(self.compressor.compress_to_owned(image)?)
    }
}

fn rgb_of_yuyv<'a>(
    rgb: &'a mut Vec<u8>,
    meta: &FrameMeta,
    payload: &[u8],
) -> Result<&'a [u8], EncodeError> {
    let image = YuvPackedImage {
        yuy: payload,
        yuy_stride: meta.stride_bytes,
        width: meta.width_px,
        height: meta.height_px,
    };
    let rgb = sized(rgb, meta);
    yuyv422_to_rgb(
        &image,
        rgb,
        meta.width_px * 3,
        YuvRange::Limited,
        YuvStandardMatrix::Bt601,
    )
    .map_err(EncodeError::Convert)?;
    Ok(rgb)
}

fn rgb_of_nv12<'a>(
    rgb: &'a mut Vec<u8>,
    meta: &FrameMeta,
    payload: &[u8],
) -> Result<&'a [u8], EncodeError> {
    let y_len = meta.stride_bytes as usize * meta.height_px as usize;
    let (y_plane, uv_plane) = payload.split_at(y_len.min(payload.len()));
    let image = YuvBiPlanarImage {
        y_plane,
        y_stride: meta.stride_bytes,
        uv_plane,
        uv_stride: meta.stride_bytes,
        width: meta.width_px,
        height: meta.height_px,
    };
    let rgb = sized(rgb, meta);
    yuv_nv12_to_rgb(
        &image,
        rgb,
        meta.width_px * 3,
        YuvRange::Limited,
        YuvStandardMatrix::Bt601,
        YuvConversionMode::Balanced,
    )
    .map_err(EncodeError::Convert)?;
    Ok(rgb)
}

/// Scratch memory for exactly one RGB picture. The sides were checked by [`FrameMeta::fits`].
fn sized<'a>(rgb: &'a mut Vec<u8>, meta: &FrameMeta) -> &'a mut [u8] {
    rgb.resize(meta.width_px as usize * meta.height_px as usize * 3, 0);
    rgb
}

#[cfg(test)]
mod tests {
    use super::*;
    use shm_layout::MonotonicNs;

    const WIDTH: u32 = 48;
    const HEIGHT: u32 = 32;

    fn meta(format: PixelFormat, stride_bytes: u32) -> FrameMeta {
        FrameMeta {
            format,
            width_px: WIDTH,
            height_px: HEIGHT,
            stride_bytes,
            capture: MonotonicNs(1),
            capture_wall_us: 1,
            driver_sequence: 1,
        }
    }

    /// The mean colour of what a viewer sees.
    fn mean_rgb(jpeg: &[u8]) -> [i32; 3] {
        let image = turbojpeg::decompress(jpeg, turbojpeg::PixelFormat::RGB).unwrap();
        assert_eq!(
            (image.width, image.height),
            (WIDTH as usize, HEIGHT as usize)
        );
        let mut sums = [0u64; 3];
        for pixel in image.pixels.chunks_exact(3) {
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum += u64::from(*value);
            }
        }
        sums.map(|sum| (sum / u64::from(WIDTH * HEIGHT)) as i32)
    }

    fn assert_close(got: [i32; 3], expected: [i32; 3]) {
        let far = got.iter().zip(expected).any(|(g, e)| (g - e).abs() > 6);
        assert!(!far, "{got:?} is not near {expected:?}");
    }

    // BT.601 limited range of pure red: Y 81, U 90, V 240; of white: Y 235, U 128, V 128.
    #[test]
    fn limited_range_yuyv_becomes_full_range_colour() {
        let mut encoder = Encoder::new(90).unwrap();
        for (quad, rgb) in [
            ([81, 90, 81, 240], [255, 0, 0]),
            ([235, 128, 235, 128], [255; 3]),
        ] {
            let mut payload = quad.repeat((WIDTH / 2 * HEIGHT) as usize);
            assert_close(
                mean_rgb(
                    &encoder
                        .encode(&meta(PixelFormat::Yuyv, 96), &payload)
                        .unwrap(),
                ),
                rgb,
            );
            // Rows with padding, which must not show.
            payload = [quad.repeat(WIDTH as usize / 2), vec![0; 16]]
                .concat()
                .repeat(HEIGHT as usize);
            assert_close(
                mean_rgb(
                    &encoder
                        .encode(&meta(PixelFormat::Yuyv, 112), &payload)
                        .unwrap(),
                ),
                rgb,
            );
        }
    }

    #[test]
    fn nv12_with_padded_rows_keeps_its_colour() {
        let stride = 64;
        let y = [vec![81u8; WIDTH as usize], vec![0; 16]]
            .concat()
            .repeat(HEIGHT as usize);
        let uv = [[90u8, 240].repeat(WIDTH as usize / 2), vec![0; 16]].concat();
        let payload = [y, uv.repeat(HEIGHT as usize / 2)].concat();
        let jpeg = Encoder::new(90)
            .unwrap()
            .encode(&meta(PixelFormat::Nv12, stride), &payload);
        assert_close(mean_rgb(&jpeg.unwrap()), [255, 0, 0]);
    }

    #[test]
    fn rgb_passes_with_its_stride() {
        let row = [[10u8, 200, 30].repeat(WIDTH as usize), vec![0; 10]].concat();
        let payload = row.repeat(HEIGHT as usize);
        let jpeg = Encoder::new(90)
            .unwrap()
            .encode(&meta(PixelFormat::Rgb24, 154), &payload);
        assert_close(mean_rgb(&jpeg.unwrap()), [10, 200, 30]);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_the_encoder_goes_on() {
        let mut encoder = Encoder::new(80).unwrap();
        let good = vec![128; 96 * HEIGHT as usize];
        let short = encoder.encode(&meta(PixelFormat::Yuyv, 96), &good[1..]);
        assert!(matches!(short, Err(EncodeError::Shape { .. })));
        let jpeg = encoder.encode(&meta(PixelFormat::Mjpeg, 0), &good);
        assert!(matches!(jpeg, Err(EncodeError::Shape { .. })));
        assert!(encoder.encode(&meta(PixelFormat::Yuyv, 96), &good).is_ok());
    }
}
