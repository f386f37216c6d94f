//! What the camera shows: a still scene of three colours with a counter drawn in black and white.
//!
//! Neighbours: `device.rs` sends these pictures; `decode.rs` reads such a picture back. The checks
//! in the guest rely on two things here: the comment segment of every JPEG (who made it, which
//! number, and a checksum of the whole file), and the colours and counter that a viewer must see
//! again after any conversion. This module does no I/O.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use jpeg_encoder::{ColorType, Encoder, EncodingError, SamplingFactor};

use crate::descriptors::SIZES_PX;

/// Pictures before the drawn counter starts again at 0; it is drawn as four binary digits.
pub const COUNTER_PERIOD: usize = 16;
/// Colours of the left, middle and right third, as R, G, B.
pub const THIRDS_RGB: [[u8; 3]; 3] = [[200, 40, 40], [40, 170, 60], [50, 60, 200]];

/// Share of the height, at the bottom, in which the counter is drawn.
const COUNTER_BAND: usize = 6;
/// JPEG quality; with 4:2:2 chroma this gives about 6 and 15 kB, like a plain webcam.
const QUALITY: u8 = 80;
const CHECKSUM_DIGITS: usize = 8;

/// All pictures of one size, made when first asked for.
#[derive(Debug, Default)]
struct Sized {
    jpeg: OnceLock<Vec<Vec<u8>>>,
    yuyv: OnceLock<Vec<Vec<u8>>>,
}

/// Every picture of every mode; one library serves all cameras.
#[derive(Debug, Default)]
pub struct Library {
    sizes: [Sized; SIZES_PX.len()],
    frames: AtomicU64,
}

