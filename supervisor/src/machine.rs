//! What this machine is called, and at which addresses others reach it.
//!
//! Neighbours: [`crate::certificate`] makes certificates for all of it; [`crate::page_address`] says
//! where the page is. Each part may be missing; nothing is sent anywhere.

use crate::config::is_host_name;
use nix::ifaddrs::getifaddrs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Addresses beyond this number are left out: a machine with so many has them for containers.
const ADDRESSES_MAX: usize = 16;

/// Flags of addresses that are not for being found by: temporary (for privacy), of doubtful
/// uniqueness, deprecated, tentative. Source: Linux `include/uapi/linux/if_addr.h`.
const UNSTABLE: u32 = 0x01 | 0x08 | 0x20 | 0x40;

/// Addresses that are nobody's, towards which the route is looked up. Source: RFC 5737, RFC 3849.
const FAR_V4: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9);
const FAR_V6: SocketAddr = SocketAddr::new(
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
    9,
);

/// The host name, if a certificate can have it.
#[must_use]
pub fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim().to_ascii_lowercase();
    is_host_name(&name).then_some(name)
}

/// The address that this machine has towards the rest of the network, of one family; the one that
/// it is known by. `None` without a network.
#[must_use]
pub fn outward(is_v6: bool) -> Option<IpAddr> {
    let (any, far): (IpAddr, _) = if is_v6 {
        (Ipv6Addr::UNSPECIFIED.into(), FAR_V6)
    } else {
        (Ipv4Addr::UNSPECIFIED.into(), FAR_V4)
    };
    // Connecting a datagram socket looks the route up and sends nothing.
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(far).ok()?;
    let address = socket.local_addr().ok()?.ip();
    let is_useful = !address.is_loopback() && !address.is_unspecified();
    if is_useful {
        return Some(address);
    }
    addresses().into_iter().find(|own| own.is_ipv6() == is_v6)
}

/// Every address of this machine at which others may reach it, loopback left out.
#[must_use]
pub fn addresses() -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = match getifaddrs() {
        Ok(interfaces) => interfaces
            .filter_map(|interface| Some(interface.address?.as_sockaddr_in()?.ip().into()))
            .collect(),
        // The service may not ask the kernel for its interfaces; the route is enough there.
        Err(_) => route_v4().into_iter().collect(),
    };
    let table = std::fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    found.extend(table.lines().filter_map(stable_v6).map(IpAddr::from));
    found.retain(|address| match address {
        IpAddr::V4(address) => !address.is_loopback() && !address.is_link_local(),
        IpAddr::V6(address) => !address.is_loopback(),
    });
    found.dedup();
    found.truncate(ADDRESSES_MAX);
    found
}

fn route_v4() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(FAR_V4).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// The address in one line of /proc/net/if_inet6, if it is one of global scope that stays. Source:
/// proc_net(5): address, number of the interface, prefix length, scope, flags (all hexadecimal), name.
fn stable_v6(line: &str) -> Option<Ipv6Addr> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let bits = u128::from_str_radix(fields.first()?, 16).ok()?;
    let scope = u32::from_str_radix(fields.get(3)?, 16).ok()?;
    let flags = u32::from_str_radix(fields.get(4)?, 16).ok()?;
    (scope == 0 && flags & UNSTABLE == 0).then(|| Ipv6Addr::from(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_stay_are_taken() {
        let line = |flags: &str, scope: &str| {
            format!("20010db8000000000000000000000007 02 40 {scope} {flags}     eth0")
        };
        let address: Ipv6Addr = "2001:db8::7".parse().unwrap();
        assert_eq!(stable_v6(&line("80", "00")), Some(address));
        for (flags, scope) in [("01", "00"), ("a0", "00"), ("c0", "00"), ("80", "20")] {
            assert_eq!(stable_v6(&line(flags, scope)), None, "{flags} {scope}");
        }
        for broken in ["", "zz 1 2 00 80 eth0", "20010db8 02 40"] {
            assert_eq!(stable_v6(broken), None);
        }
    }

    #[test]
    fn this_machine_is_never_found_by_loopback() {
        let addresses = addresses();
        assert!(addresses.iter().all(|address| !address.is_loopback()));
        assert!(addresses.len() <= ADDRESSES_MAX);
    }
}
