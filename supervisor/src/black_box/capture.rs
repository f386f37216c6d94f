//! Copies out of the segment what it knows of a dead process. Pure, apart from reading the segment.

use super::picture;
use super::report::{FrameReport, Report, StageReport, id_of};
use crate::unit::death::Death;
use shm_layout::control::{Assignment, Role};
use shm_layout::prediction::PredictionJson;
use shm_layout::process_table::LEASING_PLACES;
use shm_layout::ring::FrameLease;
use shm_layout::segment::Segment;
use shm_layout::{FrameMeta, MonotonicNs, Sequence, wall_us};
use std::time::Duration;

/// Frames that are copied at most: each may have many megabytes, and the main loop waits.
const FRAMES_MAX: usize = 2;

/// Predictions that are kept for each source.
const PREDICTIONS_MAX: usize = 5;

/// How far back from the latest prediction one is looked for, in frames.
const PREDICTIONS_BACK: u64 = 64;

/// Place whose lease bit the supervisor uses while it copies. `crate::plans` gives it to no process
/// that leases.
pub(crate) const SUPERVISOR_PLACE: usize = LEASING_PLACES - 1;

/// A process that died.
#[derive(Debug, Clone, Copy)]
pub struct Deceased<'a> {
    /// Name of its unit.
    pub unit: &'a str,
    /// Its work.
    pub assignment: &'a Assignment,
    /// Its place in the process table.
    pub place: usize,
    /// Number of its spawn.
    pub generation: u64,
    /// Its process id.
    pub pid: u32,
    /// When it was started.
    pub started: MonotonicNs,
    /// How it ended.
    pub death: Death,
}

/// What was copied: the report, and the bytes of each of its frames in the same order.
#[derive(Debug)]
pub(super) struct Captured {
    pub(super) report: Report,
    pub(super) frames: Vec<Frame>,
}

/// The bytes of one frame.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) meta: FrameMeta,
    pub(super) bytes: Vec<u8>,
}

impl Captured {
    /// Leases of the dead process that ended with the copying.
    pub(super) fn leases_ended(&self) -> u32 {
        self.report
            .frames
            .iter()
            .map(|frame| u32::from(frame.held))
            .sum()
    }

