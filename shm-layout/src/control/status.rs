//! The status of a box: what `supervisor status --json`, `/api/v1/status` and the page show.

use super::{CertificateInfo, CertificateProblem, Role, SourceState};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// State of a whole box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BoxState {
    /// Some unit was never ready yet.
    Starting,
    /// Every unit is ready and every source is live.
    Ready,
    /// Something is missing; the rest works.
    Degraded,
    /// Draining.
    Stopping,
}

/// State of a unit. *Up* is not *ready*: a unit is ready from its first heartbeat on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnitState {
    /// Not started.
    Down,
    /// Spawned, not ready yet.
    Starting,
    /// At work.
    Ready,
    /// Asked to drain.
    Stopping,
    /// Died; will be started again shortly.
    Backoff,
    /// Died too often, or cannot work as it is; tried again much later or not at all.
    Failed,
}

/// The status of a box.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoxStatus {
    /// Instance name.
    pub instance: String,
    /// Version of Wigwag.
    pub version: String,
    /// Process id of the supervisor.
    pub pid: u32,
    /// State of the whole.
    pub state: BoxState,
    /// Time since the start, milliseconds.
    pub uptime_ms: u64,
    /// Address of the page, e.g. `127.0.0.1:8080`.
    pub http: String,
    /// Address of the wire protocol.
    pub wire: String,
    /// Path of the listener for a proxy on this machine, if there is one.
    pub http_unix: Option<String>,
    /// The certificate that clients get; `None` = they come without TLS.
    pub tls: Option<CertificateInfo>,
    /// What is wrong with the certificate's files; without `tls`, nobody gets in with TLS meanwhile.
    pub tls_problem: Option<CertificateProblem>,
    /// Every unit.
    pub units: Vec<UnitStatus>,
    /// Every source.
    pub sources: Vec<SourceStatus>,
    /// The model, once an infer-worker loaded it.
    pub model: Option<ModelInfo>,
    /// Number of infer-workers.
    pub infer_workers: usize,
    /// What the gateway carries.
    pub traffic: TrafficReport,
    /// The last change of the configuration that was asked for; `None` = none since the start.
    pub reload: Option<ReloadStatus>,
}

impl BoxStatus {
    /// Whether clients are to begin with TLS, be there a certificate or not.
    #[must_use]
    pub fn has_tls(&self) -> bool {
        self.tls.is_some() || self.tls_problem.is_some()
    }
}

/// How far a reload of the configuration is, or how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReloadState {
    /// The configuration is read and checked.
    Checking,
    /// Units are being replaced.
    Changing,
    /// The first worker with a new model serves, and is watched.
    Trial,
    /// Something is brought back as it was.
    Reverting,
    /// It was the same as before.
    Unchanged,
    /// All of it is in force.
    Applied,
    /// None of it is: it was wrong, or cannot be applied while the box runs.
    Rejected,
    /// None of it is: a new process failed, and what was before is back.
    Reverted,
}

impl ReloadState {
    /// Whether nothing more will happen.
    #[must_use]
    pub fn is_final(self) -> bool {
        match self {
            Self::Checking | Self::Changing | Self::Trial | Self::Reverting => false,
            Self::Unchanged | Self::Applied | Self::Rejected | Self::Reverted => true,
        }
    }
}

/// A reload of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadStatus {
    /// Counts the reloads since the supervisor started.
    pub number: u64,
    /// How far it is, or how it ended.
    pub state: ReloadState,
    /// How long it has been in this state, milliseconds.
    pub since_ms: u64,
    /// Why it is not in force.
    pub problem: Option<String>,
    /// What to do about that.
    pub hint: Option<String>,
    /// What became of each unit, in plain words; last what took effect without any.
    pub changes: Vec<UnitChange>,
}

/// What a reload did to one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitChange {
    /// Name of the unit, or `supervisor`.
    pub unit: String,
    /// In plain words, e.g. `unchanged` or `replaced (gateway.jpeg_quality)`.
    pub outcome: String,
}

/// The status of one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitStatus {
    /// `capture/NAME`, `infer/N` or `gateway`.
    pub name: String,
    /// The program that it runs.
    pub kind: Role,
    /// State.
    pub state: UnitState,
    /// Process id while it is up.
    pub pid: Option<u32>,
    /// Number of the present or last spawn.
    pub generation: u64,
    /// Time since the last spawn while it is up, milliseconds.
    pub up_ms: Option<u64>,
    /// Times it was started again.
    pub restarts: u64,
    /// How it died last, e.g. `SIGKILL` or `exit code 69`.
    pub last_death: Option<String>,
    /// How long ago, milliseconds.
    pub last_death_ago_ms: Option<u64>,
    /// When it is tried again, milliseconds from now.
    pub retry_in_ms: Option<u64>,
    /// What its process-table entry counted, over all its generations, by the names of
    /// `process_table::Counter`; zeroes left out.
    pub counters: BTreeMap<String, u64>,
}

/// The status of one source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceStatus {
    /// Name in the config.
    pub name: String,
    /// `v4l2`, `clip`, `pattern` or `push`.
    pub kind: String,
    /// State.
    pub state: SourceState,
    /// In plain words.
    pub detail: String,
    /// Four-character code of the pixel format; empty until it is known.
    pub format: String,
    /// Width, pixels; 0 until it is known.
    pub width_px: u32,
    /// Height, pixels; 0 until it is known.
    pub height_px: u32,
    /// Nominal rate, frames a second; 0 until it is known.
    pub fps: f64,
    /// Whether fewer frames are published than come, because nobody needs all of them.
    pub is_idle: bool,
    /// Rate measured over the last second or two.
    pub measured_fps: f64,
    /// Newest sequence.
    pub sequence: u64,
    /// Predictions a second, measured likewise.
    pub predictions_per_s: f64,
    /// How long it has been in this state, milliseconds.
    pub since_ms: u64,
}

impl SourceStatus {
    /// Whether clients push it: then it is up to them whether frames come, and their silence is
    /// no fault of the box.
    #[must_use]
    pub fn is_pushed(&self) -> bool {
        self.kind == super::PUSH
    }
}

/// The model in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Name in the manifest.
    pub name: String,
    /// Profile within the manifest.
    pub profile: String,
    /// SHA-256 of the manifest, and of what was taught, in hex; the same as in each prediction.
    pub sha256: String,
    /// What it can tell apart, with what was taught.
    pub labels: Vec<String>,
    /// The last of these, which a user taught.
    #[serde(default)]
    pub taught: Vec<String>,
}

/// What the gateway carries.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct TrafficReport {
    /// Clients connected that watch or subscribe.
    pub clients: usize,
    /// Predictions that arrived, a second, all sources together.
    pub predictions_per_s: f64,
    /// Median time from capture to the prediction being readable in the gateway, ms, over the
    /// last ten seconds; `None` without predictions.
    pub latency_ms_p50: Option<f64>,
    /// 99th percentile of the same.
    pub latency_ms_p99: Option<f64>,
}
