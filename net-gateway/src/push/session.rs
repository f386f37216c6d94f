//! One client that pushes, from its claim to its end, whatever its protocol.
//!
//! Upstream: [`crate::wire::push`] and [`crate::http::push`], which turn bytes into calls and what
//! comes back into bytes. Each frame gets one answer, and each prediction of a frame comes with the
//! number that the client gave it.

use super::desk::{GoodFrame, Hold};
use super::inspect::{JpegFacts, inspect};
use super::numbers::{Numbers, OwnFrame};
use super::pace::{Pace, Verdict};
use super::permission;
use super::refusal::{FrameFault, PushError};
use crate::clients::{ClientGuard, Protocol};
use crate::hub::Hub;
use crate::prediction_feed::{Kind, PredictionMessage, PredictionWatch, Wants};
use crate::stopping::Stopping;
use bytes::Bytes;
use shm_layout::MonotonicNs;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Refused frames in a row, because of what they are, after which the client is ended.
const BAD_IN_A_ROW_MAX: u32 = 10;
/// Longest time from the first byte of a frame to its last.
pub const FRAME_TIMEOUT: Duration = Duration::from_secs(10);

/// What a client wants to push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Name of the source; empty means any that is there for clients which name none.
    pub source: String,
    /// What is to come back.
    pub wants: Wants,
}

/// A frame as it came.
#[derive(Debug)]
pub struct CameFrame {
    /// What the client calls it.
    pub own: OwnFrame,
    /// Its bytes.
    pub jpeg: Bytes,
    /// When its first byte came.
    pub arrived: MonotonicNs,
}

/// The answer to one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It was published.
    Accepted {
        /// The client's number.
        number: u64,
        /// Its sequence in the source.
        sequence: u64,
    },
    /// It was not.
    Refused {
        /// The client's number.
        number: u64,
        /// Why.
        fault: FrameFault,
    },
}

/// What comes for the client without its doing.
#[derive(Debug)]
pub enum Event {
    /// A prediction for one of its frames.
    Predicted(OwnFrame, Arc<PredictionMessage>),
    /// A gesture in its frames, with the one that decided it, if that is known.
    Gesture(Option<OwnFrame>, Arc<PredictionMessage>),
    /// Its end.
    Ended(PushError),
}

/// One client that has a source.
#[derive(Debug)]
pub struct Session {
    hold: Hold,
    pace: Pace,
    numbers: Numbers,
    predictions: Option<PredictionWatch>,
    stopping: Stopping,
    bad_in_a_row: u32,
    /// The last frame whose prediction was told; gesture events follow theirs.
    last_predicted: Option<(u64, OwnFrame)>,
    _client: ClientGuard,
}

impl Session {
    /// Claims the source that the client wishes.
    ///
    /// # Errors
    ///
    /// [`PushError`]: it may not, or another client has the source.
    pub async fn open(
        hub: &Hub,
        wish: &Wish,
        (client, protocol, address): (ClientGuard, Protocol, IpAddr),
    ) -> Result<Self, PushError> {
        permission::may_push(hub, client.record().caller())?;
        let hold = hub.desk().claim(&wish.source, address).await?;
        let source = hold.source();
        let wants = wish.wants;
        let predictions = (wants.predictions || wants.gestures)
            .then(|| hub.watch_predictions(Some(source.source()), wants, protocol));
        let pace = Pace::new(source.limits().max_fps, MonotonicNs::now());
        Ok(Self {
            hold,
            pace,
            numbers: Numbers::default(),
            predictions,
            stopping: hub.stopping(),
            bad_in_a_row: 0,
            last_predicted: None,
            _client: client,
        })
    }

    /// What the client is told at first, as JSON.
    #[must_use]
    pub fn welcome(&self) -> serde_json::Value {
        let source = self.hold.source();
        let limits = source.limits();
        serde_json::json!({
            "source": source.name(),
            "server": concat!("wigwag ", env!("CARGO_PKG_VERSION")),
            "format": "jpeg",
            "limits": {
                "max_width_px": limits.max_width_px,
                "max_height_px": limits.max_height_px,
                "max_frame_bytes": limits.max_frame_bytes,
                "max_fps": limits.max_fps,
                "hold_ms": limits.hold_ms,
            },
        })
    }

