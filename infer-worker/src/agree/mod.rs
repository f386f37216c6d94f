//! `agree`: runs the tracker over a clip and compares with a reference, frame by frame.
//!
//! Neighbours: the command line calls [`run`]; the frames go through the same
//! [`Pipeline`] as those of a camera, each with the prediction of the
//! frame before ([`walk`]). It serves people and tests, never a running box.

pub mod reference;
pub mod score;

use crate::events::{FPS, walk};
use crate::fractions::to_pixels;
use crate::image::mjpeg::Clip;
use crate::image::{ImageError, Size};
use crate::model::RunError;
use crate::pipeline::{Outcome, Pipeline};
use nix::time::{ClockId, clock_gettime};
use reference::Reference;
use score::{Agreement, Answer, quantile};
use shm_layout::{Generation, Hand, MonotonicNs, Prediction, Sequence};
use std::fmt;
use std::time::Duration;

/// Why a clip cannot be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgreeError {
    /// The clip and the reference have different lengths.
    #[error("clip of {clip} frames, expected {reference} as in the reference")]
    Length {
        /// Images in the clip.
        clip: usize,
        /// Frames in the reference.
        reference: usize,
    },
    /// A frame cannot be decoded.
    #[error("frame {frame}: {cause}")]
    Frame {
        /// Its number, from 1.
        frame: usize,
        /// What is wrong with it.
        cause: ImageError,
    },
    /// A network failed.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// What came out: the agreement and the time that a frame took.
#[derive(Debug)]
pub struct Report {
    /// The comparison.
    pub agreement: Agreement,
    /// Milliseconds of CPU for each frame without palm detection, decoding included.
    pub tracked_ms: Vec<f32>,
    /// Milliseconds of CPU for each frame with palm detection, decoding included.
    pub detected_ms: Vec<f32>,
}

/// Runs `pipeline` over the concatenated JPEGs in `clip`.
///
/// # Errors
/// [`AgreeError`] when clip and reference do not belong together, or a frame is damaged.
pub fn run(
    pipeline: &mut Pipeline,
    clip: &[u8],
    reference: &Reference,
) -> Result<Report, AgreeError> {
    let (frames, expected) = (Clip::new(clip).count(), reference.frames.len());
    if frames != expected {
        let (clip, reference) = (frames, expected);
        return Err(AgreeError::Length { clip, reference });
    }
    let mut report = Report {
        agreement: Agreement::default(),
        tracked_ms: Vec::new(),
        detected_ms: Vec::new(),
    };
    let fps = reference.fps.unwrap_or(FPS);
    walk::<AgreeError>(pipeline, clip, fps, |step| {
        let frame = step.frame as usize;
        let seen = step.seen;
        let seen = seen.map_err(|cause| AgreeError::Frame { frame, cause })?;
        let times = if seen.detected {
            &mut report.detected_ms
        } else {
            &mut report.tracked_ms
        };
        times.push(step.ms);
        let answers: Vec<Answer> = seen.hands.iter().map(|hand| answer(hand, seen)).collect();
        report.agreement.add(&reference.frames[frame - 1], &answers);
        Ok(())
    })?;
    Ok(report)
}

/// Time that this thread has spent on a processor: unlike the wall clock, it hardly depends on what
/// else the machine does.
pub(crate) fn cpu_time() -> Duration {
    let clock = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
    clock.map_or(Duration::ZERO, Duration::from)
}

fn answer(hand: &Hand, prediction: &Prediction) -> Answer {
    let frame = Size {
        width_px: prediction.width_px as usize,
        height_px: prediction.height_px as usize,
    };
    Answer {
        landmarks: to_pixels(hand, frame),
        gesture: hand.gesture.as_str().to_owned(),
        handedness: if hand.right_probability >= 0.5 {
            "Right"
        } else {
            "Left"
        },
    }
}

/// What the prediction slot would hold of a frame; its times are 0.
#[must_use]
pub fn prediction(sequence: u64, outcome: Outcome) -> Prediction {
    Prediction {
        sequence: Sequence(sequence),
        generation: Generation(0),
        capture: MonotonicNs(0),
        capture_wall_us: 0,
        publish: MonotonicNs(0),
        take: MonotonicNs(0),
        done: MonotonicNs(0),
        width_px: outcome.frame.width_px as u32,
        height_px: outcome.frame.height_px as u32,
        model: [0; 32],
        detected: outcome.detected,
        looks: outcome.looks,
        scene: outcome.scene,
        hands: outcome.hands,
        lost: Vec::new(),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let a = &self.agreement;
        let percent = |part: usize, whole: usize| 100.0 * part as f32 / whole.max(1) as f32;
        writeln!(f, "frames      {}", a.frames)?;
        writeln!(
            f,
            "hands       {} of {} found, {} more than in the reference",
            a.found, a.hands, a.extra
        )?;
        writeln!(
            f,
            "landmarks   {:.2} % of the hand's size on average, {:.2} % at 95 of 100, {:.2} % at most",
            a.error_mean() * 100.0,
            a.error_at(0.95) * 100.0,
            a.error_at(1.0) * 100.0
        )?;
        let gestures = percent(a.gestures_equal, a.gestures);
        writeln!(
            f,
            "gesture     {gestures:.1} % the same ({} of {})",
            a.gestures_equal, a.gestures
        )?;
        let sides = percent(a.handedness_equal, a.found);
        writeln!(
            f,
            "handedness  {sides:.1} % the same ({} of {})",
            a.handedness_equal, a.found
        )?;
        write!(
            f,
            "CPU time    {:.1} ms a tracked frame ({}), {:.1} ms with palm detection ({}), medians",
            quantile(&self.tracked_ms, 0.5),
            self.tracked_ms.len(),
            quantile(&self.detected_ms, 0.5),
            self.detected_ms.len()
        )
    }
}
