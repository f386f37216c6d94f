//! One source: its hands, each with its filter and its machine, and the machine of what its frames
//! show as a whole.
//!
//! Neighbours: predictions come in order ([`crate::InOrder`]); what comes out goes to clients. It is
//! the only state of the rules, and a gateway that has just started makes it from the predictions
//! that shared memory still holds ([`Steadier::rebuild`]).

use crate::event::{
    EndReason, EventHand, EventKind, GestureEvent, SteadyHand, SteadyPrediction, SteadyScene,
};
use crate::machine::{Change, Machine, Moment};
use crate::one_euro::{OneEuro, size_px};
use shm_layout::control::SteadySettings;
use shm_layout::prediction::HANDS_MAX;
use shm_layout::{Hand, MonotonicNs, Prediction, Scene, Sequence};
use std::time::Duration;

/// A number that is new stands for a known hand that is missing, if it lies in the same place: two
/// workers found the hand at the same moment. Further than this, in sizes of the hand, it is none.
const SAME_PLACE: f32 = 0.6;
/// Numbers under which one hand is known.
const NUMBERS: usize = 4;
/// How much later than its time the end of all predictions is told: one may be on its way.
const GRACE: Duration = Duration::from_millis(250);
/// Hands that are remembered at once: those in view, and those that are gone for a moment.
const HANDS_KEPT: usize = 2 * HANDS_MAX;

/// One hand that is in view, or was a moment ago.
#[derive(Debug, Clone)]
struct Track {
    /// The number that clients see, and the others that stand for the same hand.
    numbers: [Option<u64>; NUMBERS],
    is_right: bool,
    middle: [f32; 2],
    size_px: f32,
    /// The last prediction that showed it.
    seen: Moment,
    /// The first one that did not, since then.
    missed: Option<Moment>,
    /// Since when it shows what it shows.
    idle_since_us: u64,
    filter: OneEuro,
    machine: Machine,
}

/// What the frames of a source show as a whole.
#[derive(Debug, Clone)]
struct SceneTrack {
    /// The last prediction that said something of it.
    seen: Moment,
    idle_since_us: u64,
    machine: Machine,
}

/// Makes the predictions of one source steady.
#[derive(Debug, Clone)]
pub struct Steadier {
    settings: SteadySettings,
    tracks: Vec<Track>,
    scene: Option<SceneTrack>,
    newest: (Sequence, Moment),
}

impl Steadier {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(settings: &SteadySettings) -> Self {
        Self {
            settings: settings.clone(),
            tracks: Vec::with_capacity(HANDS_KEPT),
            scene: None,
            newest: (Sequence(0), Moment::default()),
        }
    }

    /// Takes in what was predicted before, in order, and tells nothing of it. A gesture that is held
    /// from the first of these predictions on was told by somebody else: only its end is told.
    ///
    /// Returns the newest of them.
    pub fn rebuild(
        &mut self,
        history: impl IntoIterator<Item = Prediction>,
    ) -> Option<SteadyPrediction> {
        let (mut earliest, mut newest) = (None, None);
        for prediction in history {
            earliest.get_or_insert(moment_of(&prediction));
            newest = Some(self.see(prediction, |_| {}));
        }
        let earliest = earliest.unwrap_or_default();
        let hands = self.tracks.iter_mut().map(|track| &mut track.machine);
        let scene = self.scene.iter_mut().map(|track| &mut track.machine);
        hands
            .chain(scene)
            .for_each(|machine| machine.set_continued(earliest));
        newest
    }

    /// The newest frame whose prediction was taken in; 0 = none yet.
    #[must_use]
    pub fn newest(&self) -> Sequence {
        self.newest.0
    }

    /// Takes in the next prediction, and tells what it means for gestures.
    pub fn see(
        &mut self,
        mut raw: Prediction,
        mut tell: impl FnMut(GestureEvent),
    ) -> SteadyPrediction {
        let at = moment_of(&raw);
        let sequence = raw.sequence;
        self.expire(at.capture, &mut tell);
        self.newest = (sequence, at);
        let frame = [raw.width_px as f32, raw.height_px as f32];
        let numbers: Vec<u64> = raw.hands.iter().map(|hand| hand.id).collect();
        let mut hands = Vec::with_capacity(raw.hands.len());
        for hand in &mut raw.hands {
            let index = self.track_of(hand, &numbers, frame, at);
            let track = &mut self.tracks[index];
            hand.id = track.id();
            let settings = &self.settings;
            let event_hand = EventHand {
                id: hand.id,
                is_right: hand.motion.right_average >= 0.5,
            };
            let events = |change| tell(event_of(change, Some(event_hand), sequence, at));
            hands.push(track.see(settings, hand, frame, at, events));
        }
        let scene = match raw.scene {
            Some(scene) => Some(self.see_scene(scene, sequence, at, &mut tell)),
            None => {
                self.miss_hands(at);
                None
            }
        };
        self.expire(at.capture, &mut tell);
        SteadyPrediction { raw, hands, scene }
    }

