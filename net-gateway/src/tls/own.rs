//! The certificate that a box makes for itself when none is given: when a new one is due, and how
//! it is made.
//!
//! Upstream: [`crate::cli`], which the supervisor runs at a start, at a reload and once an hour.
//! A renewal keeps the key and replaces one file by renaming, so nobody ever sees a certificate
//! with another one's key. The decision is pure.

use super::certificate::{CertificateError, load};
use rcgen::string::Ia5String;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use shm_layout::control::{CertificateInfo, TlsFiles};
use std::fs;
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use thiserror::Error;

const DAY: Duration = Duration::from_secs(86_400);
/// How long a new one is valid. Apple's devices take at most 825 days, from whomever it comes.
/// Source: <https://support.apple.com/en-us/103769>.
const VALID_FOR: Duration = Duration::from_secs(820 * DAY.as_secs());
/// It is valid from so long ago on: the clocks of clients are not all right.
const BACKDATED: Duration = DAY;
/// No box was ever made before this: 2025-01-01. A clock that says so was never set.
const EARLIEST_S: u64 = 1_735_689_600;

/// Why a certificate is made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Due {
    /// There is none.
    #[error("there was none")]
    Missing,
    /// What is there is no certificate with its key.
    #[error("the one before could not be used: {0}")]
    Unusable(String),
    /// It is about to end.
    #[error("the one before expires in {0} days")]
    Expires(u64),
    /// It does not have a name that the box goes by.
    #[error("the one before did not have the name {0}")]
    Lacks(String),
}

/// Why none can be made.
#[derive(Debug, Error)]
pub enum MakeError {
    /// A name that no certificate can have.
    #[error("`{0}` is no host name or address")]
    Name(String),
    /// A file cannot be written.
    #[error("cannot write `{}`: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The library refuses.
    #[error("no certificate can be made: {0}")]
    Library(#[from] rcgen::Error),
    /// What was made cannot be read back.
    #[error(transparent)]
    Made(#[from] CertificateError),
}

/// A host name or address that a certificate can be for.
///
/// # Errors
///
/// [`MakeError::Name`] for any other text.
pub fn name(text: &str) -> Result<ServerName<'static>, MakeError> {
    ServerName::try_from(text.to_owned()).map_err(|_| MakeError::Name(text.to_owned()))
}

/// Whether a new one is due at `now_s` (since 1970), given the one there is. Names that it has
/// beyond the wanted ones are no reason.
#[must_use]
pub fn due(
    present: Result<(&CertificateInfo, &CertificateDer<'_>), &CertificateError>,
    wanted: &[ServerName<'_>],
    now_s: u64,
) -> Option<Due> {
    let (info, der) = match present {
        Ok(present) => present,
        Err(CertificateError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Some(Due::Missing);
        }
        Err(error) => return Some(Due::Unusable(error.to_string())),
    };
    let now_s = now_s.max(EARLIEST_S);
    if info.ends_soon(now_s) {
        let left_s = info.expires_s.saturating_sub(now_s);
        return Some(Due::Expires(left_s / DAY.as_secs()));
    }
    let parsed = match ParsedCertificate::try_from(der) {
        Ok(parsed) => parsed,
        Err(error) => return Some(Due::Unusable(error.to_string())),
    };
    let lacking = wanted
        .iter()
        .find(|name| verify_server_name(&parsed, name).is_err())?;
    Some(Due::Lacks(lacking.to_str().into_owned()))
}

/// The certificate in `files`, made first if it is due.
///
/// # Errors
///
/// [`MakeError`] says why it cannot be made.
pub fn ensure(
    files: &TlsFiles,
    names: &[ServerName<'_>],
    now_s: u64,
) -> Result<(CertificateInfo, Option<Due>), MakeError> {
    let provider = super::provider();
    let present = load(files, &provider);
    let facts = match &present {
        Ok(certificate) => match certificate.key.cert.first() {
            Some(der) => Ok((&certificate.info, der)),
            None => return Err(rcgen::Error::CouldNotParseCertificate.into()),
        },
        Err(error) => Err(error),
    };
    let due = due(facts, names, now_s);
    if due.is_none()
        && let Ok(certificate) = present
    {
        return Ok((certificate.info, None));
    }
    make(files, names, now_s)?;
    let certificate = load(files, &provider)?;
    Ok((certificate.info, due))
}

fn make(files: &TlsFiles, names: &[ServerName<'_>], now_s: u64) -> Result<(), MakeError> {
    if let Some(folder) = files.key.parent() {
        let mut private = fs::DirBuilder::new();
        let made = private.mode(0o700).recursive(true).create(folder);
        made.map_err(|source| MakeError::Write {
            path: folder.to_owned(),
            source,
        })?;
    }
    let kept = fs::read_to_string(&files.key).ok();
    let key = match kept.and_then(|text| KeyPair::from_pem(&text).ok()) {
        Some(key) => key,
        None => {
            let key = KeyPair::generate()?;
            write(&files.key, key.serialize_pem().as_bytes(), 0o600)?;
            key
        }
    };
    let certificate = parameters(names, now_s)?.self_signed(&key)?;
    write(&files.certificate, certificate.pem().as_bytes(), 0o644)
}

/// What the certificate says. It is for servers alone and can sign no other: whoever trusts it
/// trusts this box and nobody else.
fn parameters(names: &[ServerName<'_>], now_s: u64) -> Result<CertificateParams, MakeError> {
    let now = date_time_ymd(1970, 1, 1) + Duration::from_secs(now_s.max(EARLIEST_S));
    let mut parameters = CertificateParams::default();
    parameters.not_before = now - BACKDATED;
    parameters.not_after = now + (VALID_FOR - BACKDATED);
    let mut subject = DistinguishedName::new();
    let common = names.first().map(|name| name.to_str().into_owned());
    subject.push(DnType::CommonName, common.unwrap_or_default());
    subject.push(DnType::OrganizationName, "Wigwag, made by the box itself");
    parameters.distinguished_name = subject;
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let alternatives = names.iter().map(|name| match name {
        ServerName::IpAddress(address) => Ok(SanType::IpAddress(IpAddr::from(*address))),
        name => Ia5String::try_from(name.to_str().as_ref()).map(SanType::DnsName),
    });
    parameters.subject_alt_names = alternatives.collect::<Result<_, _>>()?;
    Ok(parameters)
}

/// Writes a file whole or not at all.
fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), MakeError> {
    let failed = |source| MakeError::Write {
        path: path.to_owned(),
        source,
    };
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    // One that was left over may have another mode.
    if let Err(error) = fs::remove_file(&unfinished)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(failed(error));
    }
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(mode);
    let mut file = file.open(&unfinished).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    fs::rename(&unfinished, path).map_err(failed)
}

#[cfg(test)]
#[path = "own_tests.rs"]
mod tests;
