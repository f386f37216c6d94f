//! The listening sockets. They belong to the supervisor and are handed to each gateway, so that a
//! client that connects while the gateway restarts waits a moment instead of being refused.
//! Nothing is ever read from them here.
//!
//! A socket that systemd passed is used instead of binding, wherever it listens: clients connect
//! there already. The log says so if the configuration has another address.
//!
//! After a SIGKILL of the supervisor the gateway still has them, goes on accepting, and its
//! listeners are fetched from there; where the system does not allow that, the gateway is ended
//! and they are bound anew.

mod doors;

use crate::config::Gateway;
use crate::failure::Failure;
use crate::orphans::{Orphan, end_all};
use crate::passed::{Passed, PassedSocket};
use crate::pidfd::PidFd;
use crate::spawn::out_of_the_way;
use crate::unix_listener::UnixListening;
use shm_layout::control::{FD_HTTP, FD_HTTP_UNIX, FD_WIRE};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// One listening socket, under a file number that no worker's file gets.
#[derive(Debug)]
struct Listener {
    socket: OwnedFd,
    address: SocketAddr,
    /// By systemd; it stays where it is.
    is_passed: bool,
}

/// All of them.
#[derive(Debug)]
pub struct Listeners {
    http: Listener,
    wire: Listener,
    http_unix: Option<UnixListening>,
}

impl Listeners {
    /// Uses the sockets that were passed, goes on with those that the gateway of a dead supervisor
    /// has, and binds what is left.
    ///
    /// # Errors
    ///
    /// [`Failure::Listen`] names the address and its key, [`Failure::ListenUnix`] the path.
    pub fn open(
        config: &Gateway,
        passed: Passed,
        gateway: Option<&Orphan>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            http: open("http", FD_HTTP, config.http, passed.http, gateway)?,
            wire: open("wire", FD_WIRE, config.wire, passed.wire, gateway)?,
            http_unix: open_unix(config, passed.http_unix, gateway)?,
        })
    }

    /// Binds those that are to listen elsewhere, and keeps the others, among them those that were
    /// passed.
    ///
    /// # Errors
    ///
    /// As for [`Self::open`]; nothing has changed then.
    pub fn rebind(&self, old: &Gateway, new: &Gateway) -> Result<Self, Failure> {
        let one = |key, kept: &Listener, old: SocketAddr, new: SocketAddr| {
            if kept.is_passed && old != new {
                warn_if_elsewhere(key, kept.address, new);
            }
            if kept.is_passed || old == new {
                kept.again()
            } else {
                bind(key, new)
            }
        };
        Ok(Self {
            http: one("http", &self.http, old.http, new.http)?,
            wire: one("wire", &self.wire, old.wire, new.wire)?,
            http_unix: match &self.http_unix {
                Some(kept) if kept.is_passed() || old.http_unix == new.http_unix => {
                    warn_if_at_another_path(kept, &new.http_unix);
                    Some(kept.again().map_err(cannot_hold)?)
                }
                _ => bind_unix(new)?,
            },
        })
    }

    /// The HTTP listener.
    #[must_use]
    pub fn http(&self) -> BorrowedFd<'_> {
        self.http.socket.as_fd()
    }

    /// The listener of the wire protocol.
    #[must_use]
    pub fn wire(&self) -> BorrowedFd<'_> {
        self.wire.socket.as_fd()
    }

    /// The HTTP listener at a path, if there is one.
    #[must_use]
    pub fn http_unix(&self) -> Option<BorrowedFd<'_>> {
        self.http_unix.as_ref().map(UnixListening::socket)
    }

    /// Where that is.
    #[must_use]
    pub fn http_unix_path(&self) -> Option<&Path> {
        self.http_unix.as_ref().map(UnixListening::path)
    }

    /// Address of the page; with the real port where any was asked for.
    #[must_use]
    pub fn http_address(&self) -> SocketAddr {
        self.http.address
    }

    /// Address of the wire protocol.
    #[must_use]
    pub fn wire_address(&self) -> SocketAddr {
        self.wire.address
    }
}

