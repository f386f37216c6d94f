//! The newest status of the box, as the supervisor pushed it.
//!
//! Upstream: [`crate::run`] passes it on whenever the supervisor sent one. Downstream: the status
//! routes, WebSocket clients, metrics and readiness. It must never be made up here.

use shm_layout::control::BoxStatus;
use std::sync::Arc;
use tokio::sync::watch;

/// One status, written as JSON once.
#[derive(Debug)]
pub struct StatusMessage {
    status: Arc<BoxStatus>,
    ws_text: String,
    json: std::ops::Range<usize>,
}

impl StatusMessage {
    fn new(status: Arc<BoxStatus>) -> Result<Self, serde_json::Error> {
        let json = serde_json::to_string(&*status)?;
        let opening = "{\"type\":\"status\",\"status\":";
        let range = opening.len()..opening.len() + json.len();
        Ok(Self {
            status,
            ws_text: format!("{opening}{json}}}"),
            json: range,
        })
    }

    /// The status itself.
    #[must_use]
    pub fn status(&self) -> &BoxStatus {
        &self.status
    }

    /// The status as JSON.
    #[must_use]
    pub fn json(&self) -> &str {
        self.ws_text.get(self.json.clone()).unwrap_or("{}")
    }

    /// The text message for WebSocket clients.
    #[must_use]
    pub fn ws_text(&self) -> &str {
        &self.ws_text
    }
}

/// Keeps the newest status.
#[derive(Debug)]
pub struct StatusFeed(watch::Sender<Option<Arc<StatusMessage>>>);

impl StatusFeed {
    /// No status yet.
    #[must_use]
    pub fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// Makes `status` the newest one, if it is not that already.
    pub fn set(&self, status: Arc<BoxStatus>) {
        if self
            .newest()
            .is_some_and(|newest| Arc::ptr_eq(&newest.status, &status))
        {
            return;
        }
        match StatusMessage::new(status) {
            Ok(message) => {
                self.0.send_replace(Some(Arc::new(message)));
            }
            Err(error) => tracing::warn!("cannot write the status as JSON: {error}"),
        }
    }

    /// The newest status; `None` until the supervisor sent one.
    #[must_use]
    pub fn newest(&self) -> Option<Arc<StatusMessage>> {
        self.0.borrow().clone()
    }

    /// A client's view: the newest status first, then each new one.
    #[must_use]
    pub(crate) fn watch(&self) -> StatusWatch {
        let mut receiver = self.0.subscribe();
        receiver.mark_changed();
        StatusWatch(receiver)
    }
}

impl Default for StatusFeed {
    fn default() -> Self {
        Self::new()
    }
}

/// One client's view of the status.
#[derive(Debug)]
pub struct StatusWatch(watch::Receiver<Option<Arc<StatusMessage>>>);

impl StatusWatch {
    /// Waits for a status that was not seen yet; never returns once the feed is gone. Dropping
    /// the future loses nothing.
    pub async fn next(&mut self) -> Arc<StatusMessage> {
        loop {
            if self.0.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            if let Some(message) = self.0.borrow_and_update().clone() {
                return message;
            }
        }
    }
}
