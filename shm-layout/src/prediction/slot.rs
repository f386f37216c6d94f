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

    /// Predictions that were overwritten before they were read.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.cursor.missed()
    }
}
