//! Clips: files of JPEGs, MJPEG-AVI, folders of pictures, and the demo clip inside the program.
//!
//! Neighbours: `bytes`, `jpeg_stream`, `avi` and `folder` say where the frames lie;
//! [`crate::source::pacing`] says when each is due. Frames go out as they are stored.

pub mod avi;
pub mod bytes;
pub mod folder;
pub mod jpeg_stream;

use super::jpeg::{self, Span};
use super::pacing::{FPS_MAX, FPS_MIN, Pacer, WhenLate, wait_until};
use super::{BadFrame, FilledFrame, FrameOutcome, FrameTarget, Mode, Source, SourceError};
use bytes::ClipBytes;
use folder::PictureKind;
use shm_layout::{FrameMeta, MonotonicNs, PixelFormat};
use std::io;
use std::path::{Path, PathBuf};

/// Most frames of one clip that are played; what lies behind them is left out.
/// 18 hours at 30 fps; the index then takes 32 MB.
pub const CLIP_FRAMES_MAX: usize = 2_000_000;

/// Largest frame that is looked at to learn a clip's format and size; 16384 x 16384 pixels of RGB
/// would be 768 MiB, and no ring of that size is wanted.
const FIRST_FRAME_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Rate of a clip that names none itself, in frames per second; the demo clip's own rate.
pub const CLIP_FPS_DEFAULT: f64 = 15.0;

/// Why a clip cannot be played.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClipError {
    /// The file or folder cannot be opened.
    #[error("cannot open clip `{}`: {source}", path.display())]
    Open {
        /// The clip.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file can no longer be read.
    #[error("cannot read clip `{}`: {source}", path.display())]
    Read {
        /// The clip.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No picture is in it.
    #[error(
        "no frames in clip `{}`: expected JPEGs one behind the other, an MJPEG-AVI, or a folder \
         of JPEG or PNG files",
        path.display()
    )]
    NoFrames {
        /// The clip.
        path: PathBuf,
    },
    /// The AVI holds another kind of video.
    #[error("the video in clip `{}` is `{found}`, expected MJPG", path.display())]
    Codec {
        /// The clip.
        path: PathBuf,
        /// Its four-character code.
        found: String,
    },
    /// Every frame of the clip is bad.
    #[error("no frame of clip `{}` is whole", path.display())]
    AllBad {
        /// The clip.
        path: PathBuf,
    },
}

/// An opened clip, of whichever kind.
#[derive(Debug)]
pub enum Clip {
    /// JPEGs one behind the other.
    Jpegs(jpeg_stream::JpegStream),
    /// MJPEG in AVI.
    Avi(avi::AviStream),
    /// A folder of pictures.
    Folder(folder::Folder),
}

/// A frame that was read into a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadFrame {
    /// Pixel format.
    pub format: PixelFormat,
    /// Width in pixels.
    pub width_px: u32,
    /// Height in pixels.
    pub height_px: u32,
    /// Bytes used.
    pub len_bytes: usize,
}

impl Clip {
    /// Opens the clip at `path`, or the demo clip.
    ///
    /// # Errors
    ///
    /// [`ClipError`] if there is no frame to play.
    pub fn open(path: Option<&Path>) -> Result<Self, ClipError> {
        let Some(path) = path else {
            return jpeg_stream::JpegStream::new(ClipBytes::demo()).map(Self::Jpegs);
        };
        if path.is_dir() {
            return folder::Folder::open(path).map(Self::Folder);
        }
        let bytes = ClipBytes::open(path)?;
        let mut head = [0_u8; 12];
        let count = bytes.read_some(&mut head, 0)?;
        if avi::is_avi(&head[..count]) {
            avi::AviStream::new(bytes).map(Self::Avi)
        } else {
            jpeg_stream::JpegStream::new(bytes).map(Self::Jpegs)
        }
    }

    /// The rate that the clip itself names.
    #[must_use]
    pub fn own_fps(&self) -> Option<f64> {
        match self {
            Self::Avi(avi) => avi.fps(),
            Self::Jpegs(_) | Self::Folder(_) => None,
        }
    }

