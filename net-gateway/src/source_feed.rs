//! One source as the clients see it: its pictures, its latest prediction, what happened to it.
//!
//! Upstream: [`crate::pump`] offers each picture once, and [`crate::server`] fans it out.
//! Downstream: [`crate::picture_feed`] has what each client gets.

pub use steady::SteadyPrediction;

use crate::clients::{ByProtocol, Protocol};
use crate::picture_feed::{FrameWatch, Picture, PictureFeed};
use crate::stopping::Stopping;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

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
    /// Pictures made in another form, each once for all who watch it.
    pub renditions: AtomicU64,
    /// Pictures of which no other form could be made.
    pub rendition_failures: AtomicU64,
    /// Pictures whose other forms were not made, because newer ones came first.
    pub renditions_skipped: AtomicU64,
    /// Predictions read.
    pub predictions: AtomicU64,
    /// Predictions overwritten before they were read.
    pub predictions_missed: AtomicU64,
    /// Predictions that came after those of newer frames, too late to be made steady.
    pub predictions_late: AtomicU64,
    /// Gestures that began.
    pub gestures: AtomicU64,
    /// Frames handed to clients.
    pub delivered: ByProtocol,
    /// Frames that a client did not get because it was busy with an older one.
    pub client_skipped: ByProtocol,
    /// Frames that were too old to be handed to a client.
    pub client_stale: ByProtocol,
}

/// One source as the clients see it.
#[derive(Debug)]
pub struct SourceFeed {
    name: String,
    pictures: PictureFeed,
    latest_prediction: Mutex<Option<SteadyPrediction>>,
    counters: SourceCounters,
}

impl SourceFeed {
    /// A source without frames yet.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            pictures: PictureFeed::default(),
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

    /// Its pictures as they are.
    #[must_use]
    pub fn pictures(&self) -> &PictureFeed {
        &self.pictures
    }

    /// Whether anybody waits for its pictures, in whatever form.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.pictures.is_watched()
    }

    /// See [`PictureFeed::offer`].
    pub fn offer(&self, picture: Picture) {
        self.pictures.offer(picture);
    }

    /// See [`PictureFeed::fan_out`].
    pub fn fan_out(&self) {
        self.pictures.fan_out();
    }

    /// See [`PictureFeed::forget`].
    pub fn forget_frame(&self) {
        self.pictures.forget();
    }

    /// The latest prediction.
    #[must_use]
    pub fn latest_prediction(&self) -> Option<SteadyPrediction> {
        self.latest_prediction
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Makes `prediction` the latest one, unless a newer frame's is known already.
    pub fn set_latest_prediction(&self, prediction: SteadyPrediction) {
        let mut latest = self
            .latest_prediction
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if latest
            .as_ref()
            .is_none_or(|known| known.raw.sequence <= prediction.raw.sequence)
        {
            *latest = Some(prediction);
        }
    }

    /// A client's view of the source. Whoever calls this must also wake the pump.
    #[must_use]
    pub(crate) fn watch(self: &Arc<Self>, protocol: Protocol, stopping: Stopping) -> FrameWatch {
        FrameWatch::new(self, protocol, stopping)
    }
}

/// Reads a counter for a report.
#[must_use]
pub fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
