//! Those who look on while processes die: a viewer of each source, who decodes every picture, and a
//! reader of every prediction, straight from the segment.
//!
//! They are threads of the test, so what one of them finds wrong is kept until the test asks.

use crate::SOURCES;
use shm_layout::Segment;
use shm_layout::segment::Access;
use std::collections::HashSet;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use wigwag_tests::TestBox;
use wigwag_tests::client::wire::{FRAMES, Message, WireClient};
use wigwag_tests::strip::sequence_in_jpeg;

/// Pause between two looks at the predictions; a lane keeps 16, which last far longer.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What was looked at in all.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Frames decoded and found whole.
    pub(super) frames: u64,
    /// Times that a viewer had to connect again.
    pub(super) reconnects: u64,
    /// Predictions, each of a frame that had none before.
    pub(super) predictions: u64,
    /// Predictions overwritten before they were looked at.
    pub(super) missed: u64,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    /// Supervisor and gateway may both be gone, and with them the listeners.
    may_refuse: AtomicBool,
    frames: AtomicU64,
    reconnects: AtomicU64,
    predictions: AtomicU64,
    missed: AtomicU64,
    wrong: Mutex<Vec<String>>,
}

impl Shared {
    fn wrong(&self, what: String) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.push(what);
    }

    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }
}

/// The onlookers at work.
pub(super) struct Watch {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Watch {
    pub(super) fn start(test_box: &TestBox) -> Self {
        let shared = Arc::new(Shared::default());
        let mut threads = Vec::new();
        for source in SOURCES {
            let (shared, address) = (Arc::clone(&shared), test_box.wire());
            threads.push(std::thread::spawn(move || view(&shared, &address, source)));
        }
        let segment = Segment::attach(&test_box.segment(), None, Access::Read).unwrap();
        let with_predictions = Arc::clone(&shared);
        threads.push(std::thread::spawn(move || {
            read_predictions(&with_predictions, &segment);
        }));
        Self { shared, threads }
    }

    /// Says whether supervisor and gateway may both be gone from now on.
    pub(super) fn may_refuse(&self, may_refuse: bool) {
        self.shared.may_refuse.store(may_refuse, Ordering::Relaxed);
    }

    /// Fails with the first things that were found wrong.
    #[track_caller]
    pub(super) fn assert_well(&self) {
        let wrong = self
            .shared
            .wrong
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        assert!(wrong.is_empty(), "{:#?}", &wrong[..wrong.len().min(10)]);
    }

    /// Ends the onlookers; says what they saw.
    #[track_caller]
    pub(super) fn finish(self) -> Seen {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("an onlooker ends by itself");
        }
        let wrong = self
            .shared
            .wrong
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        assert!(wrong.is_empty(), "{:#?}", &wrong[..wrong.len().min(10)]);
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Seen {
            frames: of(&self.shared.frames),
            reconnects: of(&self.shared.reconnects),
            predictions: of(&self.shared.predictions),
            missed: of(&self.shared.missed),
        }
    }
}

/// A viewer who connects again whenever the connection ends. Every picture must decode, show the
/// sequence that came with it, and be later than all before it on this connection; after a new
/// connection it may be the newest one again, but none before it.
fn view(shared: &Shared, address: &str, source: &str) {
    let mut newest = 0;
    while shared.goes_on() {
        let Some(mut client) = subscribe(shared, address, source) else {
            std::thread::sleep(LOOK_EVERY);
            continue;
        };
        let mut is_first = true;
        while let Some(message) = client.next_message() {
            let Message::Frame { sequence, jpeg, .. } = message else {
                continue;
            };
            match sequence_in_jpeg(&jpeg) {
                Some(shown) if shown == sequence => {}
                shown => shared.wrong(format!("{source}: frame {sequence} shows {shown:?}")),
            }
            if sequence < newest || (sequence == newest && !is_first) {
                shared.wrong(format!("{source}: frame {sequence} came after {newest}"));
            }
            newest = sequence;
            is_first = false;
            shared.frames.fetch_add(1, Ordering::Relaxed);
            if !shared.goes_on() {
                return;
            }
        }
        shared.reconnects.fetch_add(1, Ordering::Relaxed);
    }
}

/// A new connection; `None` if it was refused. That is wrong unless nobody was left to have the
/// listeners, at the beginning of the attempt or at its end.
fn subscribe(shared: &Shared, address: &str, source: &str) -> Option<WireClient> {
    let may_refuse = || shared.may_refuse.load(Ordering::Relaxed);
    let could_refuse = may_refuse();
    let client = WireClient::try_subscribe(address, FRAMES, source);
    client
        .inspect_err(|error| {
            let is_refused = error.kind() == io::ErrorKind::ConnectionRefused;
            if is_refused && !(could_refuse || may_refuse()) {
                shared.wrong(format!("{source}: a viewer was refused: {error}"));
            }
        })
        .ok()
}

/// Reads every prediction that any infer-worker of any generation publishes. No frame has two, and
/// none is of a frame that was never published.
fn read_predictions(shared: &Shared, segment: &Segment) {
    let slots: Vec<_> = (0..SOURCES.len())
        .map(|source| segment.predictions(source).unwrap())
        .collect();
    let mut readers: Vec<_> = slots.iter().map(|slot| slot.reader()).collect();
    let mut predicted = vec![HashSet::new(); SOURCES.len()];
    let mut latest = vec![0; SOURCES.len()];
    while shared.goes_on() {
        for source in 0..SOURCES.len() {
            while let Some(prediction) = readers[source].next_unread() {
                let sequence = prediction.sequence.0;
                if !predicted[source].insert(sequence) {
                    shared.wrong(format!(
                        "frame {sequence} of source {source} has two predictions"
                    ));
                }
                if sequence > segment.newest(source) {
                    shared.wrong(format!("frame {sequence} of source {source} never was"));
                }
                shared.predictions.fetch_add(1, Ordering::Relaxed);
            }
            if let Some(now) = slots[source].latest() {
                let now = now.sequence.0;
                if now < latest[source] {
                    shared.wrong(format!(
                        "the latest prediction of source {source} went back to {now}"
                    ));
                }
                latest[source] = now;
            }
        }
        std::thread::sleep(LOOK_EVERY);
    }
    let missed = readers.iter().map(|reader| reader.missed()).sum();
    shared.missed.store(missed, Ordering::Relaxed);
}
