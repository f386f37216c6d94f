//! What becomes of one picture in one rendition: whether it is wanted, and what clients get of it.
//!
//! Upstream: [`super::studio`], on its thread. Downstream: [`super::render`], and the rendition's own
//! feed.

use super::overlay;
use super::pace::Pace;
use super::render::{RenderError, Rendered, Renderer};
use super::wish::Rendition;
use crate::frame_message::{FrameFacts, FrameMessage};
use crate::jpeg::Encoder;
use crate::notice::NoticeMessage;
use crate::picture_feed::{Picture, PictureFeed};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use steady::SteadyPrediction;

/// Hands are drawn into a frame if they were seen at most so long before it was captured. Those of
/// the frame itself are known only after it has been sent.
pub const OVERLAY_AGE_MAX: Duration = Duration::from_millis(500);

/// One rendition that somebody watches.
#[derive(Debug, Default)]
pub(super) struct Made {
    pub(super) pictures: PictureFeed,
    pub(super) bench: Mutex<Bench>,
}

/// What the thread needs to make the next picture of a rendition.
#[derive(Debug, Default)]
pub(super) struct Bench {
    encoder: Option<Encoder>,
    /// The rate of its fastest client, and where that stands.
    pace: Option<(f64, Pace)>,
    last_sequence: u64,
    last_notice: u64,
    made: u64,
    pub(super) has_failed: bool,
}

impl Bench {
    /// Whether `picture` is a new one, and its time has come.
    pub(super) fn is_wanted(&mut self, picture: &Picture, fps: Option<f64>) -> bool {
        let facts = match picture {
            Picture::Frame(frame) => frame.facts(),
            Picture::Notice(notice) => {
                let number = notice.facts().number;
                return std::mem::replace(&mut self.last_notice, number) < number;
            }
        };
        if facts.sequence <= self.last_sequence {
            return false;
        }
        self.last_sequence = facts.sequence;
        let Some(fps) = fps else {
            self.pace = None;
            return true;
        };
        if self.pace.as_ref().is_none_or(|(rate, _)| *rate != fps) {
            self.pace = Some((fps, Pace::new(fps)));
        }
        let pace = self.pace.as_mut();
        pace.is_none_or(|(_, pace)| pace.takes(facts.captured))
    }

    /// Makes `picture` as `wish` wants it; `quality` is for a wish that names none.
    ///
    /// # Errors
    ///
    /// [`RenderError`] when it is no JPEG, or too large.
    pub(super) fn make(
        &mut self,
        renderer: &mut Renderer,
        picture: &Picture,
        wish: &Rendition,
        prediction: Option<&SteadyPrediction>,
        quality: u8,
    ) -> Result<Picture, RenderError> {
        let jpeg = match picture {
            Picture::Frame(frame) => frame.jpeg(),
            Picture::Notice(notice) => notice.jpeg(),
        };
        let drawing = prediction.filter(|_| wish.overlay).map(overlay::drawn);
        let canvas = match renderer.render(&jpeg, wish, &drawing.unwrap_or_default())? {
            Rendered::Original => None,
            Rendered::Drawn(canvas) => Some(canvas),
        };
        let encoded = match canvas {
            None => None,
            Some(canvas) => {
                let encoder = match &mut self.encoder {
                    Some(encoder) => encoder,
                    none => none.insert(Encoder::new(wish.quality.unwrap_or(quality))?),
                };
                Some((
                    encoder.encode_rgb(canvas)?,
                    canvas.width_px,
                    canvas.height_px,
                ))
            }
        };
        self.made += 1;
        Ok(match (picture, encoded) {
            (Picture::Frame(frame), None) => {
                let same = FrameMessage::clone(frame);
                Picture::Frame(Arc::new(same.with_ordinal(self.made)))
            }
            (Picture::Frame(frame), Some((jpeg, width_px, height_px))) => {
                let facts = FrameFacts {
                    width_px,
                    height_px,
                    ..frame.facts()
                };
                let drawn = prediction.filter(|_| wish.overlay);
                let drawn = drawn.map(|prediction| prediction.raw.sequence.0);
                let message = FrameMessage::with_prediction(facts, &jpeg, drawn);
                Picture::Frame(Arc::new(message.with_ordinal(self.made)))
            }
            (Picture::Notice(notice), None) => Picture::Notice(Arc::clone(notice)),
            (Picture::Notice(notice), Some((jpeg, ..))) => {
                let message = NoticeMessage::new(notice.facts().clone(), &jpeg);
                Picture::Notice(Arc::new(message))
            }
        })
    }
}

/// The prediction whose hands belong on `picture`, if the latest one is young enough.
pub(super) fn prediction_for(
    picture: &Picture,
    latest: Option<SteadyPrediction>,
) -> Option<SteadyPrediction> {
    let Picture::Frame(frame) = picture else {
        return None;
    };
    let captured = frame.facts().captured;
    latest.filter(|latest| captured.since(latest.raw.capture) <= OVERLAY_AGE_MAX)
}
