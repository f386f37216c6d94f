//! What a gesture is learnt from: its own samples against all other hands that are known.
//!
//! Neighbours: [`super::fit`] fits; [`super::measure`] asks for the parts to see how well. Pure and
//! deterministic.
//!
//! Other hands are those of the bundled examples and of the other taught gestures. A pose that the
//! bundled examples have and the model does not may be the very one that is taught: such a class is
//! left out when the samples look like it, and speaks against the gesture otherwise.

use super::SCORE_MIN;
use super::error::TaughtError;
use super::examples;
use super::features::{self, Features, Shape};
use super::file::Samples;
use super::fit::{Classifier, Row, Space, WEIGHT_IT, WEIGHT_OTHER};
use super::is_side;
use shm_layout::control::{HandSide, TaughtGesture};

/// How else each sample may look: turned about the picture's axes and the line of sight, degrees.
const TURNS: [[f32; 3]; 6] = [
    [10.0, 0.0, 0.0],
    [-10.0, 0.0, 0.0],
    [0.0, 10.0, 0.0],
    [0.0, -10.0, 0.0],
    [0.0, 0.0, 8.0],
    [0.0, 0.0, -8.0],
];
/// A class that the model does not know is the taught pose itself when so much of it looks like it.
const TWIN_SHARE: f32 = 0.3;
/// Another taught gesture counts like so many bundled hands.
const OTHER_HANDS: f64 = 70.0;

/// What the model makes of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Hands that mean nothing.
    Nothing,
    /// It has a label for it.
    Known,
    /// It cannot tell it.
    Unknown,
}

/// Bundled hands that show the same.
#[derive(Debug, Clone)]
pub struct Class {
    /// What the model calls it; else its own name.
    pub name: String,
    /// What the model makes of it.
    pub kind: Kind,
    /// Its hands: each as it is, then mirrored.
    pub hands: Vec<[Features; 2]>,
}

/// The samples of a gesture as numbers.
#[derive(Debug, Clone)]
pub struct Example {
    /// Its name.
    pub name: String,
    /// The hands that show it.
    pub side: HandSide,
    /// Its hands: each as it is, then as else it may look.
    pub hands: Vec<Vec<Features>>,
}

impl Example {
    /// Computes them.
    #[must_use]
    pub fn of(samples: &Samples) -> Self {
        let variants = |hand: &Shape| {
            let mirrored = [*hand, features::mirrored(hand)];
            let sides = if samples.side == HandSide::Any { 2 } else { 1 };
            let turned = |hand: &Shape| {
                let turns = TURNS.map(|turn| features::turned(hand, turn.map(f32::to_radians)));
                [*hand].into_iter().chain(turns)
            };
            mirrored[..sides]
                .iter()
                .flat_map(turned)
                .map(|shape| features::of(&shape))
                .collect()
        };
        Self {
            name: samples.name.clone(),
            side: samples.side,
            hands: samples.hands.iter().map(variants).collect(),
        }
    }
}

/// Whether a hand is learnt from: the number of its group, how many groups there are.
pub type Part = (usize, usize);

/// All that gestures are learnt from, beside their own samples.
#[derive(Debug)]
pub struct Lessons {
    /// The bundled classes; those of no meaning last.
    pub classes: Vec<Class>,
    space: Space,
}

impl Lessons {
    /// For a model with those labels, without taught ones.
    ///
    /// # Errors
    /// [`TaughtError::Examples`]: the program is damaged.
    pub fn new(labels: &[String]) -> Result<Self, TaughtError> {
        let both = |hand: &Shape| [features::of(hand), features::of(&features::mirrored(hand))];
        let class = |class: examples::Class| {
            let label = class.labels.iter().find(|label| labels.contains(label));
            let kind = match label {
                _ if class.name == "none" => Kind::Nothing,
                Some(_) => Kind::Known,
                None => Kind::Unknown,
            };
            Class {
                name: label.unwrap_or(&class.name).clone(),
                kind,
                hands: class.hands.iter().map(both).collect(),
            }
        };
        let classes: Vec<Class> = examples::load()?.into_iter().map(class).collect();
        let by_class = classes
            .iter()
            .map(|class| (class.hands.as_flattened(), class.kind != Kind::Nothing));
        let space = Space::of(by_class);
        Ok(Self { classes, space })
    }

