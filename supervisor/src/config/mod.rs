//! The configuration of a box: one TOML file, a few command-line options, defaults for the rest.
//!
//! [`load`] reads and checks it; the other parts of the supervisor see only the typed [`Config`],
//! and workers get their share of it over the control channel. `keys` says which keys exist and
//! what they may be, `section` reads one table of them, `document` finds the line of each.
//!
//! Nothing here may touch a device, a socket or the segment: `check-config` runs it anywhere.

mod access_keys;
mod document;
mod error;
mod gateway_keys;
mod keys;
mod reference;
mod rtp_keys;
mod section;
mod setting;
mod source;
mod source_keys;
mod steady_keys;
mod tls_keys;

pub(crate) use access_keys::{open_door_hint, open_door_text};
pub use error::ConfigError;
#[cfg(test)]
pub(crate) use keys::load_text;
pub use keys::{Loaded, Options, load};
pub use rtp_keys::RtpOutput;
pub(crate) use section::nearest;
pub use setting::{Origin, Setting, to_toml};
pub(crate) use source::is_name;
pub use source::{DEMO_NAME, NAME_LEN_MAX, SourceConfig, SourceSpec};
pub use tls_keys::is_host_name;

use serde::{Deserialize, Serialize};
use shm_layout::control::{AccessEntry, Backend, Permissions, SteadySettings};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Everything that can be configured; [`Config::default`] is what runs without a file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Config {
    /// The sources in the order of the file; empty = first camera, else the demo clip.
    pub sources: Vec<SourceConfig>,
    /// `[infer]`
    pub infer: Infer,
    /// `[steady]` and `[gestures]`: when a gesture begins and ends.
    pub steady: SteadySettings,
    /// `[gateway]`
    pub gateway: Gateway,
    /// `[rtp.NAME]`, in the order of the file.
    pub rtp: Vec<RtpOutput>,
    /// `[restart]`
    pub restart: Restart,
    /// `[watchdog]`
    pub watchdog: Watchdog,
    /// `[segment]`
    pub segment: Segment,
    /// `[log]`
    pub log: Log,
    /// `[black_box]`
    pub black_box: BlackBox,
    /// `[tls]`
    pub tls: Tls,
    /// `[access.NAME]`, by name: who may do what.
    pub access: Vec<AccessEntry>,
}

/// `[infer]`: how hands are recognised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Infer {
    /// Number of infer-workers; 0 = half of the cores, at least 1, at most [`WORKERS_AUTO_MAX`].
    pub workers: u32,
    /// Which set of models of the manifest runs: `full` or `lite`.
    pub profile: String,
    /// Which set of gestures of the manifest is told apart; empty = the profile's own.
    pub gestures: String,
    /// Path of the model manifest; empty = the models that came with Wigwag.
    pub manifest: PathBuf,
    /// What runs the networks.
    pub backend: Backend,
    /// Path of ONNX Runtime's library; empty = it is searched for.
    pub onnxruntime_library: PathBuf,
    /// Folder of the gestures that were taught; empty = within the folder for state of the user, or
    /// of the system.
    pub taught: PathBuf,
    /// Most hands that are looked for in one frame.
    pub max_hands: u32,
    /// Frames per second that are looked at while nobody shows a hand.
    pub idle_fps: u32,
}

