//! `supervisor token NAME` and `supervisor password NAME`.
//!
//! A token is shown once, on standard output, where it can also be caught by a script; what belongs
//! into the config goes there at once with `--config`, and is printed otherwise.

use super::edit::{Entry, as_text, into_file};
use super::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN, hash_password, new_token};
use crate::failure::Failure;
use shm_layout::control::Permission;
use shm_layout::exit::ExitReason;
use std::io::{self, BufRead, IsTerminal};
use std::path::Path;

/// Whom it is for.
#[derive(Debug)]
pub struct For<'a> {
    /// Name of the table.
    pub name: &'a str,
    /// Its roles, if they are to be set.
    pub roles: Option<&'a [String]>,
    /// The file that it goes into.
    pub file: Option<&'a Path>,
}

/// Makes a token; gives what is printed.
///
/// # Errors
///
/// [`Failure`]: wrong roles, no random numbers, or the file cannot be changed.
pub fn token(whom: &For<'_>) -> Result<String, Failure> {
    check(whom)?;
    let made = new_token().map_err(|source| Failure::System {
        what: "make a token",
        source,
    });
    let (token, sha256) = made?;
    let rest = keep(whom, "token_sha256", &sha256)?;
    Ok(format!("{token}\n\nThis token is shown only now. {rest}"))
}

/// Asks for a password; gives what is printed.
///
/// # Errors
///
/// [`Failure`]: wrong roles, no usable password, or the file cannot be changed.
pub fn password(whom: &For<'_>) -> Result<String, Failure> {
    check(whom)?;
    let asked = ask(whom.name).map_err(|source| Failure::System {
        what: "read the password",
        source,
    });
    let password = asked?;
    if password.chars().count() < PASSWORD_CHARS_MIN || password.len() > PASSWORD_BYTES_MAX {
        let said = format!(
            "the password has {} characters, expected {PASSWORD_CHARS_MIN} to {PASSWORD_BYTES_MAX}",
            password.chars().count()
        );
        return Err(refusal(
            said,
            "three or four words are easy to keep in mind",
        ));
    }
    let hashed = hash_password(&password).map_err(|source| Failure::System {
        what: "hash the password",
        source,
    });
    keep(whom, "password_argon2", &hashed?)
}

fn check(whom: &For<'_>) -> Result<(), Failure> {
    let mut roles = whom.roles.unwrap_or_default().iter();
    if let Some(role) = roles.find(|role| Permission::of_word(role).is_none()) {
        let words: Vec<&str> = Permission::ALL.into_iter().map(Permission::word).collect();
        let hint = format!("the roles are {}", words.join(", "));
        return Err(refusal(format!("there is no role `{role}`"), &hint));
    }
    if !crate::config::is_name(whom.name) {
        let said = format!("`{}` is no name", whom.name);
        return Err(refusal(said, "1 to 32 of a-z, 0-9, `-` and `_`"));
    }
    Ok(())
}

fn keep(whom: &For<'_>, key: &'static str, value: &str) -> Result<String, Failure> {
    let entry = Entry {
        name: whom.name,
        roles: whom.roles,
        key,
        value,
    };
    match whom.file {
        None => Ok(format!("For the config:\n\n{}", as_text(&entry))),
        Some(file) => {
            into_file(file, &entry)?;
            Ok(format!(
                "[access.{}] of {} knows it; `supervisor reload` puts it in force.\n",
                whom.name,
                file.display()
            ))
        }
    }
}

/// Asks twice on the terminal without showing what is typed; reads one line where there is none.
fn ask(name: &str) -> io::Result<String> {
    if !io::stdin().is_terminal() {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        let line = line.strip_suffix('\n').unwrap_or(&line);
        return Ok(line.strip_suffix('\r').unwrap_or(line).to_owned());
    }
    let first = rpassword::prompt_password(format!("Password for {name}: "))?;
    let second = rpassword::prompt_password("Once more: ")?;
    if first == second {
        Ok(first)
    } else {
        Err(io::Error::other("the two are not the same"))
    }
}

fn refusal(said: String, hint: &str) -> Failure {
    Failure::Refused {
        said,
        advice: Some(hint.to_owned()),
        code: ExitReason::Usage as i32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Options, load_text};

    #[test]
    fn printed_token_and_lines_belong_together() {
        let roles = ["watch".to_owned(), "control".to_owned()];
        let whom = For {
            name: "ann",
            roles: Some(&roles),
            file: None,
        };
        let text = token(&whom).unwrap();
        let (first, rest) = text.split_once('\n').unwrap();
        assert!(first.starts_with(super::super::TOKEN_PREFIX));
        let (_, config) = rest.split_once("For the config:\n").unwrap();
        let access = load_text("box.toml", config, &Options::default());
        let access = access.unwrap().config.access;
        assert_eq!(access[0].permissions.words(), ["watch", "control"]);
        assert!(access[0].token_sha256.is_some());
    }

    #[test]
    fn wrong_roles_and_names_are_refused() {
        for (name, role) in [("ann", "admin"), ("Ann", "watch"), ("", "watch")] {
            let roles = [role.to_owned()];
            let whom = For {
                name,
                roles: Some(&roles),
                file: None,
            };
            let failure = token(&whom).unwrap_err();
            assert_eq!(failure.exit_code(), ExitReason::Usage as u8);
            assert!(failure.hint().is_some());
        }
    }
}
