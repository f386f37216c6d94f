//! The picture of an evaluation: a sheet to draw on, its letters, and the PNG file.
//!
//! Neighbours: the command line writes what [`png()`] gives to a file; [`super::matrix`] draws the
//! confusions, [`super::timeline`] the clips below them.

use super::{Report, matrix, timeline};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};
use std::io;

/// The only size of letters that the program carries; drawn at half of it.
const RASTER: RasterHeight = RasterHeight::Size32;
const WEIGHT: FontWeight = FontWeight::Regular;
/// Height of a line of text, in pixels.
pub(super) const LETTER_HEIGHT: usize = 16;
/// Room around everything.
pub(super) const MARGIN: usize = 12;
pub(super) const WHITE: [u8; 3] = [255; 3];
pub(super) const INK: [u8; 3] = [30, 30, 30];
pub(super) const RIGHT: [u8; 3] = [40, 100, 180];
pub(super) const WRONG: [u8; 3] = [200, 60, 40];

/// An RGB picture.
pub(super) struct Sheet {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) pixels: Vec<u8>,
}

/// Width of a letter, in pixels.
pub(super) fn letter_width() -> usize {
    get_raster_width(WEIGHT, RASTER) / 2
}

/// The picture of a report as a PNG file.
///
/// # Errors
/// When it cannot be encoded, or there are more classes or clips than anyone could read.
pub fn png(report: &Report) -> io::Result<Vec<u8>> {
    let mut sheet = Sheet::new(0, 0);
    if !report.tally.rows.is_empty() {
        sheet = matrix::draw(&report.tally)?;
    }
    if !report.clips.is_empty() {
        sheet.append(&timeline::draw(&report.clips)?);
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, sheet.width as u32, sheet.height as u32);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().map_err(io::Error::other)?;
    writer
        .write_image_data(&sheet.pixels)
        .map_err(io::Error::other)?;
    writer.finish().map_err(io::Error::other)?;
    Ok(bytes)
}

impl Sheet {
    /// A white one.
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            pixels: WHITE.repeat(width * height),
        }
    }

    /// Puts another sheet below this one.
    fn append(&mut self, other: &Self) {
        let mut both = Self::new(self.width.max(other.width), self.height + other.height);
        for (sheet, top) in [(&*self, 0), (other, self.height)] {
            for y in 0..sheet.height {
                let (from, to) = (y * sheet.width * 3, (top + y) * both.width * 3);
                let row = &sheet.pixels[from..from + sheet.width * 3];
                both.pixels[to..to + row.len()].copy_from_slice(row);
            }
        }
        *self = both;
    }

    fn blend(&mut self, x: usize, y: usize, rgb: [u8; 3], ink: f32) {
        let at = (y * self.width + x) * 3;
        if x >= self.width || ink <= 0.0 {
            return;
        }
        if let Some(pixel) = self.pixels.get_mut(at..at + 3) {
            for (value, new) in pixel.iter_mut().zip(rgb) {
                let mixed = f32::from(*value) * (1.0 - ink) + f32::from(new) * ink;
                *value = mixed.round() as u8;
            }
        }
    }

    /// Colours a rectangle, `ink` 0..=1.
    pub(super) fn fill(&mut self, [left, top, width, height]: [usize; 4], rgb: [u8; 3], ink: f32) {
        // A faint ground shows where it is.
        let ink = 0.04 + 0.96 * ink;
        for y in top..top + height {
            for x in left..left + width {
                self.blend(x, y, rgb, ink);
            }
        }
    }

    /// Writes one line with its upper left corner at (left, top).
    pub(super) fn write(&mut self, left: usize, top: usize, text: &str, rgb: [u8; 3]) {
        for (x, y, ink) in letters(text) {
            self.blend(left + x, top + y, rgb, ink);
        }
    }

    /// Writes one line turned to the left; it starts at the bottom.
    pub(super) fn write_upwards(&mut self, left: usize, bottom: usize, text: &str) {
        for (x, y, ink) in letters(text) {
            self.blend(left + y, bottom.saturating_sub(x), INK, ink);
        }
    }
}

/// The inked pixels of a line of text, 0..=1 each, at half the size of the font.
fn letters(text: &str) -> Vec<(usize, usize, f32)> {
    let mut inked = Vec::new();
    for (index, letter) in text.chars().enumerate() {
        let drawn = get_raster(letter, WEIGHT, RASTER).or_else(|| get_raster('?', WEIGHT, RASTER));
        let Some(drawn) = drawn else { continue };
        for y in 0..LETTER_HEIGHT {
            for x in 0..letter_width() {
                let corners = [(0, 0), (1, 0), (0, 1), (1, 1)];
                let ink: f32 = corners
                    .iter()
                    .filter_map(|(right, below)| drawn.pixel(x * 2 + right, y * 2 + below))
                    .map(|value| f32::from(value) / (4.0 * 255.0))
                    .sum();
                if ink > 0.0 {
                    inked.push((index * letter_width() + x, y, ink));
                }
            }
        }
    }
    inked
}
