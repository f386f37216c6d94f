//! Weights that all infer-workers of a box read from the same memory.
//!
//! Neighbours: the supervisor makes the shelf, a file in memory that cannot shrink, and hands it to
//! every infer-worker; `run` opens it before the networks are loaded; [`Lines`](super::Lines) lie on it.
//! Each worker packs its weights itself and puts them here, or finds that they are here already.
//!
//! What is on the shelf is input: it is used only after it was compared, byte for byte, with what this
//! worker packed, so that no name, version or digest has to be believed. Whatever goes wrong, the worker
//! keeps its own copy. It must never wait for another worker for long.
#![allow(
    unsafe_code,
    reason = "maps a file; see the inventory in shm-layout/README.md"
)]

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::libc::c_void;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

/// Bytes before the first weights: the number of entries, then for each its place and its bytes.
const HEADER_BYTES: u64 = 16 * 1024;
/// Entries that there is room for; a profile has about a hundred.
const ENTRIES_MAX: u64 = HEADER_BYTES / 16 - 1;
/// Fewer bytes are not worth a mapping.
const SMALLEST_BYTES: usize = 16 * 1024;
/// Most bytes on the shelf: models that a reload replaced stay on it for the life of the box.
const SHELF_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Entries begin at a page.
const PAGE_BYTES: u64 = 4096;
/// How often, and after which pause, another worker is waited for.
const LOCK_TRIES: u32 = 200;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// The shelf of this worker's box, if it has one.
static OF_BOX: OnceLock<Shelf> = OnceLock::new();

/// A file in memory with the weights of a box.
#[derive(Debug)]
pub struct Shelf {
    file: File,
    /// Another worker had it for too long; it is not asked for again.
    given_up: AtomicBool,
}

impl Shelf {
    /// Takes the file that the supervisor handed over.
    ///
    /// # Errors
    /// The system's, or the file can shrink, which would take memory from under a reader.
    pub fn open(file: &OwnedFd) -> io::Result<Self> {
        let seals = fcntl(file.as_fd(), FcntlArg::F_GET_SEALS)?;
        if !SealFlag::from_bits_truncate(seals).contains(SealFlag::F_SEAL_SHRINK) {
            return Err(io::Error::other("the file may shrink"));
        }
        // All workers inherit one open file, whose lock would be everybody's.
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let own = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Self {
            file: own,
            given_up: AtomicBool::new(false),
        })
    }

    /// Makes it the shelf that networks are put on from now on; the first one stays.
    pub fn use_for_box(self) {
        let _ = OF_BOX.set(self);
    }

    /// The shelf of the box.
    pub(super) fn of_box() -> Option<&'static Self> {
        OF_BOX.get()
    }

    /// The place on the shelf where these bytes are, after they were put there if need be; nothing if
    /// they are few, or there is no room, or another worker has the shelf for too long.
    pub(super) fn place(&self, bytes: &[u8]) -> Option<Mapping> {
        // ORDERING: relaxed, the flag guards nothing; who sees it late waits once more.
        if bytes.len() < SMALLEST_BYTES || self.given_up.load(Relaxed) {
            return None;
        }
        if self.lock().is_err() {
            self.given_up.store(true, Relaxed);
            return None;
        }
        let placed = self.find(bytes).and_then(|found| match found {
            Some(at) => Ok(Some(at)),
            None => self.append(bytes),
        });
        // A lock that cannot be given back goes with the process.
        let _ = self.file.unlock();
        let at = placed.ok()??;
        Mapping::new(&self.file, at, bytes.len())
    }

    fn lock(&self) -> io::Result<()> {
        for _ in 0..LOCK_TRIES {
            match self.file.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Entries that may be believed to lie in the file.
    fn entries(&self) -> io::Result<Vec<[u64; 2]>> {
        let mut size = self.file.metadata()?.len();
        if size < HEADER_BYTES {
            self.file.set_len(HEADER_BYTES)?;
            size = HEADER_BYTES;
        }
        let count = self.number(0)?.min(ENTRIES_MAX);
        let mut entries = Vec::new();
        for index in 0..count {
            let (at, bytes) = (self.number(16 * index + 16)?, self.number(16 * index + 24)?);
            let end = at.checked_add(bytes);
            let fits = at >= HEADER_BYTES && at % PAGE_BYTES == 0;
            if fits && end.is_some_and(|end| end <= size) {
                entries.push([at, bytes]);
            }
        }
        Ok(entries)
    }

    fn number(&self, at: u64) -> io::Result<u64> {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, at)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    /// Where exactly these bytes are.
    fn find(&self, wanted: &[u8]) -> io::Result<Option<u64>> {
        let mut part = vec![0; SMALLEST_BYTES];
        'entries: for [at, bytes] in self.entries()? {
            if bytes != wanted.len() as u64 {
                continue;
            }
            let mut place = at;
            for wanted in wanted.chunks(SMALLEST_BYTES) {
                let part = &mut part[..wanted.len()];
                self.file.read_exact_at(part, place)?;
                if part != wanted {
                    continue 'entries;
                }
                place += part.len() as u64;
            }
            return Ok(Some(at));
        }
        Ok(None)
    }

    /// Puts the bytes behind all others; a worker that dies over it leaves nothing that counts.
    fn append(&self, bytes: &[u8]) -> io::Result<Option<u64>> {
        let ends = self.entries()?.into_iter().map(|[at, bytes]| at + bytes);
        let at = ends
            .max()
            .unwrap_or(HEADER_BYTES)
            .next_multiple_of(PAGE_BYTES);
        let (count, end) = (self.number(0)?, at.saturating_add(bytes.len() as u64));
        if count >= ENTRIES_MAX || end > SHELF_BYTES_MAX {
            return Ok(None);
        }
        self.file.write_all_at(bytes, at)?;
        let entry = [at, bytes.len() as u64].map(u64::to_ne_bytes).concat();
        self.file.write_all_at(&entry, 16 * count + 16)?;
        self.file.write_all_at(&(count + 1).to_ne_bytes(), 0)?;
        Ok(Some(at))
    }
}

