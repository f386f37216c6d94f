//! A box of its own for each test: the real `supervisor start`, with its own instance name,
//! runtime folder, temporary folder and ports.
//!
//! Upstream: the tests. Downstream: the real binaries. [`TestBox`] never outlives its test:
//! dropping it ends the supervisor and whatever that left, and prints the log if the test failed.
//! Waiting is on states of `supervisor status --json`.

mod builder;
mod permit;
mod remains;

pub use builder::BoxBuilder;

use crate::client::http::{self, Reply};
use crate::{binaries, process, wait};
use permit::Permit;
use shm_layout::Segment;
use shm_layout::control::{BoxState, BoxStatus, SourceStatus, UnitState, UnitStatus};
use shm_layout::segment::{Access, SegmentName};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use tempfile::TempDir;

/// One running box.
#[derive(Debug)]
pub struct TestBox {
    name: String,
    instance: String,
    scratch: TempDir,
    supervisor: Mutex<Option<Child>>,
    arguments: Vec<String>,
    under: Vec<String>,
    _permit: Permit,
}

impl TestBox {
    /// A box with one moving test picture at 30 pictures a second, ready.
    ///
    /// # Panics
    ///
    /// If it does not get ready.
    #[must_use]
    pub fn start(name: &str) -> Self {
        Self::builder(name).source("pattern:").start()
    }

    /// A box to be described first.
    pub fn builder(name: &str) -> BoxBuilder {
        BoxBuilder::new(name)
    }

    /// Its instance name.
    #[must_use]
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// Its segment's name.
    #[must_use]
    pub fn segment(&self) -> SegmentName {
        SegmentName::new(&self.instance)
    }

    /// A folder of its own, gone with it.
    #[must_use]
    pub fn scratch(&self) -> PathBuf {
        self.scratch.path().to_owned()
    }

    fn runtime_dir(&self) -> PathBuf {
        self.scratch.path().join("run")
    }

    fn tmp_dir(&self) -> PathBuf {
        self.scratch.path().join("tmp")
    }