/// `[gateway]`: where clients connect, and how many may.
#[derive(Debug, Clone, PartialEq)]
pub struct Gateway {
    /// Address of the page, the streams and the API.
    pub http: SocketAddr,
    /// Address of the TCP wire protocol.
    pub wire: SocketAddr,
    /// Path of a Unix socket for the same as `http`; empty = none.
    pub http_unix: PathBuf,
    /// Who may connect there: the file's mode, three octal digits.
    pub http_unix_mode: String,
    /// JPEG quality for sources that deliver raw frames, 1..=100.
    pub jpeg_quality: u8,
    /// Most connections in all.
    pub max_clients: u32,
    /// Most connections from one address.
    pub max_clients_per_address: u32,
    /// A client that takes nothing for so long is let go, in ms.
    pub write_timeout_ms: u64,
    /// A source may give no frames for so long until its viewers are told, in ms.
    pub notice_after_ms: u64,
    /// Most other sizes, qualities and overlays of pictures that are made at a time.
    pub max_renditions: u32,
    /// A frame that is older than this when a client could have it is left out, in ms.
    pub staleness_ms: u64,
    /// Origins of other pages that may read answers; `*` is every one.
    pub cors_origins: Vec<String>,
    /// Addresses and networks of proxies whose `X-Forwarded-*` is believed.
    pub trusted_proxies: Vec<String>,
    /// Most clients at a time that push frames without naming a source.
    pub anonymous_sources: u32,
    /// What everybody may who comes over the network.
    pub allow_anonymous: Permissions,
    /// Names by which browsers may reach the box, beside addresses and the machine's own.
    pub hosts: Vec<String>,
    /// Failed attempts to log in from one address in a minute until it must wait.
    pub max_failed_logins_per_minute: u32,
    /// Most logins of browsers at a time.
    pub max_sessions: u32,
    /// A login that is not used ends after so long, in s.
    pub session_idle_s: u64,
    /// A login ends after so long in any case, in s.
    pub session_max_s: u64,
}

/// `[tls]`: encryption between clients and the box.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tls {
    /// Whether clients of `gateway.http` and `gateway.wire` must use it.
    pub enabled: bool,
    /// PEM file with the certificate and what leads to its root; empty = the box makes its own.
    pub certificate: PathBuf,
    /// PEM file with its private key; empty = in the certificate's file.
    pub key: PathBuf,
    /// Further names that the box's own certificate is for.
    pub names: Vec<String>,
}

/// `[restart]`: how a unit that died comes back.
#[derive(Debug, Clone, PartialEq)]
pub struct Restart {
    /// Wait before the second restart in a row, in ms; it doubles with each further one.
    pub backoff_min_ms: u64,
    /// Longest wait between two restarts, in ms.
    pub backoff_max_ms: u64,
    /// Deaths within the window after which a unit is given up (`failed`).
    pub limit: u32,
    /// Length of that window, in s.
    pub window_s: u64,
    /// A unit that was given up is tried again after this many s.
    pub retry_s: u64,
    /// A unit that was ready for this many s starts again without waiting.
    pub healthy_s: u64,
    /// The first infer-worker with a new model must serve this many s before a reload goes on.
    pub trial_s: u64,
    /// How long workers go on serving when the supervisor is gone, in ms.
    pub orphan_grace_ms: u64,
}

/// `[watchdog]`: how long a unit may be silent before it is killed.
#[derive(Debug, Clone, PartialEq)]
pub struct Watchdog {
    /// Longest time between two heartbeats of a capture-worker, in ms.
    pub capture_ms: u64,
    /// Longest time between two heartbeats of an infer-worker, in ms; 0 = by its model's pace.
    pub infer_ms: u64,
    /// Longest time between two heartbeats of the net-gateway, in ms.
    pub gateway_ms: u64,
    /// Longest time from start to ready, in ms.
    pub start_ms: u64,
    /// Longest time from the request to stop until the exit, in ms.
    pub drain_ms: u64,
}

/// `[segment]`: the shared memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Frame slots per source beyond the ones that the workers can hold at once.
    pub history: u32,
    /// Largest share of the machine's memory that the segment may take, in percent.
    pub max_ram_percent: u32,
}

/// `[log]`: what goes to stderr.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    /// Lowest level that is written: `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
}

