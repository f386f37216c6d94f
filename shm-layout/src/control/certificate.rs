//! A certificate as the processes of a box speak of it: where it is, and what people are told of it.
//!
//! Neighbours: the gateway alone reads the files; the supervisor names them and shows the rest. No
//! key is ever in here.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// How long before its end the box's own certificate is replaced.
pub const RENEW_BEFORE: Duration = Duration::from_secs(60 * 86_400);

/// The files of a certificate, both PEM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsFiles {
    /// The certificate, then what leads to its root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// What people are told of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateInfo {
    /// SHA-256 as browsers show it: 32 bytes in hexadecimal, with colons.
    pub fingerprint: String,
    /// When it expires, in seconds since 1970.
    pub expires_s: u64,
}

impl CertificateInfo {
    /// Whether it is to be replaced at `now_s`, in seconds since 1970.
    #[must_use]
    pub fn ends_soon(&self, now_s: u64) -> bool {
        self.expires_s.saturating_sub(now_s) < RENEW_BEFORE.as_secs()
    }
}

/// Why the files cannot be used as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateProblem {
    /// In plain words; names the file.
    pub problem: String,
    /// What to do about it.
    pub hint: String,
}

/// How the gateway stands with its certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateReport {
    /// The one that new clients get; `None` = there is none, and nobody gets in with TLS.
    pub info: Option<CertificateInfo>,
    /// What is wrong with the files as they are now; with `info`, the one before stays in force.
    pub problem: Option<CertificateProblem>,
}

/// What `net-gateway certificate` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateAnswer {
    /// The certificate.
    #[serde(flatten)]
    pub info: CertificateInfo,
    /// Why it was made just now; `None` = it was there.
    pub made: Option<String>,
    /// Others than its owner may read or change the key's file.
    pub is_key_open: bool,
}
