//! Which hand is which: carries the number of each hand from prediction to prediction.
//!
//! Neighbours: `run` calls [`carry`] just before a prediction is published, with the newest one of
//! the source. Several workers share a source's frames, so that one may be of a newer frame. Pure:
//! all that is known of earlier frames lies in the predictions, in shared memory.
//!
//! Every pairing of the known hands with the found ones is weighed, and the cheapest wins: near
//! where the hand was going, on the same side. So two hands that cross keep their numbers although
//! the tracker loses one of them behind the other, and a hand that is lost for a moment gets its
//! number back.

use super::{Landmarks, bounds};
use crate::fractions::to_pixels;
use crate::image::Size;
use shm_layout::prediction::{HANDS_MAX, LostHand, Motion};
use shm_layout::{Hand, MonotonicNs, Prediction};

/// How long a hand is remembered after it was seen last.
const REMEMBERED_S: f32 = 2.0;
/// How long it is thought to move on as it did; after that it is looked for where that led.
const COASTING_S: f32 = 0.3;
/// How far from there it may be, in sizes of the hand: at once, and more with each second.
const REACH: f32 = 1.0;
const REACH_PER_S: f32 = 1.0;
/// What a hand of the other side costs, in sizes of the hand: two hands that cross have nothing
/// else to be told apart by while one hides the other.
const OTHER_SIDE_COST: f32 = 0.7;
/// What twice the size, or half of it, costs.
const OTHER_SIZE_COST: f32 = 0.4;
/// What a hand costs that is none of the known ones: more than any pairing within reach.
const NEW_HAND_COST: f32 = 10.0;
/// Share of the newest frame in the mean velocity and in the mean side.
const VELOCITY_WEIGHT: f32 = 0.5;
const SIDE_WEIGHT: f32 = 0.2;

/// A hand of an earlier prediction.
#[derive(Debug, Clone, Copy)]
struct Known {
    id: u64,
    place: Place,
    /// Its bounds as fractions of the frame.
    rect: [f32; 4],
    seen: MonotonicNs,
    motion: Motion,
}

/// Where a hand is, in pixels.
#[derive(Debug, Clone, Copy)]
struct Place {
    middle: [f32; 2],
    size: f32,
}

/// Gives each hand of `now` its number and its motion, and notes which hands are gone. `before` is
/// the source's newest prediction, which may be of a newer frame.
pub fn carry(before: Option<&Prediction>, now: &mut Prediction) {
    let frame = Size {
        width_px: now.width_px as usize,
        height_px: now.height_px as usize,
    };
    let known: Vec<Known> = before.map_or_else(Vec::new, |before| known(before, now, frame));
    let places: Vec<Place> = now.hands.iter().map(|hand| place_of(hand, frame)).collect();
    let pairing = cheapest(&known, &now.hands, &places, now.capture, frame);
    let sequence = now.sequence.0;
    for (index, hand) in now.hands.iter_mut().enumerate() {
        match pairing[index] {
            Some(which) => {
                let known = &known[which];
                hand.id = known.id;
                hand.motion = moved(known, hand, places[index], now.capture, frame);
            }
            None => {
                // Unique: each frame of a source is taken once.
                hand.id = sequence * HANDS_MAX as u64 + index as u64;
                hand.motion = Motion {
                    velocity: [0.0; 2],
                    right_average: hand.right_probability,
                };
            }
        }
    }
    let is_gone = |index: &usize| !pairing.contains(&Some(*index));
    let gone = (0..known.len())
        .filter(is_gone)
        .map(|index| &known[index])
        .map(|known| LostHand {
            id: known.id,
            seen: known.seen,
            rect: known.rect,
            motion: known.motion,
        });
    now.lost = gone
        .take(HANDS_MAX.saturating_sub(now.hands.len()))
        .collect();
}

/// The hands that `before` knows and that are not forgotten at `now`; those in view first.
fn known(before: &Prediction, now: &Prediction, frame: Size) -> Vec<Known> {
    let seen = before.hands.iter().map(|hand| {
        let [x, y, width, height] = bounds(&to_pixels(hand, frame));
        let (w, h) = (frame.width_px.max(1) as f32, frame.height_px.max(1) as f32);
        Known {
            id: hand.id,
            place: place_of(hand, frame),
            // Not the published one, which ends at the frame's edge.
            rect: [x / w, y / h, width / w, height / h],
            seen: before.capture,
            motion: hand.motion,
        }
    });
    let lost = before.lost.iter().map(|lost| Known {
        id: lost.id,
        place: place_in(lost.rect, frame),
        rect: lost.rect,
        seen: lost.seen,
        motion: lost.motion,
    });
    seen.chain(lost)
        .filter(|known| seconds(known.seen, now.capture).abs() <= REMEMBERED_S)
        .collect()
}

