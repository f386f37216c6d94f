//! The confusion matrix as a picture: a row for each class, a column for each label.
//!
//! Neighbours: [`super::picture`] has the sheet and makes the file; the counts come from
//! [`super::tally`]. A cell is the darker, the larger its share of the row; right answers are blue,
//! wrong ones red.

use super::picture::{INK, LETTER_HEIGHT, MARGIN, RIGHT, Sheet, WHITE, WRONG, letter_width};
use super::tally::{Row, Tally};
use std::io;

/// Sides of a cell, in pixels.
const CELL_WIDTH: usize = 52;
const CELL_HEIGHT: usize = 28;
const NOT_FOUND: &str = "no hand";
/// Most classes that are drawn; more would make no picture that anyone can read.
pub const ROWS_MAX: usize = 200;

/// Draws the matrix.
///
/// # Errors
/// When there are more than [`ROWS_MAX`] classes.
pub(super) fn draw(tally: &Tally) -> io::Result<Sheet> {
    if tally.rows.len() > ROWS_MAX {
        let found = tally.rows.len();
        return Err(io::Error::other(format!(
            "{found} classes, expected at most {ROWS_MAX}"
        )));
    }
    let columns: Vec<&str> = tally.labels.iter().map(String::as_str).collect();
    let columns: Vec<&str> = columns.into_iter().chain([NOT_FOUND]).collect();
    let longest = |names: &mut dyn Iterator<Item = &str>| {
        names.map(|name| name.chars().count()).max().unwrap_or(0) * letter_width()
    };
    let left = MARGIN * 2 + longest(&mut tally.rows.iter().map(|row| row.class.as_str()));
    let top = MARGIN * 2 + longest(&mut columns.iter().copied());
    let width = left + columns.len() * CELL_WIDTH + MARGIN;
    let height = top + tally.rows.len() * CELL_HEIGHT + MARGIN;
    let mut sheet = Sheet::new(width, height);
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
    Ok(sheet)
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
        let sheet = draw(&tally).expect("few classes");
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
    }
}
