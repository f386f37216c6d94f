//! Processes of a test: signals to them, and finding them all.
//!
//! Upstream: `test_box` and the tests that kill. Every process is known by its id or by a variable
//! of its environment that only one box has; nothing here touches a process by its name.

use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::str::FromStr;
use std::sync::mpsc::channel;

/// Sends `signal`, e.g. `"KILL"`, to the process `pid`.
///
/// # Panics
///
/// If there is no such process or signal: the test lost track of what it does.
#[track_caller]
pub fn signal(pid: u32, signal: &str) {
    let number = Signal::from_str(&format!("SIG{signal}")).expect("a signal's name");
    let target = Pid::from_raw(i32::try_from(pid).expect("process ids are positive"));
    kill(target, number)
        .unwrap_or_else(|errno| panic!("cannot send SIG{signal} to {pid}: {errno}"));
}

/// Stops one thread of a process, by its name, for as long as the process lives; the others go on.
///
/// # Panics
///
/// If there is no such thread, or where ptrace is not allowed.
#[track_caller]
pub fn stop_thread(pid: u32, name: &str) {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("the process runs");
    let thread = threads.flatten().find(|thread| {
        let own = std::fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
        own.trim() == name
    });
    let thread = thread.unwrap_or_else(|| panic!("process {pid} has no thread `{name}`"));
    let thread: i32 = thread
        .file_name()
        .to_string_lossy()
        .parse()
        .expect("a number");
    let thread = Pid::from_raw(thread);
    let (tell, stopped) = channel();
    // Whoever began to trace must go on, and must take note of the end: until then the kernel
    // does not tell the parent that the process ended.
    std::thread::spawn(move || {
        let began = ptrace::seize(thread, ptrace::Options::empty())
            .and_then(|()| ptrace::interrupt(thread))
            .and_then(|()| waitpid(thread, Some(WaitPidFlag::__WALL)));
        let is_over = began.is_err();
        if tell.send(began).is_err() || is_over {
            return;
        }
        while let Ok(status) = waitpid(thread, Some(WaitPidFlag::__WALL)) {
            if matches!(status, WaitStatus::Exited(..) | WaitStatus::Signaled(..)) {
                return;
            }
        }
    });
    let began = stopped.recv().expect("the tracer says what became of it");
    began.unwrap_or_else(|errno| panic!("thread `{name}` cannot be traced: {errno}"));
}

/// Whether a process `pid` exists and is not just waiting to be reaped.
#[must_use]
pub fn is_running(pid: u32) -> bool {
    state(pid).is_some_and(|state| state != 'Z' && state != 'X')
}

/// State letter of a process. Source: proc(5), field 3 of `/proc/PID/stat`.
fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.trim_start().chars().next()
}

/// The running processes that were started with `variable=value` in their environment.
///
/// # Panics
///
/// Where there is no `/proc`.
#[must_use]
pub fn with_environment(variable: &str, value: &str) -> Vec<u32> {
    let wanted = format!("{variable}={value}").into_bytes();
    std::fs::read_dir("/proc")
        .expect("Linux has /proc")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| *pid != std::process::id())
        .filter(|pid| {
            std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environ| {
                environ
                    .split(|byte| *byte == 0)
                    .any(|entry| entry == wanted)
            })
        })
        .filter(|pid| is_running(*pid))
        .collect()
}

/// Command line of a process, for messages.
#[must_use]
pub fn command_line(pid: u32) -> String {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

/// Most physical memory that the process `pid` ever had, in KiB.
///
/// # Panics
///
/// When it is gone.
#[must_use]
pub fn peak_memory_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|text| text.trim().strip_suffix(" kB")?.parse().ok());
    peak.expect("a peak in kB")
}
