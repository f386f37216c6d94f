//! What the kernel allows the processes of a box, and whom it ends first when memory runs out.
//!
//! Neighbours: [`crate::launcher`] applies it to each process that it starts; `crate::doctor` warns
//! of limits that are too low before. Nothing here may stop a start: what is not permitted is left.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use shm_layout::control::Role;
use std::io;

/// Files that the gateway has open beside one for each client.
pub const OTHER_FILES: u64 = 64;

/// By how much likelier than the supervisor the kernel ends a worker when memory runs out, of 1000.
/// An infer-worker has most memory and is missed least; without a capture-worker there is nothing.
/// Source: proc_pid_oom_score_adj(5).
const OOM_INFER: i32 = 500;
const OOM_GATEWAY: i32 = 300;
const OOM_CAPTURE: i32 = 200;
const OOM_MAX: i32 = 1000;

/// Files that the gateway needs for so many clients.
#[must_use]
pub fn files_for(max_clients: usize) -> u64 {
    (max_clients as u64).saturating_add(OTHER_FILES)
}

/// Lets this process, and whatever it starts from now on, have as many files open as the gateway
/// needs. Warns if that is not allowed.
pub fn allow_files(max_clients: usize) {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return;
    };
    let needed = files_for(max_clients);
    if soft < needed && soft < hard {
        let wanted = needed.min(hard);
        if let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, wanted, hard) {
            tracing::warn!("cannot allow {wanted} open files: {error}");
        }
    }
    if hard < needed {
        let fit = hard.saturating_sub(OTHER_FILES);
        tracing::warn!(
            "{hard} open files are allowed, {needed} needed: about {fit} clients fit, \
             `gateway.max_clients` is {max_clients}; raise the hard limit (`ulimit -Hn {needed}`, \
             `LimitNOFILE={needed}` in a systemd unit)"
        );
    }
}

/// Makes the kernel prefer a worker of that role to this process when memory runs out. Raising is
/// permitted to everybody; where it is not, nothing is said.
pub fn prefer_when_out_of_memory(pid: u32, role: Role) {
    let own = std::fs::read_to_string("/proc/self/oom_score_adj").unwrap_or_default();
    let score = score(own.trim().parse().unwrap_or(0), role);
    let written = std::fs::write(format!("/proc/{pid}/oom_score_adj"), score.to_string());
    if let Err(error) = written {
        tracing::debug!("oom_score_adj of {pid} stays as it is: {error}");
    }
}

fn score(own: i32, role: Role) -> i32 {
    let more = match role {
        Role::Infer => OOM_INFER,
        Role::Gateway => OOM_GATEWAY,
        Role::Capture => OOM_CAPTURE,
    };
    own.saturating_add(more).min(OOM_MAX)
}

/// Where the kernel put the core file of the worker `pid`, in words. Source: core(5).
#[must_use]
pub fn core_place(pid: u32) -> String {
    let read =
        |path: &str| -> io::Result<String> { Ok(std::fs::read_to_string(path)?.trim().to_owned()) };
    let pattern = read("/proc/sys/kernel/core_pattern").unwrap_or_default();
    let adds_pid = read("/proc/sys/kernel/core_uses_pid").is_ok_and(|uses| uses == "1");
    let folder = std::env::current_dir().unwrap_or_default();
    place(&pattern, adds_pid, &folder.display().to_string(), pid)
}

/// `folder` is the worker's: it inherits the supervisor's.
fn place(pattern: &str, adds_pid: bool, folder: &str, pid: u32) -> String {
    if let Some(program) = pattern.strip_prefix('|') {
        let program = program.split_whitespace().next().unwrap_or(program);
        return match program.ends_with("systemd-coredump") {
            true => format!("`coredumpctl info {pid}`"),
            false => format!("given to {program}"),
        };
    }
    let folder = if pattern.starts_with('/') {
        String::new()
    } else {
        format!("{folder}/")
    };
    let named = pattern.replace("%p", &pid.to_string());
    let suffix = if adds_pid && !pattern.contains("%p") {
        format!(".{pid}")
    } else {
        String::new()
    };
    format!("{folder}{named}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infer_goes_first_and_the_supervisor_last() {
        let scores = [Role::Infer, Role::Gateway, Role::Capture].map(|role| score(-500, role));
        assert!(scores.is_sorted_by(|a, b| a > b), "{scores:?}");
        assert!(scores.iter().all(|score| *score > -500));
        assert_eq!(score(900, Role::Infer), OOM_MAX);
    }

    #[test]
    fn core_file_is_where_the_pattern_says() {
        assert_eq!(place("core", false, "/srv/box", 7), "/srv/box/core");
        assert_eq!(place("core", true, "/srv/box", 7), "/srv/box/core.7");
        assert_eq!(
            place("/var/crash/%p.core", true, "/", 7),
            "/var/crash/7.core"
        );
        assert_eq!(
            place("|/usr/lib/systemd/systemd-coredump %P %u", false, "/", 7),
            "`coredumpctl info 7`"
        );
        assert_eq!(
            place("|/usr/share/apport/apport %p", false, "/", 7),
            "given to /usr/share/apport/apport"
        );
    }
}
