//! What a clip is labelled with: which gestures it shows, from when to when.
//!
//! Neighbours: [`super::folder`] and the command line read the files; [`super::fit`] compares them
//! with events, [`super::clips`] with single frames. Three forms are read: a list of stretches, which
//! people write by hand (`{"fps": 25, "gestures": [{"gesture": "Thumb_Up", "from_s": 1.8, "to_s": 3.4}]}`),
//! and the two of [`crate::agree::reference`], which have the hands of every frame.

use crate::agree::reference::{Reference, ReferenceError, ReferenceHand};
use serde::Deserialize;

/// Most stretches of one clip.
const STRETCHES_MAX: usize = 100_000;
/// Shorter runs of single frames with one label are none: what a recogniser said of them once.
const FRAMES_MIN: u64 = 5;
/// Longest clip that a label may speak of, in seconds.
const SECONDS_MAX: f64 = 1e6;

/// Frames that show one gesture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// As the labels spell it.
    pub gesture: String,
    /// The first frame, from 1.
    pub first: u64,
    /// The last one.
    pub last: u64,
}

/// The labels of a clip.
#[derive(Debug, Clone)]
pub struct Labels {
    /// Frames a second, if the file says so.
    pub fps: Option<f64>,
    /// What it shows, by the first frame. A gesture that is no gesture (`none`) may be among them.
    pub stretches: Vec<Stretch>,
    /// The hands of each frame, if the file has them.
    hands: Option<Vec<Vec<ReferenceHand>>>,
}

/// What the labels say of one hand in one frame.
#[derive(Debug, Clone, Copy)]
pub enum Labelled<'a> {
    /// The frame's hand shows this gesture.
    Any(&'a str),
    /// The hand at this place does, if any is promised.
    Hand(&'a ReferenceHand),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    fps: f64,
    gestures: Vec<WrittenStretch>,
    /// For people.
    #[serde(default, rename = "note")]
    _note: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenStretch {
    gesture: String,
    from_s: f64,
    to_s: f64,
}

impl Labels {
    /// Parses any of the three forms.
    ///
    /// # Errors
    /// [`ReferenceError`] when the text is none of them.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let is_written = serde_json::from_str::<serde_json::Value>(text)
            .is_ok_and(|value| value.get("gestures").is_some());
        if is_written {
            return written(text);
        }
        let reference = Reference::parse(text)?;
        Ok(Self {
            fps: reference.fps,
            stretches: stretches(&reference.frames),
            hands: Some(reference.frames),
        })
    }

    /// How many frames the clip is to have, if the labels say so.
    #[must_use]
    pub fn frames(&self) -> Option<usize> {
        self.hands.as_ref().map(Vec::len)
    }

    /// What the labels say of frame `frame`, from 1.
    pub fn at(&self, frame: u64) -> Vec<Labelled<'_>> {
        let Some(hands) = &self.hands else {
            let here = |stretch: &&Stretch| (stretch.first..=stretch.last).contains(&frame);
            let shown = self.stretches.iter().filter(here);
            return shown
                .map(|stretch| Labelled::Any(&stretch.gesture))
                .collect();
        };
        let hands = hands.get((frame as usize).wrapping_sub(1));
        hands.map_or_else(Vec::new, |hands| hands.iter().map(Labelled::Hand).collect())
    }
}

fn written(text: &str) -> Result<Labels, ReferenceError> {
    let wrong = |error: serde_json::Error| ReferenceError::new(error.to_string());
    let written: Written = serde_json::from_str(text).map_err(wrong)?;
    let fps = written.fps;
    if !(0.1..=240.0).contains(&fps) {
        let told = format!("`fps` is {fps}, expected 0.1 to 240");
        return Err(ReferenceError::new(told));
    }
    if written.gestures.len() > STRETCHES_MAX {
        let count = written.gestures.len();
        let told = format!("{count} gestures, expected at most {STRETCHES_MAX}");
        return Err(ReferenceError::new(told));
    }
    let stretch = |written: WrittenStretch| {
        let WrittenStretch {
            gesture,
            from_s,
            to_s,
        } = written;
        if !(0.0..SECONDS_MAX).contains(&from_s) || !(from_s..=SECONDS_MAX).contains(&to_s) {
            let told =
                format!("`{gesture}` from {from_s} to {to_s} s, expected 0 or later, in order");
            return Err(ReferenceError::new(told));
        }
        let first = (from_s * fps).round() as u64 + 1;
        let last = ((to_s * fps).round() as u64).max(first);
        Ok(Stretch {
            gesture,
            first,
            last,
        })
    };
    let stretches: Result<Vec<_>, _> = written.gestures.into_iter().map(stretch).collect();
    let mut stretches = stretches?;
    stretches.sort_by_key(|stretch| stretch.first);
    Ok(Labels {
        fps: Some(fps),
        stretches,
        hands: None,
    })
}

