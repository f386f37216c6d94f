//! The listening sockets. They belong to the supervisor and are handed to each gateway, so that a
//! client that connects while the gateway restarts waits a moment instead of being refused.
//! Nothing is ever read from them here.

use crate::config::Gateway;
use crate::failure::Failure;
use crate::spawn::out_of_the_way;
use std::net::{SocketAddr, TcpListener};
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

    fn config(http: &str) -> Gateway {
        let any = "127.0.0.1:0".parse().unwrap();
        Gateway {
            http: http.parse().unwrap(),
            wire: any,
            ..Gateway::default()
        }
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
