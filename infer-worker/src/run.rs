//! The work loop: newest untaken frame → hands → prediction slot.
//!
//! Upstream: `shm-layout/src/ring/subscriber.rs` (takes and leases). Downstream:
//! `shm-layout/src/prediction_slot.rs`. In between: [`Pipeline`].
//!
//! A frame is held only while it is copied or converted, never while the networks run. A frame
//! that cannot be decoded is counted and passed over. What is known of a source lies in its
//! prediction slot, so this loop keeps no state that a restart could lose.

use crate::complaint::Complaints;
use crate::hand::identity;
use crate::idle::Idle;
use crate::image::ImageError;
use crate::kernels::shelf::Shelf;
use crate::model::{Engine, ModelSet, RunError, locate};
use crate::pipeline::{Outcome, Pipeline};
use crate::rotation::Rotation;
use crate::taught;
use crate::trim::trim;
use shm_layout::control::{Assignment, FromWorker, InferAssignment, ModelInfo};
use shm_layout::demand::Demand;
use shm_layout::prediction::{HANDS_MAX, PredictionSlot};
use shm_layout::prediction_slot::Published;
use shm_layout::process_table::{Counter, Stage};
use shm_layout::ring::{FrameLease, Subscriber};
use shm_layout::worker::{Worker, WorkerFailure};
use shm_layout::{FrameMeta, MonotonicNs, PixelFormat, Prediction, Sequence};
use std::time::Duration;

/// Longest sleep without frames; bounds how late a drain is noticed and how rare heartbeats get.
const WAIT_MAX: Duration = Duration::from_millis(100);
/// A prediction further away in time than this says nothing about where the hands are now.
const TRACK_MAX: Duration = Duration::from_millis(500);
/// Runs over which the model's pace is measured; the fastest counts, which a busy machine and the
/// first touch of memory disturb least.
const PACE_RUNS: u32 = 2;

/// One source, as this worker sees it.
struct Feed<'s> {
    name: &'s str,
    frames: Subscriber<'s>,
    demand: Demand<'s>,
    predictions: PredictionSlot<'s>,
    complaints: Complaints,
    corrupt: u64,
    idle: Idle,
}

/// What is remembered of a frame after its lease has ended.
struct Taken {
    sequence: Sequence,
    meta: FrameMeta,
    publish: MonotonicNs,
    take: MonotonicNs,
}

/// Serves frames until asked to drain.
///
/// # Errors
/// [`WorkerFailure`]: the model cannot be used, or the runtime failed.
pub fn run(worker: &Worker) -> Result<(), WorkerFailure> {
    let Assignment::Infer(work) = worker.assignment() else {
        return Err(WorkerFailure::bug("no inference was assigned"));
    };
    worker.beat(Stage::Loading);
    if let Err(error) = Shelf::open(&worker.take_weights()).map(Shelf::use_for_box) {
        tracing::warn!("this worker keeps its weights for itself: {error}");
    }
    let mut pipeline = load(work)?;
    trim();
    worker.send(FromWorker::Model(model_info(pipeline.model())));
    let frame_ms = pace_ms(worker, &mut pipeline)?;
    worker.send(FromWorker::Pace { frame_ms });
    let mut feeds = feeds(worker, work)?;
    let mut rotation = Rotation::new(feeds.len());
    let mut jpeg = Vec::new();
    worker.ready();
    let arrivals = worker.segment().frame_event();
    while !worker.should_drain() {
        worker.beat(Stage::Waiting);
        let seen = arrivals.observe();
        let mut served = None;
        for source in rotation.order() {
            if serve(
                worker,
                work.lane,
                &mut feeds[source],
                &mut pipeline,
                &mut jpeg,
            )? {
                served = Some(source);
                break;
            }
        }
        match served {
            Some(source) => rotation.served(source),
            None => arrivals.wait(seen, WAIT_MAX),
        }
    }
    Ok(())
}

/// How long the model takes for the fullest frame, in whole ms. What is measured is warm afterwards.
fn pace_ms(worker: &Worker, pipeline: &mut Pipeline) -> Result<u64, WorkerFailure> {
    let mut fastest = Duration::MAX;
    for _ in 0..PACE_RUNS {
        worker.beat(Stage::Loading);
        let began = MonotonicNs::now();
        pipeline.run_all().map_err(failed)?;
        fastest = fastest.min(MonotonicNs::now().since(began));
    }
    Ok(u64::try_from(fastest.as_millis())
        .unwrap_or(u64::MAX)
        .max(1))
}

fn failed(error: RunError) -> WorkerFailure {
    WorkerFailure::bug(error.to_string())
}

