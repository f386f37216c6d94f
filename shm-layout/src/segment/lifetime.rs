//! Create, attach and unlink a segment, and the checks before anything in it is believed.
//!
//! Only the supervisor creates and unlinks. Workers attach by name and make sure that the name
//! still means the file that they inherited; when the name is gone (a log-out can delete a user's
//! shared memory) they map the inherited file instead.

use super::memory::Memory;
use super::{Access, Segment};
use crate::clock::MonotonicNs;
use crate::layout::{
    Geometry, GeometryError, LAYOUT_HASH, Layout, MAGIC, PAGE_BYTES, RingGeometry, SOURCES_MAX,
    SegmentHeader,
};
use crate::sync::Ordering;
use nix::errno::Errno;
use nix::fcntl::posix_fallocate;
use nix::unistd::{Uid, sysconf};
use shared_memory::ShmemError;
use std::fs::{File, OpenOptions};
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// Name of a segment: one for each user and instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentName(String);

impl SegmentName {
    /// The name for `instance` of the user who runs this process.
    #[must_use]
    pub fn new(instance: &str) -> Self {
        Self(format!("/wigwag-{}-{instance}", Uid::effective()))
    }

    /// A name handed over by the supervisor.
    #[must_use]
    pub fn from_text(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The name as `shm_open` takes it, with the leading slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The file that stands behind the name.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/dev/shm{}", self.0))
    }

    /// Removes the name; mappings stay. False if there was none.
    ///
    /// # Errors
    ///
    /// The name exists but may not be removed.
    pub fn unlink(&self) -> Result<bool, SegmentError> {
        match std::fs::remove_file(self.path()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(SegmentError::File {
                path: self.path(),
                source,
            }),
        }
    }
}

/// Why there is no segment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// The sizes asked for are out of range.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
    /// A segment of that name is there already.
    #[error("shared memory `{0}` exists already")]
    Exists(String),
    /// No segment of that name.
    #[error("shared memory `{0}` does not exist")]
    Missing(String),
    /// Too little room for it.
    #[error("{path} has no room for {needed_bytes} bytes of shared memory")]
    NoSpace {
        /// Where it was to lie.
        path: PathBuf,
        /// Bytes needed.
        needed_bytes: usize,
    },
    /// Its bytes are not those of a finished segment of this build.
    #[error("shared memory `{name}` is not usable: {what} is {found:#x}, expected {expected:#x}")]
    Mismatch {
        /// Name of the segment.
        name: String,
        /// What differs.
        what: &'static str,
        /// Its value.
        found: u64,
        /// The value expected.
        expected: u64,
    },
    /// The operating system refused.
    #[error("shared memory file {path}")]
    File {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The operating system refused to map it.
    #[error("cannot map shared memory `{name}`: {why}")]
    Map {
        /// Name of the segment.
        name: String,
        /// Why.
        why: String,
    },
}

impl Segment {
    /// Creates the segment under `name`, mode 0600, with every page allocated: too little room is
    /// an error here, not a crash later.
    ///
    /// # Errors
    ///
    /// [`SegmentError`]: sizes out of range, the name taken, no room, or refused by the system.
    pub fn create(name: &SegmentName, geometry: &Geometry) -> Result<Self, SegmentError> {
        let layout = Layout::new(geometry)?;
        let mut memory = Memory::create_named(name.as_str(), layout.total_bytes).map_err(
            |error| match error {
                ShmemError::MappingIdExists => SegmentError::Exists(name.as_str().to_owned()),
                other => map_error(name, &other),
            },
        )?;
        let allocated = open_file(name).and_then(|file| {
            allocate(name, &file, layout.total_bytes)?;
            Ok(file)
        });
        match allocated {
            Ok(file) => memory.keep_file(file),
            Err(error) => {
                name.unlink()?;
                return Err(error);
            }
        }
        let segment = Self {
            memory,
            layout,
            access: Access::Everything,
        };
        segment.initialise(geometry);
        Ok(segment)
    }

