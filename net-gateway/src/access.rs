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
/// What proxies add to a request; somebody else asked then, whoever the peer is.
const FORWARDING: [HeaderName; 6] = [
    FORWARDED_FOR,
    FORWARDED_HOST,
    FORWARDED_PROTO,
    HeaderName::from_static("x-real-ip"),
    header::FORWARDED,
    header::VIA,
];
/// The origin that stands for every one.
const ANY_ORIGIN: &str = "*";

/// A part of the config that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no address such as 10.0.0.2, or network such as 10.0.0.0/8")]
pub struct NotANetwork(String);

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whence {
    /// From this machine.
    Here,
    /// From another one, or that cannot be told.
    Elsewhere,
    /// A trusted proxy on this machine asks, and does not say for whom.
    Unsaid,
}

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
        self.walk(peer, headers).0
    }

    /// The client's address, and whether everybody on the way said for whom they ask.
    fn walk(&self, peer: &Peer, headers: &HeaderMap) -> (IpAddr, bool) {
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
                None => return (client, false),
            }
            is_trusted = self.trusts(client);
        }
        (client, true)
    }

    /// Where a request comes from that came over the connection of `peer`: from this machine only if
    /// nothing says otherwise. A proxy on this machine speaks for others: one that is believed, and
    /// whoever comes over a path, has to say for whom; one that is not is not believed when it says
    /// that it is somebody here.
    #[must_use]
    pub fn whence(&self, peer: &Peer, headers: &HeaderMap) -> Whence {
        if !peer.is_local {
            return Whence::Elsewhere;
        }
        if self.trusts_peer(peer) {
            let says_for_whom = headers.contains_key(FORWARDED_FOR);
            return match self.walk(peer, headers) {
                (client, _) if !client.is_loopback() => Whence::Elsewhere,
                (_, true) if says_for_whom => Whence::Here,
                _ => Whence::Unsaid,
            };
        }
        match FORWARDING.iter().any(|name| headers.contains_key(name)) {
            true => Whence::Elsewhere,
            false => Whence::Here,
        }
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
    fn only_who_comes_without_a_proxy_or_is_said_to_be_here_is_here() {
        use Whence::{Elsewhere, Here, Unsaid};
        let closed = access(&[], &[]);
        let proxied = access(&["127.0.0.1"], &[]);
        let peer = |address: &str, is_unix, is_loopback| {
            let address = address.parse().unwrap();
            Peer::new(address, std::sync::Arc::default(), is_unix).at_listener(is_loopback)
        };
        let local = peer("127.0.0.1", false, true);
        let path = peer("127.0.0.1", true, true);
        for (access, peer, header, expected) in [
            (&closed, &local, None, Here),
            (&closed, &peer("::ffff:127.0.0.1", false, true), None, Here),
            (&closed, &peer("127.0.0.1", false, false), None, Elsewhere),
            (&closed, &peer("192.0.2.1", false, true), None, Elsewhere),
            (&closed, &peer("192.0.2.1", false, false), None, Elsewhere),
            (
                &closed,
                &local,
                Some(("x-forwarded-for", "127.0.0.1")),
                Elsewhere,
            ),
            (&closed, &local, Some(("via", "1.1 proxy")), Elsewhere),
            (&closed, &local, Some(("x-real-ip", "127.0.0.1")), Elsewhere),
            (
                &closed,
                &local,
                Some(("forwarded", "for=127.0.0.1")),
                Elsewhere,
            ),
            (&proxied, &local, None, Unsaid),
            (&proxied, &local, Some(("via", "1.1 proxy")), Unsaid),
            (
                &proxied,
                &local,
                Some(("x-forwarded-for", "192.0.2.1")),
                Elsewhere,
            ),
            (
                &proxied,
                &local,
                Some(("x-forwarded-for", "127.0.0.2")),
                Here,
            ),
            (
                &proxied,
                &local,
                Some(("x-forwarded-for", "nonsense")),
                Unsaid,
            ),
            (
                &proxied,
                &local,
                Some(("x-forwarded-for", "unknown, 127.0.0.1")),
                Unsaid,
            ),
            (&closed, &path, None, Unsaid),
            (&proxied, &path, None, Unsaid),
            (
                &closed,
                &path,
                Some(("x-forwarded-for", "192.0.2.1")),
                Elsewhere,
            ),
            (&closed, &path, Some(("x-forwarded-for", "127.0.0.1")), Here),
            (&closed, &path, Some(("x-forwarded-for", "unknown")), Unsaid),
            (&closed, &path, Some(("via", "1.1 proxy")), Unsaid),
        ] {
            let mut headers = HeaderMap::new();
            if let Some((name, value)) = header {
                headers.insert(name, HeaderValue::from_static(value));
            }
            assert_eq!(
                access.whence(peer, &headers),
                expected,
                "{peer:?} {header:?}"
            );
        }
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
