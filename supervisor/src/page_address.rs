//! Where people find the page: its address in the network, also as a picture for phones.
//!
//! Upstream: the configured listener, which may say no more than "everywhere". Downstream: the log,
//! `supervisor status` and `supervisor address`. Texts and pictures are pure.

use crate::machine;
use qrcode::render::unicode;
use qrcode::{EcLevel, QrCode};
use shm_layout::control::BoxStatus;
use std::net::{IpAddr, SocketAddr};

/// The page of a box that listens on `listener`: where that means everywhere, at the address that
/// this machine has in the network, else at the listener's own.
#[must_use]
pub fn page(listener: SocketAddr, is_tls: bool) -> String {
    let outward = if listener.ip().is_unspecified() {
        // `[::]` takes IPv4 as well, and that is what people have at home.
        machine::outward(false).or_else(|| machine::outward(true))
    } else {
        None
    };
    url(listener, outward, is_tls)
}

/// The same from the status of a running box.
#[must_use]
pub fn of(status: &BoxStatus) -> String {
    let is_tls = status.has_tls();
    match status.http.parse() {
        Ok(listener) => page(listener, is_tls),
        // There is no gateway.
        Err(_) => format!("{}://{}/", scheme(is_tls), status.http),
    }
}

/// Whether others than this machine can reach a listener.
#[must_use]
pub fn is_open(listener: SocketAddr) -> bool {
    !listener.ip().to_canonical().is_loopback()
}

/// A text as a picture of half blocks, two rows in one line, black on white whatever the colours of
/// the terminal are; `None` if it is too long for one.
#[must_use]
pub fn qr_code(text: &str) -> Option<String> {
    const BLACK_ON_WHITE: &str = "\x1b[30;107m";
    const AS_BEFORE: &str = "\x1b[0m";
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let picture = code.render::<unicode::Dense1x2>().build();
    let lines = picture.lines();
    Some(lines.fold(String::new(), |all, line| {
        all + BLACK_ON_WHITE + line + AS_BEFORE + "\n"
    }))
}

fn url(listener: SocketAddr, outward: Option<IpAddr>, is_tls: bool) -> String {
    let ip = match outward {
        Some(outward) => outward,
        // Without a network it is reached here all the same.
        None if listener.ip().is_unspecified() && listener.is_ipv4() => [127, 0, 0, 1].into(),
        None if listener.ip().is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        None => listener.ip(),
    };
    let address = SocketAddr::new(ip, listener.port());
    format!("{}://{address}/", scheme(is_tls))
}

fn scheme(is_tls: bool) -> &'static str {
    if is_tls { "https" } else { "http" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_is_where_others_find_it() {
        let at = |listener: &str, outward: Option<&str>, is_tls| {
            let outward = outward.map(|address| address.parse().unwrap());
            url(listener.parse().unwrap(), outward, is_tls)
        };
        let home = Some("192.168.1.7");
        assert_eq!(at("0.0.0.0:8080", home, true), "https://192.168.1.7:8080/");
        assert_eq!(at("[::]:80", home, false), "http://192.168.1.7:80/");
        assert_eq!(at("0.0.0.0:80", None, false), "http://127.0.0.1:80/");
        assert_eq!(at("[::]:80", None, false), "http://[::1]:80/");
        assert_eq!(at("10.0.0.1:80", None, true), "https://10.0.0.1:80/");
        assert_eq!(at("[fd00::1]:80", None, true), "https://[fd00::1]:80/");
        let listener = "127.0.0.1:8080".parse().unwrap();
        assert_eq!(page(listener, false), "http://127.0.0.1:8080/");
    }

    #[test]
    fn only_loopback_is_closed() {
        for (listener, open) in [
            ("127.0.0.1:80", false),
            ("127.9.9.9:80", false),
            ("[::1]:80", false),
            ("[::ffff:127.0.0.1]:80", false),
            ("0.0.0.0:80", true),
            ("[::]:80", true),
            ("10.0.0.1:80", true),
        ] {
            assert_eq!(is_open(listener.parse().unwrap()), open, "{listener}");
        }
    }

    #[test]
    fn picture_is_small_and_has_a_quiet_edge() {
        let picture = qr_code("https://192.168.100.100:8443/").unwrap();
        let modules = |line: &str| -> String {
            let line = line.strip_prefix("\x1b[30;107m").unwrap();
            line.strip_suffix("\x1b[0m").unwrap().to_owned()
        };
        let lines: Vec<String> = picture.lines().map(modules).collect();
        assert!(lines.len() <= 20, "{picture}");
        let width = lines[0].chars().count();
        assert!(width <= 40);
        assert!(lines.iter().all(|line| line.chars().count() == width));
        assert!(lines[0].trim().is_empty(), "the edge is white: {picture}");
        assert_eq!(qr_code(&"x".repeat(10_000)), None);
    }
}
