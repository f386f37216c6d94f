//! A frame as a picture file: JPEGs as they are, raw frames as PNG.
//!
//! Made for a look at one frame after a death; nothing here is fast.

use shm_layout::{FrameMeta, PixelFormat};

/// A picture file cannot be made of a frame.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a picture of it")]
pub struct NoPicture(#[from] png::EncodingError);

/// Ending of the file's name.
#[must_use]
pub fn extension(format: PixelFormat) -> &'static str {
    match format {
        PixelFormat::Mjpeg => "jpg",
        PixelFormat::Yuyv | PixelFormat::Nv12 | PixelFormat::Rgb24 => "png",
    }
}

/// The file's bytes. `bytes` holds a whole frame, as [`FrameMeta::fits`] says.
///
/// # Errors
///
/// [`NoPicture`] if the frame is too large to be encoded.
pub fn encode(meta: &FrameMeta, bytes: &[u8]) -> Result<Vec<u8>, NoPicture> {
    if meta.format == PixelFormat::Mjpeg {
        return Ok(bytes.to_vec());
    }
    let (width, height) = (meta.width_px as usize, meta.height_px as usize);
    let mut rgb = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            rgb.extend_from_slice(&pixel(meta, bytes, x, y));
        }
    }
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, meta.width_px, meta.height_px);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    encoder.write_header()?.write_image_data(&rgb)?;
    Ok(file)
}

/// One pixel of a raw frame; black beyond its end.
fn pixel(meta: &FrameMeta, bytes: &[u8], x: usize, y: usize) -> [u8; 3] {
    let stride = meta.stride_bytes as usize;
    let at = |index: usize| bytes.get(index).copied().unwrap_or(0);
    match meta.format {
        PixelFormat::Mjpeg => [0; 3],
        PixelFormat::Rgb24 => [0, 1, 2].map(|channel| at(y * stride + x * 3 + channel)),
        PixelFormat::Yuyv => {
            let pair = y * stride + x / 2 * 4;
            rgb_of(at(pair + x % 2 * 2), at(pair + 1), at(pair + 3))
        }
        PixelFormat::Nv12 => {
            let pair = (meta.height_px as usize + y / 2) * stride + x / 2 * 2;
            rgb_of(at(y * stride + x), at(pair), at(pair + 1))
        }
    }
}

/// Limited range to full range. Source: ITU-R BT.601, in 1/256.
fn rgb_of(y: u8, u: u8, v: u8) -> [u8; 3] {
    let (y, u, v) = (i32::from(y) - 16, i32::from(u) - 128, i32::from(v) - 128);
    let scaled = |sum: i32| ((sum + 128) >> 8).clamp(0, 255) as u8;
    [
        scaled(298 * y + 409 * v),
        scaled(298 * y - 100 * u - 208 * v),
        scaled(298 * y + 516 * u),
    ]
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

    fn decoded(meta: &FrameMeta, bytes: &[u8]) -> Vec<u8> {
        assert!(meta.fits(bytes.len()), "{meta:?}");
        let file = encode(meta, bytes).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(file))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (meta.width_px, meta.height_px));
        pixels
    }

    #[test]
    fn jpeg_is_left_as_it_is() {
        let meta = meta(PixelFormat::Mjpeg, 640, 480, 0);
        assert_eq!(encode(&meta, b"any bytes").unwrap(), b"any bytes");
        assert_eq!(extension(meta.format), "jpg");
    }

    #[test]
    fn rgb_is_kept_and_padding_left_out() {
        let meta = meta(PixelFormat::Rgb24, 1, 2, 5);
        assert_eq!(
            decoded(&meta, &[1, 2, 3, 0, 0, 4, 5, 6, 0, 0]),
            [1, 2, 3, 4, 5, 6]
        );
    }

    #[test]
    fn yuv_has_black_white_and_red_in_their_places() {
        const BLACK: [u8; 3] = [0, 0, 0];
        const WHITE: [u8; 3] = [255, 255, 255];
        let yuyv = meta(PixelFormat::Yuyv, 2, 1, 4);
        assert_eq!(
            decoded(&yuyv, &[16, 128, 235, 128]),
            [BLACK, WHITE].concat()
        );
        let nv12 = meta(PixelFormat::Nv12, 2, 2, 2);
        let pixels = decoded(&nv12, &[16, 235, 235, 16, 128, 128]);
        assert_eq!(pixels, [BLACK, WHITE, WHITE, BLACK].concat());
        let red = decoded(&yuyv, &[81, 90, 81, 240]);
        assert!(red[0] > 250 && red[1] < 5 && red[2] < 5, "{red:?}");
    }
}
