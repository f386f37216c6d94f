//! The tables `[access.NAME]`, who may do what, and whether anybody may at all.
//!
//! Neighbours: `keys` calls it for its tables; `crate::credentials` makes what stands in them.

use super::document::Document;
use super::keys::{Options, named_tables};
use super::section::Section;
use super::setting::Setting;
use super::{Config, ConfigError};
use crate::credentials;
use shm_layout::control::{AccessEntry, Permission, Permissions};
use std::net::SocketAddr;
use std::path::Path;
use toml::de::DeTable;

/// Most users and programs.
const ENTRIES_MAX: usize = 256;

/// What a list of roles may hold.
pub(super) const ROLES: &str = "one of \"watch\", \"push\", \"control\"";

/// Reads the tables of all users and programs.
pub(super) fn access(
    document: Option<&Document>,
    table: Option<&DeTable<'_>>,
    options: &Options,
    config: &mut Config,
    settings: &mut Vec<Setting>,
) -> Result<(), ConfigError> {
    let (Some(document), Some(table)) = (document, table) else {
        return Ok(());
    };
    for named in named_tables(document, "access", "access", table)? {
        let (path, name) = (&named.path, named.name);
        let mut section = Section::new(path, Some((document, named.table)), options, settings);
        let entry = entry(&mut section, name)?;
        section.finish()?;
        if entry.token_sha256.is_none() && entry.password_argon2.is_none() {
            let problem = format!("`{path}` has neither `token_sha256` nor `password_argon2`");
            let hint =
                format!("`supervisor token {name}` or `supervisor password {name}` makes it");
            return Err(ConfigError::Wrong {
                place: document.place(&named.span),
                problem,
                hint: Some(hint),
            });
        }
        config.access.push(entry);
    }
    // Their order means nothing.
    config.access.sort_by(|a, b| a.name.cmp(&b.name));
    match config.access.len() {
        0..=ENTRIES_MAX => Ok(()),
        entries => Err(ConfigError::Wrong {
            place: document.path.display().to_string(),
            problem: format!("{entries} tables of `access`, expected at most {ENTRIES_MAX}"),
            hint: None,
        }),
    }
}

fn entry(section: &mut Section<'_>, name: &str) -> Result<AccessEntry, ConfigError> {
    let mut permissions = Permissions::from_iter([Permission::Watch]);
    roles(section, "roles", &mut permissions)?;
    let mut token = String::new();
    let expected = "the 64 hexadecimal digits of a SHA-256";
    section.text("token_sha256", expected, &mut token)?;
    let token_sha256 = credentials::read_sha256(&token);
    if !token.is_empty() && token_sha256.is_none() {
        let hint = format!("`supervisor token {name}` makes a token and prints this line");
        let is = format!("is not {expected}");
        return Err(section.refuse("token_sha256", &is, Some(hint)));
    }
    let mut password = String::new();
    section.text("password_argon2", "a hash as text", &mut password)?;
    if let Err(problem) = credentials::check_hash(&password)
        && !password.is_empty()
    {
        let hint = format!("`supervisor password {name}` asks for a password and prints this line");
        return Err(section.refuse("password_argon2", &problem, Some(hint)));
    }
    Ok(AccessEntry {
        name: name.to_owned(),
        permissions,
        token_sha256,
        password_argon2: Some(password).filter(|hash| !hash.is_empty()),
    })
}

/// A list of roles.
pub(super) fn roles(
    section: &mut Section<'_>,
    key: &'static str,
    permissions: &mut Permissions,
) -> Result<(), ConfigError> {
    let words = permissions.words();
    let mut words: Vec<String> = words.into_iter().map(str::to_owned).collect();
    let is_role = |word: &str| Permission::of_word(word).is_some();
    section.texts(key, ROLES, is_role, &mut words)?;
    let roles = words.iter();
    *permissions = roles.filter_map(|word| Permission::of_word(word)).collect();
    Ok(())
}

/// Refuses to listen where others reach the box while nobody may do anything there.
pub(super) fn refuse_open_door(
    config: &Config,
    settings: &[Setting],
    file: Option<&Path>,
) -> Result<(), ConfigError> {
    let gateway = &config.gateway;
    let listeners = [("http", gateway.http), ("wire", gateway.wire)];
    let Some((key, address)) = config.open_door(listeners) else {
        return Ok(());
    };
    let is_it = |setting: &&Setting| setting.section == "gateway" && setting.key == key;
    let origin = settings.iter().find(is_it).map(|found| &found.origin);
    Err(ConfigError::Wrong {
        place: origin.map_or_else(String::new, ToString::to_string),
        problem: open_door_text(key, address),
        hint: Some(open_door_hint(file)),
    })
}

