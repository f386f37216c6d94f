//! What a request offers to show who it is from: read, not yet believed. Pure.

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{GeneralPurposeConfig, STANDARD};
use base64::engine::{DecodePaddingMode, general_purpose};

/// What every token begins with.
pub const TOKEN_PREFIX: &str = "wigwag_";
/// Longest name, token or password that is looked at, in bytes.
const OFFER_BYTES_MAX: usize = 255;

/// Names of query parameters in which tokens are never taken: addresses end up in logs, histories
/// and other people's hands.
const NEVER_IN_QUERY: [&str; 4] = ["token", "access_token", "password", "api_key"];

/// Padding or not: clients do it differently.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What is offered.
#[derive(Clone, PartialEq, Eq)]
pub enum Offer {
    /// A token alone.
    Token(String),
    /// A name, and its password or a token.
    Login {
        /// The name; may be empty with a token.
        name: String,
        /// Password or token.
        secret: String,
    },
    /// Something that is not understood.
    Unknown,
}

impl Offer {
    /// A name with a secret, which may be a token.
    #[must_use]
    pub fn login(name: &str, secret: &str) -> Self {
        let is_short = name.len() <= OFFER_BYTES_MAX && secret.len() <= OFFER_BYTES_MAX;
        match is_short {
            false => Self::Unknown,
            true if secret.starts_with(TOKEN_PREFIX) => Self::Token(secret.to_owned()),
            true => Self::Login {
                name: name.to_owned(),
                secret: secret.to_owned(),
            },
        }
    }
}

/// What the `Authorization` header offers; `None` without one.
#[must_use]
pub fn offered(headers: &HeaderMap) -> Option<Offer> {
    let value = headers.get(header::AUTHORIZATION)?;
    Some(read(value.as_bytes()).unwrap_or(Offer::Unknown))
}