    /// Most bytes of a frame.
    #[must_use]
    pub fn max_frame_bytes(&self) -> u32 {
        self.hold.source().limits().max_frame_bytes
    }

    /// Takes a frame in; gives the answer to it, and how long nothing more is to be read.
    ///
    /// # Errors
    ///
    /// [`PushError`]: this was the last frame of this client.
    pub async fn take(&mut self, frame: CameFrame) -> Result<(Answer, Duration), PushError> {
        let number = frame.own.number;
        self.hold.hear(frame.jpeg.len());
        let (taken, pause) = match self.pace.judge(MonotonicNs::now()) {
            Verdict::Take => (self.publish(frame).await?, Duration::ZERO),
            Verdict::Skip(pause) => {
                let max_fps = self.hold.source().limits().max_fps;
                (Err(FrameFault::OverRate(max_fps)), pause)
            }
        };
        self.count(taken)?;
        let answer = match taken {
            Ok(sequence) => Answer::Accepted { number, sequence },
            Err(fault) => Answer::Refused { number, fault },
        };
        Ok((answer, pause))
    }

    async fn publish(&mut self, frame: CameFrame) -> Result<Result<u64, FrameFault>, PushError> {
        let limits = self.hold.source().limits();
        let looked = inspect(&frame.jpeg, limits.max_width_px, limits.max_height_px);
        let JpegFacts {
            width_px,
            height_px,
            len_bytes,
        } = match looked {
            Ok(facts) => facts,
            Err(fault) => return Ok(Err(fault.into())),
        };
        let good = GoodFrame {
            jpeg: frame.jpeg.slice(..len_bytes),
            sides: [width_px, height_px],
            number: frame.own.number,
            arrived: frame.arrived,
        };
        let Some(sequence) = self.hold.print(good).await? else {
            return Ok(Err(FrameFault::NoFrameSlot));
        };
        self.numbers.put(sequence, frame.own);
        Ok(Ok(sequence))
    }

    /// Counts what became of a frame, and ends a client that sends nothing but bad ones.
    fn count(&mut self, taken: Result<u64, FrameFault>) -> Result<(), PushError> {
        let counters = self.hold.source().counters();
        let counter = match taken {
            Ok(_) => &counters.accepted,
            Err(FrameFault::OverRate(_)) => &counters.over_rate,
            Err(FrameFault::Jpeg(_)) => &counters.bad,
            Err(FrameFault::NoFrameSlot) => &counters.no_frame_slot,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        match taken {
            Ok(_) => self.bad_in_a_row = 0,
            Err(fault) if fault.is_bad() => {
                self.bad_in_a_row += 1;
                if self.bad_in_a_row >= BAD_IN_A_ROW_MAX {
                    self.hold.is_leaving("sent bad frames only");
                    return Err(PushError::TooManyBad(self.bad_in_a_row, fault));
                }
            }
            Err(_) => {}
        }
        Ok(())
    }

    /// What the client calls the frame that decided a gesture event.
    fn own_of(&self, sequence: u64) -> Option<OwnFrame> {
        let told = self.last_predicted.filter(|(known, _)| *known == sequence);
        // Without predictions, nobody else asks for it.
        told.map(|(_, own)| own)
            .or_else(|| self.numbers.find(sequence))
    }

    /// Waits for what comes by itself. Dropping the future loses nothing.
    pub async fn event(&mut self) -> Event {
        loop {
            let predicted = tokio::select! {
                biased;
                () = self.stopping.wait() => return Event::Ended(PushError::Stopping),
                told = self.hold.evicted() => return Event::Ended(told),
                predicted = next_prediction(&mut self.predictions) => predicted,
            };
            match predicted.kind {
                Kind::Prediction => {
                    if let Some(own) = self.numbers.take(predicted.sequence) {
                        self.last_predicted = Some((predicted.sequence, own));
                        return Event::Predicted(own, predicted);
                    }
                }
                Kind::Gesture => {
                    let own = self.own_of(predicted.sequence);
                    return Event::Gesture(own, predicted);
                }
            }
        }
    }
}

/// The next prediction of the source; waits for ever when none are wanted, or the gateway stops.
async fn next_prediction(predictions: &mut Option<PredictionWatch>) -> Arc<PredictionMessage> {
    if let Some(predictions) = predictions
        && let Some(predicted) = predictions.next().await
    {
        return predicted;
    }
    std::future::pending().await
}
