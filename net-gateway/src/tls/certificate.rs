//! A certificate with its private key: read from two PEM files, checked to belong together.
//!
//! Neighbours: [`super::keeper`] puts it in force, [`super::own`] looks whether a new one is due.
//! Files are input: their size is bounded, and each fault has its own words.

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError as TlsCertificateError, Error as TlsError, InconsistentKeys};
use sha2::{Digest, Sha256};
use shm_layout::control::{CertificateInfo, CertificateProblem, TlsFiles};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;
use x509_cert::der::Decode;

/// Largest file that is read, in bytes; a chain has a few thousand.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A certificate that can be served.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The chain and its key, as rustls wants it.
    pub key: Arc<CertifiedKey>,
    /// What people are told of it.
    pub info: CertificateInfo,
}

/// Why files are no certificate with its key.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file is none that is meant.
    #[error("`{}` is {what}", path.display())]
    NotThis {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// Nothing of the kind is in a file.
    #[error("`{}` has no {what} in PEM form", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// What should be there.
        what: &'static str,
    },
    /// What is there cannot be used.
    #[error("`{}` cannot be used: {why}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The key is another certificate's.
    #[error("the key `{}` does not belong to the certificate `{}`", key.display(), certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
}

impl CertificateError {
    /// As people are told of it.
    #[must_use]
    pub fn problem(&self) -> CertificateProblem {
        CertificateProblem {
            problem: self.to_string(),
            hint: self.hint().to_owned(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Read { .. } => "the user that runs Wigwag must be able to read it",
            Self::NotThis { .. } | Self::Missing { .. } | Self::Unusable { .. } => {
                "`tls.certificate` is a PEM file with the certificate and what leads to its root, \
                 `tls.key` one with its key, without a passphrase"
            }
            Self::Mismatch { .. } => "give both files of the same certificate",
        }
    }
}

/// Reads both files and checks them. One that has expired is served all the same: whether to go on
/// is for clients to decide.
///
/// # Errors
///
/// [`CertificateError`] names the file and what is wrong with it.
pub fn load(files: &TlsFiles, provider: &CryptoProvider) -> Result<Certificate, CertificateError> {
    let chain = chain(&files.certificate)?;
    let key = private_key(&files.key)?;
    let first = chain.first().ok_or_else(|| CertificateError::Missing {
        path: files.certificate.clone(),
        what: "certificate",
    })?;
    let unusable = |why: String| CertificateError::Unusable {
        path: files.certificate.clone(),
        why,
    };
    let info = CertificateInfo {
        fingerprint: fingerprint(first),
        expires_s: expires_s(first).map_err(|why| unusable(why.to_string()))?,
    };
    let key = CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch) => CertificateError::Mismatch {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
        },
        TlsError::InvalidCertificate(TlsCertificateError::BadEncoding) => {
            unusable("it is damaged".to_owned())
        }
        TlsError::InvalidCertificate(error) => unusable(error.to_string()),
        error => CertificateError::Unusable {
            path: files.key.clone(),
            why: error.to_string(),
        },
    })?;
    let key = Arc::new(key);
    Ok(Certificate { key, info })
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let text = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    found.map_err(|error| CertificateError::Unusable {
        path: path.to_owned(),
        why: error.to_string(),
    })
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let text = read(path)?;
    // Why it does not parse could quote the key, so it is not said.
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| CertificateError::Missing {
        path: path.to_owned(),
        what: "private key without a passphrase",
    })
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let failed = |source| CertificateError::Read {
        path: path.to_owned(),
        source,
    };
    let wrong = |what| CertificateError::NotThis {
        path: path.to_owned(),
        what,
    };
    // Looked at before it is opened: opening a pipe waits for whoever writes into it.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(wrong("no file"));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(wrong("longer than any certificate"));
    }
    Ok(bytes)
}

/// SHA-256 of the certificate as browsers show it: 32 bytes in hexadecimal, with colons.
#[must_use]
pub fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let digest = Sha256::digest(certificate.as_ref());
    let bytes: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    bytes.join(":")
}

/// When it expires, in seconds since 1970.
fn expires_s(certificate: &CertificateDer<'_>) -> Result<u64, x509_cert::der::Error> {
    let parsed = x509_cert::Certificate::from_der(certificate.as_ref())?;
    let end = parsed.tbs_certificate.validity.not_after;
    Ok(end.to_unix_duration().as_secs())
}
