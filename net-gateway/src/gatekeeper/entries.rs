//! Whom the config knows, and by what. Pure.

use sha2::{Digest, Sha256};
use shm_layout::control::{AccessEntry, Permissions};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// One user or program.
#[derive(Debug)]
pub struct Entry {
    /// Its name.
    pub name: Arc<str>,
    /// What it may do.
    pub permissions: Permissions,
    token_sha256: Option<[u8; 32]>,
    /// Hash of its password, if it has one.
    pub password_argon2: Option<String>,
    /// Of its name, token and password: another one when any of them changes.
    pub fingerprint: [u8; 16],
}

/// All of them.
#[derive(Debug)]
pub struct Entries(Vec<Entry>);

impl Entries {
    /// From the config.
    #[must_use]
    pub fn new(entries: &[AccessEntry]) -> Self {
        let entry = |entry: &AccessEntry| Entry {
            name: entry.name.as_str().into(),
            permissions: entry.permissions,
            token_sha256: entry.token_sha256,
            password_argon2: entry.password_argon2.clone(),
            fingerprint: fingerprint(entry),
        };
        Self(entries.iter().map(entry).collect())
    }

    /// The one with that token. Takes as long for every wrong one.
    #[must_use]
    pub fn by_token(&self, token: &str) -> Option<&Entry> {
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let mut found = None;
        for entry in &self.0 {
            let known = entry.token_sha256.unwrap_or_default();
            let is_it = bool::from(known.ct_eq(&digest)) && entry.token_sha256.is_some();
            if is_it {
                found = Some(entry);
            }
        }
        found
    }

    /// The one of that name. Names are no secret.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| &*entry.name == name)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

fn fingerprint(entry: &AccessEntry) -> [u8; 16] {
    let mut digest = Sha256::new();
    digest.update((entry.name.len() as u64).to_be_bytes());
    digest.update(entry.name.as_bytes());
    digest.update([u8::from(entry.token_sha256.is_some())]);
    digest.update(entry.token_sha256.unwrap_or_default());
    digest.update(entry.password_argon2.as_deref().unwrap_or_default());
    let digest: [u8; 32] = digest.finalize().into();
    let mut first = [0; 16];
    first.copy_from_slice(&digest[..16]);
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use shm_layout::control::Permission;

    fn entry(name: &str, token: Option<&str>) -> AccessEntry {
        AccessEntry {
            name: name.to_owned(),
            permissions: Permissions::from_iter([Permission::Watch]),
            token_sha256: token.map(|token| Sha256::digest(token.as_bytes()).into()),
            password_argon2: None,
        }
    }

    #[test]
    fn tokens_lead_to_who_has_them() {
        let entries = Entries::new(&[
            entry("a", Some("one")),
            entry("b", None),
            entry("c", Some("two")),
        ]);
        let name = |token| entries.by_token(token).map(|entry| &*entry.name);
        assert_eq!(name("one"), Some("a"));
        assert_eq!(name("two"), Some("c"));
        assert_eq!(name("three"), None);
        assert_eq!(name(""), None);
        assert!(entries.by_name("b").is_some() && entries.by_name("B").is_none());
    }

    #[test]
    fn fingerprint_follows_the_secrets_and_not_the_roles() {
        let of = |entry: &AccessEntry| fingerprint(entry);
        let one = entry("a", Some("one"));
        assert_eq!(of(&one), of(&one.clone()));
        let mut more = one.clone();
        more.permissions = Permissions::all();
        assert_eq!(of(&more), of(&one));
        assert_ne!(of(&entry("a", Some("two"))), of(&one));
        assert_ne!(of(&entry("b", Some("one"))), of(&one));
        assert_ne!(of(&entry("a", None)), of(&one));
        let mut password = one.clone();
        password.password_argon2 = Some("x".to_owned());
        assert_ne!(of(&password), of(&one));
    }
}
