//! The control socket: how `status`, `stop`, `restart` and `reload` reach the running supervisor.
//!
//! A Unix socket in the runtime folder, which only this user can enter. One line of JSON asks, one
//! line of JSON answers; a `stop` connection then stays open until the supervisor is gone. Each
//! connection has a thread, and there are few of them; the main loop answers.

use crate::config::Infer;
use crate::event::Event;
use crate::failure::Failure;
use crate::units::Outcome;
use serde::{Deserialize, Serialize};
use shm_layout::control::BoxStatus;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

/// Longest request, in bytes.
const REQUEST_BYTES_MAX: u64 = 4096;

/// Most connections at a time; one more is closed.
const CONNECTIONS_MAX: usize = 16;

/// How long a connection may take to ask, and the main loop to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "lowercase", deny_unknown_fields)]
pub enum Request {
    /// How the box is doing.
    Status,
    /// Drain and end.
    Stop,
    /// Replace the process of a unit, or of all units of a kind.
    Restart {
        /// Name of the unit, or `capture`, `infer`.
        unit: String,
    },
    /// Read the configuration again and apply what changed.
    Reload,
    /// Which models the box runs with, and where its taught gestures are kept.
    Models,
    /// How the replacement of a process is doing.
    Outcome {
        /// Name of the unit.
        unit: String,
        /// The generation that [`Reply::Restarting`] named.
        generation: u64,
    },
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reply {
    /// To [`Request::Status`].
    Status(Box<BoxStatus>),
    /// To [`Request::Stop`]: it has begun; the connection ends when it is done.
    Stopping {
        /// Process id of the supervisor.
        pid: u32,
    },
    /// To [`Request::Restart`]: these units, each with the generation that is being replaced.
    Restarting(Vec<(String, u64)>),
    /// To [`Request::Reload`]: it has begun; `reload` of the status tells how it goes on.
    Reloading {
        /// `number` there.
        number: u64,
    },
    /// To [`Request::Models`].
    Models(Infer),
    /// To [`Request::Outcome`].
    Outcome(Outcome),
    /// The request cannot be fulfilled.
    Error {
        /// Why not.
        error: String,
        /// What to do.
        hint: Option<String>,
    },
}

/// The open socket; removed when dropped.
#[derive(Debug)]
pub struct ControlSocket {
    path: PathBuf,
}

impl ControlSocket {
    /// Listens on `path`, replacing what a dead supervisor left there. The caller holds the
    /// instance's lock.
    ///
    /// # Errors
    ///
    /// [`Failure::System`] if the socket cannot be made.
    pub fn open(path: &Path, events: SyncSender<Event>) -> Result<Self, Failure> {
        let failed = |source| Failure::System {
            what: "open the control socket",
            source,
        };
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        let socket = Self {
            path: path.to_owned(),
        };
        let accept = move || accept_all(&listener, &events);
        let thread = std::thread::Builder::new().name("control-socket".to_owned());
        thread.spawn(accept).map_err(failed)?;
        Ok(socket)
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // If it stays behind, the next supervisor replaces it.
        let _removed = std::fs::remove_file(&self.path);
    }
}

fn accept_all(listener: &UnixListener, events: &SyncSender<Event>) {
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming().flatten() {
        let (events, open) = (events.clone(), Arc::clone(&open));
        // ORDERING: Relaxed - a count that only bounds; nothing else is read through it.
        if open.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS_MAX {
            open.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let serve = move || {
            // A connection that breaks is the client's affair.
            let _broken = serve(stream, &events);
            open.fetch_sub(1, Ordering::Relaxed);
        };
        let thread = std::thread::Builder::new().name("control-client".to_owned());
        if thread.spawn(serve).is_err() {
            return;
        }
    }
}

fn serve(mut stream: UnixStream, events: &SyncSender<Event>) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new((&stream).take(REQUEST_BYTES_MAX)).read_line(&mut line)?;
    let reply = match serde_json::from_str(&line) {
        Ok(request) => ask_main_loop(request, events),
        Err(error) => Reply::Error {
            error: format!("not a request: {error}"),
            hint: None,
        },
    };
    let mut bytes = serde_json::to_vec(&reply)?;
    bytes.push(b'\n');
    stream.write_all(&bytes)?;
    if matches!(reply, Reply::Stopping { .. }) {
        // Held open until this process ends, or the client has gone.
        stream.set_read_timeout(None)?;
        io::copy(&mut stream, &mut io::sink())?;
    }
    Ok(())
}

fn ask_main_loop(request: Request, events: &SyncSender<Event>) -> Reply {
    let (answer, reply) = sync_channel(1);
    let silent = || Reply::Error {
        error: "the supervisor does not answer".to_owned(),
        hint: None,
    };
    if events.send(Event::Request(request, answer)).is_err() {
        return silent();
    }
    reply.recv_timeout(PATIENCE).unwrap_or_else(|_| silent())
}

/// Asks the supervisor behind `path`; the connection is given back with the answer.
///
/// # Errors
///
/// The system's: nobody listens there, or the answer does not come or makes no sense.
pub fn ask(path: &Path, request: &Request) -> io::Result<(Reply, UnixStream)> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE + Duration::from_secs(1)))?;
    let mut bytes = serde_json::to_vec(request)?;
    bytes.push(b'\n');
    stream.write_all(&bytes)?;
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line)?;
    Ok((serde_json::from_str(&line)?, stream))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answering(path: &Path, answer: impl Fn(Request) -> Reply + Send + 'static) -> ControlSocket {
        let (events, inbox) = sync_channel(1);
        let socket = ControlSocket::open(path, events).unwrap();
        std::thread::spawn(move || {
            for event in inbox {
                if let Event::Request(request, reply) = event {
                    reply.send(answer(request)).unwrap();
                }
            }
        });
        socket
    }

    #[test]
    fn question_reaches_the_main_loop_and_its_answer_comes_back() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("lab.sock");
        std::fs::write(&path, "left behind").unwrap();
        let socket = answering(&path, |request| match request {
            Request::Restart { unit } => Reply::Restarting(vec![(unit, 3)]),
            _ => Reply::Stopping { pid: 1 },
        });
        let request = Request::Restart {
            unit: "infer/0".to_owned(),
        };
        let (reply, _) = ask(&path, &request).unwrap();
        assert_eq!(reply, Reply::Restarting(vec![("infer/0".to_owned(), 3)]));
        drop(socket);
        assert!(ask(&path, &request).is_err(), "the socket is gone");
    }

    #[test]
    fn what_is_no_request_is_answered_as_such() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("lab.sock");
        let _socket = answering(&path, |_| Reply::Stopping { pid: 1 });
        for text in ["", "{}", "{\"request\":\"explode\"}", &"x".repeat(10_000)] {
            let mut stream = UnixStream::connect(&path).unwrap();
            // The far end may close before all of an overlong text is written.
            let _closed = writeln!(stream, "{text}");
            let mut line = String::new();
            if BufReader::new(&stream).read_line(&mut line).is_ok() && !line.is_empty() {
                let reply: Reply = serde_json::from_str(&line).unwrap();
                assert!(matches!(reply, Reply::Error { .. }), "{text}: {reply:?}");
            }
        }
    }
}
