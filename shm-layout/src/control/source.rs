//! Sources: where their frames come from, and how they are doing.

use crate::frame::PixelFormat;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Name of the kind of a pushed source.
pub const PUSH: &str = "push";

/// Where the frames of a source come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// A V4L2 camera.
    V4l2 {
        /// Path, stable id, or `auto`.
        device: String,
        /// Width wanted, pixels.
        width_px: u32,
        /// Height wanted, pixels.
        height_px: u32,
        /// Rate wanted, frames a second.
        fps: u32,
        /// Pixel format wanted; `None` = the best there is.
        format: Option<PixelFormat>,
    },
    /// A file or folder of pictures.
    Clip {
        /// File of concatenated JPEGs, MJPEG-AVI, or folder of JPEG/PNG; `None` = the demo clip.
        path: Option<PathBuf>,
        /// Frames a second; `None` = the clip's own rate, or 15 if it has none.
        fps: Option<f64>,
        /// Start again at the end.
        looped: bool,
    },
    /// A moving test picture.
    Pattern {
        /// Width, pixels.
        width_px: u32,
        /// Height, pixels.
        height_px: u32,
        /// Frames a second.
        fps: f64,
        /// Pixel format.
        format: PixelFormat,
    },
    /// Clients push the frames; the gateway publishes them, and there is no capture-worker.
    Push(PushLimits),
}

/// What a client may push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushLimits {
    /// Largest width of a frame, pixels.
    pub max_width_px: u32,
    /// Largest height of a frame, pixels.
    pub max_height_px: u32,
    /// Most frames a second.
    pub max_fps: u32,
    /// Largest frame, bytes of its JPEG; also the size of the ring's frame slots.
    pub max_frame_bytes: u32,
    /// How long a client that sends nothing keeps the source when another one wants it;
    /// milliseconds.
    pub hold_ms: u64,
}

impl SourceKind {
    /// `v4l2`, `clip`, `pattern` or `push`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::V4l2 { .. } => "v4l2",
            Self::Clip { .. } => "clip",
            Self::Pattern { .. } => "pattern",
            Self::Push(_) => PUSH,
        }
    }
}

/// State of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceState {
    /// Being opened for the first time.
    Starting,
    /// A pushed source to which no client pushes.
    Waiting,
    /// Frames come.
    Live,
    /// No frames: unplugged, frozen, ended, missing. It is tried again.
    Lost,
    /// A clip that plays once has come to its end.
    Ended,
}

/// A source changed its state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceReport {
    /// Its ring.
    pub source: usize,
    /// State.
    pub state: SourceState,
    /// In plain words: which device in which mode, or what is wrong.
    pub detail: String,
    /// Mode, once it is known.
    pub mode: Option<SourceMode>,
}

/// The mode that a source runs in.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SourceMode {
    /// Pixel format.
    pub format: PixelFormat,
    /// Width, pixels.
    pub width_px: u32,
    /// Height, pixels.
    pub height_px: u32,
    /// Nominal rate, frames a second.
    pub fps: f64,
}
