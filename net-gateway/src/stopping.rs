//! The order to stop, as every client's task hears it.
//!
//! Neighbours: [`crate::run`] throws the switch; everything that waits for frames, predictions or
//! connections also waits for it. It goes one way only.

use tokio::sync::watch;

/// Thrown once, when the gateway drains.
#[derive(Debug)]
pub struct StopSwitch(watch::Sender<bool>);

impl StopSwitch {
    /// Not thrown yet.
    #[must_use]
    pub fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Tells everybody to stop.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Something to wait with.
    #[must_use]
    pub fn stopping(&self) -> Stopping {
        Stopping(self.0.subscribe())
    }
}

impl Default for StopSwitch {
    fn default() -> Self {
        Self::new()
    }
}

/// Waits for the order to stop.
#[derive(Debug, Clone)]
pub struct Stopping(watch::Receiver<bool>);

impl Stopping {
    /// Returns when the order came; at once if it came before.
    pub async fn wait(&mut self) {
        // An error means that the switch itself is gone, which is an order to stop as well.
        let _gone = self.0.wait_for(|stopped| *stopped).await;
    }
}
