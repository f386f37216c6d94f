//! When the box makes itself a certificate, and what is in it.

use super::*;
use std::os::unix::fs::PermissionsExt;

const NOW_S: u64 = 1_800_000_000;
const DAY_S: u64 = 86_400;

fn names(texts: &[&str]) -> Vec<ServerName<'static>> {
    texts.iter().map(|text| name(text).unwrap()).collect()
}

fn files(folder: &Path) -> TlsFiles {
    TlsFiles {
        certificate: folder.join("tls/certificate.pem"),
        key: folder.join("tls/key.pem"),
    }
}

/// Goal: one certificate serves from start to start until a new one is due, and the key stays.
#[test]
fn certificate_is_made_once_and_renewed_when_it_is_due() {
    let scratch = tempfile::tempdir().unwrap();
    let files = files(scratch.path());
    let wanted = names(&["localhost", "box.local", "127.0.0.1", "::1"]);
    let (first, due) = ensure(&files, &wanted, NOW_S).unwrap();
    assert_eq!(due, Some(Due::Missing));
    assert_eq!(first.expires_s, NOW_S + 819 * DAY_S);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&files.key), 0o600);
    assert_eq!(mode(files.key.parent().unwrap()), 0o700);
    let key = fs::read(&files.key).unwrap();

    let again = |names: &[ServerName<'_>], now_s| ensure(&files, names, now_s).unwrap();
    let late_s = NOW_S + (819 - 60) * DAY_S;
    assert_eq!(again(&wanted[..2], NOW_S), (first.clone(), None));
    assert_eq!(again(&wanted, late_s), (first.clone(), None));
    let (second, due) = again(&wanted, late_s + 1);
    assert_eq!(due, Some(Due::Expires(59)));
    assert_ne!(second.fingerprint, first.fingerprint);

    let more = names(&["localhost", "192.168.1.7"]);
    let lacks = Some(Due::Lacks("192.168.1.7".to_owned()));
    assert_eq!(again(&more, late_s).1, lacks);
    assert_eq!(again(&more, late_s).1, None);
    assert_eq!(fs::read(&files.key).unwrap(), key, "the key stays");

    fs::write(&files.key, "damaged").unwrap();
    assert!(matches!(again(&more, late_s).1, Some(Due::Unusable(_))));
    assert_ne!(fs::read(&files.key).unwrap(), key);
    assert_eq!(mode(&files.key), 0o600);
}

/// Goal: a box whose clock was never set makes a certificate that is valid once it is.
#[test]
fn clock_that_was_never_set_is_not_believed() {
    let scratch = tempfile::tempdir().unwrap();
    let files = files(scratch.path());
    let wanted = names(&["localhost"]);
    let (made, _) = ensure(&files, &wanted, 1_000).unwrap();
    assert_eq!(made.expires_s, EARLIEST_S + 819 * DAY_S);
    assert_eq!(ensure(&files, &wanted, 2_000).unwrap().1, None);
}

#[test]
fn what_cannot_be_in_a_certificate_is_named() {
    for good in [
        "a",
        "box.local",
        "10.0.0.1",
        "fd00::1",
        "xn--bx-fka.example",
    ] {
        assert!(name(good).is_ok(), "{good}");
    }
    for wrong in ["", "a b", "http://a", "10.0.0.1/8", "ä", "a:80"] {
        assert_eq!(
            name(wrong).unwrap_err().to_string(),
            format!("`{wrong}` is no host name or address")
        );
    }
}
