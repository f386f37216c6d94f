//! Does a log-out delete the box's shared memory? (`RemoveIPC=` of systemd-logind.)

use super::Finding;
use nix::unistd::{Uid, User};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Users below are the system's, and logind leaves their shared memory alone.
/// Source: logind.conf(5), `RemoveIPC=`; systemd's `SYSTEM_UID_MAX`.
const FIRST_PERSON: u32 = 1000;

/// Later folders go before earlier ones. Source: logind.conf(5), "Configuration directories".
const FOLDERS: [&str; 4] = [
    "/usr/lib/systemd",
    "/usr/local/lib/systemd",
    "/run/systemd",
    "/etc/systemd",
];

pub(super) fn look() -> Finding {
    let uid = Uid::effective();
    let user = User::from_uid(uid).ok().flatten().map(|user| user.name);
    let user = user.unwrap_or_else(|| uid.to_string());
    let texts: Vec<String> = config_files()
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .collect();
    let facts = Facts {
        uid: uid.as_raw(),
        // Source: sd_booted(3).
        systemd: Path::new("/run/systemd/system").is_dir(),
        removes: removes_ipc(texts.iter().map(String::as_str)),
        lingers: Path::new("/var/lib/systemd/linger").join(&user).exists(),
    };
    check(&facts, &user)
}

#[derive(Debug, Clone, Copy)]
struct Facts {
    uid: u32,
    systemd: bool,
    removes: bool,
    lingers: bool,
}

fn check(facts: &Facts, user: &str) -> Finding {
    let ok = |says: &str| Finding::ok("log-out", says);
    if facts.uid < FIRST_PERSON {
        return ok("does not touch shared memory of system users");
    }
    if !facts.systemd || !facts.removes {
        return ok("leaves shared memory alone");
    }
    if facts.lingers {
        return ok("leaves shared memory alone while the user lingers");
    }
    Finding::warn(
        "log-out",
        "deletes this user's shared memory (`RemoveIPC=yes`)",
    )
    .meaning(
        "a box that still runs then goes on, but other programs cannot find its segment any \
             more",
    )
    .mend(format!(
        "`sudo loginctl enable-linger {user}`, or `RemoveIPC=no` in \
             /etc/systemd/logind.conf.d/wigwag.conf"
    ))
}

/// The main file, then the snippets by name; a snippet of a later folder replaces its namesake.
fn config_files() -> Vec<PathBuf> {
    let main = FOLDERS
        .iter()
        .rev()
        .map(|f| Path::new(f).join("logind.conf"));
    let main = main.into_iter().find(|path| path.is_file());
    let mut snippets = BTreeMap::new();
    for folder in FOLDERS {
        let entries = std::fs::read_dir(Path::new(folder).join("logind.conf.d"));
        for entry in entries.into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|ext| ext == "conf") {
                snippets.insert(entry.file_name(), entry.path());
            }
        }
    }
    main.into_iter().chain(snippets.into_values()).collect()
}

/// What the last of these files that says anything says; without a word, logind removes.
fn removes_ipc<'a>(texts: impl Iterator<Item = &'a str>) -> bool {
    let value = |line: &'a str| {
        let (key, value) = line.trim().split_once('=')?;
        (key.trim() == "RemoveIPC").then(|| value.trim())
    };
    let said = texts.flat_map(str::lines).filter_map(value).last();
    !said.is_some_and(|value| {
        ["no", "false", "off", "0"]
            .iter()
            .any(|no| value.eq_ignore_ascii_case(no))
    })
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn last_word_counts_and_silence_means_yes() {
        assert!(removes_ipc([].into_iter()));
        assert!(removes_ipc(["[Login]\n#RemoveIPC=no\n"].into_iter()));
        assert!(!removes_ipc(["[Login]\nRemoveIPC = no\n"].into_iter()));
        assert!(removes_ipc(["RemoveIPC=no", "RemoveIPC=yes"].into_iter()));
        assert!(!removes_ipc(
            ["RemoveIPC=yes", "RemoveIPC=False"].into_iter()
        ));
    }

    #[test]
    fn only_people_on_systemd_are_warned() {
        let hurt = Facts {
            uid: 1000,
            systemd: true,
            removes: true,
            lingers: false,
        };
        let level = |facts: Facts| check(&facts, "ann").level;
        assert_eq!(level(hurt), Level::Warn);
        assert!(check(&hurt, "ann").mend.unwrap().contains("linger ann"));
        for facts in [
            Facts { uid: 999, ..hurt },
            Facts {
                systemd: false,
                ..hurt
            },
            Facts {
                removes: false,
                ..hurt
            },
            Facts {
                lingers: true,
                ..hurt
            },
        ] {
            assert_eq!(level(facts), Level::Ok, "{facts:?}");
        }
    }
}
