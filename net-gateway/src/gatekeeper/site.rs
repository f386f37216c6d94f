//! Whether a request comes from the box's own page, from a program, or from a page of another site
//! that only uses a viewer's browser. Pure.
//!
//! Browsers send what they have, a login or the mere fact that they run on this machine, with
//! requests that any page makes them send. So what a foreign page asks for is refused unless the
//! config lets pages of its origin in.

use crate::access::Access;
use axum::http::{HeaderMap, HeaderName, Method, header};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Whether the request may have what the browser that it comes from has.
///
/// `Origin` says who asks, where it is sent; `Sec-Fetch-Site` says it for the rest, as pictures, to
/// addresses that browsers find trustworthy. A program sends neither. Following a link to the page
/// is no request of the page with the link: that one does not get to see the answer.
#[must_use]
pub fn is_welcome(method: &Method, headers: &HeaderMap, access: &Access) -> bool {
    let is_reading = method.is_safe();
    if let Some(origin) = headers.get(header::ORIGIN) {
        let is_friend = || {
            origin
                .to_str()
                .is_ok_and(|origin| access.allows_origin(origin))
        };
        return is_same_origin(headers) || (is_reading && is_friend());
    }
    let text = |name: HeaderName| headers.get(name).map(|value| value.as_bytes());
    let is_link = is_reading
        && text(FETCH_MODE) == Some(b"navigate")
        && text(FETCH_DEST) == Some(b"document");
    match text(FETCH_SITE) {
        None | Some(b"same-origin" | b"none") => true,
        Some(_) => is_link || (is_reading && access.allows_any_origin()),
    }
}

/// Whether the request comes from the box's own page, or from a program (which sends no Origin).
/// Browsers let any page open a WebSocket anywhere, so the server has to ask.
/// Source: RFC 6455, section 10.2.
#[must_use]
pub fn is_same_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let (Ok(origin), Some(Ok(host))) = (
        origin.to_str(),
        headers.get(header::HOST).map(|host| host.to_str()),
    ) else {
        return false;
    };
    origin
        .split_once("://")
        .is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("127.0.0.1:8080"));
        for (name, value) in fields {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        headers
    }

    #[test]
    fn only_the_own_page_and_programs_are_of_the_same_origin() {
        let of = |origin: Option<&'static str>, host: &'static str| {
            let mut headers = headers(&[("host", host)]);
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            is_same_origin(&headers)
        };
        assert!(of(None, "127.0.0.1:8080"));
        assert!(of(Some("http://box.local:8080"), "Box.local:8080"));
        assert!(of(Some("https://box.local"), "box.local"));
        for origin in ["http://evil.example", "http://127.0.0.1:9090", "null", ""] {
            assert!(!of(Some(origin), "127.0.0.1:8080"), "{origin}");
        }
    }

    #[test]
    fn foreign_pages_are_refused_and_links_are_followed() {
        let own = "http://127.0.0.1:8080";
        let navigate = ("sec-fetch-mode", "navigate");
        let link = ("sec-fetch-dest", "document");
        let cross = ("sec-fetch-site", "cross-site");
        let (get, post) = (Method::GET, Method::POST);
        for (method, fields, expected) in [
            (&get, &[][..], true),
            (&post, &[], true),
            (&get, &[("origin", own)], true),
            (&post, &[("origin", own)], true),
            (&get, &[("origin", "http://evil.example")], false),
            (&post, &[("origin", "null")], false),
            (&get, &[("sec-fetch-site", "same-origin")], true),
            (&get, &[("sec-fetch-site", "none")], true),
            (&get, &[cross], false),
            (&get, &[("sec-fetch-site", "same-site")], false),
            (&get, &[cross, navigate, link], true),
            (
                &get,
                &[cross, navigate, ("sec-fetch-dest", "iframe")],
                false,
            ),
            (&post, &[cross, navigate, link], false),
            (&post, &[("sec-fetch-site", "same-site")], false),
        ] {
            let found = is_welcome(method, &headers(fields), &Access::default());
            assert_eq!(found, expected, "{method} {fields:?}");
        }
    }

    #[test]
    fn pages_that_the_config_names_may_read_and_not_change() {
        let friend = "https://a.example";
        let access = Access::new(&[], &[friend.to_owned()]).unwrap();
        let of = |origin| headers(&[("origin", origin)]);
        assert!(is_welcome(&Method::GET, &of(friend), &access));
        assert!(!is_welcome(&Method::POST, &of(friend), &access));
        assert!(!is_welcome(&Method::DELETE, &of(friend), &access));
        assert!(!is_welcome(&Method::GET, &of("https://b.example"), &access));
        let picture = headers(&[("sec-fetch-site", "cross-site")]);
        assert!(!is_welcome(&Method::GET, &picture, &access));
        let every = Access::new(&[], &["*".to_owned()]).unwrap();
        assert!(is_welcome(&Method::GET, &picture, &every));
        assert!(!is_welcome(&Method::POST, &picture, &every));
    }
}
