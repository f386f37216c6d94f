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
