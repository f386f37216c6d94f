//! V4L2 cameras: found by name, opened in a sensible mode, followed when they come back.
//!
//! Neighbours: `identity` and `follow` say which node; `device` and `mode` which mode; `stream`
//! runs it; `node` and `raw` hold every system call. A camera that is missing, busy, frozen or unplugged is
//! an error with plain words, never the end of the worker: the caller opens it again.

mod device;
mod error;
pub mod follow;
pub mod holder;
pub mod identity;
pub mod mode;
mod node;
mod raw;
mod stream;
mod survey;

pub use error::CameraError;
pub use survey::{ListedCamera, PlannedCamera, list_cameras, plan};

use super::{FrameOutcome, FrameTarget, Mode, Source, SourceError};
use follow::{DeviceSpec, Situation};
use identity::{Identity, Roots};
use mode::{ChosenMode, OfferedFormat, WantedMode};
use node::Node;
use shm_layout::MonotonicNs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use stream::{Layout, Stream};

/// A camera that streams but gives no whole frame for so long counts as frozen. Cameras take up
/// to a second for their first frame; a slow one has the time of [`FROZEN_FRAMES`] frames.
const FROZEN_AFTER: Duration = Duration::from_secs(3);
const FROZEN_FRAMES: f64 = 5.0;

/// Drivers whose nodes convert pictures in memory: they offer formats, and no camera is behind
/// them. `auto` passes them over; a config that names one gets it.
/// Source: Raspberry Pi kernel, `drivers/staging/vc04_services`, `drivers/media/platform/raspberrypi`.
const NOT_CAMERAS: [&str; 4] = ["bcm2835-isp", "bcm2835-codec", "pispbe", "rpi-hevc-dec"];

/// Which camera is wanted, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraRequest {
    /// Which.
    pub device: DeviceSpec,
    /// In which mode.
    pub wanted: WantedMode,
}

/// A camera as a source.
#[derive(Debug)]
pub struct CameraSource {
    request: CameraRequest,
    roots: Roots,
    remembered: Option<Identity>,
    running: Option<Running>,
    lost_since: Option<MonotonicNs>,
}

#[derive(Debug)]
struct Running {
    stream: Stream,
    path: PathBuf,
    good_at: MonotonicNs,
    last_bad: Option<String>,
}

impl CameraSource {
    /// The camera that `request` describes, not opened yet.
    #[must_use]
    pub fn new(request: CameraRequest) -> Self {
        let roots = Roots::default();
        Self {
            request,
            roots,
            remembered: None,
            running: None,
            lost_since: None,
        }
    }

    /// Whether the time since the last good frame is too long.
    fn frozen(running: &Running, now: MonotonicNs) -> Option<CameraError> {
        let patience = FROZEN_FRAMES / running.stream.layout().fps.clamp(0.01, 1000.0);
        let patience = FROZEN_AFTER.max(Duration::from_secs_f64(patience));
        let is_frozen = now.since(running.good_at) >= patience;
        is_frozen.then(|| match &running.last_bad {
            Some(reason) => CameraError::OnlyBad(reason.clone()),
            None => CameraError::Frozen(patience.as_secs()),
        })
    }
}

impl Source for CameraSource {
    fn open(&mut self) -> Result<Mode, SourceError> {
        self.close();
        let present = identity::list(&self.roots);
        let now = MonotonicNs::now();
        let lost_for = self
            .lost_since
            .map_or(Duration::ZERO, |since| now.since(since));
        let request = &self.request;
        let remembered = self.remembered.as_ref();
        let (identity, stream) = find(request, &present, remembered, lost_for, |identity| {
            let node = open_node(&identity.path, request.device == DeviceSpec::Auto)?;
            let chosen = choose(&device::offer(&node), request.wanted)?;
            Stream::start(node, chosen)
        })?;
        let mode = mode_of(stream.layout(), identity, &present);
        let path = identity.path.clone();
        self.remembered = Some(identity.clone());
        self.running = Some(Running {
            stream,
            path,
            good_at: MonotonicNs::now(),
            last_bad: None,
        });
        Ok(mode)
    }

