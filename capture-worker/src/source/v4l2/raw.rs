//! What cannot be said in safe Rust about a camera: its ioctls, unions and mapped V4L2 buffers.
//!
//! Neighbours: `node` makes safe methods of it and is its only user. This is the only module of
//! the crate with `unsafe`. It decides nothing: no retry of what failed, no choice, no state.
//!
//! The structs, request numbers and the ioctl come from the `v4l` crate's raw bindings. Its own
//! `Device` and stream are not used: they panic on names cut inside a character, on unknown colour
//! spaces and when the last STREAMOFF fails, and they open without O_CLOEXEC.
//! Source: Linux, *Video for Linux API*, chapter 1 and the pages of the single ioctls.
#![expect(unsafe_code, reason = "ioctl, mmap and the unions of the V4L2 structs")]

use nix::libc;
use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use v4l::v4l_sys as sys;
use v4l::v4l2::vidioc;

/// How often an ioctl that a signal interrupted is called again.
const INTERRUPTED_MAX: u32 = 100;

/// A V4L2 argument struct: plain C data for which zero bytes are a valid value.
///
/// # Safety
///
/// Every bit pattern must be valid, and in the zero value no field may be read as an address by
/// the request that takes the struct (with memory MMAP the kernel reads none).
pub(super) unsafe trait Argument: Copy {}
// SAFETY: integers and byte arrays only.
unsafe impl Argument for sys::v4l2_capability {}
// SAFETY: integers and byte arrays only.
unsafe impl Argument for sys::v4l2_fmtdesc {}
// SAFETY: integers and unions of integers.
unsafe impl Argument for sys::v4l2_frmsizeenum {}
// SAFETY: integers and unions of integers.
unsafe impl Argument for sys::v4l2_frmivalenum {}
// SAFETY: a union; the only pointers are in `win`, which the kernel reads for overlays only.
unsafe impl Argument for sys::v4l2_format {}
// SAFETY: integers and unions of integers.
unsafe impl Argument for sys::v4l2_streamparm {}
// SAFETY: integers and byte arrays only.
unsafe impl Argument for sys::v4l2_requestbuffers {}
// SAFETY: integers and a union; its addresses are read for USERPTR and multi-planar buffers only.
unsafe impl Argument for sys::v4l2_buffer {}
// SAFETY: an integer.
unsafe impl Argument for u32 {}

/// A request number together with the struct that it takes.
pub(super) struct Request<T> {
    code: vidioc::_IOC_TYPE,
    argument: PhantomData<T>,
}

impl<T: Argument> Request<T> {
    /// Pairs them; the size that the kernel put into the number must be the struct's.
    const fn new(code: vidioc::_IOC_TYPE) -> Self {
        assert!((code >> 16) as usize & 0x3FFF == size_of::<T>());
        Self {
            code,
            argument: PhantomData,
        }
    }
}

pub(super) const QUERYCAP: Request<sys::v4l2_capability> = Request::new(vidioc::VIDIOC_QUERYCAP);
pub(super) const ENUM_FMT: Request<sys::v4l2_fmtdesc> = Request::new(vidioc::VIDIOC_ENUM_FMT);
pub(super) const ENUM_FRAMESIZES: Request<sys::v4l2_frmsizeenum> =
    Request::new(vidioc::VIDIOC_ENUM_FRAMESIZES);
pub(super) const ENUM_FRAMEINTERVALS: Request<sys::v4l2_frmivalenum> =
    Request::new(vidioc::VIDIOC_ENUM_FRAMEINTERVALS);
pub(super) const TRY_FMT: Request<sys::v4l2_format> = Request::new(vidioc::VIDIOC_TRY_FMT);
pub(super) const S_FMT: Request<sys::v4l2_format> = Request::new(vidioc::VIDIOC_S_FMT);
pub(super) const S_PARM: Request<sys::v4l2_streamparm> = Request::new(vidioc::VIDIOC_S_PARM);
pub(super) const REQBUFS: Request<sys::v4l2_requestbuffers> = Request::new(vidioc::VIDIOC_REQBUFS);
pub(super) const QUERYBUF: Request<sys::v4l2_buffer> = Request::new(vidioc::VIDIOC_QUERYBUF);
pub(super) const QBUF: Request<sys::v4l2_buffer> = Request::new(vidioc::VIDIOC_QBUF);
pub(super) const DQBUF: Request<sys::v4l2_buffer> = Request::new(vidioc::VIDIOC_DQBUF);
pub(super) const STREAMON: Request<u32> = Request::new(vidioc::VIDIOC_STREAMON);
pub(super) const STREAMOFF: Request<u32> = Request::new(vidioc::VIDIOC_STREAMOFF);