impl Listener {
    /// The same one, held once more.
    fn again(&self) -> Result<Self, Failure> {
        let held = out_of_the_way(self.socket.as_fd());
        Ok(Self {
            socket: held.map_err(cannot_hold)?,
            address: self.address,
            is_passed: self.is_passed,
        })
    }
}

fn cannot_hold(source: io::Error) -> Failure {
    Failure::System {
        what: "hold a listener",
        source,
    }
}

/// The listener at a path, if one is configured or was passed.
fn open_unix(
    config: &Gateway,
    passed: Option<UnixListening>,
    gateway: Option<&Orphan>,
) -> Result<Option<UnixListening>, Failure> {
    if let Some(passed) = passed {
        warn_if_at_another_path(&passed, &config.http_unix);
        return Ok(Some(passed));
    }
    let path = config.http_unix.as_path();
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let Some(gateway) = gateway else {
        return bind_unix(config);
    };
    match UnixListening::fetch(&gateway.process, FD_HTTP_UNIX, path) {
        Ok(listener) => return Ok(Some(listener)),
        Err(error) => tracing::debug!("cannot take `gateway.http_unix` over: {error}"),
    }
    match bind_unix(config) {
        Err(Failure::ListenUnix { source, .. }) if source.kind() == io::ErrorKind::AddrInUse => {
            end_all(std::slice::from_ref(gateway));
            bind_unix(config)
        }
        bound => bound,
    }
}

fn bind_unix(config: &Gateway) -> Result<Option<UnixListening>, Failure> {
    let path = config.http_unix.as_path();
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    UnixListening::bind(path, config.unix_mode()).map(Some)
}

fn warn_if_at_another_path(listener: &UnixListening, wanted: &Path) {
    let path = listener.path();
    if listener.is_passed() && path != wanted {
        let (wanted, path) = (wanted.display(), path.display());
        tracing::warn!(
            "`gateway.http_unix` is \"{wanted}\", but systemd passed {path}, which is used"
        );
    }
}

/// One of the listeners; `number` is the gateway's for it.
fn open(
    key: &'static str,
    number: i32,
    wanted: SocketAddr,
    passed: Option<PassedSocket>,
    gateway: Option<&Orphan>,
) -> Result<Listener, Failure> {
    if let Some(PassedSocket { socket, address }) = passed {
        warn_if_elsewhere(key, address, wanted);
        return Ok(Listener {
            socket,
            address,
            is_passed: true,
        });
    }
    let Some(gateway) = gateway else {
        return bind(key, wanted);
    };
    match fetch(&gateway.process, number, wanted) {
        Ok(listener) => return Ok(listener),
        Err(error) => tracing::debug!("cannot take `gateway.{key}` over: {error}"),
    }
    match bind(key, wanted) {
        Err(Failure::Listen { source, .. }) if source.kind() == io::ErrorKind::AddrInUse => {
            end_all(std::slice::from_ref(gateway));
            bind(key, wanted)
        }
        bound => bound,
    }
}

fn warn_if_elsewhere(key: &str, passed: SocketAddr, wanted: SocketAddr) {
    if !is_wanted(passed, wanted) {
        tracing::warn!("`gateway.{key}` is {wanted}, but systemd passed {passed}, which is used");
    }
}

/// Whether an address is the one that is configured, or one of those.
fn is_wanted(address: SocketAddr, wanted: SocketAddr) -> bool {
    address == wanted || (wanted.port() == 0 && address.ip() == wanted.ip())
}

/// The listener that a process has under `number`, if it listens where it is wanted.
fn fetch(process: &PidFd, number: i32, wanted: SocketAddr) -> io::Result<Listener> {
    let listener = TcpListener::from(process.fetch(number)?);
    let address = listener.local_addr()?;
    // A number can be in use again: a client's socket has the same address, but another end.
    let is_listening = TcpStream::from(OwnedFd::from(listener.try_clone()?))
        .peer_addr()
        .is_err();
    if !is_wanted(address, wanted) || !is_listening {
        return Err(io::ErrorKind::AddrNotAvailable.into());
    }
    let socket = out_of_the_way(listener.as_fd())?;
    Ok(Listener {
        socket,
        address,
        is_passed: false,
    })
}

