//! The newest picture, for everybody who watches it: of a source, or of one of its renditions.
//!
//! Upstream: frames and notices are offered once each, then fanned out on the clients' thread.
//! Downstream: each client holds a [`FrameWatch`] and gets the newest picture that it can take.
//! Nothing queues here: a frame replaces its predecessor, and a client that was busy meanwhile has
//! skipped it. While there are no frames it shows notices instead; each is gone with the next frame.

use crate::client_record::ClientRecord;
use crate::clients::Protocol;
use crate::frame_message::FrameMessage;
use crate::notice::NoticeMessage;
use crate::rendition::{Pace, Seat};
use crate::source_feed::SourceFeed;
use crate::stopping::Stopping;
use shm_layout::MonotonicNs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// What was put down since the last fan-out; a notice is newer than the frame beside it.
#[derive(Debug, Default)]
struct Offered {
    frame: Option<Arc<FrameMessage>>,
    notice: Option<Arc<NoticeMessage>>,
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

/// The newest picture and whoever waits for it.
#[derive(Debug, Default)]
pub struct PictureFeed {
    /// Offered, not fanned out yet.
    offered: Mutex<Offered>,
    newest: watch::Sender<Newest>,
}

impl PictureFeed {
    /// Whether anybody waits for pictures.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.newest.receiver_count() > 0
    }

    /// Puts `picture` down for [`Self::fan_out`]. Whoever makes pictures does not wake the clients
    /// itself: from another thread that costs one system call for each of them, on the clients' own
    /// one none. A notice is shown until the next frame.
    pub fn offer(&self, picture: Picture) {
        let mut offered = self.lock_offered();
        match picture {
            Picture::Frame(frame) => {
                *offered = Offered {
                    frame: Some(frame),
                    notice: None,
                };
            }
            Picture::Notice(notice) => offered.notice = Some(notice),
        }
    }

    /// Makes what was offered the newest there is and wakes whoever waits for it.
    pub fn fan_out(&self) {
        // The lock is kept to the end, so that a frame that is being let go of does not come back.
        let mut offered = self.lock_offered();
        let Offered { frame, notice } = std::mem::take(&mut *offered);
        if frame.is_some() {
            self.newest.send_replace(Newest { frame, notice });
        } else if notice.is_some() {
            self.newest.send_modify(|newest| newest.notice = notice);
        }
    }

    /// The newest picture that was offered, fanned out or not.
    #[must_use]
    pub fn latest(&self) -> Option<Picture> {
        let offered = self.lock_offered();
        let newest = self.newest.borrow();
        let notice = match (&offered.frame, &offered.notice) {
            (_, Some(notice)) => Some(notice),
            (Some(_), None) => None,
            (None, None) => newest.notice.as_ref(),
        };
        if let Some(notice) = notice {
            return Some(Picture::Notice(Arc::clone(notice)));
        }
        let frame = offered.frame.as_ref().or(newest.frame.as_ref())?;
        Some(Picture::Frame(Arc::clone(frame)))
    }

    fn lock_offered(&self) -> MutexGuard<'_, Offered> {
        self.offered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go of the newest frame and its notice, so that neither memory nor a later viewer gets
    /// an old one.
    pub fn forget(&self) {
        let mut offered = self.lock_offered();
        *offered = Offered::default();
        self.newest.send_if_modified(|newest| {
            let Newest { frame, notice } = std::mem::take(newest);
            frame.is_some() || notice.is_some()
        });
    }

    fn subscribe(&self) -> watch::Receiver<Newest> {
        let mut newest = self.newest.subscribe();
        // A picture that is there already is as good as one that comes.
        newest.mark_changed();
        newest
    }
}

/// One client's view of a source or a rendition: the newest picture, each at most once.
#[derive(Debug)]
pub struct FrameWatch {
    feed: Arc<SourceFeed>,
    newest: watch::Receiver<Newest>,
    /// Keeps the source watched while one of its renditions is.
    _source: Option<watch::Receiver<Newest>>,
    _seat: Option<Seat>,
    pace: Option<Pace>,
    staleness_max: Duration,
    client: Option<Arc<ClientRecord>>,
    protocol: Protocol,
    stopping: Stopping,
    last_ordinal: u64,
    last_notice: u64,
}

impl FrameWatch {
    /// A view of `feed` as it is.
    pub(crate) fn new(feed: &Arc<SourceFeed>, protocol: Protocol, stopping: Stopping) -> Self {
        Self {
            newest: feed.pictures().subscribe(),
            feed: Arc::clone(feed),
            _source: None,
            _seat: None,
            pace: None,
            staleness_max: Duration::MAX,
            client: None,
            protocol,
            stopping,
            last_ordinal: 0,
            last_notice: 0,
        }
    }

    /// The same client's view at no more than `fps` pictures a second.
    #[must_use]
    pub(crate) fn paced(mut self, fps: Option<f64>) -> Self {
        self.pace = fps.map(Pace::new);
        self
    }

    /// The same client's view without frames that are older than that when it could have them.
    #[must_use]
    pub(crate) fn no_older_than(mut self, staleness_max: Duration) -> Self {
        self.staleness_max = staleness_max;
        self
    }

    /// The same client's view, with a record of what becomes of each frame.
    #[must_use]
    pub(crate) fn noted_in(mut self, client: &Arc<ClientRecord>) -> Self {
        self.client = Some(Arc::clone(client));
        self
    }

    /// The same client's view of one of the source's renditions.
    #[must_use]
    pub(crate) fn seated(mut self, seat: Seat) -> Self {
        let of_rendition = seat.pictures().subscribe();
        self._source = Some(std::mem::replace(&mut self.newest, of_rendition));
        self._seat = Some(seat);
        self
    }

    /// Waits for a frame newer than the last one; `None` when the gateway stops. Frames that were
    /// passed over because the client was busy are counted as skipped. Dropping the future loses
    /// nothing.
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

    /// Waits for something newer. Whoever asks for it is done with what it got before.
    async fn changed(&mut self) -> Option<Newest> {
        if let Some(client) = &self.client {
            let now = MonotonicNs::now();
            client.note(|tally| tally.arrive(now, self.staleness_max));
        }
        tokio::select! {
            biased;
            () = self.stopping.wait() => return None,
            changed = self.newest.changed() => changed.ok()?,
        }
        Some(self.newest.borrow_and_update().clone())
    }

    fn newer_frame(&mut self, newest: Newest) -> Option<Arc<FrameMessage>> {
        let frame = newest.frame?;
        let ordinal = frame.ordinal();
        if ordinal <= self.last_ordinal {
            return None;
        }
        let counters = self.feed.counters();
        let last = std::mem::replace(&mut self.last_ordinal, ordinal);
        let skipped = if last > 0 { ordinal - last - 1 } else { 0 };
        counters.client_skipped.add(self.protocol, skipped);
        let (now, captured) = (MonotonicNs::now(), frame.facts().captured);
        let is_stale = now.since(captured) > self.staleness_max;
        let is_wanted = !is_stale && self.pace.as_mut().is_none_or(|pace| pace.takes(captured));
        if is_stale {
            counters.client_stale.add(self.protocol, 1);
        } else if is_wanted {
            counters.delivered.add(self.protocol, 1);
        }
        if let Some(client) = &self.client {
            client.note(|tally| {
                if is_wanted {
                    tally.hand_over(now, captured, skipped);
                } else {
                    tally.skipped += skipped;
                    tally.stale += u64::from(is_stale);
                }
            });
        }
        is_wanted.then_some(frame)
    }
}

#[cfg(test)]
mod tests;
