//! Every prediction and every gesture event of every source, for everybody who subscribed.
//!
//! Upstream: [`crate::pump`] sends each once, written as JSON once; an event comes after the
//! prediction that decided it. Downstream: each client holds a [`PredictionWatch`]. The memory behind
//! it is bounded: a client that lags more than [`BUFFERED`] messages loses the oldest, which is
//! counted.

use crate::clients::{ByProtocol, Protocol};
use crate::stopping::Stopping;
use bytes::Bytes;
use shm_layout::MonotonicNs;
use std::sync::Arc;
use steady::{GestureEvent, SteadyPrediction};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// How many messages a client may lag behind: two seconds of one source at 30 a second.
pub const BUFFERED: usize = 64;

/// What a message tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What was recognised in a frame.
    Prediction,
    /// A gesture that began, is held, or ended.
    Gesture,
}

/// What a client wants to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wants {
    /// Predictions.
    pub predictions: bool,
    /// Gesture events.
    pub gestures: bool,
}

impl Wants {
    /// Everything.
    pub const ALL: Self = Self {
        predictions: true,
        gestures: true,
    };

    fn has(self, kind: Kind) -> bool {
        match kind {
            Kind::Prediction => self.predictions,
            Kind::Gesture => self.gestures,
        }
    }
}

/// One prediction or gesture event, ready for every protocol.
#[derive(Debug)]
pub struct PredictionMessage {
    /// Which of the two.
    pub kind: Kind,
    /// Place of the source in the config.
    pub source: usize,
    /// The frame's sequence.
    pub sequence: u64,
    /// Wall clock of the frame's capture, in microseconds since 1970.
    pub capture_time_us: u64,
    /// The server-sent event; the JSON lies inside.
    event: Bytes,
    json: std::ops::Range<usize>,
    ws_text: String,
}

impl PredictionMessage {
    /// Writes the prediction down as of `now`.
    ///
    /// # Errors
    ///
    /// When it cannot be written as JSON.
    pub fn new(
        source: usize,
        source_name: &str,
        prediction: &SteadyPrediction,
        now: MonotonicNs,
    ) -> Result<Self, serde_json::Error> {
        let json = serde_json::to_string(&prediction.to_json(source_name, now))?;
        let stamp = (prediction.raw.sequence.0, prediction.raw.capture_wall_us);
        Ok(Self::of(
            Kind::Prediction,
            (source, source_name),
            stamp,
            &json,
        ))
    }

    /// Writes a gesture event down.
    ///
    /// # Errors
    ///
    /// When it cannot be written as JSON.
    pub fn gesture(
        source: usize,
        source_name: &str,
        event: &GestureEvent,
    ) -> Result<Self, serde_json::Error> {
        let json = serde_json::to_string(&event.to_json(source_name))?;
        let stamp = (event.sequence.0, event.at.wall_us);
        Ok(Self::of(Kind::Gesture, (source, source_name), stamp, &json))
    }

    fn of(
        kind: Kind,
        (source, source_name): (usize, &str),
        (sequence, capture_time_us): (u64, u64),
        json: &str,
    ) -> Self {
        let word = match kind {
            Kind::Prediction => "prediction",
            Kind::Gesture => "gesture",
        };
        let opening = format!("event: {word}\nid: {source_name}:{sequence}\ndata: ");
        let fields = json.strip_prefix('{').unwrap_or(json);
        Self {
            kind,
            source,
            sequence,
            capture_time_us,
            json: opening.len()..opening.len() + json.len(),
            ws_text: format!("{{\"type\":\"{word}\",{fields}"),
            event: Bytes::from(format!("{opening}{json}\n\n")),
        }
    }

    /// The JSON.
    #[must_use]
    pub fn json(&self) -> Bytes {
        self.event.slice(self.json.clone())
    }

    /// The whole server-sent event.
    #[must_use]
    pub fn event(&self) -> Bytes {
        self.event.clone()
    }

    /// The text message for WebSocket clients.
    #[must_use]
    pub fn ws_text(&self) -> &str {
        &self.ws_text
    }
}

/// Sends predictions to whoever listens.
#[derive(Debug)]
pub struct PredictionFeed {
    sender: broadcast::Sender<Arc<PredictionMessage>>,
    skipped: Arc<ByProtocol>,
}

impl PredictionFeed {
    /// Nobody listens yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            sender: broadcast::Sender::new(BUFFERED),
            skipped: Arc::default(),
        }
    }

    /// Whether anybody listens.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    /// Sends one message to everybody who listens.
    pub fn send(&self, message: PredictionMessage) {
        // An error means that the last listener just left.
        let _listeners = self.sender.send(Arc::new(message));
    }

    /// Messages that clients lost because they lagged.
    #[must_use]
    pub fn skipped(&self) -> &ByProtocol {
        &self.skipped
    }

    /// What is wanted from now on, of one source or of all.
    #[must_use]
    pub(crate) fn watch(
        &self,
        source: Option<usize>,
        wants: Wants,
        protocol: Protocol,
        stopping: Stopping,
    ) -> PredictionWatch {
        PredictionWatch {
            receiver: self.sender.subscribe(),
            source,
            wants,
            protocol,
            stopping,
            skipped: Arc::clone(&self.skipped),
        }
    }
}

impl Default for PredictionFeed {
    fn default() -> Self {
        Self::new()
    }
}

/// One client's view: each message in order, at most once.
#[derive(Debug)]
pub struct PredictionWatch {
    receiver: broadcast::Receiver<Arc<PredictionMessage>>,
    source: Option<usize>,
    wants: Wants,
    protocol: Protocol,
    stopping: Stopping,
    skipped: Arc<ByProtocol>,
}

