//! The messages between the supervisor and its workers, and the status of a box.
//!
//! They travel over ipc-channel and are small and rare: start, ready, state changes, one report a
//! second, drain. Frames and predictions never do.
//!
//! Order: the worker connects to the one-shot server named on its command line and sends
//! [`Hello`]; the supervisor answers [`ToWorker::Start`]; the worker sends [`FromWorker::Ready`]
//! once it works.

mod access;
mod assignment;
mod backend;
mod certificate;
mod measured;
mod rtp;
mod source;
mod status;
mod steady;
mod taught;

pub use access::{
    ACCESS_NAME_LEN_MAX, AccessEntry, AccessRules, BoxOrder, EndedSession, Permission, Permissions,
    SessionKey, SessionSeed,
};
pub use assignment::{
    Assignment, CaptureAssignment, GatewayAssignment, InferAssignment, SourceName,
};
pub use backend::Backend;
pub use certificate::{
    CertificateAnswer, CertificateInfo, CertificateProblem, CertificateReport, TlsFiles,
};
pub use rtp::RtpAssignment;
pub use source::{PUSH, PushLimits, SourceKind, SourceMode, SourceReport, SourceState};
pub use status::{
    BoxState, BoxStatus, ModelInfo, ReloadState, ReloadStatus, SourceStatus, TrafficReport,
    UnitChange, UnitState, UnitStatus,
};
pub use steady::{GestureRules, SteadySettings, WINDOW_MAX};
pub use taught::{HandSide, TaughtGesture};

use ipc_channel::ipc::{IpcReceiver, IpcSender};
use serde::{Deserialize, Serialize};

/// File descriptor on which every worker inherits the segment.
pub const FD_SEGMENT: i32 = 3;
/// File descriptor on which the gateway inherits its HTTP listener.
pub const FD_HTTP: i32 = 4;
/// File descriptor on which the gateway inherits its wire-protocol listener.
pub const FD_WIRE: i32 = 5;
/// File descriptor on which the gateway inherits its HTTP listener at a path, if it has one.
pub const FD_HTTP_UNIX: i32 = 6;
/// File descriptor on which every infer-worker inherits the file in memory for the weights that they
/// share.
pub const FD_WEIGHTS: i32 = 7;

/// The program that a unit runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// `capture-worker`: one for each source with a camera or a file.
    Capture = 1,
    /// `infer-worker`: one or more.
    Infer = 2,
    /// `net-gateway`: one.
    Gateway = 3,
}

impl Role {
    /// Name of the binary.
    #[must_use]
    pub fn program(self) -> &'static str {
        match self {
            Self::Capture => "capture-worker",
            Self::Infer => "infer-worker",
            Self::Gateway => "net-gateway",
        }
    }
}

/// First message on the one-shot server of a unit.
#[derive(Debug, Serialize, Deserialize)]
pub enum Hello {
    /// From the worker.
    Worker {
        /// Its process id.
        pid: u32,
        /// Its generation, as on its command line.
        generation: u64,
        /// The layout it was built with.
        layout_hash: u64,
        /// Where it listens.
        commands: IpcSender<ToWorker>,
        /// Where it speaks.
        reports: IpcReceiver<FromWorker>,
    },
    /// From the supervisor to itself: the worker died before it connected, stop accepting.
    Abort,
}

/// From the supervisor to a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum ToWorker {
    /// What to do; the first message.
    Start(Box<Start>),
    /// How the box is doing: once a second and at every change, to the gateway only.
    Status(Box<BoxStatus>),
    /// Nothing: taking it in shows that the worker listens. A few times a second.
    Ping,
    /// The configuration was changed in what needs no other process.
    Settings(Settings),
    /// Logins that were ended at a gateway; to every gateway.
    SessionsEnded(Vec<EndedSession>),
    /// Finish what is in hand and exit with code 0.
    Drain,
}

/// What a worker needs to know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Start {
    /// Its work.
    pub assignment: Assignment,
    /// How long to go on after the supervisor is gone, before draining; milliseconds.
    pub orphan_grace_ms: u64,
    /// The logins at the gateways before; to the gateway only.
    pub sessions: Option<Box<SessionSeed>>,
}

/// What a worker can change while it works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// As [`Start::orphan_grace_ms`].
    pub orphan_grace_ms: u64,
    /// Lowest level of its log: `error`, `warn`, `info`, `debug` or `trace`.
    pub log_level: String,
}

/// From a worker to the supervisor.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum FromWorker {
    /// It works now.
    Ready,
    /// The model that an infer-worker loaded; before [`Self::Ready`].
    Model(ModelInfo),
    /// A source changed its state.
    Source(SourceReport),
    /// What the gateway carries; once a second.
    Traffic(TrafficReport),
    /// How the gateway stands with its certificate; at first and when that changes.
    Certificate(CertificateReport),
    /// How long an infer-worker's model takes for a frame with all its networks, measured when it
    /// was loaded, in ms; before [`Self::Ready`].
    Pace {
        /// At least 1.
        frame_ms: u64,
    },
    /// Somebody logged out at the gateway.
    SessionEnded(EndedSession),
    /// A client of the gateway that may do so orders something.
    Order(BoxOrder),
}

#[cfg(test)]
mod tests;
