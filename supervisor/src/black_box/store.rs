//! The folder that black boxes are kept in: one folder for each death, the oldest removed beyond
//! the bounds.
//!
//! ```text
//! <folder>/<instance>/<id>/report.json
//! <folder>/<instance>/<id>/<source>-<sequence>.jpg      or .png
//! ```
//! What has no report is not of the black box, and left alone (`tls/`, see `crate::certificate`).
//! An entry is written under a name that starts with a dot and then renamed, so that whoever looks
//! sees it whole or not at all.

use crate::config;
use crate::instance::Instance;
use nix::unistd::Uid;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Name of the report within an entry.
pub const REPORT: &str = "report.json";

/// The entries of one instance.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
    max_entries: usize,
    max_bytes: u64,
}

impl Store {
    /// Where the entries of `instance` belong; `None` without a home for them. Makes nothing.
    #[must_use]
    pub fn new(config: &config::BlackBox, instance: &Instance) -> Option<Self> {
        let folder = if config.folder.as_os_str().is_empty() {
            state_folder()?
        } else {
            config.folder.clone()
        };
        Some(Self {
            folder: folder.join(instance.name()),
            max_entries: config.max_entries as usize,
            max_bytes: config.max_bytes,
        })
    }

    /// The same, if anything is to be kept; a warning if it cannot be.
    #[must_use]
    pub fn configured(config: &config::BlackBox, instance: &Instance) -> Option<Self> {
        if config.max_entries == 0 {
            return None;
        }
        let store = Self::new(config, instance);
        if store.is_none() {
            tracing::warn!("no black boxes are kept: give `black_box.folder`, or set HOME");
        }
        store
    }

    /// The folder of this instance.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The entry's folder.
    #[must_use]
    pub fn path(&self, id: &str) -> PathBuf {
        self.folder.join(id)
    }

    /// Names of the entries, the oldest first.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut ids: Vec<String> = entries
            .filter(|entry| entry.path().join(REPORT).is_file())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|id| !id.starts_with('.'))
            .collect();
        ids.sort();
        ids
    }

    /// Writes an entry and removes the oldest ones beyond the bounds. Files that alone exceed
    /// `max_bytes` are left out, the report excepted.
    ///
    /// # Errors
    ///
    /// The system's: the disk is full, or the folder may not be written. Nothing half is left.
    pub fn add(&self, id: &str, files: &[(String, Vec<u8>)]) -> io::Result<PathBuf> {
        let mut private = fs::DirBuilder::new();
        private.mode(0o700).recursive(true).create(&self.folder)?;
        let unfinished = self.folder.join(format!(".{id}"));
        let finished = self.path(id);
        let written = private.create(&unfinished).and_then(|()| {
            let mut room = self.max_bytes;
            for (name, bytes) in files {
                let length = bytes.len() as u64;
                if length <= room || name == REPORT {
                    room = room.saturating_sub(length);
                    fs::write(unfinished.join(name), bytes)?;
                }
            }
            fs::rename(&unfinished, &finished)
        });
        if let Err(error) = written {
            // What cannot be removed now goes with the next entry.
            let _removed = fs::remove_dir_all(&unfinished);
            return Err(error);
        }
        self.prune(id)?;
        Ok(finished)
    }

    /// Removes what is too much, and what a killed supervisor left unfinished; never `newest`.
    fn prune(&self, newest: &str) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)?.flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                fs::remove_dir_all(entry.path())?;
            }
        }
        let ids = self.ids();
        let sizes: Vec<u64> = ids.iter().map(|id| size_of(&self.path(id))).collect();
        for id in &ids[..surplus(&sizes, self.max_entries, self.max_bytes)] {
            if id != newest {
                fs::remove_dir_all(self.path(id))?;
            }
        }
        Ok(())
    }
}

/// How many of the oldest entries are too many. Pure.
fn surplus(sizes: &[u64], max_entries: usize, max_bytes: u64) -> usize {
    let mut bytes = 0_u64;
    let fit = sizes.iter().rev().take(max_entries).take_while(|size| {
        bytes = bytes.saturating_add(**size);
        bytes <= max_bytes
    });
    sizes.len() - fit.count()
}

