//! How a worker speaks to people: log lines and its last words, both on standard error, from
//! where the supervisor takes them.

use crate::exit::ExitReason;
use crate::segment::{PlaceError, SegmentError};
use std::process::ExitCode;
use std::sync::OnceLock;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

/// Why a worker ends by itself.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct WorkerFailure {
    reason: ExitReason,
    what: String,
    hint: Option<String>,
}

impl WorkerFailure {
    /// A failure for `reason`; `what` names the thing and what is wrong with it.
    #[must_use]
    pub fn new(reason: ExitReason, what: impl Into<String>) -> Self {
        Self {
            reason,
            what: what.into(),
            hint: None,
        }
    }

    /// A bug in Wigwag.
    #[must_use]
    pub fn bug(what: impl Into<String>) -> Self {
        Self::new(ExitReason::Bug, what)
    }

    /// Wrong arguments: nobody but the supervisor starts workers.
    pub(super) fn usage(what: impl Into<String>) -> Self {
        Self::new(ExitReason::Usage, what).hint("workers are started by `supervisor start`")
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(mut self, act: impl Into<String>) -> Self {
        self.hint = Some(act.into());
        self
    }

    /// Prints the failure as log lines and returns its exit code.
    pub(super) fn print(&self) -> ExitCode {
        tracing::error!("{}", self.what);
        if let Some(hint) = &self.hint {
            tracing::error!("hint: {hint}");
        }
        ExitCode::from(self.reason as u8)
    }
}

impl From<SegmentError> for WorkerFailure {
    fn from(error: SegmentError) -> Self {
        let reason = match error {
            SegmentError::Mismatch { .. } => ExitReason::LayoutMismatch,
            _ => ExitReason::Unavailable,
        };
        Self::new(reason, error.to_string())
    }
}

impl From<PlaceError> for WorkerFailure {
    fn from(error: PlaceError) -> Self {
        Self::bug(error.to_string())
    }
}

/// The log's filter, to be exchanged while it is in use.
type Filter = reload::Handle<EnvFilter, Registry>;

static FILTER: OnceLock<Filter> = OnceLock::new();

/// One line for each event: `LEVEL text`. The supervisor adds time, unit and process id.
/// `WIGWAG_LOG` sets the level.
pub(super) fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("WIGWAG_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let (filter, handle) = reload::Layer::new(filter);
    let lines = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .without_time()
        // A broken pipe behind standard error (the supervisor was killed) must not end a worker
        // that could go on serving.
        .log_internal_errors(false);
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .init();
    // Only the first log of a process is one.
    let _set_before = FILTER.set(handle);
}

/// Changes the log's lowest level; without a log nothing.
pub(super) fn set_log_level(level: &str) {
    if let Some(filter) = FILTER.get() {
        // Fails only when the log is gone.
        let _gone = filter.reload(EnvFilter::new(level));
    }
}

/// A panic is a bug: say where, then end at once with a core, so that nothing half done goes on.
pub(super) fn abort_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!("{panic}");
        std::process::abort();
    }));
}
