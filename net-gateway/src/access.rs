//! Who is believed and who may read: trusted proxies and origins of other pages, from the config.
//!
//! Pure: addresses and headers in, answers out. What comes from a peer that is no trusted proxy is
//! never believed.

use crate::client_record::Peer;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use ipnet::IpNet;
use std::net::IpAddr;
use thiserror::Error;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// The origin that stands for every one.
const ANY_ORIGIN: &str = "*";

/// A part of the config that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no address such as 10.0.0.2, or network such as 10.0.0.0/8")]
pub struct NotANetwork(String);

/// What the config says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    trusted_proxies: Vec<IpNet>,
    cors_origins: Vec<String>,
}

impl Access {
    /// From the texts of the config.
    ///
    /// # Errors
    ///
    /// [`NotANetwork`] names the first proxy that is none.
    pub fn new(trusted_proxies: &[String], cors_origins: &[String]) -> Result<Self, NotANetwork> {
        let network = |text: &String| {
            let address = text.parse::<IpAddr>().map(IpNet::from);
            address
                .or_else(|_| text.parse())
                .map_err(|_| NotANetwork(text.clone()))
        };
        Ok(Self {
            trusted_proxies: trusted_proxies
                .iter()
                .map(network)
                .collect::<Result<_, _>>()?,
            cors_origins: cors_origins.to_vec(),
        })
    }

    /// Whether what `address` says of others is believed.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let mut proxies = self.trusted_proxies.iter();
        proxies.any(|network| network.contains(&address))
    }

    /// Whether what the far end of a connection says of others is believed: a trusted proxy's
    /// word, or that of whoever may use the Unix socket.
    #[must_use]
    pub fn trusts_peer(&self, peer: &Peer) -> bool {
        peer.is_unix || self.trusts(peer.address)
    }

    /// The client's own address: the peer's, unless that is a trusted proxy, which says for whom it
    /// asks. The list is read from its end, where the nearest proxy wrote; the first address that is
    /// no trusted proxy is the client's, and nothing before it is believed.
    #[must_use]
    pub fn client_address(&self, peer: &Peer, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.address.to_canonical();
        let mut is_trusted = self.trusts_peer(peer);
        let lists = headers.get_all(FORWARDED_FOR).iter().rev();
        let hops = lists
            .filter_map(|value| value.to_str().ok())
            .flat_map(|list| list.rsplit(','));
        for hop in hops {
            if !is_trusted {
                break;
            }
            match address_of(hop.trim()) {
                Some(address) => client = address.to_canonical(),
                None => break,
            }
            is_trusted = self.trusts(client);
        }
        client
    }

    /// Whether nobody between the client and here can read along: TLS on the connection, or by the
    /// word of a trusted proxy between it and the client. The nearest proxy wrote last.
    #[must_use]
    pub fn is_secure(&self, peer: &Peer, headers: &HeaderMap) -> bool {
        let said = || {
            let last = headers.get_all(FORWARDED_PROTO).iter().next_back()?;
            last.to_str().ok()?.rsplit(',').next()
        };
        let is_https = || said().is_some_and(|said| said.trim().eq_ignore_ascii_case("https"));
        peer.is_secure || (self.trusts_peer(peer) && is_https())
    }

    /// Puts the host that the client asked for in the place of the proxy's, if `peer` is trusted.
    pub fn restore_host(&self, peer: &Peer, headers: &mut HeaderMap) {
        if self.trusts_peer(peer)
            && let Some(host) = headers.remove(FORWARDED_HOST)
        {
            headers.insert(header::HOST, host);
        }
    }

    /// The origins of other pages that may read answers; none by default.
    pub fn cors_origins(&self) -> impl Iterator<Item = HeaderValue> {
        let origins = self.cors_origins.iter();
        origins.filter_map(|origin| HeaderValue::from_str(origin).ok())
    }

    /// Whether pages of every origin may read answers.
    #[must_use]
    pub fn allows_any_origin(&self) -> bool {
        self.cors_origins.iter().any(|origin| origin == ANY_ORIGIN)
    }

    /// Whether a page of this origin may read answers.
    #[must_use]
    pub fn allows_origin(&self, origin: &str) -> bool {
        let mut origins = self.cors_origins.iter();
        self.allows_any_origin() || origins.any(|known| known.eq_ignore_ascii_case(origin))
    }
}

