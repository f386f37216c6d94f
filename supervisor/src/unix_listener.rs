//! The listener at a path, for a reverse proxy on this machine: bound, fetched from the gateway of a
//! dead supervisor, or passed by systemd; its file is removed with the last holder.
//!
//! Upstream: [`crate::listeners`]. Only a file at which nobody listens is ever taken for a left-over,
//! and only a file that is this box's own is removed.

use crate::failure::Failure;
use crate::pidfd::PidFd;
use crate::spawn::out_of_the_way;
use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Connections that may wait to be accepted; as many as the standard library allows for TCP.
const BACKLOG: i32 = 128;

/// A listening socket at a path, under a file number that no worker's file gets.
#[derive(Debug)]
pub struct UnixListening {
    socket: OwnedFd,
    path: PathBuf,
    /// `None` for one of systemd's, which removes it as it likes.
    file: Option<Arc<SocketFile>>,
}

/// The file of a socket; removed when dropped, if it is still the same one.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    device: u64,
    number: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_same = fs::symlink_metadata(&self.path)
            .is_ok_and(|facts| (facts.dev(), facts.ino()) == (self.device, self.number));
        if is_same && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!("cannot remove `{}`: {error}", self.path.display());
        }
    }
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Arc<Self>> {
        let facts = fs::symlink_metadata(path)?;
        Ok(Arc::new(Self {
            path: path.to_owned(),
            device: facts.dev(),
            number: facts.ino(),
        }))
    }
}

impl UnixListening {
    /// Binds the path; a file that a killed box left there is replaced.
    ///
    /// # Errors
    ///
    /// [`Failure::ListenUnix`] names the path.
    pub fn bind(path: &Path, mode: u32) -> Result<Self, Failure> {
        Self::try_bind(path, mode).map_err(|source| Failure::ListenUnix {
            path: path.to_owned(),
            source,
        })
    }

    fn try_bind(path: &Path, mode: u32) -> io::Result<Self> {
        clear(path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&SockAddr::unix(path)?)?;
        let file = SocketFile::of(path)?;
        // Before anybody can connect.
        fs::set_permissions(path, Permissions::from_mode(mode))?;
        socket.listen(BACKLOG)?;
        Ok(Self {
            socket: out_of_the_way(socket.as_fd())?,
            path: path.to_owned(),
            file: Some(file),
        })
    }

    /// The listener that a process has under `number`, if it is the one at that path.
    ///
    /// # Errors
    ///
    /// The system's; also that it is another one.
    pub fn fetch(process: &PidFd, number: i32, path: &Path) -> io::Result<Self> {
        let socket = process.fetch(number)?;
        if path_of(&socket).as_deref() != Some(path) || !SockRef::from(&socket).is_listener()? {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        Ok(Self {
            socket: out_of_the_way(socket.as_fd())?,
            path: path.to_owned(),
            file: Some(SocketFile::of(path)?),
        })
    }

    /// One that systemd passed.
    #[must_use]
    pub fn passed(socket: OwnedFd, path: PathBuf) -> Self {
        Self {
            socket,
            path,
            file: None,
        }
    }

    /// Whether systemd has it too; then it stays where it is.
    #[must_use]
    pub fn is_passed(&self) -> bool {
        self.file.is_none()
    }

    /// The same one, held once more.
    ///
    /// # Errors
    ///
    /// The system's: too many open files.
    pub fn again(&self) -> io::Result<Self> {
        Ok(Self {
            socket: out_of_the_way(self.socket.as_fd())?,
            path: self.path.clone(),
            file: self.file.clone(),
        })
    }

    /// The socket.
    #[must_use]
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The path of a Unix socket, if it is one and has a path.
#[must_use]
pub fn path_of(socket: &OwnedFd) -> Option<PathBuf> {
    let address = SockRef::from(socket).local_addr().ok()?;
    address.as_pathname().map(Path::to_owned)
}

/// Lets others in, or no longer. What cannot be changed is told.
pub fn set_mode(path: &Path, mode: u32) {
    if let Err(error) = fs::set_permissions(path, Permissions::from_mode(mode)) {
        tracing::warn!("cannot set the mode of `{}`: {error}", path.display());
    }
}

/// Removes the file of a socket at which nobody listens any more.
fn clear(path: &Path) -> io::Result<()> {
    let facts = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        facts => facts?,
    };
    if !facts.file_type().is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "there is a file that is no socket",
        ));
    }
    let asking = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // One with a full queue would let us wait, and is somebody's.
    asking.set_nonblocking(true)?;
    match asking.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::{UnixListener, UnixStream};

    fn source(failure: Failure) -> io::ErrorKind {
        match failure {
            Failure::ListenUnix { source, .. } => source.kind(),
            other => panic!("{other}"),
        }
    }

    /// Goal: a path is taken over from the dead and from nobody else, and is free afterwards.
    #[test]
    fn path_is_taken_from_the_dead_and_from_nobody_else() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("http.sock");
        let other = UnixListener::bind(&path).unwrap();
        let refused = UnixListening::bind(&path, 0o600).unwrap_err();
        assert_eq!(source(refused), io::ErrorKind::AddrInUse);
        drop(other);
        assert!(path.exists(), "its file is left");
        let own = UnixListening::bind(&path, 0o620).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o620);
        let _client = UnixStream::connect(&path).unwrap();

        let again = own.again().unwrap();
        drop(own);
        let client = UnixStream::connect(&path).unwrap();
        drop((client, again));
        assert!(!path.exists(), "nobody holds it any more");

        fs::write(&path, "a diary").unwrap();
        let refused = UnixListening::bind(&path, 0o600).unwrap_err();
        assert_eq!(source(refused), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"a diary");
    }

    #[test]
    fn only_its_own_file_is_removed() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("http.sock");
        let own = UnixListening::bind(&path, 0o600).unwrap();
        fs::remove_file(&path).unwrap();
        let _others = UnixListener::bind(&path).unwrap();
        drop(own);
        assert!(path.exists(), "it is somebody else's");
    }

    #[test]
    fn only_the_listener_at_the_path_is_fetched() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("http.sock");
        let this = PidFd::open(std::process::id()).unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        let fetched = |file: BorrowedFd<'_>, path: &Path| {
            UnixListening::fetch(&this, file.as_raw_fd(), path).is_ok()
        };
        assert!(!fetched(listener.as_fd(), &scratch.path().join("other")));
        let client = UnixStream::connect(&path).unwrap();
        let accepted = listener.accept().unwrap().0;
        assert!(!fetched(accepted.as_fd(), &path), "no listener");
        assert!(!fetched(client.as_fd(), &path));
        assert!(fetched(listener.as_fd(), &path));
        assert!(!path.exists(), "and was this process's alone then");
    }
}
