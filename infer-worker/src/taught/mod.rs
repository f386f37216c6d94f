//! Gestures that users taught: from examples of one hand to labels beside those of the model.
//!
//! - [`features`]: a hand as numbers; [`fit`] with [`linear`]: a classifier from rows of them.
//! - [`examples`]: the bundled hands of other people; [`lesson`]: what is learnt from what, and
//!   [`measure`] how well.
//! - [`mod@file`] and [`folder`]: where examples are kept; [`collect`]: where they come from.
//! - [`verbs`] and [`told`]: the commands `teach`, `forget`, `gestures` and what they say.
//!
//! Neighbours: `check-model` fits what a folder holds; the supervisor hands the result to the
//! workers, so that no worker ever reads the folder and all of a box know the same. [`join`] adds
//! them to a model, `recognizer` asks [`Taught`] about each hand.
//!
//! The rule: a taught gesture that is at least as likely as not ([`SCORE_MIN`]) takes the hand, of
//! several the likeliest; otherwise the model's own answer stands.

pub mod collect;
pub mod error;
pub mod examples;
pub mod features;
pub mod file;
pub mod fit;
pub mod folder;
pub mod lesson;
pub mod linear;
pub mod measure;
pub mod told;
pub mod verbs;

pub use error::TaughtError;

use crate::model::ModelSet;
use features::{FEATURES, Features, Shape};
use sha2::{Digest, Sha256};
use shm_layout::Label;
use shm_layout::control::{HandSide, TaughtGesture};
use std::path::Path;

/// From which score on a hand shows a taught gesture.
pub const SCORE_MIN: f32 = 0.5;
/// Most taught gestures of a box.
pub const GESTURES_MAX: usize = 32;

/// Reads what a folder holds, learns it, and adds it to the model; a folder that does not exist
/// holds nothing.
///
/// # Errors
/// [`TaughtError`] names the file that cannot be used.
pub fn load(model: &mut ModelSet, path: &Path) -> Result<(), TaughtError> {
    let kept = folder::read(path)?;
    if kept.is_empty() {
        return Ok(());
    }
    let labels: Vec<String> = model.labels.iter().map(ToString::to_string).collect();
    for samples in &kept {
        folder::refuse_known(&samples.name, &labels, path)?;
    }
    let taught = lesson::Lessons::new(&labels)?.teach_all(&kept)?;
    join(model, &taught)
}

/// Adds taught gestures to the labels and the identity of a model that sees hands; any other knows
/// none of them.
///
/// # Errors
/// [`TaughtError::Unusable`]: a name that the model has, or weights that are none.
pub fn join(model: &mut ModelSet, taught: &[TaughtGesture]) -> Result<(), TaughtError> {
    if taught.is_empty() || !model.sees_hands() {
        return Ok(());
    }
    let mut identity = Sha256::new();
    identity.update(model.sha256);
    for gesture in taught {
        let unusable = |why| TaughtError::Unusable {
            name: gesture.name.clone(),
            why,
        };
        let label = Label::new(&gesture.name).ok_or_else(|| unusable("it is no label"))?;
        if model.labels.contains(&label) {
            return Err(unusable("the model has a gesture of that name"));
        }
        let numbers = gesture.weights.iter().chain([&gesture.bias]);
        if gesture.weights.len() != FEATURES || !numbers.clone().all(|n| n.is_finite()) {
            return Err(unusable("its weights are damaged"));
        }
        identity.update([gesture.name.len() as u8]);
        identity.update(gesture.name.as_bytes());
        identity.update([gesture.side as u8]);
        numbers.for_each(|number| identity.update(number.to_le_bytes()));
        model.labels.push(label);
    }
    model.sha256 = identity.finalize().into();
    model.taught = taught.to_vec();
    Ok(())
}

/// The taught gestures of a worker, asked once for each hand; nothing is allocated then.
#[derive(Debug, Clone, Default)]
pub struct Taught {
    gestures: Vec<TaughtGesture>,
    /// Index of the first among the labels of the model.
    first: usize,
}

impl Taught {
    /// Those of a model.
    #[must_use]
    pub fn of(model: &ModelSet) -> Self {
        Self {
            gestures: model.taught.clone(),
            first: model.labels.len() - model.taught.len(),
        }
    }