impl Library {
    /// The number of the next frame. All cameras count together, so that a frame's number also
    /// goes up when its camera is plugged in again.
    pub fn next_number(&self) -> u64 {
        // Relaxed: the number orders nothing but itself.
        self.frames.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The JPEG of frame `number` at size `size` (index into [`SIZES_PX`]), not stamped yet.
    ///
    /// # Errors
    ///
    /// The encoder's error; it has none for these sizes.
    pub fn jpeg(&self, size: usize, number: u64) -> Result<&[u8], EncodingError> {
        let cell = &self.sizes[size].jpeg;
        if cell.get().is_none() {
            let made: Result<Vec<_>, _> = (0..COUNTER_PERIOD).map(|n| encode(size, n)).collect();
            let _ = cell.set(made?);
        }
        let pictures = cell.get().map(Vec::as_slice).unwrap_or_default();
        Ok(&pictures[number as usize % COUNTER_PERIOD])
    }

    /// The YUYV picture of frame `number`: BT.601, limited range, no padding.
    pub fn yuyv(&self, size: usize, number: u64) -> &[u8] {
        let make = || (0..COUNTER_PERIOD).map(|n| to_yuyv(size, n)).collect();
        &self.sizes[size].yuyv.get_or_init(make)[number as usize % COUNTER_PERIOD]
    }
}

/// The colour of one pixel of picture `counter`.
fn pixel(size: usize, counter: usize, x_px: usize, y_px: usize) -> [u8; 3] {
    let (width_px, height_px) = (usize::from(SIZES_PX[size].0), usize::from(SIZES_PX[size].1));
    if y_px >= height_px - height_px / COUNTER_BAND {
        let digit = x_px * 4 / width_px;
        return if counter >> digit & 1 == 1 {
            [255; 3]
        } else {
            [0; 3]
        };
    }
    THIRDS_RGB[x_px * 3 / width_px]
}

fn encode(size: usize, counter: usize) -> Result<Vec<u8>, EncodingError> {
    let (width_px, height_px) = SIZES_PX[size];
    let mut rgb = Vec::with_capacity(usize::from(width_px) * usize::from(height_px) * 3);
    for y_px in 0..usize::from(height_px) {
        for x_px in 0..usize::from(width_px) {
            rgb.extend(pixel(size, counter, x_px, y_px));
        }
    }
    let mut jpeg = Vec::new();
    let mut encoder = Encoder::new(&mut jpeg, QUALITY);
    encoder.set_sampling_factor(SamplingFactor::R_4_2_2);
    encoder.encode(&rgb, width_px, height_px, ColorType::Rgb)?;
    Ok(jpeg)
}

fn to_yuyv(size: usize, counter: usize) -> Vec<u8> {
    let (width_px, height_px) = (usize::from(SIZES_PX[size].0), usize::from(SIZES_PX[size].1));
    let mut bytes = Vec::with_capacity(width_px * height_px * 2);
    for y_px in 0..height_px {
        for x_px in (0..width_px).step_by(2) {
            let [luma, blue, red] = to_ycbcr(pixel(size, counter, x_px, y_px));
            let [second_luma, ..] = to_ycbcr(pixel(size, counter, x_px + 1, y_px));
            bytes.extend([luma, blue, second_luma, red]);
        }
    }
    bytes
}

/// BT.601, limited range. Source: ITU-R BT.601-7 §2.5, in 1/256 steps.
fn to_ycbcr(rgb: [u8; 3]) -> [u8; 3] {
    let [r, g, b] = rgb.map(i32::from);
    let luma = ((66 * r + 129 * g + 25 * b + 128) >> 8) + 16;
    let blue = ((-38 * r - 74 * g + 112 * b + 128) >> 8) + 128;
    let red = ((112 * r - 94 * g - 18 * b + 128) >> 8) + 128;
    [luma, blue, red].map(|value| value.clamp(0, 255) as u8)
}

/// `jpeg` with a comment `usb-camera SERIAL NUMBER CHECKSUM` after its first segment.
///
/// The checksum is the CRC-32 of the whole file in which its own eight hexadecimal digits are `0`.
#[must_use]
pub fn stamped(jpeg: &[u8], serial: &str, number: u64) -> Vec<u8> {
    let text = format!("usb-camera {serial} {number} ");
    // SOI, then the JFIF segment, whose length the encoder wrote in bytes 4 and 5.
    let at = 4 + usize::from(u16::from_be_bytes([jpeg[4], jpeg[5]]));
    let mut bytes = Vec::with_capacity(jpeg.len() + text.len() + CHECKSUM_DIGITS + 4);
    bytes.extend(&jpeg[..at]);
    bytes.extend([0xff, 0xfe]);
    bytes.extend(((2 + text.len() + CHECKSUM_DIGITS) as u16).to_be_bytes());
    bytes.extend(text.as_bytes());
    let checksum_at = bytes.len();
    bytes.extend([b'0'; CHECKSUM_DIGITS]);
    bytes.extend(&jpeg[at..]);
    let checksum = format!("{:08x}", crc32fast::hash(&bytes));
    bytes[checksum_at..checksum_at + CHECKSUM_DIGITS].copy_from_slice(checksum.as_bytes());
    bytes
}

/// `jpeg` without its Huffman tables. The encoder uses the standard's own, so nothing is lost.
#[must_use]
pub fn without_tables(jpeg: &[u8]) -> Vec<u8> {
    const START_OF_SCAN: u8 = 0xda;
    const HUFFMAN_TABLES: u8 = 0xc4;
    let mut bytes = jpeg[..2].to_vec();
    let mut rest = &jpeg[2..];
    // Every segment before the scan is a marker (two bytes) and a length that counts itself.
    while let [0xff, marker, high, low, ..] = *rest
        && marker != START_OF_SCAN
    {
        let segment_bytes = 2 + usize::from(u16::from_be_bytes([high, low]));
        let (segment, after) = rest.split_at(segment_bytes.min(rest.len()));
        if marker != HUFFMAN_TABLES {
            bytes.extend(segment);
        }
        rest = after;
    }
    bytes.extend(rest);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Decoded;

    #[test]
    fn a_stamped_jpeg_decodes_to_the_scene_and_its_counter() {
        let library = Library::default();
        for number in [0, 5, 42] {
            let jpeg = stamped(library.jpeg(1, number).unwrap(), "A1", number);
            let decoded = Decoded::from_jpeg(&jpeg).unwrap();
            assert_eq!((decoded.width_px, decoded.height_px), (640, 480));
            assert_eq!(decoded.counter(), Some(number as usize % COUNTER_PERIOD));
            assert!(decoded.shows_scene());
        }
    }

    #[test]
    fn the_checksum_covers_every_byte() {
        let library = Library::default();
        let mut jpeg = stamped(library.jpeg(0, 7).unwrap(), "A1", 7);
        let text = b"usb-camera A1 7 ";
        let at = jpeg
            .windows(text.len())
            .position(|bytes| bytes == text)
            .unwrap()
            + text.len();
        let stated = String::from_utf8(jpeg[at..at + 8].to_vec()).unwrap();
        jpeg[at..at + 8].copy_from_slice(b"00000000");
        assert_eq!(stated, format!("{:08x}", crc32fast::hash(&jpeg)));
    }

    #[test]
    fn a_jpeg_without_tables_keeps_everything_else() {
        let library = Library::default();
        let whole = library.jpeg(0, 5).unwrap();
        let bare = without_tables(whole);
        let has_tables = |jpeg: &[u8]| jpeg.windows(2).any(|bytes| bytes == [0xff, 0xc4]);
        assert!(has_tables(whole) && !has_tables(&bare));
        let scan = whole
            .windows(2)
            .position(|bytes| bytes == [0xff, 0xda])
            .unwrap();
        assert!(bare.ends_with(&whole[scan..]));
        assert!(
            Decoded::from_jpeg(&bare).is_err(),
            "the decoder found tables"
        );
    }

    #[test]
    fn yuyv_is_two_bytes_a_pixel_and_moves() {
        let library = Library::default();
        assert_eq!(library.yuyv(0, 1).len(), 320 * 240 * 2);
        assert_ne!(library.yuyv(0, 1), library.yuyv(0, 2));
        assert_eq!(library.yuyv(0, 1), library.yuyv(0, 17));
    }

    #[test]
    fn white_and_black_use_the_limited_range() {
        assert_eq!(to_ycbcr([255; 3]), [235, 128, 128]);
        assert_eq!(to_ycbcr([0; 3]), [16, 128, 128]);
    }
}
