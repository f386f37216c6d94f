//! The test picture: colour bars, a box that moves, the number in large digits, and the strips.
//!
//! Neighbours: `strip` paints the machine's number; [`super`] asks for one picture a frame, in the
//! pixel format that the source was given. The picture is kept as planes of brightness and colour
//! (4:2:0, BT.601 full range), from which every format is one pass.

use super::strip;
use shm_layout::PixelFormat;

/// Digits of 5 x 7 dots; bit 4 of a row is its left dot.
const DIGITS: [[u8; 7]; 10] = [
    [0x0E, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0E],
    [0x04, 0x0C, 0x04, 0x04, 0x04, 0x04, 0x0E],
    [0x0E, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1F],
    [0x1F, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0E],
    [0x02, 0x06, 0x0A, 0x12, 0x1F, 0x02, 0x02],
    [0x1F, 0x10, 0x1E, 0x01, 0x01, 0x11, 0x0E],
    [0x06, 0x08, 0x10, 0x1E, 0x11, 0x11, 0x0E],
    [0x1F, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08],
    [0x0E, 0x11, 0x11, 0x0E, 0x11, 0x11, 0x0E],
    [0x0E, 0x11, 0x11, 0x0F, 0x01, 0x02, 0x0C],
];

/// Width of a digit in dots, with the gap behind it.
const DIGIT_PITCH: usize = 6;
/// Height of a digit in dots.
const DIGIT_HEIGHT: usize = 7;

/// Bars of 75 % white, yellow, cyan, green, magenta, red, blue as `[Y, Cb, Cr]`, full range.
/// Source: ITU-R BT.601, with 191 for 75 %.
const BARS: [[u8; 3]; 7] = [
    [191, 128, 128],
    [169, 20, 143],
    [134, 160, 32],
    [112, 52, 48],
    [79, 204, 208],
    [57, 96, 224],
    [22, 236, 112],
];

/// Pixels that the box moves from one frame to the next.
const BOX_STEP_PX: u64 = 4;

/// Planes of one picture; sides are even.
#[derive(Debug, Clone)]
pub(super) struct Canvas {
    pub(super) width_px: usize,
    pub(super) height_px: usize,
    /// Brightness, `[height, width]`, 0..=255.
    pub(super) luma: Vec<u8>,
    /// Cb, `[height / 2, width / 2]`.
    pub(super) blue: Vec<u8>,
    /// Cr, `[height / 2, width / 2]`.
    pub(super) red: Vec<u8>,
    /// Brightness without digits, box and strips.
    background: Vec<u8>,
}

impl Canvas {
    /// The bars alone. Both sides must be even.
    pub(super) fn new(width_px: usize, height_px: usize) -> Self {
        let bar = |x: usize, width_px: usize| BARS[x * BARS.len() / width_px];
        let plane = |part: usize, width_px: usize, height_px: usize| {
            let row: Vec<u8> = (0..width_px).map(|x| bar(x, width_px)[part]).collect();
            row.repeat(height_px)
        };
        let mut canvas = Self {
            width_px,
            height_px,
            luma: plane(0, width_px, height_px),
            blue: plane(1, width_px / 2, height_px / 2),
            red: plane(2, width_px / 2, height_px / 2),
            background: Vec::new(),
        };
        // The strips are to be grey, so that colour cannot spill into them.
        let (width, height) = (width_px / 2, strip::STRIP_HEIGHT_PX / 2);
        for plane in [&mut canvas.blue, &mut canvas.red] {
            let end = plane.len() - width * height;
            plane[..width * height].fill(128);
            plane[end..].fill(128);
        }
        canvas.background = canvas.luma.clone();
        canvas
    }

    /// Paints the picture of frame `sequence`.
    pub(super) fn paint(&mut self, sequence: u64) {
        self.luma.copy_from_slice(&self.background);
        self.paint_box(sequence);
        self.paint_number(sequence);
        strip::paint(&mut self.luma, self.width_px, sequence);
    }

    /// A white box on a black track that goes from left to right, so that anybody sees motion.
    fn paint_box(&mut self, sequence: u64) {
        let side = (self.height_px / 8).min(self.width_px / 4);
        let top = self.height_px - strip::STRIP_HEIGHT_PX - side * 3 / 2;
        let way = (self.width_px - side) as u64;
        let left = (sequence.wrapping_mul(BOX_STEP_PX) % way.max(1)) as usize;
        for row in self
            .luma
            .chunks_exact_mut(self.width_px)
            .skip(top)
            .take(side)
        {
            row.fill(16);
            row[left..left + side].fill(235);
        }
    }

    /// The number, black on white, as large as it fits.
    fn paint_number(&mut self, sequence: u64) {
        let digits = sequence.to_string();
        let dots = digits.len() * DIGIT_PITCH + 1;
        let scale = (self.width_px / dots).min(self.height_px / 3 / (DIGIT_HEIGHT + 2));
        let (width, height) = (dots * scale, (DIGIT_HEIGHT + 2) * scale);
        let left = (self.width_px - width) / 2;
        let rows = self
            .luma
            .chunks_exact_mut(self.width_px)
            .skip(self.height_px / 4);
        for (y, row) in rows.take(height).enumerate() {
            row[left..left + width].fill(255);
            let Some(dot_row) = (y / scale).checked_sub(1).filter(|row| *row < DIGIT_HEIGHT) else {
                continue;
            };
            for (place, digit) in digits.bytes().enumerate() {
                let bits = DIGITS[usize::from(digit - b'0')][dot_row];
                for dot in (0..5).filter(|dot| bits >> (4 - dot) & 1 == 1) {
                    let x = left + (1 + place * DIGIT_PITCH + dot) * scale;
                    row[x..x + scale].fill(0);
                }
            }
        }
    }

