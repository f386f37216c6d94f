//! Which box: the name that keeps several boxes of one user apart, and the files that go with it.
//!
//! ```text
//! $XDG_RUNTIME_DIR/wigwag, else /run/wigwag (root), else /tmp/wigwag-<uid>      mode 0700
//!   <instance>.lock    held while a supervisor runs; its pid inside
//!   <instance>.sock    control socket: status, stop, restart
//!   <instance>.tmp/    sockets through which workers say hello
//! ```
//! The segment's name comes from user and instance too. Nothing here is created except the folder.

use nix::unistd::Uid;
use std::fmt;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Longest name of an instance, in bytes.
pub const INSTANCE_LEN_MAX: usize = 20;

/// Longest path of a Unix socket on Linux, in bytes. Source: unix(7), `sun_path`.
pub const SOCKET_PATH_MAX: usize = 107;

/// What the library adds to the tmp folder's path for the socket of one hello.
const HELLO_SOCKET: &str = "/.tmp123456/socket";

/// The checked name of a box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance(String);

/// A name that no instance can have.
#[derive(Debug, thiserror::Error)]
#[error("expected 1 to {INSTANCE_LEN_MAX} of a-z, 0-9 and `-`")]
pub struct BadInstance;

impl FromStr for Instance {
    type Err = BadInstance;

    fn from_str(name: &str) -> Result<Self, BadInstance> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=INSTANCE_LEN_MAX).contains(&name.len()) && name.bytes().all(allowed) {
            Ok(Self(name.to_owned()))
        } else {
            Err(BadInstance)
        }
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Instance {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// The runtime folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeDirError {
    /// It cannot be made or looked at.
    #[error("cannot use runtime folder `{}`", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Somebody else could put files into it.
    #[error("runtime folder `{}` is not a folder of this user's alone (mode 0700)", path.display())]
    NotOurs {
        /// The folder.
        path: PathBuf,
    },
    /// Its path leaves no room for the names of sockets.
    #[error(
        "runtime folder `{}` has {len} bytes too many for the sockets in it", path.display()
    )]
    TooLong {
        /// The folder.
        path: PathBuf,
        /// How many.
        len: usize,
    },
}

/// The files of one instance.
#[derive(Debug, Clone)]
pub struct RuntimeFiles {
    dir: PathBuf,
    instance: Instance,
}

impl RuntimeFiles {
    /// Makes the runtime folder if it is not there, and checks that it is this user's alone.
    ///
    /// # Errors
    ///
    /// [`RuntimeDirError`] says what is wrong with the folder.
    pub fn open(instance: &Instance) -> Result<Self, RuntimeDirError> {
        let xdg = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        Self::open_in(runtime_dir(xdg.as_deref(), Uid::effective()), instance)
    }

    fn open_in(dir: PathBuf, instance: &Instance) -> Result<Self, RuntimeDirError> {
        let io_error = |source| RuntimeDirError::Io {
            path: dir.clone(),
            source,
        };
        let made = std::fs::DirBuilder::new().mode(0o700).create(&dir);
        if let Err(error) = made
            && error.kind() != io::ErrorKind::AlreadyExists
        {
            return Err(io_error(error));
        }
        // Not followed if it is a link: in /tmp anybody can put one there.
        let facts = std::fs::symlink_metadata(&dir).map_err(io_error)?;
        let ours = facts.is_dir() && facts.uid() == Uid::effective().as_raw();
        if !ours || facts.mode() & 0o077 != 0 {
            return Err(RuntimeDirError::NotOurs { path: dir });
        }
        let files = Self {
            dir,
            instance: instance.clone(),
        };
        let longest = files.tmp().as_os_str().len() + HELLO_SOCKET.len();
        match longest.checked_sub(SOCKET_PATH_MAX) {
            None | Some(0) => Ok(files),
            Some(len) => Err(RuntimeDirError::TooLong {
                path: files.dir,
                len,
            }),
        }
    }

    /// `<instance>.lock`
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.dir.join(format!("{}.lock", self.instance))
    }

    /// `<instance>.sock`
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.dir.join(format!("{}.sock", self.instance))
    }

    /// `<instance>.tmp`
    #[must_use]
    pub fn tmp(&self) -> PathBuf {
        self.dir.join(format!("{}.tmp", self.instance))
    }

    /// The folder that all of them are in.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

/// Where the runtime folder belongs. Source: XDG Base Directory Specification; FHS for `/run`.
fn runtime_dir(xdg: Option<&Path>, uid: Uid) -> PathBuf {
    match xdg {
        Some(xdg) if xdg.is_absolute() => xdg.join("wigwag"),
        _ if uid.is_root() => PathBuf::from("/run/wigwag"),
        _ => PathBuf::from(format!("/tmp/wigwag-{uid}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn instance(name: &str) -> Instance {
        name.parse().unwrap()
    }

    #[test]
    fn names_that_could_leave_the_folder_are_refused() {
        for name in [
            "",
            ".",
            "..",
            "a/b",
            "A",
            "a_b",
            "a.b",
            "a b",
            "123456789012345678901",
            "ä",
        ] {
            assert!(name.parse::<Instance>().is_err(), "{name}");
        }
        for name in ["default", "a", "lab-2", "12345678901234567890"] {
            assert_eq!(instance(name).name(), name);
        }
    }

    #[test]
    fn runtime_dir_follows_the_user() {
        let user = Uid::from_raw(1000);
        let path = |xdg: Option<&str>, uid| runtime_dir(xdg.map(Path::new), uid);
        assert_eq!(
            path(Some("/run/user/1000"), user),
            Path::new("/run/user/1000/wigwag")
        );
        assert_eq!(path(None, user), Path::new("/tmp/wigwag-1000"));
        assert_eq!(path(Some("relative"), user), Path::new("/tmp/wigwag-1000"));
        assert_eq!(path(None, Uid::from_raw(0)), Path::new("/run/wigwag"));
    }

    #[test]
    fn folder_of_others_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path().join("wigwag");
        let files = RuntimeFiles::open_in(dir.clone(), &instance("lab")).unwrap();
        assert_eq!(files.lock(), dir.join("lab.lock"));
        RuntimeFiles::open_in(dir.clone(), &instance("lab")).unwrap();
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o770)).unwrap();
        let error = RuntimeFiles::open_in(dir.clone(), &instance("lab")).unwrap_err();
        assert!(matches!(error, RuntimeDirError::NotOurs { .. }), "{error}");
        let link = scratch.path().join("link");
        std::os::unix::fs::symlink(scratch.path(), &link).unwrap();
        let error = RuntimeFiles::open_in(link, &instance("lab")).unwrap_err();
        assert!(matches!(error, RuntimeDirError::NotOurs { .. }), "{error}");
    }

    #[test]
    fn folder_with_a_path_too_long_for_sockets_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path().join("x".repeat(100));
        let error = RuntimeFiles::open_in(dir, &instance("lab")).unwrap_err();
        assert!(matches!(error, RuntimeDirError::TooLong { .. }), "{error}");
    }
}
