//! Processes of a test: signals to them, and finding them all.
//!
//! Upstream: `test_box` and the tests that kill. Every process is known by its id or by a variable
//! of its environment that only one box has; nothing here touches a process by its name.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::str::FromStr;

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