impl PredictionWatch {
    /// Waits for the next message; `None` when the gateway stops. Dropping the future loses
    /// nothing.
    pub async fn next(&mut self) -> Option<Arc<PredictionMessage>> {
        loop {
            let received = tokio::select! {
                biased;
                () = self.stopping.wait() => return None,
                received = self.receiver.recv() => received,
            };
            match received {
                Ok(message) if self.is_for_me(&message) => return Some(message),
                Ok(_for_others) => {}
                Err(RecvError::Lagged(lost)) => self.skipped.add(self.protocol, lost),
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

impl PredictionWatch {
    fn is_for_me(&self, message: &PredictionMessage) -> bool {
        self.wants.has(message.kind) && self.source.is_none_or(|source| source == message.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stopping::StopSwitch;
    use shm_layout::control::SteadySettings;
    use shm_layout::prediction::{LANDMARKS, Motion};
    use shm_layout::{Generation, Hand, Label, Prediction, Sequence};
    use steady::Steadier;

    fn prediction(sequence: u64) -> Prediction {
        Prediction {
            sequence: Sequence(sequence),
            generation: Generation(1),
            capture: MonotonicNs(1),
            capture_wall_us: 77,
            publish: MonotonicNs(2),
            take: MonotonicNs(3),
            done: MonotonicNs(4),
            width_px: 640,
            height_px: 480,
            model: [1; 32],
            detected: false,
            looks: 0,
            scene: None,
            hands: Vec::new(),
            lost: Vec::new(),
        }
    }

    fn message(source: usize, sequence: u64) -> PredictionMessage {
        let prediction = SteadyPrediction::late(prediction(sequence));
        PredictionMessage::new(source, "cam0", &prediction, MonotonicNs(5)).unwrap()
    }

    #[test]
    fn every_form_carries_the_same_json() {
        let message = message(0, 41);
        let json: serde_json::Value = serde_json::from_slice(&message.json()).unwrap();
        assert_eq!(json["sequence"], 41);
        let mut ws: serde_json::Value = serde_json::from_str(message.ws_text()).unwrap();
        assert_eq!(
            ws.as_object_mut().unwrap().remove("type").unwrap(),
            "prediction"
        );
        assert_eq!(ws, json);
        let event = String::from_utf8(message.event().to_vec()).unwrap();
        let data = event
            .strip_prefix("event: prediction\nid: cam0:41\ndata: ")
            .unwrap();
        assert_eq!(data.as_bytes(), [&message.json()[..], b"\n\n"].concat());
    }

    /// The first event of a hand that shows a thumb.
    fn gesture() -> PredictionMessage {
        let mut first = None;
        let mut steadier = Steadier::new(&SteadySettings::default());
        for n in 0..30 {
            let hand = Hand {
                id: 7,
                motion: Motion::default(),
                gesture: Label::new("Thumb_Up").unwrap(),
                score: 0.9,
                right_probability: 0.9,
                presence: 1.0,
                rect: [0.1, 0.1, 0.2, 0.2],
                landmarks: [[0.5, 0.5, 0.0]; LANDMARKS],
            };
            let seen = Prediction {
                capture: MonotonicNs(n * 33_000_000),
                hands: vec![hand],
                ..prediction(n)
            };
            steadier.see(seen, |event| {
                first.get_or_insert(event);
            });
        }
        PredictionMessage::gesture(0, "cam0", &first.unwrap()).unwrap()
    }

    #[test]
    fn gesture_events_have_a_name_of_their_own_and_come_to_who_wants_them() {
        let message = gesture();
        let ws: serde_json::Value = serde_json::from_str(message.ws_text()).unwrap();
        assert_eq!(
            (&ws["type"], &ws["event"]),
            (&"gesture".into(), &"gesture_start".into())
        );
        let event = String::from_utf8(message.event().to_vec()).unwrap();
        assert!(
            event.starts_with("event: gesture\nid: cam0:8\ndata: {"),
            "{event}"
        );
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let feed = PredictionFeed::new();
            let switch = StopSwitch::new();
            let wants = |predictions, gestures| {
                let wants = Wants {
                    predictions,
                    gestures,
                };
                feed.watch(None, wants, Protocol::Events, switch.stopping())
            };
            let (mut both, mut plain, mut only) =
                (wants(true, true), wants(true, false), wants(false, true));
            feed.send(super::tests::message(0, 8));
            feed.send(gesture());
            feed.send(super::tests::message(0, 9));
            let kinds = [Kind::Prediction, Kind::Gesture, Kind::Prediction];
            for kind in kinds {
                assert_eq!(both.next().await.unwrap().kind, kind);
            }
            assert_eq!(plain.next().await.unwrap().sequence, 8);
            assert_eq!(plain.next().await.unwrap().sequence, 9);
            assert_eq!(only.next().await.unwrap().kind, Kind::Gesture);
        });
    }

    #[test]
    fn a_lagging_client_loses_the_oldest_and_it_is_counted() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let feed = PredictionFeed::new();
            let switch = StopSwitch::new();
            let mut all = feed.watch(None, Wants::ALL, Protocol::Events, switch.stopping());
            let mut other = feed.watch(Some(1), Wants::ALL, Protocol::Wire, switch.stopping());
            for sequence in 1..=BUFFERED as u64 + 5 {
                feed.send(message(0, sequence));
            }
            assert_eq!(all.next().await.unwrap().sequence, 6);
            assert_eq!(feed.skipped().get(Protocol::Events), 5);
            feed.send(message(1, 9));
            assert_eq!(
                other.next().await.unwrap().sequence,
                9,
                "only its own source"
            );
            switch.stop();
            assert!(other.next().await.is_none());
        });
    }
}
