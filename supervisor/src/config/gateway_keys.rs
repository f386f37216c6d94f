//! The keys of `[gateway]`, and what each may be.
//!
//! Neighbours: `keys` calls it for its table.

use super::access_keys::roles;
use super::keys::SOURCES_MAX;
use super::section::Section;
use super::source::{self, SourceConfig};
use super::{Config, ConfigError, Gateway};
use crate::instance::SOCKET_PATH_MAX;
use std::net::IpAddr;

/// Reads the keys of `[gateway]`.
pub(super) fn gateway(section: &mut Section<'_>, config: &mut Config) -> Result<(), ConfigError> {
    let gateway = &mut config.gateway;
    section.address("http", &mut gateway.http)?;
    section.address("wire", &mut gateway.wire)?;
    if gateway.http == gateway.wire && gateway.http.port() != 0 {
        return Err(section.refuse(
            "wire",
            &format!("is {}, the same as `gateway.http`", gateway.wire),
            Some("give each its own port".to_owned()),
        ));
    }
    http_unix(section, gateway)?;
    section.integer("jpeg_quality", 1..=100, &mut gateway.jpeg_quality)?;
    section.integer("max_clients", 1..=65_536, &mut gateway.max_clients)?;
    section.integer(
        "max_clients_per_address",
        1..=65_536,
        &mut gateway.max_clients_per_address,
    )?;
    section.integer(
        "write_timeout_ms",
        100..=600_000,
        &mut gateway.write_timeout_ms,
    )?;
    section.integer(
        "notice_after_ms",
        200..=600_000,
        &mut gateway.notice_after_ms,
    )?;
    section.integer("max_renditions", 0..=64, &mut gateway.max_renditions)?;
    section.integer("staleness_ms", 100..=600_000, &mut gateway.staleness_ms)?;
    section.texts(
        "cors_origins",
        "\"*\", or an origin such as \"https://example.org:8443\"",
        is_origin,
        &mut gateway.cors_origins,
    )?;
    section.texts(
        "trusted_proxies",
        "an address such as \"10.0.0.2\", or a network such as \"10.0.0.0/8\"",
        |text| text.parse::<IpAddr>().is_ok() || text.parse::<ipnet::IpNet>().is_ok(),
        &mut gateway.trusted_proxies,
    )?;
    anonymous_sources(section, gateway, &config.sources)?;
    logins(section, gateway)
}

/// Who may come without being listed, and how logins behave.
fn logins(section: &mut Section<'_>, gateway: &mut Gateway) -> Result<(), ConfigError> {
    roles(section, "allow_anonymous", &mut gateway.allow_anonymous)?;
    section.texts(
        "hosts",
        "a host name such as \"cams.example.org\"",
        is_host,
        &mut gateway.hosts,
    )?;
    section.integer(
        "max_failed_logins_per_minute",
        1..=10_000,
        &mut gateway.max_failed_logins_per_minute,
    )?;
    section.integer("max_sessions", 1..=65_536, &mut gateway.max_sessions)?;
    section.integer(
        "session_idle_s",
        60..=31_536_000,
        &mut gateway.session_idle_s,
    )?;
    section.integer("session_max_s", 60..=31_536_000, &mut gateway.session_max_s)
}

fn http_unix(section: &mut Section<'_>, gateway: &mut Gateway) -> Result<(), ConfigError> {
    let path = &mut gateway.http_unix;
    section.path("http_unix", "the path of a Unix socket", path)?;
    if path.as_os_str().len() > SOCKET_PATH_MAX {
        let is = format!("is longer than {SOCKET_PATH_MAX} bytes, which no socket's path can be");
        return Err(section.refuse("http_unix", &is, None));
    }
    let mode = &mut gateway.http_unix_mode;
    let expected = "the file's mode in three octal digits, such as \"660\"";
    section.text("http_unix_mode", expected, mode)?;
    if mode.len() == 3 && mode.bytes().all(|digit| (b'0'..=b'7').contains(&digit)) {
        return Ok(());
    }
    let is = format!("is \"{mode}\", expected {expected}");
    Err(section.refuse("http_unix_mode", &is, None))
}

fn anonymous_sources(
    section: &mut Section<'_>,
    gateway: &mut Gateway,
    sources: &[SourceConfig],
) -> Result<(), ConfigError> {
    const KEY: &str = "anonymous_sources";
    let guests = &mut gateway.anonymous_sources;
    section.integer(KEY, 0..=SOURCES_MAX as u32, guests)?;
    // Without any configured source there is one, the first camera or the demo clip.
    let others = sources.len().max(1);
    if others + *guests as usize > SOURCES_MAX {
        let is = format!("is {guests}, with the {others} other in all more than {SOURCES_MAX}");
        let hint = "run another box beside this one with --instance NAME".to_owned();
        return Err(section.refuse(KEY, &is, Some(hint)));
    }
    let is_taken = |guest: &SourceConfig| sources.iter().any(|own| own.name == guest.name);
    if let Some(guest) = source::guests(*guests).find(is_taken) {
        let is = format!("makes a source `{}`, and there is one already", guest.name);
        let hint = Some("give that one another name".to_owned());
        return Err(section.refuse(KEY, &is, hint));
    }
    Ok(())
}

/// Whether it is a name, without scheme, port or path.
fn is_host(text: &str) -> bool {
    let is_usual = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=253).contains(&text.len()) && text.chars().all(is_usual)
}

/// Whether a browser would send this as `Origin`: scheme, host, and a port if it is not the usual.
fn is_origin(text: &str) -> bool {
    let rest = ["http://", "https://"]
        .into_iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let is_authority = |rest: &str| {
        !rest.is_empty()
            && rest
                .chars()
                .all(|c| c.is_ascii_graphic() && !"/?#@".contains(c))
    };
    text == "*" || rest.is_some_and(is_authority)
}
