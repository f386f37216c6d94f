//! The certificate that clients get: which files it is in, that it can be used, and that the box's
//! own is there and up to date.
//!
//! `net-gateway certificate` reads, checks and makes; no key is ever read in this process. It is
//! asked before a start, at a reload, and once an hour for a certificate that the box made, since
//! that is replaced before it ends. The gateway takes changed files by itself.

use crate::black_box::state_folder;
use crate::config::{Config, Tls, is_host_name};
use crate::failure::Failure;
use crate::instance::Instance;
use crate::machine;
use crate::probe::refusal;
use crate::siblings::Siblings;
use shm_layout::control::{CertificateAnswer, CertificateInfo, Role, TlsFiles};
use shm_layout::{MonotonicNs, wall_us};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::Duration;

/// How often a certificate that the box made is looked at while it runs.
const LOOK_EVERY: Duration = Duration::from_secs(3600);

/// Folder of the box's own certificate, within the instance's folder for state.
const FOLDER: &str = "tls";

/// Whether the box makes its own.
fn is_own(tls: &Tls) -> bool {
    is_empty(&tls.certificate)
}

fn is_empty(path: &Path) -> bool {
    path.as_os_str().is_empty()
}

/// The files that the gateway serves; `None` without TLS, or without a home for the box's own.
#[must_use]
pub fn files(tls: &Tls, instance: &Instance) -> Option<TlsFiles> {
    if !tls.enabled {
        return None;
    }
    if is_own(tls) {
        let folder = state_folder()?.join(instance.name()).join(FOLDER);
        return Some(TlsFiles {
            certificate: folder.join("certificate.pem"),
            key: folder.join("key.pem"),
        });
    }
    // One file may hold both.
    let key = [&tls.key, &tls.certificate]
        .into_iter()
        .find(|path| !is_empty(path));
    Some(TlsFiles {
        certificate: tls.certificate.clone(),
        key: key?.clone(),
    })
}

/// Looks at the certificate and makes the box's own if that is due; says in the log what was made.
/// `None` without TLS.
///
/// # Errors
///
/// [`Failure`] says why it cannot be used, or made.
pub fn ensure(
    siblings: &Siblings,
    config: &Config,
    instance: &Instance,
) -> Result<Option<CertificateInfo>, Failure> {
    let tls = &config.tls;
    let names = if is_own(tls) {
        names(config)
    } else {
        Vec::new()
    };
    look(siblings, tls, instance, &names)
}

/// The same, without making one.
///
/// # Errors
///
/// As [`ensure`].
pub fn check(
    siblings: &Siblings,
    tls: &Tls,
    instance: &Instance,
) -> Result<Option<CertificateInfo>, Failure> {
    look(siblings, tls, instance, &[])
}

fn look(
    siblings: &Siblings,
    tls: &Tls,
    instance: &Instance,
    names: &[String],
) -> Result<Option<CertificateInfo>, Failure> {
    if !tls.enabled {
        return Ok(None);
    }
    if is_own(tls) && !is_empty(&tls.key) {
        return Err(Failure::Certificate {
            why: "`tls.key` is given without `tls.certificate`",
            advice: "give both, or neither: then the box makes its own",
        });
    }
    let files = files(tls, instance).ok_or(Failure::Certificate {
        why: "there is no folder for the box's own certificate",
        advice: "set HOME, or give `tls.certificate` and `tls.key`",
    })?;
    let path = |path: &Path| path.display().to_string();
    let mut arguments = vec![
        "certificate".to_owned(),
        "--certificate".to_owned(),
        path(&files.certificate),
        "--key".to_owned(),
        path(&files.key),
    ];
    for name in names {
        arguments.extend(["--make-for".to_owned(), name.clone()]);
    }
    let output = siblings.ask(Role::Gateway, &arguments)?;
    if !output.status.success() {
        return Err(refusal(&output));
    }
    let answer: CertificateAnswer =
        serde_json::from_slice(&output.stdout).map_err(|error| Failure::System {
            what: "understand what net-gateway says about the certificate",
            source: error.into(),
        })?;
    if let Some(why) = &answer.made {
        tracing::info!("a certificate was made for {}: {why}", names.join(", "));
    }
    if answer.is_key_open {
        tracing::warn!(
            "others than its owner may read or change the key `{}`: `chmod 600` it",
            files.key.display()
        );
    }
    Ok(Some(answer.info))
}

