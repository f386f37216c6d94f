//! The demo clip as single frames, and what is to be seen on each of them.
//!
//! Upstream: the tests that look at recognised gestures. Source: `capture-worker/demo`.

use crate::binaries::workspace;
use serde::Deserialize;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Frames on which a thumb points up.
pub const THUMB_UP: Range<usize> = 172..194;

/// What is to be seen on one frame.
#[derive(Debug, Clone, Deserialize)]
pub struct Label {
    /// A gesture in the clip's own words, `no_hand`, or `transition`.
    pub gesture: String,
    /// 21 × `[x, y, z]`, x and y in pixels; none where no hand is.
    pub landmarks: Option<Vec<[f32; 3]>>,
}

impl Label {
    /// Whether the hand holds still, or there is none: nothing in between.
    #[must_use]
    pub fn is_hold(&self) -> bool {
        self.gesture != "transition"
    }

    /// The model's name of the gesture; `None` where no hand is to be seen.
    ///
    /// # Panics
    ///
    /// For a frame that is no hold.
    #[must_use]
    pub fn expected(&self) -> Option<&'static str> {
        match self.gesture.as_str() {
            "no_hand" => None,
            "open_palm" => Some("Open_Palm"),
            "closed_fist" => Some("Closed_Fist"),
            "pointing_up" => Some("Pointing_Up"),
            "victory" => Some("Victory"),
            "i_love_you" => Some("ILoveYou"),
            "thumb_up" => Some("Thumb_Up"),
            "thumb_down" => Some("Thumb_Down"),
            "none" => Some("None"),
            other => panic!("`{other}` is no hold"),
        }
    }
}

#[derive(Deserialize)]
struct Labels {
    frames: Vec<Label>,
}

fn file(name: &str) -> PathBuf {
    workspace().join("capture-worker/demo").join(name)
}

/// One label for each frame.
///
/// # Panics
///
/// If the file is not there.
#[must_use]
pub fn labels() -> Vec<Label> {
    let text = std::fs::read(file("labels.json")).expect("the demo clip has labels");
    let labels: Labels = serde_json::from_slice(&text).expect("labels are JSON");
    labels.frames
}

/// The JPEGs, in order.
///
/// # Panics
///
/// If the file is not there.
#[must_use]
pub fn frames() -> Vec<Vec<u8>> {
    let clip = std::fs::read(file("demo-640x480-15fps.mjpeg")).expect("the demo clip is there");
    // One image's end directly before the next one's start occurs nowhere else in this clip.
    let mut frames = Vec::new();
    let mut start = 0;
    for at in 1..clip.len() - 2 {
        if clip[at - 1..at + 3] == [0xff, 0xd9, 0xff, 0xd8] {
            frames.push(clip[start..=at].to_vec());
            start = at + 1;
        }
    }
    frames.push(clip[start..].to_vec());
    frames
}

/// Writes some frames of the clip into a file that a source can play.
///
/// # Panics
///
/// If it cannot be written.
#[must_use]
pub fn write_clip(folder: &Path, range: Range<usize>) -> PathBuf {
    let path = folder.join("clip.mjpeg");
    std::fs::write(&path, frames()[range].concat()).expect("the clip can be written");
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: frames and labels belong together.
    /// Method: as many of one as of the other, and each frame a whole JPEG.
    #[test]
    fn each_frame_has_its_label() {
        let frames = frames();
        assert_eq!(frames.len(), labels().len());
        assert!(
            frames
                .iter()
                .all(|frame| crate::client::multipart::is_jpeg(frame))
        );
        assert!(
            labels()[THUMB_UP]
                .iter()
                .all(|label| label.gesture == "thumb_up")
        );
    }
}
