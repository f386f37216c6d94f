//! How well a gesture is told from all else, on hands that it was not learnt from.
//!
//! Neighbours: [`super::lesson`] fits; [`super::told`] writes it down. Everything is cut into parts;
//! each is judged by what was learnt from the others. Pure and deterministic.

use super::SCORE_MIN;
use super::error::TaughtError;
use super::features::Features;
use super::fit::Classifier;
use super::lesson::{Example, Kind, Lessons, can_meet, in_part};
use serde::Serialize;

/// Parts that everything is cut into.
const PARTS: usize = 5;
/// A gesture that knows fewer of its own hands again is none.
pub const RECALL_MIN: f32 = 0.5;
/// A good one knows that many.
const RECALL_GOOD: f32 = 0.9;
/// A good one takes no more of the hands that mean nothing.
const NOTHING_MAX: f32 = 0.01;
/// A good one takes no more of any other gesture, and gives no more to any other taught one.
const OTHER_MAX: f32 = 0.05;

/// How many hands of another gesture are taken for the taught one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Taken {
    /// The other gesture.
    pub name: String,
    /// Whether the model, or another lesson, can tell it.
    pub is_known: bool,
    /// The share that is taken, 0..=1.
    pub taken: f32,
    /// The score that one of ten hands reaches, 0..=1: how near it is.
    pub near: f32,
    /// Whether it looks so much like the gesture that it was not learnt against.
    pub is_twin: bool,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measure {
    /// Samples.
    pub samples: usize,
    /// Share of them that are known again by what the others taught, 0..=1.
    pub recall: f32,
    /// Share of the hands that mean nothing that are taken for it.
    pub nothing: f32,
    /// Other gestures, the nearest first.
    pub others: Vec<Taken>,
    /// Taught gestures that take some of the samples, with the share.
    pub given: Vec<(String, f32)>,
}

/// Whether a gesture will do.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It will.
    Good,
    /// It is mixed up with those gestures.
    Overlaps(Vec<String>),
    /// Its own hands are often not known again.
    Unsure,
    /// Hands that mean nothing are taken for it.
    Loose,
}

/// Measures gesture `index` of `examples` beside the others.
///
/// # Errors
/// [`TaughtError::Scattered`]: the samples are not one gesture.
pub fn measure(
    lessons: &Lessons,
    examples: &[Example],
    index: usize,
) -> Result<Measure, TaughtError> {
    let (others, it) = super::lesson::apart(examples, index);
    let twins = lessons.twins(it, &others)?;
    let fit = |part| lessons.fit(it, &others, &twins, Some((part, PARTS)));
    let fits: Vec<Classifier> = (0..PARTS).map(fit).collect::<Result<_, _>>()?;
    // Each hand's score by the classifier that did not learn from its part.
    let scores = |hands: &[&[Features]]| -> Vec<f32> {
        let count = hands.len();
        let judge = |index: usize| (0..PARTS).find(|part| in_part((*part, PARTS), index, count));
        let judged = hands.iter().enumerate().filter_map(|(index, variants)| {
            let classifier = &fits[judge(index)?];
            Some(variants.iter().map(|hand| classifier.score(hand)))
        });
        judged.flatten().collect()
    };
    let own: Vec<&[Features]> = it.hands.iter().map(|hand| &hand[..1]).collect();
    let recall = share(&scores(&own));
    if recall < RECALL_MIN {
        return Err(TaughtError::Scattered);
    }
    let mut found: Vec<(Taken, Vec<f32>)> = Vec::new();
    for (number, class) in lessons.classes.iter().enumerate() {
        let hands: Vec<&[Features]> = class.hands.iter().map(<[_; 2]>::as_slice).collect();
        let scores = scores(&hands);
        let same = found.iter_mut().find(|(taken, _)| taken.name == class.name);
        match same {
            Some((_, all)) => all.extend(scores),
            None => found.push((
                taken(
                    &class.name,
                    class.kind != Kind::Unknown,
                    twins.contains(&number),
                ),
                scores,
            )),
        }
    }
    for other in &others {
        let hands: Vec<&[Features]> = other.hands.iter().map(|hand| &hand[..1]).collect();
        found.push((taken(&other.name, true, false), scores(&hands)));
    }
    let nothing = found
        .iter()
        .find(|(taken, _)| taken.name == "None" || taken.name == "none");
    let nothing = nothing.map_or(0.0, |(_, scores)| share(scores));
    let mut nearest: Vec<Taken> = found
        .into_iter()
        .filter(|(taken, _)| taken.name != "None" && taken.name != "none")
        .map(|(taken, scores)| Taken {
            taken: share(&scores),
            near: near(scores),
            ..taken
        })
        .collect();
    nearest.sort_by(|a, b| {
        (b.taken, b.near)
            .partial_cmp(&(a.taken, a.near))
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    Ok(Measure {
        samples: it.hands.len(),
        recall,
        nothing,
        others: nearest,
        given: given(lessons, examples, index)?,
    })
}

fn taken(name: &str, is_known: bool, is_twin: bool) -> Taken {
    Taken {
        name: name.to_owned(),
        is_known,
        taken: 0.0,
        near: 0.0,
        is_twin,
    }
}

/// Which other taught gestures take samples of this one, learnt as they will be.
fn given(
    lessons: &Lessons,
    examples: &[Example],
    index: usize,
) -> Result<Vec<(String, f32)>, TaughtError> {
    let it = &examples[index];
    let mut given = Vec::new();
    for (number, other) in examples.iter().enumerate() {
        if number == index || !can_meet(it.side, other.side) {
            continue;
        }
        let (beside, _) = super::lesson::apart(examples, number);
        let twins = lessons.twins(other, &beside)?;
        let classifier = lessons.fit(other, &beside, &twins, None)?;
        let scores: Vec<f32> = it
            .hands
            .iter()
            .map(|hand| classifier.score(&hand[0]))
            .collect();
        if share(&scores) > 0.0 {
            given.push((other.name.clone(), share(&scores)));
        }
    }
    Ok(given)
}

/// The share of scores that take the hand.
fn share(scores: &[f32]) -> f32 {
    let taken = scores.iter().filter(|score| **score >= SCORE_MIN).count();
    taken as f32 / scores.len().max(1) as f32
}

/// The score that one of ten reaches.
fn near(mut scores: Vec<f32>) -> f32 {
    scores.sort_by(f32::total_cmp);
    scores.get(scores.len() * 9 / 10).copied().unwrap_or(0.0)
}

impl Measure {
    /// Whether the gesture will do.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let taken = self
            .others
            .iter()
            .filter(|other| other.is_known && other.taken > OTHER_MAX);
        let given = self.given.iter().filter(|(_, share)| *share > OTHER_MAX);
        let given = given.map(|(name, _)| name);
        let mut overlaps: Vec<String> = Vec::new();
        for name in taken.map(|other| &other.name).chain(given) {
            if !overlaps.contains(name) {
                overlaps.push(name.clone());
            }
        }
        if !overlaps.is_empty() {
            Verdict::Overlaps(overlaps)
        } else if self.nothing > NOTHING_MAX {
            Verdict::Loose
        } else if self.recall < RECALL_GOOD {
            Verdict::Unsure
        } else {
            Verdict::Good
        }
    }
}

#[cfg(test)]
#[path = "measure_tests.rs"]
mod tests;