    fn next_frame(&mut self, target: FrameTarget<'_>) -> FrameOutcome {
        let Some(running) = &mut self.running else {
            return FrameOutcome::Gone(CameraError::Stopped.into());
        };
        let mut outcome = running.stream.next(target);
        let now = MonotonicNs::now();
        match &outcome {
            FrameOutcome::Frame(_) => {
                (running.good_at, running.last_bad) = (now, None);
                self.lost_since = None;
            }
            FrameOutcome::Bad(bad) => running.last_bad = Some(bad.to_string()),
            _ => {}
        }
        if let Some(frozen) = Self::frozen(running, now)
            && matches!(outcome, FrameOutcome::Nothing | FrameOutcome::Bad(_))
        {
            outcome = FrameOutcome::Gone(frozen.into());
        }
        if let FrameOutcome::Gone(SourceError::Camera(error)) = outcome {
            outcome = FrameOutcome::Gone(error.at(&running.path).into());
        }
        outcome
    }

    /// Ends the stream and closes the node, so that the kernel can use its number again.
    fn close(&mut self) {
        self.running = None;
        self.lost_since.get_or_insert_with(MonotonicNs::now);
    }
}

/// Tries the cameras that `request` may mean until `open` succeeds with one of them; the error is
/// that of the first.
fn find<'a, T>(
    request: &CameraRequest,
    present: &'a [Identity],
    remembered: Option<&Identity>,
    lost_for: Duration,
    mut open: impl FnMut(&Identity) -> Result<T, CameraError>,
) -> Result<(&'a Identity, T), CameraError> {
    let is_auto = request.device == DeviceSpec::Auto;
    let node = match &request.device {
        DeviceSpec::Node(path) => path.canonicalize().ok(),
        DeviceSpec::Auto | DeviceSpec::Named(_) => None,
    };
    let situation = Situation {
        present,
        remembered,
        node: node.as_deref(),
        lost_for,
    };
    let mut first_error = None;
    for identity in follow::candidates(&request.device, situation) {
        match open(identity) {
            Ok(opened) => return Ok((identity, opened)),
            // Nodes that are no cameras stand beside every camera.
            Err(CameraError::NoCapture) if is_auto => {}
            Err(error) => {
                first_error.get_or_insert_with(|| error.at(&identity.path));
            }
        }
    }
    Err(match first_error {
        Some(error) if is_auto => CameraError::NoneUsable(format!(" ({error})")),
        Some(error) => error,
        None => missing(request, remembered),
    })
}

fn mode_of(layout: Layout, identity: &Identity, present: &[Identity]) -> Mode {
    let stable_id = identity.stable_id(present);
    Mode {
        format: layout.format,
        width_px: layout.width_px,
        height_px: layout.height_px,
        fps: layout.fps,
        device: format!(
            "{} at {} ({stable_id})",
            identity.name,
            identity.path.display()
        ),
    }
}

fn missing(request: &CameraRequest, remembered: Option<&Identity>) -> CameraError {
    match (&request.device, remembered) {
        (DeviceSpec::Auto, None) => CameraError::NoneUsable(String::new()),
        (DeviceSpec::Auto | DeviceSpec::Node(_), Some(camera)) => {
            CameraError::Missing(camera.name.clone())
        }
        (spec, _) => CameraError::Missing(spec.to_string()),
    }
}

/// Opens a node that captures video.
fn open_node(path: &Path, only_cameras: bool) -> Result<Node, CameraError> {
    let failed = |step| move |source| CameraError::from_step(step, source);
    let node = Node::open(path).map_err(failed("opening"))?;
    let caps = node.caps().map_err(failed("asking what it can do"))?;
    let is_converter = only_cameras && NOT_CAMERAS.contains(&caps.driver.as_str());
    if caps.can_capture && !is_converter {
        Ok(node)
    } else {
        Err(CameraError::NoCapture)
    }
}

fn choose(offered: &[OfferedFormat], wanted: WantedMode) -> Result<ChosenMode, CameraError> {
    mode::choose(offered, wanted).ok_or_else(|| CameraError::NoFormat {
        expected: wanted
            .format
            .map_or("MJPG, YUYV, NV12 or RGB3", |format| format.name())
            .into(),
        offered: offered
            .iter()
            .map(|format| format.fourcc.as_str())
            .collect::<Vec<_>>()
            .join(" "),
    })
}
