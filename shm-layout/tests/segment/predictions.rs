//! Predictions: read once each, in the order of their frames.

use super::geometry;
use shm_layout::prediction_slot::Published;
use shm_layout::{Generation, MonotonicNs, Prediction, Segment, Sequence};

fn prediction(sequence: u64) -> Prediction {
    Prediction {
        sequence: Sequence(sequence),
        generation: Generation(1),
        capture: MonotonicNs(sequence),
        capture_wall_us: sequence,
        publish: MonotonicNs(0),
        take: MonotonicNs(0),
        done: MonotonicNs(0),
        width_px: 64,
        height_px: 48,
        model: [0; 32],
        detected: false,
        looks: 0,
        scene: None,
        hands: Vec::new(),
        lost: Vec::new(),
    }
}

#[test]
fn predictions_are_read_once_each_and_latest_never_goes_back() {
    let segment = Segment::private(&geometry()).unwrap();
    let slot = segment.predictions(1).unwrap();
    let mut reader = slot.reader();
    assert_eq!(slot.latest(), None);
    assert_eq!(slot.publish(0, &prediction(2)), Some(Published::Latest));
    assert_eq!(slot.publish(1, &prediction(1)), Some(Published::Stale));
    assert_eq!(slot.publish(2, &prediction(3)), None, "no such lane");
    assert_eq!(slot.latest(), Some(prediction(2)));
    assert_eq!(slot.at(Sequence(1)), Some(prediction(1)));
    let read: Vec<_> = std::iter::from_fn(|| reader.next_unread()).collect();
    assert_eq!(read, [prediction(2), prediction(1)]);
    for sequence in 10..50 {
        slot.publish(0, &prediction(sequence));
    }
    let read: Vec<_> = std::iter::from_fn(|| reader.next_unread())
        .map(|p| p.sequence.0)
        .collect();
    assert_eq!(read, (34..50).collect::<Vec<_>>());
    assert_eq!(reader.missed(), 24);
    assert!(segment.predictions(0).unwrap().latest().is_none());
}

/// A reader can tell which prediction is the next in order, whichever lane is faster.
#[test]
fn a_frame_in_work_is_known_until_its_prediction_is_read() {
    let segment = Segment::private(&geometry()).unwrap();
    let slot = segment.predictions(1).unwrap();
    let mut reader = slot.reader();
    assert_eq!(reader.oldest_in_work(), None);
    slot.work_on(0, Some(Sequence(7)));
    slot.work_on(1, Some(Sequence(8)));
    slot.work_on(2, Some(Sequence(1)));
    slot.publish(1, &prediction(8));
    assert_eq!(reader.next_unread(), Some(prediction(8)));
    assert_eq!(reader.oldest_in_work(), Some(Sequence(7)));
    slot.publish(0, &prediction(7));
    assert_eq!(reader.oldest_in_work(), Some(Sequence(7)), "not read yet");
    assert_eq!(reader.next_unread(), Some(prediction(7)));
    assert_eq!(reader.oldest_in_work(), None);
    slot.work_on(0, Some(Sequence(9)));
    assert_eq!(reader.oldest_in_work(), Some(Sequence(9)));
    slot.work_on(0, None);
    assert_eq!(reader.oldest_in_work(), None, "there will be none");
    let kept: Vec<_> = slot.history().iter().map(|p| p.sequence.0).collect();
    assert_eq!(kept, [7, 8], "in order of the frames");
}
