//! From shared memory to the clients: each frame copied or encoded once, each prediction read once.
//!
//! Upstream: the rings and prediction slots of the segment. Downstream: the feeds of
//! [`crate::hub`]. It holds a lease only while it copies or encodes, touches no frame that nobody
//! watches, and never waits for a client. Viewers of a source without frames get a
//! [`crate::notice`] instead.

use crate::frame_message::{FrameFacts, FrameMessage};
use crate::hub::Hub;
use crate::jpeg::Encoder;
use crate::notice::NoticeBoard;
use crate::picture_feed::Picture;
use crate::prediction_feed::PredictionMessage;
use crate::rendition::Studio;
use crate::source_feed::SourceFeed;
use crate::traffic::{Figures, TrafficWindow};
use shm_layout::control::BoxStatus;
use shm_layout::demand::Demand;
use shm_layout::prediction::{PredictionReader, PredictionSlot};
use shm_layout::ring::{FrameLease, Subscriber};
use shm_layout::segment::PlaceError;
use shm_layout::{MonotonicNs, PixelFormat, Segment, Sequence, wall_us};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use steady::{EventKind, GestureEvent, Given, InOrder, Steadier, SteadyPrediction};

/// A frame older than this is not shown to a viewer who just came: it is from before the source
/// was lost, and the viewer would take it for the present.
const FIRST_FRAME_AGE_MAX: Duration = Duration::from_secs(2);
/// Most predictions read from one source in one turn, so that a source that floods does not keep
/// the others waiting; the rest is read in the next turn.
const PREDICTIONS_PER_TURN: usize = 64;

/// The reading ends of every source.
#[derive(Debug)]
pub struct Pump<'s> {
    hub: Arc<Hub>,
    sources: Vec<SourcePump<'s>>,
    traffic: TrafficWindow,
}

#[derive(Debug)]
struct SourcePump<'s> {
    index: usize,
    feed: Arc<SourceFeed>,
    frames: Subscriber<'s>,
    demand: Demand<'s>,
    predictions: PredictionReader<'s>,
    in_order: InOrder,
    steadier: Steadier,
    /// Newest frame that was offered to the viewers of now; 0 when there are none.
    offered: Sequence,
    studio: Arc<Studio>,
    jpeg_quality: u8,
    encoder: Option<Encoder>,
    has_failed: bool,
    notices: NoticeBoard,
}

impl<'s> Pump<'s> {
    /// Reading ends on every source of the hub, for the process at `place` of the process table.
    ///
    /// # Errors
    ///
    /// [`PlaceError`] when the segment has fewer sources than the hub, or no such place.
    pub fn new(segment: &'s Segment, place: usize, hub: &Arc<Hub>) -> Result<Self, PlaceError> {
        let sources = hub.sources().iter().enumerate().map(|(index, feed)| {
            let slot = segment.predictions(index)?;
            let (predictions, steadier) = reading_ends(&slot, feed, hub);
            let wait_max = Duration::from_millis(hub.steady().wait_ms);
            Ok(SourcePump {
                index,
                feed: Arc::clone(feed),
                frames: segment.subscriber(index, place)?,
                demand: segment.demand(index)?,
                predictions,
                in_order: InOrder::new(wait_max, steadier.newest()),
                steadier,
                offered: Sequence(0),
                studio: Arc::clone(hub.studio()),
                jpeg_quality: hub.limits().jpeg_quality,
                encoder: None,
                has_failed: false,
                notices: NoticeBoard::new(feed.name(), hub.limits().notice_after),
            })
        });
        let sources = sources.collect::<Result<_, PlaceError>>()?;
        let traffic = TrafficWindow::new(MonotonicNs::now());
        Ok(Self {
            hub: Arc::clone(hub),
            sources,
            traffic,
        })
    }

