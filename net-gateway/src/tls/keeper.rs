//! The certificate in force. Its files are looked at once a second: what was changed is taken by the
//! connections that begin from then on, and a change that cannot be used is told and left.
//!
//! Upstream: [`crate::run`] lets it watch on a thread of its own, since a disk can hang. Downstream:
//! each handshake asks for the certificate. It must never give one up before it has another: a
//! listener is without one only if the files could not be used when the gateway started.

use super::certificate::{Certificate, CertificateError, load};
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use shm_layout::control::{CertificateProblem, CertificateReport, TlsFiles};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
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
    /// `None` until the files can be used for the first time.
    current: RwLock<Option<Certificate>>,
    /// What was wrong with the files when they were read last.
    problem: Mutex<Option<CertificateProblem>>,
    /// The files as they were just before they were read for the first time.
    first: Stamp,
}

impl Keeper {
    /// Reads the certificate. One that `may_lack` it goes on without, and looks for it from then on.
    ///
    /// # Errors
    ///
    /// [`CertificateError`] says what is wrong with the files.
    pub fn new(
        files: &TlsFiles,
        provider: Arc<CryptoProvider>,
        may_lack: bool,
    ) -> Result<Self, CertificateError> {
        let first = stamp(files);
        let (current, problem) = match load(files, &provider) {
            Ok(certificate) => (Some(certificate), None),
            Err(error) if may_lack => {
                tracing::error!(
                    "nobody gets in with TLS until the certificate can be used: {error} ({})",
                    error.hint()
                );
                (None, Some(error.problem()))
            }
            Err(error) => return Err(error),
        };
        Ok(Self {
            files: files.clone(),
            provider,
            current: RwLock::new(current),
            problem: Mutex::new(problem),
            first,
        })
    }

    /// Whether there is one.
    #[must_use]
    pub fn has_certificate(&self) -> bool {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.is_some()
    }

    /// What is said of the one in force, and of the files.
    #[must_use]
    pub fn report(&self) -> CertificateReport {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        CertificateReport {
            info: current.as_ref().map(|current| current.info.clone()),
            problem: problem.clone(),
        }
    }

    /// Looks at the files until the other end of `end` is gone; `tell` hears of each certificate
    /// that came into force, and of what is wrong with the files.
    pub fn watch(&self, end: &Receiver<()>, tell: impl Fn(CertificateReport)) {
        let mut changes = Changes::since(self.first);
        while end.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
            let has_changed = changes.see(stamp(&self.files));
            // Without one each look is a try: a file's rights may change, which no stamp shows.
            if has_changed || !self.has_certificate() {
                let before = self.report();
                self.take();
                let report = self.report();
                if report != before {
                    tell(report);
                }
            }
        }
    }

    fn take(&self) {
        let loaded = load(&self.files, &self.provider);
        let mut problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        let known = problem.take();
        match loaded {
            Ok(new) => {
                let info = new.info.clone();
                let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
                let before = current.replace(new).map(|before| before.info);
                if before.as_ref() != Some(&info) {
                    tracing::info!("certificate taken anew, SHA-256 {}", info.fingerprint);
                }
            }
            Err(error) => {
                let found = error.problem();
                if known.as_ref() != Some(&found) {
                    let CertificateProblem { problem, hint } = &found;
                    tracing::warn!(
                        "the changed certificate is not taken, what was before stays: {problem} ({hint})"
                    );
                }
                *problem = Some(found);
            }
        }
    }
}

impl ResolvesServerCert for Keeper {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        // Without one the handshake ends with an alert.
        current.as_ref().map(|current| Arc::clone(&current.key))
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
