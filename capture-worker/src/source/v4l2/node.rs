//! One open camera node: what it can do, its format and rate, its V4L2 buffers.
//!
//! Neighbours: `raw` below holds what is unsafe; `device` above asks what a camera offers, `stream`
//! runs its buffers. Each method is one system call and one meaning; nothing waits but
//! [`Node::wait_readable`].

use super::raw::{self, MappedBuffer, Request, zeroed};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::{File, OpenOptions};
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::FrameSizeEnum;
use v4l::v4l_sys as sys;

const CAPTURE: u32 = sys::v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE;
const MMAP: u32 = sys::v4l2_memory_V4L2_MEMORY_MMAP;

/// One open camera node. Closed on drop, and never inherited by a child process.
#[derive(Debug)]
pub(super) struct Node {
    file: File,
}

/// What QUERYCAP says. Text is cut at the first zero byte; bytes that are no UTF-8 are replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caps {
    pub(super) driver: String,
    pub(super) card: String,
    pub(super) bus: String,
    /// Whether it captures video into one plane, with streaming I/O.
    pub(super) can_capture: bool,
}

/// One entry of the format list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FormatEntry {
    pub(super) fourcc: [u8; 4],
    pub(super) description: String,
}

/// A format as the driver settled it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SettledFormat {
    pub(super) fourcc: [u8; 4],
    pub(super) width_px: u32,
    pub(super) height_px: u32,
    pub(super) stride_bytes: u32,
    pub(super) image_bytes: u32,
}

/// What DQBUF says about one V4L2 buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dequeued {
    pub(super) index: u32,
    pub(super) used_bytes: usize,
    pub(super) is_damaged: bool,
    pub(super) sequence: u32,
    /// CLOCK_MONOTONIC in ns, if the driver says that it uses this clock.
    pub(super) monotonic_ns: Option<u64>,
}