    /// Private memory with the same layout, for tests within one process.
    ///
    /// # Errors
    ///
    /// [`SegmentError::Geometry`] or no memory.
    pub fn private(geometry: &Geometry) -> Result<Self, SegmentError> {
        let layout = Layout::new(geometry)?;
        let memory = Memory::private(layout.total_bytes).ok_or(SegmentError::NoSpace {
            path: PathBuf::from("private memory"),
            needed_bytes: layout.total_bytes,
        })?;
        let segment = Self {
            memory,
            layout,
            access: Access::Everything,
        };
        segment.initialise(geometry);
        Ok(segment)
    }

    fn initialise(&self, geometry: &Geometry) {
        let header = self.header();
        let id = random_id();
        // ORDERING: Relaxed - all made visible by the magic below.
        header.layout_hash.store(LAYOUT_HASH, Ordering::Relaxed);
        header
            .total_bytes
            .store(self.layout.total_bytes as u64, Ordering::Relaxed);
        header.instance_id_low.store(id as u64, Ordering::Relaxed);
        header
            .instance_id_high
            .store((id >> 64) as u64, Ordering::Relaxed);
        header
            .created_ns
            .store(MonotonicNs::now().0, Ordering::Relaxed);
        header
            .supervisor_pid
            .store(std::process::id(), Ordering::Relaxed);
        header
            .sources
            .store(geometry.rings.len() as u32, Ordering::Relaxed);
        header.lanes.store(geometry.lanes as u32, Ordering::Relaxed);
        for (descriptor, ring) in header.rings.iter().zip(&geometry.rings) {
            descriptor
                .frame_slots
                .store(ring.frame_slots as u32, Ordering::Relaxed);
            descriptor
                .capacity_bytes
                .store(ring.capacity_bytes as u64, Ordering::Relaxed);
        }
        // ORDERING: Release - pairs with the Acquire in `attach`: the segment is complete.
        header.magic.store(MAGIC, Ordering::Release);
    }

    /// Attaches to the segment `name`. With `inherited`, the name must mean that very file, or
    /// the inherited file is mapped instead.
    ///
    /// # Errors
    ///
    /// [`SegmentError`]: missing, not finished, of another layout or size, or refused.
    pub fn attach(
        name: &SegmentName,
        inherited: Option<OwnedFd>,
        access: Access,
    ) -> Result<Self, SegmentError> {
        let memory = match inherited.map(File::from) {
            Some(file) if !is_same_file(name, &file) => map_inherited(name, file)?,
            file => {
                let mut memory = Memory::open_named(name.as_str()).map_err(|error| {
                    if name.path().exists() {
                        map_error(name, &error)
                    } else {
                        SegmentError::Missing(name.as_str().to_owned())
                    }
                })?;
                if let Some(file) = file {
                    memory.keep_file(file);
                }
                memory
            }
        };
        let layout = believed_layout(name, &memory)?;
        let segment = Self {
            memory,
            layout,
            access,
        };
        segment.protect().map_err(|errno| map_error(name, &errno))?;
        Ok(segment)
    }

    /// Makes the payload that this process may not write read-only.
    fn protect(&self) -> nix::Result<()> {
        let page = sysconf(nix::unistd::SysconfVar::PAGE_SIZE)?.unwrap_or(0);
        if usize::try_from(page) != Ok(PAGE_BYTES) {
            // Larger pages would cover control words too; the arenas stay writable there.
            return Ok(());
        }
        for (source, ring) in self.layout.rings.iter().enumerate() {
            let own = match self.access {
                Access::Everything => true,
                Access::Publish(publishes) => publishes == source,
                Access::Push(sources) => sources.contains(source),
                Access::Read => false,
            };
            if !own {
                self.memory
                    .protect(ring.arena..ring.arena + ring.arena_bytes())?;
            }
        }
        Ok(())
    }
}

fn map_error(name: &SegmentName, why: &impl std::fmt::Display) -> SegmentError {
    SegmentError::Map {
        name: name.as_str().to_owned(),
        why: why.to_string(),
    }
}

fn open_file(name: &SegmentName) -> Result<File, SegmentError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(name.path())
        .map_err(|source| SegmentError::File {
            path: name.path(),
            source,
        })
}

