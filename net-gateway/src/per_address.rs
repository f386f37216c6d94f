//! How many connections one address may have open, whether they watch anything or not: so that one
//! that only connects does not keep everybody else out.
//!
//! Upstream: [`crate::accept`] asks for each connection. The limits on clients, which come later and
//! know the client behind a proxy, are in [`crate::clients`].

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The connections of all addresses.
#[derive(Debug)]
pub struct PerAddress {
    max_per_address: usize,
    here: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection, until it is dropped.
#[derive(Debug)]
pub struct Visit {
    all: Arc<PerAddress>,
    address: IpAddr,
}

impl PerAddress {
    /// None yet; each address may have so many at a time.
    #[must_use]
    pub fn new(max_per_address: usize) -> Self {
        Self {
            max_per_address,
            here: Mutex::default(),
        }
    }

    /// Counts one in; `None` when the address has as many as it may have.
    #[must_use]
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Visit> {
        let address = address.to_canonical();
        let mut here = self.here();
        let count = here.get(&address).copied().unwrap_or(0);
        if count >= self.max_per_address {
            return None;
        }
        here.insert(address, count + 1);
        drop(here);
        let all = Arc::clone(self);
        Some(Visit { all, address })
    }

    fn here(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut here = self.all.here();
        if let Some(count) = here.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                here.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_own_limit() {
        let connections = Arc::new(PerAddress::new(2));
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let first = connections.enter(ip("10.0.0.1")).unwrap();
        let second = connections.enter(ip("::ffff:10.0.0.1")).unwrap();
        assert!(connections.enter(ip("10.0.0.1")).is_none());
        let other = connections.enter(ip("10.0.0.2"));
        assert!(other.is_some());
        drop(first);
        let third = connections.enter(ip("10.0.0.1"));
        assert!(third.is_some());
        drop((third, other, second));
        assert!(connections.here().is_empty(), "nothing is kept of who left");
    }
}