/// Takes and answers the newest frame of a source; false if there was none to take, or nobody has
/// been there for a while and it is too early for another look.
fn serve(
    worker: &Worker,
    lane: usize,
    feed: &mut Feed<'_>,
    pipeline: &mut Pipeline,
    jpeg: &mut Vec<u8>,
) -> Result<bool, WorkerFailure> {
    // What the last look passed over: a lease borrows the counter's owner.
    let corrupt = feed.frames.corrupt();
    worker.count(Counter::CorruptFrames, corrupt - feed.corrupt);
    feed.corrupt = corrupt;
    let last = feed.predictions.latest();
    let now = MonotonicNs::now();
    let is_due = feed.idle.is_due(last.as_ref(), now);
    if feed.idle.is_awake(now) {
        feed.demand.ask(now);
    }
    if !is_due {
        return Ok(false);
    }
    let Some(lease) = feed.frames.take_latest() else {
        return Ok(false);
    };
    let take = MonotonicNs::now();
    worker.beat(Stage::Decoding);
    worker.count(Counter::Taken, 1);
    worker.count(Counter::Skipped, lease.skipped());
    let (sequence, meta, publish) = (lease.sequence(), *lease.meta(), lease.publish_time());
    feed.predictions.work_on(lane, Some(sequence));
    let taken = Taken {
        sequence,
        meta,
        publish,
        take,
    };
    let previous = feed
        .predictions
        .latest()
        .filter(|last| is_fresh(last.capture, meta.capture));
    if let Err(error) = decode(lease, pipeline, previous.as_ref(), jpeg) {
        feed.predictions.work_on(lane, None);
        worker.count(Counter::Undecodable, 1);
        if let Some(frames) = feed.complaints.add(take) {
            let name = feed.name;
            tracing::warn!(
                "{name}: frame {} skipped: {error} ({frames} since the last report)",
                sequence.0
            );
        }
        return Ok(true);
    }
    worker.beat(Stage::Inferring);
    let outcome = pipeline.recognize().map_err(failed)?;
    if outcome.scene.is_none()
        && !pipeline.model().sees_hands()
        && let Some(frames) = feed.complaints.add(take)
    {
        let name = feed.name;
        tracing::warn!(
            "{name}: frame {}: the model's output holds a value that is no finite number \
             ({frames} since the last report)",
            sequence.0
        );
    }
    worker.beat(Stage::Publishing);
    worker.count(Counter::Detections, outcome.detected.into());
    let mut prediction = prediction(worker, pipeline.model(), &taken, outcome);
    // As late as can be: another worker may have found the same hand in a newer frame.
    identity::carry(feed.predictions.latest().as_ref(), &mut prediction);
    match feed.predictions.publish(lane, &prediction) {
        Some(Published::Latest) => {}
        Some(Published::Stale) => worker.count(Counter::StalePredictions, 1),
        None => return Err(WorkerFailure::bug(format!("no prediction lane {lane}"))),
    }
    Ok(true)
}

/// Reads the frame and ends the lease. A JPEG is copied first: its decoder must not read memory
/// that another process maps writable.
fn decode(
    lease: FrameLease<'_>,
    pipeline: &mut Pipeline,
    previous: Option<&Prediction>,
    jpeg: &mut Vec<u8>,
) -> Result<(), ImageError> {
    let (meta, sequence) = (*lease.meta(), lease.sequence().0);
    if meta.format != PixelFormat::Mjpeg {
        return pipeline.load_raw(&meta, lease.payload(), previous, sequence);
    }
    jpeg.clear();
    jpeg.extend_from_slice(lease.payload());
    drop(lease);
    pipeline.load_jpeg(jpeg, previous, sequence)
}

/// Whether a prediction tells where the hands of a frame are; it may be of a newer frame, when
/// another worker was faster.
fn is_fresh(prediction: MonotonicNs, frame: MonotonicNs) -> bool {
    frame.since(prediction).max(prediction.since(frame)) <= TRACK_MAX
}

fn prediction(worker: &Worker, model: &ModelSet, taken: &Taken, outcome: Outcome) -> Prediction {
    Prediction {
        sequence: taken.sequence,
        generation: worker.generation(),
        capture: taken.meta.capture,
        capture_wall_us: taken.meta.capture_wall_us,
        publish: taken.publish,
        take: taken.take,
        done: MonotonicNs::now(),
        width_px: taken.meta.width_px,
        height_px: taken.meta.height_px,
        model: model.sha256,
        detected: outcome.detected,
        looks: outcome.looks,
        scene: outcome.scene,
        hands: outcome.hands,
        lost: Vec::new(),
    }
}

fn load(work: &InferAssignment) -> Result<Pipeline, WorkerFailure> {
    let manifest = locate::manifest_path(work.manifest.as_deref())?;
    let mut model = ModelSet::open_with(&manifest, &work.profile, &work.gestures)?;
    taught::join(&mut model, &work.taught)?;
    let engine = Engine::of(work.backend, work.onnxruntime_library.as_deref())?;
    tracing::info!("{engine} runs the networks");
    let hands_max = work.max_hands.clamp(1, HANDS_MAX);
    Ok(Pipeline::load_on(engine, model, hands_max)?)
}

fn model_info(model: &ModelSet) -> ModelInfo {
    ModelInfo {
        name: model.name.clone(),
        profile: model.profile.clone(),
        sha256: model.sha256_hex(),
        labels: model.labels.iter().map(ToString::to_string).collect(),
        taught: model.taught.iter().map(|own| own.name.clone()).collect(),
    }
}

fn feeds<'s>(
    worker: &'s Worker,
    work: &'s InferAssignment,
) -> Result<Vec<Feed<'s>>, WorkerFailure> {
    let segment = worker.segment();
    let feed = |(source, name): (usize, &'s String)| -> Result<Feed<'s>, WorkerFailure> {
        let predictions = segment.predictions(source)?;
        // A predecessor may have died over a frame.
        predictions.work_on(work.lane, None);
        Ok(Feed {
            name,
            frames: segment.subscriber(source, worker.place())?,
            demand: segment.demand(source)?,
            predictions,
            complaints: Complaints::default(),
            corrupt: 0,
            idle: Idle::new(work.idle_fps, MonotonicNs::now()),
        })
    };
    work.sources.iter().enumerate().map(feed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_fresh_reaches_half_a_second_both_ways() {
        let ms = |ms: u64| MonotonicNs(ms * 1_000_000);
        assert!(is_fresh(ms(1000), ms(1500)));
        assert!(!is_fresh(ms(1000), ms(1501)));
        assert!(is_fresh(ms(1500), ms(1000)));
        assert!(!is_fresh(ms(1501), ms(1000)));
    }
}
