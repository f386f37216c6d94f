//! The two processes of a run: a writer, and the reader that it starts.
//!
//! The orchestrator starts `wigwag-bench ring-writer JOB`, that one starts `wigwag-bench
//! ring-reader JOB PLACE` by fork and exec, waits until it says `ready`, and paces the frames. The
//! reader prints one line of JSON at the end, which becomes the writer's own output. Either ends
//! by itself; a reader dies with its writer.

use super::job::{Job, Transport};
use super::samples::{RunResult, Samples};
use super::{iceoryx, memcpy, socket, wigwag};
use anyhow::{Context, Result, bail, ensure};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use shm_layout::MonotonicNs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// How long a reader waits for the next frame before it gives up.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// What the writer's process does: one run, its result on standard output.
///
/// # Errors
///
/// The transport failed.
pub fn write(arguments: &[String]) -> Result<()> {
    die_with_parent()?;
    let job = Job::parse(arguments)?;
    let result = match job.transport {
        Transport::MemcpyHot => memcpy::run(&job, false),
        Transport::MemcpyPaced => memcpy::run(&job, true),
        Transport::Wigwag => wigwag::write(&job)?,
        Transport::Iceoryx2 => iceoryx::write(&job)?,
        Transport::Socket => socket::write(&job)?,
        Transport::ManagerList | Transport::ManagerDict | Transport::ManagerBytes => {
            bail!("Python moves these frames")
        }
    };
    println!("{}", serde_json::to_string(&result)?);
    Ok(())
}

/// What the reader's process does.
///
/// # Errors
///
/// As for [`write`].
pub fn read(arguments: &[String]) -> Result<()> {
    die_with_parent()?;
    let (place, arguments) = arguments.split_last().context("expected JOB PLACE")?;
    let job = Job::parse(arguments)?;
    let mut samples = Samples::default();
    match job.transport {
        Transport::Wigwag => wigwag::read(&job, place, &mut samples)?,
        Transport::Iceoryx2 => iceoryx::read(&job, place, &mut samples)?,
        Transport::Socket => socket::read(&job, place, &mut samples)?,
        other => bail!("{} has no reader", other.name()),
    }
    println!("{}", serde_json::to_string(&samples.finish(&job))?);
    Ok(())
}

fn die_with_parent() -> Result<()> {
    prctl::set_pdeathsig(Signal::SIGKILL).context("cannot ask for a parent-death signal")
}

/// The reader's process, as its writer sees it.
#[derive(Debug)]
pub struct Reader {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Reader {
    /// Starts the reader of `job` at `place`: a segment, a service or a socket.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub fn start(job: &Job, place: &str) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("ring-reader")
            .args(job.arguments())
            .arg(place)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the reader")?;
        let output = process.stdout.take().context("the reader has no output")?;
        Ok(Self {
            process,
            output: BufReader::new(output),
        })
    }

    /// Returns once the reader waits for frames.
    ///
    /// # Errors
    ///
    /// It ended instead.
    pub fn await_ready(&mut self) -> Result<()> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        ensure!(line.trim() == "ready", "the reader did not start");
        Ok(())
    }

    /// Waits for its result.
    ///
    /// # Errors
    ///
    /// It failed.
    pub fn finish(mut self) -> Result<RunResult> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let status = self.process.wait()?;
        ensure!(status.success(), "the reader ended with {status}");
        serde_json::from_str(&line).context("the reader's result")
    }
}

/// Told by a reader when it waits for frames.
pub fn say_ready() {
    println!("ready");
}

/// Hands out the moments at which frames are due.
#[derive(Debug)]
pub struct Pace {
    began: MonotonicNs,
    fps: u64,
}

impl Pace {
    /// The first frame is due a tenth of a second from now: the reader has gone to sleep by then.
    #[must_use]
    pub fn start(job: &Job) -> Self {
        Self {
            began: MonotonicNs(MonotonicNs::now().0 + 100_000_000),
            fps: job.fps,
        }
    }

    /// Sleeps until frame `index` is due.
    pub fn await_frame(&self, index: u64) {
        let due = MonotonicNs(self.began.0 + index * 1_000_000_000 / self.fps);
        std::thread::sleep(due.since(MonotonicNs::now()));
    }
}

/// A private frame to copy from.
#[must_use]
pub fn private_frame(job: &Job) -> Vec<u8> {
    (0..job.size.len_bytes()).map(|index| index as u8).collect()
}
