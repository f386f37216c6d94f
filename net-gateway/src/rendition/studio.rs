//! Which renditions are watched now, and the thread that makes them.
//!
//! Upstream: [`crate::pump`] puts each new picture down; clients take a [`Seat`] at the rendition
//! that they want. Downstream: each rendition's own [`PictureFeed`], which clients watch like a
//! source's. One picture per source waits at most, the newest; it is made once for each rendition,
//! at the rate of the fastest of its clients. While nobody has a seat the thread sleeps and holds no
//! picture.

use super::bench::{Made, prediction_for};
use super::render::Renderer;
use super::wish::Rendition;
use crate::hub::Hub;
use crate::picture_feed::{Picture, PictureFeed};
use crate::source_feed::SourceFeed;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use thiserror::Error;

/// As many renditions as are allowed are watched already.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{limit} other sizes, qualities or overlays are watched already (max_renditions)")]
pub struct TooMany {
    /// The limit.
    pub limit: usize,
    /// The queries that are watched of this source, which more clients may watch.
    pub watched: Vec<String>,
}

/// A rendition and who watches it.
#[derive(Debug)]
struct Entry {
    source: usize,
    wish: Rendition,
    made: Arc<Made>,
    /// The seats taken, each with the rate that is wanted there; `None`: every picture.
    seats: Vec<(u64, Option<f64>)>,
}

#[derive(Debug, Default)]
struct State {
    entries: Vec<Entry>,
    /// The newest picture of each source that has not been looked at.
    waiting: Vec<Option<Picture>>,
    next_source: usize,
    last_seat: u64,
    is_stopping: bool,
}

/// All renditions.
#[derive(Debug)]
pub struct Studio {
    limit: usize,
    quality: u8,
    state: Mutex<State>,
    wake: Condvar,
    turns: AtomicU64,
    is_busy: AtomicBool,
}

/// One picture to be made in some forms.
struct Job {
    source: usize,
    picture: Picture,
    /// In the order of the wishes, each with the rate of its fastest client.
    renditions: Vec<(Rendition, Arc<Made>, Option<f64>)>,
}

/// What the thread does next.
enum Next {
    Make(Job),
    /// Nobody watches: let go of the memory.
    Rest,
    Stop,
}

/// A client's place at a rendition; the rendition ends with its last one.
#[derive(Debug)]
pub struct Seat {
    studio: Arc<Studio>,
    number: u64,
    made: Arc<Made>,
}

impl Seat {
    /// The rendition's pictures.
    #[must_use]
    pub fn pictures(&self) -> &PictureFeed {
        &self.made.pictures
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.studio.lock();
        for entry in &mut state.entries {
            entry.seats.retain(|(number, _)| *number != self.number);
        }
        state.entries.retain(|entry| !entry.seats.is_empty());
        let State {
            entries, waiting, ..
        } = &mut *state;
        for (source, picture) in waiting.iter_mut().enumerate() {
            if !entries.iter().any(|entry| entry.source == source) {
                *picture = None;
            }
        }
        drop(state);
        self.studio.wake.notify_one();
    }
}

impl Studio {
    /// A studio for `sources` sources and at most `limit` renditions; `quality` is for wishes that
    /// name none.
    #[must_use]
    pub fn new(sources: usize, limit: usize, quality: u8) -> Self {
        let state = State {
            waiting: (0..sources).map(|_| None).collect(),
            ..State::default()
        };
        Self {
            limit,
            quality,
            state: Mutex::new(state),
            wake: Condvar::new(),
            turns: AtomicU64::new(0),
            is_busy: AtomicBool::new(false),
        }
    }

