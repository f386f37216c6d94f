//! The newest frame of one source, for everybody who watches it.
//!
//! Upstream: [`crate::pump`] offers each frame once, and [`crate::server`] fans it out. Downstream:
//! each client holds a [`FrameWatch`] and gets the newest frame that it can take. Nothing queues
//! here: a frame replaces its predecessor, and a client that was busy meanwhile has skipped it.

use crate::clients::{ByProtocol, Protocol};
use crate::frame_message::FrameMessage;
use crate::stopping::Stopping;
use shm_layout::Prediction;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// What happened at one source since the gateway started.
#[derive(Debug, Default)]
pub struct SourceCounters {
    /// Sequence of the newest frame in the ring: how many were published since the segment began.
    pub published: AtomicU64,
    /// Frames that came and went between two looks of the pump while somebody watched.
    pub skipped: AtomicU64,
    /// Raw frames encoded as JPEG.
    pub encodes: AtomicU64,
    /// Frames that could not be encoded.
    pub encode_failures: AtomicU64,
    /// Predictions read.
    pub predictions: AtomicU64,
    /// Predictions overwritten before they were read.
    pub predictions_missed: AtomicU64,
    /// Frames handed to clients.
    pub delivered: ByProtocol,
    /// Frames that a client did not get because it was busy with an older one.
    pub client_skipped: ByProtocol,
}

/// One source as the clients see it.
#[derive(Debug)]
pub struct SourceFeed {
    name: String,
    /// Offered by the pump, not fanned out yet.
    offered: Mutex<Option<FrameMessage>>,
    newest: watch::Sender<Option<Arc<FrameMessage>>>,
    latest_prediction: Mutex<Option<Prediction>>,
    counters: SourceCounters,
}

impl SourceFeed {
    /// A source without frames yet.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            offered: Mutex::new(None),
            newest: watch::Sender::new(None),
            latest_prediction: Mutex::new(None),
            counters: SourceCounters::default(),
        }
    }

    /// The source's name in the config.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its counters.
    #[must_use]
    pub fn counters(&self) -> &SourceCounters {
        &self.counters
    }

    /// Whether anybody waits for frames.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.newest.receiver_count() > 0
    }

    /// Puts `frame` down for [`Self::fan_out`]. The pump does not wake the clients itself: from
    /// another thread that costs one system call for each of them, on the clients' own one none.
    pub fn offer(&self, frame: FrameMessage) {
        *self.lock_offered() = Some(frame);
    }

    /// Makes the offered frame the newest one and wakes whoever waits for it.
    pub fn fan_out(&self) {
        // The lock is kept to the end, so that a frame that is being let go of does not come back.
        let mut offered = self.lock_offered();
        if let Some(frame) = offered.take() {
            self.newest.send_replace(Some(Arc::new(frame)));
        }
    }

    fn lock_offered(&self) -> MutexGuard<'_, Option<FrameMessage>> {
        self.offered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go of the newest frame, so that neither memory nor a later viewer gets an old one.
    pub fn forget_frame(&self) {
        let mut offered = self.lock_offered();
        *offered = None;
        self.newest
            .send_if_modified(|newest| newest.take().is_some());
    }

    /// The latest prediction.
    #[must_use]
    pub fn latest_prediction(&self) -> Option<Prediction> {
        self.latest_prediction
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Makes `prediction` the latest one, unless a newer frame's is known already.
    pub fn set_latest_prediction(&self, prediction: Prediction) {
        let mut latest = self
            .latest_prediction
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if latest
            .as_ref()
            .is_none_or(|known| known.sequence <= prediction.sequence)
        {
            *latest = Some(prediction);
        }
    }

    /// A client's view of the source. Whoever calls this must also wake the pump.
    #[must_use]
    pub(crate) fn watch(self: &Arc<Self>, protocol: Protocol, stopping: Stopping) -> FrameWatch {
        let mut newest = self.newest.subscribe();
        // A frame that is there already is as good as one that comes.
        newest.mark_changed();
        FrameWatch {
            feed: Arc::clone(self),
            newest,
            protocol,
            stopping,
            last_sequence: 0,
        }
    }
}

