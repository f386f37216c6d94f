//! A small segment over which the children work, and frames whose every byte can be checked.

use shm_layout::layout::{Geometry, RingGeometry};
use shm_layout::ring::{FrameLease, Subscriber};
use shm_layout::segment::SegmentName;
use shm_layout::{FrameMeta, Generation, MonotonicNs, PixelFormat, Prediction, Segment, Sequence};
use std::sync::atomic::{AtomicU64, Ordering};

/// Place of the process that is killed.
pub(super) const DEAD: usize = 0;
/// Place of a process that lives on.
pub(super) const LIVING: usize = 1;
/// Place of a process that nobody reclaims.
const STRANGER: usize = 2;
/// Two frame slots, and one for each of the two processes that may lease.
const FRAME_SLOTS: usize = 4;
/// Short, so that a publish has few instructions; odd, so that a last byte stands alone.
const PAYLOAD_BYTES: usize = 41;
/// The source whose frames are looked at, and the one whose prediction slot carries the mark.
const FRAMES: usize = 0;
const MARK: usize = 1;

/// A named segment; the name is removed at the end.
pub(super) struct Scene {
    name: SegmentName,
    segment: Segment,
}

fn meta() -> FrameMeta {
    FrameMeta {
        format: PixelFormat::Mjpeg,
        width_px: 8,
        height_px: 8,
        stride_bytes: 0,
        capture: MonotonicNs(1),
        capture_wall_us: 1,
        driver_sequence: 1,
    }
}

/// The byte that belongs at `at` in the frame `sequence`.
fn byte(sequence: Sequence, at: usize) -> u8 {
    (sequence.0.wrapping_mul(31) as u8).wrapping_add(at as u8)
}

/// Every stamp of a prediction is its sequence, so that a mixture of two shows.
fn prediction(sequence: u64) -> Prediction {
    let stamp = MonotonicNs(sequence);
    Prediction {
        sequence: Sequence(sequence),
        generation: Generation(sequence),
        capture: stamp,
        capture_wall_us: sequence,
        publish: stamp,
        take: stamp,
        done: stamp,
        width_px: 8,
        height_px: 8,
        model: [sequence as u8; 32],
        detected: false,
        looks: 0,
        scene: None,
        hands: Vec::new(),
        lost: Vec::new(),
    }
}

impl Scene {
    pub(super) fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = SegmentName::new(&format!("step-{}-{number}", std::process::id()));
        let ring = RingGeometry {
            frame_slots: FRAME_SLOTS,
            capacity_bytes: 4096,
        };
        let geometry = Geometry {
            rings: vec![ring, ring],
            lanes: 2,
        };
        let segment = Segment::create(&name, &geometry).unwrap();
        Self { name, segment }
    }

    pub(super) fn segment(&self) -> &Segment {
        &self.segment
    }

    pub(super) fn subscriber(&self, place: usize) -> Subscriber<'_> {
        self.segment.subscriber(FRAMES, place).unwrap()
    }

    /// Publishes the next frame, as a publisher that was just started does.
    pub(super) fn publish(&self) {
        self.publish_with(0);
    }

    /// Publishes a frame with one wrong byte.
    pub(super) fn publish_torn(&self) {
        self.publish_with(1);
    }

    fn publish_with(&self, wrong: u8) {
        let mut publisher = self.segment.publisher(FRAMES).unwrap();
        let mut writer = publisher.claim().expect("a frame slot is always free");
        let sequence = writer.sequence();
        for (at, place) in writer.payload().iter_mut().enumerate().take(PAYLOAD_BYTES) {
            *place = byte(sequence, at);
        }
        writer.payload()[PAYLOAD_BYTES - 1] ^= wrong;
        writer.publish(&meta(), PAYLOAD_BYTES).unwrap();
    }

    /// Whether every byte of the frame is its own.
    pub(super) fn is_whole(lease: &FrameLease<'_>) -> bool {
        let payload = lease.payload().iter().enumerate();
        lease.payload().len() == PAYLOAD_BYTES
            && *lease.meta() == meta()
            && payload
                .into_iter()
                .all(|(at, found)| *found == byte(lease.sequence(), at))
    }

    /// Leases two frames in the name of the process that is to die, and never gives them back.
    pub(super) fn hold_leases_of_the_dead(&self) {
        self.hold_leases(DEAD);
    }

    pub(super) fn hold_leases_of_a_stranger(&self) {
        self.hold_leases(STRANGER);
    }

    fn hold_leases(&self, place: usize) {
        let newest = self.segment.newest(FRAMES);
        for sequence in [newest, newest - 1] {
            let mut subscriber = self.subscriber(place);
            std::mem::forget(subscriber.lease_exact(Sequence(sequence)).unwrap());
        }
    }

    pub(super) fn predict(&self, lane: usize, sequence: u64) {
        self.segment
            .predictions(FRAMES)
            .unwrap()
            .publish(lane, &prediction(sequence))
            .unwrap();
    }

    /// Sequence of the latest prediction, which must be whole.
    pub(super) fn latest_prediction(&self) -> u64 {
        let latest = self.segment.predictions(FRAMES).unwrap().latest().unwrap();
        assert_eq!(latest, prediction(latest.sequence.0), "torn prediction");
        latest.sequence.0
    }

    /// Leaves a mark that survives the child, without touching the frames.
    pub(super) fn mark(&self, sequence: Sequence) {
        self.segment
            .predictions(MARK)
            .unwrap()
            .publish(0, &prediction(sequence.0))
            .unwrap();
    }

    pub(super) fn marked(&self) -> Option<Sequence> {
        self.segment
            .predictions(MARK)
            .unwrap()
            .latest()
            .map(|mark| mark.sequence)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _removed = self.name.unlink();
    }
}
