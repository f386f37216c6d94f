//! Does the wall clock run evenly, and does anybody keep it in step?
//!
//! Ages and deadlines are taken from the monotonic clock and never suffer. The wall clock stands
//! in `capture_time_us`, by which frames of several boxes are put in order.

use super::Finding;
use shm_layout::{MonotonicNs, wall_us};
use std::path::Path;
use std::time::Duration;

/// How long the two clocks are compared.
const WATCHED_FOR: Duration = Duration::from_millis(100);

/// A wall clock that gains or loses more than this meanwhile has been set, in µs.
const JUMP_US: u64 = 20_000;

/// A clock before this was never set: 2025-01-01, in s since 1970.
const NEVER_SET_BEFORE_S: u64 = 1_735_689_600;

/// Says that systemd-timesyncd has set the clock. Source: systemd-timesyncd.service(8).
const SYNCHRONIZED: &str = "/run/systemd/timesync/synchronized";

/// Programs that keep the clock in step, as `/proc/PID/comm` names them (15 characters at most).
const KEEPERS: [&str; 5] = ["chronyd", "ntpd", "ntpsec", "systemd-timesyn", "phc2sys"];

pub(super) fn look() -> Vec<Finding> {
    let (wall, steady) = (wall_us(), MonotonicNs::now());
    std::thread::sleep(WATCHED_FOR);
    let wall_passed = wall_us().wrapping_sub(wall) as i64;
    let steady_passed = MonotonicNs::now().since(steady).as_micros() as i64;
    let jump_us = wall_passed.abs_diff(steady_passed);
    vec![
        check_time(wall / 1_000_000, jump_us),
        check_keeper(keeper().as_deref()),
    ]
}

/// Who keeps the clock in step, if anybody does here.
fn keeper() -> Option<String> {
    if Path::new(SYNCHRONIZED).exists() {
        return Some("systemd-timesyncd".to_owned());
    }
    std::fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("comm")).ok())
        .map(|name| name.trim().to_owned())
        .find(|name| KEEPERS.contains(&name.as_str()))
}

fn check_time(wall_s: u64, jump_us: u64) -> Finding {
    let mend = "let one program keep the clock in step (chrony or systemd-timesyncd), and only one";
    if jump_us > JUMP_US {
        let says = format!(
            "the wall clock jumped by {} ms while it was watched",
            jump_us / 1000
        );
        return Finding::warn("clock", says)
            .meaning("times of capture jump with it; ages and restarts do not suffer")
            .mend(mend);
    }
    if wall_s < NEVER_SET_BEFORE_S {
        return Finding::warn("clock", "was never set since this machine started")
            .meaning("times of capture are wrong, and jump once it is set")
            .mend(mend);
    }
    Finding::ok("clock", "runs evenly")
}

fn check_keeper(keeper: Option<&str>) -> Finding {
    match keeper {
        Some(keeper) => Finding::ok("clock", format!("kept in step by {keeper}")),
        None => Finding::warn("clock", "nobody here keeps it in step")
            .meaning("times of capture drift, unless the host of this machine sees to it")
            .mend("`sudo apt-get install chrony`"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn jump_and_a_clock_of_1970_are_told() {
        assert_eq!(check_time(1_800_000_000, 100).level, Level::Ok);
        let finding = check_time(1_800_000_000, 3_000_000);
        assert_eq!(finding.level, Level::Warn);
        assert!(finding.says.contains("3000 ms"), "{}", finding.says);
        assert_eq!(check_time(12, 0).level, Level::Warn);
    }

    #[test]
    fn keeper_is_named() {
        assert!(check_keeper(Some("chronyd")).says.contains("chronyd"));
        assert_eq!(check_keeper(None).level, Level::Warn);
    }
}