    /// The clip's path, or its name if it is part of the program.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Jpegs(stream) => stream.bytes().path(),
            Self::Avi(avi) => avi.bytes().path(),
            Self::Folder(folder) => folder.path(),
        }
    }

    /// Whether there is a frame `index`.
    ///
    /// # Errors
    ///
    /// [`ClipError::Read`] if the file system fails.
    pub fn has(&mut self, index: usize) -> Result<bool, ClipError> {
        match self {
            Self::Jpegs(stream) => Ok(stream.span(index)?.is_some()),
            Self::Avi(avi) => Ok(avi.span(index)?.is_some()),
            Self::Folder(folder) => Ok(folder.file(index).is_some()),
        }
    }

    /// Reads frame `index` into `payload`.
    ///
    /// # Errors
    ///
    /// [`BadFrame`] if it does not fit, is damaged, or is not there any more.
    pub fn read(&mut self, index: usize, payload: &mut [u8]) -> Result<ReadFrame, BadFrame> {
        match self {
            Self::Jpegs(stream) => {
                let span = stream.span(index);
                read_span(stream.bytes(), span, payload)
            }
            Self::Avi(avi) => {
                let span = avi.span(index);
                read_span(avi.bytes(), span, payload)
            }
            Self::Folder(folder) => {
                let file = folder.file(index).ok_or(BadFrame::Empty)?;
                if folder::kind_of(file) == Some(PictureKind::Png) {
                    let size = folder::read_png(file, payload)?;
                    return Ok(ReadFrame {
                        format: PixelFormat::Rgb24,
                        width_px: size.width_px,
                        height_px: size.height_px,
                        len_bytes: size.len_bytes,
                    });
                }
                let len_bytes = folder::read_file(file, payload)?;
                checked_jpeg(&payload[..len_bytes])
            }
        }
    }

    /// Bytes that frame `index` takes in a frame slot; `None` behind the last frame.
    ///
    /// # Errors
    ///
    /// [`ClipError::Read`] if the file system fails.
    pub fn frame_bytes(&mut self, index: usize) -> Result<Option<u64>, ClipError> {
        let length = |span: Option<Span>| span.map(|span| span.len_bytes);
        match self {
            Self::Jpegs(stream) => stream.span(index).map(length),
            Self::Avi(avi) => avi.span(index).map(length),
            Self::Folder(folder) => {
                Ok(folder.file(index).map(|file| match folder::kind_of(file) {
                    Some(PictureKind::Png) => {
                        folder::png_size(file).map_or(0, |size| size.len_bytes as u64)
                    }
                    _ => std::fs::metadata(file).map_or(0, |facts| facts.len()),
                }))
            }
        }
    }
}

/// Reads the bytes of a span and checks them.
fn read_span(
    bytes: &ClipBytes,
    span: Result<Option<Span>, ClipError>,
    payload: &mut [u8],
) -> Result<ReadFrame, BadFrame> {
    let unreadable = |error: ClipError| BadFrame::Unreadable {
        file: bytes.path().display().to_string(),
        reason: error.to_string(),
    };
    let span = span.map_err(unreadable)?.ok_or(BadFrame::Empty)?;
    let capacity = payload.len();
    let oversize = BadFrame::Oversize {
        found: span.len_bytes,
        capacity,
    };
    let len_bytes = usize::try_from(span.len_bytes)
        .ok()
        .filter(|&length| length <= capacity);
    let target = &mut payload[..len_bytes.ok_or(oversize)?];
    let count = bytes.read_some(target, span.offset).map_err(unreadable)?;
    // Fewer bytes than before: the file was cut while it plays, and the end marker is missing.
    checked_jpeg(&target[..count])
}

fn checked_jpeg(bytes: &[u8]) -> Result<ReadFrame, BadFrame> {
    let facts = jpeg::inspect(bytes)?;
    Ok(ReadFrame {
        format: PixelFormat::Mjpeg,
        width_px: facts.width_px,
        height_px: facts.height_px,
        len_bytes: facts.len_bytes,
    })
}

/// A clip that plays at its rate.
#[derive(Debug)]
pub struct ClipSource {
    path: Option<PathBuf>,
    fps: Option<f64>,
    looped: bool,
    playing: Option<Playing>,
}

#[derive(Debug)]
struct Playing {
    clip: Clip,
    pacer: Pacer,
    position: usize,
}

impl ClipSource {
    /// The clip at `path` (`None`: the demo clip) at `fps` (`None`: its own), for ever or once.
    #[must_use]
    pub const fn new(path: Option<PathBuf>, fps: Option<f64>, looped: bool) -> Self {
        Self {
            path,
            fps,
            looped,
            playing: None,
        }
    }
}

