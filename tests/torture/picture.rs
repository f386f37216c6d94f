//! Reads the number off a test picture, as its format is documented with the pattern source: the
//! first and the last 16 rows hold 64 blocks side by side, black or white; block 0 is the highest
//! bit. In the first rows white is 1, the last rows hold the complement.

const BLOCKS: usize = 64;
/// Middle of a strip, counted from its edge of the picture.
const STRIP_MIDDLE_PX: usize = 8;

/// The sequence in a JPEG; `None` if it cannot be decoded whole, or is mixed of two pictures.
pub(super) fn sequence_in(jpeg: &[u8]) -> Option<u64> {
    let image = turbojpeg::decompress(jpeg, turbojpeg::PixelFormat::GRAY).ok()?;
    let read = |y: usize| {
        let row = &image.pixels[y * image.pitch..][..image.width];
        (0..BLOCKS).fold(0_u64, |bits, block| {
            let (from, to) = (block * row.len() / BLOCKS, (block + 1) * row.len() / BLOCKS);
            bits << 1 | u64::from(row[usize::midpoint(from, to)] >= 128)
        })
    };
    let (top, bottom) = (read(STRIP_MIDDLE_PX), read(image.height - STRIP_MIDDLE_PX));
    (top == !bottom).then_some(top)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH_PX: usize = 128;
    const HEIGHT_PX: usize = 64;

    /// A JPEG with one number in its first rows and one in its last.
    fn picture(first: u64, last: u64) -> Vec<u8> {
        let mut luma = vec![128; WIDTH_PX * HEIGHT_PX];
        for (y, row) in luma.chunks_exact_mut(WIDTH_PX).enumerate() {
            let bits = match y {
                0..16 => first,
                48.. => !last,
                _ => continue,
            };
            for (x, pixel) in row.iter_mut().enumerate() {
                let is_white = bits >> (BLOCKS - 1 - x * BLOCKS / WIDTH_PX) & 1 == 1;
                *pixel = if is_white { 255 } else { 0 };
            }
        }
        let image = turbojpeg::Image {
            pixels: &luma[..],
            width: WIDTH_PX,
            pitch: WIDTH_PX,
            height: HEIGHT_PX,
            format: turbojpeg::PixelFormat::GRAY,
        };
        let jpeg = turbojpeg::compress(image, 95, turbojpeg::Subsamp::Gray);
        jpeg.unwrap().to_vec()
    }

    /// Goal: a picture of two frames, or a part of one, does not pass for a whole one.
    /// Method: one whole picture, one mixed of neighbours, one cut off.
    #[test]
    fn mixed_and_cut_pictures_are_seen() {
        let whole = picture(0x0123_4567, 0x0123_4567);
        assert_eq!(sequence_in(&whole), Some(0x0123_4567));
        assert_eq!(sequence_in(&picture(41, 42)), None);
        assert_eq!(sequence_in(&whole[..whole.len() / 2]), None);
    }
}
