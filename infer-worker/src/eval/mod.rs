//! `eval`: how often the recogniser is right about pictures or clips that carry labels.
//!
//! Neighbours: the command line calls [`run`]; [`folder`] finds what to look at, [`names`] says which
//! labels are right for a class, [`tally`] counts, [`told`] writes it down, [`matrix`] draws it. The
//! pictures go through the same [`Pipeline`] as those of a camera. It serves people, never a running
//! box, and judges what it is given only: it reads no labels but those of the folder.

pub mod folder;
pub mod matrix;
pub mod names;
pub mod tally;
pub mod told;

use crate::agree::reference::ReferenceHand;
use crate::agree::{cpu_time, prediction};
use crate::fractions::to_pixels;
use crate::hand::identity;
use crate::hand::{Landmarks, bounds, distance};
use crate::image::mjpeg::Clip;
use crate::model::RunError;
use crate::pipeline::{Outcome, Pipeline};
use crate::predict::FILE_BYTES_MAX;
use folder::{Folder, FolderError, LabelledClip};
use shm_layout::{Hand, Prediction};
use std::path::{Path, PathBuf};
use tally::{Answer, Tally};

/// Why nothing was evaluated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// The folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A network failed.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// What came out.
#[derive(Debug)]
pub struct Report {
    /// The folder.
    pub folder: PathBuf,
    /// Pictures and frames that were counted.
    pub tally: Tally,
    /// Pictures and frames that could not be decoded, each with the reason.
    pub unreadable: Vec<String>,
    /// Milliseconds of CPU for each picture or frame, decoding included.
    pub frame_ms: Vec<f32>,
}

/// Looks at everything in `path`: folders of pictures, one for each class, and clips with labels.
/// `margin` is how much is added around each picture, in parts of its longer side.
///
/// # Errors
/// [`EvalError`] when the folder holds neither, or a network fails. A picture that cannot be read is
/// told in the report.
pub fn run(pipeline: &mut Pipeline, path: &Path, margin: f32) -> Result<Report, EvalError> {
    let folder = Folder::open(path)?;
    let labels = pipeline.model().labels.iter();
    let labels: Vec<String> = labels.map(ToString::to_string).collect();
    let mut report = Report {
        folder: path.to_owned(),
        tally: Tally::new(&labels),
        unreadable: Vec::new(),
        frame_ms: Vec::new(),
    };
    for class in &folder.classes {
        for picture in &class.pictures {
            let started = cpu_time();
            if let Err(error) = load_picture(pipeline, picture, margin) {
                let told = format!("{}: {error}", picture.display());
                report.unreadable.push(told);
                continue;
            }
            let outcome = pipeline.recognize()?;
            report.frame_ms.push(since(started));
            let shown = whole(&outcome).or_else(|| answer(largest(&outcome)));
            report.tally.add(&class.name, shown);
        }
    }
    for clip in &folder.clips {
        add_clip(pipeline, clip, &mut report)?;
    }
    Ok(report)
}

/// Milliseconds of CPU since `started`.
fn since(started: std::time::Duration) -> f32 {
    cpu_time().saturating_sub(started).as_secs_f32() * 1e3
}

fn load_picture(pipeline: &mut Pipeline, path: &Path, margin: f32) -> Result<(), String> {
    let length = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if length.len() > FILE_BYTES_MAX {
        return Err(format!(
            "file of {} bytes (expected at most {FILE_BYTES_MAX})",
            length.len()
        ));
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let loaded = pipeline.load_file_with_margin(&bytes, margin);
    loaded.map_err(|error| error.to_string())
}

/// Counts the frames of a clip for which its labels promise something.
fn add_clip(
    pipeline: &mut Pipeline,
    clip: &LabelledClip,
    report: &mut Report,
) -> Result<(), EvalError> {
    let bytes = clip.read()?;
    let frames = Clip::new(&bytes).zip(&clip.labels.frames);
    let mut previous: Option<Prediction> = None;
    for (index, (frame, expected)) in frames.enumerate() {
        let sequence = index as u64 + 1;
        let started = cpu_time();
        if let Err(error) = pipeline.load_jpeg(frame, previous.as_ref(), sequence) {
            let told = format!("{}: frame {sequence}: {error}", clip.path.display());
            report.unreadable.push(told);
            continue;
        }
        let outcome = pipeline.recognize()?;
        report.frame_ms.push(since(started));
        for hand in expected {
            if let Some(gesture) = &hand.gesture {
                let shown = whole(&outcome).or_else(|| answer(nearest(&outcome, hand)));
                report.tally.add(gesture, shown);
            }
        }
        let mut now = prediction(sequence, outcome);
        identity::carry(previous.as_ref(), &mut now);
        previous = Some(now);
    }
    Ok(())
}

fn answer(hand: Option<&Hand>) -> Option<Answer> {
    hand.map(|hand| Answer {
        label: hand.gesture.to_string(),
        score: hand.score,
    })
}

/// What the frame shows as a whole, by a model that says so.
fn whole(outcome: &Outcome) -> Option<Answer> {
    outcome.scene.map(|scene| Answer {
        label: scene.gesture.to_string(),
        score: scene.score,
    })
}

/// The hand that a picture is about: its largest.
fn largest(outcome: &Outcome) -> Option<&Hand> {
    let area = |hand: &Hand| hand.rect[2] * hand.rect[3];
    let mut hands = outcome.hands.iter();
    let first = hands.next()?;
    Some(hands.fold(first, |a, b| if area(b) > area(a) { b } else { a }))
}

/// The hand that lies where the labels have one.
fn nearest<'a>(outcome: &'a Outcome, expected: &ReferenceHand) -> Option<&'a Hand> {
    let centre = |points: &Landmarks| {
        let [x, y, w, h] = bounds(points);
        [x + w / 2.0, y + h / 2.0, 0.0]
    };
    let [_, _, width, height] = bounds(&expected.landmarks);
    let (middle, size) = (centre(&expected.landmarks), width.max(height));
    let away = |hand: &Hand| distance(&centre(&to_pixels(hand, outcome.frame)), &middle);
    let found = outcome.hands.iter().map(|hand| (away(hand), hand));
    let found = found.min_by(|a, b| a.0.total_cmp(&b.0));
    found.filter(|(away, _)| *away < size).map(|(_, hand)| hand)
}
