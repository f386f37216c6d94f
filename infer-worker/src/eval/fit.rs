//! How the gesture events of a clip fit what it is labelled with: pure.
//!
//! Neighbours: [`super::clips`] and the command `events` make one for each clip; `told` and
//! `timeline` show them.

use super::labels::Stretch;
use super::names::{NO_GESTURE, right_labels};
use crate::agree::reference::same_gesture;
use crate::agree::score::quantile;
use serde_json::{Value, json};
use shm_layout::{MonotonicNs, Prediction};
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;
use steady::{EventKind, GestureEvent};

/// A gesture that begins so long after its label ended still belongs to it: a hold at the end of a
/// label is told when its time is over.
const AFTER: Duration = Duration::from_millis(800);
/// A hand has its pose before a label says that it holds it: so much earlier it may begin.
const BEFORE: Duration = Duration::from_millis(400);

/// A gesture, and the frame that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// Its name.
    pub gesture: String,
    /// The frame, from 1.
    pub frame: u64,
}

/// How the events of one clip or of several fit their labels.
#[derive(Debug, Clone, Default)]
pub struct Fit {
    /// Gestures that the labels hold and the model knows.
    pub shown: usize,
    /// How many of them began.
    pub begun: usize,
    /// Beginnings that no label asks for: another gesture, or one that had begun already.
    pub wrong: Vec<At>,
    /// Gestures that did not begin, with the first frame of each.
    pub missed: Vec<At>,
    /// From the first frame that shows a gesture to its beginning, in ms; 0 for one that began before.
    pub delays_ms: Vec<f32>,
    /// How long the footage is.
    pub seconds: f64,
    /// How much of it shows a hand, as far as one was found.
    pub hand_seconds: f64,
}

impl Fit {
    /// Compares events with labels; `labels` are those of the model, or all that it gave.
    #[must_use]
    pub fn of(
        events: &[GestureEvent],
        stretches: &[Stretch],
        predictions: &[Prediction],
        labels: &[String],
    ) -> Self {
        let mut fit = Self::default();
        fit.measure(predictions);
        let starts = events
            .iter()
            .filter(|event| event.kind == EventKind::GestureStart);
        let mut starts: Vec<&GestureEvent> = starts.collect();
        for stretch in stretches {
            let (right, is_known) = right_labels(&stretch.gesture, labels);
            let is_right = |event: &GestureEvent| {
                let name = event.held.gesture.as_str();
                right.iter().any(|label| labels[*label] == name)
            };
            // A model can be asked for no gesture that it does not have.
            let is_none = right
                .iter()
                .all(|label| same_gesture(&labels[*label], NO_GESTURE));
            if is_none || !is_known {
                continue;
            }
            fit.shown += 1;
            let at = At {
                gesture: stretch.gesture.clone(),
                frame: stretch.first,
            };
            let captured = captured(stretch, predictions);
            let in_time = |event: &&GestureEvent| {
                let around = captured.as_ref().map(around);
                is_right(event) && around.is_some_and(|time| time.contains(&event.at.capture))
            };
            match (starts.iter().position(in_time), &captured) {
                (Some(index), Some(captured)) => {
                    let event = starts.remove(index);
                    fit.begun += 1;
                    let delay = event.at.capture.since(*captured.start());
                    fit.delays_ms.push(delay.as_secs_f32() * 1e3);
                }
                _ => fit.missed.push(at),
            }
        }
        let at = |event: &&GestureEvent| At {
            gesture: event.held.gesture.to_string(),
            frame: event.sequence.0,
        };
        fit.wrong = starts.iter().map(at).collect();
        fit
    }

    /// Beginnings that no label asks for, in a minute of footage; 0 without footage.
    #[must_use]
    pub fn wrong_per_minute(&self) -> f64 {
        if self.seconds > 0.0 {
            self.wrong.len() as f64 * 60.0 / self.seconds
        } else {
            0.0
        }
    }

    /// Adds what another clip gave.
    pub fn add(&mut self, other: &Self) {
        self.shown += other.shown;
        self.begun += other.begun;
        self.wrong.extend_from_slice(&other.wrong);
        self.missed.extend_from_slice(&other.missed);
        self.delays_ms.extend_from_slice(&other.delays_ms);
        self.seconds += other.seconds;
        self.hand_seconds += other.hand_seconds;
    }

    /// The figures as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let list = |named: &[At]| -> Vec<Value> {
            let each = named.iter();
            each.map(|at| json!({ "gesture": at.gesture, "frame": at.frame }))
                .collect()
        };
        let delay = (!self.delays_ms.is_empty()).then(|| {
            json!({ "median": quantile(&self.delays_ms, 0.5), "worst": quantile(&self.delays_ms, 1.0) })
        });
        json!({
            "shown": self.shown, "begun": self.begun, "missed": list(&self.missed),
            "false": list(&self.wrong), "false_per_minute": self.wrong_per_minute(),
            "delay_ms": delay, "seconds": self.seconds, "hand_seconds": self.hand_seconds,
        })
    }

    /// How long the footage is. A frame stands for the time until the next one, the last one for as
    /// long as the one before.
    fn measure(&mut self, predictions: &[Prediction]) {
        let mut lasts_s = 0.0;
        for (index, prediction) in predictions.iter().enumerate() {
            if let Some(next) = predictions.get(index + 1) {
                lasts_s = next.capture.since(prediction.capture).as_secs_f64();
            }
            self.seconds += lasts_s;
            if !prediction.hands.is_empty() {
                self.hand_seconds += lasts_s;
            }
        }
    }
}

/// When the frames of a stretch were captured; `None` when it lies behind the end.
fn captured(stretch: &Stretch, predictions: &[Prediction]) -> Option<RangeInclusive<MonotonicNs>> {
    let first = predictions.iter().find(|p| p.sequence.0 >= stretch.first)?;
    let last = predictions
        .iter()
        .rev()
        .find(|p| p.sequence.0 <= stretch.last)?;
    Some(first.capture..=last.capture)
}

/// When a gesture that was shown then may begin.
fn around(shown: &RangeInclusive<MonotonicNs>) -> RangeInclusive<MonotonicNs> {
    let (before, after) = (BEFORE.as_nanos() as u64, AFTER.as_nanos() as u64);
    MonotonicNs(shown.start().0.saturating_sub(before))..=MonotonicNs(shown.end().0 + after)
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |named: &[At]| {
            let each = named
                .iter()
                .map(|at| format!(" {}@{}", at.gesture, at.frame));
            each.collect::<String>()
        };
        writeln!(f, "gestures    {} of {} begun", self.begun, self.shown)?;
        writeln!(f, "missed      {}{}", self.missed.len(), list(&self.missed))?;
        writeln!(
            f,
            "false       {}, {:.2} a minute of {:.1}{}",
            self.wrong.len(),
            self.wrong_per_minute(),
            self.seconds / 60.0,
            list(&self.wrong)
        )?;
        if self.delays_ms.is_empty() {
            return write!(f, "delay       -");
        }
        write!(
            f,
            "delay       {:.0} ms from the first frame that shows it (median), {:.0} ms at most",
            quantile(&self.delays_ms, 0.5),
            quantile(&self.delays_ms, 1.0)
        )
    }
}

#[cfg(test)]
#[path = "fit_tests.rs"]
mod tests;
