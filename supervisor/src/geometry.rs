//! How large the segment must be, and whether the machine has room for it.
//!
//! The answer comes before anything is created: memory that runs out later would kill a worker in
//! the middle of a frame. `plan` and `check` are pure; [`Room::of_this_machine`] asks the system.

use crate::config::Segment as SegmentConfig;
use nix::sys::statvfs::statvfs;
use shm_layout::layout::{Geometry, Layout, RingGeometry};
use std::fmt;
use std::path::Path;

/// Frame slots that every ring needs: the newest frame and the one being written.
const BASE_SLOTS: usize = 2;

/// Gateways that may run at once: one, and its successor while it takes over.
const GATEWAYS: usize = 2;

/// Sizes for sources whose frames need `capacities` bytes each: two frame slots, one for each
/// process that may hold one (the gateway and every infer-worker, and a successor of each kind
/// while it takes over), and the configured history.
#[must_use]
pub fn plan(capacities: &[usize], infer_workers: usize, config: &SegmentConfig) -> Geometry {
    let lanes = infer_workers + 1;
    let frame_slots = BASE_SLOTS + GATEWAYS + lanes + config.history as usize;
    let rings = capacities
        .iter()
        .map(|&capacity_bytes| RingGeometry {
            frame_slots,
            capacity_bytes,
        })
        .collect();
    Geometry { rings, lanes }
}

/// What a segment lacks for other sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortage {
    /// It has another number of rings.
    Rings,
    /// It has another number of prediction lanes, and so of infer-workers.
    Lanes,
    /// A ring has too few frame slots.
    FrameSlots,
    /// The frame slots of that ring are too small.
    Capacity {
        /// Index of the ring.
        ring: usize,
        /// Bytes needed.
        needed: usize,
        /// Bytes that a frame slot has.
        found: usize,
    },
}

/// Why a segment that is there does not do for `wanted`; one with more room does. Pure.
#[must_use]
pub fn shortage(found: &Layout, wanted: &Geometry) -> Option<Shortage> {
    if found.rings.len() != wanted.rings.len() {
        return Some(Shortage::Rings);
    }
    if found.lanes != wanted.lanes {
        return Some(Shortage::Lanes);
    }
    let mut rings = found.rings.iter().zip(&wanted.rings).enumerate();
    rings.find_map(|(ring, (found, wanted))| {
        if found.frame_slot_count < wanted.frame_slots {
            Some(Shortage::FrameSlots)
        } else if found.capacity_bytes < wanted.capacity_bytes {
            Some(Shortage::Capacity {
                ring,
                needed: wanted.capacity_bytes,
                found: found.capacity_bytes,
            })
        } else {
            None
        }
    })
}

/// Memory that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Memory of the machine, or of the control group if that is less; in bytes.
    pub memory_bytes: u64,
    /// Free bytes in /dev/shm.
    pub shm_free_bytes: u64,
}

/// Too little room, with the sum.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("shared memory for {}: {} needed, {limit}", Frames(geometry), Megabytes(*needed_bytes))]
pub struct NoRoom {
    geometry: Geometry,
    needed_bytes: u64,
    limit: Limit,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Limit {
    Share { percent: u32, memory_bytes: u64 },
    Shm { free_bytes: u64 },
}

impl NoRoom {
    /// One act that makes room.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self.limit {
            Limit::Share { .. } => {
                "use fewer or smaller sources, lower `segment.history`, or raise \
                 `segment.max_ram_percent`"
            }
            Limit::Shm { .. } => {
                "make /dev/shm larger (`mount -o remount,size=…  /dev/shm`; in a container \
                 `--shm-size`), or use fewer or smaller sources"
            }
        }
    }
}

/// Whether a segment of that geometry fits; its size in bytes.
///
/// # Errors
///
/// [`NoRoom`] with what is needed and what there is.
pub fn check(
    geometry: &Geometry,
    layout: &Layout,
    room: Room,
    config: &SegmentConfig,
) -> Result<u64, NoRoom> {
    let needed_bytes = layout.total_bytes as u64;
    let refuse = |limit| NoRoom {
        geometry: geometry.clone(),
        needed_bytes,
        limit,
    };
    let percent = config.max_ram_percent;
    if needed_bytes > room.memory_bytes / 100 * u64::from(percent) {
        return Err(refuse(Limit::Share {
            percent,
            memory_bytes: room.memory_bytes,
        }));
    }
    if needed_bytes > room.shm_free_bytes {
        return Err(refuse(Limit::Shm {
            free_bytes: room.shm_free_bytes,
        }));
    }
    Ok(needed_bytes)
}

impl Room {
    /// What this machine, or this container, has. What cannot be read limits nothing here; the
    /// segment is allocated in full when it is created, and says so if that fails.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).ok();
        let machine = read("/proc/meminfo").and_then(|text| total_bytes(&text));
        let group = read("/proc/self/cgroup").unwrap_or_default();
        let groups = memory_limits_of(&group).into_iter();
        let groups = groups.filter_map(|path| read(&path)?.trim().parse().ok());
        Self {
            memory_bytes: machine.into_iter().chain(groups).min().unwrap_or(u64::MAX),
            shm_free_bytes: statvfs("/dev/shm")
                .map_or(u64::MAX, |fs| fs.blocks_available() * fs.fragment_size()),
        }
    }
}