    /// A prediction of hands shows those that it shows, and no others.
    fn miss_hands(&mut self, at: Moment) {
        let missing = self
            .tracks
            .iter_mut()
            .filter(|track| track.seen.capture != at.capture);
        missing.for_each(|track| {
            track.missed.get_or_insert(at);
            track.machine.miss(at);
        });
    }

    fn see_scene(
        &mut self,
        scene: Scene,
        sequence: Sequence,
        at: Moment,
        mut tell: impl FnMut(GestureEvent),
    ) -> SteadyScene {
        let track = self.scene.get_or_insert_with(|| SceneTrack {
            seen: at,
            idle_since_us: at.wall_us,
            machine: Machine::default(),
        });
        track.seen = at;
        let SceneTrack {
            idle_since_us,
            machine,
            ..
        } = track;
        machine.see(&self.settings, at, (scene.gesture, scene.score), |change| {
            if matches!(change, Change::End(_)) {
                *idle_since_us = at.wall_us;
            }
            tell(event_of(change, None, sequence, at));
        });
        let held = machine.held();
        SteadyScene {
            gesture: held.map(|held| held.gesture),
            progress: held.map_or(0.0, |held| held.progress),
            since_us: held.map_or(*idle_since_us, |held| held.since.wall_us),
        }
    }

    /// Tells what ends because no predictions came until `now`.
    pub fn tick(&mut self, now: MonotonicNs, mut tell: impl FnMut(GestureEvent)) {
        let gap = Duration::from_millis(self.settings.gap_ms) + GRACE;
        let is_anything_known = !self.tracks.is_empty() || self.scene.is_some();
        if is_anything_known && now.since(self.newest.1.capture) >= gap {
            let end = MonotonicNs(self.newest.1.capture.0 + self.settings.gap_ms * 1_000_000);
            self.expire(end, &mut tell);
        }
    }

    /// Lets go of the hands that are gone at `now`.
    fn expire(&mut self, now: MonotonicNs, tell: &mut impl FnMut(GestureEvent)) {
        let lost = Duration::from_millis(self.settings.lost_ms);
        let gap = Duration::from_millis(self.settings.gap_ms);
        let sequence = self.newest.0;
        self.tracks.retain_mut(|track| {
            let unseen = track.missed.map(|missed| now.since(missed.capture));
            let is_gone =
                unseen.is_some_and(|unseen| unseen >= lost) || now.since(track.seen.capture) >= gap;
            if is_gone && let Some(held) = track.machine.end(track.seen) {
                let waited = if unseen.is_some_and(|unseen| unseen >= lost) {
                    track.missed.map_or(gap, |missed| {
                        missed.capture.since(track.seen.capture) + lost
                    })
                } else {
                    gap
                };
                tell(GestureEvent {
                    kind: EventKind::GestureEnd,
                    reason: Some(EndReason::Lost),
                    sequence,
                    at: later(track.seen, waited),
                    hand: Some(EventHand {
                        id: track.id(),
                        is_right: track.is_right,
                    }),
                    held,
                });
            }
            !is_gone
        });
        let is_old = |track: &SceneTrack| now.since(track.seen.capture) >= gap;
        if let Some(mut track) = self.scene.take_if(|track| is_old(track))
            && let Some(held) = track.machine.end(track.seen)
        {
            tell(GestureEvent {
                kind: EventKind::GestureEnd,
                reason: Some(EndReason::Lost),
                sequence,
                at: later(track.seen, gap),
                hand: None,
                held,
            });
        }
    }