/// Every name that the box goes by.
fn names(config: &Config) -> Vec<String> {
    let hosts = config.gateway.hosts.iter();
    // They are for the `Host` header, which knows names that no certificate can have.
    let hosts = hosts.filter(|host| is_host_name(host));
    let more: Vec<String> = hosts.chain(&config.tls.names).cloned().collect();
    all_names(machine::host_name(), machine::addresses(), &more)
}

/// The same from its parts. Pure; the first is the certificate's subject.
fn all_names(host: Option<String>, addresses: Vec<IpAddr>, more: &[String]) -> Vec<String> {
    let mut names = Vec::new();
    if let Some(host) = host.filter(|host| host != "localhost") {
        // What multicast DNS makes of it; a name with a domain has its own way.
        let local = (!host.contains('.')).then(|| format!("{host}.local"));
        names.push(host);
        names.extend(local);
    }
    names.push("localhost".to_owned());
    let loopback = [
        IpAddr::from(Ipv4Addr::LOCALHOST),
        IpAddr::from(Ipv6Addr::LOCALHOST),
    ];
    let addresses = loopback.into_iter().chain(addresses);
    names.extend(addresses.map(|address| address.to_string()));
    for name in more {
        let name = name.to_ascii_lowercase();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Keeps the box's own certificate from ending while the box runs.
#[derive(Debug)]
pub struct Renewal {
    siblings: Siblings,
    instance: Instance,
    last: MonotonicNs,
}

impl Renewal {
    /// The certificate was looked at just now.
    #[must_use]
    pub fn new(siblings: &Siblings, instance: &Instance) -> Self {
        Self {
            siblings: siblings.clone(),
            instance: instance.clone(),
            last: MonotonicNs::now(),
        }
    }

    /// Looks at it again when an hour has passed, on a thread of its own. Only its end counts
    /// then: an address that came and went is no reason for clients to be asked anew.
    pub fn turn(&mut self, config: &Config, now: MonotonicNs) {
        let tls = &config.tls;
        if now.since(self.last) < LOOK_EVERY || !tls.enabled || !is_own(tls) {
            return;
        }
        self.last = now;
        let (siblings, instance) = (self.siblings.clone(), self.instance.clone());
        let config = config.clone();
        let thread = std::thread::Builder::new().name("certificate".to_owned());
        let looked = thread.spawn(move || {
            let now_s = wall_us() / 1_000_000;
            let present = check(&siblings, &config.tls, &instance);
            let is_good = |info: CertificateInfo| !info.ends_soon(now_s);
            if present.is_ok_and(|info| info.is_some_and(is_good)) {
                return;
            }
            if let Err(failure) = ensure(&siblings, &config, &instance) {
                tracing::error!("the certificate: {}", failure.in_full());
            }
        });
        if let Err(error) = looked {
            tracing::warn!("the certificate is not looked at: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_is_for_every_name_that_the_box_goes_by() {
        let addresses = vec![IpAddr::from([192, 168, 1, 7])];
        let more = ["Cams.Example.org".to_owned(), "localhost".to_owned()];
        assert_eq!(
            all_names(Some("box".to_owned()), addresses, &more),
            [
                "box",
                "box.local",
                "localhost",
                "127.0.0.1",
                "::1",
                "192.168.1.7",
                "cams.example.org"
            ]
        );
        assert_eq!(
            all_names(Some("a.example.org".to_owned()), Vec::new(), &[])[..2],
            ["a.example.org", "localhost"]
        );
        assert_eq!(
            all_names(None, Vec::new(), &[]),
            ["localhost", "127.0.0.1", "::1"]
        );
    }

    #[test]
    fn files_are_those_given_or_the_boxs_own() {
        let instance = "lab".parse().unwrap();
        let mut tls = Tls::default();
        assert_eq!(files(&tls, &instance), None);
        tls.enabled = true;
        let own = files(&tls, &instance).unwrap();
        assert!(own.key.ends_with("lab/tls/key.pem"), "{own:?}");
        tls.certificate = "/c.pem".into();
        assert_eq!(files(&tls, &instance).unwrap().key, Path::new("/c.pem"));
        tls.key = "/k.pem".into();
        assert_eq!(files(&tls, &instance).unwrap().key, Path::new("/k.pem"));
    }
}
