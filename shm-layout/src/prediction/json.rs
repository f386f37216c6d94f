//! A prediction as JSON: the shape that every client sees, on every protocol.

use super::{Hand, LANDMARKS, Prediction, Scene};
use crate::clock::MonotonicNs;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A prediction whose frame is older than this is marked stale.
pub const STALE_AFTER: Duration = Duration::from_millis(500);

/// A prediction as clients see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PredictionJson {
    /// Name of the source.
    pub source: String,
    /// Sequence of the frame.
    pub sequence: u64,
    /// Wall clock of its capture, µs since 1970.
    pub capture_time_us: u64,
    /// Milliseconds from the capture to the moment this was written.
    pub age_ms: f64,
    /// Older than [`STALE_AFTER`].
    pub stale: bool,
    /// What the frame shows as a whole; missing for a model that looks for hands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene: Option<SceneJson>,
    /// The hands.
    pub hands: Vec<HandJson>,
    /// `sha256:…` of the model's manifest.
    pub model: String,
    /// Generation of the infer-worker.
    pub generation: u64,
    /// Where the time went.
    pub timing_us: TimingJson,
}

/// What a frame shows as a whole, as clients see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SceneJson {
    /// The likeliest label.
    pub gesture: String,
    /// How sure that is, 0..=1.
    pub score: f32,
    /// The same, steady in time; missing as in [`HandJson`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steady: Option<SteadySceneJson>,
}

/// What the frames of a source show as a whole, steady in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SteadySceneJson {
    /// As [`SteadyJson::gesture`].
    pub gesture: String,
    /// As [`SteadyJson::progress`].
    pub progress: f32,
    /// As [`SteadyJson::since_us`].
    pub since_us: u64,
}

/// One hand as clients see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HandJson {
    /// Which hand it is; see [`Hand::id`].
    #[serde(default)]
    pub id: u64,
    /// What it shows.
    pub gesture: String,
    /// How sure that is, 0..=1.
    pub score: f32,
    /// `Left` or `Right`.
    pub handedness: String,
    /// `[x, y, width, height]` in fractions of the frame.
    #[serde(rename = "box")]
    pub rect: [f32; 4],
    /// 21 × `[x, y, z]` in fractions of the frame.
    pub landmarks: [[f32; 3]; LANDMARKS],
    /// The same, steady in time; missing where predictions stand alone, and for one that came so
    /// late that later ones were told already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steady: Option<SteadyJson>,
}

/// What a hand shows, steady in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SteadyJson {
    /// The gesture that is held, `None` for none: it changes with the gesture events only.
    pub gesture: String,
    /// How much of its hold time is over, 0..=1.
    pub progress: f32,
    /// Capture time of the first frame that showed it, µs since 1970.
    pub since_us: u64,
    /// Smoothed, 21 × `[x, y, z]` in fractions of the frame.
    pub landmarks: [[f32; 3]; LANDMARKS],
}

/// Where the time went, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimingJson {
    /// From the capture to the frame being readable in the ring.
    pub capture_to_publish: u64,
    /// From there to an infer-worker taking it.
    pub publish_to_take: u64,
    /// From there to the prediction being readable.
    pub infer: u64,
}

fn us(later: MonotonicNs, earlier: MonotonicNs) -> u64 {
    u64::try_from(later.since(earlier).as_micros()).unwrap_or(u64::MAX)
}

/// Five decimals: a hundredth of a pixel at 1000 pixels, and half the bytes.
#[must_use]
pub fn rounded(value: f32) -> f32 {
    (value * 1e5).round() / 1e5
}

