//! Whether a request is for this box by a name that is its own. Pure.
//!
//! A foreign page can let its own name point to this machine ("DNS rebinding"); its scripts then
//! come from this machine's browser and would have whatever is open to it. They cannot choose the
//! name in the `Host` header, so rights that nobody had to log in for are given under known names
//! only.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The names that browsers reach the box by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostNames(Vec<String>);

impl HostNames {
    /// Those of the config, and the machine's own; with `.local` and alone.
    #[must_use]
    pub fn new(configured: &[String], machine: Option<&str>) -> Self {
        let machine = machine.map(str::trim).filter(|name| !name.is_empty());
        let short = machine.and_then(|name| name.split('.').next());
        let own = machine
            .into_iter()
            .map(str::to_owned)
            .chain(short.map(str::to_owned))
            .chain(short.map(|name| format!("{name}.local")));
        let names = configured.iter().cloned().chain(own);
        Self(names.map(|name| name.to_ascii_lowercase()).collect())
    }

    /// Whether this `Host` header names the box: an address, `localhost`, or one of the names.
    #[must_use]
    pub fn know(&self, host: &str) -> bool {
        let Some(name) = without_port(host) else {
            return false;
        };
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let is_address = || name.parse::<Ipv4Addr>().map(IpAddr::from).is_ok();
        let in_brackets = || name.strip_prefix('[')?.strip_suffix(']');
        let is_ipv6 = || in_brackets().is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok());
        let is_localhost = || name == "localhost" || name.ends_with(".localhost");
        is_address() || is_ipv6() || is_localhost() || self.0.contains(&name)
    }
}

/// The host without its port; `None` if it is none.
fn without_port(host: &str) -> Option<&str> {
    let end = if host.starts_with('[') {
        host.find(']')? + 1
    } else {
        host.find(':').unwrap_or(host.len())
    };
    let (name, rest) = host.split_at_checked(end)?;
    let port = rest.strip_prefix(':').unwrap_or(rest);
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
    (is_port && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names() -> HostNames {
        HostNames::new(&["Cams.example.org".to_owned()], Some("Box.lan\n"))
    }

    #[test]
    fn addresses_and_own_names_are_known_and_no_others() {
        let names = names();
        for known in [
            "127.0.0.1",
            "127.0.0.1:8080",
            "192.0.2.7:80",
            "[::1]:8080",
            "[2001:db8::1]",
            "localhost:8080",
            "LOCALHOST",
            "wigwag.localhost:1",
            "box",
            "box.lan:8080",
            "BOX.local",
            "box.local.",
            "cams.example.org:443",
        ] {
            assert!(names.know(known), "{known}");
        }
        for foreign in [
            "",
            ":8080",
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "xcams.example.org",
            "[::1",
            "[evil]",
            "::1",
            "127.0.0.1:80@evil.example",
            "127.0.0.1/evil",
            "2130706433",
        ] {
            assert!(!names.know(foreign), "{foreign}");
        }
        assert!(!HostNames::new(&[], Some(" \n")).know(".local"));
    }

    proptest! {
        /// No foreign name is known, whatever stands around the known ones.
        #[test]
        fn nothing_but_known_names(before in "[a-z0-9.-]{0,8}", after in "[a-z0-9.@/-]{0,8}") {
            let host = format!("{before}evil{after}.example");
            prop_assert!(!names().know(&host));
        }

        #[test]
        fn any_text_has_an_answer(host in "\\PC{0,40}") {
            let _known = names().know(&host);
        }
    }
}
