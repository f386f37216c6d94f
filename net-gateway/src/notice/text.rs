//! Letters on a picture: Noto Sans Mono, smoothed, at any height.
//!
//! Upstream: [`super::board`] says what to write. Every letter is a small grey picture of fixed
//! size; larger and smaller ones are interpolated from it. It must never write outside a picture,
//! however small that is.

use super::backdrop::Backdrop;
use super::wording::{Words, wrap};
use noto_sans_mono_bitmap::{
    FontWeight, RasterHeight, RasterizedChar, get_raster, get_raster_width,
};

/// The one size of letters that is built in; its box is so many pixels high.
const RASTER: RasterHeight = RasterHeight::Size32;
const RASTER_PX: f32 = 32.0;
/// What is drawn for a letter that the font does not have.
const REPLACEMENT: char = '?';

/// Height of a headline's letters: this part of the picture's height, or of its width if it is a
/// tall one; and never less than can be read.
const HEADLINE_PARTS: f32 = 14.0;
const HEADLINE_PX_MIN: f32 = 16.0;
/// Height of the other lines, as a part of the headline's.
const SMALLER: f32 = 0.72;
/// Space left and right of the text, as a part of the width.
const MARGIN: f32 = 0.08;

const HEADLINE_RGB: [u8; 3] = [255, 255, 255];
const DETAIL_RGB: [u8; 3] = [222, 226, 230];
const SINCE_RGB: [u8; 3] = [190, 198, 206];
/// The bar left of the text.
const BAR_RGB: [u8; 3] = [255, 176, 32];

/// One line to be drawn.
struct Line {
    text: String,
    height_px: f32,
    weight: FontWeight,
    rgb: [u8; 3],
}

/// Writes a notice in the middle of a picture.
pub fn write_words(picture: &mut Backdrop, words: &Words) {
    let (width, height) = (picture.width_px as f32, picture.height_px as f32);
    let headline_px = (height.min(width * 0.75) / HEADLINE_PARTS).max(HEADLINE_PX_MIN);
    let lines = lines(words, width * (1.0 - 2.0 * MARGIN), height, headline_px);
    let line_space = 1.25;
    let total: f32 = lines.iter().map(|line| line.height_px * line_space).sum();
    let (left, mut top) = (width * MARGIN, ((height - total) / 2.0).max(0.0));
    let bar_px = (headline_px / 6.0).max(2.0);
    let bar_left = left - 3.0 * bar_px;
    fill(picture, [bar_left, top, bar_px, total], BAR_RGB);
    for line in &lines {
        let middle = top + line.height_px * (line_space - 1.0) / 2.0;
        write_line(picture, left, middle, line);
        top += line.height_px * line_space;
    }
}

/// The lines of a notice that fit into `width` x `height` pixels.
fn lines(words: &Words, width: f32, height: f32, headline_px: f32) -> Vec<Line> {
    let columns = |height_px: f32, weight| (width / advance(height_px, weight)) as usize;
    let set = |text: &str, height_px: f32, weight, rgb, lines_max| {
        wrap(text, columns(height_px, weight), lines_max)
            .into_iter()
            .map(move |text| Line {
                text,
                height_px,
                weight,
                rgb,
            })
            .collect::<Vec<_>>()
    };
    let small_px = headline_px * SMALLER;
    // Five lines stay free for the headline, the time, and some air.
    let detail_max = (height / small_px / 1.25) as usize;
    let (bold, regular) = (FontWeight::Bold, FontWeight::Regular);
    let mut lines = set(&words.headline, headline_px, bold, HEADLINE_RGB, 2);
    let detail_max = detail_max.saturating_sub(5);
    lines.extend(set(
        &words.detail,
        small_px,
        regular,
        DETAIL_RGB,
        detail_max,
    ));
    lines.extend(set(&words.since, small_px, regular, SINCE_RGB, 2));
    lines
}

/// Width of one letter's box, in pixels.
fn advance(height_px: f32, weight: FontWeight) -> f32 {
    get_raster_width(weight, RASTER) as f32 * height_px / RASTER_PX
}

