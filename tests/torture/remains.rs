//! What a leak would show in: descriptors and memory of the supervisor, which outlives all others;
//! the number of processes; leases; and the counters of what must never happen.

use crate::{SOURCES, rounds};
use shm_layout::Segment;
use wigwag_tests::{TestBox, process, wait};

/// Descriptors that may come and go: a status request, a worker's pipes in the moment of a restart.
const DESCRIPTORS_SLACK: usize = 12;
/// Growth of the supervisor's memory, over all its life, that is no leak: the allocator's, the log's.
const MEMORY_SLACK_KIB: u64 = 16 << 10;
/// A gateway and two infer-workers, one lease each.
const LEASES_MAX: u32 = 3;
/// Counters that mean a torn frame, or a ring without room.
const NEVER: [&str; 3] = ["no_frame_slot", "corrupt_frames", "undecodable"];

/// The state of one supervisor early in its life.
#[derive(Debug)]
pub(super) struct Remains {
    pid: u32,
    descriptors: usize,
    memory_kib: u64,
}

impl Remains {
    pub(super) fn of(test_box: &TestBox) -> Self {
        let pid = test_box.supervisor_pid();
        Self {
            pid,
            descriptors: descriptors(pid),
            memory_kib: memory_kib(pid),
        }
    }

    /// Fails if there is more than there was.
    #[track_caller]
    pub(super) fn assert_no_more(&self, test_box: &TestBox, segment: &Segment) {
        assert_eq!(self.pid, test_box.supervisor_pid());
        wait::until_true("one process for each unit", || {
            test_box.processes().len() == 1 + rounds::UNITS.len()
        });
        let most = self.descriptors + DESCRIPTORS_SLACK;
        wait::until_true(
            &format!("the supervisor has {most} descriptors or fewer"),
            || descriptors(self.pid) <= most,
        );
        let now = memory_kib(self.pid);
        assert!(
            now <= self.memory_kib + MEMORY_SLACK_KIB,
            "the supervisor grew from {} to {now} KiB",
            self.memory_kib
        );
        for source in 0..SOURCES.len() {
            wait::until_true("no lease of the dead", || {
                segment.leases_held(source) <= LEASES_MAX
            });
        }
    }
}

/// Fails if any process counted what must never happen.
#[track_caller]
pub(super) fn assert_counted_clean(test_box: &TestBox) {
    for unit in test_box.status().units {
        for name in NEVER {
            let count = unit.counters.get(name).copied().unwrap_or(0);
            assert_eq!(count, 0, "{name} of {}", unit.name);
        }
    }
}

fn descriptors(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// Memory that is the process's own: the segment's pages do not count.
fn memory_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    let number = number.unwrap_or_else(|| panic!("process {} is gone", process::command_line(pid)));
    number.parse().unwrap()
}
