//! A Unix stream socket: the whole frame in one `write_all`, into a private buffer of the reader.

use super::job::Job;
use super::peer::{PATIENCE, Pace, Reader, private_frame, say_ready};
use super::samples::{RunResult, Samples, stamp};
use anyhow::Result;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};

/// Sends the frames of `job` and returns what the reader found.
///
/// # Errors
///
/// The socket or the reader failed.
pub fn write(job: &Job) -> Result<RunResult> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("frames");
    let listener = UnixListener::bind(&path)?;
    let mut reader = Reader::start(job, &path.to_string_lossy())?;
    reader.await_ready()?;
    let (mut stream, _) = listener.accept()?;
    let mut source = private_frame(job);
    let pace = Pace::start(job);
    for index in 0..job.frames {
        pace.await_frame(index);
        stamp(&mut source);
        stream.write_all(&source)?;
    }
    reader.finish()
}

/// Reads frames from the socket at `path` until all came.
///
/// # Errors
///
/// The socket failed, or no frame came for a while.
pub fn read(job: &Job, path: &str, samples: &mut Samples) -> Result<()> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut frame = vec![0; job.size.len_bytes()];
    say_ready();
    for _ in 0..job.frames {
        stream.read_exact(&mut frame)?;
        samples.frame(&frame, None);
    }
    Ok(())
}
