//! One labelled clip: its frames counted by class, and its gesture events compared with its labels.
//!
//! Neighbours: [`super::run`] calls [`look`] for each clip of a folder; the frames come from
//! [`crate::events::walk`], as those of a camera, and [`super::fit`] compares. A frame that cannot be
//! decoded is told, never passed over in silence.

use super::fit::Fit;
use super::folder::LabelledClip;
use super::labels::{Labelled, Stretch};
use super::{EvalError, How, Report, answer, largest};
use crate::agree::reference::ReferenceHand;
use crate::events::{play, walk};
use crate::fractions::to_pixels;
use crate::hand::{Landmarks, bounds, distance};
use crate::image::Size;
use crate::pipeline::Pipeline;
use shm_layout::{Hand, Prediction};
use std::path::PathBuf;
use steady::{EventKind, GestureEvent};

/// A clip that was looked at.
#[derive(Debug)]
pub struct ClipReport {
    /// Its file.
    pub path: PathBuf,
    /// Frames that were recognised.
    pub frames: usize,
    /// Frames a second.
    pub fps: f64,
    /// What it is labelled with.
    pub stretches: Vec<Stretch>,
    /// Frame and name of each gesture that began.
    pub begun: Vec<(u64, String)>,
    /// How the events fit the labels.
    pub fit: Fit,
}

/// Looks at a clip: adds its frames to `report`, and returns how its events fit.
///
/// # Errors
/// [`EvalError`] when the clip cannot be read, is not as long as its labels, or a network fails.
pub fn look(
    pipeline: &mut Pipeline,
    clip: &LabelledClip,
    how: &How,
    report: &mut Report,
) -> Result<ClipReport, EvalError> {
    let bytes = clip.read()?;
    let fps = clip.labels.fps.unwrap_or(how.fps);
    let (mut frames, path) = (0, &clip.path);
    let predictions = walk::<EvalError>(pipeline, &bytes, fps, |step| {
        frames += 1;
        match step.seen {
            Ok(prediction) => {
                report.frame_ms.push(step.ms);
                count(&clip.labels.at(step.frame), prediction, report);
            }
            Err(error) => {
                let told = format!("{}: frame {}: {error}", path.display(), step.frame);
                report.unreadable.push(told);
            }
        }
        Ok(())
    })?;
    if let Some(labelled) = clip.labels.frames().filter(|labelled| *labelled != frames) {
        let path = path.clone();
        return Err(EvalError::Length {
            path,
            frames,
            labelled,
        });
    }
    let events = play(&how.settings, &predictions);
    let begins = |event: &&GestureEvent| event.kind == EventKind::GestureStart;
    let begun = events.iter().filter(begins);
    let begun = begun.map(|event| (event.sequence.0, event.held.gesture.to_string()));
    let stretches = &clip.labels.stretches;
    Ok(ClipReport {
        path: path.clone(),
        frames: predictions.len(),
        fps,
        stretches: stretches.clone(),
        begun: begun.collect(),
        fit: Fit::of(&events, stretches, &predictions, &report.tally.labels),
    })
}

/// Counts a frame for which labels promise something.
fn count(labelled: &[Labelled<'_>], prediction: &Prediction, report: &mut Report) {
    let scene = prediction.scene.as_ref();
    for labelled in labelled {
        match labelled {
            Labelled::Any(gesture) => {
                report
                    .tally
                    .add(gesture, answer(scene, largest(&prediction.hands)));
            }
            Labelled::Hand(expected) => {
                if let Some(gesture) = &expected.gesture {
                    report
                        .tally
                        .add(gesture, answer(scene, nearest(prediction, expected)));
                }
            }
        }
    }
}

/// The hand that lies where the labels have one.
fn nearest<'a>(prediction: &'a Prediction, expected: &ReferenceHand) -> Option<&'a Hand> {
    let frame = Size {
        width_px: prediction.width_px as usize,
        height_px: prediction.height_px as usize,
    };
    let centre = |points: &Landmarks| {
        let [x, y, w, h] = bounds(points);
        [x + w / 2.0, y + h / 2.0, 0.0]
    };
    let [_, _, width, height] = bounds(&expected.landmarks);
    let (middle, size) = (centre(&expected.landmarks), width.max(height));
    let away = |hand: &Hand| distance(&centre(&to_pixels(hand, frame)), &middle);
    let found = prediction.hands.iter().map(|hand| (away(hand), hand));
    let found = found.min_by(|a, b| a.0.total_cmp(&b.0));
    found.filter(|(away, _)| *away < size).map(|(_, hand)| hand)
}