/// Gives every page of the file its memory. tmpfs promises more than it has: without this, the
/// first touch beyond its size kills the toucher (SIGBUS).
fn allocate(name: &SegmentName, file: &File, len_bytes: usize) -> Result<(), SegmentError> {
    let len = i64::try_from(len_bytes).unwrap_or(i64::MAX);
    loop {
        match posix_fallocate(file, 0, len) {
            Ok(()) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(Errno::ENOSPC | Errno::ENOMEM) => {
                return Err(SegmentError::NoSpace {
                    path: PathBuf::from("/dev/shm"),
                    needed_bytes: len_bytes,
                });
            }
            Err(errno) => {
                return Err(SegmentError::File {
                    path: name.path(),
                    source: errno.into(),
                });
            }
        }
    }
}

pub(super) fn is_same_file(name: &SegmentName, inherited: &File) -> bool {
    match (std::fs::metadata(name.path()), inherited.metadata()) {
        (Ok(named), Ok(inherited)) => {
            (named.dev(), named.ino()) == (inherited.dev(), inherited.ino())
        }
        _ => false,
    }
}

fn map_inherited(name: &SegmentName, file: File) -> Result<Memory, SegmentError> {
    let len = file
        .metadata()
        .map_err(|source| SegmentError::File {
            path: name.path(),
            source,
        })?
        .len();
    let len_bytes = usize::try_from(len)
        .ok()
        .and_then(NonZeroUsize::new)
        .filter(|len| len.get() >= PAGE_BYTES)
        .ok_or_else(|| map_error(name, &"the inherited file is too short"))?;
    Memory::map_file(file, len_bytes).map_err(|errno| map_error(name, &errno))
}

/// The layout that the header describes, if the bytes are those of a finished segment of this
/// build and size. Each value is loaded once; afterwards only our own copy is used.
fn believed_layout(name: &SegmentName, memory: &Memory) -> Result<Layout, SegmentError> {
    let mismatch = |what, found, expected| SegmentError::Mismatch {
        name: name.as_str().to_owned(),
        what,
        found,
        expected,
    };
    let expect = |what, found: u64, expected: u64| {
        if found == expected {
            Ok(())
        } else {
            Err(mismatch(what, found, expected))
        }
    };
    let len_bytes = memory.len_bytes() as u64;
    if memory.len_bytes() < size_of::<SegmentHeader>() {
        return Err(mismatch("length", len_bytes, PAGE_BYTES as u64));
    }
    let header = memory.header();
    // ORDERING: Acquire - pairs with `initialise`: the rest of the header is in place.
    expect("magic", header.magic.load(Ordering::Acquire), MAGIC)?;
    // ORDERING: Relaxed - ordered by the magic.
    expect(
        "layout",
        header.layout_hash.load(Ordering::Relaxed),
        LAYOUT_HASH,
    )?;
    expect(
        "recorded length",
        header.total_bytes.load(Ordering::Relaxed),
        len_bytes,
    )?;
    let layout = Layout::new(&recorded_geometry(header))?;
    expect("length", len_bytes, layout.total_bytes as u64)?;
    Ok(layout)
}

fn recorded_geometry(header: &SegmentHeader) -> Geometry {
    // ORDERING: Relaxed - ordered by the magic.
    let sources = header.sources.load(Ordering::Relaxed) as usize;
    let rings = header.rings[..sources.min(SOURCES_MAX)]
        .iter()
        .map(|ring| RingGeometry {
            frame_slots: ring.frame_slots.load(Ordering::Relaxed) as usize,
            capacity_bytes: usize::try_from(ring.capacity_bytes.load(Ordering::Relaxed))
                .unwrap_or(usize::MAX),
        })
        .collect();
    Geometry {
        rings,
        lanes: header.lanes.load(Ordering::Relaxed) as usize,
    }
}

fn random_id() -> u128 {
    std::fs::read_to_string("/proc/sys/kernel/random/uuid")
        .ok()
        .and_then(|uuid| u128::from_str_radix(&uuid.trim().replace('-', ""), 16).ok())
        .unwrap_or_else(|| u128::from(MonotonicNs::now().0) << 32 | u128::from(std::process::id()))
}