/// The first line of /proc/meminfo, `MemTotal: 16314808 kB`, in bytes.
fn total_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    kib.checked_mul(1024)
}

/// Where the limits of this process's control group and of those above it stand; a group without
/// a limit says `max`, which is no number. Source: cgroups(7), version 2.
fn memory_limits_of(self_cgroup: &str) -> Vec<String> {
    let group = self_cgroup
        .lines()
        .find_map(|line| line.strip_prefix("0::"))
        .unwrap_or("/");
    let file = |group: &Path| format!("/sys/fs/cgroup{}/memory.max", group.display());
    Path::new(group.trim()).ancestors().map(file).collect()
}

/// Bytes for people.
pub struct Megabytes(pub u64);

impl fmt::Display for Megabytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.1} MB", self.0 as f64 / 1e6)
    }
}

struct Frames<'a>(&'a Geometry);

impl fmt::Display for Frames<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, ring) in self.0.rings.iter().enumerate() {
            let plus = if index == 0 { "" } else { " + " };
            let megabytes = Megabytes(ring.capacity_bytes as u64);
            write!(
                formatter,
                "{plus}{} frames of {megabytes}",
                ring.frame_slots
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Share {
                percent,
                memory_bytes,
            } => {
                let share = Megabytes(memory_bytes / 100 * u64::from(percent));
                write!(
                    formatter,
                    "{share} allowed ({percent} % of {})",
                    Megabytes(memory_bytes)
                )
            }
            Self::Shm { free_bytes } => {
                write!(formatter, "{} free in /dev/shm", Megabytes(free_bytes))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLENTY: Room = Room {
        memory_bytes: 1 << 34,
        shm_free_bytes: 1 << 33,
    };

    fn planned(capacities: &[usize], workers: usize) -> (Geometry, Layout) {
        let geometry = plan(capacities, workers, &SegmentConfig::default());
        let layout = Layout::new(&geometry).unwrap();
        (geometry, layout)
    }

    #[test]
    fn segment_does_with_more_room_and_names_what_it_lacks() {
        let (wanted, layout) = planned(&[614_400, 614_400], 2);
        assert_eq!(shortage(&layout, &wanted), None);
        let with = |change: fn(&mut Geometry)| {
            let mut other = wanted.clone();
            change(&mut other);
            shortage(&layout, &other)
        };
        assert_eq!(with(|other| other.rings[1].capacity_bytes = 1), None);
        assert_eq!(with(|other| other.rings[1].frame_slots = 3), None);
        let too_many = with(|other| other.rings[1].frame_slots += 1);
        assert_eq!(too_many, Some(Shortage::FrameSlots));
        let too_large = with(|other| other.rings[1].capacity_bytes += 1);
        let found = layout.rings[1].capacity_bytes;
        let needed = 614_401;
        assert_eq!(
            too_large,
            Some(Shortage::Capacity {
                ring: 1,
                needed,
                found
            })
        );
        assert_eq!(with(|other| other.rings.truncate(1)), Some(Shortage::Rings));
        assert_eq!(with(|other| other.lanes -= 1), Some(Shortage::Lanes));
    }

    #[test]
    fn every_reader_gets_a_frame_slot_beside_newest_and_next() {
        let (geometry, _) = planned(&[614_400, 1_843_200], 3);
        assert_eq!(geometry.lanes, 3 + 1);
        // Two, the gateway, three infer-workers, a successor of each kind, a history of two.
        assert!(
            geometry
                .rings
                .iter()
                .all(|ring| ring.frame_slots == 2 + 1 + 3 + 2 + 2)
        );
        assert_eq!(geometry.rings[1].capacity_bytes, 1_843_200);
    }

    #[test]
    fn too_little_room_is_refused_with_the_sum() {
        let (geometry, layout) = planned(&[614_400, 614_400], 1);
        let config = SegmentConfig::default();
        assert!(check(&geometry, &layout, PLENTY, &config).is_ok());
        let refused = |room| check(&geometry, &layout, room, &config).unwrap_err();
        let small = Room {
            memory_bytes: 20_000_000,
            ..PLENTY
        };
        assert_eq!(
            refused(small).to_string(),
            "shared memory for 8 frames of 0.6 MB + 8 frames of 0.6 MB: 10.0 MB needed, \
             5.0 MB allowed (25 % of 20.0 MB)"
        );
        let container = Room {
            shm_free_bytes: 1_000_000,
            ..PLENTY
        };
        assert!(
            refused(container)
                .to_string()
                .ends_with("1.0 MB free in /dev/shm")
        );
        assert!(refused(container).hint().contains("--shm-size"));
    }

    #[test]
    fn limits_of_all_groups_above_count() {
        let files = memory_limits_of("0::/system.slice/wigwag.service\n");
        assert_eq!(
            files[0],
            "/sys/fs/cgroup/system.slice/wigwag.service/memory.max"
        );
        assert_eq!(files[1], "/sys/fs/cgroup/system.slice/memory.max");
        assert_eq!(files.len(), 3);
    }

    #[test]
    fn meminfo_is_read_in_bytes() {
        let text = "MemTotal:       16314808 kB\nMemFree:         1234 kB\n";
        assert_eq!(total_bytes(text), Some(16_314_808 * 1024));
        assert_eq!(total_bytes("nothing"), None);
    }
}
