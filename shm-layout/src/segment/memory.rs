//! Where the bytes of a segment come from. `unsafe` inventory: mapping, protecting, and typed
//! references at checked offsets.
//!
//! The crate `shared_memory` creates and opens the named segment; what it lacks (preallocation,
//! a file to inherit, read-only payload) is added here.

use crate::layout::{PAGE_BYTES, SegmentHeader};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, mprotect, munmap};
use shared_memory::{Shmem, ShmemConf, ShmemError};
use std::alloc::{Layout as HeapLayout, alloc_zeroed, dealloc};
use std::ffi::c_void;
use std::fs::File;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::ptr::NonNull;

/// Mapped, page-aligned bytes.
///
/// Invariants: `base` points to `len_bytes` readable bytes, aligned to a page, zero-filled or
/// written by Wigwag only, until drop; `len_bytes` is at least a page.
pub(super) struct Memory {
    base: NonNull<u8>,
    len_bytes: usize,
    origin: Origin,
    file: Option<File>,
}

enum Origin {
    /// Opened or created by name; the crate unmaps it on drop and never unlinks (not the owner).
    Named { _mapping: Shmem },
    /// Mapped from an inherited file, for a segment whose name is gone.
    Inherited,
    /// Private memory of one process: tests, Miri.
    Private,
}

#[expect(
    unsafe_code,
    reason = "the mapping is shared between threads on purpose"
)]
// SAFETY: the bytes belong to no thread; control words are atomics, payload is handed out by the
// ring's protocol.
unsafe impl Send for Memory {}
#[expect(
    unsafe_code,
    reason = "the mapping is shared between threads on purpose"
)]
// SAFETY: as for `Send`.
unsafe impl Sync for Memory {}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let origin = match self.origin {
            Origin::Named { .. } => "named",
            Origin::Inherited => "inherited",
            Origin::Private => "private",
        };
        write!(f, "Memory({origin}, {} bytes)", self.len_bytes)
    }
}

impl Memory {
    /// Creates the named segment, empty and zero-filled.
    pub(super) fn create_named(os_id: &str, len_bytes: usize) -> Result<Self, ShmemError> {
        let mut mapping = ShmemConf::new().os_id(os_id).size(len_bytes).create()?;
        // The crate unlinks the name when an owner is dropped, also in a panic: only an explicit
        // stop may do that.
        mapping.set_owner(false);
        Self::named(mapping)
    }

    /// Opens the named segment.
    pub(super) fn open_named(os_id: &str) -> Result<Self, ShmemError> {
        Self::named(ShmemConf::new().os_id(os_id).open()?)
    }

    fn named(mapping: Shmem) -> Result<Self, ShmemError> {
        let base = NonNull::new(mapping.as_ptr()).ok_or(ShmemError::NoLinkOrOsId)?;
        let len_bytes = mapping.len();
        Ok(Self {
            base,
            len_bytes,
            origin: Origin::Named { _mapping: mapping },
            file: None,
        })
    }

    /// Maps an inherited file of `len_bytes`.
    #[expect(unsafe_code, reason = "maps a file whose name may be gone")]
    pub(super) fn map_file(file: File, len_bytes: NonZeroUsize) -> nix::Result<Self> {
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: no address is asked for, so no other mapping is touched; the file stays open.
        let base = unsafe { mmap(None, len_bytes, protection, MapFlags::MAP_SHARED, &file, 0) }?;
        let (base, len_bytes) = (base.cast(), len_bytes.get());
        Ok(Self {
            base,
            len_bytes,
            origin: Origin::Inherited,
            file: Some(file),
        })
    }

