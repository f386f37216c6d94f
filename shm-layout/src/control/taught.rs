//! Gestures that a user taught, as infer-workers get them: learnt before, by `check-model`.

use serde::{Deserialize, Serialize};

/// Which hands show a taught gesture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HandSide {
    /// Either.
    #[default]
    Any = 0,
    /// The left hand, in a picture that is not mirrored.
    Left = 1,
    /// The right hand.
    Right = 2,
}

impl HandSide {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Any, Self::Left, Self::Right];

    /// Its word in files and on the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Left => "left",
            Self::Right => "right",
        }
    }
}

/// A taught gesture, ready to be recognised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaughtGesture {
    /// Its name, a label.
    pub name: String,
    /// The hands that show it.
    pub side: HandSide,
    /// A weight for each number that describes a hand; see `infer-worker/src/taught/features.rs`.
    pub weights: Vec<f32>,
    /// Added to their sum, whose logistic function is the score.
    pub bias: f32,
}
