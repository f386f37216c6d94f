//! The number of a frame as black and white blocks, so that a program can read it off the picture.
//!
//! Neighbours: `canvas` paints the strips, tests read them back with [`read_strips`]. Format: the
//! picture's first and last [`STRIP_HEIGHT_PX`] rows hold 64 blocks side by side, block `i` from
//! `i * width / 64` on. Block 0 is the highest bit of the sequence. In the first rows white is 1;
//! the last rows hold the complement, so that a picture mixed from two frames does not read.

/// Height of each strip in pixels: two JPEG blocks of 8, so that neighbours do not bleed in.
pub const STRIP_HEIGHT_PX: usize = 16;

/// Blocks of a strip, one for each bit of the sequence.
pub const STRIP_BLOCKS: usize = 64;

/// The pixels of block `index` in a row of `width_px`.
#[must_use]
pub fn block(index: usize, width_px: usize) -> std::ops::Range<usize> {
    index * width_px / STRIP_BLOCKS..(index + 1) * width_px / STRIP_BLOCKS
}

/// Paints both strips into a plane of brightness (`[height, width]` u8, no padding).
pub fn paint(luma: &mut [u8], width_px: usize, sequence: u64) {
    let mut rows: Vec<&mut [u8]> = luma.chunks_exact_mut(width_px).collect();
    let height_px = rows.len();
    for (y, row) in rows.iter_mut().enumerate() {
        let bits = if y < STRIP_HEIGHT_PX {
            sequence
        } else if y + STRIP_HEIGHT_PX >= height_px {
            !sequence
        } else {
            continue;
        };
        for index in 0..STRIP_BLOCKS {
            let is_white = bits >> (STRIP_BLOCKS - 1 - index) & 1 == 1;
            row[block(index, width_px)].fill(if is_white { 255 } else { 0 });
        }
    }
}

/// Reads the sequence off a plane of brightness (`[height, width]` u8, full or limited range).
/// `None` if the two strips do not agree, or the plane is too small to hold them.
#[must_use]
pub fn read_strips(luma: &[u8], width_px: usize, height_px: usize) -> Option<u64> {
    let is_plausible = width_px >= STRIP_BLOCKS && height_px >= 2 * STRIP_HEIGHT_PX;
    if !is_plausible || luma.len() < width_px.checked_mul(height_px)? {
        return None;
    }
    let read = |row: usize| {
        let row = &luma[row * width_px..][..width_px];
        (0..STRIP_BLOCKS).fold(0_u64, |bits, index| {
            let middle = block(index, width_px);
            let value = row[usize::midpoint(middle.start, middle.end)];
            bits << 1 | u64::from(value >= 128)
        })
    };
    let top = read(STRIP_HEIGHT_PX / 2);
    let bottom = read(height_px - STRIP_HEIGHT_PX / 2);
    (top == !bottom).then_some(top)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_read_back_at_every_width() {
        for width_px in [64, 65, 127, 160, 640, 1921] {
            for sequence in [
                0,
                1,
                2,
                0x8000_0000_0000_0001,
                u64::MAX,
                0x0123_4567_89AB_CDEF,
            ] {
                let mut luma = vec![90; width_px * 48];
                paint(&mut luma, width_px, sequence);
                assert_eq!(
                    read_strips(&luma, width_px, 48),
                    Some(sequence),
                    "{width_px}"
                );
            }
        }
    }

    #[test]
    fn a_picture_of_two_frames_does_not_read() {
        let (mut first, mut second) = (vec![0; 64 * 48], vec![0; 64 * 48]);
        paint(&mut first, 64, 41);
        paint(&mut second, 64, 42);
        let torn = [&first[..64 * 24], &second[64 * 24..]].concat();
        assert_eq!(read_strips(&torn, 64, 48), None);
    }

    #[test]
    fn planes_too_small_or_cut_do_not_read() {
        assert_eq!(read_strips(&[0; 63 * 48], 63, 48), None);
        assert_eq!(read_strips(&[0; 64 * 31], 64, 31), None);
        assert_eq!(read_strips(&[0; 64 * 48 - 1], 64, 48), None);
        assert_eq!(read_strips(&[], usize::MAX, usize::MAX), None);
    }
}
