//! Predictions written down, one JSON object a line, to be played again.
//!
//! Neighbours: `infer-worker events` writes and reads such files; tests play them. What is read is
//! input: a line that is no prediction is an error with its number.

use serde::{Deserialize, Serialize};
use shm_layout::prediction::{HANDS_MAX, LANDMARKS, Motion};
use shm_layout::{Generation, Hand, Label, MonotonicNs, Prediction, Scene, Sequence};

/// A line that cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub struct RecordingError {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
}

impl std::fmt::Display for RecordingError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "line {}: {}", self.line, self.problem)
    }
}

impl std::error::Error for RecordingError {}

/// One prediction.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    sequence: u64,
    capture_time_us: u64,
    /// Width and height of the frame, in pixels.
    frame: [u32; 2],
    /// What the frame shows as a whole: its gesture and its score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scene: Option<(String, f32)>,
    hands: Vec<LineHand>,
}

#[derive(Debug, Serialize, Deserialize)]
struct LineHand {
    id: u64,
    gesture: String,
    score: f32,
    right: f32,
    /// x and y of each point, in ten-thousandths of the frame.
    points: Vec<[i32; 2]>,
}

const UNIT: f32 = 1e4;

/// One line for a prediction, without its end.
///
/// # Errors
///
/// When it cannot be written as JSON.
pub fn line(prediction: &Prediction) -> Result<String, serde_json::Error> {
    let hands = prediction.hands.iter().map(|hand| LineHand {
        id: hand.id,
        gesture: hand.gesture.as_str().to_owned(),
        score: (hand.score * 1e3).round() / 1e3,
        right: (hand.motion.right_average * 1e3).round() / 1e3,
        points: hand
            .landmarks
            .map(|[x, y, _]| [x, y].map(|value| (value * UNIT).round() as i32))
            .to_vec(),
    });
    serde_json::to_string(&Line {
        sequence: prediction.sequence.0,
        capture_time_us: prediction.capture_wall_us,
        frame: [prediction.width_px, prediction.height_px],
        scene: prediction
            .scene
            .map(|scene| (scene.gesture.to_string(), (scene.score * 1e3).round() / 1e3)),
        hands: hands.collect(),
    })
}

/// Reads a recording.
///
/// # Errors
///
/// [`RecordingError`] names the first line that is no prediction.
pub fn read(text: &str) -> Result<Vec<Prediction>, RecordingError> {
    let lines = text.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            parse(line).map_err(|problem| RecordingError {
                line: index + 1,
                problem,
            })
        })
        .collect()
}

fn parse(line: &str) -> Result<Prediction, String> {
    let line: Line = serde_json::from_str(line).map_err(|error| error.to_string())?;
    if line.hands.len() > HANDS_MAX {
        let count = line.hands.len();
        return Err(format!("{count} hands, expected at most {HANDS_MAX}"));
    }
    let capture = MonotonicNs(line.capture_time_us.saturating_mul(1000));
    Ok(Prediction {
        sequence: Sequence(line.sequence),
        generation: Generation(0),
        capture,
        capture_wall_us: line.capture_time_us,
        publish: capture,
        take: capture,
        done: capture,
        width_px: line.frame[0],
        height_px: line.frame[1],
        model: [0; 32],
        detected: false,
        looks: 0,
        scene: line.scene.map(scene).transpose()?,
        hands: line.hands.into_iter().map(hand).collect::<Result<_, _>>()?,
        lost: Vec::new(),
    })
}

fn scene((gesture, score): (String, f32)) -> Result<Scene, String> {
    let wrong = || format!("`{gesture}` is no name of a gesture");
    let gesture = Label::new(&gesture).ok_or_else(wrong)?;
    Ok(Scene { gesture, score })
}

fn hand(hand: LineHand) -> Result<Hand, String> {
    let wrong = || format!("`{}` is no name of a gesture", hand.gesture);
    let gesture = Label::new(&hand.gesture).ok_or_else(wrong)?;
    let count = hand.points.len();
    let points: [[i32; 2]; LANDMARKS] = hand
        .points
        .try_into()
        .map_err(|_| format!("a hand of {count} points, expected {LANDMARKS}"))?;
    Ok(Hand {
        id: hand.id,
        motion: Motion {
            velocity: [0.0; 2],
            right_average: hand.right,
        },
        gesture,
        score: hand.score,
        right_probability: hand.right,
        presence: 1.0,
        rect: [0.0; 4],
        landmarks: points.map(|[x, y]| [x as f32 / UNIT, y as f32 / UNIT, 0.0]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steadier::tests::prediction_at;

    #[test]
    fn what_is_written_is_read() {
        let empty = prediction_at(41, 1000);
        let text = format!("{}\n\n", line(&empty).expect("json"));
        let read = read(&text).expect("a recording");
        let again = line(&read[0]).expect("json");
        assert_eq!(again, line(&empty).expect("json"));
        assert_eq!((read.len(), read[0].sequence.0), (1, 41));
        let scene = Scene {
            gesture: Label::new("Victory").expect("label"),
            score: 0.75,
        };
        let whole = Prediction {
            scene: Some(scene),
            ..empty
        };
        let read = super::read(&line(&whole).expect("json")).expect("a recording");
        assert_eq!(read[0].scene, Some(scene));
    }

    #[test]
    fn what_is_no_prediction_is_named_with_its_line() {
        let good = line(&prediction_at(1, 0)).expect("json");
        let error = read(&format!("{good}\n{{}}\n")).expect_err("no prediction");
        assert_eq!(error.line, 2);
        let hands = good.replace(
            "[]",
            r#"[{"id":1,"gesture":"A","score":1,"right":1,"points":[[1,2]]}]"#,
        );
        let error = read(&hands).expect_err("one point");
        assert_eq!(error.to_string(), "line 1: a hand of 1 points, expected 21");
    }
}