/// One client's view of a source: the newest frame, each at most once.
#[derive(Debug)]
pub struct FrameWatch {
    feed: Arc<SourceFeed>,
    newest: watch::Receiver<Option<Arc<FrameMessage>>>,
    protocol: Protocol,
    stopping: Stopping,
    last_sequence: u64,
}

impl FrameWatch {
    /// Waits for a frame newer than the last one; `None` when the gateway stops. Sequence numbers
    /// that were passed over are counted as skipped. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Arc<FrameMessage>> {
        loop {
            tokio::select! {
                biased;
                () = self.stopping.wait() => return None,
                changed = self.newest.changed() => changed.ok()?,
            }
            let newest = self.newest.borrow_and_update().clone();
            if let Some(frame) = newest
                && frame.facts().sequence > self.last_sequence
            {
                self.count(frame.facts().sequence);
                return Some(frame);
            }
        }
    }

    fn count(&mut self, sequence: u64) {
        let counters = self.feed.counters();
        counters.delivered.add(self.protocol, 1);
        if self.last_sequence > 0 {
            counters
                .client_skipped
                .add(self.protocol, sequence - self.last_sequence - 1);
        }
        self.last_sequence = sequence;
    }
}

/// Reads a counter for a report.
#[must_use]
pub fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame_message::FrameFacts;
    use crate::stopping::StopSwitch;

    fn show(feed: &SourceFeed, sequence: u64) {
        feed.offer(frame(sequence));
        feed.fan_out();
    }

    fn frame(sequence: u64) -> FrameMessage {
        let facts = FrameFacts {
            sequence,
            capture_time_us: 1,
            width_px: 8,
            height_px: 8,
        };
        FrameMessage::new(facts, b"jpeg")
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(future)
    }

    #[test]
    fn newest_wins_and_what_was_skipped_is_counted() {
        block_on(async {
            let feed = Arc::new(SourceFeed::new("cam0"));
            let switch = StopSwitch::new();
            show(&feed, 3);
            let mut watch = feed.watch(Protocol::Wire, switch.stopping());
            assert_eq!(
                watch.next().await.unwrap().facts().sequence,
                3,
                "no wait for the next"
            );
            for sequence in 4..=9 {
                show(&feed, sequence);
            }
            assert_eq!(watch.next().await.unwrap().facts().sequence, 9);
            let counters = feed.counters();
            assert_eq!(counters.delivered.get(Protocol::Wire), 2);
            assert_eq!(counters.client_skipped.get(Protocol::Wire), 5);
        });
    }

    #[test]
    fn a_frame_is_delivered_once_and_stop_ends_the_wait() {
        block_on(async {
            let feed = Arc::new(SourceFeed::new("cam0"));
            let switch = StopSwitch::new();
            let mut watch = feed.watch(Protocol::Stream, switch.stopping());
            show(&feed, 1);
            assert!(watch.next().await.is_some());
            show(&feed, 1);
            switch.stop();
            assert!(watch.next().await.is_none());
            assert_eq!(feed.counters().delivered.get(Protocol::Stream), 1);
        });
    }

    #[test]
    fn watchers_are_seen_and_an_unwatched_frame_is_let_go() {
        let feed = Arc::new(SourceFeed::new("cam0"));
        let switch = StopSwitch::new();
        assert!(!feed.is_watched());
        let watch = feed.watch(Protocol::Stream, switch.stopping());
        assert!(feed.is_watched());
        show(&feed, 1);
        drop(watch);
        assert!(!feed.is_watched());
        feed.forget_frame();
        let mut late = feed.watch(Protocol::Stream, switch.stopping());
        switch.stop();
        assert!(block_on(late.next()).is_none());
    }
}
