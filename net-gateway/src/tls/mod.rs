//! TLS: the certificate, the handshake, and what is told to who forgot it.
//!
//! - [`certificate`]: a certificate with its key, read and checked; its fingerprint and end.
//! - [`own`]: one that the box makes for itself.
//! - [`keeper`]: the one in force, and its successor when the files change.
//! - [`greeting`]: how a connection begins on a listener with TLS.
//! - [`plain`]: what clients get who come without it.
//!
//! Neighbours: [`crate::accept`] greets with it, [`crate::client_io`] is what comes of it;
//! [`crate::cli`] makes and checks certificates for the supervisor, which never reads a key itself.
//! No key may ever be written to a log or an answer.

pub mod certificate;
pub mod greeting;
pub mod keeper;
pub mod own;
pub mod plain;

use rustls::crypto::CryptoProvider;
use std::sync::Arc;

/// The cryptography that is used: *ring* builds in seconds, where aws-lc takes minutes and cmake.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
