//! The messages between the supervisor and its workers, and the status of a box.
//!
//! They travel over ipc-channel and are small and rare: start, ready, state changes, one report a
//! second, drain. Frames and predictions never do.
//!
//! Order: the worker connects to the one-shot server named on its command line and sends
//! [`Hello`]; the supervisor answers [`ToWorker::Start`]; the worker sends [`FromWorker::Ready`]
//! once it works.

mod access;
mod certificate;
mod rtp;
mod status;
mod steady;

pub use access::{
    ACCESS_NAME_LEN_MAX, AccessEntry, AccessRules, BoxOrder, EndedSession, Permission, Permissions,
    SessionKey, SessionSeed,
};
pub use certificate::{CertificateAnswer, CertificateInfo, TlsFiles};
pub use rtp::RtpAssignment;
pub use status::{
    BoxState, BoxStatus, ModelInfo, ReloadState, ReloadStatus, SourceStatus, TrafficReport,
    UnitChange, UnitState, UnitStatus,
};

pub use steady::{GestureRules, SteadySettings, WINDOW_MAX};

use crate::frame::PixelFormat;
use crate::segment::SourceSet;
use ipc_channel::ipc::{IpcReceiver, IpcSender};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

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
    /// The certificate that the gateway's new clients get; at first and when it changes.
    Certificate(CertificateInfo),
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

/// The work of one worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Assignment {
    /// For a capture-worker.
    Capture(CaptureAssignment),
    /// For an infer-worker.
    Infer(InferAssignment),
    /// For the gateway; the largest by far.
    Gateway(Box<GatewayAssignment>),
}

/// One source to capture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaptureAssignment {
    /// Its ring in the segment.
    pub source: usize,
    /// Its name.
    pub name: String,
    /// Where its frames come from.
    pub kind: SourceKind,
}

/// Name of the kind of a pushed source.
pub const PUSH: &str = "push";

/// Where the frames of a source come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// A V4L2 camera.
    V4l2 {
        /// Path, stable id, or `auto`.
        device: String,
        /// Width wanted, pixels.
        width_px: u32,
        /// Height wanted, pixels.
        height_px: u32,
        /// Rate wanted, frames a second.
        fps: u32,
        /// Pixel format wanted; `None` = the best there is.
        format: Option<PixelFormat>,
    },
    /// A file or folder of pictures.
    Clip {
        /// File of concatenated JPEGs, MJPEG-AVI, or folder of JPEG/PNG; `None` = the demo clip.
        path: Option<PathBuf>,
        /// Frames a second; `None` = the clip's own rate, or 15 if it has none.
        fps: Option<f64>,
        /// Start again at the end.
        looped: bool,
    },
    /// A moving test picture.
    Pattern {
        /// Width, pixels.
        width_px: u32,
        /// Height, pixels.
        height_px: u32,
        /// Frames a second.
        fps: f64,
        /// Pixel format.
        format: PixelFormat,
    },
    /// Clients push the frames; the gateway publishes them, and there is no capture-worker.
    Push(PushLimits),
}

/// What a client may push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushLimits {
    /// Largest width of a frame, pixels.
    pub max_width_px: u32,
    /// Largest height of a frame, pixels.
    pub max_height_px: u32,
    /// Most frames a second.
    pub max_fps: u32,
    /// Largest frame, bytes of its JPEG; also the size of the ring's frame slots.
    pub max_frame_bytes: u32,
    /// How long a client that sends nothing keeps the source when another one wants it;
    /// milliseconds.
    pub hold_ms: u64,
}

impl SourceKind {
    /// `v4l2`, `clip`, `pattern` or `push`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::V4l2 { .. } => "v4l2",
            Self::Clip { .. } => "clip",
            Self::Pattern { .. } => "pattern",
            Self::Push(_) => PUSH,
        }
    }
}

/// What runs the networks of an infer-worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// Built in, with kernels of our own.
    #[default]
    Tract,
    /// A library of the system, loaded when it is asked for.
    OnnxRuntime,
}