    fn push(&mut self, source: &str, held: bool, lease: &FrameLease<'_>, now: MonotonicNs) {
        let meta = *lease.meta();
        let sequence = lease.sequence().0;
        self.report.frames.push(FrameReport {
            source: source.to_owned(),
            sequence,
            held,
            format: meta.format,
            width_px: meta.width_px,
            height_px: meta.height_px,
            capture_time_us: meta.capture_wall_us,
            age_ms: ms(now.since(meta.capture)),
            picture: format!("{source}-{sequence}.{}", picture::extension(meta.format)),
        });
        self.frames.push(Frame {
            meta,
            bytes: lease.payload().to_vec(),
        });
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Copies what the segment knows of the dead process.
pub(super) fn capture(segment: &Segment, deceased: &Deceased<'_>, sources: &[String]) -> Captured {
    let (now, died_at_us) = (MonotonicNs::now(), wall_us());
    let mut captured = Captured {
        report: report(segment, deceased, now, died_at_us),
        frames: Vec::new(),
    };
    let named = || sources.iter().map(String::as_str).enumerate();
    match deceased.assignment {
        Assignment::Capture(work) => {
            published(segment, work.source, &work.name, &mut captured, now);
            captured.report.predictions = predictions(segment, work.source, &work.name, now);
        }
        Assignment::Infer(_) | Assignment::Gateway(_) => {
            for (source, name) in named() {
                held(segment, deceased.place, source, name, &mut captured, now);
                let predictions = predictions(segment, source, name, now);
                captured.report.predictions.extend(predictions);
            }
        }
    }
    captured
}

fn report(segment: &Segment, deceased: &Deceased<'_>, now: MonotonicNs, died_at_us: u64) -> Report {
    let entry = segment.process(deceased.place).ok();
    let stage = entry.map(|entry| entry.stage_now());
    let stages = entry.map_or_else(Vec::new, |entry| entry.last_stages(now));
    let heartbeat = entry.map(|entry| entry.heartbeat()).filter(|at| at.0 != 0);
    Report {
        id: id_of(died_at_us, deceased.unit, deceased.generation),
        unit: deceased.unit.to_owned(),
        kind: match deceased.assignment {
            Assignment::Capture(_) => Role::Capture,
            Assignment::Infer(_) => Role::Infer,
            Assignment::Gateway(_) => Role::Gateway,
        },
        version: env!("CARGO_PKG_VERSION").to_owned(),
        generation: deceased.generation,
        pid: deceased.pid,
        cause: deceased.death.to_string(),
        core: deceased.death.left_core(),
        died_at_us,
        up_ms: ms(now.since(deceased.started)),
        stage: stage.and_then(|(stage, _)| stage),
        stage_ms: stage.map(|(_, since)| ms(now.since(since))),
        stages: StageReport::timeline(&stages, now),
        heartbeat_ms: heartbeat.map(|at| ms(now.since(at))),
        counters: entry
            .map(|entry| entry.counters_by_name())
            .unwrap_or_default(),
        frames: Vec::new(),
        predictions: Vec::new(),
        log: Vec::new(),
    }
}

/// The frame of a source that the dead process was reading. Its lease ends here.
fn held(
    segment: &Segment,
    place: usize,
    source: usize,
    name: &str,
    captured: &mut Captured,
    now: MonotonicNs,
) {
    let Ok(mut subscriber) = segment.subscriber(source, place) else {
        return;
    };
    if captured.frames.len() < FRAMES_MAX
        && let Some(lease) = subscriber.left_behind()
    {
        captured.push(name, true, &lease, now);
    }
}

/// The last frames that a dead publisher published, the newest first.
fn published(
    segment: &Segment,
    source: usize,
    name: &str,
    captured: &mut Captured,
    now: MonotonicNs,
) {
    // A supervisor that was killed just here may have left its own bit.
    segment.reclaim(SUPERVISOR_PLACE);
    let Ok(mut subscriber) = segment.subscriber(source, SUPERVISOR_PLACE) else {
        return;
    };
    let newest = subscriber.head().0;
    let oldest = newest.saturating_sub(FRAMES_MAX as u64);
    for sequence in (oldest + 1..=newest).rev() {
        if let Ok(lease) = subscriber.lease_exact(Sequence(sequence)) {
            captured.push(name, false, &lease, now);
        }
    }
}

/// The last predictions for a source, the newest first.
fn predictions(
    segment: &Segment,
    source: usize,
    name: &str,
    now: MonotonicNs,
) -> Vec<PredictionJson> {
    let Ok(slot) = segment.predictions(source) else {
        return Vec::new();
    };
    let newest = slot.latest().map_or(0, |latest| latest.sequence.0);
    let oldest = newest.saturating_sub(PREDICTIONS_BACK);
    (oldest + 1..=newest)
        .rev()
        .filter_map(|sequence| slot.at(Sequence(sequence)))
        .take(PREDICTIONS_MAX)
        .map(|prediction| prediction.to_json(name, now))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, SourceConfig};
    use crate::plans;
    use crate::units::UnitPlan;
    use shm_layout::layout::{Geometry, RingGeometry};
    use shm_layout::process_table::Stage;
    use shm_layout::{Generation, PixelFormat};

    fn segment() -> Segment {
        let ring = RingGeometry {
            frame_slots: 5,
            capacity_bytes: 64,
        };
        let geometry = Geometry {
            rings: vec![ring],
            lanes: 1,
        };
        Segment::private(&geometry).unwrap()
    }

    fn publish(segment: &Segment, bytes: &[u8]) {
        let mut publisher = segment.publisher(0).unwrap();
        let mut writer = publisher.claim().unwrap();
        writer.payload()[..bytes.len()].copy_from_slice(bytes);
        let meta = FrameMeta {
            format: PixelFormat::Mjpeg,
            width_px: 8,
            height_px: 8,
            stride_bytes: 0,
            capture: MonotonicNs::now(),
            capture_wall_us: 5,
            driver_sequence: 1,
        };
        writer.publish(&meta, bytes.len()).unwrap();
    }

    fn plan_of(unit: &str) -> UnitPlan {
        let sources = [SourceConfig::demo()];
        let plans = plans::all(
            &"lab".parse().unwrap(),
            &sources,
            1,
            &Config::default(),
            &[],
        );
        plans.into_iter().find(|plan| plan.name == unit).unwrap()
    }

    fn capture_of(segment: &Segment, unit: &str) -> Captured {
        let plan = plan_of(unit);
        let deceased = Deceased {
            unit,
            assignment: &plan.work.assignment,
            place: plan.place,
            generation: 2,
            pid: 7,
            started: MonotonicNs(1),
            death: Death::Exited(70),
        };
        capture(segment, &deceased, &["demo".to_owned()])
    }

    #[test]
    fn frame_that_was_being_read_is_copied_and_given_back() {
        let segment = segment();
        publish(&segment, b"the culprit");
        let place = plan_of("infer/0").place;
        let entry = segment.process(place).unwrap();
        entry.reserve(Generation(2), Role::Infer as u32);
        entry.beat(Stage::Inferring);
        let mut dead = segment.subscriber(0, place).unwrap();
        std::mem::forget(dead.take_latest().unwrap());
        publish(&segment, b"a later one");
        let captured = capture_of(&segment, "infer/0");
        assert_eq!(captured.frames.len(), 1);
        assert_eq!(captured.frames[0].bytes, b"the culprit");
        let report = &captured.report;
        assert_eq!(report.stage, Some(Stage::Inferring));
        let did: Vec<Stage> = report.stages.iter().map(|did| did.stage).collect();
        assert_eq!(did, [Stage::Starting, Stage::Inferring]);
        let [starting, inferring] = report.stages[..] else {
            panic!("{:?}", report.stages)
        };
        assert_eq!(starting.before_us, starting.took_us + inferring.took_us);
        assert_eq!(inferring.before_us, inferring.took_us, "it died in it");
        assert_eq!(report.frames[0].picture, "demo-1.jpg");
        assert!(report.frames[0].held && report.heartbeat_ms.is_some());
        assert_eq!(captured.leases_ended(), 1);
        assert_eq!(segment.leases_held(0), 0);
    }

    #[test]
    fn last_frames_of_a_publisher_are_copied() {
        let segment = segment();
        for bytes in [b"first", b"later", b"final"] {
            publish(&segment, bytes);
        }
        let captured = capture_of(&segment, "capture/demo");
        let bytes: Vec<&[u8]> = captured.frames.iter().map(|f| f.bytes.as_slice()).collect();
        assert_eq!(bytes, [b"final".as_slice(), b"later"]);
        assert_eq!((captured.leases_ended(), segment.leases_held(0)), (0, 0));
        assert_eq!(captured.report.heartbeat_ms, None);
    }

    #[test]
    fn process_that_held_nothing_is_reported_all_the_same() {
        let captured = capture_of(&segment(), "gateway");
        assert!(captured.frames.is_empty());
        assert_eq!(captured.report.cause, "exit 70");
        assert_eq!(captured.report.generation, 2);
    }

    #[test]
    fn no_process_that_leases_has_the_supervisors_place() {
        let sources: Vec<SourceConfig> = (0..16)
            .map(|index| SourceConfig {
                name: format!("s{index}"),
                ..SourceConfig::demo()
            })
            .collect();
        let plans = plans::all(
            &"lab".parse().unwrap(),
            &sources,
            15,
            &Config::default(),
            &[],
        );
        let mut leasing = plans.iter().filter(|plan| plan.role != Role::Capture);
        assert!(leasing.all(|plan| plan.place != SUPERVISOR_PLACE));
        let mut spare = plans::spare_places(15).into_iter();
        assert!(spare.all(|(_, place)| place != SUPERVISOR_PLACE));
    }
}