    /// Hands on everything that is new, once; `now` is when the turn begins. `alive` is called
    /// after each source: a turn over many that must be encoded takes long.
    pub fn turn(&mut self, now: MonotonicNs, mut alive: impl FnMut()) -> Turned {
        let mut turned = Turned::default();
        let newest_status = self.hub.status().newest();
        let status = newest_status.as_ref().map(|message| message.status());
        for source in &mut self.sources {
            // Predictions first: they are for frames that were handed on in earlier turns.
            turned.is_unfinished |= source.pump_predictions(&self.hub, &mut self.traffic);
            let corrupt = source.frames.corrupt();
            let has_frame = source.pump_frame(now);
            turned.frames += u64::from(has_frame);
            turned.notices += u64::from(!has_frame && source.pump_notice(status, now));
            turned.corrupt += source.frames.corrupt() - corrupt;
            alive();
        }
        if turned.frames + turned.notices > 0 {
            self.hub.announce_frames();
        }
        turned
    }

    /// The figures for the supervisor.
    pub fn figures(&mut self, now: MonotonicNs) -> Figures {
        self.traffic.figures(now)
    }
}

/// What one turn did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Turned {
    /// Frames handed on.
    pub frames: u64,
    /// Notices handed on, of sources that gave none.
    pub notices: u64,
    /// Frames passed over because their facts in shared memory made no sense.
    pub corrupt: u64,
    /// More is to be read without waiting.
    pub is_unfinished: bool,
}

impl SourcePump<'_> {
    /// Hands the newest frame on if it is new and somebody watches.
    fn pump_frame(&mut self, now: MonotonicNs) -> bool {
        let counters = self.feed.counters();
        counters
            .published
            .store(self.frames.head().0, Ordering::Relaxed);
        if !self.feed.is_watched() {
            self.rest();
            return false;
        }
        self.demand.ask(now);
        let Some(lease) = self.frames.lease_latest(self.offered) else {
            return false;
        };
        let is_first = self.offered == Sequence(0);
        let (facts, published) = (facts_of(&lease), lease.publish_time());
        if is_first && now.since(published) > FIRST_FRAME_AGE_MAX {
            self.notices.note_frame(facts, published, false);
            return false;
        }
        let sequence = lease.sequence();
        if !is_first {
            let skipped = sequence.0.saturating_sub(self.offered.0 + 1);
            counters.skipped.fetch_add(skipped, Ordering::Relaxed);
        }
        let message = message_of(&lease, &mut self.encoder, self.jpeg_quality, &self.feed);
        drop(lease);
        self.offered = sequence;
        match message {
            Ok(message) => {
                self.notices.note_frame(facts, published, true);
                self.hand_on(Picture::Frame(Arc::new(message)));
            }
            Err(error) => {
                counters.encode_failures.fetch_add(1, Ordering::Relaxed);
                if !std::mem::replace(&mut self.has_failed, true) {
                    tracing::warn!("source {}: {error}", self.feed.name());
                }
                return false;
            }
        }
        self.has_failed = false;
        true
    }

    /// Tells viewers why there are no frames, if there should be some.
    fn pump_notice(&mut self, status: Option<&BoxStatus>, now: MonotonicNs) -> bool {
        if !self.feed.is_watched() {
            return false;
        }
        let Some(trouble) = self.notices.due(status, now) else {
            return false;
        };
        let last_jpeg = || {
            let lease = self.frames.lease_latest(Sequence(0))?;
            let message = message_of(&lease, &mut self.encoder, self.jpeg_quality, &self.feed);
            Some(message.ok()?.jpeg())
        };
        let clocks = (now, wall_us());
        match self.notices.draw(trouble, status, last_jpeg, clocks) {
            Ok(notice) => {
                self.feed.counters().notices.fetch_add(1, Ordering::Relaxed);
                self.hand_on(Picture::Notice(Arc::new(notice)));
                true
            }
            Err(error) => {
                tracing::warn!("source {}: a notice: {error}", self.feed.name());
                false
            }
        }
    }

    fn hand_on(&self, picture: Picture) {
        // First where clients may look for it, then where it is worked on: see `Studio::seat`.
        self.feed.offer(picture.clone());
        self.studio.put(self.index, &self.feed, &picture);
    }

    /// Nobody watches: the last frame and the encoder's memory are let go.
    fn rest(&mut self) {
        let had_notice = self.notices.rest();
        if self.offered != Sequence(0) || had_notice {
            self.offered = Sequence(0);
            self.encoder = None;
            self.feed.forget_frame();
        }
    }

    /// Hands new predictions on, and the gestures that they mean; tells whether there may be more.
    fn pump_predictions(&mut self, hub: &Hub, traffic: &mut TrafficWindow) -> bool {
        let counters = self.feed.counters();
        let mut is_unfinished = true;
        for _ in 0..PREDICTIONS_PER_TURN {
            let Some(prediction) = self.predictions.next_unread() else {
                let missed = self.predictions.missed();
                counters.predictions_missed.store(missed, Ordering::Relaxed);
                is_unfinished = false;
                break;
            };
            counters.predictions.fetch_add(1, Ordering::Relaxed);
            self.in_order.put(prediction);
        }
        let in_work = self.predictions.oldest_in_work();
        let now = MonotonicNs::now();
        let teller = Teller {
            hub,
            source: self.index,
            feed: &self.feed,
        };
        while let Some(given) = self.in_order.next(in_work, now) {
            let mut events = Vec::new();
            let steady = match given {
                Given::Next(raw) => self.steadier.see(raw, |event| events.push(event)),
                Given::Late(raw) => {
                    counters.predictions_late.fetch_add(1, Ordering::Relaxed);
                    SteadyPrediction::late(raw)
                }
            };
            traffic.record(now, now.since(steady.raw.capture));
            teller.prediction(&steady, now);
            events.iter().for_each(|event| teller.gesture(event));
            self.feed.set_latest_prediction(steady);
        }
        self.steadier.tick(now, |event| teller.gesture(&event));
        is_unfinished
    }
}

