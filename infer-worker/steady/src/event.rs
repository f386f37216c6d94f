//! What comes out of the rules, and its JSON: the same on every channel.
//!
//! Neighbours: [`Steadier`](crate::Steadier) makes both; the gateway and `infer-worker events` write
//! them down.

use crate::machine::{Held, Moment, is_no_gesture};
use crate::one_euro::Landmarks;
use serde::Serialize;
use shm_layout::prediction::{PredictionJson, SteadyJson, SteadySceneJson, rounded};
use shm_layout::{Label, MonotonicNs, Prediction, Sequence};

/// What happened to a gesture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// It has begun.
    GestureStart,
    /// Another tenth of its hold time is over.
    GestureHold,
    /// It has ended.
    GestureEnd,
}

/// Why a gesture ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The hand shows something else.
    Released,
    /// The hand is gone, or nothing is known of it any more.
    Lost,
}

/// The hand that an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventHand {
    /// Its number; never 0.
    pub id: u64,
    /// Whether it is a right hand, for a picture that is not mirrored.
    pub is_right: bool,
}

/// Something that happened to a gesture of one hand, or of the whole frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GestureEvent {
    /// What.
    pub kind: EventKind,
    /// Why it ended, if it did.
    pub reason: Option<EndReason>,
    /// The frame whose prediction decided it.
    pub sequence: Sequence,
    /// When that was captured.
    pub at: Moment,
    /// The hand; `None`: the frame as a whole shows the gesture.
    pub hand: Option<EventHand>,
    /// The gesture.
    pub held: Held,
}

/// A [`GestureEvent`] as clients see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GestureEventJson<'a> {
    /// What happened.
    pub event: EventKind,
    /// Name of the source.
    pub source: &'a str,
    /// See [`GestureEvent::sequence`].
    pub sequence: u64,
    /// Wall clock of that frame's capture, µs since 1970.
    pub capture_time_us: u64,
    /// The hand, as in predictions; 0 for the frame as a whole.
    pub hand_id: u64,
    /// `Left` or `Right`; `None` for the frame as a whole.
    pub handedness: &'static str,
    /// Name of the gesture.
    pub gesture: &'a str,
    /// How sure the newest prediction that showed it was, 0..=1.
    pub score: f32,
    /// How much of its hold time is over, 0..=1.
    pub progress: f32,
    /// Capture time of the first frame that showed it, µs since 1970.
    pub since_us: u64,
    /// From there to the last frame that showed it, in ms.
    pub held_ms: u64,
    /// It was held before this gateway knew anything: when it began was told by another one, and
    /// `since_us` is only the oldest time that is known.
    pub continued: bool,
    /// Why it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<EndReason>,
}

impl GestureEvent {
    /// The event as clients see it.
    #[must_use]
    pub fn to_json<'a>(&'a self, source: &'a str) -> GestureEventJson<'a> {
        let held = &self.held;
        let shown = held.last.capture.since(held.since.capture);
        GestureEventJson {
            event: self.kind,
            source,
            sequence: self.sequence.0,
            capture_time_us: self.at.wall_us,
            hand_id: self.hand.map_or(0, |hand| hand.id),
            handedness: match self.hand {
                Some(hand) if hand.is_right => "Right",
                Some(_) => "Left",
                None => "None",
            },
            gesture: held.gesture.as_str(),
            score: rounded(held.score),
            progress: rounded(held.progress),
            since_us: held.since.wall_us,
            held_ms: u64::try_from(shown.as_millis()).unwrap_or(u64::MAX),
            continued: held.is_continued,
            reason: self.reason,
        }
    }
}

/// What the frames of a source show as a whole, steady in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SteadyScene {
    /// As [`SteadyHand::gesture`].
    pub gesture: Option<Label>,
    /// As [`SteadyHand::progress`].
    pub progress: f32,
    /// As [`SteadyHand::since_us`].
    pub since_us: u64,
}

/// What a hand shows, steady in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SteadyHand {
    /// The gesture that is held.
    pub gesture: Option<Label>,
    /// How much of its hold time is over, 0..=1; 0 without a gesture.
    pub progress: f32,
    /// Capture time of the first frame that showed it, or of the first since there is none.
    pub since_us: u64,
    /// Smoothed, in fractions of the frame.
    pub landmarks: Landmarks,
}

/// A prediction, with what its hands show steadily.
#[derive(Debug, Clone, PartialEq)]
pub struct SteadyPrediction {
    /// The raw one; its hands have the numbers that stay.
    pub raw: Prediction,
    /// One for each hand of `raw`; none at all when the prediction came too late.
    pub hands: Vec<SteadyHand>,
    /// What the frame shows as a whole, if `raw` says so and did not come too late.
    pub scene: Option<SteadyScene>,
}

impl SteadyPrediction {
    /// A prediction that came too late to be made steady.
    #[must_use]
    pub fn late(raw: Prediction) -> Self {
        Self {
            raw,
            hands: Vec::new(),
            scene: None,
        }
    }

    /// The prediction as clients see it at the moment `now`.
    #[must_use]
    pub fn to_json(&self, source: &str, now: MonotonicNs) -> PredictionJson {
        let mut json = self.raw.to_json(source, now);
        for (hand, steady) in json.hands.iter_mut().zip(&self.hands) {
            hand.steady = Some(SteadyJson {
                gesture: name(steady.gesture.as_ref()).to_owned(),
                progress: rounded(steady.progress),
                since_us: steady.since_us,
                landmarks: steady.landmarks.map(|point| point.map(rounded)),
            });
        }
        if let (Some(scene), Some(steady)) = (&mut json.scene, &self.scene) {
            scene.steady = Some(SteadySceneJson {
                gesture: name(steady.gesture.as_ref()).to_owned(),
                progress: rounded(steady.progress),
                since_us: steady.since_us,
            });
        }
        json
    }
}

/// Name of a gesture that is held; `None` for none.
fn name(gesture: Option<&Label>) -> &str {
    match gesture {
        Some(gesture) if !is_no_gesture(*gesture) => gesture.as_str(),
        _ => "None",
    }
}
