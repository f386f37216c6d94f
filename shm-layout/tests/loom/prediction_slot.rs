//! A prediction slot: lanes of records with one writer each, and their readers.

use super::{explore, word64};
use loom::sync::Arc;
use loom::sync::atomic::Ordering;
use loom::thread;
use shm_layout::layout::{LaneHead, PredictionHead, PredictionRecord};
use shm_layout::prediction_slot::{HistoryCursor, Published, SlotView};

struct Slot {
    head: PredictionHead,
    lanes: Vec<LaneHead>,
    records: Vec<PredictionRecord<2>>,
}

impl Slot {
    fn new(lanes: usize) -> Arc<Self> {
        let record = || PredictionRecord {
            version: word64(),
            sequence: word64(),
            words: [word64(), word64()],
        };
        Arc::new(Self {
            head: PredictionHead { latest: word64() },
            lanes: (0..lanes)
                .map(|_| LaneHead {
                    count: word64(),
                    working: word64(),
                })
                .collect(),
            records: (0..lanes * 2).map(|_| record()).collect(),
        })
    }

    fn view(&self) -> SlotView<'_, 2> {
        SlotView {
            head: &self.head,
            lanes: &self.lanes,
            records: &self.records,
        }
    }

    fn publish(&self, lane: usize, sequence: u64) -> Published {
        self.view().publish(lane, sequence, &[sequence, sequence])
    }
}

#[test]
fn the_latest_prediction_is_whole_and_never_goes_back() {
    explore(|| {
        let slot = Slot::new(2);
        let writers: Vec<_> = [(0, vec![1, 3, 5]), (1, vec![2])]
            .into_iter()
            .map(|(lane, sequences)| {
                let slot = slot.clone();
                thread::spawn(move || {
                    for sequence in sequences {
                        slot.publish(lane, sequence);
                    }
                })
            })
            .collect();
        let reader = {
            let slot = slot.clone();
            thread::spawn(move || {
                let mut newest = 0;
                for _ in 0..2 {
                    if let Some(record) = slot.view().latest() {
                        assert_eq!(record.words, [record.sequence; 2], "torn prediction");
                        assert!(record.sequence >= newest);
                        newest = record.sequence;
                    }
                }
            })
        };
        reader.join().unwrap();
        writers
            .into_iter()
            .for_each(|writer| writer.join().unwrap());
        assert_eq!(slot.view().latest().unwrap().sequence, 5);
    });
}

#[test]
fn the_history_delivers_each_prediction_once_or_counts_it() {
    explore(|| {
        let slot = Slot::new(1);
        let mut cursor = HistoryCursor::at_end(&slot.view());
        let writer = {
            let slot = slot.clone();
            thread::spawn(move || {
                for sequence in 1..=4 {
                    slot.publish(0, sequence);
                }
            })
        };
        let mut delivered = 0;
        let mut newest = 0;
        let mut drain = |cursor: &mut HistoryCursor| {
            while let Some(record) = cursor.next(&slot.view()) {
                assert_eq!(record.words, [record.sequence; 2], "torn prediction");
                assert!(record.sequence > newest, "delivered twice or out of order");
                newest = record.sequence;
                delivered += 1;
            }
        };
        drain(&mut cursor);
        writer.join().unwrap();
        drain(&mut cursor);
        assert_eq!(delivered + cursor.missed(), 4);
    });
}

/// A writer died inside a record; its successor in the same lane goes on, readers never see it.
#[test]
fn a_lane_goes_on_after_its_writer_died_inside_a_record() {
    explore(|| {
        let slot = Slot::new(1);
        slot.publish(0, 1);
        slot.records[1].version.store(1, Ordering::Relaxed);
        slot.records[1].words[0].store(99, Ordering::Relaxed);
        let reader = {
            let slot = slot.clone();
            thread::spawn(move || {
                let record = slot
                    .view()
                    .latest()
                    .expect("the previous one stays readable");
                assert_eq!(record.words, [record.sequence; 2]);
            })
        };
        assert_eq!(slot.publish(0, 2), Published::Latest);
        reader.join().unwrap();
    });
}