impl Backend {
    /// What the configuration calls them.
    pub const NAMES: [&'static str; 2] = ["tract", "onnxruntime"];

    /// What the configuration calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tract => Self::NAMES[0],
            Self::OnnxRuntime => Self::NAMES[1],
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Tract, Self::OnnxRuntime];
        all.into_iter().find(|backend| backend.name() == name)
    }
}

/// The work of an infer-worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InferAssignment {
    /// Its prediction lane in every source.
    pub lane: usize,
    /// Names of the sources, in the order of their rings.
    pub sources: Vec<String>,
    /// The model's manifest; `None` = the one that came with Wigwag.
    pub manifest: Option<PathBuf>,
    /// Profile within the manifest.
    pub profile: String,
    /// Set of gestures within the manifest; empty = the profile's own.
    pub gestures: String,
    /// What runs the networks.
    pub backend: Backend,
    /// ONNX Runtime's library; `None` = it is searched for.
    pub onnxruntime_library: Option<PathBuf>,
    /// Most hands to look for, 1..=`prediction::HANDS_MAX`.
    pub max_hands: usize,
    /// Least looks per second at a source in which nobody shows a hand.
    pub idle_fps: u32,
}

/// The work of the gateway.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GatewayAssignment {
    /// Name of the box's instance.
    pub instance: String,
    /// The sources, in the order of their rings.
    pub sources: Vec<SourceName>,
    /// Quality of JPEGs that the gateway encodes from raw frames, 1..=100.
    pub jpeg_quality: u8,
    /// Most clients at a time.
    pub max_clients: usize,
    /// Most clients at a time from one address.
    pub max_clients_per_address: usize,
    /// A client that takes nothing for so long is let go; milliseconds.
    pub write_timeout_ms: u64,
    /// A source may give no frames for so long until its viewers are told; milliseconds.
    pub notice_after_ms: u64,
    /// Most other sizes, qualities and overlays that are made at a time.
    pub max_renditions: usize,
    /// A frame that is older than this when a client could have it is left out; milliseconds.
    pub staleness_ms: u64,
    /// Origins of other pages that may read answers; `*` is every one.
    pub cors_origins: Vec<String>,
    /// Addresses and networks whose `X-Forwarded-*` is believed.
    pub trusted_proxies: Vec<String>,
    /// Where the certificate for clients is; `None` = they come without TLS.
    pub tls: Option<TlsFiles>,
    /// Whether there is a listener at a path, on [`FD_HTTP_UNIX`].
    pub has_http_unix: bool,
    /// Who may do what.
    pub access: AccessRules,
    /// What is sent as RTP.
    pub rtp: Vec<RtpAssignment>,
    /// How predictions are made steady.
    pub steady: Box<SteadySettings>,
}

impl GatewayAssignment {
    /// The sources that clients may push.
    #[must_use]
    pub fn pushed_sources(&self) -> SourceSet {
        let numbered = self.sources.iter().enumerate();
        numbered
            .filter(|(_, source)| source.push.is_some())
            .map(|(number, _)| number)
            .collect()
    }
}

/// Name and kind of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceName {
    /// Its name in the config.
    pub name: String,
    /// `v4l2`, `clip`, `pattern` or `push`.
    pub kind: String,
    /// What may be pushed; `None` for a source with a capture-worker.
    pub push: Option<PushLimits>,
    /// Whether it is for clients that name no source.
    pub is_guest: bool,
}

/// State of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceState {
    /// Being opened for the first time.
    Starting,
    /// A pushed source to which no client pushes.
    Waiting,
    /// Frames come.
    Live,
    /// No frames: unplugged, frozen, ended, missing. It is tried again.
    Lost,
    /// A clip that plays once has come to its end.
    Ended,
}

/// A source changed its state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceReport {
    /// Its ring.
    pub source: usize,
    /// State.
    pub state: SourceState,
    /// In plain words: which device in which mode, or what is wrong.
    pub detail: String,
    /// Mode, once it is known.
    pub mode: Option<SourceMode>,
}