/// The zero value, in which a request is filled in.
pub(super) fn zeroed<T: Argument>() -> T {
    // SAFETY: `Argument` promises that zero bytes are a valid value.
    unsafe { std::mem::zeroed() }
}

/// Calls a request on a node; a call that a signal interrupted is repeated.
pub(super) fn call<T: Argument>(
    file: &File,
    request: &Request<T>,
    argument: &mut T,
) -> io::Result<()> {
    let mut interrupted = 0;
    loop {
        let address: *mut T = argument;
        // SAFETY:
        // 1. `address` is valid for reads and writes of a `T`, and the kernel copies exactly the
        //    size in the request number, which `Request::new` proved to be a `T`;
        // 2. no request of this module makes the kernel follow an address in the struct: `node`,
        //    the only caller, makes them for single-planar capture with memory MMAP.
        let result =
            unsafe { v4l::v4l2::ioctl(file.as_raw_fd(), request.code, address.cast::<c_void>()) };
        match result {
            Err(error)
                if error.kind() == io::ErrorKind::Interrupted && interrupted < INTERRUPTED_MAX =>
            {
                interrupted += 1;
            }
            other => return other,
        }
    }
}

/// The single-planar part of a format.
pub(super) fn pix(format: &sys::v4l2_format) -> sys::v4l2_pix_format {
    // SAFETY: all bytes of the union are set (`zeroed`, then the kernel), and every bit pattern of
    // the plain struct is valid.
    unsafe { format.fmt.pix }
}

/// The capture part of the stream parameters.
pub(super) fn capture(parameters: &sys::v4l2_streamparm) -> sys::v4l2_captureparm {
    // SAFETY: all bytes of the union are set (`zeroed`, then the kernel), and every bit pattern of
    // the plain struct is valid.
    unsafe { parameters.parm.capture }
}

/// Where a V4L2 buffer with memory MMAP lies in the node.
pub(super) fn offset(buffer: &sys::v4l2_buffer) -> u32 {
    // SAFETY: all bytes of the union are set (`zeroed`, then the kernel), and every bit pattern is
    // a valid u32.
    unsafe { buffer.m.offset }
}

/// One V4L2 buffer, mapped for reading.
///
/// Invariant: `address` is the start of a mapping of `len_bytes` readable bytes until drop.
#[derive(Debug)]
pub(super) struct MappedBuffer {
    address: NonNull<c_void>,
    len_bytes: NonZeroUsize,
}

impl MappedBuffer {
    /// Maps `len_bytes` of the node `file` from `offset` on, as QUERYBUF named them.
    pub(super) fn new(file: &File, len_bytes: NonZeroUsize, offset: u32) -> io::Result<Self> {
        use nix::sys::mman::{MapFlags, ProtFlags, mmap};
        let (access, offset) = (ProtFlags::PROT_READ, offset as libc::off_t);
        // SAFETY: the kernel chooses the address, so no mapping of this process is replaced.
        let address = unsafe { mmap(None, len_bytes, access, MapFlags::MAP_SHARED, file, offset) }?;
        Ok(Self { address, len_bytes })
    }

    pub(super) const fn len_bytes(&self) -> usize {
        self.len_bytes.get()
    }

    /// Copies the first `out.len()` bytes, or as many as there are; returns how many.
    pub(super) fn copy_to(&self, out: &mut [u8]) -> usize {
        let count = out.len().min(self.len_bytes());
        // SAFETY:
        // 1. source: `count` bytes lie inside the mapping (invariant); no reference is made to
        //    them, so a driver that still writes gives wrong bytes and nothing worse;
        // 2. destination: `out` is exclusive and at least `count` long; they cannot overlap.
        unsafe {
            std::ptr::copy_nonoverlapping(
                self.address.as_ptr().cast_const().cast::<u8>(),
                out.as_mut_ptr(),
                count,
            );
        }
        count
    }
}

impl Drop for MappedBuffer {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours (invariant) and nothing refers to it after this.
        let result = unsafe { nix::sys::mman::munmap(self.address, self.len_bytes.get()) };
        if let Err(error) = result {
            tracing::debug!("munmap of a V4L2 buffer: {error}");
        }
    }
}