/// Bytes of the files in a folder.
fn size_of(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files
        .filter_map(|file| Some(file.metadata().ok()?.len()))
        .sum()
}

/// The folder for state of the user, or of the system; `None` without a home for it. Each instance
/// has its own folder in it. Makes nothing.
#[must_use]
pub fn state_folder() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let (xdg, home) = (variable("XDG_STATE_HOME"), variable("HOME"));
    state_dir(xdg.as_deref(), home.as_deref(), Uid::effective())
}

/// Source: XDG Base Directory Specification; FHS for /var/lib.
fn state_dir(xdg: Option<&Path>, home: Option<&Path>, uid: Uid) -> Option<PathBuf> {
    let absolute = |path: &&Path| path.is_absolute() && path.as_os_str() != OsStr::new("/");
    if let Some(xdg) = xdg.filter(absolute) {
        return Some(xdg.join("wigwag"));
    }
    if uid.is_root() {
        return Some(PathBuf::from("/var/lib/wigwag"));
    }
    home.filter(absolute)
        .map(|home| home.join(".local/state/wigwag"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(folder: &Path, max_entries: u32, max_bytes: u64) -> Store {
        let config = config::BlackBox {
            folder: folder.to_owned(),
            max_entries,
            max_bytes,
        };
        Store::new(&config, &"lab".parse().unwrap()).unwrap()
    }

    fn files(picture_bytes: usize) -> Vec<(String, Vec<u8>)> {
        vec![
            (REPORT.to_owned(), b"{}".to_vec()),
            ("cam0-1.jpg".to_owned(), vec![7; picture_bytes]),
        ]
    }

    #[test]
    fn folder_follows_the_user() {
        let (user, root) = (Uid::from_raw(1000), Uid::from_raw(0));
        let dir = |xdg: Option<&str>, home: Option<&str>, uid| {
            state_dir(xdg.map(Path::new), home.map(Path::new), uid)
        };
        let some = |path: &str| Some(PathBuf::from(path));
        assert_eq!(dir(Some("/x"), Some("/home/ann"), user), some("/x/wigwag"));
        assert_eq!(dir(None, Some("/root"), root), some("/var/lib/wigwag"));
        let home = some("/home/ann/.local/state/wigwag");
        assert_eq!(dir(Some("relative"), Some("/home/ann"), user), home);
        assert_eq!(dir(None, None, user), None);
    }

    #[test]
    fn oldest_entries_go_first() {
        let scratch = tempfile::tempdir().unwrap();
        let store = store(scratch.path(), 2, 1 << 20);
        for id in ["1-a", "2-b", "3-c"] {
            assert!(store.add(id, &files(10)).unwrap().join(REPORT).is_file());
        }
        assert_eq!(store.ids(), ["2-b", "3-c"]);
        fs::create_dir(store.path(".4-d")).unwrap();
        store.add("5-e", &files(10)).unwrap();
        assert_eq!(store.ids(), ["3-c", "5-e"]);
        assert!(
            !store.path(".4-d").exists(),
            "left unfinished by a dead supervisor"
        );
    }

    #[test]
    fn bytes_are_bounded_and_the_report_always_fits() {
        assert_eq!(surplus(&[5, 5, 5], 10, 10), 1);
        assert_eq!(surplus(&[5, 5, 5], 2, 100), 1);
        assert_eq!(surplus(&[], 2, 100), 0);
        let scratch = tempfile::tempdir().unwrap();
        let store = store(scratch.path(), 9, 100);
        store.add("1-a", &files(50)).unwrap();
        let path = store.add("2-b", &files(500)).unwrap();
        assert!(path.join(REPORT).is_file() && !path.join("cam0-1.jpg").exists());
        assert_eq!(store.ids(), ["1-a", "2-b"]);
        store.add("3-c", &files(90)).unwrap();
        assert_eq!(store.ids(), ["2-b", "3-c"]);
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing_half() {
        let scratch = tempfile::tempdir().unwrap();
        let store = store(scratch.path(), 9, 100);
        store.add("1-a", &files(5)).unwrap();
        let bad = [("no/such/folder".to_owned(), vec![1])];
        assert!(store.add("2-b", &bad).is_err());
        assert_eq!(store.ids(), ["1-a"]);
        assert!(!store.path(".2-b").exists());
    }
}
