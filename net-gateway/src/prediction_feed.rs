//! Every prediction of every source, for everybody who subscribed.
//!
//! Upstream: [`crate::pump`] sends each prediction once, written as JSON once. Downstream: each
//! client holds a [`PredictionWatch`]. The memory behind it is bounded: a client that lags more
//! than [`BUFFERED`] predictions loses the oldest, which is counted.

use crate::clients::{ByProtocol, Protocol};
use crate::stopping::Stopping;
use bytes::Bytes;
use shm_layout::{MonotonicNs, Prediction};
use std::sync::Arc;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// How many predictions a client may lag behind: two seconds of one source at 30 a second.
pub const BUFFERED: usize = 64;

/// One prediction, ready for every protocol.
#[derive(Debug)]
pub struct PredictionMessage {
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
        prediction: &Prediction,
        now: MonotonicNs,
    ) -> Result<Self, serde_json::Error> {
        let json = serde_json::to_string(&prediction.to_json(source_name, now))?;
        let sequence = prediction.sequence.0;
        let opening = format!("event: prediction\nid: {source_name}:{sequence}\ndata: ");
        let fields = json.strip_prefix('{').unwrap_or(&json);
        Ok(Self {
            source,
            sequence,
            capture_time_us: prediction.capture_wall_us,
            json: opening.len()..opening.len() + json.len(),
            ws_text: format!("{{\"type\":\"prediction\",{fields}"),
            event: Bytes::from(format!("{opening}{json}\n\n")),
        })
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

    /// Sends one prediction to everybody who listens.
    pub fn send(&self, message: PredictionMessage) {
        // An error means that the last listener just left.
        let _listeners = self.sender.send(Arc::new(message));
    }

    /// Predictions that clients lost because they lagged.
    #[must_use]
    pub fn skipped(&self) -> &ByProtocol {
        &self.skipped
    }

    /// The predictions from now on, of one source or of all.
    #[must_use]
    pub(crate) fn watch(
        &self,
        source: Option<usize>,
        protocol: Protocol,
        stopping: Stopping,
    ) -> PredictionWatch {
        PredictionWatch {
            receiver: self.sender.subscribe(),
            source,
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

/// One client's view of the predictions: each in order, at most once.
#[derive(Debug)]
pub struct PredictionWatch {
    receiver: broadcast::Receiver<Arc<PredictionMessage>>,
    source: Option<usize>,
    protocol: Protocol,
    stopping: Stopping,
    skipped: Arc<ByProtocol>,
}

impl PredictionWatch {
    /// Waits for the next prediction; `None` when the gateway stops. Dropping the future loses
    /// nothing.
    pub async fn next(&mut self) -> Option<Arc<PredictionMessage>> {
        loop {
            let received = tokio::select! {
                biased;
                () = self.stopping.wait() => return None,
                received = self.receiver.recv() => received,
            };
            match received {
                Ok(message) if self.source.is_none_or(|source| source == message.source) => {
                    return Some(message);
                }
                Ok(_of_another_source) => {}
                Err(RecvError::Lagged(lost)) => self.skipped.add(self.protocol, lost),
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stopping::StopSwitch;
    use shm_layout::{Generation, Sequence};

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
            hands: Vec::new(),
        }
    }

    fn message(source: usize, sequence: u64) -> PredictionMessage {
        PredictionMessage::new(source, "cam0", &prediction(sequence), MonotonicNs(5)).unwrap()
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

    #[test]
    fn a_lagging_client_loses_the_oldest_and_it_is_counted() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let feed = PredictionFeed::new();
            let switch = StopSwitch::new();
            let mut all = feed.watch(None, Protocol::Events, switch.stopping());
            let mut other = feed.watch(Some(1), Protocol::Wire, switch.stopping());
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
