//! `events`: the frames of a clip, one after another as those of a camera, and the gestures that begin,
//! are held and end in it.
//!
//! Neighbours: the command line calls it, `agree` and `eval` go through a clip with [`walk`]; the
//! frames go through the same [`Pipeline`] as those of a camera, and the predictions through the
//! rules of the crate `steady`, as in the gateway. It serves people and tests, never a running box.

use crate::agree::{AgreeError, cpu_time, prediction};
use crate::hand::identity;
use crate::image::ImageError;
use crate::image::mjpeg::Clip;
use crate::model::RunError;
use crate::pipeline::Pipeline;
use shm_layout::control::SteadySettings;
use shm_layout::{MonotonicNs, Prediction};
use steady::{GestureEvent, Steadier};

/// Frames a second of a clip that does not say it.
pub const FPS: f64 = 15.0;
/// When the first frame of a clip is captured, in µs.
const START_US: u64 = 1_000_000;

/// What became of one frame.
#[derive(Debug)]
pub struct Step<'a> {
    /// Its number, from 1.
    pub frame: u64,
    /// What it shows, or why it cannot be decoded.
    pub seen: Result<&'a Prediction, ImageError>,
    /// Milliseconds of CPU that it took, decoding included.
    pub ms: f32,
}

/// Recognises the frames of a clip of concatenated JPEGs, `fps` a second, and tells `each`. A frame
/// that cannot be decoded is passed over, as in a box.
///
/// # Errors
/// When a network fails, or `each` does.
pub fn walk<E: From<RunError>>(
    pipeline: &mut Pipeline,
    clip: &[u8],
    fps: f64,
    mut each: impl FnMut(Step<'_>) -> Result<(), E>,
) -> Result<Vec<Prediction>, E> {
    let mut all: Vec<Prediction> = Vec::new();
    for (index, bytes) in Clip::new(clip).enumerate() {
        let frame = index as u64 + 1;
        let started = cpu_time();
        let ms = || cpu_time().saturating_sub(started).as_secs_f32() * 1e3;
        if let Err(cause) = pipeline.load_jpeg(bytes, all.last(), frame) {
            let (seen, ms) = (Err(cause), ms());
            each(Step { frame, seen, ms })?;
            continue;
        }
        let outcome = pipeline.recognize()?;
        let ms = ms();
        let mut now = prediction(frame, outcome);
        now.capture_wall_us = START_US + (index as f64 * 1e6 / fps) as u64;
        now.capture = MonotonicNs(now.capture_wall_us * 1000);
        identity::carry(all.last(), &mut now);
        let seen = Ok(&now);
        each(Step { frame, seen, ms })?;
        all.push(now);
    }
    Ok(all)
}

/// The predictions of a clip in which every frame is to be decodable.
///
/// # Errors
/// [`AgreeError`] when a frame is damaged or a network fails.
pub fn recognise(
    pipeline: &mut Pipeline,
    clip: &[u8],
    fps: f64,
) -> Result<Vec<Prediction>, AgreeError> {
    walk(pipeline, clip, fps, |step| {
        let frame = step.frame as usize;
        step.seen
            .map(drop)
            .map_err(|cause| AgreeError::Frame { frame, cause })
    })
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