    /// Writes the picture as packed `Y0 U Y1 V`, limited range; `out` holds exactly that.
    pub(super) fn write_yuyv(&self, out: &mut [u8]) {
        let (rows, half) = (out.chunks_exact_mut(self.width_px * 2), self.width_px / 2);
        for (y, row) in rows.enumerate() {
            let luma = &self.luma[y * self.width_px..][..self.width_px];
            let (blue, red) = (&self.blue[y / 2 * half..], &self.red[y / 2 * half..]);
            for (x, pair) in row.chunks_exact_mut(4).enumerate() {
                pair[0] = limited_luma(luma[2 * x]);
                pair[1] = limited_colour(blue[x]);
                pair[2] = limited_luma(luma[2 * x + 1]);
                pair[3] = limited_colour(red[x]);
            }
        }
    }

    /// Writes the picture as a plane of Y and one of `U V` pairs, limited range.
    pub(super) fn write_nv12(&self, out: &mut [u8]) {
        let (luma, colour) = out.split_at_mut(self.luma.len());
        for (out, value) in luma.iter_mut().zip(&self.luma) {
            *out = limited_luma(*value);
        }
        let pairs = self.blue.iter().zip(&self.red);
        for (out, (blue, red)) in colour.chunks_exact_mut(2).zip(pairs) {
            out.copy_from_slice(&[limited_colour(*blue), limited_colour(*red)]);
        }
    }

    /// Writes the picture as packed `R G B`.
    /// Source: ITU-T T.871 (JFIF), coefficients times 2^16.
    pub(super) fn write_rgb(&self, out: &mut [u8]) {
        let half = self.width_px / 2;
        for (y, row) in out.chunks_exact_mut(self.width_px * 3).enumerate() {
            let luma = &self.luma[y * self.width_px..][..self.width_px];
            for (x, rgb) in row.chunks_exact_mut(3).enumerate() {
                let at = y / 2 * half + x / 2;
                let (cb, cr) = (
                    i32::from(self.blue[at]) - 128,
                    i32::from(self.red[at]) - 128,
                );
                let base = (i32::from(luma[x]) << 16) + (1 << 15);
                let byte = |value: i32| (value >> 16).clamp(0, 255) as u8;
                rgb[0] = byte(base + 91_881 * cr);
                rgb[1] = byte(base - 22_554 * cb - 46_802 * cr);
                rgb[2] = byte(base + 116_130 * cb);
            }
        }
    }
}

/// Most bytes of a picture in a format.
pub(super) fn frame_bytes(format: PixelFormat, width_px: u32, height_px: u32) -> u64 {
    match format {
        PixelFormat::Mjpeg => {
            let sides = (width_px as usize, height_px as usize);
            let bound = turbojpeg::compressed_buf_len(sides.0, sides.1, turbojpeg::Subsamp::Sub2x2);
            bound.map_or(u64::MAX, |bytes| bytes as u64)
        }
        _ => format.image_bytes(format.row_bytes(width_px), height_px),
    }
}

/// 0..=255 to 16..=235.
fn limited_luma(full: u8) -> u8 {
    (16 + (u32::from(full) * 219 + 127) / 255) as u8
}

/// 0..=255 to 16..=240, with 128 in the middle.
fn limited_colour(full: u8) -> u8 {
    (128 + (i32::from(full) - 128) * 224 / 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_mapped_at_their_ends() {
        assert_eq!([0, 255].map(limited_luma), [16, 235]);
        assert_eq!([0, 128, 255].map(limited_colour), [16, 128, 239]);
    }

    #[test]
    fn pictures_of_any_number_and_even_size_can_be_painted() {
        for (width, height) in [(64, 64), (66, 96), (640, 480), (64, 1080), (1920, 64)] {
            let mut canvas = Canvas::new(width, height);
            for sequence in [0, 7, 1_234_567, u64::MAX] {
                canvas.paint(sequence);
                assert_eq!(
                    strip::read_strips(&canvas.luma, width, height),
                    Some(sequence)
                );
            }
        }
    }

    #[test]
    fn consecutive_pictures_differ_outside_the_strips() {
        let mut canvas = Canvas::new(320, 240);
        let mut inside = Vec::new();
        for sequence in 0..3 {
            canvas.paint(sequence);
            let strip = 320 * strip::STRIP_HEIGHT_PX;
            inside.push(canvas.luma[strip..canvas.luma.len() - strip].to_vec());
        }
        assert_ne!(inside[0], inside[1]);
        assert_ne!(inside[1], inside[2]);
    }

    #[test]
    fn white_black_and_red_become_the_right_rgb() {
        let mut canvas = Canvas::new(64, 64);
        canvas.luma.fill(76);
        canvas.blue.fill(85);
        canvas.red.fill(255);
        let mut rgb = vec![0; 64 * 64 * 3];
        canvas.write_rgb(&mut rgb);
        assert!(
            rgb[0] >= 253 && rgb[1] <= 2 && rgb[2] <= 2,
            "{:?}",
            &rgb[..3]
        );
    }
}