/// Each run of frames in which a hand of one side is labelled with one gesture, but for short ones.
fn stretches(frames: &[Vec<ReferenceHand>]) -> Vec<Stretch> {
    let mut stretches: Vec<(&str, Stretch)> = Vec::new();
    for (index, hands) in frames.iter().enumerate() {
        let frame = index as u64 + 1;
        for hand in hands {
            let Some(gesture) = &hand.gesture else {
                continue;
            };
            let goes_on = stretches.iter_mut().rev().find(|(side, stretch)| {
                *side == hand.handedness && stretch.gesture == *gesture && stretch.last + 1 == frame
            });
            match goes_on {
                Some((_, stretch)) => stretch.last = frame,
                None => stretches.push((
                    &hand.handedness,
                    Stretch {
                        gesture: gesture.clone(),
                        first: frame,
                        last: frame,
                    },
                )),
            }
        }
    }
    let stretches = stretches.into_iter().map(|(_, stretch)| stretch);
    let lasts = |stretch: &Stretch| stretch.last + 1 - stretch.first >= FRAMES_MIN;
    stretches.filter(lasts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_labels_are_seconds_and_become_frames() {
        let text = r#"{"note": "a test", "fps": 25, "gestures": [
            {"gesture": "Thumb_Up", "from_s": 2, "to_s": 2.4},
            {"gesture": "fist", "from_s": 0, "to_s": 0.2}]}"#;
        let labels = Labels::parse(text).expect("labels");
        let told: Vec<_> = labels
            .stretches
            .iter()
            .map(|stretch| (stretch.gesture.as_str(), stretch.first, stretch.last))
            .collect();
        assert_eq!(told, [("fist", 1, 5), ("Thumb_Up", 51, 60)]);
        assert!(matches!(labels.at(5)[..], [Labelled::Any("fist")]));
        assert!(labels.at(6).is_empty());
        let empty = Labels::parse(r#"{"fps": 15, "gestures": []}"#).expect("nothing is shown");
        assert!(empty.stretches.is_empty());
    }

    #[test]
    fn wrong_labels_are_named() {
        for (text, named) in [
            (r#"{"fps": 0, "gestures": []}"#, "`fps` is 0"),
            (r#"{"gestures": []}"#, "missing field `fps`"),
            (
                r#"{"fps": 15, "gestures": [], "gesture": 1}"#,
                "unknown field `gesture`",
            ),
            (
                r#"{"fps": 15, "gestures": [{"gesture": "fist", "from_s": 3, "to_s": 2}]}"#,
                "`fist` from 3 to 2 s",
            ),
        ] {
            let error = Labels::parse(text).expect_err(text).to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn each_hand_of_a_clip_has_stretches_of_its_own() {
        let points = serde_json::to_string(&[[1.0, 2.0, 3.0]; 21]).expect("json");
        let hand = |side: &str, label: &str| {
            format!(r#"{{"lm":{points},"hd":"{side}","label":"{label}"}}"#)
        };
        let (up, fist) = (hand("Left", "Thumb_Up"), hand("Right", "Closed_Fist"));
        let both = format!("[{up},{fist}],[{fist},{up}],");
        let text = format!("[[],{}[{up}],[],[{up}]]", both.repeat(3));
        let labels = Labels::parse(&text).expect("recorded");
        let told: Vec<_> = labels
            .stretches
            .iter()
            .map(|stretch| (stretch.gesture.as_str(), stretch.first, stretch.last))
            .collect();
        assert_eq!(
            told,
            [("Thumb_Up", 2, 8), ("Closed_Fist", 2, 7)],
            "one odd frame at the end is no gesture"
        );
        assert_eq!((labels.frames(), labels.at(2).len()), (Some(10), 2));
    }
}
