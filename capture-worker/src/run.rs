//! The work of a capture-worker: open the source, then claim → fill → publish, for ever.
//!
//! Upstream: [`crate::source`]; downstream: the ring in `shm-layout`, and the supervisor, which is
//! told what became of the source. A source that fails is a state to report, never the end of the
//! worker. The loop beats on every turn and waits for nothing longer than `TURN`; only opening and
//! closing, where a driver may take seconds, are named as such and have longer.

use crate::idle::IdleGate;
use crate::publish::{Mover, Turn};
use crate::source::{self, BadFrame, Source};
use crate::tracker::{Event, Next, Tracker};
use shm_layout::MonotonicNs;
use shm_layout::control::{Assignment, FromWorker};
use shm_layout::process_table::{Counter, Stage};
use shm_layout::ring::Publisher;
use shm_layout::worker::{Worker, WorkerFailure};
use std::time::Duration;

/// Longest wait of one turn; also how late a drain may be noticed.
const TURN: Duration = Duration::from_millis(100);

/// Bad frames in a row that are taken at full speed; after them each is followed by
/// [`BAD_FRAME_PAUSE`], because a failing USB link gives empty ones as fast as they are read.
const BAD_FRAMES_IN_ROW: u32 = 10;
const BAD_FRAME_PAUSE: Duration = Duration::from_millis(5);

/// Pause before a frame slot is claimed again after none was free.
const NO_FRAME_SLOT_PAUSE: Duration = Duration::from_millis(1);

/// Captures the assigned source until asked to drain.
///
/// # Errors
///
/// [`WorkerFailure`] if the assignment is not for this program or its ring does not exist.
pub fn run(worker: &Worker) -> Result<(), WorkerFailure> {
    let Assignment::Capture(work) = worker.assignment() else {
        return Err(WorkerFailure::bug(
            "the assignment is not for a capture-worker",
        ));
    };
    let mut publisher = worker.segment().publisher(work.source)?;
    let Some(mut source) = source::from_kind(&work.kind) else {
        let what = format!("source `{}` is pushed, not captured", work.name);
        return Err(WorkerFailure::bug(what));
    };
    let demand = worker.segment().demand(work.source)?;
    let gate = IdleGate::new(work.idle_fps, demand);
    let mut capture = Capture::new(worker, work.source, gate);
    worker.ready();
    while !worker.should_drain() {
        match capture.tracker.next() {
            Next::OpenAt(at) if at <= MonotonicNs::now() => capture.open(source.as_mut()),
            Next::Read => {
                worker.beat(Stage::Reading);
                let deadline = after(TURN);
                let turn = capture.turn(source.as_mut(), &mut publisher, deadline);
                if matches!(turn, Turn::Gone(_)) {
                    worker.beat(Stage::Closing);
                    source.close();
                }
                capture.note(turn);
            }
            Next::OpenAt(at) => {
                worker.beat(Stage::Waiting);
                source::pacing::wait_until(at, after(TURN));
            }
            Next::Rest => {
                worker.beat(Stage::Waiting);
                std::thread::sleep(TURN);
            }
        }
    }
    Ok(())
}

/// One source on its way into its ring.
struct Capture<'w> {
    worker: &'w Worker,
    tracker: Tracker,
    mover: Mover,
    gate: IdleGate<'w>,
    was_opened: bool,
    bad_in_row: u32,
}

impl<'w> Capture<'w> {
    fn new(worker: &'w Worker, source: usize, gate: IdleGate<'w>) -> Self {
        let (tracker, mover) = (Tracker::new(source), Mover::default());
        Self {
            worker,
            tracker,
            mover,
            gate,
            was_opened: false,
            bad_in_row: 0,
        }
    }

    fn turn(
        &mut self,
        source: &mut dyn Source,
        publisher: &mut Publisher<'_>,
        deadline: MonotonicNs,
    ) -> Turn {
        self.mover.turn(source, publisher, &mut self.gate, deadline)
    }

    fn open(&mut self, source: &mut dyn Source) {
        self.worker.beat(Stage::Opening);
        match source.open() {
            Ok(mode) => {
                self.worker
                    .count(Counter::Reopened, u64::from(self.was_opened));
                self.was_opened = true;
                self.bad_in_row = 0;
                self.mover.start_over();
                self.gate.start_over();
                self.tell(Event::Opened(mode));
            }
            Err(error) => self.tell(Event::Failed(error)),
        }
    }

    fn note(&mut self, turn: Turn) {
        match turn {
            Turn::Published { lost } => {
                self.bad_in_row = 0;
                self.worker.count(Counter::Published, 1);
                self.worker.count(Counter::DriverGaps, lost);
                self.tell(Event::Frame);
            }
            // The source works: nothing is to be told.
            Turn::NotNeeded { lost } => {
                self.worker.count(Counter::NotNeeded, 1);
                self.worker.count(Counter::DriverGaps, lost);
            }
            Turn::Nothing => {}
            Turn::NoFrameSlot => {
                self.worker.count(Counter::NoFrameSlot, 1);
                std::thread::sleep(NO_FRAME_SLOT_PAUSE);
            }
            Turn::Bad(bad) => self.note_bad(&bad),
            Turn::Gone(error) => self.tell(Event::Failed(error)),
            Turn::Ended => self.tell(Event::Ended),
        }
    }

    fn note_bad(&mut self, bad: &BadFrame) {
        let is_oversize = matches!(bad, BadFrame::Oversize { .. });
        let counter = if is_oversize {
            Counter::Oversize
        } else {
            Counter::BadFrames
        };
        self.worker.count(counter, 1);
        // The next one is to stand in for it.
        self.gate.start_over();
        if self.mover.is_news(bad) {
            tracing::warn!("a frame was left out: {bad}; more of the kind are only counted");
        }
        self.bad_in_row = self.bad_in_row.saturating_add(1);
        if self.bad_in_row > BAD_FRAMES_IN_ROW {
            std::thread::sleep(BAD_FRAME_PAUSE);
        }
    }

    fn tell(&mut self, event: Event) {
        if let Some(report) = self.tracker.on_event(event, MonotonicNs::now()) {
            // The supervisor logs it, with the source's name.
            tracing::debug!("{:?}: {}", report.state, report.detail);
            self.worker.send(FromWorker::Source(report));
        }
    }
}

/// The moment that is `wait` from now.
fn after(wait: Duration) -> MonotonicNs {
    let wait_ns = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
    MonotonicNs(MonotonicNs::now().0.saturating_add(wait_ns))
}