    /// Learns every one of the gestures beside the others.
    ///
    /// # Errors
    /// [`TaughtError::Scattered`], which samples that were kept do not give.
    pub fn teach_all(&self, kept: &[Samples]) -> Result<Vec<TaughtGesture>, TaughtError> {
        let examples: Vec<Example> = kept.iter().map(Example::of).collect();
        let learn = |index: usize| {
            let (others, it) = apart(&examples, index);
            let twins = self.twins(it, &others)?;
            let classifier = self.fit(it, &others, &twins, None)?;
            Ok(TaughtGesture {
                name: it.name.clone(),
                side: it.side,
                weights: classifier.weights,
                bias: classifier.bias,
            })
        };
        (0..examples.len()).map(learn).collect()
    }

    /// The classes that the model does not know and that look like the gesture.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn twins(&self, it: &Example, others: &[&Example]) -> Result<Vec<usize>, TaughtError> {
        let unknown = self.classes.iter().enumerate();
        let unknown = unknown.filter(|(_, class)| class.kind == Kind::Unknown);
        let unknown: Vec<usize> = unknown.map(|(index, _)| index).collect();
        if unknown.is_empty() {
            return Ok(unknown);
        }
        let classifier = self.fit(it, others, &unknown, None)?;
        let looks_like_it = |index: &usize| {
            let hands = self.classes[*index].hands.as_flattened();
            let taken = hands
                .iter()
                .filter(|hand| classifier.score(hand) >= SCORE_MIN);
            taken.count() as f32 >= TWIN_SHARE * hands.len() as f32
        };
        Ok(unknown.into_iter().filter(looks_like_it).collect())
    }

    /// Fits a classifier for `it` against the others and all classes but those in `without`; of each
    /// only the hands that are not in `left_out`, if that is given.
    ///
    /// # Errors
    /// [`TaughtError::Scattered`]: the samples cannot be learnt.
    pub fn fit(
        &self,
        it: &Example,
        others: &[&Example],
        without: &[usize],
        left_out: Option<Part>,
    ) -> Result<Classifier, TaughtError> {
        let stays =
            |index: usize, count: usize| left_out.is_none_or(|part| !in_part(part, index, count));
        let mut rows = Vec::new();
        let push = |rows: &mut Vec<_>, hands: &[Features], is_it: bool, weight: f64| {
            rows.extend(hands.iter().map(|hand| (*hand, is_it, weight)));
        };
        for (index, hands) in it.hands.iter().enumerate() {
            if stays(index, it.hands.len()) {
                push(&mut rows, hands, true, 1.0);
            }
        }
        for (number, class) in self.classes.iter().enumerate() {
            for (index, hands) in class.hands.iter().enumerate() {
                if !without.contains(&number) && stays(index, class.hands.len()) {
                    push(&mut rows, hands, false, 1.0);
                }
            }
        }
        for other in others {
            let variants = other.hands.iter().map(Vec::len).sum::<usize>();
            let weight = 2.0 * OTHER_HANDS / variants.max(1) as f64;
            for (index, hands) in other.hands.iter().enumerate() {
                if stays(index, other.hands.len()) {
                    push(&mut rows, hands, false, weight);
                }
            }
        }
        let sum = |of_it: bool| -> f64 {
            let rows = rows.iter().filter(|(_, is_it, _)| *is_it == of_it);
            rows.map(|(_, _, weight)| weight).sum::<f64>().max(1.0)
        };
        let (it_sum, other_sum) = (sum(true), sum(false));
        let row = |(features, is_it, weight): &(Features, bool, f64)| -> (Features, bool, f64) {
            let share = if *is_it {
                WEIGHT_IT / it_sum
            } else {
                WEIGHT_OTHER / other_sum
            };
            (*features, *is_it, weight * share)
        };
        let rows: Vec<(Features, bool, f64)> = rows.iter().map(row).collect();
        let rows: Vec<Row<'_>> = rows
            .iter()
            .map(|(features, is_it, weight)| Row {
                features,
                is_it: *is_it,
                weight: *weight,
            })
            .collect();
        self.space.fit(&rows).ok_or(TaughtError::Scattered)
    }
}

/// Whether a hand may show either of two gestures.
#[must_use]
pub fn can_meet(a: HandSide, b: HandSide) -> bool {
    [0.0, 1.0]
        .iter()
        .any(|right| is_side(a, *right) && is_side(b, *right))
}

/// Whether the hand `index` of `count` is in that part: hands that follow each other look alike, so
/// that a part is a stretch of them.
#[must_use]
pub fn in_part((part, parts): Part, index: usize, count: usize) -> bool {
    index * parts / count.max(1) == part
}

/// The other examples that a hand may show instead of one, and that one.
#[must_use]
pub fn apart(examples: &[Example], index: usize) -> (Vec<&Example>, &Example) {
    let it = &examples[index];
    let others = examples.iter().enumerate();
    let others =
        others.filter(|(other, example)| *other != index && can_meet(it.side, example.side));
    (others.map(|(_, example)| example).collect(), it)
}