fn write_line(picture: &mut Backdrop, left: f32, top: f32, line: &Line) {
    let advance = advance(line.height_px, line.weight);
    for (index, letter) in line.text.chars().enumerate() {
        let raster = get_raster(plain(letter), line.weight, RASTER)
            .or_else(|| get_raster(REPLACEMENT, line.weight, RASTER));
        if let Some(raster) = raster {
            let place = [left + index as f32 * advance, top, advance, line.height_px];
            blend(picture, place, line.rgb, |x, y| ink_at(&raster, x, y));
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

fn fill(picture: &mut Backdrop, place: [f32; 4], rgb: [u8; 3]) {
    blend(picture, place, rgb, |_, _| 1.0);
}

/// Lays `rgb` over the rectangle x, y, width, height as thickly as `ink` says for each point of it,
/// given in fractions of the rectangle. What lies outside of the picture is left out.
fn blend(
    picture: &mut Backdrop,
    [left, top, width, height]: [f32; 4],
    rgb: [u8; 3],
    ink: impl Fn(f32, f32) -> f32,
) {
    let columns =
        left.max(0.0) as usize..((left + width).max(0.0) as usize).min(picture.width_px as usize);
    let rows =
        top.max(0.0) as usize..((top + height).max(0.0) as usize).min(picture.height_px as usize);
    let pitch = picture.width_px as usize * 3;
    for row in rows {
        let y = (row as f32 + 0.5 - top) / height;
        for column in columns.clone() {
            let thick = ink((column as f32 + 0.5 - left) / width, y).clamp(0.0, 1.0);
            let at = row * pitch + column * 3;
            if thick > 0.0
                && let Some(pixel) = picture.rgb.get_mut(at..at + 3)
            {
                for (value, new) in pixel.iter_mut().zip(rgb) {
                    let mixed = f32::from(*value) * (1.0 - thick) + f32::from(new) * thick;
                    *value = mixed.round() as u8;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(detail: &str) -> Words {
        Words {
            headline: "cam0 is lost".to_owned(),
            detail: detail.to_owned(),
            since: "Since 14:03:22, for 12 s".to_owned(),
        }
    }

    /// Pixels that are not the card's any more, and the rows that have some.
    fn written(picture: &Backdrop, blank: &Backdrop) -> (usize, Vec<usize>) {
        let pitch = picture.width_px as usize * 3;
        let differs = |(new, old): (&[u8], &[u8])| new != old;
        let count = picture.rgb.chunks(3).zip(blank.rgb.chunks(3));
        let rows = picture.rgb.chunks(pitch).zip(blank.rgb.chunks(pitch));
        (
            count.filter(|pair| differs(*pair)).count(),
            rows.enumerate()
                .filter(|(_, pair)| differs(*pair))
                .map(|(row, _)| row)
                .collect(),
        )
    }

    #[test]
    fn a_notice_fills_a_readable_part_of_the_middle() {
        for (width, height) in [(640, 480), (1920, 1080), (320, 240), (480, 854)] {
            let blank = Backdrop::card(width, height);
            let mut picture = blank.clone();
            write_words(&mut picture, &words("It was unplugged"));
            let (count, rows) = written(&picture, &blank);
            let part = count as f32 / (width * height) as f32;
            assert!((0.005..0.2).contains(&part), "{width}x{height}: {part}");
            let middle = (rows[0] + rows[rows.len() - 1]) / 2;
            let off = middle.abs_diff(height as usize / 2);
            assert!(off < height as usize / 20, "{width}x{height}: {middle}");
        }
    }

    #[test]
    fn other_words_make_another_picture() {
        let picture = |detail| {
            let mut picture = Backdrop::card(320, 240);
            write_words(&mut picture, &words(detail));
            picture.rgb
        };
        assert_ne!(picture("it was unplugged"), picture("it was unplucked"));
        assert_eq!(picture("…"), picture("."), "the nearest letter");
        assert_ne!(picture("\u{1f44d}"), picture(""), "an unknown one shows");
    }

    #[test]
    fn no_text_and_no_picture_is_too_long_or_too_small() {
        for (width, height) in [(1, 1), (16, 16), (40, 3), (3, 40), (64, 48)] {
            let mut picture = Backdrop::card(width, height);
            write_words(&mut picture, &words(&"word and ".repeat(200)));
            assert_eq!(picture.rgb.len(), (width * height * 3) as usize);
        }
        let mut picture = Backdrop::card(640, 480);
        let blank = picture.clone();
        write_words(&mut picture, &words(&"word and ".repeat(200)));
        let (_, rows) = written(&picture, &blank);
        assert!(rows[0] > 10 && rows[rows.len() - 1] < 470, "{rows:?}");
    }
}
