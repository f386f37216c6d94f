//! What the kernel says about processes: memory, processor time, death.

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::fs;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// Memory of a process, its share of what it shares with others included; bytes.
///
/// # Errors
///
/// The process is gone, or not ours to look at.
pub fn pss_bytes(pid: i32) -> Result<u64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let rollup = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    let kib: u64 = kib.with_context(|| format!("{path} has no Pss"))?.parse()?;
    Ok(kib * 1024)
}

/// Processor time of processes over a while.
#[derive(Debug)]
pub struct Load {
    began: Instant,
    before_ns: HashMap<i32, u64>,
}

impl Load {
    /// Begins to count.
    ///
    /// # Errors
    ///
    /// A process is gone.
    pub fn start(pids: impl IntoIterator<Item = i32>) -> Result<Self> {
        let before = pids.into_iter().map(|pid| Ok((pid, processor_ns(pid)?)));
        Ok(Self {
            began: Instant::now(),
            before_ns: before.collect::<Result<_>>()?,
        })
    }

    /// Percent of one core that `pid` used since the start.
    ///
    /// # Errors
    ///
    /// The process is gone.
    pub fn percent(&self, pid: i32) -> Result<f64> {
        let before = self.before_ns.get(&pid).copied().unwrap_or(0);
        let used = processor_ns(pid)?.saturating_sub(before);
        Ok(used as f64 * 100.0 / self.began.elapsed().as_nanos() as f64)
    }
}

/// Processor time of the live threads of a process; those of the box live as long as it.
fn processor_ns(pid: i32) -> Result<u64> {
    let mut total = 0;
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    for task in tasks.with_context(|| format!("process {pid} is gone"))? {
        let text = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        total += text
            .split(' ')
            .next()
            .and_then(|ns| ns.parse::<u64>().ok())
            .unwrap_or(0);
    }
    Ok(total)
}

/// A process that was killed and whose death the kernel confirmed.
#[derive(Debug, Clone, Copy)]
pub struct Death {
    /// Just before SIGKILL was sent.
    pub killed: Instant,
    /// When it was seen dead, µs since 1970: frames captured later are its successor's.
    pub dead_wall_us: u64,
}

impl Death {
    /// Kills `pid` with SIGKILL and waits until it is dead.
    ///
    /// # Errors
    ///
    /// There is no such process, or it does not die.
    pub fn inflict(pid: i32) -> Result<Self> {
        let handle = pidfd(pid)?;
        let killed = Instant::now();
        kill(Pid::from_raw(pid), Signal::SIGKILL)?;
        let mut watched = [PollFd::new(handle.as_fd(), PollFlags::POLLIN)];
        let limit = Duration::from_secs(10);
        let timeout = PollTimeout::try_from(limit).unwrap_or(PollTimeout::NONE);
        ensure!(
            poll(&mut watched, timeout)? == 1,
            "process {pid} does not die"
        );
        Ok(Self {
            killed,
            dead_wall_us: super::wall_us(),
        })
    }
}

#[expect(unsafe_code, reason = "nix has no pidfd_open")]
fn pidfd(pid: i32) -> Result<OwnedFd> {
    // SAFETY: the system call takes two integers and touches no memory of ours.
    let fd = unsafe { nix::libc::syscall(nix::libc::SYS_pidfd_open, pid, 0) };
    let fd = i32::try_from(fd).ok().filter(|fd| *fd >= 0);
    let fd = fd
        .ok_or_else(Errno::last)
        .with_context(|| format!("there is no process {pid}"))?;
    // SAFETY: the kernel just made this descriptor for us; nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