    /// The taught gesture that takes the hand, as an index into the labels, and its score; `shape`
    /// is what `gesture::normalise` wrote.
    #[must_use]
    pub fn decide(&self, shape: &Shape, right_probability: f32) -> Option<(usize, f32)> {
        if self.gestures.is_empty() {
            return None;
        }
        let features: Features = features::of(shape);
        let scores = self.gestures.iter().enumerate().map(|(index, gesture)| {
            let score = if is_side(gesture.side, right_probability) {
                fit::score(&gesture.weights, gesture.bias, &features)
            } else {
                0.0
            };
            (index, score)
        });
        let likeliest = scores.max_by(|a, b| a.1.total_cmp(&b.1))?;
        // NaN fails the comparison too.
        (likeliest.1 >= SCORE_MIN).then(|| (self.first + likeliest.0, likeliest.1.min(1.0)))
    }
}

/// Whether a hand is one of those that a gesture is for.
#[must_use]
pub fn is_side(side: HandSide, right_probability: f32) -> bool {
    match side {
        HandSide::Any => true,
        HandSide::Left => right_probability < 0.5,
        HandSide::Right => right_probability >= 0.5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gesture(name: &str, bias: f32, side: HandSide) -> TaughtGesture {
        TaughtGesture {
            name: name.to_owned(),
            side,
            weights: vec![0.0; FEATURES],
            bias,
        }
    }

    fn taught(gestures: Vec<TaughtGesture>) -> Taught {
        Taught { gestures, first: 8 }
    }

    #[test]
    fn likeliest_taught_gesture_takes_the_hand_from_one_half_on() {
        let shape = [0.5; features::COORDINATES];
        let any = HandSide::Any;
        assert_eq!(taught(Vec::new()).decide(&shape, 0.9), None);
        let unsure = taught(vec![gesture("a", -0.01, any), gesture("b", -3.0, any)]);
        assert_eq!(unsure.decide(&shape, 0.9), None);
        let sure = taught(vec![gesture("a", 0.0, any), gesture("b", 2.0, any)]);
        let (index, score) = sure.decide(&shape, 0.9).expect("sure");
        assert_eq!(index, 9);
        assert!((score - 0.8808).abs() < 1e-4);
        let even = taught(vec![gesture("a", 0.0, any)]);
        assert_eq!(even.decide(&shape, 0.9), Some((8, 0.5)));
    }

    #[test]
    fn gesture_of_one_side_is_shown_by_that_hand_only() {
        let shape = [0.5; features::COORDINATES];
        let left = taught(vec![gesture("a", 5.0, HandSide::Left)]);
        assert!(left.decide(&shape, 0.1).is_some());
        assert!(left.decide(&shape, 0.9).is_none());
        let right = taught(vec![gesture("a", 5.0, HandSide::Right)]);
        assert!(right.decide(&shape, 0.9).is_some());
        assert!(right.decide(&shape, 0.1).is_none());
    }

    #[test]
    fn numbers_that_are_none_take_no_hand() {
        let all = taught(vec![gesture("a", 5.0, HandSide::Any)]);
        assert!(
            all.decide(&[f32::NAN; features::COORDINATES], 0.9)
                .is_none()
        );
    }

    fn model(gestures: &str) -> ModelSet {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/manifest.toml");
        ModelSet::open_with(&manifest, "lite", gestures).expect("manifest")
    }

    #[test]
    fn weights_that_are_none_and_names_of_the_model_are_not_joined() {
        let any = HandSide::Any;
        let short = TaughtGesture {
            weights: vec![0.0; FEATURES - 1],
            ..gesture("mine", 0.0, any)
        };
        let cases = [
            (short, "its weights are damaged"),
            (gesture("mine", f32::NAN, any), "its weights are damaged"),
            (gesture("a\nb", 0.0, any), "it is no label"),
            (gesture("Victory", 0.0, any), "the model has a gesture"),
        ];
        for (wrong, why) in cases {
            let mut model = model("canned");
            let error = join(&mut model, &[wrong]).expect_err("unusable");
            assert!(error.to_string().contains(why), "{error}");
        }
    }

    /// Goal: who changes to a set of gestures that has what was taught is told so.
    #[test]
    fn gesture_that_another_set_has_is_refused_with_that_set() {
        let folder = tempfile::tempdir().expect("folder");
        let samples = file::Samples {
            name: "Call".to_owned(),
            side: HandSide::Any,
            sessions: vec![file::Session {
                from: "a test".to_owned(),
                samples: file::SAMPLES_MIN,
            }],
            hands: vec![[0.25; features::COORDINATES]; file::SAMPLES_MIN],
        };
        folder::write(folder.path(), &samples).expect("written");
        load(&mut model("canned"), folder.path()).expect("it has no such gesture");
        let error = load(&mut model("wigwag"), folder.path()).expect_err("it has");
        let text = error.to_string();
        assert!(
            text.contains("`Call`") && text.contains("its own gesture `call`"),
            "{text}"
        );
    }
}
