//! The words of a notice on its picture: where each line goes, how large, in which colour.
//!
//! Upstream: [`super::board`] says what to write. Downstream: [`crate::drawing`].

use super::wording::{Words, wrap};
use crate::drawing::Canvas;
use crate::drawing::canvas::Rgb;
use crate::drawing::letters::{self, FontWeight, Style, advance_px};

/// Height of a headline's letters: this part of the picture's height, or of its width if it is a
/// tall one; and never less than can be read.
const HEADLINE_PARTS: f32 = 14.0;
const HEADLINE_PX_MIN: f32 = 16.0;
/// Height of the other lines, as a part of the headline's.
const SMALLER: f32 = 0.72;
/// Space left and right of the text, as a part of the width.
const MARGIN: f32 = 0.08;

const HEADLINE_RGB: Rgb = [255, 255, 255];
const DETAIL_RGB: Rgb = [222, 226, 230];
const SINCE_RGB: Rgb = [190, 198, 206];
/// The bar left of the text.
const BAR_RGB: Rgb = [255, 176, 32];

/// One line to be drawn.
struct Line {
    text: String,
    style: Style,
}

/// Writes a notice in the middle of a picture.
pub fn write_words(picture: &mut Canvas, words: &Words) {
    let (width, height) = (picture.width_px as f32, picture.height_px as f32);
    let headline_px = (height.min(width * 0.75) / HEADLINE_PARTS).max(HEADLINE_PX_MIN);
    let lines = lines(words, width * (1.0 - 2.0 * MARGIN), height, headline_px);
    let line_space = 1.25;
    let total: f32 = lines
        .iter()
        .map(|line| line.style.height_px * line_space)
        .sum();
    let (left, mut top) = (width * MARGIN, ((height - total) / 2.0).max(0.0));
    let bar_px = (headline_px / 6.0).max(2.0);
    let bar_left = left - 3.0 * bar_px;
    picture.fill([bar_left, top, bar_px, total], BAR_RGB, 1.0);
    for Line { text, style } in &lines {
        let middle = top + style.height_px * (line_space - 1.0) / 2.0;
        letters::write(picture, [left, middle], text, *style);
        top += style.height_px * line_space;
    }
}

/// The lines of a notice that fit into `width` x `height` pixels.
fn lines(words: &Words, width: f32, height: f32, headline_px: f32) -> Vec<Line> {
    let columns = |height_px: f32, weight| (width / advance_px(height_px, weight)) as usize;
    let set = |text: &str, height_px: f32, weight, rgb, lines_max| {
        wrap(text, columns(height_px, weight), lines_max)
            .into_iter()
            .map(move |text| Line {
                text,
                style: Style {
                    height_px,
                    weight,
                    rgb,
                },
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::backdrop::card;

    fn words(detail: &str) -> Words {
        Words {
            headline: "cam0 is lost".to_owned(),
            detail: detail.to_owned(),
            since: "Since 14:03:22, for 12 s".to_owned(),
        }
    }

    /// Pixels that are not the card's any more, and the rows that have some.
    fn written(picture: &Canvas, blank: &Canvas) -> (usize, Vec<usize>) {
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
            let blank = card(width, height);
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
    fn no_text_and_no_picture_is_too_long_or_too_small() {
        for (width, height) in [(1, 1), (16, 16), (40, 3), (3, 40), (64, 48)] {
            let mut picture = card(width, height);
            write_words(&mut picture, &words(&"word and ".repeat(200)));
            assert_eq!(picture.rgb.len(), (width * height * 3) as usize);
        }
        let mut picture = card(640, 480);
        let blank = picture.clone();
        write_words(&mut picture, &words(&"word and ".repeat(200)));
        let (_, rows) = written(&picture, &blank);
        assert!(rows[0] > 10 && rows[rows.len() - 1] < 470, "{rows:?}");
    }
}
