//! The black box: what is kept of a process that died, for whoever asks why.
//!
//! In the main loop, before anything of the dead process is reclaimed, its frames are copied, and
//! whatever else the segment knows of it; a thread then makes pictures and writes the files, so
//! that the restart waits for no disk. A disk that is full costs a warning, nothing else.
//!
//! - `capture`: from the segment to owned facts. - `report`: what they are.
//! - `tail`: the last log lines. - `picture`: frames as files. - `store`: the bounded folder.

mod capture;
mod picture;
mod report;
mod store;
mod tail;

pub use capture::Deceased;
pub use report::{FrameReport, Report};
pub use store::{REPORT, Store, state_folder};
pub use tail::Tail;

use capture::Captured;
use shm_layout::segment::Segment;
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Deaths that may wait for the disk; one more goes without a black box.
const QUEUE_DEATHS: usize = 4;

/// How long the log pipe of a dead process may take to reach its end.
const TAIL_PATIENCE: Duration = Duration::from_secs(1);

/// How long the end of the supervisor waits for what is still to be written.
const FLUSH_PATIENCE: Duration = Duration::from_secs(3);

/// The black box of a running box.
#[derive(Debug)]
pub struct BlackBox {
    sources: Vec<String>,
    tails: Mutex<HashMap<u32, Arc<Tail>>>,
    writer: Option<Writer>,
}

#[derive(Debug)]
struct Writer {
    queue: SyncSender<(Captured, Arc<Tail>)>,
    ended: Receiver<()>,
}

impl BlackBox {
    /// A black box that writes to `store`; `None` keeps nothing. `sources` are their names.
    #[must_use]
    pub fn new(store: Option<Store>, sources: Vec<String>) -> Self {
        Self {
            sources,
            tails: Mutex::default(),
            writer: store.and_then(Writer::start),
        }
    }

    /// Writes to another store from now on; what waits goes to the one before.
    pub fn set_store(&mut self, store: Option<Store>) {
        self.writer = store.and_then(Writer::start);
    }

    /// Where the log lines of the process `pid` go, which has just started.
    #[must_use]
    pub fn tail(&self, pid: u32) -> Arc<Tail> {
        let tail = Arc::new(Tail::default());
        self.tails().insert(pid, Arc::clone(&tail));
        tail
    }

    fn tails(&self) -> std::sync::MutexGuard<'_, HashMap<u32, Arc<Tail>>> {
        self.tails.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A process ended as it was asked to: nothing is kept of it.
    pub fn forget(&self, pid: u32) {
        self.tails().remove(&pid);
    }

    /// Keeps what is known of a process that died. Only after the kernel told of its death, before
    /// its successor starts. Gives the number of leases that ended with it.
    pub fn keep(&self, segment: &Segment, deceased: &Deceased<'_>) -> u32 {
        // One that a supervisor before this one started has a log that only that one read.
        let tail = self.tails().remove(&deceased.pid).unwrap_or_else(|| {
            let none = Tail::default();
            none.end();
            Arc::new(none)
        });
        let Some(writer) = &self.writer else {
            return 0;
        };
        let captured = capture::capture(segment, deceased, &self.sources);
        let held = captured.leases_ended();
        if writer.queue.try_send((captured, tail)).is_err() {
            tracing::warn!(
                "no black box of {}: those before it are still being written",
                deceased.unit
            );
        }
        held
    }
}

impl Drop for BlackBox {
    fn drop(&mut self) {
        if let Some(Writer { queue, ended }) = self.writer.take() {
            drop(queue);
            // It ends by hanging up; a disk that hangs does not keep the supervisor.
            let _ended = ended.recv_timeout(FLUSH_PATIENCE);
        }
    }
}

impl Writer {
    fn start(store: Store) -> Option<Self> {
        let (queue, deaths) = sync_channel::<(Captured, Arc<Tail>)>(QUEUE_DEATHS);
        let (end, ended) = sync_channel(0);
        let write = move || {
            let mut warned = false;
            for (captured, tail) in deaths {
                let unit = captured.report.unit.clone();
                match write(&store, captured, &tail) {
                    Ok(path) => {
                        warned = false;
                        tracing::info!("{unit}: black box: {}", path.display());
                    }
                    Err(error) if !warned => {
                        warned = true;
                        let folder = store.folder().display();
                        tracing::warn!("no black box of {unit} in {folder}: {error}");
                    }
                    Err(_) => {}
                }
            }
            drop(end);
        };
        let thread = std::thread::Builder::new().name("black-box".to_owned());
        match thread.spawn(write) {
            Ok(_) => Some(Self { queue, ended }),
            Err(error) => {
                tracing::warn!("no black boxes are kept: {error}");
                None
            }
        }
    }
}

/// Makes the files and writes them.
fn write(store: &Store, captured: Captured, tail: &Tail) -> io::Result<PathBuf> {
    let Captured { mut report, frames } = captured;
    report.log = tail.take(TAIL_PATIENCE);
    let mut files = vec![(REPORT.to_owned(), serde_json::to_vec_pretty(&report)?)];
    for (facts, frame) in report.frames.iter().zip(&frames) {
        let picture = picture::encode(&frame.meta, &frame.bytes).map_err(io::Error::other)?;
        files.push((facts.picture.clone(), picture));
    }
    store.add(&report.id, &files)
}
