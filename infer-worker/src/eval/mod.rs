//! `eval`: how often the recogniser is right about pictures or clips that carry labels.
//!
//! Neighbours: the command line calls [`run`]; [`folder`] finds what to look at, [`labels`] reads what
//! clips show, [`names`] says which labels are right for a class, [`tally`] counts pictures and frames,
//! [`clips`] and [`fit`] compare gesture events, [`told`] writes it down, [`picture`] draws it. The
//! pictures go through the same [`Pipeline`] as those of a camera. It serves people, never a running
//! box, and judges what it is given only: it reads no labels but those of the folder.

pub mod clips;
pub mod fit;
pub mod folder;
pub mod labels;
pub mod matrix;
pub mod names;
pub mod picture;
pub mod tally;
pub mod timeline;
pub mod told;

use crate::agree::cpu_time;
use crate::model::RunError;
use crate::pipeline::Pipeline;
use crate::predict::load_picture;
use clips::ClipReport;
use folder::{Folder, FolderError};
use shm_layout::Hand;
use shm_layout::control::SteadySettings;
use shm_layout::prediction::Scene;
use std::path::{Path, PathBuf};
use tally::{Answer, Tally};

/// Why nothing was evaluated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// The folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A clip and its labels do not belong together.
    #[error("`{path}` has {frames} frames, expected {labelled} as in its labels")]
    Length {
        /// The clip.
        path: PathBuf,
        /// Its frames.
        frames: usize,
        /// Those of its labels.
        labelled: usize,
    },
    /// A network failed.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// How it is looked at.
#[derive(Debug, Clone)]
pub struct How {
    /// How much is added around each picture, in parts of its longer side.
    pub margin: f32,
    /// Frames a second of clips whose labels do not say it.
    pub fps: f64,
    /// The rules that say when a gesture begins.
    pub settings: SteadySettings,
}

impl Default for How {
    fn default() -> Self {
        Self {
            margin: 0.0,
            fps: crate::events::FPS,
            settings: SteadySettings::default(),
        }
    }
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
    /// The clips and how their events fit.
    pub clips: Vec<ClipReport>,
}

/// Looks at everything in `path`: folders of pictures, one for each class, and clips with labels.
///
/// # Errors
/// [`EvalError`] when the folder holds neither, or a network fails. A picture that cannot be read is
/// told in the report.
pub fn run(pipeline: &mut Pipeline, path: &Path, how: &How) -> Result<Report, EvalError> {
    let folder = Folder::open(path)?;
    let labels = pipeline.model().labels.iter();
    let labels: Vec<String> = labels.map(ToString::to_string).collect();
    let mut report = Report {
        folder: path.to_owned(),
        tally: Tally::new(&labels),
        unreadable: Vec::new(),
        frame_ms: Vec::new(),
        clips: Vec::new(),
    };
    for class in &folder.classes {
        for picture in &class.pictures {
            let started = cpu_time();
            if let Err(error) = load_picture(pipeline, picture, how.margin) {
                let told = format!("{}: {error}", picture.display());
                report.unreadable.push(told);
                continue;
            }
            let outcome = pipeline.recognize()?;
            report.frame_ms.push(since(started));
            let shown = answer(outcome.scene.as_ref(), largest(&outcome.hands));
            report.tally.add(&class.name, shown);
        }
    }
    for clip in &folder.clips {
        let looked = clips::look(pipeline, clip, how, &mut report)?;
        report.clips.push(looked);
    }
    Ok(report)
}

/// Milliseconds of CPU since `started`.
fn since(started: std::time::Duration) -> f32 {
    cpu_time().saturating_sub(started).as_secs_f32() * 1e3
}

/// What is shown: by the frame as a whole, if the model says so, else by a hand.
fn answer(scene: Option<&Scene>, hand: Option<&Hand>) -> Option<Answer> {
    let scene = scene.map(|scene| (scene.gesture, scene.score));
    let shown = scene.or_else(|| hand.map(|hand| (hand.gesture, hand.score)));
    shown.map(|(gesture, score)| Answer {
        label: gesture.to_string(),
        score,
    })
}

/// The hand that a picture is about: its largest.
fn largest(hands: &[Hand]) -> Option<&Hand> {
    let area = |hand: &Hand| hand.rect[2] * hand.rect[3];
    let (first, others) = hands.split_first()?;
    let larger = |a, b| if area(b) > area(a) { b } else { a };
    Some(others.iter().fold(first, larger))
}