    /// Where the hand's track is; a new one if there is none. `numbers` are all in the prediction.
    fn track_of(&mut self, hand: &Hand, numbers: &[u64], frame: [f32; 2], at: Moment) -> usize {
        // Two numbers of one hand in one prediction: they are two after all.
        let is_free = |track: &Track| track.seen.capture != at.capture;
        let known = |track: &Track| track.is(hand.id) && is_free(track);
        if let Some(index) = self.tracks.iter().position(known) {
            return index;
        }
        for track in &mut self.tracks {
            track.forget(hand.id);
        }
        let (middle, size_px) = place(hand, frame);
        let is_here = |track: &Track| {
            let apart = (track.middle[0] - middle[0]).hypot(track.middle[1] - middle[1]);
            let is_missing = !numbers.iter().any(|number| track.is(*number));
            is_missing && apart <= SAME_PLACE * size_px.max(track.size_px)
        };
        if let Some(index) = self.tracks.iter().position(is_here) {
            self.tracks[index].also_known_as(hand.id);
            return index;
        }
        if self.tracks.len() == HANDS_KEPT {
            self.tracks.remove(0);
        }
        self.tracks.push(Track {
            numbers: [Some(hand.id), None, None, None],
            is_right: hand.right_probability >= 0.5,
            middle,
            size_px,
            seen: Moment::default(),
            missed: None,
            idle_since_us: at.wall_us,
            filter: OneEuro::new(at.capture, hand.landmarks),
            machine: Machine::default(),
        });
        self.tracks.len() - 1
    }
}

impl Track {
    fn id(&self) -> u64 {
        self.numbers[0].unwrap_or_default()
    }

    fn is(&self, number: u64) -> bool {
        self.numbers.contains(&Some(number))
    }

    fn also_known_as(&mut self, number: u64) {
        // The oldest of the others goes; the first one is what clients know.
        self.numbers[1..].rotate_right(1);
        self.numbers[1] = Some(number);
    }

    fn forget(&mut self, number: u64) {
        for other in &mut self.numbers[1..] {
            *other = other.filter(|known| *known != number);
        }
    }

    fn see(
        &mut self,
        settings: &SteadySettings,
        hand: &Hand,
        frame: [f32; 2],
        at: Moment,
        mut tell: impl FnMut(Change),
    ) -> SteadyHand {
        self.missed = None;
        self.seen = at;
        (self.middle, self.size_px) = place(hand, frame);
        self.is_right = hand.motion.right_average >= 0.5;
        let landmarks = self
            .filter
            .smooth(settings, at.capture, &hand.landmarks, frame);
        let idle_since_us = &mut self.idle_since_us;
        let vote = (hand.gesture, hand.score);
        self.machine.see(settings, at, vote, |change| {
            if matches!(change, Change::End(_)) {
                *idle_since_us = at.wall_us;
            }
            tell(change);
        });
        let held = self.machine.held();
        SteadyHand {
            gesture: held.map(|held| held.gesture),
            progress: held.map_or(0.0, |held| held.progress),
            since_us: held.map_or(self.idle_since_us, |held| held.since.wall_us),
            landmarks,
        }
    }
}

fn event_of(
    change: Change,
    hand: Option<EventHand>,
    sequence: Sequence,
    at: Moment,
) -> GestureEvent {
    let (kind, held) = match change {
        Change::Start(held) => (EventKind::GestureStart, held),
        Change::Hold(held) => (EventKind::GestureHold, held),
        Change::End(held) => (EventKind::GestureEnd, held),
    };
    GestureEvent {
        kind,
        reason: (kind == EventKind::GestureEnd).then_some(EndReason::Released),
        sequence,
        at,
        hand,
        held,
    }
}

fn moment_of(prediction: &Prediction) -> Moment {
    Moment {
        capture: prediction.capture,
        wall_us: prediction.capture_wall_us,
    }
}

fn later(moment: Moment, by: Duration) -> Moment {
    Moment {
        capture: MonotonicNs(moment.capture.0 + by.as_nanos() as u64),
        wall_us: moment.wall_us + by.as_micros() as u64,
    }
}

/// The middle of a hand and its size, in pixels.
fn place(hand: &Hand, frame: [f32; 2]) -> ([f32; 2], f32) {
    let mean = |axis: usize| {
        let sum: f32 = hand.landmarks.iter().map(|point| point[axis]).sum();
        sum / hand.landmarks.len() as f32 * frame[axis]
    };
    ([mean(0), mean(1)], size_px(&hand.landmarks, frame))
}

#[cfg(test)]
#[path = "steadier_tests.rs"]
pub(crate) mod tests;
