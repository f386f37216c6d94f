//! What a source would be, before anything starts: its mode, and how large its frames can get.
//!
//! Neighbours: [`crate::cli`] prints the answer; the supervisor sizes the ring by it, and plays the
//! demo clip where `auto` finds no camera. Probing starts no stream and changes no device.

use crate::source::clip::{self, Clip, ClipError};
use crate::source::pattern::PatternRequest;
use crate::source::v4l2::{self, CameraRequest, mode::WantedMode};
use crate::source::{Mode, SourceError};
use serde::Serialize;
use shm_layout::control::SourceKind;
use std::path::Path;

/// The answer to a probe.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Probe {
    /// `v4l2`, `clip` or `pattern`.
    pub kind: &'static str,
    /// Whether the source is there and could be opened.
    pub found: bool,
    /// Four-character code of its pixel format; empty if it was not found.
    pub format: &'static str,
    /// Width in pixels; what was asked for if it was not found.
    pub width_px: u32,
    /// Height in pixels; what was asked for if it was not found.
    pub height_px: u32,
    /// Nominal frames per second.
    pub fps: f64,
    /// Most bytes of one frame; an estimate for a camera that was not found.
    pub frame_bytes_max: u64,
    /// The device or file in plain words.
    pub device: String,
    /// Why it was not found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Probes the source that `kind` describes.
#[must_use]
pub fn probe(kind: &SourceKind) -> Probe {
    let answer = match kind {
        SourceKind::Push(_) => return Probe::not_found(kind, "it is pushed, not captured"),
        SourceKind::V4l2 {
            device,
            width_px,
            height_px,
            fps,
            format,
        } => {
            let wanted = WantedMode {
                width_px: *width_px,
                height_px: *height_px,
                fps: *fps,
                format: *format,
            };
            return probe_camera(kind, device, wanted);
        }
        SourceKind::Clip { path, fps, .. } => probe_clip(path.as_deref(), *fps),
        SourceKind::Pattern {
            width_px,
            height_px,
            fps,
            format,
        } => {
            let request = PatternRequest {
                width_px: *width_px,
                height_px: *height_px,
                fps: *fps,
                format: *format,
            };
            let checked = request.check().map_err(SourceError::from);
            checked.map(|request| (request.mode(), request.frame_bytes_max()))
        }
    };
    match answer {
        Ok((mode, frame_bytes_max)) => Probe::found(kind, mode, frame_bytes_max),
        Err(error) => Probe::not_found(kind, &error.to_string()),
    }
}

impl Probe {
    fn found(kind: &SourceKind, mode: Mode, frame_bytes_max: u64) -> Self {
        Self {
            kind: kind.name(),
            found: true,
            format: mode.format.name(),
            width_px: mode.width_px,
            height_px: mode.height_px,
            fps: mode.fps,
            frame_bytes_max,
            device: mode.device,
            problem: None,
        }
    }

    fn not_found(kind: &SourceKind, problem: &str) -> Self {
        Self {
            kind: kind.name(),
            found: false,
            format: "",
            width_px: 0,
            height_px: 0,
            fps: 0.0,
            frame_bytes_max: 0,
            device: String::new(),
            problem: Some(problem.to_owned()),
        }
    }
}

fn probe_camera(kind: &SourceKind, device: &str, wanted: WantedMode) -> Probe {
    let request = CameraRequest {
        device: device.parse().unwrap_or_default(),
        wanted,
    };
    // Two bytes a pixel: a raw image, and what UVC cameras reserve for a JPEG.
    let estimate = |width_px: u32, height_px: u32| u64::from(width_px) * u64::from(height_px) * 2;
    match v4l2::plan(&request) {
        Ok(planned) => {
            let Mode {
                width_px,
                height_px,
                ..
            } = planned.mode;
            // Some drivers name no size for JPEGs.
            let bytes = match planned.frame_bytes_max {
                0 => estimate(width_px, height_px),
                bytes => bytes,
            };
            Probe::found(kind, planned.mode, bytes)
        }
        Err(error) => {
            let WantedMode {
                width_px,
                height_px,
                fps,
                ..
            } = wanted.with_defaults();
            Probe {
                kind: kind.name(),
                found: false,
                format: "",
                width_px,
                height_px,
                fps: f64::from(fps),
                frame_bytes_max: estimate(width_px, height_px),
                device: device.to_owned(),
                problem: Some(error.to_string()),
            }
        }
    }
}

/// Reads a clip to its end: the largest frame may be the last.
fn probe_clip(path: Option<&Path>, fps: Option<f64>) -> Result<(Mode, u64), SourceError> {
    let mut clip = Clip::open(path)?;
    let first = clip::first_frame(&mut clip)?;
    let largest = largest_frame_bytes(&mut clip)?;
    let mode = Mode {
        format: first.format,
        width_px: first.width_px,
        height_px: first.height_px,
        fps: clip::rounded(clip::effective_fps(fps, clip.own_fps())),
        device: clip.path().display().to_string(),
    };
    Ok((mode, largest))
}

fn largest_frame_bytes(clip: &mut Clip) -> Result<u64, ClipError> {
    let mut largest = 0;
    let mut index = 0;
    while let Some(bytes) = clip.frame_bytes(index)? {
        largest = largest.max(bytes);
        index += 1;
    }
    Ok(largest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shm_layout::PixelFormat;

    fn clip(path: Option<&str>) -> SourceKind {
        SourceKind::Clip {
            path: path.map(Into::into),
            fps: None,
            looped: true,
        }
    }

    #[test]
    fn the_demo_clip_is_found_with_its_largest_frame() {
        let probe = probe(&clip(None));
        assert!(probe.found && probe.problem.is_none());
        assert_eq!(
            (probe.format, probe.width_px, probe.height_px),
            ("MJPG", 640, 480)
        );
        assert_eq!((probe.fps, probe.kind), (15.0, "clip"));
        let mut demo = Clip::open(None).unwrap();
        let sizes: Vec<u64> = (0..272)
            .map(|i| demo.frame_bytes(i).unwrap().unwrap())
            .collect();
        assert_eq!(Some(probe.frame_bytes_max), sizes.into_iter().max());
    }

    #[test]
    fn a_missing_clip_says_why() {
        let probe = probe(&clip(Some("/nowhere/hands.mjpeg")));
        assert!(!probe.found);
        let problem = probe.problem.unwrap();
        assert!(
            problem.starts_with("cannot open clip `/nowhere/hands.mjpeg`: "),
            "{problem}"
        );
    }

    #[test]
    fn a_missing_camera_gets_an_estimate_for_its_ring() {
        let kind = SourceKind::V4l2 {
            device: "usb-nobody-video-index0".into(),
            width_px: 1280,
            height_px: 720,
            fps: 0,
            format: None,
        };
        let probe = probe(&kind);
        assert!(!probe.found);
        assert_eq!(
            probe.problem.unwrap(),
            "camera `usb-nobody-video-index0` is not connected"
        );
        assert_eq!((probe.frame_bytes_max, probe.fps), (1280 * 720 * 2, 30.0));
    }

    #[test]
    fn a_raw_pattern_has_exactly_its_size() {
        let pattern = |format, width_px| {
            probe(&SourceKind::Pattern {
                width_px,
                height_px: 480,
                fps: 30.0,
                format,
            })
        };
        assert_eq!(
            pattern(PixelFormat::Nv12, 640).frame_bytes_max,
            640 * 480 * 3 / 2
        );
        assert!(pattern(PixelFormat::Mjpeg, 640).found);
        assert!(!pattern(PixelFormat::Mjpeg, 641).found);
    }
}
