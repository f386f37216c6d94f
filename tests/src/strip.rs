//! Reads the number off a test picture, as its format is documented with the pattern source: the
//! first and the last 16 rows hold 64 blocks side by side, black or white; block 0 is the highest
//! bit. In the first rows white is 1, the last rows hold the complement.
//!
//! Upstream: tests that check which frame a picture shows. It shares no code with the product,
//! which paints the blocks.

use std::path::Path;

const BLOCKS: usize = 64;
/// Middle of a strip, counted from its edge of the picture.
const STRIP_MIDDLE_PX: usize = 8;

/// The sequence in a JPEG; `None` if it cannot be decoded whole, or is mixed of two pictures.
#[must_use]
pub fn sequence_in_jpeg(jpeg: &[u8]) -> Option<u64> {
    let image = turbojpeg::decompress(jpeg, turbojpeg::PixelFormat::GRAY).ok()?;
    sequence_in(&image.pixels, image.pitch, image.width)
}

/// The sequence in a PNG file of 8-bit RGB; `None` as [`sequence_in_jpeg`].
#[must_use]
pub fn sequence_in_png(path: &Path) -> Option<u64> {
    let file = std::io::BufReader::new(std::fs::File::open(path).ok()?);
    let mut reader = png::Decoder::new(file).read_info().ok()?;
    let mut rgb = vec![0; reader.output_buffer_size()?];
    let width_px = reader.next_frame(&mut rgb).ok()?.width as usize;
    let green: Vec<u8> = rgb.iter().skip(1).step_by(3).copied().collect();
    sequence_in(&green, width_px, width_px)
}

/// The sequence in a plane of brightness whose rows are `pitch` bytes apart.
fn sequence_in(plane: &[u8], pitch: usize, width_px: usize) -> Option<u64> {
    let height_px = plane.len().checked_div(pitch)?;
    let read = |y: usize| {
        let row = plane.get(y * pitch..)?.get(..width_px)?;
        Some((0..BLOCKS).fold(0_u64, |bits, block| {
            let (from, to) = (block * width_px / BLOCKS, (block + 1) * width_px / BLOCKS);
            bits << 1 | u64::from(row[usize::midpoint(from, to)] >= 128)
        }))
    };
    let top = read(STRIP_MIDDLE_PX)?;
    let bottom = read(height_px.checked_sub(STRIP_MIDDLE_PX)?)?;
    (top == !bottom).then_some(top)
}
