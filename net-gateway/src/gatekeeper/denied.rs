//! Why somebody is not let in: in words, as a status of HTTP, as a code of the wire protocol, and
//! as a counter.

use axum::http::StatusCode;
use shm_layout::control::Permission;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use thiserror::Error;

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Denied {
    /// Nothing was shown, and something is needed.
    #[error("a token or a login is needed here")]
    Missing,
    /// The request is for a name that is not this box's.
    #[error("this box is not known as `{0}`")]
    Host(String),
    /// A trusted proxy does not say for whom it asks.
    #[error("the proxy at this address does not say for whom it asks")]
    SilentProxy,
    /// No such token.
    #[error("this token is not known")]
    UnknownToken,
    /// No such name, or not its password.
    #[error("the name or the password is wrong")]
    WrongPassword,
    /// What was shown is not understood.
    #[error("this kind of Authorization is not understood")]
    Scheme,
    /// It is known who they are, and they may not.
    #[error("this needs the role `{}`, which `{name}` does not have", needed.word())]
    Role {
        /// The role.
        needed: Permission,
        /// Who lacks it.
        name: Arc<str>,
    },
    /// They were wrong too often.
    #[error("too many failed attempts from this address, the next one in {retry_after_s} s")]
    Attempts {
        /// When they may try again.
        retry_after_s: u64,
    },
    /// Another page used the browser.
    #[error("a page of another origin may not use this box")]
    OtherSite,
    /// A secret stands in the address.
    #[error("`{0}` in the address is refused: addresses are kept in logs and histories")]
    SecretInQuery(&'static str),
    /// Too many passwords are being checked.
    #[error("too many passwords are being checked at the moment")]
    Busy,
}

/// A word for each, in the order of the variants.
pub const REASONS: [&str; 11] = [
    "missing",
    "host",
    "silent_proxy",
    "unknown_token",
    "wrong_password",
    "scheme",
    "role",
    "attempts",
    "other_site",
    "secret_in_query",
    "busy",
];

impl Denied {
    fn index(&self) -> usize {
        match self {
            Self::Missing => 0,
            Self::Host(_) => 1,
            Self::SilentProxy => 2,
            Self::UnknownToken => 3,
            Self::WrongPassword => 4,
            Self::Scheme => 5,
            Self::Role { .. } => 6,
            Self::Attempts { .. } => 7,
            Self::OtherSite => 8,
            Self::SecretInQuery(_) => 9,
            Self::Busy => 10,
        }
    }

    /// The status of HTTP.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::SecretInQuery(_) => StatusCode::BAD_REQUEST,
            Self::Missing
            | Self::SilentProxy
            | Self::UnknownToken
            | Self::WrongPassword
            | Self::Scheme => StatusCode::UNAUTHORIZED,
            Self::Host(_) | Self::Role { .. } | Self::OtherSite => StatusCode::FORBIDDEN,
            Self::Attempts { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The code of the wire protocol.
    #[must_use]
    pub fn wire_code(&self) -> u16 {
        match self {
            Self::Missing | Self::Host(_) | Self::SilentProxy | Self::SecretInQuery(_) => 9,
            Self::UnknownToken | Self::WrongPassword | Self::Scheme => 10,
            Self::Role { .. } | Self::OtherSite => 11,
            Self::Attempts { .. } | Self::Busy => 12,
        }
    }

    /// One thing to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Missing => "send `Authorization: Bearer TOKEN`, or log in at /login; \
                              `supervisor token NAME` makes a token"
                .to_owned(),
            Self::Host(_) => {
                "name it in gateway.hosts, use the box's address, or log in".to_owned()
            }
            Self::SilentProxy => "let it send X-Forwarded-For, or send a token".to_owned(),
            Self::UnknownToken => "a token that was just made needs `supervisor reload`".to_owned(),
            Self::WrongPassword => "`supervisor password NAME` sets a new one".to_owned(),
            Self::Scheme => {
                "send `Authorization: Bearer TOKEN`, or `Basic` with a name and a password or \
                 token"
                    .to_owned()
            }
            Self::Role { needed, name } => {
                format!("add \"{}\" to the roles of [access.{name}]", needed.word())
            }
            Self::Attempts { retry_after_s } => format!("try again in {retry_after_s} s"),
            Self::OtherSite => {
                "open the page that this box serves, or name the origin in gateway.cors_origins"
                    .to_owned()
            }
            Self::SecretInQuery(_) => "send `Authorization: Bearer TOKEN`".to_owned(),
            Self::Busy => "try again in a moment".to_owned(),
        }
    }

    /// The same for a client of the wire protocol.
    #[must_use]
    pub fn wire_hint(&self) -> String {
        match self {
            Self::Missing => {
                "send AUTH with a token before all else; `supervisor token NAME` makes one"
                    .to_owned()
            }
            _ => self.hint(),
        }
    }

    /// When to try again, if that is all it takes; seconds.
    #[must_use]
    pub fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::Attempts { retry_after_s } => Some(*retry_after_s),
            Self::Busy => Some(1),
            _ => None,
        }
    }
}

/// How often each reason was given since the start.
#[derive(Debug, Default)]
pub struct DenialCounters([AtomicU64; REASONS.len()]);

impl DenialCounters {
    /// Counts one.
    pub fn count(&self, denied: &Denied) {
        if let Some(counter) = self.0.get(denied.index()) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Each reason with its count.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        REASONS.into_iter().zip(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_words_status_code_and_counter() {
        let role = Denied::Role {
            needed: Permission::Push,
            name: "ann".into(),
        };
        let attempts = Denied::Attempts { retry_after_s: 7 };
        for (denied, status, code, reason) in [
            (Denied::Missing, 401, 9, "missing"),
            (Denied::Host("evil".to_owned()), 403, 9, "host"),
            (Denied::SilentProxy, 401, 9, "silent_proxy"),
            (Denied::UnknownToken, 401, 10, "unknown_token"),
            (Denied::WrongPassword, 401, 10, "wrong_password"),
            (Denied::Scheme, 401, 10, "scheme"),
            (role, 403, 11, "role"),
            (attempts, 429, 12, "attempts"),
            (Denied::OtherSite, 403, 11, "other_site"),
            (Denied::SecretInQuery("token"), 400, 9, "secret_in_query"),
            (Denied::Busy, 503, 12, "busy"),
        ] {
            assert_eq!(
                (denied.status().as_u16(), denied.wire_code()),
                (status, code)
            );
            assert!(!denied.hint().is_empty() && !denied.to_string().is_empty());
            assert!(!denied.wire_hint().contains("/login"));
            let counters = DenialCounters::default();
            counters.count(&denied);
            let counted: Vec<_> = counters.all().filter(|(_, count)| *count == 1).collect();
            assert_eq!(counted, [(reason, 1)]);
        }
    }
}
