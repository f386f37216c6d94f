//! Is there room for the frames, and for the programs beside them?

use super::Finding;
use crate::config::{Config, Segment as SegmentConfig};
use crate::geometry::{self, Megabytes, Room};
use crate::instance::Instance;
use shm_layout::layout::{Geometry, Layout};
use shm_layout::segment::SegmentName;

/// Memory of one infer-worker beside the segment, in bytes: models, their working memory, stacks.
const INFER_BYTES: u64 = 96 << 20;

/// Memory of all other processes of a box together, in bytes.
const OTHERS_BYTES: u64 = 32 << 20;

/// A share of /dev/shm above which another program could soon be without, in percent.
const SHM_PERCENT_MAX: u64 = 80;

pub(super) fn look(instance: &Instance, config: &Config, capacities: &[usize]) -> Vec<Finding> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = config.infer.worker_count(cores);
    let geometry = geometry::plan(capacities, workers, &config.segment);
    // A segment that is there already makes room for its successor.
    let present = std::fs::metadata(SegmentName::new(instance.name()).path());
    let mut room = Room::of_this_machine();
    room.shm_free_bytes = room
        .shm_free_bytes
        .saturating_add(present.map_or(0, |file| file.len()));
    check(&geometry, workers, room, &config.segment)
}

fn check(geometry: &Geometry, workers: usize, room: Room, config: &SegmentConfig) -> Vec<Finding> {
    let layout = match Layout::new(geometry) {
        Ok(layout) => layout,
        Err(error) => return vec![Finding::fail("shared memory", error.to_string())],
    };
    let needed = match geometry::check(geometry, &layout, room, config) {
        Ok(needed) => needed,
        Err(no_room) => {
            let finding = Finding::fail("shared memory", no_room.to_string());
            return vec![finding.mend(no_room.hint())];
        }
    };
    let (wanted, free) = (Megabytes(needed), Megabytes(room.shm_free_bytes));
    let says = format!("{wanted} needed, {free} free in /dev/shm");
    let shm = if needed > room.shm_free_bytes / 100 * SHM_PERCENT_MAX {
        Finding::warn("shared memory", says)
            .meaning("it fits, and hardly anything else does")
            .mend(
                "make /dev/shm larger (`mount -o remount,size=… /dev/shm`; in a container \
                 `--shm-size`)",
            )
    } else {
        Finding::ok("shared memory", says)
    };
    vec![shm, check_memory(needed, workers, room.memory_bytes)]
}

/// Frames and programs together, against the machine's memory or its control group's limit.
fn check_memory(segment_bytes: u64, workers: usize, memory_bytes: u64) -> Finding {
    let needed = segment_bytes + workers as u64 * INFER_BYTES + OTHERS_BYTES;
    let (wanted, there) = (Megabytes(needed), Megabytes(memory_bytes));
    let says = format!("about {wanted} needed in all, {there} there or allowed");
    if needed > memory_bytes {
        Finding::warn("memory", says)
            .meaning("the kernel will kill processes of the box, again and again")
            .mend(
                "lower `infer.workers`, use smaller sources, or raise the limit (`MemoryMax=`, \
                   `--memory`)",
            )
    } else {
        Finding::ok("memory", says)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    fn levels(shm_free_bytes: u64, memory_bytes: u64) -> Vec<Level> {
        let config = SegmentConfig::default();
        let geometry = geometry::plan(&[1 << 20], 1, &config);
        let room = Room {
            memory_bytes,
            shm_free_bytes,
        };
        let findings = check(&geometry, 1, room, &config);
        findings.iter().map(|finding| finding.level).collect()
    }

    #[test]
    fn little_room_is_told_before_the_start_tells_it() {
        let plenty = 1 << 34;
        assert_eq!(levels(plenty, plenty), [Level::Ok, Level::Ok]);
        assert_eq!(levels(9 << 20, plenty), [Level::Warn, Level::Ok]);
        assert_eq!(levels(1 << 20, plenty), [Level::Fail]);
        assert_eq!(levels(plenty, 100 << 20), [Level::Ok, Level::Warn]);
        assert_eq!(levels(plenty, 10 << 20), [Level::Fail]);
    }
}