impl Node {
    /// Opens a node without waiting; the standard library adds O_CLOEXEC.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK);
        options.open(path).map(|file| Self { file })
    }

    fn call<T: raw::Argument>(&self, request: &Request<T>, argument: &mut T) -> io::Result<()> {
        raw::call(&self.file, request, argument)
    }

    pub(super) fn caps(&self) -> io::Result<Caps> {
        let mut caps: sys::v4l2_capability = zeroed();
        self.call(&raw::QUERYCAP, &mut caps)?;
        // One physical device may have several nodes; `device_caps` speaks of this one.
        let has_own = caps.capabilities & sys::V4L2_CAP_DEVICE_CAPS != 0;
        let flags = if has_own {
            caps.device_caps
        } else {
            caps.capabilities
        };
        let needed = sys::V4L2_CAP_VIDEO_CAPTURE | sys::V4L2_CAP_STREAMING;
        Ok(Caps {
            driver: text(&caps.driver),
            card: text(&caps.card),
            bus: text(&caps.bus_info),
            can_capture: flags & needed == needed,
        })
    }

    /// Entry `index` of the format list, `None` behind the last.
    pub(super) fn format_entry(&self, index: u32) -> Option<FormatEntry> {
        let mut entry = sys::v4l2_fmtdesc {
            index,
            type_: CAPTURE,
            ..zeroed()
        };
        self.call(&raw::ENUM_FMT, &mut entry).ok()?;
        Some(FormatEntry {
            fourcc: entry.pixelformat.to_le_bytes(),
            description: text(&entry.description),
        })
    }

    /// Entry `index` of the sizes of a format, `None` behind the last.
    pub(super) fn size_entry(&self, fourcc: [u8; 4], index: u32) -> Option<FrameSizeEnum> {
        let pixel_format = u32::from_le_bytes(fourcc);
        let mut entry = sys::v4l2_frmsizeenum {
            index,
            pixel_format,
            ..zeroed()
        };
        self.call(&raw::ENUM_FRAMESIZES, &mut entry).ok()?;
        FrameSizeEnum::try_from(entry).ok()
    }

    /// Entry `index` of the frame intervals of a format and size, `None` behind the last.
    pub(super) fn interval_entry(
        &self,
        fourcc: [u8; 4],
        (width, height): (u32, u32),
        index: u32,
    ) -> Option<FrameIntervalEnum> {
        let pixel_format = u32::from_le_bytes(fourcc);
        let mut entry = sys::v4l2_frmivalenum {
            index,
            pixel_format,
            width,
            height,
            ..zeroed()
        };
        self.call(&raw::ENUM_FRAMEINTERVALS, &mut entry).ok()?;
        FrameIntervalEnum::try_from(entry).ok()
    }

    /// What the driver would make of a format, without changing anything.
    pub(super) fn try_format(
        &self,
        fourcc: [u8; 4],
        size: (u32, u32),
    ) -> io::Result<SettledFormat> {
        self.format_call(&raw::TRY_FMT, fourcc, size)
    }

    /// Sets a format; the driver may settle another one.
    pub(super) fn set_format(
        &self,
        fourcc: [u8; 4],
        size: (u32, u32),
    ) -> io::Result<SettledFormat> {
        self.format_call(&raw::S_FMT, fourcc, size)
    }

    fn format_call(
        &self,
        request: &Request<sys::v4l2_format>,
        fourcc: [u8; 4],
        (width, height): (u32, u32),
    ) -> io::Result<SettledFormat> {
        let mut format = sys::v4l2_format {
            type_: CAPTURE,
            ..zeroed()
        };
        format.fmt.pix = sys::v4l2_pix_format {
            width,
            height,
            pixelformat: u32::from_le_bytes(fourcc),
            field: sys::v4l2_field_V4L2_FIELD_ANY,
            ..raw::pix(&format)
        };
        self.call(request, &mut format)?;
        let pix = raw::pix(&format);
        Ok(SettledFormat {
            fourcc: pix.pixelformat.to_le_bytes(),
            width_px: pix.width,
            height_px: pix.height,
            stride_bytes: pix.bytesperline,
            image_bytes: pix.sizeimage,
        })
    }

    /// Asks for a frame rate; returns the interval that the driver settled, in seconds.
    pub(super) fn set_interval(&self, numerator: u32, denominator: u32) -> io::Result<(u32, u32)> {
        let mut parameters = sys::v4l2_streamparm {
            type_: CAPTURE,
            ..zeroed()
        };
        parameters.parm.capture = sys::v4l2_captureparm {
            timeperframe: sys::v4l2_fract {
                numerator,
                denominator,
            },
            ..raw::capture(&parameters)
        };
        self.call(&raw::S_PARM, &mut parameters)?;
        let settled = raw::capture(&parameters).timeperframe;
        Ok((settled.numerator, settled.denominator))
    }

    /// Asks for V4L2 buffers; returns how many there are. 0 frees them.
    pub(super) fn request_buffers(&self, count: u32) -> io::Result<u32> {
        let mut request = sys::v4l2_requestbuffers {
            count,
            type_: CAPTURE,
            memory: MMAP,
            ..zeroed()
        };
        self.call(&raw::REQBUFS, &mut request)?;
        Ok(request.count)
    }

    /// Maps V4L2 buffer `index` for reading.
    pub(super) fn map_buffer(&self, index: u32) -> io::Result<MappedBuffer> {
        let mut buffer = buffer(index);
        self.call(&raw::QUERYBUF, &mut buffer)?;
        let len_bytes = usize::try_from(buffer.length)
            .ok()
            .and_then(NonZeroUsize::new);
        let len_bytes = len_bytes.ok_or_else(|| io::Error::other("a V4L2 buffer is empty"))?;
        MappedBuffer::new(&self.file, len_bytes, raw::offset(&buffer))
    }

    /// Gives V4L2 buffer `index` to the driver.
    pub(super) fn queue(&self, index: u32) -> io::Result<()> {
        let mut buffer = buffer(index);
        self.call(&raw::QBUF, &mut buffer)
    }

    /// Takes a filled V4L2 buffer from the driver; `None` if there is none.
    pub(super) fn dequeue(&self) -> io::Result<Option<Dequeued>> {
        let mut buffer = buffer(0);
        match self.call(&raw::DQBUF, &mut buffer) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        }
        let clock = buffer.flags & sys::V4L2_BUF_FLAG_TIMESTAMP_MASK;
        let time = buffer.timestamp;
        let monotonic_ns = (clock == sys::V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC)
            .then(|| timestamp_ns(time.tv_sec, time.tv_usec))
            .flatten();
        Ok(Some(Dequeued {
            index: buffer.index,
            used_bytes: buffer.bytesused as usize,
            is_damaged: buffer.flags & sys::V4L2_BUF_FLAG_ERROR != 0,
            sequence: buffer.sequence,
            monotonic_ns,
        }))
    }

    pub(super) fn stream_on(&self) -> io::Result<()> {
        self.call(&raw::STREAMON, &mut { CAPTURE })
    }

    pub(super) fn stream_off(&self) -> io::Result<()> {
        self.call(&raw::STREAMOFF, &mut { CAPTURE })
    }

    /// Waits up to `timeout_ms` for a filled V4L2 buffer or an error; `true` if DQBUF will tell.
    /// A signal ends the wait early with `false`.
    pub(super) fn wait_readable(&self, timeout_ms: u16) -> io::Result<bool> {
        let mut entries = [PollFd::new(self.file.as_fd(), PollFlags::POLLIN)];
        match poll(&mut entries, PollTimeout::from(timeout_ms)) {
            Ok(count) => Ok(count > 0),
            Err(nix::errno::Errno::EINTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// A request about V4L2 buffer `index`.
fn buffer(index: u32) -> sys::v4l2_buffer {
    sys::v4l2_buffer {
        index,
        type_: CAPTURE,
        memory: MMAP,
        ..zeroed()
    }
}

/// Seconds and microseconds as nanoseconds; `None` for what no clock shows. The kernel's types
/// are 32 or 64 bits wide, by machine.
fn timestamp_ns(seconds: impl TryInto<u64>, micros: impl TryInto<u64>) -> Option<u64> {
    let seconds = seconds.try_into().ok()?.checked_mul(1_000_000_000)?;
    seconds.checked_add(micros.try_into().ok()?.checked_mul(1_000)?)
}

/// Text out of a fixed field: up to the first zero byte, what is no UTF-8 replaced.
fn text(field: &[u8]) -> String {
    let end = field
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_survives_a_name_cut_inside_a_character() {
        assert_eq!(text(b"Pr\xC3\xBCfstation\xC3"), "Prüfstation\u{FFFD}");
        assert_eq!(text(b"cam\0rubbish"), "cam");
        assert_eq!(text(b""), "");
    }

    #[test]
    fn timestamps_out_of_range_are_none() {
        assert_eq!(timestamp_ns(2, 5), Some(2_000_005_000));
        assert_eq!(timestamp_ns(-1, 0), None);
        assert_eq!(timestamp_ns(0, -1), None);
        assert_eq!(timestamp_ns(i64::MAX, 0), None);
    }

    #[test]
    fn a_node_that_is_no_camera_says_so() {
        let node = Node::open(Path::new("/dev/null")).unwrap();
        assert!(node.caps().is_err());
        assert!(node.format_entry(0).is_none());
        assert!(node.map_buffer(0).is_err());
        assert!(Node::open(Path::new("/nowhere/video0")).is_err());
    }
}
