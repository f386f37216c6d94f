//! What a supervisor that was killed left behind: workers that still serve, a segment, sockets.
//!
//! The segment's process table names the workers, each by process id and start time, so that a
//! number which meanwhile belongs to another program is left alone. A segment that has the sources
//! and the room that this supervisor needs is adopted with all that is in it and with its workers, which
//! are replaced one by one later; any other is removed, after its workers were asked to end, and
//! killed if they did not.
//!
//! Neighbours: `crate::run` asks; `crate::owned_segment` and `crate::units` get what is adopted.

use crate::config::SourceConfig;
use crate::failure::Failure;
use crate::geometry::shortage;
use crate::lock::leads_to;
use crate::pidfd::PidFd;
use nix::sys::signal::Signal;
use nix::unistd::Uid;
use shm_layout::control::Role;
use shm_layout::layout::{Geometry, Layout, PROCESSES};
use shm_layout::process_table::lives;
use shm_layout::segment::{Access, Segment, SegmentError, SegmentName};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

/// Orphans have this long between SIGTERM and SIGKILL.
const TERM_GRACE: Duration = Duration::from_secs(2);

/// The right to own the segment of a name. The kernel drops it with the process.
///
/// The instance's lock file keeps two supervisors apart that share a runtime folder; this lock, on
/// the segment's own file, keeps those apart that do not.
#[derive(Debug)]
pub struct SegmentLock {
    _file: File,
}

impl SegmentLock {
    /// Locks the segment that exists under `name`; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`Failure::SegmentHeld`] if a running supervisor owns it.
    pub fn take(name: &SegmentName) -> Result<Option<Self>, Failure> {
        // A file of its own, not the one that workers inherit: they would share the lock.
        let opened = OpenOptions::new().read(true).write(true).open(name.path());
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(SegmentError::File {
                    path: name.path(),
                    source,
                }
                .into());
            }
        };
        match file.try_lock() {
            // Its last worker may have removed it just before.
            Ok(()) if !leads_to(&name.path(), &file) => Self::take(name),
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(_) => Err(Failure::SegmentHeld {
                segment: name.as_str().to_owned(),
            }),
        }
    }
}

/// What is there under the name of a box that is about to start.
#[derive(Debug)]
pub struct LeftOver {
    name: SegmentName,
    lock: SegmentLock,
    /// The segment, or why it cannot be used.
    segment: Result<Segment, String>,
}

/// A segment that goes on, with those who still work in it.
#[derive(Debug)]
pub struct Adopted {
    /// The segment.
    pub segment: Segment,
    /// The right to own it.
    pub lock: SegmentLock,
    /// The workers that live.
    pub orphans: Vec<Orphan>,
}

/// Looks for what a dead supervisor left. If it can be used, its workers are given to understand
/// that somebody is there again.
///
/// # Errors
///
/// [`Failure::SegmentHeld`] if that supervisor is not dead; [`Failure::Segment`] if the file
/// cannot be opened.
pub fn look(name: &SegmentName) -> Result<Option<LeftOver>, Failure> {
    let Some(lock) = SegmentLock::take(name)? else {
        return Ok(None);
    };
    let segment = attach(name);
    if let Ok(segment) = &segment {
        segment.beat_supervisor();
    }
    Ok(Some(LeftOver {
        name: name.clone(),
        lock,
        segment,
    }))
}

fn attach(name: &SegmentName) -> Result<Segment, String> {
    // A stranger who guessed the name could name any process in its table.
    let facts = std::fs::metadata(name.path()).map_err(|error| error.to_string())?;
    if facts.uid() != Uid::effective().as_raw() {
        return Err("it belongs to another user".to_owned());
    }
    let file = OpenOptions::new().read(true).write(true).open(name.path());
    let file = file.map_err(|error| error.to_string())?;
    // Its table cannot be believed in case of an error, so nobody can be asked to end; workers of
    // that layout notice by themselves that their supervisor is gone.
    Segment::attach(name, Some(file.into()), Access::Everything).map_err(|error| error.to_string())
}

