//! An evaluation as text and as JSON.
//!
//! Neighbours: the command line prints what is written here; the figures come from [`super::tally`]
//! and [`super::fit`].

use super::Report;
use super::clips::ClipReport;
use super::fit::{At, Fit};
use super::tally::{Figures, Row};
use super::timeline::name;
use crate::agree::score::quantile;
use serde_json::{Value, json};
use std::fmt;

/// Most wrong answers that the text names for a class.
const CONFUSED_MAX: usize = 3;

impl Report {
    /// Everything, as one JSON object: rows of the matrix in the order of `classes`, columns in the
    /// order of `labels`, and last those without a found hand.
    #[must_use]
    pub fn to_json(&self, model: &str, gestures: &str) -> Value {
        let tally = &self.tally;
        let class = |row: &Row| {
            let mut object = figures_json(&tally.figures(row));
            object["class"] = json!(row.class);
            object["known"] = json!(row.is_known);
            let right: Vec<&String> = row
                .right
                .iter()
                .map(|&label| &tally.labels[label])
                .collect();
            object["labels"] = json!(right);
            object
        };
        let counts = |row: &Row| -> Vec<usize> {
            row.answers.iter().copied().chain([row.not_found]).collect()
        };
        json!({
            "folder": self.folder.to_string_lossy(),
            "model": model,
            "gestures": gestures,
            "labels": tally.labels,
            "classes": tally.rows.iter().map(class).collect::<Vec<_>>(),
            "matrix": tally.rows.iter().map(counts).collect::<Vec<_>>(),
            "total": figures_json(&tally.total()),
            "calibration_error": tally.calibration_error(),
            "frame_ms": { "median": quantile(&self.frame_ms, 0.5), "p95": quantile(&self.frame_ms, 0.95) },
            "unreadable": self.unreadable,
            "clips": self.clips.iter().map(clip_json).collect::<Vec<_>>(),
            "events": (!self.clips.is_empty()).then(|| self.all_clips().to_json()),
        })
    }

    /// All clips together.
    #[must_use]
    pub fn all_clips(&self) -> Fit {
        let mut all = Fit::default();
        self.clips.iter().for_each(|clip| all.add(&clip.fit));
        all
    }

    /// The wrong answers of a class, the most frequent first.
    fn confused(&self, row: &Row) -> String {
        let answers = row.answers.iter().enumerate();
        let mut wrong: Vec<(usize, &str)> = answers
            .filter(|(label, count)| **count > 0 && !row.right.contains(label))
            .map(|(label, count)| (*count, self.tally.labels[label].as_str()))
            .collect();
        wrong.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
        let told: Vec<String> = wrong
            .iter()
            .take(CONFUSED_MAX)
            .map(|(count, label)| format!("{label} {count}"))
            .collect();
        told.join(", ")
    }
}

fn clip_json(clip: &ClipReport) -> Value {
    let mut object = clip.fit.to_json();
    object["clip"] = json!(clip.path.to_string_lossy());
    object["frames"] = json!(clip.frames);
    object["fps"] = json!(clip.fps);
    object
}

fn figures_json(figures: &Figures) -> Value {
    json!({
        "pictures": figures.pictures, "found": figures.found, "precision": figures.precision,
        "recall": figures.recall, "f1": figures.f1, "recall_in_all": figures.recall_in_all,
    })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.tally.rows.is_empty() {
            self.write_classes(f)?;
        }
        if !self.clips.is_empty() {
            self.write_clips(f)?;
        }
        write!(
            f,
            "CPU time     {:.1} ms a picture, {:.1} ms at 95 of 100",
            quantile(&self.frame_ms, 0.5),
            quantile(&self.frame_ms, 0.95)
        )
    }
}

impl Report {
    fn write_classes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.tally.rows.iter().map(|row| row.class.chars().count());
        let width = width.max().unwrap_or(0).max("all".len());
        writeln!(
            f,
            "{:width$}  {:>8} {:>7} {:>9} {:>7} {:>7} {:>7}  taken for",
            "class", "pictures", "found", "precision", "recall", "F1", "in all"
        )?;
        for row in &self.tally.rows {
            write_figures(f, &row.class, width, &self.tally.figures(row))?;
            let confused = self.confused(row);
            let unknown = if row.is_known {
                ""
            } else {
                "(unknown to the model)"
            };
            for told in [confused.as_str(), unknown] {
                if !told.is_empty() {
                    write!(f, "  {told}")?;
                }
            }
            writeln!(f)?;
        }
        let total = self.tally.total();
        write_figures(f, "all", width, &total)?;
        writeln!(f, "\n")?;
        writeln!(f, "macro-F1     {:.4} where a hand is found", total.f1)?;
        if let Some(error) = self.tally.calibration_error() {
            writeln!(
                f,
                "calibration  scores are {:.1} % off on average",
                error * 100.0
            )?;
        }
        if self.clips.is_empty() {
            Ok(())
        } else {
            writeln!(f)
        }
    }

    fn write_clips(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.clips.iter().map(name).collect();
        let width = names.iter().map(|name| name.chars().count());
        let width = width.max().unwrap_or(0).max("all".len());
        writeln!(
            f,
            "{:width$}  {:>7} {:>5} {:>5} {:>6} {:>5} {:>7} {:>8} {:>8}  missed, false",
            "clip", "minutes", "shown", "begun", "missed", "false", "a min", "delay ms", "worst"
        )?;
        for (name, clip) in names.iter().zip(&self.clips) {
            write_fit(f, name, width, &clip.fit)?;
            let told = listed(&clip.fit.missed, "-") + &listed(&clip.fit.wrong, "+");
            writeln!(f, " {told}")?;
        }
        let all = self.all_clips();
        write_fit(f, "all", width, &all)?;
        writeln!(f, "\n")?;
        writeln!(
            f,
            "events       {:.2} false ones a minute, of {:.1} minutes ({:.1} of them show a hand)",
            all.wrong_per_minute(),
            all.seconds / 60.0,
            all.hand_seconds / 60.0
        )
    }
}

/// At most [`CONFUSED_MAX`] of a list: name and frame, behind a sign.
fn listed(named: &[At], sign: &str) -> String {
    let some = named.iter().take(CONFUSED_MAX);
    let mut told: String = some
        .map(|at| format!(" {sign}{}@{}", at.gesture, at.frame))
        .collect();
    if named.len() > CONFUSED_MAX {
        told.push_str(" …");
    }
    told
}

fn write_fit(f: &mut fmt::Formatter<'_>, name: &str, width: usize, fit: &Fit) -> fmt::Result {
    let delay = |share: f32| {
        if fit.delays_ms.is_empty() {
            return "-".to_owned();
        }
        format!("{:.0}", quantile(&fit.delays_ms, share))
    };
    write!(
        f,
        "{name:width$}  {:>7.2} {:>5} {:>5} {:>6} {:>5} {:>7.2} {:>8} {:>8}",
        fit.seconds / 60.0,
        fit.shown,
        fit.begun,
        fit.missed.len(),
        fit.wrong.len(),
        fit.wrong_per_minute(),
        delay(0.5),
        delay(1.0)
    )
}

fn write_figures(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    width: usize,
    figures: &Figures,
) -> fmt::Result {
    let percent = |share: f32| format!("{:.1} %", share * 100.0);
    write!(
        f,
        "{name:width$}  {:>8} {:>7} {:>9} {:>7} {:>7.3} {:>7}",
        figures.pictures,
        percent(figures.found),
        percent(figures.precision),
        percent(figures.recall),
        figures.f1,
        percent(figures.recall_in_all)
    )
}
