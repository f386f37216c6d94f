//! What a box may leave behind, which is nothing: how a test asserts it, and how the end of a
//! failed test clears it away.

use super::TestBox;
use crate::{process, wait};
use std::path::{Path, PathBuf};

/// Lines of the log that a failed test prints.
const LOG_LINES: usize = 200;

impl TestBox {
    /// The running processes of this box: whatever has its runtime folder in its environment.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        process::with_environment("XDG_RUNTIME_DIR", &self.runtime_dir().display().to_string())
    }

    /// Makes sure that no process, segment, socket, lock or temporary file of the box is left.
    ///
    /// # Panics
    ///
    /// If there is any; the message names them all.
    #[track_caller]
    pub fn assert_nothing_left(&self) {
        let mut left: Vec<String> = self
            .processes()
            .into_iter()
            .map(|pid| format!("process {pid}: {}", process::command_line(pid)))
            .collect();
        let mut files = vec![self.segment().path()];
        files.retain(|path| path.exists());
        files.extend(files_below(&self.runtime_dir()));
        files.extend(files_below(&self.tmp_dir()));
        left.extend(files.iter().map(|path| path.display().to_string()));
        assert!(left.is_empty(), "left behind: {left:#?}");
    }

    fn end_everything(&self) {
        if let Some(mut supervisor) = self.child().take() {
            if supervisor.try_wait().is_ok_and(|ended| ended.is_none()) {
                // Not reaped yet, so the id is still its own.
                process::signal(supervisor.id(), "TERM");
                let ends = std::time::Instant::now() + wait::DEADLINE;
                while supervisor.try_wait().is_ok_and(|ended| ended.is_none()) {
                    if std::time::Instant::now() > ends {
                        let _ended = supervisor.kill();
                    }
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
            }
            let _reaped = supervisor.wait();
        }
        for pid in self.processes() {
            if let Ok(pid) = i32::try_from(pid) {
                let target = nix::unistd::Pid::from_raw(pid);
                let _gone = nix::sys::signal::kill(target, nix::sys::signal::Signal::SIGKILL);
            }
        }
        let _removed = self.segment().unlink();
    }
}

/// Everything below `folder` but folders.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => files_below(&entry.path()),
            _ => vec![entry.path()],
        })
        .collect()
}

impl Drop for TestBox {
    fn drop(&mut self) {
        let failed = std::thread::panicking();
        let status = if failed { self.try_status() } else { None };
        self.end_everything();
        if failed {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let from = lines.len().saturating_sub(LOG_LINES);
            eprintln!("--- log of box `{}` ({})", self.name, self.instance);
            lines[from..].iter().for_each(|line| eprintln!("{line}"));
            eprintln!("--- its status at the end: {status:#?}");
        }
    }
}
