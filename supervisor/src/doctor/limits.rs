//! Limits of the process: open files for the clients, core files for whoever looks into a crash.

use super::Finding;
use crate::config::Gateway;
use crate::limits::{OTHER_FILES, files_for};
use nix::sys::resource::{Resource, getrlimit};

pub(super) fn look(config: &Gateway) -> Vec<Finding> {
    let soft = |resource| getrlimit(resource).map_or(u64::MAX, |(soft, _)| soft);
    let hard = |resource| getrlimit(resource).map_or(u64::MAX, |(_, hard)| hard);
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    vec![
        // The soft limit is raised as far as this one allows.
        check_files(hard(Resource::RLIMIT_NOFILE), config.max_clients),
        check_core(soft(Resource::RLIMIT_CORE), pattern.trim()),
    ]
}

fn check_files(allowed: u64, max_clients: u32) -> Finding {
    let needed = files_for(max_clients as usize);
    if needed <= allowed {
        let says = format!("{allowed} allowed, {needed} needed for {max_clients} clients");
        return Finding::ok("open files", says);
    }
    let fit = allowed.saturating_sub(OTHER_FILES);
    Finding::warn("open files", format!("{allowed} allowed, {needed} needed"))
        .meaning(format!(
            "about {fit} clients fit, `gateway.max_clients` is {max_clients}"
        ))
        .mend(format!(
            "`ulimit -Hn {needed}` before the start, `LimitNOFILE={needed}` in a systemd unit, or \
             lower `gateway.max_clients`"
        ))
}

/// Source: core(5); the limit does not hold for a pattern that names a program.
fn check_core(limit_bytes: u64, pattern: &str) -> Finding {
    if let Some(program) = pattern.strip_prefix('|') {
        let program = program.split_whitespace().next().unwrap_or(program);
        return Finding::ok("core files", format!("go to {program}"));
    }
    if limit_bytes == 0 || pattern.is_empty() {
        return Finding::warn("core files", "none is written")
            .meaning("the black box of a crash has no core file beside it")
            .mend("`ulimit -c unlimited` before the start, or install systemd-coredump");
    }
    Finding::ok("core files", format!("are written as `{pattern}`"))
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn files_for_all_clients_must_be_allowed() {
        assert_eq!(check_files(1024, 256).level, Level::Ok);
        assert_eq!(check_files(320, 256).level, Level::Ok);
        let finding = check_files(256, 256);
        assert_eq!(finding.level, Level::Warn);
        assert!(finding.means.unwrap().contains("192"));
        assert!(finding.mend.unwrap().contains("ulimit -Hn 320"));
    }

    #[test]
    fn core_goes_to_a_program_or_within_the_limit() {
        let level = |limit, pattern| check_core(limit, pattern).level;
        assert_eq!(level(0, "|/usr/lib/systemd/systemd-coredump %P"), Level::Ok);
        assert_eq!(level(0, "core"), Level::Warn);
        assert_eq!(level(u64::MAX, ""), Level::Warn);
        assert_eq!(level(u64::MAX, "/var/crash/%e.%p"), Level::Ok);
    }
}