/// The mode that a source runs in.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SourceMode {
    /// Pixel format.
    pub format: PixelFormat,
    /// Width, pixels.
    pub width_px: u32,
    /// Height, pixels.
    pub height_px: u32,
    /// Nominal rate, frames a second.
    pub fps: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The channel's format knows less than JSON does: every kind of assignment must survive it.
    #[test]
    fn every_assignment_survives_the_channel() {
        let source = |kind| CaptureAssignment {
            source: 1,
            name: "cam0".into(),
            kind,
        };
        let (width_px, height_px) = (640, 480);
        let assignments = [
            Assignment::Capture(source(SourceKind::V4l2 {
                device: "auto".into(),
                width_px,
                height_px,
                fps: 30,
                format: Some(PixelFormat::Nv12),
            })),
            Assignment::Capture(source(SourceKind::Clip {
                path: None,
                fps: None,
                looped: true,
            })),
            Assignment::Capture(source(SourceKind::Pattern {
                width_px,
                height_px,
                fps: 29.97,
                format: PixelFormat::Rgb24,
            })),
            Assignment::Infer(InferAssignment {
                lane: 1,
                sources: vec!["cam0".into()],
                manifest: Some("/m/manifest.toml".into()),
                profile: "lite".into(),
                gestures: "canned".into(),
                backend: Backend::OnnxRuntime,
                onnxruntime_library: Some("/lib/libonnxruntime.so".into()),
                max_hands: 2,
                idle_fps: 10,
            }),
            Assignment::Gateway(Box::new(GatewayAssignment {
                instance: "default".into(),
                sources: vec![SourceName {
                    name: "phone".into(),
                    kind: "push".into(),
                    push: Some(PushLimits {
                        max_width_px: 1280,
                        max_height_px: 1280,
                        max_fps: 30,
                        max_frame_bytes: 1 << 19,
                        hold_ms: 5000,
                    }),
                    is_guest: true,
                }],
                jpeg_quality: 80,
                max_clients: 256,
                max_clients_per_address: 64,
                write_timeout_ms: 10_000,
                notice_after_ms: 1000,
                max_renditions: 8,
                staleness_ms: 2000,
                cors_origins: vec!["https://a.example".into()],
                trusted_proxies: vec!["10.0.0.0/8".into()],
                tls: Some(TlsFiles {
                    certificate: "/c.pem".into(),
                    key: "/k.pem".into(),
                }),
                has_http_unix: true,
                access: AccessRules {
                    entries: vec![AccessEntry {
                        name: "door".into(),
                        permissions: Permissions::all(),
                        token_sha256: Some([7; 32]),
                        password_argon2: Some("$argon2id$…".into()),
                    }],
                    anonymous: Permissions::NONE,
                    hosts: vec!["cams.example".into()],
                    ..AccessRules::default()
                },
                rtp: vec![RtpAssignment {
                    name: "wall".into(),
                    source: 0,
                    address: "239.1.2.3:5004".parse().unwrap(),
                    interface: Some("127.0.0.1".parse().unwrap()),
                    ttl: 4,
                    fps: 12.5,
                    mtu: 1400,
                    width_px: Some(320),
                    quality: None,
                }],
                steady: Box::new(SteadySettings {
                    named: vec![("Victory".into(), GestureRules::default())],
                    ..SteadySettings::default()
                }),
            })),
        ];
        let (sender, receiver) = ipc_channel::ipc::channel().unwrap();
        for assignment in assignments {
            let start = Start {
                assignment,
                orphan_grace_ms: 5000,
                sessions: Some(Box::new(SessionSeed {
                    key: SessionKey([1; 32]),
                    ended: vec![EndedSession {
                        id: [2; 32],
                        until_s: 3,
                    }],
                })),
            };
            let before = format!("{start:?}");
            sender.send(ToWorker::Start(Box::new(start))).unwrap();
            let ToWorker::Start(after) = receiver.recv().unwrap() else {
                panic!("another message")
            };
            assert_eq!(format!("{after:?}"), before);
        }
    }
}
