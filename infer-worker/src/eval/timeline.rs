//! The clips as a picture: a row for each, time from left to right.
//!
//! Neighbours: [`super::picture`] has the sheet and makes the file. A gesture that the labels hold is a
//! bar, blue if it began and red if it was missed; a beginning is a black stroke through it, one that
//! no label asks for a red stroke. What follows in words is in the text of the evaluation.

use super::clips::ClipReport;
use super::fit::{At, Fit};
use super::picture::{INK, LETTER_HEIGHT, MARGIN, RIGHT, Sheet, WRONG, letter_width};
use crate::agree::reference::same_gesture;
use std::io;

/// Width of the longest clip, in pixels.
const WIDTH: usize = 900;
const ROW_HEIGHT: usize = 30;
/// The strokes stand out above and below a bar by this.
const STROKE: usize = 4;
/// Most clips that are drawn.
pub const CLIPS_MAX: usize = 500;
/// Most letters of a clip's name.
const NAME_LETTERS: usize = 28;

/// Draws the clips.
///
/// # Errors
/// When there are more than [`CLIPS_MAX`].
pub(super) fn draw(clips: &[ClipReport]) -> io::Result<Sheet> {
    if clips.len() > CLIPS_MAX {
        let found = clips.len();
        return Err(io::Error::other(format!(
            "{found} clips, expected at most {CLIPS_MAX}"
        )));
    }
    let names: Vec<String> = clips.iter().map(name).collect();
    let longest = names.iter().map(|name| name.chars().count()).max();
    let left = MARGIN * 2 + longest.unwrap_or(0) * letter_width();
    let height = MARGIN * 2 + clips.len() * ROW_HEIGHT;
    let mut sheet = Sheet::new(left + WIDTH + MARGIN, height);
    let seconds = |clip: &ClipReport| clip.frames as f64 / clip.fps;
    let longest_s = clips.iter().map(seconds).fold(1.0, f64::max);
    for (index, (clip, name)) in clips.iter().zip(&names).enumerate() {
        let y = MARGIN + index * ROW_HEIGHT;
        sheet.write(MARGIN, y + (ROW_HEIGHT - LETTER_HEIGHT) / 2, name, INK);
        let place = |frame: u64| {
            let share = (frame.saturating_sub(1)) as f64 / clip.fps / longest_s;
            left + ((share * WIDTH as f64) as usize).min(WIDTH)
        };
        draw_clip(&mut sheet, clip, [y, place(clip.frames as u64 + 1)], place);
    }
    Ok(sheet)
}

fn draw_clip(
    sheet: &mut Sheet,
    clip: &ClipReport,
    [y, end]: [usize; 2],
    place: impl Fn(u64) -> usize,
) {
    let bar = ROW_HEIGHT - 4 * STROKE;
    sheet.fill([place(1), y + 2 * STROKE, end - place(1), bar], INK, 0.04);
    for stretch in &clip.stretches {
        if same_gesture(&stretch.gesture, super::names::NO_GESTURE) {
            continue;
        }
        let (from, to) = (place(stretch.first), place(stretch.last + 1));
        let at = At {
            gesture: stretch.gesture.clone(),
            frame: stretch.first,
        };
        let colour = if clip.fit.missed.contains(&at) {
            WRONG
        } else {
            RIGHT
        };
        sheet.fill([from, y + 2 * STROKE, to - from, bar], colour, 0.6);
        let letters = (to - from) / letter_width();
        let short: String = stretch.gesture.chars().take(letters).collect();
        let text = y + (ROW_HEIGHT - LETTER_HEIGHT) / 2;
        sheet.write(from + 2, text, &short, INK);
    }
    for (frame, gesture) in &clip.begun {
        let colour = if is_wrong(&clip.fit, *frame, gesture) {
            WRONG
        } else {
            INK
        };
        sheet.fill(
            [place(*frame), y + STROKE, 2, bar + 2 * STROKE],
            colour,
            1.0,
        );
    }
}

fn is_wrong(fit: &Fit, frame: u64, gesture: &str) -> bool {
    fit.wrong
        .iter()
        .any(|at| at.frame == frame && at.gesture == gesture)
}

/// A clip is known by its folder, which has one clip.
pub(super) fn name(clip: &ClipReport) -> String {
    let folder = clip.path.parent().and_then(|folder| folder.file_name());
    let name = folder.or(clip.path.file_name()).unwrap_or_default();
    name.to_string_lossy().chars().take(NAME_LETTERS).collect()
}
