//! Whether listeners that other machines reach have somebody who may come.
//!
//! Neighbours: the configuration refuses its own addresses; here are those that systemd passed, too.

use super::Listeners;
use crate::config::Config;
use crate::failure::Failure;

impl Listeners {
    /// Whether everybody whom these let in is allowed to be there: nobody comes from elsewhere, or
    /// the config says who may.
    ///
    /// # Errors
    ///
    /// [`Failure::OpenDoor`] names the one that is open to nobody who is allowed in.
    pub fn check_doors(&self, config: &Config) -> Result<(), Failure> {
        let both = [("http", &self.http), ("wire", &self.wire)];
        match config.open_door(both.map(|(key, listener)| (key, listener.address))) {
            None => Ok(()),
            Some((key, address)) => Err(Failure::OpenDoor {
                address,
                key,
                is_passed: both
                    .iter()
                    .any(|(name, listener)| *name == key && listener.is_passed),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Gateway;
    use crate::passed::{Passed, PassedSocket};
    use shm_layout::control::Permissions;
    use std::net::TcpListener;

    fn config(http: &str) -> Gateway {
        Gateway {
            http: http.parse().unwrap(),
            wire: "127.0.0.1:0".parse().unwrap(),
            ..Gateway::default()
        }
    }

    #[test]
    fn socket_that_was_passed_for_others_needs_somebody_who_may_come() {
        let socket = TcpListener::bind("0.0.0.0:0").unwrap();
        let address = socket.local_addr().unwrap();
        let passed = Passed {
            http: Some(PassedSocket {
                socket: socket.into(),
                address,
            }),
            ..Passed::default()
        };
        let listeners = Listeners::open(&config("127.0.0.1:1"), passed, None).unwrap();
        let mut config = Config::default();
        let failure = listeners.check_doors(&config).unwrap_err();
        assert_eq!(
            failure.to_string(),
            format!(
                "`gateway.http` is {address}, which other machines reach, and nobody is allowed \
                 in (systemd passed it)"
            )
        );
        assert!(failure.hint().is_some());
        config.gateway.allow_anonymous = Permissions::all();
        listeners.check_doors(&config).unwrap();
    }
}
