//! The confusion matrix as a picture: a row for each class, a column for each label.
//!
//! Neighbours: the command line writes what [`png()`] gives to a file; the counts come from
//! [`super::tally`]. A cell is the darker, the larger its share of the row; right answers are blue,
//! wrong ones red.

use super::tally::{Row, Tally};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};
use std::io;

/// The only size of letters that the program carries; drawn at half of it.
const RASTER: RasterHeight = RasterHeight::Size32;
const WEIGHT: FontWeight = FontWeight::Regular;
const LETTER_HEIGHT: usize = 16;
/// Sides of a cell, in pixels.
const CELL_WIDTH: usize = 52;
const CELL_HEIGHT: usize = 28;
const MARGIN: usize = 12;
const WHITE: [u8; 3] = [255; 3];
const INK: [u8; 3] = [30, 30, 30];
const RIGHT: [u8; 3] = [40, 100, 180];
const WRONG: [u8; 3] = [200, 60, 40];
const NOT_FOUND: &str = "no hand";
/// Most classes that are drawn; more would make no picture that anyone can read.
pub const ROWS_MAX: usize = 200;

/// An RGB picture.
struct Sheet {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

fn letter_width() -> usize {
    get_raster_width(WEIGHT, RASTER) / 2
}

/// The matrix as a PNG file.
///
/// # Errors
/// When the picture cannot be encoded, or there are more than [`ROWS_MAX`] classes.
pub fn png(tally: &Tally) -> io::Result<Vec<u8>> {
    if tally.rows.len() > ROWS_MAX {
        let found = tally.rows.len();
        return Err(io::Error::other(format!(
            "{found} classes, expected at most {ROWS_MAX}"
        )));
    }
    let sheet = draw(tally);
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

fn draw(tally: &Tally) -> Sheet {
    let columns: Vec<&str> = tally.labels.iter().map(String::as_str).collect();
    let columns: Vec<&str> = columns.into_iter().chain([NOT_FOUND]).collect();
    let longest = |names: &mut dyn Iterator<Item = &str>| {
        names.map(|name| name.chars().count()).max().unwrap_or(0) * letter_width()
    };
    let left = MARGIN * 2 + longest(&mut tally.rows.iter().map(|row| row.class.as_str()));
    let top = MARGIN * 2 + longest(&mut columns.iter().copied());
    let width = left + columns.len() * CELL_WIDTH + MARGIN;
    let height = top + tally.rows.len() * CELL_HEIGHT + MARGIN;
    let mut sheet = Sheet {
        width,
        height,
        pixels: WHITE.repeat(width * height),
    };
    for (index, column) in columns.iter().enumerate() {
        let x = left + index * CELL_WIDTH + (CELL_WIDTH - LETTER_HEIGHT) / 2;
        sheet.write_upwards(x, top - MARGIN / 2, column);
    }
    for (index, row) in tally.rows.iter().enumerate() {
        let y = top + index * CELL_HEIGHT;
        let text = (CELL_HEIGHT - LETTER_HEIGHT) / 2;
        sheet.write(MARGIN, y + text, &row.class, INK);
        draw_row(&mut sheet, [left, y], row);
    }
    sheet
}

fn draw_row(sheet: &mut Sheet, [left, y]: [usize; 2], row: &Row) {
    let counts = row.answers.iter().copied().chain([row.not_found]);
    let pictures = (row.hands() + row.not_found).max(1);
    for (column, count) in counts.enumerate() {
        let x = left + column * CELL_WIDTH;
        let colour = if row.right.contains(&column) {
            RIGHT
        } else {
            WRONG
        };
        let share = count as f32 / pictures as f32;
        // The square root lets rare mistakes be seen.
        sheet.fill(
            [x, y, CELL_WIDTH - 1, CELL_HEIGHT - 1],
            colour,
            share.sqrt(),
        );
        if count > 0 {
            let text = count.to_string();
            let ink = if share > 0.3 { WHITE } else { INK };
            let inset = CELL_WIDTH.saturating_sub(text.len() * letter_width()) / 2;
            sheet.write(x + inset, y + (CELL_HEIGHT - LETTER_HEIGHT) / 2, &text, ink);
        }
    }
}

impl Sheet {
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

    fn fill(&mut self, [left, top, width, height]: [usize; 4], rgb: [u8; 3], ink: f32) {
        // A faint ground shows where the cells are.
        let ink = 0.04 + 0.96 * ink;
        for y in top..top + height {
            for x in left..left + width {
                self.blend(x, y, rgb, ink);
            }
        }
    }

    /// Writes one line with its upper left corner at (left, top).
    fn write(&mut self, left: usize, top: usize, text: &str, rgb: [u8; 3]) {
        for (x, y, ink) in letters(text) {
            self.blend(left + x, top + y, rgb, ink);
        }
    }

    /// Writes one line turned to the left; it starts at the bottom.
    fn write_upwards(&mut self, left: usize, bottom: usize, text: &str) {
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

#[cfg(test)]
mod tests {
    use super::super::tally::Answer;
    use super::*;

    #[test]
    fn a_right_answer_is_blue_and_a_wrong_one_red() {
        let labels = ["None", "palm"].map(str::to_owned);
        let mut tally = Tally::new(&labels);
        for (class, label) in [("palm", "palm"), ("fist", "palm")] {
            let answer = Answer {
                label: label.to_owned(),
                score: 1.0,
            };
            tally.add(class, Some(answer));
        }
        let sheet = draw(&tally);
        let (left, top) = (
            MARGIN * 2 + "palm".len() * letter_width(),
            MARGIN * 2 + NOT_FOUND.len() * letter_width(),
        );
        // The upper left corner of the cell in the column `palm`, where no digit is.
        let corner = |row: usize| {
            let at = (top + row * CELL_HEIGHT) * sheet.width + left + CELL_WIDTH;
            [0, 1, 2].map(|channel| sheet.pixels[at * 3 + channel])
        };
        assert_eq!(corner(0), RIGHT);
        assert_eq!(corner(1), WRONG);
        let bytes = png(&tally).expect("png");
        assert!(bytes.starts_with(b"\x89PNG"));
    }
}
