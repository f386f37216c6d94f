//! Who a request is from, and what they may do. Pure.

use super::denied::Denied;
use super::ticket::SessionId;
use shm_layout::control::{Permission, Permissions};
use std::sync::Arc;

/// A login of a browser, as long as it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Login {
    /// Its random number.
    pub id: SessionId,
    /// When it ends in any case; seconds of the monotonic clock.
    pub until_s: u64,
}

/// Who a request is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    name: Option<Arc<str>>,
    permissions: Permissions,
    login: Option<Login>,
    /// What somebody without a name lacks for more.
    lacks: Denied,
}

impl Caller {
    /// Nobody who is known, with what everybody may; `lacks` says why it is no more.
    #[must_use]
    pub fn stranger(permissions: Permissions, lacks: Denied) -> Self {
        Self {
            name: None,
            permissions,
            login: None,
            lacks,
        }
    }

    /// Somebody on this machine, who may do everything.
    #[must_use]
    pub fn local() -> Self {
        Self::stranger(Permissions::all(), Denied::Missing)
    }

    /// Somebody whom the config knows.
    #[must_use]
    pub fn known(name: Arc<str>, permissions: Permissions, login: Option<Login>) -> Self {
        Self {
            name: Some(name),
            permissions,
            login,
            lacks: Denied::Missing,
        }
    }

    /// The name in the config, of who showed to have one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// What they may do.
    #[must_use]
    pub fn permissions(&self) -> Permissions {
        self.permissions
    }

    /// The login that they came with.
    #[must_use]
    pub fn login(&self) -> Option<Login> {
        self.login
    }

    /// Whether they may.
    ///
    /// # Errors
    ///
    /// [`Denied`] says what they lack.
    pub fn may(&self, permission: Permission) -> Result<(), Denied> {
        if self.permissions.has(permission) {
            return Ok(());
        }
        Err(match &self.name {
            None => self.lacks.clone(),
            Some(name) => Denied::Role {
                needed: permission,
                name: Arc::clone(name),
            },
        })
    }
}

impl Default for Caller {
    /// Nobody, who may do nothing.
    fn default() -> Self {
        Self::stranger(Permissions::NONE, Denied::Missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_is_told() {
        let push = Permissions::from_iter([Permission::Push]);
        let ann = Caller::known("ann".into(), push, None);
        assert_eq!(ann.may(Permission::Push), Ok(()));
        let denied = ann.may(Permission::Watch).unwrap_err();
        assert_eq!(
            denied.to_string(),
            "this needs the role `watch`, which `ann` does not have"
        );
        let denied = Caller::default().may(Permission::Watch).unwrap_err();
        assert_eq!(denied, Denied::Missing);
        let denied = Caller::stranger(push, Denied::OtherSite).may(Permission::Control);
        assert_eq!(denied, Err(Denied::OtherSite));
        for permission in Permission::ALL {
            assert_eq!(Caller::local().may(permission), Ok(()));
        }
    }
}
