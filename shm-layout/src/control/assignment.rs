//! What the supervisor gives a worker to do, once, with [`super::ToWorker::Start`].
//!
//! Neighbours: [`super::source`] says where frames come from. Nothing here is checked: it comes from
//! a configuration that was.

use super::{
    AccessRules, Backend, PushLimits, RtpAssignment, SourceKind, SteadySettings, TaughtGesture,
    TlsFiles,
};
use crate::segment::SourceSet;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

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
    /// Frames a second while nobody needs more; 0 = always all.
    pub idle_fps: u32,
}

/// The work of an infer-worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// What a user taught beside them.
    pub taught: Vec<TaughtGesture>,
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
    /// Whether to serve what goes without a certificate if that cannot be used: nobody else serves.
    pub may_lack_certificate: bool,
    /// Whether there is a listener at a path, on [`super::FD_HTTP_UNIX`].
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
