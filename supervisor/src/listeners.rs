//! The listening sockets. They belong to the supervisor and are handed to each gateway, so that a
//! client that connects while the gateway restarts waits a moment instead of being refused.
//! Nothing is ever read from them here.
//!
//! After a SIGKILL of the supervisor the gateway still has them, goes on accepting, and its
//! listeners are fetched from there; where the system does not allow that, the gateway is ended
//! and they are bound anew.

use crate::config::Gateway;
use crate::failure::Failure;
use crate::orphans::{Orphan, end_all};
use crate::pidfd::PidFd;
use crate::spawn::out_of_the_way;
use shm_layout::control::{FD_HTTP, FD_WIRE};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// One listening socket, under a file number that no worker's file gets.
#[derive(Debug)]
struct Listener {
    socket: OwnedFd,
    address: SocketAddr,
}

/// Both of them.
#[derive(Debug)]
pub struct Listeners {
    http: Listener,
    wire: Listener,
}

impl Listeners {
    /// Binds both addresses.
    ///
    /// # Errors
    ///
    /// [`Failure::Listen`] names the address and its key.
    pub fn bind(config: &Gateway) -> Result<Self, Failure> {
        Ok(Self {
            http: bind("http", config.http)?,
            wire: bind("wire", config.wire)?,
        })
    }

    /// Goes on with the listeners that the gateway of a dead supervisor has; binds those that
    /// are configured otherwise.
    ///
    /// # Errors
    ///
    /// [`Failure::Listen`] as for [`Self::bind`].
    pub fn take_over(config: &Gateway, gateway: &Orphan) -> Result<Self, Failure> {
        let held = &gateway.process;
        let take = |key, number, address| match fetch(held, number, address) {
            Ok(listener) => Ok(listener),
            Err(error) => {
                tracing::debug!("cannot take `gateway.{key}` over: {error}");
                bind(key, address)
            }
        };
        let both = take("http", FD_HTTP, config.http).and_then(|http| {
            let wire = take("wire", FD_WIRE, config.wire)?;
            Ok(Self { http, wire })
        });
        match both {
            Err(Failure::Listen { source, .. }) if source.kind() == io::ErrorKind::AddrInUse => {
                end_all(std::slice::from_ref(gateway));
                Self::bind(config)
            }
            both => both,
        }
    }

    /// Binds those that are to listen elsewhere, and keeps the others.
    ///
    /// # Errors
    ///
    /// [`Failure::Listen`] as for [`Self::bind`]; nothing has changed then.
    pub fn rebind(&self, old: &Gateway, new: &Gateway) -> Result<Self, Failure> {
        let one = |key, kept: &Listener, old: SocketAddr, new: SocketAddr| {
            if old == new {
                kept.again()
            } else {
                bind(key, new)
            }
        };
        Ok(Self {
            http: one("http", &self.http, old.http, new.http)?,
            wire: one("wire", &self.wire, old.wire, new.wire)?,
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
            socket: held.map_err(|source| Failure::System {
                what: "hold a listener",
                source,
            })?,
            address: self.address,
        })
    }
}

/// The listener that a process has under `number`, if it listens where it is wanted.
fn fetch(process: &PidFd, number: i32, wanted: SocketAddr) -> io::Result<Listener> {
    let listener = TcpListener::from(process.fetch(number)?);
    let address = listener.local_addr()?;
    let is_wanted = address == wanted || (wanted.port() == 0 && address.ip() == wanted.ip());
    // A number can be in use again: a client's socket has the same address, but another end.
    let is_listening = TcpStream::from(OwnedFd::from(listener.try_clone()?))
        .peer_addr()
        .is_err();
    if !is_wanted || !is_listening {
        return Err(io::ErrorKind::AddrNotAvailable.into());
    }
    let socket = out_of_the_way(listener.as_fd())?;
    Ok(Listener { socket, address })
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
        let listeners = Listeners::bind(&old).unwrap();
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
    fn any_port_is_told_and_a_taken_one_is_named() {
        let listeners = Listeners::bind(&config("127.0.0.1:0")).unwrap();
        let taken = listeners.http_address();
        assert_ne!(taken.port(), 0);
        let failure = Listeners::bind(&config(&taken.to_string())).unwrap_err();
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
