//! The keys of `[tls]`, and what each may be.
//!
//! Neighbours: `keys` calls it for its table. Whether the files are a certificate and its key is
//! for `net-gateway` to say, which reads them.

use super::section::Section;
use super::{Config, ConfigError};
use std::net::IpAddr;

/// Longest host name, and longest part of one between dots. Source: RFC 1035, section 2.3.4.
const NAME_CHARS_MAX: usize = 253;
const LABEL_CHARS_MAX: usize = 63;

/// Reads the keys of `[tls]`.
pub(super) fn tls(section: &mut Section<'_>, config: &mut Config) -> Result<(), ConfigError> {
    let tls = &mut config.tls;
    section.boolean("enabled", &mut tls.enabled)?;
    let expected = "the path of a PEM file";
    section.path("certificate", expected, &mut tls.certificate)?;
    section.path("key", expected, &mut tls.key)?;
    section.texts(
        "names",
        "a host name such as \"box.example.org\", or an address",
        |text| text.parse::<IpAddr>().is_ok() || is_host_name(text),
        &mut tls.names,
    )
}

/// Whether a certificate can be for a host of that name. A name whose last part is a number would
/// be taken for an address.
#[must_use]
pub fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_CHARS_MAX).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= NAME_CHARS_MAX
        && text.split('.').all(is_label)
        && !last.chars().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_are_told_from_anything_else() {
        for name in [
            "a",
            "box",
            "box.local",
            "xn--bx-fka.example",
            "a-1.b2",
            "7up",
        ] {
            assert!(is_host_name(name), "{name}");
        }
        let long = ["a"; 127].join(".");
        assert!(is_host_name(&long));
        let too_long = format!("{long}.a");
        let label = "a".repeat(64);
        for name in [
            "", ".", "a..b", "a.", "-a", "a-", "a_b", "a b", "*.a", "a:80", "10.0.0.1", "1", "ä",
            &too_long, &label,
        ] {
            assert!(!is_host_name(name), "{name}");
        }
    }
}
