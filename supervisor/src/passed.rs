//! Listening sockets that whoever started the supervisor opened for it: systemd's socket activation.
//!
//! Downstream: [`crate::listeners`] uses them instead of binding. A socket with the name `http` or
//! `wire` is that; others are taken in this order, because the sockets of one unit share a name. One
//! at a path is `http_unix`, whatever its name.
//! What is passed and cannot be used is an error: whoever connects there would wait for ever.

use crate::failure::Failure;
use crate::spawn::inherited;
use crate::unix_listener::{UnixListening, path_of};
use socket2::{SockRef, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};

/// What the sockets are for, in the order in which nameless ones are taken.
const KEYS: [&str; 2] = ["http", "wire"];

/// A socket that was passed, with the address on which it listens.
#[derive(Debug)]
pub struct PassedSocket {
    /// The socket, under a number that no worker's file gets.
    pub socket: OwnedFd,
    /// Where it listens.
    pub address: SocketAddr,
}

/// The sockets that were passed; none without systemd.
#[derive(Debug, Default)]
pub struct Passed {
    /// For the page and the API.
    pub http: Option<PassedSocket>,
    /// For the wire protocol.
    pub wire: Option<PassedSocket>,
    /// For the page and the API, at a path.
    pub http_unix: Option<UnixListening>,
}

impl Passed {
    /// Takes them.
    ///
    /// # Errors
    ///
    /// [`Failure::Passed`] names the socket and what is wrong with it, or with all of them.
    pub fn take() -> Result<Self, Failure> {
        let wrong = |what: &str| {
            let what = what.to_owned();
            move |why: io::Error| Failure::Passed {
                what,
                why: why.to_string(),
            }
        };
        let found = sd_notify::listen_fds_with_names().map_err(wrong("sockets"))?;
        let mut passed = Self::default();
        let mut others = Vec::new();
        for (number, name) in found {
            let what = format!("socket {number} (`{name}`)");
            let socket = inherited(number).map_err(wrong(&what))?;
            is_listening(&socket).map_err(wrong(&what))?;
            match path_of(&socket) {
                None => others.push((socket, name, what)),
                Some(_) if passed.http_unix.is_some() => {
                    let one_too_many = io::Error::other("expected one at a path at most");
                    return Err(wrong(&what)(one_too_many));
                }
                Some(path) => {
                    tracing::info!("http_unix: {} was passed by systemd", path.display());
                    passed.http_unix = Some(UnixListening::passed(socket, path));
                }
            }
        }
        let names: Vec<String> = others.iter().map(|(_, name, _)| name.clone()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for ((socket, _, what), key) in others.into_iter().zip(keys(&names)?) {
            let address = listens_at(&socket).map_err(wrong(&what))?;
            tracing::info!("{key}: {address} was passed by systemd");
            let slot = match key {
                "http" => &mut passed.http,
                _ => &mut passed.wire,
            };
            *slot = Some(PassedSocket { socket, address });
        }
        Ok(passed)
    }
}

/// What each of the sockets of these names is for. Pure.
fn keys(names: &[&str]) -> Result<Vec<&'static str>, Failure> {
    let own = |name: &str| KEYS.into_iter().find(|key| *key == name);
    let mut left: Vec<&'static str> = KEYS
        .into_iter()
        .filter(|key| !names.contains(key))
        .collect();
    left.reverse();
    let keys: Option<Vec<_>> = names
        .iter()
        .map(|name| own(name).or_else(|| left.pop()))
        .collect();
    let is_twice = |key: &&str| names.iter().filter(|name| *name == key).count() > 1;
    match keys {
        Some(keys) if !KEYS.iter().any(is_twice) => Ok(keys),
        _ => Err(Failure::Passed {
            what: format!("{} sockets ({})", names.len(), names.join(", ")),
            why: "expected one for `http` and one for `wire` at most".to_owned(),
        }),
    }
}

/// Refuses what cannot be accepted from.
fn is_listening(socket: &OwnedFd) -> io::Result<()> {
    let facts = SockRef::from(socket);
    if facts.r#type()? != Type::STREAM || !facts.is_listener()? {
        return Err(io::Error::other("it is no listening stream socket"));
    }
    Ok(())
}

/// The address of a listening socket.
fn listens_at(socket: &OwnedFd) -> io::Result<SocketAddr> {
    is_listening(socket)?;
    let address = TcpListener::from(socket.as_fd().try_clone_to_owned()?).local_addr();
    address.map_err(|_| io::Error::other("it is no TCP socket"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpStream, UdpSocket};
    use std::os::unix::net::UnixListener;

    #[test]
    fn names_say_what_a_socket_is_for_and_nameless_ones_come_in_order() {
        let of = |names: &[&str]| keys(names).map_err(|error| error.to_string());
        assert_eq!(of(&[]).unwrap(), [""; 0]);
        assert_eq!(of(&["wire", "http"]).unwrap(), ["wire", "http"]);
        assert_eq!(of(&["wigwag.socket"; 2]).unwrap(), ["http", "wire"]);
        assert_eq!(of(&["unknown", "http"]).unwrap(), ["wire", "http"]);
        assert_eq!(of(&["unknown"]).unwrap(), ["http"]);
        for wrong in [
            &["http", "http"][..],
            &["a", "b", "c"],
            &["http", "wire", "x"],
        ] {
            let error = of(wrong).unwrap_err();
            assert!(error.contains("expected one for `http`"), "{error}");
        }
    }

    #[test]
    fn only_a_listening_tcp_socket_will_do() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let client = TcpStream::connect(address).unwrap();
        let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let local = UnixListener::bind(scratch.path().join("s")).unwrap();
        let file = tempfile::tempfile().unwrap();
        assert_eq!(listens_at(&listener.into()).unwrap(), address);
        let why = |socket: OwnedFd| listens_at(&socket).unwrap_err().to_string();
        assert_eq!(why(client.into()), "it is no listening stream socket");
        assert_eq!(why(datagrams.into()), "it is no listening stream socket");
        assert_eq!(why(local.into()), "it is no TCP socket");
        assert!(!why(file.into()).is_empty());
    }
}
