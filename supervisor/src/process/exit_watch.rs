//! Waits for the end of a process and tells how it ended.
//!
//! The process is not reaped here: until the main loop does that, its number names nobody else,
//! so a signal that the main loop sends can never reach a stranger.

use super::listen;
use crate::pidfd::PidFd;
use crate::unit::death::Death;
use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use std::io;

/// Calls `report` once, from a thread of its own, when the child `pid` has ended.
///
/// # Errors
///
/// The system's, if there can be no further thread.
pub fn watch(pid: Pid, report: impl FnOnce(Death) + Send + 'static) -> io::Result<()> {
    listen("exit-watch", move || report(wait(pid)))
}

/// The same for a process that is not our child.
///
/// # Errors
///
/// The system's: no further thread or file.
pub fn watch_orphan(process: PidFd, report: impl FnOnce() + Send + 'static) -> io::Result<()> {
    listen("exit-watch", move || {
        if process.wait(None) {
            report();
        }
    })
}

fn wait(pid: Pid) -> Death {
    loop {
        match waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
            Ok(WaitStatus::Exited(_, code)) => return Death::Exited(code),
            Ok(WaitStatus::Signaled(_, signal, core_dumped)) => {
                return Death::Killed {
                    signal,
                    core_dumped,
                };
            }
            Ok(_) | Err(Errno::EINTR) => {}
            // Not our child: it never started, or it was reaped behind our back.
            Err(_) => return Death::NotStarted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::Signal;
    use std::process::Command;
    use std::sync::mpsc::channel;

    fn death_of(script: &str) -> Death {
        let mut child = Command::new("/bin/sh")
            .args(["-c", script])
            .spawn()
            .unwrap();
        let (deaths, receiver) = channel();
        let pid = Pid::from_raw(child.id() as i32);
        watch(pid, move |death| deaths.send(death).unwrap()).unwrap();
        let death = receiver.recv().unwrap();
        assert!(child.wait().is_ok(), "it was left to be reaped");
        death
    }

    #[test]
    fn end_is_told_as_it_was() {
        assert_eq!(death_of("exit 0"), Death::Exited(0));
        assert_eq!(death_of("exit 69"), Death::Exited(69));
        let killed = Death::Killed {
            signal: Signal::SIGKILL,
            core_dumped: false,
        };
        assert_eq!(death_of("kill -9 $$"), killed);
    }
}
