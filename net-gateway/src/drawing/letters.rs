//! Letters on a picture: Noto Sans Mono, smoothed, at any height.
//!
//! Every letter is a small grey picture of fixed size; larger and smaller ones are interpolated
//! from it.

use super::canvas::{Canvas, Rgb};
pub use noto_sans_mono_bitmap::FontWeight;
use noto_sans_mono_bitmap::{RasterHeight, RasterizedChar, get_raster, get_raster_width};

/// The one size of letters that is built in; its box is so many pixels high.
const RASTER: RasterHeight = RasterHeight::Size32;
const RASTER_PX: f32 = 32.0;
/// What is drawn for a letter that the font does not have.
const REPLACEMENT: char = '?';

/// How letters look.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Height of a letter's box, in pixels.
    pub height_px: f32,
    /// Bold or not.
    pub weight: FontWeight,
    /// Colour.
    pub rgb: Rgb,
}

/// Width of one letter's box, in pixels.
#[must_use]
pub fn advance_px(height_px: f32, weight: FontWeight) -> f32 {
    get_raster_width(weight, RASTER) as f32 * height_px / RASTER_PX
}

/// Writes one line of text with its upper left corner at (left, top).
pub fn write(canvas: &mut Canvas, [left, top]: [f32; 2], text: &str, style: Style) {
    let Style {
        height_px,
        weight,
        rgb,
    } = style;
    let advance = advance_px(height_px, weight);
    for (index, letter) in text.chars().enumerate() {
        let raster = get_raster(plain(letter), weight, RASTER)
            .or_else(|| get_raster(REPLACEMENT, weight, RASTER));
        if let Some(raster) = raster {
            let place = [left + index as f32 * advance, top, advance, height_px];
            canvas.blend(place, rgb, |x, y| {
                ink_at(&raster, x / advance, y / height_px)
            });
        }
    }
}

/// The letter that the font has for one that it has not.
fn plain(letter: char) -> char {
    match letter {
        '‘' | '’' => '\'',
        '“' | '”' | '„' => '"',
        '‐'..='―' | '−' => '-',
        '…' => '.',
        letter => letter,
    }
}

/// How much ink is at (x, y), each in fractions of the letter's box: 0.0..=1.0.
fn ink_at(letter: &RasterizedChar, x: f32, y: f32) -> f32 {
    let (x, y) = (
        x * letter.width() as f32 - 0.5,
        y * letter.height() as f32 - 0.5,
    );
    let ink = |column: f32, row: f32| {
        // Negative places become huge ones, which no letter has.
        let value = letter.pixel(column as i32 as usize, row as i32 as usize);
        value.map_or(0.0, |value| f32::from(value) / 255.0)
    };
    let (column, row) = (x.floor(), y.floor());
    let (right, below) = (x - column, y - row);
    let upper = ink(column, row) * (1.0 - right) + ink(column + 1.0, row) * right;
    let lower = ink(column, row + 1.0) * (1.0 - right) + ink(column + 1.0, row + 1.0) * right;
    upper * (1.0 - below) + lower * below
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(text: &str) -> Canvas {
        let mut canvas = Canvas::filled(200, 40, [0; 3]);
        let style = Style {
            height_px: 20.0,
            weight: FontWeight::Regular,
            rgb: [255; 3],
        };
        write(&mut canvas, [5.0, 5.0], text, style);
        canvas
    }

    #[test]
    fn other_words_make_another_picture() {
        assert_ne!(picture("it was unplugged"), picture("it was unplucked"));
        assert_eq!(picture("…"), picture("."), "the nearest letter");
        assert_ne!(picture("\u{1f44d}"), picture(""), "an unknown one shows");
    }

    #[test]
    fn text_is_as_wide_as_its_letters() {
        let canvas = picture("mm");
        let inked = canvas.rgb.chunks(600).flat_map(|row| {
            let pixels = row.chunks(3).enumerate();
            pixels.filter(|(_, p)| p[0] > 0).map(|(column, _)| column)
        });
        let right = inked.max().unwrap() as f32;
        let expected = 5.0 + 2.0 * advance_px(20.0, FontWeight::Regular);
        assert!((expected - 4.0..=expected).contains(&right), "{right}");
    }
}
