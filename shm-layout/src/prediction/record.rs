//! A prediction as the words of a record, and back. What is read is checked: shared memory is
//! input.
//!
//! ```text
//! word 0      generation            6       width << 32 | height
//!      1..6   capture, capture_wall 7       looks, detected | lost, hands
//!             publish, take, done   8..12   sha256 of the manifest
//!     12..16  scene: label ×3 · score, 1    all 0 without one
//! then 41 words a hand:  label ×3 · id · score, right · presence, right average · rect ×2 ·
//!                        63 landmarks, velocity ×2, 0
//!   or for a lost hand:  id · seen · rect ×2 · velocity · right average, 0
//! ```
//! In word 7, `detected` is bit 32 and the looks of the detector lie above it; the hands are the
//! lowest byte, the lost hands the next, and behind them in the places that are left.
//! Two f32 share a word as bit patterns, the first in the low half.

use super::{HANDS_MAX, Hand, LANDMARKS, Label, LostHand, Motion, Prediction, Scene};
use crate::clock::MonotonicNs;
use crate::layout::PREDICTION_WORDS;
use crate::prediction_slot::Record;
use crate::{Generation, Sequence};

const SCENE_AT: usize = 12;
const SCENE_WORDS: usize = 4;
const HEADER_WORDS: usize = SCENE_AT + SCENE_WORDS;
const HAND_WORDS: usize = 41;
const ID_AT: usize = 3;
const FLOATS_AT: usize = 4;
const FLOATS: usize = 2 * (HAND_WORDS - FLOATS_AT);
const LANDMARKS_AT: usize = 8;
const VELOCITY_AT: usize = LANDMARKS_AT + 3 * LANDMARKS;

const _: () = assert!(HEADER_WORDS + HANDS_MAX * HAND_WORDS == PREDICTION_WORDS);
const _: () = assert!(VELOCITY_AT + 2 < FLOATS);

/// Coordinates further out than this many frames are not believed.
const COORDINATE_MAX: f32 = 100.0;

