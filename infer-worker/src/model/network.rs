//! What a step of the recogniser expects of its network, and how it runs one.
//!
//! Neighbours: `manifest` checks against [`Step`]; `tract` implements [`Network`]. A second
//! runtime, or faster kernels, is another implementation of the same trait.

use serde::Deserialize;
use std::fmt;

/// The four networks of the recogniser, in the order in which a frame meets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// `[1,192,192,3]` RGB 0..=1, letterboxed → boxes `[1,2016,18]`, logits `[1,2016,1]`.
    PalmDetection,
    /// `[1,224,224,3]` RGB 0..=1 → points `[1,63]` in pixels, presence `[1,1]`, probability of a
    /// right hand `[1,1]`, points in metres `[1,63]`.
    HandLandmark,
    /// points `[1,21,3]`, probability of a right hand `[1,1]`, points in metres `[1,21,3]` →
    /// `[1,128]`.
    GestureEmbedder,
    /// `[1,128]`, and after it, if the classifier takes them, the inputs of the embedder → one
    /// probability for each label.
    GestureClassifier,
}

impl Step {
    /// All steps, in order.
    pub const ALL: [Self; 4] = [
        Self::PalmDetection,
        Self::HandLandmark,
        Self::GestureEmbedder,
        Self::GestureClassifier,
    ];

    /// The key of the step in a profile of the manifest.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::PalmDetection => "palm_detection",
            Self::HandLandmark => "hand_landmark",
            Self::GestureEmbedder => "gesture_embedder",
            Self::GestureClassifier => "gesture_classifier",
        }
    }

    /// Whether its network is one of convolutions, for which there are kernels of our own.
    #[must_use]
    pub const fn is_convolutional(self) -> bool {
        matches!(self, Self::PalmDetection | Self::HandLandmark)
    }

    /// Shapes of the inputs that the recogniser fills, for a network that has `count` of them: a
    /// classifier takes the embedding, or the embedding and all that the embedder took.
    #[must_use]
    pub fn inputs(self, count: usize) -> &'static [&'static [usize]] {
        match self {
            Self::PalmDetection => &[&[1, 192, 192, 3]],
            Self::HandLandmark => &[&[1, 224, 224, 3]],
            Self::GestureEmbedder => &[&[1, 21, 3], &[1, 1], &[1, 21, 3]],
            Self::GestureClassifier if count > 1 => &[&[1, 128], &[1, 21, 3], &[1, 1], &[1, 21, 3]],
            Self::GestureClassifier => &[&[1, 128]],
        }
    }

    /// Shapes of the outputs that the recogniser reads; 0 stands for the number of labels.
    #[must_use]
    pub fn outputs(self) -> &'static [&'static [usize]] {
        match self {
            Self::PalmDetection => &[&[1, 2016, 18], &[1, 2016, 1]],
            Self::HandLandmark => &[&[1, 63], &[1, 1], &[1, 1], &[1, 63]],
            Self::GestureEmbedder => &[&[1, 128]],
            Self::GestureClassifier => &[&[1, 0]],
        }
    }
}

/// A named input or output of a network, as the manifest states it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// Its name in the ONNX graph.
    pub name: String,
    /// Its dimensions.
    pub shape: Vec<usize>,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {:?}", self.name, self.shape)
    }
}

/// A network failed to run: a fault of the program or of the machine, never of the frame.
#[derive(Debug, thiserror::Error)]
#[error("network {network} failed: {cause}")]
pub struct RunError {
    /// File name of the network.
    pub network: String,
    /// The runtime's words.
    pub cause: String,
}

/// A loaded network with inputs and outputs of fixed shapes, all `f32`.
///
/// Use: fill every [`input`](Network::input), [`run`](Network::run), read the outputs. Inputs keep
/// their values between runs. An index beyond the manifest's list gives an empty slice.
pub trait Network: fmt::Debug {
    /// The values of an input, row-major, to be overwritten in place.
    fn input(&mut self, index: usize) -> &mut [f32];

    /// Runs the network on its inputs.
    ///
    /// # Errors
    /// [`RunError`] when the runtime fails; the outputs are then those of an earlier run or none.
    fn run(&mut self) -> Result<(), RunError>;

    /// The values of an output of the last run, row-major; empty before the first.
    fn output(&self, index: usize) -> &[f32];
}
