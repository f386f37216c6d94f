//! The certificate in force. Its files are looked at once a second: what was changed is taken by the
//! connections that begin from then on, and a change that cannot be used is told and left.
//!
//! Upstream: [`crate::run`] lets it watch on a thread of its own, since a disk can hang. Downstream:
//! each handshake asks for the certificate. It must never leave a listener without one.

use super::certificate::{Certificate, CertificateError, load};
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use shm_layout::control::{CertificateInfo, TlsFiles};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What shows that a file was changed or replaced: device, number, length, time of its change.
type FileStamp = Option<(u64, u64, u64, i64, i64)>;

/// The same of the certificate and its key.
type Stamp = [FileStamp; 2];

/// Holds the certificate that new connections get.
#[derive(Debug)]
pub struct Keeper {
    files: TlsFiles,
    provider: Arc<CryptoProvider>,
    current: RwLock<Certificate>,
    /// The files as they were just before they were read for the first time.
    first: Stamp,
}

impl Keeper {
    /// Reads the certificate.
    ///
    /// # Errors
    ///
    /// [`CertificateError`] says what is wrong with the files.
    pub fn new(files: &TlsFiles, provider: Arc<CryptoProvider>) -> Result<Self, CertificateError> {
        let first = stamp(files);
        let current = RwLock::new(load(files, &provider)?);
        Ok(Self {
            files: files.clone(),
            provider,
            current,
            first,
        })
    }

    /// What is said of the one in force.
    #[must_use]
    pub fn info(&self) -> CertificateInfo {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.info.clone()
    }

    /// Looks at the files until the other end of `end` is gone; `tell` hears of each certificate
    /// that came into force.
    pub fn watch(&self, end: &Receiver<()>, tell: impl Fn(CertificateInfo)) {
        let mut changes = Changes::since(self.first);
        while end.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
            if changes.see(stamp(&self.files)) {
                match self.take() {
                    Ok(info) => tell(info),
                    Err(error) => tracing::warn!(
                        "the changed certificate is not taken, the one before stays in force: \
                         {error} ({})",
                        error.hint()
                    ),
                }
            }
        }
    }

    fn take(&self) -> Result<CertificateInfo, CertificateError> {
        let new = load(&self.files, &self.provider)?;
        let info = new.info.clone();
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        tracing::info!("certificate taken anew, SHA-256 {}", info.fingerprint);
        Ok(info)
    }
}

impl ResolvesServerCert for Keeper {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current.key))
    }
}

fn stamp(files: &TlsFiles) -> Stamp {
    let of = |path: &Path| {
        let facts = std::fs::metadata(path).ok()?;
        let (dev, number, length) = (facts.dev(), facts.ino(), facts.len());
        Some((dev, number, length, facts.mtime(), facts.mtime_nsec()))
    };
    [of(&files.certificate), of(&files.key)]
}

/// Which changes are to be taken: those that have settled. Two files are not replaced in one step,
/// and the one alone does not fit the other. Pure.
#[derive(Debug)]
struct Changes {
    taken: Stamp,
    last: Stamp,
}

impl Changes {
    fn since(first: Stamp) -> Self {
        Self {
            taken: first,
            last: first,
        }
    }

    /// Whether what is seen now is new, and was the same at the look before.
    fn see(&mut self, now: Stamp) -> bool {
        let has_settled = std::mem::replace(&mut self.last, now) == now;
        has_settled && std::mem::replace(&mut self.taken, now) != now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(certificate: u64, key: u64) -> Stamp {
        [certificate, key].map(|length| Some((1, 2, length, 3, 4)))
    }

    #[test]
    fn change_is_taken_once_when_it_has_settled() {
        let mut changes = Changes::since(at(1, 1));
        let seen = [
            (at(1, 1), false),
            (at(2, 1), false),
            (at(2, 2), false),
            (at(2, 2), true),
            (at(2, 2), false),
            ([None, at(2, 2)[1]], false),
            (at(2, 2), false),
            (at(2, 2), false),
            (at(1, 1), false),
            (at(1, 1), true),
        ];
        for (step, (stamp, is_taken)) in seen.into_iter().enumerate() {
            assert_eq!(changes.see(stamp), is_taken, "step {step}");
        }
    }
}