    /// A place at the rendition `wish` of a source, for a client that wants `fps` pictures a second
    /// at most. `feed` is the source's, and must be watched already.
    ///
    /// # Errors
    ///
    /// [`TooMany`] when the rendition is a new one and the limit is reached.
    pub fn seat(
        self: &Arc<Self>,
        source: usize,
        feed: &SourceFeed,
        wish: Rendition,
        fps: Option<f64>,
    ) -> Result<Seat, TooMany> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let number = state.last_seat + 1;
        let is_it = |entry: &Entry| entry.source == source && entry.wish == wish;
        let known = state.entries.iter().position(is_it);
        let made = match known.and_then(|place| state.entries.get_mut(place)) {
            Some(entry) => {
                entry.seats.push((number, fps));
                Arc::clone(&entry.made)
            }
            None => {
                if state.entries.len() >= self.limit {
                    let same = state.entries.iter().filter(|entry| entry.source == source);
                    return Err(TooMany {
                        limit: self.limit,
                        watched: same.map(|entry| entry.wish.to_string()).collect(),
                    });
                }
                let made = Arc::<Made>::default();
                state.entries.push(Entry {
                    source,
                    wish,
                    made: Arc::clone(&made),
                    seats: vec![(number, fps)],
                });
                // What was offered before there was anybody to make it for. Asked for only now: a
                // picture that comes meanwhile is put down by the pump.
                if let Some(waiting) = state.waiting.get_mut(source)
                    && waiting.is_none()
                {
                    *waiting = feed.pictures().latest();
                }
                made
            }
        };
        state.last_seat = number;
        drop(guard);
        self.wake.notify_one();
        Ok(Seat {
            studio: Arc::clone(self),
            number,
            made,
        })
    }

    /// Hands a new picture of a source on, if one of its renditions is watched.
    pub fn put(&self, source: usize, feed: &SourceFeed, picture: &Picture) {
        let mut state = self.lock();
        if !state.entries.iter().any(|entry| entry.source == source) {
            return;
        }
        if let Some(waiting) = state.waiting.get_mut(source)
            && waiting.replace(picture.clone()).is_some()
        {
            let counters = feed.counters();
            counters.renditions_skipped.fetch_add(1, Ordering::Relaxed);
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Makes what was made since the last time the newest there is.
    pub fn fan_out(&self) {
        for entry in &self.lock().entries {
            entry.made.pictures.fan_out();
        }
    }

    /// Renditions that are watched now.
    #[must_use]
    pub fn watched(&self) -> usize {
        self.lock().entries.len()
    }

    /// Whether the thread is at work, and how often it came on: a thread that is at work and does
    /// not come on hangs.
    #[must_use]
    pub fn pulse(&self) -> (bool, u64) {
        let turns = self.turns.load(Ordering::Relaxed);
        (self.is_busy.load(Ordering::Relaxed), turns)
    }

    /// Ends [`Self::work`].
    pub fn stop(&self) {
        self.lock().is_stopping = true;
        self.wake.notify_all();
    }

    /// Makes renditions until [`Self::stop`]; the whole life of the thread.
    pub fn work(&self, hub: &Hub) {
        let mut renderer = None;
        loop {
            match self.next(renderer.is_some()) {
                Next::Stop => break,
                Next::Rest => renderer = None,
                Next::Make(job) => self.make_all(hub, &job, &mut renderer),
            }
            self.is_busy.store(false, Ordering::Relaxed);
        }
    }

    fn next(&self, has_memory: bool) -> Next {
        let mut state = self.lock();
        loop {
            if state.is_stopping {
                return Next::Stop;
            }
            if let Some(job) = state.take_job() {
                self.is_busy.store(true, Ordering::Relaxed);
                return Next::Make(job);
            }
            if state.entries.is_empty() && has_memory {
                return Next::Rest;
            }
            state = self
                .wake
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn make_all(&self, hub: &Hub, job: &Job, renderer: &mut Option<Renderer>) {
        let Some(feed) = hub.sources().get(job.source) else {
            return;
        };
        let renderer = match renderer {
            Some(renderer) => renderer,
            None => match Renderer::new() {
                Ok(new) => renderer.insert(new),
                Err(error) => return tracing::warn!("cannot make renditions: {error}"),
            },
        };
        renderer.begin();
        let has_overlay = job.renditions.iter().any(|(wish, ..)| wish.overlay);
        let latest = has_overlay.then(|| feed.latest_prediction()).flatten();
        let prediction = prediction_for(&job.picture, latest);
        let mut has_made = false;
        for (wish, made, fps) in &job.renditions {
            self.turns.fetch_add(1, Ordering::Relaxed);
            let mut bench = made.bench.lock().unwrap_or_else(PoisonError::into_inner);
            if !bench.is_wanted(&job.picture, *fps) {
                continue;
            }
            let counters = feed.counters();
            match bench.make(
                renderer,
                &job.picture,
                wish,
                prediction.as_ref(),
                self.quality,
            ) {
                Ok(picture) => {
                    bench.has_failed = false;
                    counters.renditions.fetch_add(1, Ordering::Relaxed);
                    made.pictures.offer(picture);
                    has_made = true;
                }
                Err(error) => {
                    counters.rendition_failures.fetch_add(1, Ordering::Relaxed);
                    if !std::mem::replace(&mut bench.has_failed, true) {
                        tracing::warn!("source {} as {wish}: {error}", feed.name());
                    }
                }
            }
        }
        if has_made {
            hub.announce_frames();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The next picture that waits; the sources take turns.
    fn take_job(&mut self) -> Option<Job> {
        let count = self.waiting.len();
        for step in 0..count {
            let source = (self.next_source + step) % count;
            let Some(picture) = self.waiting.get_mut(source).and_then(Option::take) else {
                continue;
            };
            self.next_source = source + 1;
            let of_source = self.entries.iter().filter(|entry| entry.source == source);
            let mut renditions: Vec<_> = of_source
                .map(|entry| (entry.wish, Arc::clone(&entry.made), entry.fastest()))
                .collect();
            renditions.sort_by_key(|(wish, _, _)| *wish);
            return Some(Job {
                source,
                picture,
                renditions,
            });
        }
        None
    }
}

impl Entry {
    /// The rate of the fastest client; `None` if one wants every picture.
    fn fastest(&self) -> Option<f64> {
        let mut fastest: f64 = 0.0;
        for (_, fps) in &self.seats {
            fastest = fastest.max((*fps)?);
        }
        Some(fastest)
    }
}