/// The rate at which a clip plays: the one asked for, else its own, else the default.
#[must_use]
pub fn effective_fps(asked: Option<f64>, own: Option<f64>) -> f64 {
    let usable = |fps: &f64| fps.is_finite() && *fps > 0.0;
    let fps = asked.filter(usable).or_else(|| own.filter(usable));
    fps.unwrap_or(CLIP_FPS_DEFAULT).clamp(FPS_MIN, FPS_MAX)
}

/// A rate for people and reports, to 1/1000; the schedule keeps the exact one.
#[must_use]
pub fn rounded(fps: f64) -> f64 {
    (fps * 1000.0).round() / 1000.0
}

/// Format and size of the first whole frame of a clip.
///
/// # Errors
///
/// [`ClipError::AllBad`] if no frame is whole; [`ClipError::Read`] if the file system fails.
pub fn first_frame(clip: &mut Clip) -> Result<ReadFrame, ClipError> {
    let mut payload = Vec::new();
    let mut index = 0;
    while let Some(bytes) = clip.frame_bytes(index)? {
        let wanted = bytes.min(FIRST_FRAME_BYTES_MAX);
        payload.resize(usize::try_from(wanted).unwrap_or(0), 0);
        if let Ok(frame) = clip.read(index, &mut payload) {
            return Ok(frame);
        }
        index += 1;
    }
    Err(ClipError::AllBad {
        path: clip.path().into(),
    })
}

impl Source for ClipSource {
    fn open(&mut self) -> Result<Mode, SourceError> {
        self.playing = None;
        let mut clip = Clip::open(self.path.as_deref())?;
        let first = first_frame(&mut clip)?;
        let fps = effective_fps(self.fps, clip.own_fps());
        let when_late = if self.looped {
            WhenLate::Skip
        } else {
            WhenLate::Shift
        };
        let mode = Mode {
            format: first.format,
            width_px: first.width_px,
            height_px: first.height_px,
            fps: rounded(fps),
            device: clip.path().display().to_string(),
        };
        let pacer = Pacer::new(MonotonicNs::now(), fps, when_late);
        self.playing = Some(Playing {
            clip,
            pacer,
            position: 0,
        });
        Ok(mode)
    }

    fn next_frame(&mut self, target: FrameTarget<'_>) -> FrameOutcome {
        let looped = self.looped;
        let Some(playing) = &mut self.playing else {
            return FrameOutcome::Ended;
        };
        // The end is found before its time: a clip that played once ends with its last frame.
        match playing.clip.has(playing.position) {
            Ok(true) => {}
            Ok(false) if looped => playing.position = 0,
            Ok(false) => return FrameOutcome::Ended,
            Err(error) => return FrameOutcome::Gone(error.into()),
        }
        if !wait_until(playing.pacer.next_at(), target.deadline) {
            return FrameOutcome::Nothing;
        }
        playing.show(MonotonicNs::now(), target)
    }
}

impl Playing {
    /// Reads the frame that is due at `now`.
    fn show(&mut self, now: MonotonicNs, target: FrameTarget<'_>) -> FrameOutcome {
        let Some(due) = self.pacer.take(now) else {
            return FrameOutcome::Nothing;
        };
        for _ in 0..due.skipped.min(CLIP_FRAMES_MAX as u64) {
            match self.clip.has(self.position + 1) {
                Ok(true) => self.position += 1,
                Ok(false) => self.position = 0,
                Err(error) => return FrameOutcome::Gone(error.into()),
            }
        }
        let position = self.position;
        self.position += 1;
        if !target.gate.lets_through(due.at) {
            let driver_sequence = due.number;
            return FrameOutcome::NotNeeded { driver_sequence };
        }
        let read = self.clip.read(position, target.payload);
        match read {
            Ok(frame) => FrameOutcome::Frame(FilledFrame {
                len_bytes: frame.len_bytes,
                meta: FrameMeta {
                    format: frame.format,
                    width_px: frame.width_px,
                    height_px: frame.height_px,
                    stride_bytes: frame.format.row_bytes(frame.width_px),
                    capture: due.at,
                    capture_wall_us: 0,
                    driver_sequence: due.number,
                },
            }),
            Err(bad) => FrameOutcome::Bad(bad),
        }
    }
}

#[cfg(test)]
#[path = "clip_tests.rs"]
mod tests;