impl LeftOver {
    /// Adopts the segment if it has the sources and the room that this supervisor needs; else ends who works in it
    /// and removes it.
    ///
    /// # Errors
    ///
    /// [`Failure::Segment`] if it cannot be removed.
    pub fn settle(self, geometry: &Geometry, sources: u64) -> Result<Option<Adopted>, Failure> {
        let why = match self.segment {
            Ok(segment) => {
                let orphans = orphans_of(&segment);
                let found = (segment.layout(), segment.sources_hash());
                let Some(why) = misfit(found, (geometry, sources)) else {
                    return Ok(Some(Adopted {
                        segment,
                        lock: self.lock,
                        orphans,
                    }));
                };
                end_all(&orphans);
                why.to_owned()
            }
            Err(why) => why,
        };
        self.name.unlink()?;
        tracing::warn!("the segment that a killed supervisor left is replaced: {why}");
        Ok(None)
    }
}

/// Why a segment does not do for this supervisor; one with more room than it needs does. Pure.
fn misfit(found: (&Layout, u64), wanted: (&Geometry, u64)) -> Option<&'static str> {
    if found.1 != wanted.1 {
        Some("it has other sources")
    } else if shortage(found.0, wanted.0).is_some() {
        Some("it has other sizes")
    } else {
        None
    }
}

/// Names the sources in the order of their rings; never 0.
#[must_use]
pub fn sources_hash<'a>(sources: impl Iterator<Item = &'a SourceConfig>) -> u64 {
    // FNV-1a, 64 bits; a name has no zero byte, so it separates.
    let text = sources.flat_map(|source| [source.name.as_str(), "\0", source.kind.name(), "\0"]);
    let mix = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    text.flat_map(str::bytes)
        .fold(0xcbf2_9ce4_8422_2325, mix)
        .max(1)
}

/// A worker whose supervisor is gone.
#[derive(Debug)]
pub struct Orphan {
    /// Its process id.
    pub pid: u32,
    /// Its place in the process table.
    pub place: usize,
    /// The program that it runs.
    pub role: Role,
    /// Name of the unit that it was started for; empty if that cannot be told.
    pub unit: String,
    /// Holds it, whatever becomes of its number.
    pub process: PidFd,
}

impl Orphan {
    /// Holds the process if it still runs and is one of our programs.
    fn find(pid: u32, start_ticks: u64, place: usize) -> Option<Self> {
        // 0 and 1 would mean a process group and init.
        if pid <= 1 {
            return None;
        }
        let process = PidFd::open(pid).ok()?;
        // Looked at after it is held: from here on the number can mean nobody else.
        let role = role_of(pid)?;
        lives(pid, start_ticks).then_some(Self {
            pid,
            place,
            role,
            unit: unit_of(pid).unwrap_or_default(),
            process,
        })
    }
}

/// The program behind a process id, if it is one of ours.
fn role_of(pid: u32) -> Option<Role> {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    [Role::Capture, Role::Infer, Role::Gateway]
        .into_iter()
        .find(|role| role.program() == name.trim())
}

/// The unit that a process was started for, as its command line says.
fn unit_of(pid: u32) -> Option<String> {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let mut arguments = line.split(|byte| *byte == 0);
    arguments.find(|argument| argument == b"--unit")?;
    String::from_utf8(arguments.next()?.to_vec()).ok()
}

fn orphans_of(segment: &Segment) -> Vec<Orphan> {
    (0..PROCESSES)
        .filter_map(|place| {
            let (pid, start_ticks) = segment.process(place).ok()?.process()?;
            Orphan::find(pid, start_ticks, place)
        })
        .collect()
}

/// Asks them to end, kills those that do not, and waits until they are gone.
pub fn end_all(orphans: &[Orphan]) {
    if orphans.is_empty() {
        return;
    }
    let pids: Vec<String> = orphans
        .iter()
        .map(|orphan| orphan.pid.to_string())
        .collect();
    tracing::warn!(
        "ending workers of a killed supervisor: pid {}",
        pids.join(", ")
    );
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        for orphan in orphans {
            orphan.process.signal(signal);
        }
        let deadline = Instant::now() + TERM_GRACE;
        let left = || deadline.saturating_duration_since(Instant::now());
        // Each is waited for in turn; those that ended meanwhile cost no time.
        let still_run = orphans
            .iter()
            .filter(|orphan| !orphan.process.wait(Some(left())));
        if still_run.count() == 0 {
            return;
        }
    }
}

#[cfg(test)]
#[path = "orphans_tests.rs"]
mod tests;
