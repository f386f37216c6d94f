//! The notices of one source: what was last seen of it, whether viewers need a notice now, and the
//! drawing of one, at most once a second.
//!
//! Upstream: [`crate::pump`] tells it of every frame and asks it on every turn without one. It
//! holds a picture only while a notice is shown, and must never draw when nobody watches.

use super::backdrop;
use super::message::{NoticeFacts, NoticeMessage};
use super::text::write_words;
use super::trouble::{Facts, Trouble, judge};
use super::wording::Words;
use crate::drawing::Canvas;
use crate::frame_message::FrameFacts;
use crate::jpeg::{EncodeError, Encoder};
use shm_layout::MonotonicNs;
use shm_layout::control::{BoxStatus, SourceStatus, UnitStatus};
use std::time::Duration;

/// How often a notice is drawn again, so that it tells how long the trouble lasts.
const REFRESH: Duration = Duration::from_secs(1);
/// JPEG quality of a notice: letters want more than a camera's picture does.
const QUALITY: u8 = 85;

/// The notices of one source.
#[derive(Debug)]
pub struct NoticeBoard {
    name: String,
    notice_after: Duration,
    number: u64,
    /// The last frame that could be shown, and when it was published.
    last: Option<(FrameFacts, MonotonicNs)>,
    /// Since when somebody watches without having seen a frame.
    waiting: Option<MonotonicNs>,
    shown: Option<Shown>,
}

/// The notice that is shown.
#[derive(Debug)]
struct Shown {
    trouble: Trouble,
    since_us: u64,
    drawn: MonotonicNs,
    backdrop: Canvas,
    encoder: Encoder,
}

impl NoticeBoard {
    /// A board for the source `name`; one that is silent without a known reason gets a notice
    /// after `notice_after`.
    #[must_use]
    pub fn new(name: &str, notice_after: Duration) -> Self {
        Self {
            name: name.to_owned(),
            notice_after,
            number: 0,
            last: None,
            waiting: None,
            shown: None,
        }
    }

    /// Notes the newest frame there is, published at `published`, whether it was shown or is too
    /// old for that.
    pub fn note_frame(&mut self, facts: FrameFacts, published: MonotonicNs, was_shown: bool) {
        self.last = Some((facts, published));
        if was_shown {
            self.shown = None;
        }
    }

    /// Nobody watches any more; true if a notice was shown until now.
    pub fn rest(&mut self) -> bool {
        self.waiting = None;
        self.shown.take().is_some()
    }

    /// What viewers must be told at `now`, if it is time to tell them something; `box_status` is
    /// the newest that the supervisor sent.
    pub fn due(&mut self, box_status: Option<&BoxStatus>, now: MonotonicNs) -> Option<Trouble> {
        let waiting = *self.waiting.get_or_insert(now);
        let silent_since = self.last.map_or(waiting, |(_, published)| published);
        let is_fresh = |shown: &Shown| now.since(shown.drawn) < REFRESH;
        if self.shown.as_ref().is_some_and(is_fresh) {
            return None;
        }
        let facts = Facts {
            source: source_of(box_status, &self.name),
            capture: capture_of(box_status, &self.name),
            silence: now.since(silent_since),
        };
        judge(&facts, self.notice_after)
    }

    /// Draws a notice of `trouble`. `last_jpeg` gives the newest frame if there is one; it is asked
    /// only for the first notice in a row. `now_us` is `now` in microseconds since 1970.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when the picture cannot be encoded.
    pub fn draw(
        &mut self,
        trouble: Trouble,
        box_status: Option<&BoxStatus>,
        last_jpeg: impl FnOnce() -> Option<bytes::Bytes>,
        (now, now_us): (MonotonicNs, u64),
    ) -> Result<NoticeMessage, EncodeError> {
        let source = source_of(box_status, &self.name);
        let mut shown = match self.shown.take() {
            Some(shown) => shown,
            None => Shown {
                trouble: trouble.clone(),
                since_us: self.since_us(source, now_us),
                drawn: now,
                backdrop: self.backdrop(source, last_jpeg()),
                encoder: Encoder::new(QUALITY)?,
            },
        };
        // Without a frame to count from, each kind of trouble began when it was first told of.
        if self.last.is_none() && shown.trouble.kind != trouble.kind {
            shown.since_us = self.since_us(source, now_us);
        }
        shown.trouble = trouble;
        shown.drawn = now;
        let words = Words::new(&self.name, &shown.trouble, shown.since_us, now_us);
        let mut picture = shown.backdrop.clone();
        write_words(&mut picture, &words);
        let jpeg = shown.encoder.encode_rgb(&picture);
        let (kind, since_us) = (shown.trouble.kind, shown.since_us);
        // Kept even if it could not be encoded: then too the next try is a second away.
        self.shown = Some(shown);
        self.number += 1;
        let last = self.last.map(|(facts, _)| facts);
        let facts = NoticeFacts {
            number: self.number,
            kind,
            sequence: last.map_or(0, |last| last.sequence),
            capture_time_us: last.map_or(0, |last| last.capture_time_us),
            since_us,
            text: words.line(),
        };
        Ok(NoticeMessage::new(facts, &jpeg?))
    }

    /// When the trouble began, in microseconds since 1970: with the last frame, if there was one.
    fn since_us(&self, source: Option<&SourceStatus>, now_us: u64) -> u64 {
        match self.last {
            Some((facts, _)) => facts.capture_time_us,
            None => {
                let since_ms = source.map_or(0, |source| source.since_ms);
                now_us.saturating_sub(since_ms.saturating_mul(1000))
            }
        }
    }

    fn backdrop(&self, source: Option<&SourceStatus>, last_jpeg: Option<bytes::Bytes>) -> Canvas {
        let dimmed = last_jpeg.map(|jpeg| backdrop::dimmed(&jpeg));
        match dimmed {
            Some(Ok(backdrop)) => return backdrop,
            Some(Err(error)) => tracing::debug!("source {}: {error}", self.name),
            None => {}
        }
        let (width_px, height_px) = match (self.last, source) {
            (Some((last, _)), _) => (last.width_px, last.height_px),
            (None, Some(source)) => (source.width_px, source.height_px),
            (None, None) => (0, 0),
        };
        backdrop::card(width_px, height_px)
    }
}

fn source_of<'a>(status: Option<&'a BoxStatus>, name: &str) -> Option<&'a SourceStatus> {
    let mut sources = status?.sources.iter();
    sources.find(|source| source.name == name)
}

fn capture_of<'a>(status: Option<&'a BoxStatus>, name: &str) -> Option<&'a UnitStatus> {
    let mut units = status?.units.iter();
    units.find(|unit| unit.name.strip_prefix("capture/") == Some(name))
}
