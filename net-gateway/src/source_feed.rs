//! The newest frame of one source, for everybody who watches it.
//!
//! Upstream: [`crate::pump`] offers each frame once, and [`crate::server`] fans it out. Downstream:
//! each client holds a [`FrameWatch`] and gets the newest frame that it can take. Nothing queues
//! here: a frame replaces its predecessor, and a client that was busy meanwhile has skipped it. While
//! there are no frames it shows notices instead; each is gone with the next frame.

use crate::clients::{ByProtocol, Protocol};
use crate::frame_message::FrameMessage;
use crate::notice::NoticeMessage;
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
    /// Notices drawn in place of frames.
    pub notices: AtomicU64,
    /// Predictions read.
    pub predictions: AtomicU64,
    /// Predictions overwritten before they were read.
    pub predictions_missed: AtomicU64,
    /// Frames handed to clients.
    pub delivered: ByProtocol,
    /// Frames that a client did not get because it was busy with an older one.
    pub client_skipped: ByProtocol,
}

/// What the pump put down since the last fan-out; a notice is newer than the frame beside it.
#[derive(Debug, Default)]
struct Offered {
    frame: Option<FrameMessage>,
    notice: Option<NoticeMessage>,
}

/// The newest frame, and the notice that tells why there is no newer one.
#[derive(Debug, Clone, Default)]
struct Newest {
    frame: Option<Arc<FrameMessage>>,
    notice: Option<Arc<NoticeMessage>>,
}

/// What a viewer is to see.
#[derive(Debug, Clone)]
pub enum Picture {
    /// A frame of the source.
    Frame(Arc<FrameMessage>),
    /// There is none; this says why.
    Notice(Arc<NoticeMessage>),
}

/// One source as the clients see it.
#[derive(Debug)]
pub struct SourceFeed {
    name: String,
    /// Offered by the pump, not fanned out yet.
    offered: Mutex<Offered>,
    newest: watch::Sender<Newest>,
    latest_prediction: Mutex<Option<Prediction>>,
    counters: SourceCounters,
}

impl SourceFeed {
    /// A source without frames yet.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            offered: Mutex::default(),
            newest: watch::Sender::default(),
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
        *self.lock_offered() = Offered {
            frame: Some(frame),
            notice: None,
        };
    }

    /// Puts `notice` down for [`Self::fan_out`], to be shown until the next frame.
    pub fn offer_notice(&self, notice: NoticeMessage) {
        self.lock_offered().notice = Some(notice);
    }

    /// Makes what was offered the newest there is and wakes whoever waits for it.
    pub fn fan_out(&self) {
        // The lock is kept to the end, so that a frame that is being let go of does not come back.
        let mut offered = self.lock_offered();
        let Offered { frame, notice } = std::mem::take(&mut *offered);
        let (frame, notice) = (frame.map(Arc::new), notice.map(Arc::new));
        if frame.is_some() {
            self.newest.send_replace(Newest { frame, notice });
        } else if notice.is_some() {
            self.newest.send_modify(|newest| newest.notice = notice);
        }
    }

    fn lock_offered(&self) -> MutexGuard<'_, Offered> {
        self.offered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go of the newest frame and its notice, so that neither memory nor a later viewer gets
    /// an old one.
    pub fn forget_frame(&self) {
        let mut offered = self.lock_offered();
        *offered = Offered::default();
        self.newest.send_if_modified(|newest| {
            let Newest { frame, notice } = std::mem::take(newest);
            frame.is_some() || notice.is_some()
        });
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
            last_notice: 0,
        }
    }
}

/// One client's view of a source: the newest frame, each at most once.
#[derive(Debug)]
pub struct FrameWatch {
    feed: Arc<SourceFeed>,
    newest: watch::Receiver<Newest>,
    protocol: Protocol,
    stopping: Stopping,
    last_sequence: u64,
    last_notice: u64,
}

impl FrameWatch {
    /// Waits for a frame newer than the last one; `None` when the gateway stops. Sequence numbers
    /// that were passed over are counted as skipped. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Arc<FrameMessage>> {
        loop {
            let newest = self.changed().await?;
            if let Some(frame) = self.newer_frame(newest) {
                return Some(frame);
            }
        }
    }

    /// The same, or a notice that was not seen yet while there are no frames.
    pub async fn next_picture(&mut self) -> Option<Picture> {
        loop {
            let newest = self.changed().await?;
            if let Some(notice) = &newest.notice {
                let number = notice.facts().number;
                if std::mem::replace(&mut self.last_notice, number) < number {
                    return Some(Picture::Notice(Arc::clone(notice)));
                }
            } else if let Some(frame) = self.newer_frame(newest) {
                return Some(Picture::Frame(frame));
            }
        }
    }

    async fn changed(&mut self) -> Option<Newest> {
        tokio::select! {
            biased;
            () = self.stopping.wait() => return None,
            changed = self.newest.changed() => changed.ok()?,
        }
        Some(self.newest.borrow_and_update().clone())
    }

    fn newer_frame(&mut self, newest: Newest) -> Option<Arc<FrameMessage>> {
        let frame = newest.frame?;
        let sequence = frame.facts().sequence;
        if sequence <= self.last_sequence {
            return None;
        }
        self.count(sequence);
        Some(frame)
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

    fn notice(number: u64) -> NoticeMessage {
        let facts = crate::notice::message::NoticeFacts {
            number,
            kind: crate::notice::trouble::Kind::Lost,
            sequence: 1,
            capture_time_us: 1,
            since_us: 1,
            text: String::new(),
        };
        NoticeMessage::new(facts, b"jpeg")
    }

    /// What each picture was: a frame's sequence, or a notice's number as a negative one.
    async fn next_number(watch: &mut FrameWatch) -> i64 {
        match watch.next_picture().await.unwrap() {
            Picture::Frame(frame) => frame.facts().sequence as i64,
            Picture::Notice(notice) => -(notice.facts().number as i64),
        }
    }

    #[test]
    fn a_notice_is_shown_until_the_next_frame_and_only_to_who_wants_it() {
        block_on(async {
            let feed = Arc::new(SourceFeed::new("cam0"));
            let switch = StopSwitch::new();
            let mut viewer = feed.watch(Protocol::Stream, switch.stopping());
            let mut reader = feed.watch(Protocol::WebSocket, switch.stopping());
            show(&feed, 1);
            assert_eq!(next_number(&mut viewer).await, 1);
            assert_eq!(reader.next().await.unwrap().facts().sequence, 1);
            for number in [1, 2] {
                feed.offer_notice(notice(number));
                feed.fan_out();
                assert_eq!(next_number(&mut viewer).await, -(number as i64));
            }
            let mut late = feed.watch(Protocol::Stream, switch.stopping());
            assert_eq!(next_number(&mut late).await, -2, "not the old frame");

            // Both at once: whatever is newer.
            feed.offer(frame(2));
            feed.offer_notice(notice(3));
            feed.fan_out();
            assert_eq!(next_number(&mut viewer).await, -3);
            feed.offer_notice(notice(4));
            show(&feed, 3);
            assert_eq!(next_number(&mut viewer).await, 3);
            assert_eq!(next_number(&mut late).await, 3);
            assert_eq!(reader.next().await.unwrap().facts().sequence, 3);
            let mut last = feed.watch(Protocol::Stream, switch.stopping());
            assert_eq!(next_number(&mut last).await, 3, "the notice is gone");
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
