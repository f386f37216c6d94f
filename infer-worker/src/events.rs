//! `events`: the gestures that begin, are held and end in a clip, and how well they fit its labels.
//!
//! Neighbours: the command line calls it; the frames go through the same [`Pipeline`] as those of a
//! camera, and the predictions through the rules of the crate `steady`, as in the gateway. It serves
//! people and tests, never a running box.

use crate::agree::reference::{Reference, same_gesture};
use crate::agree::score::quantile;
use crate::agree::{AgreeError, prediction};
use crate::hand::identity;
use crate::image::mjpeg::Clip;
use crate::pipeline::Pipeline;
use shm_layout::control::SteadySettings;
use shm_layout::{MonotonicNs, Prediction};
use std::fmt;
use steady::{EventKind, GestureEvent, Steadier};

/// A gesture that begins so many frames after its label ended still belongs to it: a hold at the end
/// of a label is told when its time is over.
const AFTER_FRAMES: u64 = 12;
/// A hand has its pose before a label says that it holds it: so much earlier it may begin.
const BEFORE_FRAMES: u64 = 6;
/// When the first frame of a clip is captured, in µs.
const START_US: u64 = 1_000_000;

/// Recognises the frames of a clip of concatenated JPEGs, `fps` a second.
///
/// # Errors
///
/// [`AgreeError`] when a frame is damaged or a network fails.
pub fn recognise(
    pipeline: &mut Pipeline,
    clip: &[u8],
    fps: f64,
) -> Result<Vec<Prediction>, AgreeError> {
    let mut all: Vec<Prediction> = Vec::new();
    for (index, frame) in Clip::new(clip).enumerate() {
        let sequence = index as u64 + 1;
        let loaded = pipeline.load_jpeg(frame, all.last(), sequence);
        loaded.map_err(|cause| AgreeError::Frame {
            frame: index + 1,
            cause,
        })?;
        let mut now = prediction(sequence, pipeline.recognize()?);
        now.capture_wall_us = START_US + (index as f64 * 1e6 / fps) as u64;
        now.capture = MonotonicNs(now.capture_wall_us * 1000);
        identity::carry(all.last(), &mut now);
        all.push(now);
    }
    Ok(all)
}

/// The events that predictions mean, in order.
#[must_use]
pub fn play(settings: &SteadySettings, predictions: &[Prediction]) -> Vec<GestureEvent> {
    let mut steadier = Steadier::new(settings);
    let mut events = Vec::new();
    for prediction in predictions {
        steadier.see(prediction.clone(), |event| events.push(event));
    }
    events
}

/// How the events of a clip fit its labels.
#[derive(Debug, Default)]
pub struct Fit {
    /// Gestures that the labels hold.
    pub shown: usize,
    /// How many of them began, once.
    pub begun: usize,
    /// Beginnings that no label asks for, with the frame of each.
    pub wrong: Vec<(String, u64)>,
    /// Gestures that did not begin, with the first frame of each.
    pub missed: Vec<(String, u64)>,
    /// From the first frame that shows the gesture to its beginning, in ms.
    pub delays_ms: Vec<f32>,
}

impl Fit {
    /// Compares the events of frames numbered from 1 with what each frame is labelled as.
    #[must_use]
    pub fn of(events: &[GestureEvent], labels: &Reference, predictions: &[Prediction]) -> Self {
        let mut fit = Self::default();
        let starts = events
            .iter()
            .filter(|event| event.kind == EventKind::GestureStart);
        let mut starts: Vec<&GestureEvent> = starts.collect();
        for (gesture, first, last) in stretches(labels) {
            fit.shown += 1;
            let is_its = |event: &&GestureEvent| {
                let sequence = event.sequence.0;
                same_gesture(event.held.gesture.as_str(), &gesture)
                    && (first.saturating_sub(BEFORE_FRAMES)..=last + AFTER_FRAMES)
                        .contains(&sequence)
            };
            let Some(index) = starts.iter().position(is_its) else {
                fit.missed.push((gesture, first));
                continue;
            };
            let event = starts.remove(index);
            fit.begun += 1;
            let shown = predictions.iter().find(|p| p.sequence.0 == first);
            let shown = shown.map_or(event.at.capture, |prediction| prediction.capture);
            let delay = event.at.capture.since(shown);
            fit.delays_ms.push(delay.as_secs_f32() * 1e3);
        }
        let name = |event: &&GestureEvent| (event.held.gesture.to_string(), event.sequence.0);
        fit.wrong = starts.iter().map(name).collect();
        fit
    }
}

/// Each run of frames that are labelled with one gesture: its name, first and last frame.
fn stretches(labels: &Reference) -> Vec<(String, u64, u64)> {
    let mut stretches: Vec<(String, u64, u64)> = Vec::new();
    for (index, hands) in labels.frames.iter().enumerate() {
        let sequence = index as u64 + 1;
        let gesture = hands.first().and_then(|hand| hand.gesture.as_deref());
        let Some(gesture) = gesture.filter(|gesture| !gesture.eq_ignore_ascii_case("none")) else {
            continue;
        };
        match stretches.last_mut() {
            Some((last, _, end)) if last == gesture && *end + 1 == sequence => *end = sequence,
            _ => stretches.push((gesture.to_owned(), sequence, sequence)),
        }
    }
    stretches
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |named: &[(String, u64)]| {
            let each = named.iter().map(|(name, frame)| format!(" {name}@{frame}"));
            each.collect::<String>()
        };
        writeln!(f, "gestures    {} of {} begun", self.begun, self.shown)?;
        writeln!(f, "missed      {}{}", self.missed.len(), list(&self.missed))?;
        writeln!(f, "false       {}{}", self.wrong.len(), list(&self.wrong))?;
        write!(
            f,
            "delay       {:.0} ms from the first frame that shows it (median), {:.0} ms at most",
            quantile(&self.delays_ms, 0.5),
            quantile(&self.delays_ms, 1.0)
        )
    }
}