fn pair(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn halves(word: u64) -> (u32, u32) {
    (word as u32, (word >> 32) as u32)
}

impl Prediction {
    /// Packs the prediction; hands beyond [`HANDS_MAX`] are left out.
    #[must_use]
    pub fn to_words(&self) -> [u64; PREDICTION_WORDS] {
        let mut words = [0; PREDICTION_WORDS];
        words[0] = self.generation.0;
        words[1] = self.capture.0;
        words[2] = self.capture_wall_us;
        words[3] = self.publish.0;
        words[4] = self.take.0;
        words[5] = self.done.0;
        words[6] = pair(self.height_px, self.width_px);
        let hands = self.hands.len().min(HANDS_MAX);
        let lost = self.lost.len().min(HANDS_MAX - hands);
        words[7] = pair(
            (lost << 8 | hands) as u32,
            self.looks << 1 | u32::from(self.detected),
        );
        for (word, bytes) in words[8..SCENE_AT].iter_mut().zip(self.model.as_chunks().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        if let Some(scene) = &self.scene {
            scene.pack(&mut words[SCENE_AT..HEADER_WORDS]);
        }
        let mut chunks = words[HEADER_WORDS..].chunks_exact_mut(HAND_WORDS);
        for (hand, chunk) in self.hands[..hands].iter().zip(chunks.by_ref()) {
            hand.pack(chunk);
        }
        for (chunk, lost) in chunks.zip(&self.lost) {
            lost.pack(chunk);
        }
        words
    }

    /// Unpacks a record, or `None` if it is not a prediction that Wigwag could have written.
    #[must_use]
    pub fn from_record(record: &Record) -> Option<Self> {
        let words = &record.words;
        let (counts, looks) = halves(words[7]);
        let (hands, lost) = ((counts & 0xff) as usize, (counts >> 8) as usize);
        if hands + lost > HANDS_MAX {
            return None;
        }
        let chunks = words[HEADER_WORDS..].chunks_exact(HAND_WORDS);
        let (height_px, width_px) = halves(words[6]);
        let mut model = [0; 32];
        for (bytes, word) in model.as_chunks_mut().0.iter_mut().zip(&words[8..SCENE_AT]) {
            *bytes = word.to_le_bytes();
        }
        Some(Self {
            sequence: Sequence(record.sequence),
            generation: Generation(words[0]),
            capture: MonotonicNs(words[1]),
            capture_wall_us: words[2],
            publish: MonotonicNs(words[3]),
            take: MonotonicNs(words[4]),
            done: MonotonicNs(words[5]),
            width_px,
            height_px,
            model,
            detected: looks & 1 == 1,
            looks: looks >> 1,
            scene: Scene::unpack(&words[SCENE_AT..HEADER_WORDS])?,
            hands: chunks
                .clone()
                .take(hands)
                .map(Hand::unpack)
                .collect::<Option<_>>()?,
            lost: chunks
                .skip(hands)
                .take(lost)
                .map(LostHand::unpack)
                .collect::<Option<_>>()?,
        })
    }
}

impl Scene {
    fn pack(&self, words: &mut [u64]) {
        words[..3].copy_from_slice(&self.gesture.to_words());
        words[3] = pair(self.score.to_bits(), 1);
    }

    /// `Some(None)`: there is none. `None`: nothing that Wigwag could have written.
    fn unpack(words: &[u64]) -> Option<Option<Self>> {
        if words.iter().all(|word| *word == 0) {
            return Some(None);
        }
        let (score, is_there) = halves(words[3]);
        (is_there == 1).then_some(())?;
        Some(Some(Self {
            gesture: Label::from_words(&words[..3])?,
            score: probability(f32::from_bits(score))?,
        }))
    }
}

impl Hand {
    fn pack(&self, words: &mut [u64]) {
        let mut floats = [0.0; FLOATS];
        floats[0] = self.score;
        floats[1] = self.right_probability;
        floats[2] = self.presence;
        floats[3] = self.motion.right_average;
        floats[4..LANDMARKS_AT].copy_from_slice(&self.rect);
        floats[LANDMARKS_AT..LANDMARKS_AT + 3 * LANDMARKS]
            .copy_from_slice(self.landmarks.as_flattened());
        floats[VELOCITY_AT..VELOCITY_AT + 2].copy_from_slice(&self.motion.velocity);
        words[ID_AT] = self.id;
        words[..ID_AT].copy_from_slice(&self.gesture.to_words());
        for (word, two) in words[FLOATS_AT..].iter_mut().zip(floats.as_chunks::<2>().0) {
            *word = pair(two[0].to_bits(), two[1].to_bits());
        }
    }

    fn unpack(words: &[u64]) -> Option<Self> {
        let mut floats = [0.0; FLOATS];
        for (two, word) in floats
            .as_chunks_mut::<2>()
            .0
            .iter_mut()
            .zip(&words[FLOATS_AT..])
        {
            let (low, high) = halves(*word);
            *two = [f32::from_bits(low), f32::from_bits(high)];
        }
        // NaN fails the comparison too.
        let believable = floats.iter().all(|value| value.abs() <= COORDINATE_MAX);
        let mut landmarks = [[0.0; 3]; LANDMARKS];
        landmarks
            .as_flattened_mut()
            .copy_from_slice(&floats[LANDMARKS_AT..LANDMARKS_AT + 3 * LANDMARKS]);
        believable.then_some(Self {
            id: words[ID_AT],
            motion: Motion {
                velocity: [floats[VELOCITY_AT], floats[VELOCITY_AT + 1]],
                right_average: probability(floats[3])?,
            },
            gesture: Label::from_words(&words[..ID_AT])?,
            score: probability(floats[0])?,
            right_probability: probability(floats[1])?,
            presence: probability(floats[2])?,
            rect: [floats[4], floats[5], floats[6], floats[7]],
            landmarks,
        })
    }
}

fn probability(value: f32) -> Option<f32> {
    (0.0..=1.0).contains(&value).then_some(value)
}

impl LostHand {
    fn pack(&self, words: &mut [u64]) {
        let [x, y, width, height] = self.rect.map(f32::to_bits);
        let Motion {
            velocity,
            right_average,
        } = self.motion;
        let [vx, vy] = velocity.map(f32::to_bits);
        words[..6].copy_from_slice(&[
            self.id,
            self.seen.0,
            pair(x, y),
            pair(width, height),
            pair(vx, vy),
            pair(right_average.to_bits(), 0),
        ]);
    }

    fn unpack(words: &[u64]) -> Option<Self> {
        let two = |at: usize| {
            let (low, high) = halves(words[at]);
            [f32::from_bits(low), f32::from_bits(high)]
        };
        let ([x, y], [width, height], velocity) = (two(2), two(3), two(4));
        let [right_average, _] = two(5);
        let mut floats = [x, y, width, height, velocity[0], velocity[1]].into_iter();
        // NaN fails the comparison too.
        let believable = floats.all(|value| value.abs() <= COORDINATE_MAX);
        believable.then_some(Self {
            id: words[0],
            seen: MonotonicNs(words[1]),
            rect: [x, y, width, height],
            motion: Motion {
                velocity,
                right_average: probability(right_average)?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hand(seed: f32) -> Hand {
        Hand {
            id: 1 << 40,
            motion: Motion {
                velocity: [-1.5, seed],
                right_average: 0.25,
            },
            gesture: Label::new("Thumb_Up").unwrap(),
            score: 0.93,
            right_probability: 0.02,
            presence: 1.0,
            rect: [seed, -0.1, 0.3, 0.4],
            landmarks: std::array::from_fn(|i| [seed + i as f32 / 100.0, 0.5, -0.25]),
        }
    }

    fn lost(id: u64) -> LostHand {
        LostHand {
            id,
            seen: MonotonicNs(9),
            rect: [0.1, -0.2, 0.3, 0.4],
            motion: Motion {
                velocity: [0.5, -0.25],
                right_average: 1.0,
            },
        }
    }

    fn prediction(hands: usize) -> Prediction {
        Prediction {
            sequence: Sequence(41),
            generation: Generation(3),
            capture: MonotonicNs(1),
            capture_wall_us: 2,
            publish: MonotonicNs(3),
            take: MonotonicNs(4),
            done: MonotonicNs(5),
            width_px: 640,
            height_px: 480,
            model: std::array::from_fn(|i| i as u8),
            detected: true,
            looks: 77,
            scene: None,
            hands: (0..hands).map(|i| hand(i as f32)).collect(),
            lost: (hands..HANDS_MAX).map(|i| lost(i as u64)).collect(),
        }
    }

    #[test]
    fn any_number_of_hands_survives_the_round_trip() {
        for hands in 0..=HANDS_MAX {
            let before = prediction(hands);
            let record = Record {
                sequence: 41,
                words: before.to_words(),
            };
            assert_eq!(Prediction::from_record(&record), Some(before));
        }
    }

    #[test]
    fn a_scene_survives_the_round_trip_and_a_scribbled_one_is_refused() {
        let scene = Scene {
            gesture: Label::new("Thumb_Up").unwrap(),
            score: 0.75,
        };
        let before = Prediction {
            scene: Some(scene),
            ..prediction(0)
        };
        let read = |words| {
            Prediction::from_record(&Record {
                sequence: 41,
                words,
            })
        };
        assert_eq!(read(before.to_words()), Some(before.clone()));
        let score = before.to_words()[SCENE_AT + 3];
        for (at, word) in [
            (SCENE_AT, 0),
            (SCENE_AT + 3, score & 0xffff_ffff),
            (SCENE_AT + 3, score + (1 << 32)),
            (SCENE_AT + 3, pair(f32::NAN.to_bits(), 1)),
            (SCENE_AT + 3, pair(1.5_f32.to_bits(), 1)),
        ] {
            let mut words = before.to_words();
            words[at] = word;
            assert_eq!(read(words), None, "word {at} is {word:#x}");
        }
    }

    #[test]
    fn a_fifth_hand_is_left_out_and_spoils_nothing() {
        let record = Record {
            sequence: 41,
            words: prediction(5).to_words(),
        };
        assert_eq!(Prediction::from_record(&record), Some(prediction(4)));
    }

    #[test]
    fn scribbled_records_are_refused() {
        let scribble = |at: usize, word: u64| {
            let mut words = prediction(1).to_words();
            words[at] = word;
            Prediction::from_record(&Record {
                sequence: 41,
                words,
            })
        };
        assert!(scribble(7, 5).is_none(), "five hands");
        assert!(scribble(7, 0x401).is_none(), "four lost beside one");
        let word = HEADER_WORDS + HAND_WORDS + 2;
        assert!(
            scribble(word, u64::from(f32::NAN.to_bits())).is_none(),
            "lost nowhere"
        );
        assert!(scribble(HEADER_WORDS, 0).is_none(), "empty label");
        let nan = u64::from(f32::NAN.to_bits());
        assert!(
            scribble(HEADER_WORDS + FLOATS_AT, nan).is_none(),
            "score NaN"
        );
        let far = u64::from(1e9_f32.to_bits());
        assert!(
            scribble(HEADER_WORDS + 11, far).is_none(),
            "landmark a billion frames away"
        );
        assert!(scribble(HEADER_WORDS, prediction(1).to_words()[HEADER_WORDS]).is_some());
    }
}
