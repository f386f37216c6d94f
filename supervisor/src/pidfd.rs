//! A process that is not our child, held by a file descriptor: a signal reaches it or nobody, its
//! end is told by the kernel, and a file that it has open can be fetched.
//!
//! Upstream: `crate::orphans` finds whom to hold. One of the two modules of this crate with
//! `unsafe`: neither the standard library nor nix has these system calls.

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// The process while it is held; its number may mean another one after its end, this never does.
#[derive(Debug)]
pub struct PidFd(OwnedFd);

impl PidFd {
    /// Holds the process that has this id now. Source: pidfd_open(2).
    ///
    /// # Errors
    ///
    /// The system's: no such process, too many open files, a kernel before 5.3.
    #[expect(unsafe_code, reason = "pidfd_open has no safe wrapper")]
    pub fn open(pid: u32) -> io::Result<Self> {
        let pid = libc::pid_t::try_from(pid).map_err(|_| io::ErrorKind::InvalidInput)?;
        // SAFETY: takes two numbers and touches no memory of ours.
        let number = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        owned(number).map(Self)
    }

    /// Sends it a signal. Source: pidfd_send_signal(2).
    #[expect(unsafe_code, reason = "pidfd_send_signal has no safe wrapper")]
    pub fn signal(&self, signal: Signal) {
        // An error means that it is dead, which its watcher is told too.
        // SAFETY: the descriptor is ours and open; no signal information is passed.
        let _dead = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.0.as_raw_fd(),
                signal as libc::c_int,
                std::ptr::null::<libc::siginfo_t>(),
                0,
            )
        };
    }

    /// Waits for its end, at most so long (`None` = for ever); whether it has ended.
    #[must_use]
    pub fn wait(&self, limit: Option<Duration>) -> bool {
        let limit = match limit {
            None => PollTimeout::NONE,
            Some(limit) => PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX),
        };
        loop {
            let mut files = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
            match poll(&mut files, limit) {
                Ok(ready) => return ready > 0,
                Err(nix::errno::Errno::EINTR) => {}
                Err(_) => return false,
            }
        }
    }

    /// A file that it has open under `number`. Source: pidfd_getfd(2).
    ///
    /// # Errors
    ///
    /// The system's: it has no such file, it may not be looked into (Yama, a container's seccomp),
    /// a kernel before 5.6.
    #[expect(unsafe_code, reason = "pidfd_getfd has no safe wrapper")]
    pub fn fetch(&self, number: RawFd) -> io::Result<OwnedFd> {
        // SAFETY: takes three numbers and touches no memory of ours.
        let fetched =
            unsafe { libc::syscall(libc::SYS_pidfd_getfd, self.0.as_raw_fd(), number, 0) };
        owned(fetched)
    }

    /// Holds the same process once more.
    ///
    /// # Errors
    ///
    /// The system's: too many open files.
    pub fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }
}

/// The descriptor that a system call made, or its error.
#[expect(
    unsafe_code,
    reason = "takes ownership of the descriptor that the kernel made"
)]
fn owned(number: libc::c_long) -> io::Result<OwnedFd> {
    match RawFd::try_from(number) {
        // SAFETY: the kernel has just made this number for us, and nobody else knows it.
        Ok(number) if number >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(number) }),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::process::Command;

    #[test]
    fn process_is_signalled_and_its_end_is_told() {
        let mut child = Command::new("/bin/sleep").arg("600").spawn().unwrap();
        let held = PidFd::open(child.id()).unwrap();
        assert!(!held.wait(Some(Duration::ZERO)));
        held.try_clone().unwrap().signal(Signal::SIGTERM);
        assert!(held.wait(None));
        child.wait().unwrap();
        assert!(
            held.wait(Some(Duration::ZERO)),
            "it stays ended when it is reaped"
        );
        held.signal(Signal::SIGKILL);
        assert!(held.fetch(0).is_err());
    }

    #[test]
    fn listener_of_a_process_is_fetched_and_is_the_same_one() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let this = PidFd::open(std::process::id()).unwrap();
        let fetched = TcpListener::from(this.fetch(listener.as_raw_fd()).unwrap());
        assert_eq!(
            fetched.local_addr().unwrap(),
            listener.local_addr().unwrap()
        );
        assert!(this.fetch(RawFd::MAX).is_err());
    }
}
