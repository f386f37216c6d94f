//! The control channel to one worker: assignment, status and drain out, reports in.
//!
//! Two traps of the library are avoided here. A one-shot server waits for ever for a worker that
//! died before it connected, so its death is followed by a hello of our own. And sending blocks
//! for ever on a worker that does not read, so a thread does it, behind a bounded queue: what finds
//! the queue full is dropped and counted, and the watchdog deals with the worker.

use super::listen;
use ipc_channel::ipc::{IpcOneShotServer, IpcReceiver, IpcSender};
use shm_layout::control::{FromWorker, Hello, Start, ToWorker};
use shm_layout::layout::LAYOUT_HASH;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Messages that may wait for a worker to read them: half a minute of status.
const QUEUE_MESSAGES: usize = 32;

/// The supervisor's end.
#[derive(Debug)]
pub struct Channel {
    server: String,
    queue: SyncSender<ToWorker>,
    greeted: Arc<AtomicBool>,
}

impl Channel {
    /// Opens a channel for the next process of a unit, which gets `start` as its first message.
    /// `report` is called from a thread of the channel's own for every report.
    ///
    /// # Errors
    ///
    /// The system's: no socket can be made, or no thread.
    pub fn open(
        start: Start,
        generation: u64,
        report: impl Fn(FromWorker) + Send + 'static,
    ) -> io::Result<Self> {
        let (server, name) = IpcOneShotServer::<Hello>::new()?;
        let (queue, outgoing) = sync_channel(QUEUE_MESSAGES);
        let greeted = Arc::new(AtomicBool::new(false));
        let greeting = Arc::clone(&greeted);
        listen("control-in", move || {
            let Some((commands, reports)) = greet(server, generation) else {
                return;
            };
            // ORDERING: Relaxed - a flag for the main loop; nothing else is read through it.
            greeting.store(true, Ordering::Relaxed);
            if listen("control-out", move || write(start, &outgoing, &commands)).is_ok() {
                while let Ok(message) = reports.recv() {
                    report(message);
                }
            }
        })?;
        Ok(Self {
            server: name,
            queue,
            greeted,
        })
    }

    /// The name that goes on the worker's command line.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.server
    }

    /// Whether the worker has said hello, and so will read what is sent.
    #[must_use]
    pub fn is_greeted(&self) -> bool {
        // ORDERING: Relaxed - see `open`.
        self.greeted.load(Ordering::Relaxed)
    }

    /// Queues a message without waiting; false if the worker does not keep up.
    #[must_use]
    pub fn send(&self, message: ToWorker) -> bool {
        self.queue.try_send(message).is_ok()
    }

    /// Ends the channel of a process that is dead, whether it ever said hello or not.
    pub fn close(self) {
        if !self.is_greeted()
            && let Ok(server) = IpcSender::connect(self.server)
        {
            // An error means that nobody waits there any more.
            let _gone = server.send(Hello::Abort);
        }
    }
}

/// Waits for the worker's hello; `None` if it died first or is not the one that was started.
fn greet(
    server: IpcOneShotServer<Hello>,
    expected: u64,
) -> Option<(IpcSender<ToWorker>, IpcReceiver<FromWorker>)> {
    match server.accept() {
        Ok((
            _,
            Hello::Worker {
                generation,
                layout_hash,
                commands,
                reports,
                ..
            },
        )) => {
            // A worker of another layout gets its assignment too: it will refuse the segment
            // itself, with an exit code that says so.
            if layout_hash != LAYOUT_HASH {
                tracing::warn!("a worker was built with another layout of the segment");
            }
            (generation == expected).then_some((commands, reports))
        }
        Ok((_, Hello::Abort)) => None,
        Err(error) => {
            tracing::warn!("control channel: {error}");
            None
        }
    }
}

fn write(start: Start, outgoing: &Receiver<ToWorker>, commands: &IpcSender<ToWorker>) {
    let mut message = ToWorker::Start(Box::new(start));
    // Ends when the worker is gone, or when the main loop closed the channel.
    while commands.send(message).is_ok() {
        match outgoing.recv() {
            Ok(next) => message = next,
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipc_channel::ipc;
    use shm_layout::control::{Assignment, Backend, InferAssignment};
    use std::sync::mpsc::{Receiver, channel};

    fn start() -> Start {
        let infer = InferAssignment {
            lane: 0,
            sources: vec!["cam0".to_owned()],
            manifest: None,
            profile: "full".to_owned(),
            gestures: String::new(),
            backend: Backend::Tract,
            onnxruntime_library: None,
            taught: Vec::new(),
            max_hands: 2,
            idle_fps: 10,
        };
        Start {
            assignment: Assignment::Infer(infer),
            orphan_grace_ms: 5_000,
            sessions: None,
        }
    }

    fn open(generation: u64) -> (Channel, Receiver<FromWorker>) {
        let (reports, received) = channel();
        let report = move |message| reports.send(message).unwrap();
        (
            Channel::open(start(), generation, report).unwrap(),
            received,
        )
    }

    /// Says hello as a worker does.
    fn hello(name: &str, generation: u64) -> (IpcReceiver<ToWorker>, IpcSender<FromWorker>) {
        let (commands, inbox) = ipc::channel().unwrap();
        let (outbox, reports) = ipc::channel().unwrap();
        let hello = Hello::Worker {
            pid: 1,
            generation,
            layout_hash: LAYOUT_HASH,
            commands,
            reports,
        };
        IpcSender::connect(name.to_owned())
            .unwrap()
            .send(hello)
            .unwrap();
        (inbox, outbox)
    }

    #[test]
    fn worker_gets_its_assignment_first_then_what_is_sent() {
        let (channel, reports) = open(7);
        assert!(
            channel.send(ToWorker::Drain),
            "queued until the worker is there"
        );
        let (inbox, outbox) = hello(channel.name(), 7);
        assert!(matches!(inbox.recv().unwrap(), ToWorker::Start(_)));
        assert!(matches!(inbox.recv().unwrap(), ToWorker::Drain));
        outbox.send(FromWorker::Ready).unwrap();
        assert!(matches!(reports.recv().unwrap(), FromWorker::Ready));
        assert!(channel.is_greeted());
        drop((inbox, outbox));
        assert!(
            reports.recv().is_err(),
            "the listening thread ends with the worker"
        );
    }

    #[test]
    fn worker_that_died_before_its_hello_leaves_no_thread_behind() {
        let (channel, reports) = open(1);
        channel.close();
        assert!(reports.recv().is_err(), "the listening thread is gone");
    }

    #[test]
    fn hello_of_another_generation_is_refused() {
        let (channel, reports) = open(2);
        let (inbox, _outbox) = hello(channel.name(), 1);
        assert!(reports.recv().is_err());
        assert!(inbox.recv().is_err(), "it gets no assignment");
    }

    #[test]
    fn worker_that_does_not_read_fills_the_queue_and_no_more() {
        let (channel, _reports) = open(1);
        let taken = (0..QUEUE_MESSAGES + 10)
            .filter(|_| channel.send(ToWorker::Drain))
            .count();
        assert_eq!(taken, QUEUE_MESSAGES);
        channel.close();
    }
}