/// `[black_box]`: what is kept of a process that died.
#[derive(Debug, Clone, PartialEq)]
pub struct BlackBox {
    /// Where it is kept; empty = the folder for state of the user, or of the system.
    pub folder: PathBuf,
    /// Most deaths that are kept, the latest ones; 0 = nothing is kept.
    pub max_entries: u32,
    /// Most bytes of all of them together.
    pub max_bytes: u64,
}

/// Most infer-workers that `workers = 0` starts: more helps only with several cameras.
pub const WORKERS_AUTO_MAX: usize = 4;

/// Port of the page unless configured.
const HTTP_PORT: u16 = 8080;

/// Port of the wire protocol unless configured.
const WIRE_PORT: u16 = 8090;

impl Default for Infer {
    fn default() -> Self {
        Self {
            workers: 0,
            profile: "full".to_owned(),
            gestures: String::new(),
            manifest: PathBuf::new(),
            backend: Backend::Tract,
            onnxruntime_library: PathBuf::new(),
            taught: PathBuf::new(),
            max_hands: 2,
            idle_fps: 10,
        }
    }
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            http: SocketAddr::from((Ipv4Addr::LOCALHOST, HTTP_PORT)),
            wire: SocketAddr::from((Ipv4Addr::LOCALHOST, WIRE_PORT)),
            http_unix: PathBuf::new(),
            http_unix_mode: "660".to_owned(),
            jpeg_quality: 80,
            max_clients: 256,
            max_clients_per_address: 64,
            write_timeout_ms: 10_000,
            notice_after_ms: 1_000,
            max_renditions: 8,
            staleness_ms: 2_000,
            cors_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            anonymous_sources: 0,
            allow_anonymous: Permissions::NONE,
            hosts: Vec::new(),
            max_failed_logins_per_minute: 10,
            max_sessions: 256,
            session_idle_s: 7 * 86_400,
            session_max_s: 30 * 86_400,
        }
    }
}

impl Default for Restart {
    fn default() -> Self {
        Self {
            backoff_min_ms: 100,
            backoff_max_ms: 5_000,
            limit: 10,
            window_s: 60,
            retry_s: 60,
            healthy_s: 30,
            trial_s: 30,
            orphan_grace_ms: 5_000,
        }
    }
}

impl Default for Watchdog {
    fn default() -> Self {
        Self {
            capture_ms: 900,
            infer_ms: 0,
            gateway_ms: 900,
            start_ms: 15_000,
            drain_ms: 5_000,
        }
    }
}

impl Default for Segment {
    fn default() -> Self {
        Self {
            history: 2,
            max_ram_percent: 25,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
        }
    }
}

impl Default for BlackBox {
    fn default() -> Self {
        Self {
            folder: PathBuf::new(),
            max_entries: 20,
            max_bytes: 100_000_000,
        }
    }
}

impl Config {
    /// The sources that are there for clients which name none, beside the configured ones.
    pub fn guests(&self) -> impl Iterator<Item = SourceConfig> {
        source::guests(self.gateway.anonymous_sources)
    }
}

impl Gateway {
    /// [`Self::http_unix_mode`] as a number.
    #[must_use]
    pub fn unix_mode(&self) -> u32 {
        u32::from_str_radix(&self.http_unix_mode, 8).unwrap_or(0o600)
    }
}

impl Infer {
    /// Number of infer-workers on a machine with `cores` processor cores.
    #[must_use]
    pub fn worker_count(&self, cores: usize) -> usize {
        match self.workers {
            0 => (cores / 2).clamp(1, WORKERS_AUTO_MAX),
            workers => workers as usize,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worker_count_takes_half_of_the_cores_within_bounds() {
        let automatic = Infer::default();
        for (cores, workers) in [(1, 1), (2, 1), (3, 1), (4, 2), (8, 4), (64, 4)] {
            assert_eq!(automatic.worker_count(cores), workers, "{cores} cores");
        }
        assert_eq!(
            Infer {
                workers: 6,
                ..Infer::default()
            }
            .worker_count(2),
            6
        );
    }
}
