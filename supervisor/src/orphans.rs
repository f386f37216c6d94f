//! What a supervisor that was killed left behind: workers that still serve, a segment, sockets.
//!
//! The segment's process table names the workers, each by process id and start time, so that a
//! number which meanwhile belongs to another program is left alone. They are asked to end, and
//! killed if they do not; then the segment's name is free for a new one.

use crate::failure::Failure;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};
use shm_layout::control::Role;
use shm_layout::layout::PROCESSES;
use shm_layout::process_table::start_ticks;
use shm_layout::segment::{Access, Segment, SegmentError, SegmentName};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

/// Orphans have this long between SIGTERM and SIGKILL.
const TERM_GRACE: Duration = Duration::from_secs(2);

/// How often it is looked whether they are gone: nobody tells, they are not our children.
const LOOK_EVERY: Duration = Duration::from_millis(5);

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
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(_) => Err(Failure::SegmentHeld {
                segment: name.as_str().to_owned(),
            }),
        }
    }
}

/// Ends what still runs of a dead supervisor's workers and removes its segment.
///
/// # Errors
///
/// [`Failure::SegmentHeld`] if that supervisor is not dead; [`Failure::Segment`] if the segment
/// cannot be removed.
pub fn clear(name: &SegmentName) -> Result<(), Failure> {
    let Some(_lock) = SegmentLock::take(name)? else {
        return Ok(());
    };
    match Segment::attach(name, None, Access::Read) {
        // A stranger who guessed the name could name any process in its table.
        _ if !is_ours(name) => {
            tracing::warn!("left-over segment of another user is replaced unread")
        }
        Ok(segment) => end_all(&mut orphans_of(&segment)),
        // Its table cannot be believed, so nobody can be asked to end; workers of that layout
        // notice by themselves that their supervisor is gone.
        Err(error) => tracing::warn!("left-over segment is replaced unread: {error}"),
    }
    name.unlink()?;
    tracing::info!("removed the segment that a killed supervisor left behind");
    Ok(())
}

fn is_ours(name: &SegmentName) -> bool {
    std::fs::metadata(name.path()).is_ok_and(|facts| facts.uid() == Uid::effective().as_raw())
}

/// A process, named so that no other can be meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Orphan {
    pid: i32,
    start_ticks: u64,
}

impl Orphan {
    /// Whether it still runs and is one of our programs.
    fn lives(self) -> bool {
        let Ok(pid) = u32::try_from(self.pid) else {
            return false;
        };
        start_ticks(pid) == Some(self.start_ticks) && is_worker(self.pid) && !is_zombie(self.pid)
    }

    fn signal(self, signal: Signal) {
        if self.lives() {
            // An error means that it is gone, which is what is wanted.
            let _gone = kill(Pid::from_raw(self.pid), signal);
        }
    }
}

fn is_worker(pid: i32) -> bool {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    [Role::Capture, Role::Infer, Role::Gateway]
        .iter()
        .any(|role| role.program() == name.trim())
}

/// Dead, and only kept by whoever must reap it: it holds nothing any more.
fn is_zombie(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']))
}

fn orphans_of(segment: &Segment) -> Vec<Orphan> {
    (0..PROCESSES)
        .filter_map(|place| segment.process(place).ok()?.process())
        .filter_map(|(pid, start_ticks)| {
            // 0 and 1 would mean a process group and init.
            let pid = i32::try_from(pid).ok().filter(|pid| *pid > 1)?;
            Some(Orphan { pid, start_ticks })
        })
        .filter(|orphan| orphan.lives())
        .collect()
}

fn end_all(orphans: &mut Vec<Orphan>) {
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
    for (signal, grace) in [(Signal::SIGTERM, TERM_GRACE), (Signal::SIGKILL, TERM_GRACE)] {
        for orphan in orphans.iter() {
            orphan.signal(signal);
        }
        let deadline = Instant::now() + grace;
        while !orphans.is_empty() && Instant::now() < deadline {
            std::thread::sleep(LOOK_EVERY);
            orphans.retain(|orphan| orphan.lives());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shm_layout::Generation;
    use shm_layout::layout::{Geometry, RingGeometry};
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command, Stdio};

    /// A process that looks like a worker: the name is that of the file which is executed.
    struct Worker {
        child: Child,
        orphan: Orphan,
    }

    impl Worker {
        fn start(scratch: &std::path::Path, script: &str) -> Self {
            let path = scratch.join("infer-worker");
            if !path.exists() {
                // A link, not a copy: a file that was just written cannot be executed while a
                // child of another test, forked in between, still has it open.
                std::os::unix::fs::symlink("/bin/sh", &path).unwrap();
            }
            let child = Command::new(&path)
                .args(["-c", script])
                .process_group(0)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let start_ticks = start_ticks(child.id()).unwrap();
            let orphan = Orphan {
                pid: child.id() as i32,
                start_ticks,
            };
            let worker = Self { child, orphan };
            // The name is the file's only once exec has happened.
            while !is_worker(orphan.pid) {
                std::thread::yield_now();
            }
            worker
        }
    }

    impl Drop for Worker {
        fn drop(&mut self) {
            let _ended = self.child.kill();
            let _reaped = self.child.wait();
        }
    }

    const BUSY: &str = "while :; do sleep 0.01; done";

    #[test]
    fn orphan_that_ignores_sigterm_is_killed() {
        let scratch = tempfile::tempdir().unwrap();
        let polite = Worker::start(scratch.path(), BUSY);
        let deaf = Worker::start(scratch.path(), &format!("trap '' TERM; {BUSY}"));
        end_all(&mut vec![polite.orphan, deaf.orphan]);
        assert!(!polite.orphan.lives() && !deaf.orphan.lives());
    }

    #[test]
    fn stranger_with_the_same_number_is_left_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let worker = Worker::start(scratch.path(), BUSY);
        let later = Orphan {
            start_ticks: worker.orphan.start_ticks + 1,
            ..worker.orphan
        };
        end_all(&mut vec![later]);
        assert!(worker.orphan.lives() && !later.lives());
        let this = std::process::id();
        let this = Orphan {
            pid: this as i32,
            start_ticks: start_ticks(this).unwrap(),
        };
        assert!(!this.lives(), "not one of our programs");
    }

    #[test]
    fn segment_of_a_killed_supervisor_goes_with_its_workers() {
        let scratch = tempfile::tempdir().unwrap();
        let worker = Worker::start(scratch.path(), BUSY);
        let name = SegmentName::new(&format!("orphan-{}", std::process::id()));
        let ring = RingGeometry {
            frame_slots: 4,
            capacity_bytes: 4096,
        };
        let geometry = Geometry {
            rings: vec![ring],
            lanes: 1,
        };
        let segment = Segment::create(&name, &geometry).unwrap();
        let entry = segment.process(3).unwrap();
        entry.reserve(Generation(1), Role::Infer as u32);
        assert!(entry.attach(Generation(1), worker.child.id(), worker.orphan.start_ticks));
        drop(segment);
        clear(&name).unwrap();
        assert!(!worker.orphan.lives());
        assert!(!name.path().exists());
    }

    #[test]
    fn segment_has_one_owner() {
        let instance = format!("owner-{}", std::process::id());
        let name = SegmentName::new(&instance);
        assert!(SegmentLock::take(&name).unwrap().is_none());
        std::fs::write(name.path(), b"no segment at all").unwrap();
        let lock = SegmentLock::take(&name).unwrap();
        assert!(matches!(clear(&name), Err(Failure::SegmentHeld { .. })));
        assert!(name.path().exists());
        drop(lock);
        clear(&name).unwrap();
        assert!(!name.path().exists());
    }
}
