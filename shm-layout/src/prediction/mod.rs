//! A prediction: what was recognised in one frame, with everything needed to trust it.
//!
//! - `record`: packed into the words of a prediction slot, and checked when unpacked.
//! - `json`: the one JSON shape, the same everywhere.

mod json;
mod label;
mod record;
mod slot;

pub use json::{
    HandJson, PredictionJson, STALE_AFTER, SceneJson, SteadyJson, SteadySceneJson, TimingJson,
    rounded,
};
pub use label::{LABEL_BYTES_MAX, Label};
pub use slot::{PredictionReader, PredictionSlot};

use crate::clock::MonotonicNs;
use crate::{Generation, Sequence};

/// Landmarks of a hand, in MediaPipe's order: wrist, then four each for thumb to little finger.
pub const LANDMARKS: usize = 21;

/// Most hands in one prediction.
pub const HANDS_MAX: usize = 4;

/// What was recognised in one frame: hands, or what the frame shows as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The frame.
    pub sequence: Sequence,
    /// Generation of the infer-worker.
    pub generation: Generation,
    /// When the frame was captured.
    pub capture: MonotonicNs,
    /// The same on the wall clock, µs since 1970.
    pub capture_wall_us: u64,
    /// When the frame was published.
    pub publish: MonotonicNs,
    /// When the infer-worker took it.
    pub take: MonotonicNs,
    /// When the prediction was finished.
    pub done: MonotonicNs,
    /// Width of the frame in pixels.
    pub width_px: u32,
    /// Height of the frame in pixels.
    pub height_px: u32,
    /// SHA-256 of the model's manifest; with taught gestures, of that and of them.
    pub model: [u8; 32],
    /// Whether the hand detector ran on this frame (it does not while hands are tracked).
    pub detected: bool,
    /// How often the hand detector has looked since hands were last all known: it says where the
    /// next look goes.
    pub looks: u32,
    /// What the frame shows as a whole, by a model that looks for no hands. A prediction with a
    /// scene says nothing of hands, and one without it nothing of the scene.
    pub scene: Option<Scene>,
    /// At most [`HANDS_MAX`] hands.
    pub hands: Vec<Hand>,
    /// Hands that were there a moment ago; with `hands` at most [`HANDS_MAX`].
    pub lost: Vec<LostHand>,
}

/// What a frame shows as a whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scene {
    /// The likeliest label of the model; one called `None` says that there is no gesture.
    pub gesture: Label,
    /// How sure that is, 0..=1.
    pub score: f32,
}

/// What is carried from prediction to prediction of a hand.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Motion {
    /// Mean velocity of its middle, in fractions of the frame's width and height per second.
    pub velocity: [f32; 2],
    /// [`Hand::right_probability`], averaged over the last predictions.
    pub right_average: f32,
}

/// A hand that is not seen at the moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LostHand {
    /// [`Hand::id`].
    pub id: u64,
    /// Capture of the last frame that showed it.
    pub seen: MonotonicNs,
    /// Its bounding box in that frame, as [`Hand::rect`].
    pub rect: [f32; 4],
    /// How it moved then.
    pub motion: Motion,
}

/// One hand.
#[derive(Debug, Clone, PartialEq)]
pub struct Hand {
    /// Which hand it is: the same number as long as it stays in view, or comes back soon. Unique
    /// within its source.
    pub id: u64,
    /// How it has moved of late.
    pub motion: Motion,
    /// What it shows.
    pub gesture: Label,
    /// How sure that is, 0..=1.
    pub score: f32,
    /// Probability that it is a right hand, 0..=1, for a picture that is not mirrored.
    pub right_probability: f32,
    /// Probability that there is a hand at all, 0..=1.
    pub presence: f32,
    /// Bounding box of the landmarks `[x, y, width, height]`, in fractions of the frame.
    pub rect: [f32; 4],
    /// `[x, y, z]` each: x and y in fractions of the frame's width and height; z in fractions of
    /// its width, smaller is nearer, the wrist at 0.
    pub landmarks: [[f32; 3]; LANDMARKS],
}
