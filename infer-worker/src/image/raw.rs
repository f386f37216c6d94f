//! Raw camera formats to RGB.
//!
//! Neighbours: reads a frame in place, in shared memory, while it is leased; fills a [`Picture`].

use super::{FRAME_PIXELS_MAX, ImageError, Picture, check_size};
use shm_layout::{FrameMeta, PixelFormat};
use yuv::{YuvBiPlanarImage, YuvConversionMode, YuvPackedImage, YuvRange, YuvStandardMatrix};

/// Cameras deliver BT.601 with limited range in these formats.
const MATRIX: YuvStandardMatrix = YuvStandardMatrix::Bt601;
const RANGE: YuvRange = YuvRange::Limited;

/// Converts a YUYV, NV12 or RGB24 frame into `picture`.
///
/// # Errors
/// [`ImageError`] when the bytes do not hold what `meta` states, or the frame is a JPEG.
pub fn convert(meta: &FrameMeta, bytes: &[u8], picture: &mut Picture) -> Result<(), ImageError> {
    let misfit = || ImageError::Raw {
        format: meta.format.name(),
        width_px: meta.width_px,
        height_px: meta.height_px,
        len_bytes: bytes.len(),
    };
    if !meta.fits(bytes.len()) {
        return Err(misfit());
    }
    let size = check_size(
        meta.width_px as usize,
        meta.height_px as usize,
        FRAME_PIXELS_MAX,
    )?;
    picture.resize(size.width_px, size.height_px, size.width_px, size.height_px);
    let (width, height, stride) = (meta.width_px, meta.height_px, meta.stride_bytes);
    let rgb_stride = width * 3;
    match meta.format {
        PixelFormat::Yuyv => {
            let yuy = &bytes[..stride as usize * size.height_px];
            let image = YuvPackedImage {
                yuy,
                yuy_stride: stride,
                width,
                height,
            };
            yuv::yuyv422_to_rgb(&image, &mut picture.pixels, rgb_stride, RANGE, MATRIX)
                .map_err(|_| misfit())
        }
        PixelFormat::Nv12 => {
            let (y_plane, rest) = bytes.split_at(stride as usize * size.height_px);
            let uv_plane = &rest[..stride as usize * size.height_px.div_ceil(2)];
            let image = YuvBiPlanarImage {
                y_plane,
                y_stride: stride,
                uv_plane,
                uv_stride: stride,
                width,
                height,
            };
            let mode = YuvConversionMode::Balanced;
            yuv::yuv_nv12_to_rgb(&image, &mut picture.pixels, rgb_stride, RANGE, MATRIX, mode)
                .map_err(|_| misfit())
        }
        PixelFormat::Rgb24 => {
            let row_bytes = rgb_stride as usize;
            let rows = bytes.chunks(stride as usize);
            for (target, row) in picture.pixels.chunks_exact_mut(row_bytes).zip(rows) {
                target.copy_from_slice(&row[..row_bytes]);
            }
            Ok(())
        }
        PixelFormat::Mjpeg => Err(misfit()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shm_layout::MonotonicNs;

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

    fn is_red(pixel: &[u8]) -> bool {
        pixel[0] > 230 && pixel[1] < 25 && pixel[2] < 25
    }

    // Red in BT.601 limited range.
    const RED: [u8; 3] = [81, 90, 240];

    #[test]
    fn yuyv_with_padding_becomes_rgb() {
        let meta = meta(PixelFormat::Yuyv, 6, 4, 16);
        let bytes: Vec<u8> = (0..16 * 4)
            .map(|i| [RED[0], RED[1], RED[0], RED[2]][i % 4])
            .collect();
        let mut picture = Picture::default();
        convert(&meta, &bytes, &mut picture).expect("convert");
        assert_eq!(picture.pixels.len(), 6 * 4 * 3);
        assert!(
            picture.pixels.chunks_exact(3).all(is_red),
            "{:?}",
            &picture.pixels[..6]
        );
    }

    #[test]
    fn nv12_of_odd_size_becomes_rgb() {
        for (width, height, stride) in [(6, 4, 8), (5, 5, 6)] {
            let meta = meta(PixelFormat::Nv12, width, height, stride);
            let mut bytes = vec![RED[0]; (stride * height) as usize];
            bytes.extend([RED[1], RED[2]].repeat((stride / 2 * height.div_ceil(2)) as usize));
            let mut picture = Picture::default();
            convert(&meta, &bytes, &mut picture).expect("convert");
            assert!(
                picture.pixels.chunks_exact(3).all(is_red),
                "{width}x{height}"
            );
        }
    }

    #[test]
    fn rgb_loses_its_padding() {
        let meta = meta(PixelFormat::Rgb24, 2, 2, 8);
        let bytes = [1, 2, 3, 4, 5, 6, 0, 0, 7, 8, 9, 10, 11, 12, 0, 0];
        let mut picture = Picture::default();
        convert(&meta, &bytes, &mut picture).expect("convert");
        assert_eq!(picture.pixels, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    }

    #[test]
    fn convert_refuses_bytes_that_are_too_few() {
        let meta = meta(PixelFormat::Yuyv, 640, 480, 1280);
        let error = convert(&meta, &[0; 1000], &mut Picture::default()).expect_err("too few");
        let expected = "YUYV frame of 640x480 pixels does not fit its 1000 bytes";
        assert_eq!(error.to_string(), expected);
    }
}