    /// Private zero-filled memory.
    #[expect(
        unsafe_code,
        reason = "page-aligned memory comes from the raw allocator"
    )]
    pub(super) fn private(len_bytes: usize) -> Option<Self> {
        let layout = heap_layout(len_bytes)?;
        // SAFETY: the size is not zero, see `heap_layout`.
        let base = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        Some(Self {
            base,
            len_bytes,
            origin: Origin::Private,
            file: None,
        })
    }

    pub(super) fn keep_file(&mut self, file: File) {
        self.file = Some(file);
    }

    pub(super) fn file(&self) -> Option<&File> {
        self.file.as_ref()
    }

    pub(super) fn len_bytes(&self) -> usize {
        self.len_bytes
    }

    /// Makes whole pages read-only in this process.
    #[expect(
        unsafe_code,
        reason = "payload that this process may not write is protected"
    )]
    pub(super) fn protect(&self, pages: Range<usize>) -> nix::Result<()> {
        if pages.is_empty() || matches!(self.origin, Origin::Private) {
            return Ok(());
        }
        let start = self.address(pages.start, pages.len()).cast::<c_void>();
        // SAFETY: the range lies inside our mapping (`address` checks), and this process makes no
        // mutable reference into it: `Segment::publisher` refuses.
        unsafe { mprotect(start, pages.len(), ProtFlags::PROT_READ) }
    }

    /// The first page.
    pub(super) fn header(&self) -> &SegmentHeader {
        self.place(0)
    }

    /// The address of `len_bytes` bytes at `offset`.
    #[expect(unsafe_code, reason = "pointer arithmetic inside the mapping")]
    pub(super) fn address(&self, offset: usize, len_bytes: usize) -> NonNull<u8> {
        let end = offset.checked_add(len_bytes);
        assert!(
            end.is_some_and(|end| end <= self.len_bytes),
            "offset {offset} is outside"
        );
        // SAFETY: in bounds, checked above.
        unsafe { self.base.add(offset) }
    }

    /// The shared struct at `offset`.
    #[expect(unsafe_code, reason = "turns a checked offset into a reference")]
    pub(super) fn place<T: SharedStruct>(&self, offset: usize) -> &T {
        assert!(
            offset.is_multiple_of(align_of::<T>()),
            "offset {offset} is not aligned"
        );
        let place = self.address(offset, size_of::<T>()).cast::<T>();
        // SAFETY:
        // 1. in bounds (`address`) and aligned (above; `base` is page-aligned);
        // 2. initialised: see the invariant; every bit pattern is a valid `SharedStruct`;
        // 3. others store here, but only to atomics, which a shared reference allows;
        // 4. the borrow of `self` keeps the mapping alive.
        unsafe { place.as_ref() }
    }

    /// `count` shared structs at `offset`.
    #[expect(unsafe_code, reason = "turns a checked offset into references")]
    pub(super) fn slice<T: SharedStruct>(&self, offset: usize, count: usize) -> &[T] {
        assert!(
            offset.is_multiple_of(align_of::<T>()),
            "offset {offset} is not aligned"
        );
        let start = self.address(offset, size_of::<T>() * count).cast::<T>();
        // SAFETY: as in `place`, for `count` structs in a row.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), count) }
    }
}

/// Structs that consist of atomics only, so that any bytes are a valid value and others may store
/// to them while we hold a reference.
pub(super) trait SharedStruct {}
impl SharedStruct for SegmentHeader {}
impl SharedStruct for crate::layout::ProcessEntry {}
impl SharedStruct for crate::layout::RingHead {}
impl SharedStruct for crate::layout::TakeCursor {}
impl SharedStruct for crate::layout::FrameSlot {}
impl SharedStruct for crate::layout::PredictionHead {}
impl SharedStruct for crate::layout::LaneHead {}
impl SharedStruct for crate::layout::PredictionRecord {}
impl SharedStruct for crate::sync::AtomicU64 {}

fn heap_layout(len_bytes: usize) -> Option<HeapLayout> {
    HeapLayout::from_size_align(len_bytes.max(PAGE_BYTES), PAGE_BYTES).ok()
}

impl Drop for Memory {
    #[expect(unsafe_code, reason = "gives back what this file mapped or allocated")]
    fn drop(&mut self) {
        match self.origin {
            Origin::Named { .. } => {}
            Origin::Inherited => {
                // SAFETY: mapped by `map_file` with this length; every reference into it borrowed
                // from `self`.
                let _unmapped = unsafe { munmap(self.base.cast::<c_void>(), self.len_bytes) };
            }
            Origin::Private => {
                if let Some(layout) = heap_layout(self.len_bytes) {
                    // SAFETY: allocated by `private` with this layout; as above.
                    unsafe { dealloc(self.base.as_ptr(), layout) };
                }
            }
        }
    }
}