fn bind(key: &'static str, address: SocketAddr) -> Result<Listener, Failure> {
    let failed = |source| Failure::Listen {
        address,
        key,
        source,
    };
    let listener = TcpListener::bind(address).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let socket = out_of_the_way(listener.as_fd()).map_err(failed)?;
    Ok(Listener {
        socket,
        address: bound,
        is_passed: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    fn config(http: &str) -> Gateway {
        let any = "127.0.0.1:0".parse().unwrap();
        Gateway {
            http: http.parse().unwrap(),
            wire: any,
            ..Gateway::default()
        }
    }

    #[test]
    fn only_a_listener_at_the_wanted_address_is_fetched() {
        let this = PidFd::open(std::process::id()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let fetched = |file: BorrowedFd<'_>, wanted: &str| {
            let listener = fetch(&this, file.as_raw_fd(), wanted.parse().unwrap());
            listener.map(|listener| listener.address).ok()
        };
        assert_eq!(
            fetched(listener.as_fd(), &address.to_string()),
            Some(address)
        );
        assert_eq!(fetched(listener.as_fd(), "127.0.0.1:0"), Some(address));
        assert_eq!(fetched(listener.as_fd(), "127.0.0.1:1"), None);
        assert_eq!(fetched(listener.as_fd(), "0.0.0.0:0"), None);
        let client = TcpStream::connect(address).unwrap();
        let accepted = listener.accept().unwrap().0;
        assert_eq!(accepted.local_addr().unwrap(), address);
        assert_eq!(fetched(accepted.as_fd(), "127.0.0.1:0"), None);
        drop(client);
    }

    #[test]
    fn only_what_moves_is_bound_anew_and_a_taken_address_changes_nothing() {
        let old = config("127.0.0.1:0");
        let listeners = Listeners::open(&old, Passed::default(), None).unwrap();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let new = config(&taken.local_addr().unwrap().to_string());
        assert!(listeners.rebind(&old, &new).is_err());
        drop(taken);
        let moved = listeners.rebind(&old, &new).unwrap();
        assert_eq!(moved.http_address(), new.http);
        assert_eq!(moved.wire_address(), listeners.wire_address());
        let before = listeners.http_address();
        drop(listeners);
        assert!(TcpStream::connect(before).is_err(), "it is closed");
        assert!(TcpStream::connect(moved.wire_address()).is_ok());
    }

    #[test]
    fn socket_that_was_passed_stays_where_it_is() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let passed = Passed {
            http: Some(PassedSocket {
                socket: socket.into(),
                address,
            }),
            ..Passed::default()
        };
        let (old, new) = (config("127.0.0.1:1"), config("127.0.0.1:2"));
        let listeners = Listeners::open(&old, passed, None).unwrap();
        assert_eq!(listeners.http_address(), address);
        let again = listeners.rebind(&old, &new).unwrap();
        assert_eq!(again.http_address(), address);
        assert_eq!(again.wire_address(), listeners.wire_address());
    }

    #[test]
    fn any_port_is_told_and_a_taken_one_is_named() {
        let listeners = Listeners::open(&config("127.0.0.1:0"), Passed::default(), None).unwrap();
        let taken = listeners.http_address();
        assert_ne!(taken.port(), 0);
        let failure =
            Listeners::open(&config(&taken.to_string()), Passed::default(), None).unwrap_err();
        assert_eq!(
            failure.to_string(),
            format!("cannot listen on {taken} (`gateway.http`)")
        );
        assert!(
            failure
                .hint()
                .unwrap()
                .contains(&format!("sport = :{}", taken.port()))
        );
    }
}