fn place_of(hand: &Hand, frame: Size) -> Place {
    let points: Landmarks = to_pixels(hand, frame);
    let [x, y, width, height] = bounds(&points);
    Place {
        middle: [x + width / 2.0, y + height / 2.0],
        size: width.max(height).max(1.0),
    }
}

fn place_in(rect: [f32; 4], frame: Size) -> Place {
    let (w, h) = (frame.width_px as f32, frame.height_px as f32);
    Place {
        middle: [(rect[0] + rect[2] / 2.0) * w, (rect[1] + rect[3] / 2.0) * h],
        size: (rect[2] * w).max(rect[3] * h).max(1.0),
    }
}

/// From `earlier` to `later`, negative if it is the other way round.
fn seconds(earlier: MonotonicNs, later: MonotonicNs) -> f32 {
    later.since(earlier).as_secs_f32() - earlier.since(later).as_secs_f32()
}

/// What it costs to take a found hand for a known one; `None`: it is out of reach.
fn cost(
    known: &Known,
    hand: &Hand,
    place: Place,
    capture: MonotonicNs,
    frame: Size,
) -> Option<f32> {
    let since_s = seconds(known.seen, capture);
    let coasting_s = since_s.clamp(-COASTING_S, COASTING_S);
    let [vx, vy] = known.motion.velocity;
    let [x, y] = known.place.middle;
    let expected = [
        x + vx * frame.width_px as f32 * coasting_s,
        y + vy * frame.height_px as f32 * coasting_s,
    ];
    let apart = (place.middle[0] - expected[0]).hypot(place.middle[1] - expected[1]);
    let apart = apart / place.size.max(known.place.size);
    // NaN is never within reach.
    let is_near = apart <= REACH + REACH_PER_S * since_s.abs();
    let other_side = (known.motion.right_average - hand.right_probability).abs();
    let other_size = (place.size / known.place.size).log2().abs();
    is_near.then_some(apart + OTHER_SIDE_COST * other_side + OTHER_SIZE_COST * other_size)
}

/// For each found hand, which known one it is, so that the sum of the costs is least.
fn cheapest(
    known: &[Known],
    hands: &[Hand],
    places: &[Place],
    capture: MonotonicNs,
    frame: Size,
) -> Vec<Option<usize>> {
    let mut search = Search {
        costs: hands
            .iter()
            .zip(places)
            .map(|(hand, place)| {
                let costs = known
                    .iter()
                    .map(|known| cost(known, hand, *place, capture, frame));
                costs.collect()
            })
            .collect(),
        pairing: vec![None; hands.len()],
        best: (f32::INFINITY, vec![None; hands.len()]),
    };
    search.go(0, 0.0);
    search.best.1
}

/// Tries every pairing: of at most four hands with at most four.
struct Search {
    /// For each found hand, the cost of each known one.
    costs: Vec<Vec<Option<f32>>>,
    pairing: Vec<Option<usize>>,
    best: (f32, Vec<Option<usize>>),
}

impl Search {
    fn go(&mut self, hand: usize, sum: f32) {
        if sum >= self.best.0 {
            return;
        }
        let Some(costs) = self.costs.get(hand) else {
            self.best = (sum, self.pairing.clone());
            return;
        };
        for which in 0..costs.len() {
            let Some(cost) = self.costs[hand][which] else {
                continue;
            };
            if !self.pairing[..hand].contains(&Some(which)) {
                self.pairing[hand] = Some(which);
                self.go(hand + 1, sum + cost);
            }
        }
        self.pairing[hand] = None;
        self.go(hand + 1, sum + NEW_HAND_COST);
    }
}

/// The motion of a known hand, with where it is now.
fn moved(known: &Known, hand: &Hand, place: Place, capture: MonotonicNs, frame: Size) -> Motion {
    let Motion {
        velocity,
        right_average,
    } = known.motion;
    let since_s = seconds(known.seen, capture);
    // Over a longer time it may have been anywhere, and after none nothing can be told.
    let is_told = (1e-3..=COASTING_S).contains(&since_s.abs());
    let sides = [frame.width_px.max(1) as f32, frame.height_px.max(1) as f32];
    let velocity = std::array::from_fn(|axis| {
        if !is_told {
            return if since_s.abs() > COASTING_S {
                0.0
            } else {
                velocity[axis]
            };
        }
        let newest = (place.middle[axis] - known.place.middle[axis]) / sides[axis] / since_s;
        mix(
            velocity[axis],
            newest.clamp(-VELOCITY_MAX, VELOCITY_MAX),
            VELOCITY_WEIGHT,
        )
    });
    Motion {
        velocity,
        right_average: mix(right_average, hand.right_probability, SIDE_WEIGHT).clamp(0.0, 1.0),
    }
}

/// No hand crosses the frame more often in a second.
const VELOCITY_MAX: f32 = 20.0;

fn mix(old: f32, new: f32, weight: f32) -> f32 {
    old + (new - old) * weight
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
