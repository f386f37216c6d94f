//! Are the addresses free, and if not, who has them?
//!
//! Each address is bound for a moment, which is the only sure answer. Who has it stands in
//! `/proc/net/tcp`, by the number of the socket, which the holder has among its open files.

use super::Finding;
use crate::config::Gateway;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

/// State of a listening socket. Source: Linux `include/net/tcp_states.h`, `TCP_LISTEN`.
const LISTENING: &str = "0A";

/// Who listens on an address.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Holder {
    pid: u32,
    name: String,
}

pub(super) fn look(config: &Gateway, running: Option<u32>) -> Vec<Finding> {
    let addresses = [("http", config.http), ("wire", config.wire)];
    addresses
        .into_iter()
        .map(|(key, address)| {
            let bound = TcpListener::bind(address).map(drop);
            let holders = match &bound {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => holders_of(address),
                _ => Vec::new(),
            };
            let bound = bound.map_err(|error| error.kind());
            check(key, address, bound, &holders, running)
        })
        .collect()
}

fn check(
    key: &str,
    address: SocketAddr,
    bound: Result<(), io::ErrorKind>,
    holders: &[Holder],
    running: Option<u32>,
) -> Finding {
    let whose = format!("{address} (`gateway.{key}`)");
    let mend = format!("choose another with --{key} ADDRESS (port 0 = any free one)");
    match bound {
        Ok(()) => Finding::ok("port", format!("{whose} is free")),
        Err(io::ErrorKind::AddrInUse) => {
            if holders.iter().any(|holder| Some(holder.pid) == running) {
                return Finding::ok("port", format!("{whose} is the running box's"));
            }
            let by = match holders.first() {
                Some(Holder { pid, name }) => format!("`{name}` (pid {pid})"),
                None => "a process of another user".to_owned(),
            };
            Finding::fail("port", format!("{whose} is taken by {by}"))
                .meaning("the box cannot start while it has it")
                .mend(format!("end it, or {mend}"))
        }
        Err(io::ErrorKind::PermissionDenied) => {
            Finding::fail("port", format!("{whose} may not be used"))
                .meaning("ports below 1024 need privileges")
                .mend(mend)
        }
        Err(error) => Finding::fail("port", format!("{whose} cannot be used: {error}"))
            .mend("choose an address of this machine"),
    }
}

/// The processes that listen where `address` would; those of other users stay unknown.
fn holders_of(address: SocketAddr) -> Vec<Holder> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let tables = tables.map(|path| std::fs::read_to_string(path).unwrap_or_default());
    let sockets: Vec<String> = tables
        .iter()
        .flat_map(|table| table.lines())
        .filter_map(|line| listening_socket(line, address))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    let mut holders: Vec<Holder> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| has_open(*pid, &sockets))
        .map(|pid| Holder {
            pid,
            name: std::fs::read_to_string(format!("/proc/{pid}/comm"))
                .unwrap_or_default()
                .trim()
                .to_owned(),
        })
        .collect();
    // The eldest made the socket; others inherited it.
    holders.sort_by_key(|holder| holder.pid);
    holders
}

fn has_open(pid: u32, sockets: &[String]) -> bool {
    let files = std::fs::read_dir(format!("/proc/{pid}/fd"));
    files.into_iter().flatten().flatten().any(|file| {
        std::fs::read_link(file.path())
            .is_ok_and(|target| sockets.iter().any(|socket| target.as_os_str() == &**socket))
    })
}

/// Number of the socket in one line of /proc/net/tcp, if it listens where `wanted` would.
/// Source: proc(5): local address as hexadecimal words in host order, state, …, inode (field 10).
fn listening_socket(line: &str, wanted: SocketAddr) -> Option<u64> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (local, state, inode) = (*fields.get(1)?, *fields.get(3)?, *fields.get(9)?);
    let (ip, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    if state != LISTENING || port != wanted.port() {
        return None;
    }
    let ip = ip_from_hex(ip)?;
    let overlap = ip == wanted.ip() || ip.is_unspecified() || wanted.ip().is_unspecified();
    overlap.then(|| inode.parse().ok())?
}

fn ip_from_hex(text: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let word = u32::from_str_radix(text.get(at..at + 8)?, 16).ok()?;
        Some(word.to_ne_bytes())
    };
    match text.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let mut bytes = [0; 16];
            for (index, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(index * 8)?);
            }
            Some(Ipv6Addr::from(bytes).to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    const LINE: &str = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 \
                        00000000  1000        0 48621 1 0000000000000000 100 0 0 10 0";

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn listening_socket_is_found_where_it_overlaps() {
        let found = |wanted: &str| listening_socket(LINE, address(wanted));
        assert_eq!(found("127.0.0.1:8080"), Some(48_621));
        assert_eq!(found("0.0.0.0:8080"), Some(48_621));
        assert_eq!(found("127.0.0.1:8081"), None);
        assert_eq!(found("10.0.0.1:8080"), None);
        let connected = LINE.replace(" 0A ", " 01 ");
        assert_eq!(
            listening_socket(&connected, address("127.0.0.1:8080")),
            None
        );
        let any_v6 = LINE.replace("0100007F", &"0".repeat(32));
        assert_eq!(
            listening_socket(&any_v6, address("127.0.0.1:8080")),
            Some(48_621)
        );
        for line in ["", "sl local_address", "0: zz:zz 0 0A 0 0 0 0 0 1"] {
            assert_eq!(listening_socket(line, address("127.0.0.1:8080")), None);
        }
    }

    #[test]
    fn holder_of_a_real_socket_is_this_process() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let holders = holders_of(listener.local_addr().unwrap());
        assert!(
            holders
                .iter()
                .any(|holder| holder.pid == std::process::id()),
            "{holders:?}"
        );
    }

    #[test]
    fn taken_port_names_its_holder_unless_it_is_the_box() {
        let holders = [Holder {
            pid: 7,
            name: "nc".to_owned(),
        }];
        let taken = Err(io::ErrorKind::AddrInUse);
        let http = address("127.0.0.1:8080");
        let finding = check("http", http, taken, &holders, None);
        assert_eq!(finding.level, Level::Fail);
        assert!(finding.says.contains("`nc` (pid 7)"), "{}", finding.says);
        assert_eq!(
            check("http", http, taken, &holders, Some(7)).level,
            Level::Ok
        );
        assert_eq!(check("http", http, taken, &[], Some(7)).level, Level::Fail);
        assert_eq!(check("http", http, Ok(()), &[], None).level, Level::Ok);
        let denied = Err(io::ErrorKind::PermissionDenied);
        assert_eq!(check("http", http, denied, &[], None).level, Level::Fail);
    }
}
