//! What a clip should show: per frame, the hands with their points, gesture and side.
//!
//! Two forms are read: the output of MediaPipe's GestureRecognizer, as a list with one list of
//! hands per frame (`[[{"lm": [[x, y, z], …], "label": …, "hd": …}], …]`, points in pixels), and
//! the labels of the rendered demo clip (`{"frames": [{"gesture": …, "landmarks": …}, …]}`).

use crate::hand::{LANDMARKS, Landmarks};
use serde::Deserialize;

/// A hand that a frame should show.
#[derive(Debug, Clone)]
pub struct ReferenceHand {
    /// Points in pixels of the frame.
    pub landmarks: Landmarks,
    /// Its gesture; `None` where none is promised, as in the middle of a movement.
    pub gesture: Option<String>,
    /// `Right` or `Left`, in any case.
    pub handedness: String,
}

/// The hands of every frame, in order.
#[derive(Debug, Clone)]
pub struct Reference {
    /// Frames a second, if the file says so.
    pub fps: Option<f64>,
    /// One entry per frame.
    pub frames: Vec<Vec<ReferenceHand>>,
}

/// A reference file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("not a reference (expected hands per frame, labels with `frames`, or `gestures`): {0}")]
pub struct ReferenceError(String);

impl ReferenceError {
    pub(crate) fn new(told: String) -> Self {
        Self(told)
    }
}

#[derive(Deserialize)]
struct RecordedHand {
    lm: Vec<[f32; 3]>,
    label: String,
    hd: String,
}

#[derive(Deserialize)]
struct Labels {
    fps: Option<f64>,
    frames: Vec<LabelledFrame>,
}

#[derive(Deserialize)]
struct LabelledFrame {
    gesture: String,
    landmarks_in_frame: usize,
    handedness: Option<String>,
    landmarks: Option<Vec<[f32; 3]>>,
}

impl Reference {
    /// Parses either form.
    ///
    /// # Errors
    /// [`ReferenceError`] when the text is neither.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let wrong = |error: serde_json::Error| ReferenceError(error.to_string());
        if text.trim_start().starts_with('[') {
            let recorded: Vec<Vec<RecordedHand>> = serde_json::from_str(text).map_err(wrong)?;
            let hands = |hands: Vec<RecordedHand>| hands.into_iter().map(recorded_hand).collect();
            let frames = recorded.into_iter().map(hands).collect::<Result<_, _>>()?;
            return Ok(Self { fps: None, frames });
        }
        let labels: Labels = serde_json::from_str(text).map_err(wrong)?;
        let fps = labels.fps.filter(|fps| (0.1..=240.0).contains(fps));
        let frames = labels.frames.into_iter().map(labelled_hands);
        let frames = frames.collect::<Result<_, _>>()?;
        Ok(Self { fps, frames })
    }
}

fn recorded_hand(hand: RecordedHand) -> Result<ReferenceHand, ReferenceError> {
    Ok(ReferenceHand {
        landmarks: points(hand.lm)?,
        gesture: Some(hand.label),
        handedness: hand.hd,
    })
}

fn labelled_hands(frame: LabelledFrame) -> Result<Vec<ReferenceHand>, ReferenceError> {
    let Some(landmarks) = frame.landmarks else {
        return Ok(Vec::new());
    };
    // While the hand comes and goes, nothing is promised.
    if frame.landmarks_in_frame < LANDMARKS {
        return Ok(Vec::new());
    }
    Ok(vec![ReferenceHand {
        landmarks: points(landmarks)?,
        gesture: Some(frame.gesture).filter(|gesture| gesture != "transition"),
        handedness: frame.handedness.unwrap_or_default(),
    }])
}

fn points(list: Vec<[f32; 3]>) -> Result<Landmarks, ReferenceError> {
    let count = list.len();
    list.try_into()
        .map_err(|_| ReferenceError(format!("a hand of {count} points, expected {LANDMARKS}")))
}

/// Whether two names mean the same gesture: `Thumb_Up` is `thumb_up`, `ILoveYou` is `i_love_you`.
#[must_use]
pub fn same_gesture(a: &str, b: &str) -> bool {
    let letters = |name: &str| name.replace('_', "").to_ascii_lowercase();
    letters(a) == letters(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_reads_both_forms() {
        let points = serde_json::to_string(&[[1.0, 2.0, 3.0]; 21]).expect("json");
        let recorded = format!(
            r#"[[], [{{"lm":{points},"wl":[],"hd":"Right","hs":0.9,"label":"Victory","score":1}}]]"#
        );
        let reference = Reference::parse(&recorded).expect("recorded");
        assert!(reference.frames[0].is_empty());
        assert_eq!(reference.frames[1][0].gesture.as_deref(), Some("Victory"));

        let frame = |gesture: &str| {
            format!(
                r#"{{"gesture":"{gesture}","landmarks_in_frame":21,"handedness":"right","landmarks":{points}}}"#
            )
        };
        let labels = format!(
            r#"{{"fps":15,"frames":[{},{}]}}"#,
            frame("transition"),
            frame("thumb_up")
        );
        let reference = Reference::parse(&labels).expect("labels");
        assert_eq!(reference.frames[0][0].gesture, None);
        assert_eq!(reference.frames[1][0].gesture.as_deref(), Some("thumb_up"));
    }

    #[test]
    fn parse_refuses_a_hand_of_other_size() {
        let text = r#"[[{"lm":[[1,2,3]],"hd":"Right","label":"None"}]]"#;
        let error = Reference::parse(text).expect_err("one point");
        assert!(
            error.to_string().contains("1 points, expected 21"),
            "{error}"
        );
    }

    #[test]
    fn same_gesture_ignores_spelling() {
        assert!(same_gesture("ILoveYou", "i_love_you"));
        assert!(same_gesture("Thumb_Up", "thumb_up"));
        assert!(!same_gesture("Thumb_Up", "thumb_down"));
    }
}
