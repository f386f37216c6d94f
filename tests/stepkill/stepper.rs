//! Runs an operation in a forked child, one instruction at a time, and kills it.

use nix::sys::ptrace;
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How the child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Killed in the middle.
    Killed,
    /// The operation was through before.
    ByItself,
}

/// Forks, lets the child run `operation` for so many instructions, and kills it.
///
/// The child shares nothing writable with this process but the segment. It must not allocate: it
/// is forked from a process with several threads.
pub(super) fn run_and_kill_after(instructions: u64, operation: impl Fn()) -> Ended {
    #[expect(
        unsafe_code,
        reason = "the child must be a copy of this process, not a new program"
    )]
    // SAFETY: the child runs `operation` only, which neither allocates nor takes a lock, and ends
    // by `_exit`; see above.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            let traced = ptrace::traceme().and_then(|()| raise(Signal::SIGSTOP));
            let ran = traced.is_ok() && catch_unwind(AssertUnwindSafe(operation)).is_ok();
            #[expect(unsafe_code, reason = "nothing of the copied process may run on exit")]
            // SAFETY: `_exit` is always allowed.
            unsafe {
                nix::libc::_exit(if ran { 0 } else { 1 })
            }
        }
        ForkResult::Parent { child } => step(child, instructions),
    }
}

fn step(child: Pid, instructions: u64) -> Ended {
    let stopped = waitpid(child, None).unwrap();
    assert_eq!(
        stopped,
        WaitStatus::Stopped(child, Signal::SIGSTOP),
        "the child cannot be traced: this test needs ptrace"
    );
    for _ in 0..instructions {
        ptrace::step(child, None).unwrap();
        match waitpid(child, None).unwrap() {
            WaitStatus::Stopped(_, Signal::SIGTRAP) => {}
            WaitStatus::Exited(_, 0) => return Ended::ByItself,
            other => panic!("the operation failed in the child: {other:?}"),
        }
    }
    ptrace::kill(child).unwrap();
    // Proof of death, as the supervisor needs it.
    match waitpid(child, None).unwrap() {
        WaitStatus::Signaled(_, Signal::SIGKILL, _) => Ended::Killed,
        other => panic!("expected a killed child, found {other:?}"),
    }
}
