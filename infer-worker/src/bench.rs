//! `bench`: what a frame costs in CPU time, for each kernel set.
//!
//! Neighbours: the command line calls [`run`]; the frames go through the same [`Pipeline`] as those
//! of a camera, each with the prediction of the frame before. `tests/bench/beside_mediapipe.py` runs it in
//! turn with MediaPipe. It serves people, never a running box.

use crate::agree::{AgreeError, cpu_time, prediction};
use crate::hand::identity;
use crate::image::mjpeg::Clip;
use crate::model::{Engine, ModelError, ModelSet};
use crate::pipeline::Pipeline;
use serde_json::{Value, json};
use shm_layout::Prediction;
use std::fmt;

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// The model cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A frame cannot be decoded, or a network failed.
    #[error(transparent)]
    Frame(#[from] AgreeError),
    /// The clip holds no JPEG.
    #[error("a clip without frames, expected concatenated JPEGs")]
    Empty,
}

/// Mean CPU time of a frame in one round over the clip, in milliseconds; none where the clip has no
/// such frame. Decoding is not included, except in `decode`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Round {
    /// One hand allowed, and it was there in the frame before: no palm detection.
    pub tracked: Option<f32>,
    /// No hand before and none now: palm detection alone.
    pub palm: Option<f32>,
    /// Two hands allowed, one of them there: palm detection now and then.
    pub one_of_two: Option<f32>,
    /// A user's own classifier sees the whole frame.
    pub whole: Option<f32>,
    /// Decoding the JPEG, at the scale that the tracker asks for.
    pub decode: Option<f32>,
}

/// Picks a figure of a round.
type Figure = fn(&Round) -> Option<f32>;

/// The rounds of one engine.
#[derive(Debug)]
pub struct Series {
    /// What ran the networks.
    pub engine: Engine,
    /// One entry for each round.
    pub rounds: Vec<Round>,
}

/// Runs each engine over the clip, in turn, `rounds` times; a first round is not counted.
///
/// # Errors
/// [`BenchError`] when the model or the clip cannot be used.
pub fn run(
    model: &ModelSet,
    engines: &[Engine],
    clip: &[u8],
    rounds: usize,
) -> Result<Vec<Series>, BenchError> {
    let frames: Vec<&[u8]> = Clip::new(clip).collect();
    if frames.is_empty() {
        return Err(BenchError::Empty);
    }
    let load = |engine: &Engine| Pipeline::load_on(*engine, model.clone(), 1);
    let mut pipelines = engines.iter().map(load).collect::<Result<Vec<_>, _>>()?;
    let series = |engine: &Engine| Series {
        engine: *engine,
        rounds: Vec::new(),
    };
    let mut all: Vec<Series> = engines.iter().map(series).collect();
    for number in 0..=rounds {
        for (pipeline, series) in pipelines.iter_mut().zip(&mut all) {
            let round = one_round(pipeline, &frames)?;
            if number > 0 {
                series.rounds.push(round);
            }
        }
    }
    Ok(all)
}

fn one_round(pipeline: &mut Pipeline, frames: &[&[u8]]) -> Result<Round, AgreeError> {
    let [mut tracked, mut palm, mut two, mut whole, mut decode] = [const { Vec::new() }; 5];
    for hands_max in [1, 2] {
        pipeline.set_hands_max(hands_max);
        let mut previous: Option<Prediction> = None;
        for (index, frame) in frames.iter().enumerate() {
            let sequence = index as u64 + 1;
            let started = cpu_time();
            let loaded = pipeline.load_jpeg(frame, previous.as_ref(), sequence);
            loaded.map_err(|cause| AgreeError::Frame {
                frame: index + 1,
                cause,
            })?;
            let decoded = cpu_time();
            let outcome = pipeline.recognize()?;
            let done = cpu_time();
            let before = previous.as_ref().map_or(0, |last| last.hands.len());
            let ms = done.saturating_sub(decoded).as_secs_f32() * 1e3;
            match (hands_max, before, outcome.hands.len()) {
                _ if outcome.scene.is_some() => whole.push(ms),
                (1, 1, 1) => tracked.push(ms),
                (1, 0, 0) => palm.push(ms),
                (2, 1, 1) => two.push(ms),
                _ => {}
            }
            decode.push(decoded.saturating_sub(started).as_secs_f32() * 1e3);
            let mut now = prediction(sequence, outcome);
            identity::carry(previous.as_ref(), &mut now);
            previous = Some(now);
        }
    }
    Ok(Round {
        tracked: mean(&tracked),
        palm: mean(&palm),
        one_of_two: mean(&two),
        whole: mean(&whole),
        decode: mean(&decode),
    })
}

fn mean(values: &[f32]) -> Option<f32> {
    let count = values.len() as f32;
    (!values.is_empty()).then(|| values.iter().sum::<f32>() / count)
}

impl Series {
    /// The middle one of the rounds.
    fn median(&self, pick: Figure) -> Option<f32> {
        let mut values: Vec<f32> = self.rounds.iter().filter_map(pick).collect();
        values.sort_by(f32::total_cmp);
        values.get(values.len() / 2).copied()
    }

    /// Name and value of each figure of a round.
    const FIGURES: [(&'static str, Figure); 5] = [
        ("tracked", |round| round.tracked),
        ("palm", |round| round.palm),
        ("one_of_two", |round| round.one_of_two),
        ("whole", |round| round.whole),
        ("decode", |round| round.decode),
    ];

    /// All rounds, as one JSON object.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut object = json!({ "kernels": self.engine.to_string() });
        for (name, pick) in Self::FIGURES {
            let values: Vec<Option<f32>> = self.rounds.iter().map(pick).collect();
            object[name] = json!(values);
        }
        object
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:8}", self.engine.to_string())?;
        for (_, pick) in Self::FIGURES {
            match self.median(pick) {
                Some(ms) => write!(f, "{ms:>13.2}")?,
                None => write!(f, "{:>13}", "-")?,
            }
        }
        Ok(())
    }
}

/// The line above the table of [`Series`].
pub const HEADER: &str =
    "ms CPU        tracked         palm   one of two  whole frame       decode";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_shows_the_middle_round_and_what_is_missing() {
        let round = |ms| Round {
            tracked: Some(ms),
            ..Round::default()
        };
        let series = Series {
            engine: Engine::Plain,
            rounds: vec![round(9.0), round(2.0), round(3.0)],
        };
        let text = series.to_string();
        assert!(text.starts_with("plain            3.00"), "{text}");
        assert!(text.ends_with("            -"), "{text}");
        assert_eq!(HEADER.len(), text.len());
        assert_eq!(series.to_json()["tracked"][0], 9.0);
    }
}
