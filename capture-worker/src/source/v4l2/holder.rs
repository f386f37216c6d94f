//! Which process holds a camera: the answer to "device or resource busy".
//!
//! Neighbours: [`super`] asks when the driver says EBUSY. It looks into `/proc` as far as this
//! user is allowed to; not finding anybody is no error.

use std::path::Path;

/// Most processes that are looked at.
const PROCESSES_MAX: usize = 100_000;

/// The first process other than `own_pid` with `node` open, as `name (pid 123)`.
#[must_use]
pub fn of(node: &Path, proc: &Path, own_pid: u32) -> Option<String> {
    let entries = std::fs::read_dir(proc).ok()?;
    for entry in entries.filter_map(Result::ok).take(PROCESSES_MAX) {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        if pid != own_pid && has_open(&entry.path(), node) {
            let name = std::fs::read(entry.path().join("comm")).unwrap_or_default();
            let name = String::from_utf8_lossy(&name);
            return Some(format!("{} (pid {pid})", name.trim()));
        }
    }
    None
}

fn has_open(process: &Path, node: &Path) -> bool {
    let Ok(descriptors) = std::fs::read_dir(process.join("fd")) else {
        return false;
    };
    descriptors
        .filter_map(Result::ok)
        .any(|descriptor| std::fs::read_link(descriptor.path()).is_ok_and(|target| target == node))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn the_holder_is_named_and_the_asker_is_not() {
        let root = tempfile::tempdir().unwrap();
        for (pid, name, target) in [
            ("7", "ours\n", "/dev/video0"),
            ("9", "cheese\n", "/dev/video0"),
            ("12", "x\n", "/a"),
        ] {
            let process = root.path().join(pid);
            std::fs::create_dir_all(process.join("fd")).unwrap();
            std::fs::write(process.join("comm"), name).unwrap();
            symlink(target, process.join("fd/3")).unwrap();
        }
        std::fs::create_dir(root.path().join("sys")).unwrap();
        let camera = Path::new("/dev/video0");
        assert_eq!(of(camera, root.path(), 7).unwrap(), "cheese (pid 9)");
        assert_eq!(of(camera, root.path(), 9).unwrap(), "ours (pid 7)");
        assert_eq!(of(Path::new("/dev/video1"), root.path(), 7), None);
        assert_eq!(of(camera, Path::new("/nowhere"), 7), None);
    }
}
