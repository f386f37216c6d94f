//! Where frames enter: one trait, one module per kind of source.
//!
//! Neighbours: [`crate::run`] opens a source and asks it for frames; [`crate::publish`] checks
//! what it gave. A source fills memory that it is handed; it must never know the ring, and never
//! wait past the deadline that it is given.

pub mod clip;
pub mod jpeg;
pub mod pacing;
pub mod pattern;
pub mod v4l2;

use shm_layout::control::SourceKind;
use shm_layout::{FrameMeta, MonotonicNs, PixelFormat, Sequence};

/// A place where frames come from.
pub trait Source {
    /// Opens the source, or opens it again after it was lost.
    ///
    /// # Errors
    ///
    /// [`SourceError`] says in plain words what is missing; the caller tries again later.
    fn open(&mut self) -> Result<Mode, SourceError>;

    /// Fills `target` with the next frame if one comes before the deadline.
    ///
    /// Called only after `open` succeeded, and not again after `Gone` until it succeeded anew.
    fn next_frame(&mut self, target: FrameTarget<'_>) -> FrameOutcome;

    /// Lets go of what `open` took; called after `Gone`. A driver may take its time.
    fn close(&mut self) {}
}

/// What an opened source delivers.
#[derive(Debug, Clone, PartialEq)]
pub struct Mode {
    /// Pixel format of its frames (of the first one, for a folder with several).
    pub format: PixelFormat,
    /// Width in pixels.
    pub width_px: u32,
    /// Height in pixels.
    pub height_px: u32,
    /// Nominal frames per second; above 0.
    pub fps: f64,
    /// The device or file, as a person would name it.
    pub device: String,
}

/// Where the next frame is to go.
#[derive(Debug)]
pub struct FrameTarget<'a> {
    /// The whole frame slot; a frame that does not fit is [`BadFrame::Oversize`].
    pub payload: &'a mut [u8],
    /// The number that the frame will get; the pattern draws it.
    pub sequence: Sequence,
    /// When to give up waiting and return [`FrameOutcome::Nothing`].
    pub deadline: MonotonicNs,
    /// Asked for each frame that came, before it is copied or drawn.
    pub gate: &'a mut dyn Gate,
}

/// Says which frames are published.
pub trait Gate: std::fmt::Debug {
    /// Whether the frame that was captured at that time is; else it is [`FrameOutcome::NotNeeded`].
    fn lets_through(&mut self, captured: MonotonicNs) -> bool;
}

/// Lets every frame through.
#[cfg(test)]
#[derive(Debug)]
pub struct EveryFrame;

#[cfg(test)]
impl Gate for EveryFrame {
    fn lets_through(&mut self, _captured: MonotonicNs) -> bool {
        true
    }
}

/// What came of asking for a frame.
#[derive(Debug)]
pub enum FrameOutcome {
    /// The target holds a frame.
    Frame(FilledFrame),
    /// Nothing came before the deadline.
    Nothing,
    /// A frame came that the gate did not let through.
    NotNeeded {
        /// The source's own number of it.
        driver_sequence: u64,
    },
    /// A frame came that must not be shown.
    Bad(BadFrame),
    /// The source is gone; open it again.
    Gone(SourceError),
    /// The source has nothing more to give, and opening it again would not change that.
    Ended,
}

/// A frame that lies in the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilledFrame {
    /// Bytes used in the payload.
    pub len_bytes: usize,
    /// The facts that travel with the frame, with the time on the monotonic clock only: the wall
    /// clock's is put in when it is published. A gap in its driver sequence is a frame that was lost
    /// or left out because a newer one was there (newest wins).
    pub meta: FrameMeta,
}

/// Why a frame was not shown. Each reason is counted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadFrame {
    /// The driver marked the V4L2 buffer as damaged.
    #[error("the driver marked it as damaged")]
    MarkedDamaged,
    /// The frame holds no bytes.
    #[error("it is empty")]
    Empty,
    /// The JPEG is not one, or ends early.
    #[error("its JPEG is damaged: {0}")]
    Jpeg(#[from] jpeg::JpegFault),
    /// A raw image is shorter than its format and size ask for.
    #[error("it has {found} bytes where its format needs {expected}")]
    Short {
        /// Bytes that came.
        found: usize,
        /// Bytes that the format, stride and height need.
        expected: u64,
    },
    /// The frame does not fit into a frame slot.
    #[error("it has {found} bytes, and a frame slot holds {capacity}")]
    Oversize {
        /// Bytes of the frame.
        found: u64,
        /// Bytes that fit.
        capacity: usize,
    },
    /// The ring did not take it.
    #[error("{0}")]
    Refused(String),
    /// A file of a folder is no picture that this program reads.
    #[error("`{file}` cannot be read: {reason}")]
    Unreadable {
        /// The file's name.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl BadFrame {
    /// Short name of the reason, the same for every frame with that reason.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::MarkedDamaged => "marked_damaged",
            Self::Empty => "empty",
            Self::Jpeg(_) => "jpeg",
            Self::Short { .. } => "short",
            Self::Oversize { .. } => "oversize",
            Self::Refused(_) => "refused",
            Self::Unreadable { .. } => "unreadable",
        }
    }
}

/// Why a source cannot be opened, or is gone. The text is what a user sees as the source's detail.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// Something about a camera.
    #[error(transparent)]
    Camera(#[from] v4l2::CameraError),
    /// Something about a clip.
    #[error(transparent)]
    Clip(#[from] clip::ClipError),
    /// Something about the test pattern.
    #[error(transparent)]
    Pattern(#[from] pattern::PatternError),
}

impl SourceError {
    /// Whether nothing is there at all, as opposed to something that does not work.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        match self {
            Self::Camera(error) => error.is_absent(),
            Self::Clip(_) | Self::Pattern(_) => false,
        }
    }
}

/// The source that `kind` describes, not opened yet; `None` for one that is not captured.
#[must_use]
pub fn from_kind(kind: &SourceKind) -> Option<Box<dyn Source>> {
    Some(match kind {
        SourceKind::V4l2 {
            device,
            width_px,
            height_px,
            fps,
            format,
        } => Box::new(v4l2::CameraSource::new(v4l2::CameraRequest {
            device: device.parse().unwrap_or_default(),
            wanted: v4l2::mode::WantedMode {
                width_px: *width_px,
                height_px: *height_px,
                fps: *fps,
                format: *format,
            },
        })),
        SourceKind::Clip { path, fps, looped } => {
            Box::new(clip::ClipSource::new(path.clone(), *fps, *looped))
        }
        SourceKind::Pattern {
            width_px,
            height_px,
            fps,
            format,
        } => Box::new(pattern::PatternSource::new(pattern::PatternRequest {
            width_px: *width_px,
            height_px: *height_px,
            fps: *fps,
            format: *format,
        })),
        SourceKind::Push(_) => return None,
    })
}