/// What is wrong with such a listener.
pub(crate) fn open_door_text(key: &str, address: SocketAddr) -> String {
    format!("`gateway.{key}` is {address}, which other machines reach, and nobody is allowed in")
}

/// What to do about it.
pub(crate) fn open_door_hint(file: Option<&Path>) -> String {
    let config = file.map(|file| format!(" --config {}", file.display()));
    let config = config.unwrap_or_default();
    format!(
        "`supervisor password NAME{config}` or `supervisor token NAME{config}` lets somebody in; \
         `allow_anonymous = [\"watch\"]` under [gateway] lets everybody watch"
    )
}

impl Config {
    /// The first of these listeners that other machines reach, if nobody is allowed in.
    #[must_use]
    pub fn open_door(
        &self,
        listeners: [(&'static str, SocketAddr); 2],
    ) -> Option<(&'static str, SocketAddr)> {
        let lets_in = !self.access.is_empty() || !self.gateway.allow_anonymous.are_none();
        let mut reachable = listeners
            .into_iter()
            .filter(|(_, address)| !address.ip().to_canonical().is_loopback());
        reachable.next().filter(|_| !lets_in)
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::load_text;
    use super::*;

    const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$\
                        3AFJmIUlzTYWSaKSWZQrYwhlPBmMPHFW3bWSSpmHBpo";

    fn read(text: &str) -> Result<Config, String> {
        let loaded = load_text("box.toml", text, &Options::default());
        let told = |error: ConfigError| format!("{error} | {}", error.hint().unwrap_or_default());
        loaded.map(|loaded| loaded.config).map_err(told)
    }

    #[test]
    fn entry_has_roles_and_a_token_or_password() {
        let sha256 = "ab".repeat(32);
        let text = format!(
            "[access.door]\nroles = [\"push\"]\ntoken_sha256 = \"{sha256}\"\n\
             [access.ann]\npassword_argon2 = \"{HASH}\"\n"
        );
        let access = read(&text).unwrap().access;
        assert_eq!(access[1].permissions.words(), ["push"]);
        assert_eq!(access[1].token_sha256, Some([0xab; 32]));
        assert_eq!(access[0].permissions.words(), ["watch"]);
        assert_eq!(access[0].password_argon2.as_deref(), Some(HASH));
    }

    #[test]
    fn wrong_entries_are_named() {
        for (text, expected) in [
            (
                "[access.a]\n",
                "box.toml:1: `access.a` has neither `token_sha256`",
            ),
            (
                "[access.Ann]\n",
                "box.toml:1: access name `Ann`, expected 1 to 32",
            ),
            (
                "[access.a]\nroles = [\"admin\"]\n",
                "box.toml:2: key `access.a.roles` is the text \"admin\", expected one of \"watch\"",
            ),
            (
                "[access.a]\ntoken_sha256 = \"wigwag_x\"\n",
                "box.toml:2: key `access.a.token_sha256` is not the 64 hexadecimal digits",
            ),
            (
                "[access.a]\npassword_argon2 = \"secret\"\n",
                "box.toml:2: key `access.a.password_argon2` is no hash of Argon2id",
            ),
            (
                "[access.a]\npassword_argon2 = \"$argon2id$v=19$m=4000000,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$3AFJmIUlzTYWSaKSWZQrYwhlPBmMPHFW3bWSSpmHBpo\"\n",
                "box.toml:2: key `access.a.password_argon2` takes 4000000 KiB",
            ),
            (
                "[access.a]\ntoken = \"x\"\n",
                "box.toml:2: key `access.a.token` is not known",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn nobody_listens_for_others_without_saying_who_may() {
        let entry = format!("[access.a]\ntoken_sha256 = \"{}\"\n", "0".repeat(64));
        for address in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "[::ffff:192.0.2.1]:1"] {
            for key in ["http", "wire"] {
                let text = format!("[gateway]\n{key} = \"{address}\"\n");
                let error = read(&text).unwrap_err();
                let start = format!("box.toml:2: `gateway.{key}` is {address}, which other");
                assert!(error.starts_with(&start), "{error}");
                assert!(error.contains("`supervisor password NAME"), "{error}");
                read(&format!("{text}{entry}")).unwrap();
                read(&format!("{text}allow_anonymous = [\"watch\"]\n")).unwrap();
            }
        }
        for address in [
            "127.0.0.1:1",
            "127.9.9.9:1",
            "[::1]:1",
            "[::ffff:127.0.0.1]:1",
        ] {
            read(&format!("[gateway]\nhttp = \"{address}\"\n")).unwrap();
        }
    }
}
