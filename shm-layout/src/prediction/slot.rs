//! The prediction slot with predictions instead of words; see [`crate::prediction_slot`].

use super::Prediction;
use crate::Sequence;
use crate::prediction_slot::{HistoryCursor, Published, SlotView};
use crate::wakeup::Event;

/// The prediction slot of one source.
#[derive(Debug, Clone, Copy)]
pub struct PredictionSlot<'s> {
    view: SlotView<'s>,
    activity: Event<'s>,
}

impl<'s> PredictionSlot<'s> {
    pub(crate) fn new(view: SlotView<'s>, activity: Event<'s>) -> Self {
        Self { view, activity }
    }

    /// Number of lanes; each infer-worker that may run has one of its own.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.view.lanes.len()
    }

    /// Publishes `prediction` in `lane`, which this process alone writes, and wakes those who
    /// wait. `None`: there is no such lane, nothing was published.
    pub fn publish(&self, lane: usize, prediction: &Prediction) -> Option<Published> {
        if lane >= self.lanes() {
            return None;
        }
        let sequence = prediction.sequence.0;
        let published = self.view.publish(lane, sequence, &prediction.to_words());
        self.activity.signal();
        Some(published)
    }

    /// Says that the owner of `lane` has the frame `sequence` in hand; `None`: it has none any more.
    /// To be said after each take, so that readers can put predictions in order.
    pub fn work_on(&self, lane: usize, sequence: Option<Sequence>) {
        if lane < self.lanes() {
            self.view.work_on(lane, sequence.map_or(0, |frame| frame.0));
        }
        if sequence.is_none() {
            // Somebody may wait for the prediction that will not come.
            self.activity.signal();
        }
    }

    /// The predictions that are kept (16 a lane), in the order of their frames.
    #[must_use]
    pub fn history(&self) -> Vec<Prediction> {
        let mut cursor = HistoryCursor::at_oldest(&self.view);
        let mut kept: Vec<_> = std::iter::from_fn(|| cursor.next(&self.view))
            .filter_map(|record| Prediction::from_record(&record))
            .collect();
        kept.sort_by_key(|prediction| prediction.sequence);
        kept
    }

    /// The prediction for the newest frame that has one.
    #[must_use]
    pub fn latest(&self) -> Option<Prediction> {
        self.view
            .latest()
            .as_ref()
            .and_then(Prediction::from_record)
    }

    /// The prediction for the frame `sequence`, while it is kept (16 a lane).
    #[must_use]
    pub fn at(&self, sequence: Sequence) -> Option<Prediction> {
        self.view
            .at(sequence.0)
            .as_ref()
            .and_then(Prediction::from_record)
    }

    /// Predictions ever published, in all lanes together.
    #[must_use]
    pub fn count(&self) -> u64 {
        (0..self.lanes()).map(|lane| self.view.count(lane)).sum()
    }

    /// Reads every prediction from here on once.
    #[must_use]
    pub fn reader(&self) -> PredictionReader<'s> {
        PredictionReader {
            view: self.view,
            cursor: HistoryCursor::at_end(&self.view),
        }
    }
}

/// Reads every prediction of a source once, lane by lane in order.
#[derive(Debug)]
pub struct PredictionReader<'s> {
    view: SlotView<'s>,
    cursor: HistoryCursor,
}

impl PredictionReader<'_> {
    /// The next prediction, or `None` if all were read. Never waits.
    pub fn next_unread(&mut self) -> Option<Prediction> {
        while let Some(record) = self.cursor.next(&self.view) {
            if let Some(prediction) = Prediction::from_record(&record) {
                return Some(prediction);
            }
        }
        None
    }

    /// The oldest frame of which a prediction may yet come, from a lane that works on it.
    #[must_use]
    pub fn oldest_in_work(&self) -> Option<Sequence> {
        self.cursor.oldest_in_work(&self.view).map(Sequence)
    }

    /// Predictions that were overwritten before they were read.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.cursor.missed()
    }
}
