//! Everything that goes to stderr: log lines, and on a terminal one live line below them.
//!
//! One thread owns stderr and takes lines from a bounded queue, so that a terminal that is held
//! (Ctrl-S) or a full pipe stops neither the supervisor nor, through it, a worker. Lines that
//! find the queue full are dropped, and the next one that finds room says how many.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Lines that may wait for stderr.
const QUEUE_LINES: usize = 1024;

/// How long the end of the program waits for stderr to take what is queued.
const FLUSH_WAIT: Duration = Duration::from_secs(1);

/// Longest live line, in characters; a longer one would wrap and could not be rewritten.
const LIVE_CHARS_MAX: usize = 79;

enum Message {
    Line(Vec<u8>),
    Live(String),
    Flush(SyncSender<()>),
}

/// The way to stderr; cheap to clone.
#[derive(Debug, Clone)]
pub struct Terminal {
    queue: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
    is_live: bool,
}

impl Terminal {
    /// The process's only terminal; the first call starts its thread.
    #[must_use]
    pub fn get() -> &'static Self {
        static TERMINAL: OnceLock<Terminal> = OnceLock::new();
        TERMINAL.get_or_init(|| {
            let (queue, messages) = sync_channel(QUEUE_LINES);
            let dropped = Arc::new(AtomicU64::new(0));
            let counter = Arc::clone(&dropped);
            // Without its thread every line is dropped, which is the best that is left to do.
            let _thread = std::thread::Builder::new()
                .name("terminal".to_owned())
                .spawn(move || write_all(&messages, &counter, &mut io::stderr().lock()));
            Self {
                queue,
                dropped,
                is_live: io::stderr().is_terminal(),
            }
        })
    }

    /// Whether a live line makes sense.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.is_live
    }

    /// Queues one or more whole lines.
    pub fn lines(&self, bytes: Vec<u8>) {
        if self.queue.try_send(Message::Line(bytes)).is_err() {
            // ORDERING: Relaxed - a statistic.
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Replaces the live line; a queue that is full keeps the old one.
    pub fn live(&self, text: String) {
        if self.is_live {
            let _full = self.queue.try_send(Message::Live(text));
        }
    }

    /// Waits, but not for ever, until everything queued is written; removes the live line.
    pub fn flush(&self) {
        self.live(String::new());
        let (done, wait) = sync_channel(1);
        if self.queue.try_send(Message::Flush(done)).is_ok() {
            let _late = wait.recv_timeout(FLUSH_WAIT);
        }
    }
}

fn write_all(messages: &Receiver<Message>, dropped: &AtomicU64, out: &mut impl Write) {
    let mut live = String::new();
    while let Ok(message) = messages.recv() {
        // Nobody is left to tell that stderr cannot be written.
        let _failed = write_one(message, &mut live, dropped, out);
    }
}

fn write_one(
    message: Message,
    live: &mut String,
    dropped: &AtomicU64,
    out: &mut impl Write,
) -> io::Result<()> {
    const ERASE: &[u8] = b"\r\x1b[K";
    let mut bytes = Vec::new();
    if !live.is_empty() {
        bytes.extend_from_slice(ERASE);
    }
    match message {
        Message::Line(line) => {
            // ORDERING: Relaxed - a statistic.
            let lost = dropped.swap(0, Ordering::Relaxed);
            if lost > 0 {
                bytes.extend_from_slice(format!("({lost} lines dropped)\n").as_bytes());
            }
            bytes.extend_from_slice(&line);
        }
        Message::Live(text) => *live = text.chars().take(LIVE_CHARS_MAX).collect(),
        Message::Flush(done) => {
            let _gone = done.send(());
        }
    }
    bytes.extend_from_slice(live.as_bytes());
    out.write_all(&bytes)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_line_stays_below_the_log() {
        let (dropped, mut live, mut out) = (AtomicU64::new(0), String::new(), Vec::new());
        let mut write = |message| write_one(message, &mut live, &dropped, &mut out).unwrap();
        write(Message::Line(b"one\n".to_vec()));
        write(Message::Live("30 fps".to_owned()));
        write(Message::Line(b"two\n".to_vec()));
        write(Message::Live(String::new()));
        write(Message::Line(b"three\n".to_vec()));
        let expected = "one\n30 fps\r\x1b[Ktwo\n30 fps\r\x1b[Kthree\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn dropped_lines_are_owned_up_to() {
        let (dropped, mut live, mut out) = (AtomicU64::new(3), String::new(), Vec::new());
        for _ in 0..2 {
            write_one(
                Message::Line(b"x\n".to_vec()),
                &mut live,
                &dropped,
                &mut out,
            )
            .unwrap();
        }
        assert_eq!(out, b"(3 lines dropped)\nx\nx\n");
    }
}