/// A part of the shelf in this process's memory, for reading.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<c_void>,
    bytes: usize,
}

// SAFETY: the memory is mapped for reading alone until the drop, and no thread owns it.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(file: &File, at: u64, bytes: usize) -> Option<Self> {
        let (length, at) = (NonZeroUsize::new(bytes)?, i64::try_from(at).ok()?);
        let flags = MapFlags::MAP_SHARED;
        // SAFETY: a new mapping at a place of the kernel's choice takes nobody's memory. The file holds
        // the whole part and is sealed against shrinking, so that reading it never faults. Others could
        // write to it: it is read through pointers, as numbers, of which every pattern is one.
        let start = unsafe { mmap(None, length, ProtFlags::PROT_READ, flags, file, at) };
        start.ok().map(|start| Self { start, bytes })
    }

    /// The first value, at the beginning of a page.
    pub fn as_ptr(&self) -> *const f32 {
        self.start.as_ptr().cast_const().cast()
    }

    /// Bytes that may be read.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this length, and whoever reads it borrows it.
        let _ = unsafe { munmap(self.start, self.bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::Lines;
    use nix::sys::memfd::{MFdFlags, memfd_create};

    fn file(seal: bool) -> OwnedFd {
        let file = memfd_create("test", MFdFlags::MFD_ALLOW_SEALING).expect("file");
        if seal {
            fcntl(&file, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_SHRINK)).expect("seal");
        }
        file
    }

    fn noise(seed: u8) -> Vec<u8> {
        (0..50_000_u32)
            .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8 ^ seed)
            .collect()
    }

    fn read(mapping: &Mapping) -> Vec<u8> {
        let first = mapping.as_ptr().cast::<u8>();
        // SAFETY: the mapping has so many bytes, and nobody writes to it here.
        unsafe { std::slice::from_raw_parts(first, mapping.bytes()) }.to_vec()
    }

    /// Goal: two workers with the same weights read one copy, and others their own.
    #[test]
    fn same_weights_share_one_place_and_others_do_not() {
        let file = file(true);
        let (first, second) = (
            Shelf::open(&file).expect("shelf"),
            Shelf::open(&file).expect("shelf"),
        );
        let at = |shelf: &Shelf, seed: u8| {
            let mapping = shelf.place(&noise(seed)).expect("placed");
            assert_eq!(read(&mapping), noise(seed));
            shelf.find(&noise(seed)).expect("read").expect("there")
        };
        assert_eq!(at(&first, 1), at(&second, 1));
        assert_ne!(at(&second, 2), at(&second, 1));
        assert_eq!(first.entries().expect("entries").len(), 2);
        assert!(first.place(&[1; 100]).is_none(), "not worth it");
    }

    /// Goal: nobody computes with weights that somebody else has spoilt.
    #[test]
    fn spoilt_weights_are_not_used_and_a_spoilt_list_is_no_harm() {
        let shelf = Shelf::open(&file(true)).expect("shelf");
        shelf.place(&noise(1)).expect("placed");
        shelf
            .file
            .write_all_at(&[9], HEADER_BYTES + 40_000)
            .expect("spoil");
        let mapping = shelf.place(&noise(1)).expect("placed again");
        assert_eq!(read(&mapping), noise(1));
        // Entries outside of the file, and more of them than there is room for.
        for number in [u64::MAX, HEADER_BYTES - 1, u64::MAX - 4095, 1 << 40] {
            shelf
                .file
                .write_all_at(&number.to_ne_bytes(), 16)
                .expect("spoil");
            let mapping = shelf.place(&noise(3)).expect("placed");
            assert_eq!(read(&mapping), noise(3));
        }
        shelf
            .file
            .write_all_at(&u64::MAX.to_ne_bytes(), 0)
            .expect("spoil");
        assert!(shelf.place(&noise(4)).is_none(), "no room");
    }

    /// Goal: a worker never waits for one that hangs with the shelf, nor reads a file that may shrink.
    #[test]
    fn what_cannot_be_shared_stays_private() {
        assert!(Shelf::open(&file(false)).is_err());
        let sealed = file(true);
        let (held, other) = (
            Shelf::open(&sealed).expect("shelf"),
            Shelf::open(&sealed).expect("shelf"),
        );
        held.lock().expect("lock");
        assert!(other.place(&noise(1)).is_none());
        held.file.unlock().expect("unlock");
        assert!(
            other.place(&noise(1)).is_none(),
            "it waits once, not for each of a hundred"
        );
        let shared = Lines::of(&[1.5; 8192]).on(&held);
        let own = Lines::of(&[1.5; 8192]);
        assert_eq!(shared.len(), own.len());
        assert!(shared.is_shared() && !own.is_shared());
        // SAFETY: it has that many values.
        let last = unsafe { *shared.as_ptr().wrapping_add(8191) };
        assert_eq!(last, 1.5);
    }
}