fn read(value: &[u8]) -> Option<Offer> {
    let (scheme, rest) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        let is_token = (1..=OFFER_BYTES_MAX).contains(&rest.len());
        return is_token.then(|| Offer::Token(rest.to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = LENIENT.decode(rest).ok()?;
    let (name, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some(Offer::login(name, secret))
}

/// Whether it is `Authorization: Bearer`, which no browser ever sends by itself.
#[must_use]
pub fn is_bearer(headers: &HeaderMap) -> bool {
    let value = headers.get(header::AUTHORIZATION);
    let scheme = value.and_then(|value| value.as_bytes().get(..7));
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer "))
}

/// The cookies of that name.
pub fn cookies<'h>(headers: &'h HeaderMap, name: &'h str) -> impl Iterator<Item = &'h str> {
    let values = headers.get_all(header::COOKIE).iter();
    let pairs = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'));
    pairs.filter_map(move |pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then_some(value)
    })
}

/// The first parameter of a query that looks as if a secret stood in it.
#[must_use]
pub fn secret_in_query(query: &str) -> Option<&'static str> {
    let names = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
    let mut secret = names.filter_map(|name| {
        let mut never = NEVER_IN_QUERY.into_iter();
        never.find(|never| name.eq_ignore_ascii_case(never))
    });
    secret.next()
}

/// The name and the secret of the login page's form; `None` when one is missing or twice there.
#[must_use]
pub fn login_form(body: &[u8]) -> Option<(String, String)> {
    let (mut name, mut secret) = (None, None);
    for (key, value) in form_urlencoded::parse(body) {
        let field = match key.as_ref() {
            "name" => &mut name,
            "password" => &mut secret,
            _ => continue,
        };
        if field.replace(value.into_owned()).is_some() {
            return None;
        }
    }
    name.zip(secret)
}

/// The random bytes of a cookie or token as text, and back.
pub(super) fn encode(bytes: &[u8]) -> String {
    general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    general_purpose::URL_SAFE_NO_PAD.decode(text).ok()
}

/// `Authorization: Basic` of a name and a secret, as clients send it.
#[must_use]
pub fn basic(name: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{secret}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    fn with(name: HeaderName, value: &[u8]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_bytes(value).unwrap());
        headers
    }

    fn of(value: &str) -> Option<Offer> {
        offered(&with(header::AUTHORIZATION, value.as_bytes()))
    }

    fn token(text: &str) -> Option<Offer> {
        Some(Offer::Token(text.to_owned()))
    }

    fn login(name: &str, secret: &str) -> Option<Offer> {
        Some(Offer::Login {
            name: name.to_owned(),
            secret: secret.to_owned(),
        })
    }

    fn is(found: Option<Offer>, expected: Option<Offer>) {
        assert!(found == expected);
    }

    #[test]
    fn authorization_is_read_as_clients_send_it() {
        is(offered(&HeaderMap::new()), None);
        is(of("Bearer wigwag_x"), token("wigwag_x"));
        is(of("bearer  wigwag_x "), token("wigwag_x"));
        is(of(&basic("ann", "p:w d")), login("ann", "p:w d"));
        is(of(&basic("", "wigwag_x")), token("wigwag_x"));
        is(of(&basic("any", "wigwag_x")), token("wigwag_x"));
        is(of("BASIC YW5uOnB3"), login("ann", "pw"));
        is(of("Basic YW5uOg=="), login("ann", ""));
        let long = "x".repeat(256);
        for wrong in [
            "",
            "Bearer",
            "Bearer ",
            "Basic",
            "Basic YW5u",
            "Basic !",
            "Digest username=\"ann\"",
            &basic("ann", &long),
            &format!("Bearer {long}"),
        ] {
            is(of(wrong), Some(Offer::Unknown));
        }
        is(
            offered(&with(header::AUTHORIZATION, b"Bearer \xff")),
            Some(Offer::Unknown),
        );
    }

    #[test]
    fn bearer_alone_is_never_sent_by_a_browser() {
        let is = |value: &[u8]| is_bearer(&with(header::AUTHORIZATION, value));
        assert!(is(b"Bearer x") && is(b"bearer \xff"));
        assert!(!is(b"Basic x") && !is(b"Bearerx") && !is(b"B"));
        assert!(!is_bearer(&HeaderMap::new()));
    }

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        let headers = with(header::COOKIE, b"a=1; wigwag=x=y;wigwag2=z; wigwag=second");
        assert_eq!(
            cookies(&headers, "wigwag").collect::<Vec<_>>(),
            ["x=y", "second"]
        );
        assert_eq!(cookies(&headers, "wig").count(), 0);
        assert_eq!(cookies(&HeaderMap::new(), "wigwag").count(), 0);
    }

    #[test]
    fn secrets_in_addresses_are_noticed() {
        assert_eq!(secret_in_query("fps=5&token=x"), Some("token"));
        assert_eq!(secret_in_query("%74oken=x"), Some("token"));
        assert_eq!(secret_in_query("ACCESS_TOKEN"), Some("access_token"));
        assert_eq!(secret_in_query("source=token&tokens=1"), None);
        assert_eq!(secret_in_query(""), None);
    }

    proptest! {
        /// What a browser sends of a form comes out as it was typed.
        #[test]
        fn form_comes_back(name in "\\PC{0,40}", secret in "\\PC{0,80}") {
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.append_pair("name", &name).append_pair("password", &secret);
            let body = form.finish();
            prop_assert_eq!(login_form(body.as_bytes()), Some((name.clone(), secret.clone())));
            let twice = format!("{body}&name=other");
            prop_assert_eq!(login_form(twice.as_bytes()), None);
        }

        /// Whatever comes, nothing panics, and what is believed is what was said.
        #[test]
        fn any_bytes_have_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _form = login_form(&bytes);
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let mut headers = HeaderMap::new();
                headers.insert(header::AUTHORIZATION, value.clone());
                headers.insert(header::COOKIE, value);
                let _offer = offered(&headers);
                let _cookies = cookies(&headers, "wigwag").count();
            }
        }

        #[test]
        fn basic_comes_back(name in "[^:\\pC]{0,40}", secret in "\\PC{0,60}") {
            prop_assume!(!secret.starts_with(TOKEN_PREFIX));
            prop_assert!(of(&basic(&name, &secret)) == login(&name, &secret));
        }
    }
}
