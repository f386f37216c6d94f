//! Starts a box of its own for a measurement, asks how it is, and stops it.
//!
//! One clip source at 30 frames a second that shows an open hand all the time, one infer-worker,
//! free ports, everything else as the defaults are; except that the recovery measurement lets a
//! unit die more often than a box in the field would.

use crate::options::Options;
use crate::program;
use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Name of the one source.
pub const SOURCE: &str = "cam0";
/// Frames of the demo clip in which the hand is held open, all of them.
const HOLD: std::ops::RangeInclusive<usize> = 27..=56;
/// How long the box may take to start, stop or bring a unit back.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is asked meanwhile.
const LOOK: Duration = Duration::from_millis(20);

/// One unit of the box.
#[derive(Debug, Clone, Deserialize)]
pub struct Unit {
    /// `capture/cam0`, `infer/0` or `gateway`.
    pub name: String,
    /// `ready`, …
    pub state: String,
    /// Process id while it is up.
    pub pid: Option<i32>,
    /// Number of its spawn.
    pub generation: u64,
}

#[derive(Debug, Deserialize)]
struct Status {
    state: String,
    pid: i32,
    http: String,
    wire: String,
    units: Vec<Unit>,
}

/// What a box is to be.
#[derive(Debug)]
pub struct Setup {
    /// Content of `hand.mjpeg` beside the configuration.
    pub clip: Vec<u8>,
    /// The configuration.
    pub config: String,
}

/// A box that runs until this is dropped.
#[derive(Debug)]
pub struct RunningBox {
    supervisor: Child,
    program: PathBuf,
    instance: String,
    folder: TempDir,
    http: SocketAddr,
    wire: SocketAddr,
}

impl RunningBox {
    /// Starts a box and waits until every unit is ready.
    ///
    /// # Errors
    ///
    /// It does not come up; with the end of its log.
    pub fn start(options: &Options, purpose: &str) -> Result<Self> {
        let clip = fs::read(options.demo_clip())
            .with_context(|| format!("cannot read {}", options.demo_clip().display()))?;
        let setup = Setup {
            clip: hold_frames(&clip)?,
            config: configuration(options),
        };
        Self::start_with(options, purpose, &setup)
    }

    /// The same with another clip and configuration.
    ///
    /// # Errors
    ///
    /// As [`Self::start`].
    pub fn start_with(options: &Options, purpose: &str, setup: &Setup) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("hand.mjpeg"), &setup.clip)?;
        let config = folder.path().join("wigwag.toml");
        fs::write(&config, &setup.config)?;
        let log = fs::File::create(folder.path().join("log"))?;
        let instance = format!("bench-{purpose}-{}", std::process::id());
        let program = options.program("supervisor");
        let supervisor = Command::new(&program)
            .args(["start", "--instance", &instance, "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut running = Self {
            supervisor,
            program,
            instance,
            folder,
            http: nowhere,
            wire: nowhere,
        };
        let status =
            running.await_status("every unit is ready", |status| status.state == "ready")?;
        running.http = status.http.parse().context("the box's HTTP address")?;
        running.wire = status.wire.parse().context("the box's wire address")?;
        Ok(running)
    }

    /// Address of HTTP.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// Address of the wire protocol.
    #[must_use]
    pub fn wire(&self) -> SocketAddr {
        self.wire
    }

    /// Name and process id of every process of the box, the supervisor first.
    ///
    /// # Errors
    ///
    /// The box does not answer.
    pub fn processes(&self) -> Result<Vec<(String, i32)>> {
        let status = self.status()?;
        let units = status
            .units
            .into_iter()
            .filter_map(|unit| Some((unit.name, unit.pid?)));
        Ok([("supervisor".to_owned(), status.pid)]
            .into_iter()
            .chain(units)
            .collect())
    }

    /// The unit whose name begins with `kind`, once it is ready in a generation above `after`.
    ///
    /// # Errors
    ///
    /// It does not get ready.
    pub fn await_ready(&self, kind: &str, after: Option<u64>) -> Result<Unit> {
        let wanted = |unit: &Unit| {
            let newer = after.is_none_or(|generation| unit.generation > generation);
            unit.name.starts_with(kind) && unit.state == "ready" && newer && unit.pid.is_some()
        };
        let status = self.await_status(kind, |status| status.units.iter().any(wanted))?;
        status
            .units
            .into_iter()
            .find(wanted)
            .context("the unit vanished")
    }

    fn status(&self) -> Result<Status> {
        let mut command = Command::new(&self.program);
        command.args(["status", "--json", "--instance", &self.instance]);
        Ok(serde_json::from_str(&program::output(command, PATIENCE)?)?)
    }

    fn await_status(&self, what: &str, condition: impl Fn(&Status) -> bool) -> Result<Status> {
        let deadline = Instant::now() + PATIENCE;
        let mut last = None;
        while Instant::now() < deadline {
            match self.status() {
                Ok(status) if condition(&status) => return Ok(status),
                other => last = Some(other),
            }
            std::thread::sleep(LOOK);
        }
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(20)..].join("\n");
        bail!("waited in vain for: {what}; the box said last: {last:?}; its log:\n{tail}")
    }
}

impl Drop for RunningBox {
    fn drop(&mut self) {
        let workers = self.processes().unwrap_or_default();
        let pid = Pid::from_raw(self.supervisor.id() as i32);
        // A supervisor that has ended cannot be asked to, and need not be.
        let _ended = kill(pid, Signal::SIGINT);
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if matches!(self.supervisor.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(LOOK);
        }
        eprintln!("the box did not stop by itself and is killed");
        let _ended = self.supervisor.kill();
        let _ended = self.supervisor.wait();
        for (_, pid) in workers {
            let _ended = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

/// The policy stays what it is, a first death means an immediate restart; only what counts as
/// healthy and as too often is set so that thirty deaths fit into minutes. The models are those of
/// this checkout, wherever the binaries lie.
fn configuration(options: &Options) -> String {
    let manifest = options.manifest();
    format!(
        r#"[sources.{SOURCE}]
type = "clip"
path = "hand.mjpeg"
fps = 30.0
looped = true

[infer]
workers = 1
manifest = "{}"

[gateway]
http = "127.0.0.1:0"
wire = "127.0.0.1:0"

[restart]
healthy_s = 1
limit = 10000
"#,
        manifest.display()
    )
}

/// The frames of the clip in which the hand is held open.
///
/// # Errors
///
/// The clip is shorter than that.
pub fn hold_frames(clip: &[u8]) -> Result<Vec<u8>> {
    let starts: Vec<usize> = clip
        .windows(3)
        .enumerate()
        .filter(|(_, w)| w == b"\xff\xd8\xff")
        .map(|(at, _)| at)
        .collect();
    ensure!(
        starts.len() > HOLD.end() + 1,
        "the demo clip has {} frames only",
        starts.len()
    );
    Ok(clip[starts[*HOLD.start()]..starts[HOLD.end() + 1]].to_vec())
}