/// The reading end of a prediction slot, and what is known from what the slot still holds: the
/// gateway was restarted, perhaps.
fn reading_ends<'s>(
    slot: &PredictionSlot<'s>,
    feed: &SourceFeed,
    hub: &Hub,
) -> (PredictionReader<'s>, Steadier) {
    // First the end, then the history: what comes in between is in both, and told as late.
    let reader = slot.reader();
    let mut steadier = Steadier::new(hub.steady());
    if let Some(latest) = steadier.rebuild(slot.history()) {
        feed.set_latest_prediction(latest);
    }
    (reader, steadier)
}

/// Tells what comes of a source to everybody who listens.
struct Teller<'h> {
    hub: &'h Hub,
    source: usize,
    feed: &'h SourceFeed,
}

impl Teller<'_> {
    fn prediction(&self, prediction: &SteadyPrediction, now: MonotonicNs) {
        if self.hub.predictions().is_watched() {
            let name = self.feed.name();
            self.send(PredictionMessage::new(self.source, name, prediction, now));
        }
    }

    fn gesture(&self, event: &GestureEvent) {
        if event.kind == EventKind::GestureStart {
            let counters = self.feed.counters();
            counters.gestures.fetch_add(1, Ordering::Relaxed);
        }
        if self.hub.predictions().is_watched() {
            let name = self.feed.name();
            self.send(PredictionMessage::gesture(self.source, name, event));
        }
    }

    fn send(&self, message: Result<PredictionMessage, serde_json::Error>) {
        match message {
            Ok(message) => self.hub.predictions().send(message),
            Err(error) => tracing::warn!("cannot write a prediction as JSON: {error}"),
        }
    }
}

fn facts_of(lease: &FrameLease<'_>) -> FrameFacts {
    let meta = lease.meta();
    FrameFacts {
        sequence: lease.sequence().0,
        capture_time_us: meta.capture_wall_us,
        captured: meta.capture,
        width_px: meta.width_px,
        height_px: meta.height_px,
    }
}

/// The frame as every client gets it: an MJPEG frame as it is, any other encoded from the lease.
fn message_of(
    lease: &FrameLease<'_>,
    encoder: &mut Option<Encoder>,
    jpeg_quality: u8,
    feed: &SourceFeed,
) -> Result<FrameMessage, crate::jpeg::EncodeError> {
    let (meta, facts) = (lease.meta(), facts_of(lease));
    if meta.format == PixelFormat::Mjpeg {
        return Ok(FrameMessage::new(facts, lease.payload()));
    }
    let encoder = match encoder {
        Some(encoder) => encoder,
        None => encoder.insert(Encoder::new(jpeg_quality)?),
    };
    let jpeg = encoder.encode(meta, lease.payload())?;
    feed.counters().encodes.fetch_add(1, Ordering::Relaxed);
    Ok(FrameMessage::new(facts, &jpeg))
}