impl Prediction {
    /// The prediction as clients see it at the moment `now`.
    #[must_use]
    pub fn to_json(&self, source: &str, now: MonotonicNs) -> PredictionJson {
        let age = now.since(self.capture);
        let mut model = String::with_capacity(71);
        model.push_str("sha256:");
        self.model
            .iter()
            .for_each(|byte| model.push_str(&format!("{byte:02x}")));
        PredictionJson {
            source: source.to_owned(),
            sequence: self.sequence.0,
            capture_time_us: self.capture_wall_us,
            age_ms: age.as_micros() as f64 / 1e3,
            stale: age > STALE_AFTER,
            scene: self.scene.as_ref().map(SceneJson::from),
            hands: self.hands.iter().map(HandJson::from).collect(),
            model,
            generation: self.generation.0,
            timing_us: TimingJson {
                capture_to_publish: us(self.publish, self.capture),
                publish_to_take: us(self.take, self.publish),
                infer: us(self.done, self.take),
            },
        }
    }
}

impl From<&Scene> for SceneJson {
    fn from(scene: &Scene) -> Self {
        Self {
            gesture: scene.gesture.as_str().to_owned(),
            score: rounded(scene.score),
            steady: None,
        }
    }
}

impl From<&Hand> for HandJson {
    fn from(hand: &Hand) -> Self {
        Self {
            id: hand.id,
            gesture: hand.gesture.as_str().to_owned(),
            score: rounded(hand.score),
            handedness: if hand.right_probability >= 0.5 {
                "Right"
            } else {
                "Left"
            }
            .to_owned(),
            rect: hand.rect.map(rounded),
            landmarks: hand.landmarks.map(|point| point.map(rounded)),
            steady: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prediction::Motion;
    use crate::{Generation, Label, Sequence};

    #[test]
    fn json_has_exactly_the_documented_shape() {
        let ms = |ms: u64| MonotonicNs(ms * 1_000_000);
        let prediction = Prediction {
            sequence: Sequence(41),
            generation: Generation(3),
            capture: ms(1000),
            capture_wall_us: 1_700_000_000_000_000,
            publish: ms(1001),
            take: ms(1003),
            done: ms(1018),
            width_px: 640,
            height_px: 480,
            model: [0xab; 32],
            detected: false,
            looks: 0,
            lost: Vec::new(),
            scene: None,
            hands: vec![Hand {
                id: 164,
                motion: Motion::default(),
                gesture: Label::new("Thumb_Up").unwrap(),
                score: 0.93,
                right_probability: 0.9,
                presence: 1.0,
                rect: [0.1, 0.2, 0.3, 0.4],
                landmarks: [[0.5, 0.5, 0.0]; LANDMARKS],
            }],
        };
        let fresh = serde_json::to_value(prediction.to_json("cam0", ms(1020))).unwrap();
        let expected = serde_json::json!({
            "source": "cam0", "sequence": 41, "capture_time_us": 1_700_000_000_000_000_u64,
            "age_ms": 20.0, "stale": false,
            "hands": [{"id": 164, "gesture": "Thumb_Up", "score": 0.93_f32, "handedness": "Right",
                "box": [0.1_f32, 0.2_f32, 0.3_f32, 0.4_f32], "landmarks": vec![[0.5, 0.5, 0.0]; 21]}],
            "model": format!("sha256:{}", "ab".repeat(32)), "generation": 3,
            "timing_us": {"capture_to_publish": 1000, "publish_to_take": 2000, "infer": 15_000},
        });
        assert_eq!(fresh, expected);
        let whole = Prediction {
            scene: Some(Scene {
                gesture: Label::new("Thumb_Up").unwrap(),
                score: 0.93,
            }),
            hands: Vec::new(),
            ..prediction.clone()
        };
        let whole = serde_json::to_value(whole.to_json("cam0", ms(1020))).unwrap();
        let scene = serde_json::json!({"gesture": "Thumb_Up", "score": 0.93_f32});
        assert_eq!(
            (&whole["scene"], &whole["hands"]),
            (&scene, &serde_json::json!([]))
        );
        assert!(!prediction.to_json("cam0", ms(1500)).stale);
        assert!(prediction.to_json("cam0", ms(1501)).stale);
    }
}
