//! Puts what tells a right token or password into a config file. Every other line stays as it is,
//! comments and order included.
//!
//! The result is checked as any config before it takes the file's place, at once and as a whole.

use crate::config::{self, ConfigError, Options};
use crate::failure::Failure;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use toml_edit::{Array, DocumentMut, Item, Table, TableLike, Value};

/// What is put into a table `[access.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// NAME.
    pub name: &'a str,
    /// Its roles; `None` leaves those that are there.
    pub roles: Option<&'a [String]>,
    /// `token_sha256` or `password_argon2`.
    pub key: &'static str,
    /// Its value.
    pub value: &'a str,
}

/// The table as text, for who puts it in by hand.
#[must_use]
pub fn as_text(entry: &Entry<'_>) -> String {
    let mut document = DocumentMut::new();
    // An empty document has nothing that could be in the way.
    let _put = put(&mut document, entry);
    document.to_string()
}

/// Puts it into the text of a config.
///
/// # Errors
///
/// What stands in the way, in words.
pub fn into_text(text: &str, entry: &Entry<'_>) -> Result<String, String> {
    let mut document: DocumentMut = text
        .parse()
        .map_err(|error: toml_edit::TomlError| format!("not valid TOML: {}", error.message()))?;
    put(&mut document, entry)?;
    Ok(document.to_string())
}

fn put(document: &mut DocumentMut, entry: &Entry<'_>) -> Result<(), String> {
    let mut parent = Table::new();
    parent.set_implicit(true);
    let access = document.entry("access").or_insert(Item::Table(parent));
    let access = access.as_table_like_mut();
    let access = access.ok_or("`access` is a value, expected tables [access.NAME]")?;
    let known = access.entry(entry.name).or_insert_with(toml_edit::table);
    let table = known
        .as_table_like_mut()
        .ok_or_else(|| format!("`access.{}` is a value, expected a table", entry.name))?;
    let is_new = !table.contains_key("roles") && table.is_empty();
    let first = [String::from("watch")];
    let roles = entry.roles.or(is_new.then_some(&first[..]));
    if let Some(roles) = roles {
        set(table, "roles", Value::Array(Array::from_iter(roles)));
    }
    set(table, entry.key, Value::from(entry.value));
    Ok(())
}

/// Sets a value; comments around one that is there stay.
fn set(table: &mut dyn TableLike, key: &str, new: Value) {
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(old) => {
            let around = old.decor().clone();
            *old = new;
            *old.decor_mut() = around;
        }
        None => drop(table.insert(key, Item::Value(new))),
    }
}

/// Puts it into a config file.
///
/// # Errors
///
/// [`Failure`]: the file cannot be read or written, or would be no right config; then it is as it
/// was.
pub fn into_file(path: &Path, entry: &Entry<'_>) -> Result<(), Failure> {
    let cannot = |what| move |source| Failure::System { what, source };
    let text = fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    let wrong = |problem| ConfigError::Wrong {
        place: path.display().to_string(),
        problem,
        hint: None,
    };
    let new = into_text(&text, entry).map_err(wrong)?;
    // A link goes on pointing to the file.
    let path = fs::canonicalize(path).map_err(cannot("find the config file"))?;
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
    let mut file = tempfile::Builder::new()
        .prefix(".wigwag-")
        .suffix(".toml")
        .tempfile_in(folder)
        .map_err(cannot("write beside the config file"))?;
    let write = |file: &mut fs::File| -> io::Result<()> {
        file.write_all(new.as_bytes())?;
        file.set_permissions(fs::metadata(&path)?.permissions())?;
        file.sync_all()
    };
    write(file.as_file_mut()).map_err(cannot("write the config file"))?;
    // Paths in it start at the same folder.
    let options = Options {
        file: Some(file.path().to_owned()),
        ..Options::default()
    };
    config::load(&options)?;
    let persisted = file.persist(&path).map_err(|error| error.error);
    persisted.map_err(cannot("replace the config file"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: Entry<'_> = Entry {
        name: "door",
        roles: None,
        key: "token_sha256",
        value: "aa",
    };

    #[test]
    fn new_table_has_roles_and_the_rest_stays() {
        let text = "# mine\n[gateway]\nmax_clients = 7   # few\n";
        let new = into_text(text, &TOKEN).unwrap();
        assert_eq!(
            new,
            format!("{text}\n[access.door]\nroles = [\"watch\"]\ntoken_sha256 = \"aa\"\n")
        );
        assert_eq!(
            as_text(&TOKEN),
            "[access.door]\nroles = [\"watch\"]\ntoken_sha256 = \"aa\"\n"
        );
    }

    #[test]
    fn known_table_keeps_what_is_not_asked_to_change() {
        let text = "[access.door]\n# front\nroles = [\"push\"] # only\ntoken_sha256 = \"bb\"\n\
                    [log]\nlevel = \"warn\"\n";
        let new = into_text(text, &TOKEN).unwrap();
        assert_eq!(new, text.replace("bb", "aa"));
        let roles = ["control".to_owned()];
        let other = Entry {
            roles: Some(&roles),
            ..TOKEN
        };
        let new = into_text(text, &other).unwrap();
        let expected = text.replace("bb", "aa").replace("push", "control");
        assert_eq!(new, expected);
    }

    #[test]
    fn what_stands_in_the_way_is_told() {
        assert!(into_text("access = 3\n", &TOKEN).is_err());
        assert!(into_text("[access]\ndoor = 3\n", &TOKEN).is_err());
        assert!(into_text("[access\n", &TOKEN).is_err());
    }

    #[test]
    fn file_is_replaced_only_by_a_right_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("box.toml");
        let text = "[gateway]\nhttp = \"0.0.0.0:8080\"\n";
        fs::write(&path, text).unwrap();
        assert!(into_file(&path, &TOKEN).is_err(), "`aa` is no SHA-256");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        let sha256 = "a".repeat(64);
        let right = Entry {
            value: &sha256,
            ..TOKEN
        };
        into_file(&path, &right).unwrap();
        assert!(fs::read_to_string(&path).unwrap().starts_with(text));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