/// An address as proxies write it: alone, with a port, or in brackets.
fn address_of(hop: &str) -> Option<IpAddr> {
    let alone = hop.parse::<IpAddr>().ok();
    let with_port = || hop.parse::<std::net::SocketAddr>().ok().map(|it| it.ip());
    let in_brackets = || hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    alone.or_else(with_port).or_else(in_brackets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn access(proxies: &[&str], origins: &[&str]) -> Access {
        let texts = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>()
        };
        Access::new(&texts(proxies), &texts(origins)).unwrap()
    }

    fn direct(address: &str) -> Peer {
        Peer::from(address.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn proxy_at_the_unix_socket_is_believed() {
        let access = access(&[], &[]);
        let proxy = Peer::new([127, 0, 0, 1].into(), Arc::default(), true);
        let headers = forwarded(&["9.9.9.9, 1.2.3.4"]);
        let expected: IpAddr = "1.2.3.4".parse().unwrap();
        assert_eq!(access.client_address(&proxy, &headers), expected);
        let same = access.client_address(&direct("127.0.0.1"), &headers);
        assert_eq!(same, direct("127.0.0.1").address, "loopback alone is none");
    }

    #[test]
    fn https_is_what_the_connection_has_or_a_trusted_proxy_says() {
        let access = access(&["10.0.0.1"], &[]);
        for (peer, said, is_secure) in [
            ("10.0.0.1", &["https"][..], true),
            ("10.0.0.1", &["HTTPS"], true),
            ("10.0.0.1", &["http, https"], true),
            ("10.0.0.1", &["https, http"], false),
            ("10.0.0.1", &["https", "http"], false),
            ("10.0.0.1", &["http"], false),
            ("10.0.0.1", &[], false),
            ("10.0.0.2", &["https"], false),
        ] {
            let mut headers = HeaderMap::new();
            for value in said {
                headers.append(FORWARDED_PROTO, HeaderValue::from_static(value));
            }
            let found = access.is_secure(&direct(peer), &headers);
            assert_eq!(found, is_secure, "{peer} {said:?}");
            assert!(access.is_secure(&direct(peer).secure(), &headers));
        }
    }

    fn forwarded(values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(FORWARDED_FOR, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let access = access(&["10.0.0.0/8", "127.0.0.1", "fd00::/16"], &[]);
        for (peer, values, client) in [
            ("192.168.1.9", &["1.2.3.4"][..], "192.168.1.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["1.2.3.4"], "1.2.3.4"),
            ("::ffff:10.0.0.1", &["1.2.3.4"], "1.2.3.4"),
            ("127.0.0.1", &["9.9.9.9, 1.2.3.4, 10.5.5.5"], "1.2.3.4"),
            ("127.0.0.1", &["9.9.9.9", "1.2.3.4", "10.5.5.5"], "1.2.3.4"),
            ("127.0.0.1", &["1.2.3.4:5678"], "1.2.3.4"),
            ("127.0.0.1", &["[2001:db8::1]:443"], "2001:db8::1"),
            ("127.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
            ("127.0.0.1", &["1.2.3.4, unknown, 10.0.0.7"], "10.0.0.7"),
            ("127.0.0.1", &["", ", ,"], "127.0.0.1"),
            ("127.0.0.1", &["10.0.0.7, 10.0.0.8"], "10.0.0.7"),
            ("fd00::7", &["1.2.3.4"], "1.2.3.4"),
        ] {
            let found = access.client_address(&direct(peer), &forwarded(values));
            assert_eq!(
                found,
                client.parse::<IpAddr>().unwrap(),
                "{peer} {values:?}"
            );
        }
        assert!(!Access::default().trusts("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn host_of_a_trusted_proxy_is_the_one_that_was_asked_for() {
        let access = access(&["10.0.0.1"], &[]);
        let host = |peer: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("box:8080"));
            headers.insert(FORWARDED_HOST, HeaderValue::from_static("cams.example"));
            access.restore_host(&direct(peer), &mut headers);
            headers[header::HOST].to_str().unwrap().to_owned()
        };
        assert_eq!(host("10.0.0.1"), "cams.example");
        assert_eq!(host("10.0.0.2"), "box:8080");
    }

    #[test]
    fn origins_are_none_some_or_all() {
        assert!(!Access::default().allows_origin("http://a.example"));
        let some = access(&[], &["http://a.example", "https://b.example:444"]);
        assert!(some.allows_origin("HTTP://A.example"));
        assert!(some.allows_origin("https://b.example:444"));
        assert!(!some.allows_origin("https://b.example") && !some.allows_any_origin());
        assert!(access(&[], &["*"]).allows_origin("null"));
    }

    #[test]
    fn what_is_no_network_is_named() {
        let error = Access::new(&["10.0.0.0/40".to_owned()], &[]).unwrap_err();
        assert!(error.to_string().contains("10.0.0.0/40"), "{error}");
    }
}
