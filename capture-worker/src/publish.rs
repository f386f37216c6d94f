//! One frame from a source into the ring: claim, fill, check, publish.
//!
//! Neighbours: [`crate::run`] calls it in its loop; the source fills the frame slot in place, and
//! the ring checks that what it says about the frame fits its length. Nothing is kept or queued.

use crate::source::{BadFrame, FilledFrame, FrameOutcome, FrameTarget, Gate, Source, SourceError};
use crate::stamp::{Clocks, Stamper};
use shm_layout::MonotonicNs;
use shm_layout::ring::Publisher;
use std::collections::BTreeSet;

/// What one turn brought.
#[derive(Debug)]
pub enum Turn {
    /// A frame was published; `lost` frames of the source are missing before it.
    Published {
        /// Frames lost or left out between this frame and the one before.
        lost: u64,
    },
    /// A frame came that nobody needs; `lost` frames of the source are missing before it.
    NotNeeded {
        /// Frames lost between this frame and the one before.
        lost: u64,
    },
    /// No frame came in time.
    Nothing,
    /// No frame slot was free.
    NoFrameSlot,
    /// A frame came that must not be shown.
    Bad(BadFrame),
    /// The source is gone.
    Gone(SourceError),
    /// The source has nothing more to give.
    Ended,
}

/// Moves frames, and remembers what is needed to count and to log.
#[derive(Debug, Default)]
pub struct Mover {
    last_driver_sequence: Option<u64>,
    reasons_logged: BTreeSet<&'static str>,
    stamper: Stamper,
}

impl Mover {
    /// Forgets the source's numbers: it was opened anew. The times go on.
    pub fn start_over(&mut self) {
        self.last_driver_sequence = None;
        self.reasons_logged.clear();
    }

    /// Asks `source` for one frame until `deadline` and publishes it, if `gate` lets it through.
    pub fn turn(
        &mut self,
        source: &mut dyn Source,
        publisher: &mut Publisher<'_>,
        gate: &mut dyn Gate,
        deadline: MonotonicNs,
    ) -> Turn {
        let Some(mut writer) = publisher.claim() else {
            return Turn::NoFrameSlot;
        };
        let sequence = writer.sequence();
        let payload = writer.payload();
        match source.next_frame(FrameTarget {
            payload,
            sequence,
            deadline,
            gate,
        }) {
            FrameOutcome::Frame(FilledFrame {
                len_bytes,
                mut meta,
            }) => {
                let stamp = self.stamper.stamp(meta.capture, Clocks::now());
                (meta.capture, meta.capture_wall_us) = stamp;
                match writer.publish(&meta, len_bytes) {
                    Ok(_) => Turn::Published {
                        lost: self.lost_before(meta.driver_sequence),
                    },
                    Err(refused) => Turn::Bad(BadFrame::Refused(refused.to_string())),
                }
            }
            FrameOutcome::NotNeeded { driver_sequence } => Turn::NotNeeded {
                lost: self.lost_before(driver_sequence),
            },
            FrameOutcome::Nothing => Turn::Nothing,
            FrameOutcome::Bad(bad) => Turn::Bad(bad),
            FrameOutcome::Gone(error) => Turn::Gone(error),
            FrameOutcome::Ended => Turn::Ended,
        }
    }

    /// Frames missing before the one with this number.
    fn lost_before(&mut self, driver_sequence: u64) -> u64 {
        let last = self.last_driver_sequence.replace(driver_sequence);
        last.map_or(0, |last| {
            driver_sequence.saturating_sub(last).saturating_sub(1)
        })
    }

    /// Whether a bad frame deserves a log line: the first of its reason since the source was
    /// opened. The rest is counted.
    pub fn is_news(&mut self, bad: &BadFrame) -> bool {
        self.reasons_logged.insert(bad.reason())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Mode;
    use shm_layout::layout::{Geometry, RingGeometry};
    use shm_layout::{FrameMeta, PixelFormat, Segment};

    #[test]
    fn gaps_in_the_drivers_numbers_are_counted() {
        let mut mover = Mover::default();
        let lost: Vec<u64> = [7, 8, 11, 11, 12, 3].map(|n| mover.lost_before(n)).into();
        assert_eq!(lost, [0, 0, 2, 0, 0, 0]);
        mover.start_over();
        assert_eq!(mover.lost_before(1_000), 0);
    }

    /// Gives frames that are numbered from 0 on.
    #[derive(Default)]
    struct Numbered(u64);

    impl Source for Numbered {
        fn open(&mut self) -> Result<Mode, SourceError> {
            unreachable!("it is open")
        }

        fn next_frame(&mut self, target: FrameTarget<'_>) -> FrameOutcome {
            let driver_sequence = self.0;
            self.0 += 1;
            let capture = MonotonicNs::now();
            if !target.gate.lets_through(capture) {
                return FrameOutcome::NotNeeded { driver_sequence };
            }
            FrameOutcome::Frame(FilledFrame {
                len_bytes: 1,
                meta: FrameMeta {
                    format: PixelFormat::Mjpeg,
                    width_px: 16,
                    height_px: 16,
                    stride_bytes: 0,
                    capture,
                    capture_wall_us: 0,
                    driver_sequence,
                },
            })
        }
    }

    /// Lets every third frame through.
    #[derive(Debug, Default)]
    struct EveryThird(u64);

    impl Gate for EveryThird {
        fn lets_through(&mut self, _captured: MonotonicNs) -> bool {
            self.0 += 1;
            self.0 % 3 == 1
        }
    }

    #[test]
    fn frames_that_nobody_needs_use_no_sequence_and_are_no_gaps() {
        let ring = RingGeometry {
            frame_slots: 3,
            capacity_bytes: 4096,
        };
        let geometry = Geometry {
            rings: vec![ring],
            lanes: 1,
        };
        let segment = Segment::private(&geometry).unwrap();
        let mut publisher = segment.publisher(0).unwrap();
        let (mut source, mut gate) = (Numbered::default(), EveryThird::default());
        let mut mover = Mover::default();
        let turns = (0..30).map(|_| {
            let far = MonotonicNs(u64::MAX);
            mover.turn(&mut source, &mut publisher, &mut gate, far)
        });
        let published = turns
            .filter(|turn| match turn {
                Turn::Published { lost } | Turn::NotNeeded { lost } => {
                    assert_eq!(*lost, 0);
                    matches!(turn, Turn::Published { .. })
                }
                other => panic!("{other:?}"),
            })
            .count();
        assert_eq!((published, segment.newest(0)), (10, 10));
    }

    #[test]
    fn each_reason_is_news_once_for_each_opening() {
        let mut mover = Mover::default();
        let oversize = |found| BadFrame::Oversize { found, capacity: 1 };
        assert!(mover.is_news(&oversize(2)));
        assert!(!mover.is_news(&oversize(3)));
        assert!(mover.is_news(&BadFrame::Empty));
        mover.start_over();
        assert!(mover.is_news(&oversize(2)));
    }
}
