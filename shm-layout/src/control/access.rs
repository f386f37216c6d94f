//! Who may do what at a box, as the supervisor tells the gateway; and what of the logins outlives a
//! gateway.
//!
//! Neighbours: the supervisor reads it from the config, the gateway decides by it. Tokens and
//! passwords themselves are never here, only what tells a right one.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest name of an entry, in bytes.
pub const ACCESS_NAME_LEN_MAX: usize = 32;

/// One thing that somebody may do; the config calls them roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    /// See and hear: pages, streams, predictions, status.
    Watch = 1,
    /// Send frames.
    Push = 2,
    /// Restart, reload, disconnect.
    Control = 4,
}

impl Permission {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Watch, Self::Push, Self::Control];

    /// Its word in the config and in answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Push => "push",
            Self::Control => "control",
        }
    }

    /// The one of that word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|permission| permission.word() == word)
    }
}

/// Some of them, or none.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Permissions(u8);

impl Permissions {
    /// None.
    pub const NONE: Self = Self(0);

    /// All of them.
    #[must_use]
    pub fn all() -> Self {
        Permission::ALL.into_iter().collect()
    }

    /// Whether it is among them.
    #[must_use]
    pub fn has(self, permission: Permission) -> bool {
        self.0 & permission as u8 != 0
    }

    /// Those of both.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether there are none.
    #[must_use]
    pub fn are_none(self) -> bool {
        self == Self::NONE
    }

    /// Their words, in order.
    #[must_use]
    pub fn words(self) -> Vec<&'static str> {
        let own = Permission::ALL
            .into_iter()
            .filter(|permission| self.has(*permission));
        own.map(Permission::word).collect()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        let bits = permissions.into_iter();
        Self(bits.fold(0, |bits, permission| bits | permission as u8))
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.words()).finish()
    }
}

/// A user or program that may do something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessEntry {
    /// Its name in the config.
    pub name: String,
    /// What it may do.
    pub permissions: Permissions,
    /// SHA-256 of its token, if it has one.
    pub token_sha256: Option<[u8; 32]>,
    /// Hash of its password in the PHC format of Argon2, if it has one.
    pub password_argon2: Option<String>,
}

/// Who may do what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRules {
    /// Users and programs.
    pub entries: Vec<AccessEntry>,
    /// What everybody may who comes over the network.
    pub anonymous: Permissions,
    /// Names by which browsers may reach the box, beside addresses and the machine's own name.
    pub hosts: Vec<String>,
    /// Failed attempts from one address in a minute until it must wait.
    pub failed_attempts_per_minute: u32,
    /// Logins of browsers at a time.
    pub max_sessions: usize,
    /// A login that is not used ends after so long; seconds.
    pub session_idle_s: u64,
    /// A login ends after so long in any case; seconds.
    pub session_max_s: u64,
}

/// The key that logins are signed with. It lives as long as the supervisor, in memory only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionKey(pub [u8; 32]);

impl fmt::Debug for SessionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SessionKey(…)")
    }
}

/// A login that was ended before its time: nobody may come with it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedSession {
    /// Its random number.
    pub id: [u8; 32],
    /// When it would have ended by itself; seconds of the monotonic clock.
    pub until_s: u64,
}

/// What a new gateway must know of the logins at the ones before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSeed {
    /// The key of all of them.
    pub key: SessionKey,
    /// Those that were ended.
    pub ended: Vec<EndedSession>,
}

/// What a client with the right to may ask of the supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BoxOrder {
    /// Replace the process of a unit, or of all units of a kind.
    Restart {
        /// Name of the unit, or of the kind.
        unit: String,
    },
    /// Read the configuration again and apply what changed.
    Reload,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_a_set_with_words() {
        let some: Permissions = [Permission::Control, Permission::Watch]
            .into_iter()
            .collect();
        assert_eq!(some.words(), ["watch", "control"]);
        assert!(some.has(Permission::Watch) && !some.has(Permission::Push));
        let push = Permissions::from_iter([Permission::Push]);
        assert_eq!(some.and(push), Permissions::all());
        assert!(Permissions::NONE.are_none() && !some.are_none());
        for permission in Permission::ALL {
            assert_eq!(Permission::of_word(permission.word()), Some(permission));
        }
        assert_eq!(Permission::of_word("Watch"), None);
    }

    #[test]
    fn key_is_never_printed() {
        assert_eq!(format!("{:?}", SessionKey([7; 32])), "SessionKey(…)");
    }
}
