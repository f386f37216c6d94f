//! What dead boxes of this user left behind: segments, locks, sockets.

use super::Finding;
use crate::instance::RuntimeFiles;
use crate::orphans::SegmentLock;
use nix::unistd::Uid;
use shm_layout::segment::SegmentName;
use std::fs::{File, TryLockError};
use std::io::Read;
use std::path::{Path, PathBuf};

/// The process that holds an instance's lock; `None` if the box does not run.
pub(super) fn holder(lock: &Path) -> Option<u32> {
    let mut file = File::open(lock).ok()?;
    let Err(TryLockError::WouldBlock) = file.try_lock() else {
        return None;
    };
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

pub(super) fn look(files: &RuntimeFiles, own: &SegmentName) -> Option<Finding> {
    let mut left: Vec<PathBuf> = Vec::new();
    let prefix = format!("wigwag-{}-", Uid::effective());
    for name in names_in(Path::new("/dev/shm")) {
        let segment = SegmentName::from_text(&format!("/{name}"));
        // A lock that can be taken belongs to nobody who lives; it is dropped at once.
        if name.starts_with(&prefix) && matches!(SegmentLock::take(&segment), Ok(Some(_))) {
            left.push(segment.path());
        }
    }
    for name in names_in(files.dir()) {
        if let Some(instance) = name.strip_suffix(".lock")
            && holder(&files.dir().join(&name)).is_none()
        {
            left.push(files.dir().join(format!("{instance}.lock")));
        }
    }
    check(&left, &own.path())
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

fn check(left: &[PathBuf], own: &Path) -> Option<Finding> {
    if left.is_empty() {
        return None;
    }
    let paths: Vec<String> = left.iter().map(|path| path.display().to_string()).collect();
    let mend = if left.iter().any(|path| path == own) {
        "the next `supervisor start` takes over what is of its instance; workers may serve until then"
    } else {
        "`supervisor start --instance NAME` takes them over; if that box is not wanted any more, \
         remove them"
    };
    Some(
        Finding::warn("leftovers", paths.join(", "))
            .meaning("a box ended without clearing up; its segment takes up memory")
            .mend(mend),
    )
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;
    use crate::lock::InstanceLock;

    #[test]
    fn held_lock_names_its_holder_and_a_dead_one_nobody() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("lab.lock");
        assert_eq!(holder(&path), None);
        let lock = InstanceLock::take(&path).unwrap();
        assert_eq!(holder(&path), Some(std::process::id()));
        drop(lock);
        std::fs::write(&path, "12\n").unwrap();
        assert_eq!(holder(&path), None);
    }

    #[test]
    fn nothing_left_is_not_told_of() {
        let own = Path::new("/dev/shm/wigwag-0-default");
        assert_eq!(check(&[], own), None);
        let finding = check(&[PathBuf::from("/dev/shm/wigwag-0-lab")], own).unwrap();
        assert_eq!(finding.level, Level::Warn);
        assert!(finding.says.contains("wigwag-0-lab"));
    }
}