    /// Where the black boxes of this box go.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.scratch.path().join("state")
    }

    fn log_path(&self) -> PathBuf {
        self.scratch.path().join("log")
    }

    /// What the supervisor wrote so far, over all its starts.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.log_path()).unwrap_or_default()).into_owned()
    }

    /// Waits until the log has a line with `text`.
    ///
    /// # Panics
    ///
    /// If it does not get one.
    #[track_caller]
    pub fn await_log(&self, text: &str) {
        wait::until_true(&format!("`{text}` in the log"), || {
            self.log().contains(text)
        });
    }

    fn environment(&self) -> [(&str, PathBuf); 3] {
        [
            ("XDG_RUNTIME_DIR", self.runtime_dir()),
            ("XDG_STATE_HOME", self.state_dir()),
            ("TMPDIR", self.tmp_dir()),
        ]
    }

    /// A command of the supervisor's program for this box, ready to be run.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binaries::path("supervisor"));
        command
            .args(["--instance", &self.instance])
            .args(arguments)
            .envs(self.environment())
            .env_remove("WIGWAG_LOG")
            .stdin(Stdio::null());
        command
    }

    /// Runs such a command to its end.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments)
            .output()
            .expect("the supervisor's program can be started")
    }

    /// Starts the supervisor, again if need be. Waits for nothing.
    ///
    /// # Panics
    ///
    /// If it cannot be started, or is running.
    pub fn spawn(&self) {
        let log = || {
            let mut options = std::fs::OpenOptions::new();
            options
                .create(true)
                .append(true)
                .open(self.log_path())
                .expect("the log can be written")
        };
        // If this test process dies, the box is told to stop.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "--"])
            .args(&self.under)
            .arg(binaries::path("supervisor"))
            .args(["--instance", &self.instance, "start"])
            .args(&self.arguments)
            .envs(self.environment())
            .env_remove("WIGWAG_LOG")
            .stdin(Stdio::null())
            .stdout(log())
            .stderr(log())
            .spawn()
            .expect("the supervisor can be started");
        let before = self.child().replace(child);
        assert!(before.is_none(), "the supervisor is running");
    }

    fn child(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.supervisor
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Process id of the supervisor.
    ///
    /// # Panics
    ///
    /// If it was not started.
    #[must_use]
    pub fn supervisor_pid(&self) -> u32 {
        self.child()
            .as_ref()
            .expect("the supervisor was started")
            .id()
    }

    /// How the supervisor ended, if it did.
    fn ended(&self) -> Option<ExitStatus> {
        self.child()
            .as_mut()
            .and_then(|child| child.try_wait().ok().flatten())
    }

    /// Waits until the supervisor has ended by itself, and says how.
    ///
    /// # Panics
    ///
    /// If it does not end.
    #[track_caller]
    pub fn await_end(&self) -> ExitStatus {
        let end = wait::until("the supervisor ends", || self.ended());
        self.child().take();
        end
    }

    /// The status that `supervisor status --json` prints; `None` while nobody answers.
    #[must_use]
    pub fn try_status(&self) -> Option<BoxStatus> {
        let output = self.run(&["status", "--json"]);
        output.status.success().then(|| {
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
                let text = String::from_utf8_lossy(&output.stdout);
                panic!("`status --json` prints no status: {error}: {text}")
            })
        })
    }

    /// The same, of a box that runs.
    ///
    /// # Panics
    ///
    /// If nobody answers.
    #[track_caller]
    #[must_use]
    pub fn status(&self) -> BoxStatus {
        self.try_status().expect("the supervisor answers")
    }

    /// Waits until the status has what `look` looks for.
    ///
    /// # Panics
    ///
    /// If that does not happen, or the supervisor ends.
    #[track_caller]
    pub fn await_status<T>(&self, what: &str, mut look: impl FnMut(&BoxStatus) -> Option<T>) -> T {
        wait::until(what, || {
            if let Some(end) = self.ended() {
                panic!("the supervisor ended ({end}) instead of: {what}");
            }
            self.try_status().as_ref().and_then(&mut look)
        })
    }

    /// Waits until every unit is ready and every source is live.
    ///
    /// # Panics
    ///
    /// As [`Self::await_status`].
    #[track_caller]
    pub fn await_ready(&self) -> BoxStatus {
        self.await_status("the box is ready", |status| {
            (status.state == BoxState::Ready).then(|| status.clone())
        })
    }

    /// Waits until some unit is as wanted.
    ///
    /// # Panics
    ///
    /// As [`Self::await_status`].
    #[track_caller]
    pub fn await_unit(&self, what: &str, wanted: impl Fn(&UnitStatus) -> bool) -> UnitStatus {
        self.await_status(what, |status| {
            status.units.iter().find(|unit| wanted(unit)).cloned()
        })
    }

    /// Waits until the unit `name` is ready in a later generation than `generation`.
    ///
    /// # Panics
    ///
    /// As [`Self::await_status`].
    #[track_caller]
    pub fn await_successor(&self, name: &str, generation: u64) -> UnitStatus {
        self.await_unit(&format!("{name} is ready again"), |unit| {
            unit.name == name && unit.generation > generation && unit.state == UnitState::Ready
        })
    }

    /// The unit `name`, now.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[track_caller]
    #[must_use]
    pub fn unit(&self, name: &str) -> UnitStatus {
        let units = self.status().units;
        units
            .into_iter()
            .find(|unit| unit.name == name)
            .expect("there is such a unit")
    }

    /// Process id of the unit `name`, which is up.
    ///
    /// # Panics
    ///
    /// If it is not.
    #[track_caller]
    #[must_use]
    pub fn pid(&self, name: &str) -> u32 {
        self.unit(name).pid.expect("the unit is up")
    }

    /// The source `name`, now.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[track_caller]
    #[must_use]
    pub fn source(&self, name: &str) -> SourceStatus {
        let sources = self.status().sources;
        sources
            .into_iter()
            .find(|source| source.name == name)
            .expect("there is such a source")
    }

    /// Sequence of the newest frame of `source`, straight from the segment: the status tells it
    /// only about once a second.
    ///
    /// # Panics
    ///
    /// If there is no such source, or no segment.
    #[track_caller]
    #[must_use]
    pub fn newest(&self, source: &str) -> u64 {
        let sources = self.status().sources;
        let ring = sources
            .iter()
            .position(|found| found.name == source)
            .expect("such a source");
        let segment = Segment::attach(&self.segment(), None, Access::Read);
        segment.expect("the box has a segment").newest(ring)
    }

    /// Address of the page and the API.
    ///
    /// # Panics
    ///
    /// If nobody answers.
    #[track_caller]
    #[must_use]
    pub fn http(&self) -> String {
        self.status().http
    }

    /// Address of the wire protocol.
    ///
    /// # Panics
    ///
    /// If nobody answers.
    #[track_caller]
    #[must_use]
    pub fn wire(&self) -> String {
        self.status().wire
    }

    /// The answer to `GET path`.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[track_caller]
    #[must_use]
    pub fn http_get(&self, path: &str) -> Reply {
        http::get(&self.http(), path)
    }

    /// Stops the box by `signal` to its supervisor, waits for its end, and says how it ended.
    ///
    /// # Panics
    ///
    /// If it does not end.
    #[track_caller]
    pub fn stop_by_signal(&self, signal: &str) -> ExitStatus {
        process::signal(self.supervisor_pid(), signal);
        self.await_end()
    }

    /// Stops the box as a user does, and makes sure that nothing is left of it.
    ///
    /// # Panics
    ///
    /// If it does not stop with exit code 0, or leaves anything.
    #[track_caller]
    pub fn stop(&self) {
        let output = self.run(&["stop"]);
        assert!(output.status.success(), "`stop` failed: {output:?}");
        assert_eq!(self.await_end().code(), Some(0), "the supervisor's end");
        self.assert_nothing_left();
    }
}
