//! Who is connected: the limits on clients, the counters by protocol, and a record of each client.
//!
//! Neighbours: every protocol admits its client here before it serves it; [`crate::http::metrics`]
//! reads the counters. It must never hold its lock while a client is served.

use crate::client_record::{ClientRecord, ClientReport, Peer};
use crate::gatekeeper::caller::Login;
use shm_layout::MonotonicNs;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use thiserror::Error;

/// How a client is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Multipart MJPEG over HTTP.
    Stream,
    /// One JPEG over HTTP, while it waits for its frame.
    Snapshot,
    /// Server-sent events.
    Events,
    /// WebSocket.
    WebSocket,
    /// The TCP wire protocol.
    Wire,
    /// RTP, which is sent whether anybody listens or not.
    Rtp,
}

impl Protocol {
    /// How many protocols there are.
    pub const COUNT: usize = 6;
    /// All of them, each at the place of its [`Self::index`].
    pub const ALL: [Self; Self::COUNT] = [
        Self::Stream,
        Self::Snapshot,
        Self::Events,
        Self::WebSocket,
        Self::Wire,
        Self::Rtp,
    ];

    /// The name in metrics and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Snapshot => "snapshot",
            Self::Events => "events",
            Self::WebSocket => "ws",
            Self::Wire => "wire",
            Self::Rtp => "rtp",
        }
    }

    /// Place in an array of counters by protocol.
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }
}

/// One counter for each protocol.
#[derive(Debug, Default)]
pub struct ByProtocol([AtomicU64; Protocol::COUNT]);

impl ByProtocol {
    /// Adds `n` to the counter of `protocol`.
    pub fn add(&self, protocol: Protocol, n: u64) {
        if let Some(counter) = self.0.get(protocol.index()) {
            counter.fetch_add(n, Ordering::Relaxed);
        }
    }

    fn subtract(&self, protocol: Protocol, n: u64) {
        if let Some(counter) = self.0.get(protocol.index()) {
            counter.fetch_sub(n, Ordering::Relaxed);
        }
    }

    /// The counter of `protocol`.
    #[must_use]
    pub fn get(&self, protocol: Protocol) -> u64 {
        self.0
            .get(protocol.index())
            .map_or(0, |counter| counter.load(Ordering::Relaxed))
    }
}

/// How many clients may be served at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientLimits {
    /// All clients together.
    pub max_clients: usize,
    /// Clients of one IP address.
    pub max_clients_per_address: usize,
}

/// Why a client was not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// [`ClientLimits::max_clients`] is reached.
    #[error("{0} clients are connected already (max_clients)")]
    Clients(usize),
    /// [`ClientLimits::max_clients_per_address`] is reached.
    #[error("{0} clients of this address are connected already (max_clients_per_address)")]
    Address(usize),
}

/// The clients of this gateway.
#[derive(Debug)]
pub struct Clients {
    limits: ClientLimits,
    by_address: Mutex<HashMap<IpAddr, usize>>,
    records: Mutex<BTreeMap<u64, Arc<ClientRecord>>>,
    last_id: AtomicU64,
    connected: ByProtocol,
    admitted: ByProtocol,
    refused_clients: AtomicU64,
    refused_address: AtomicU64,
}

impl Clients {
    /// No client yet.
    #[must_use]
    pub fn new(limits: ClientLimits) -> Self {
        Self {
            limits,
            by_address: Mutex::default(),
            records: Mutex::default(),
            last_id: AtomicU64::new(0),
            connected: ByProtocol::default(),
            admitted: ByProtocol::default(),
            refused_clients: AtomicU64::new(0),
            refused_address: AtomicU64::new(0),
        }
    }

    /// Counts a client in; it is counted out when the guard drops.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when one of the limits is reached; it is counted.
    pub fn admit(
        self: &Arc<Self>,
        protocol: Protocol,
        peer: impl Into<Peer>,
    ) -> Result<ClientGuard, Refusal> {
        let mut peer = peer.into();
        // An IPv4 client of a dual-stack listener is the same address on both.
        peer.address = peer.address.to_canonical();
        let address = peer.address;
        let mut by_address = self
            .by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let total = by_address.values().sum::<usize>();
        if total >= self.limits.max_clients {
            self.refused_clients.fetch_add(1, Ordering::Relaxed);
            return Err(Refusal::Clients(self.limits.max_clients));
        }
        let of_address = by_address.get(&address).copied().unwrap_or(0);
        if of_address >= self.limits.max_clients_per_address {
            self.refused_address.fetch_add(1, Ordering::Relaxed);
            return Err(Refusal::Address(self.limits.max_clients_per_address));
        }
        by_address.insert(address, of_address + 1);
        drop(by_address);
        self.connected.add(protocol, 1);
        self.admitted.add(protocol, 1);
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let record = Arc::new(ClientRecord::new(id, protocol, peer));
        self.records().insert(id, Arc::clone(&record));
        Ok(ClientGuard {
            clients: Arc::clone(self),
            protocol,
            address,
            id,
            record,
        })
    }

    /// Every client that is connected, in the order in which they came.
    #[must_use]
    pub fn reports(&self, now: MonotonicNs) -> Vec<ClientReport> {
        // The records are taken out first, so that nobody who comes or leaves waits for the reports.
        let records: Vec<_> = self.records().values().map(Arc::clone).collect();
        records.iter().map(|record| record.report(now)).collect()
    }

    /// Ends the connection of the client of that number; false if there is none.
    #[must_use]
    pub fn end(&self, id: u64) -> bool {
        let record = self.records().get(&id).map(Arc::clone);
        record.inspect(|record| record.end()).is_some()
    }

    /// Ends the connections that live on a login for which `is_over` holds.
    pub fn end_logins(&self, is_over: impl Fn(&Login) -> bool) {
        let records: Vec<_> = self.records().values().map(Arc::clone).collect();
        let lives_on =
            |record: &&Arc<ClientRecord>| record.caller().login().as_ref().is_some_and(&is_over);
        records
            .iter()
            .filter(lives_on)
            .for_each(|record| record.end());
    }

    fn records(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<ClientRecord>>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> ClientLimits {
        self.limits
    }

    /// Clients connected now, by protocol.
    #[must_use]
    pub fn connected(&self) -> &ByProtocol {
        &self.connected
    }

    /// Clients admitted since the start, by protocol.
    #[must_use]
    pub fn admitted(&self) -> &ByProtocol {
        &self.admitted
    }

    /// Clients connected now, of all protocols.
    #[must_use]
    pub fn connected_total(&self) -> u64 {
        Protocol::ALL
            .into_iter()
            .map(|protocol| self.connected.get(protocol))
            .sum()
    }

    /// Refusals since the start, each with the name of the limit that caused it.
    #[must_use]
    pub fn refused(&self) -> [(&'static str, u64); 2] {
        [
            ("max_clients", self.refused_clients.load(Ordering::Relaxed)),
            (
                "max_clients_per_address",
                self.refused_address.load(Ordering::Relaxed),
            ),
        ]
    }
}

/// One admitted client.
#[derive(Debug)]
pub struct ClientGuard {
    clients: Arc<Clients>,
    protocol: Protocol,
    address: IpAddr,
    id: u64,
    record: Arc<ClientRecord>,
}

impl ClientGuard {
    /// How it is served.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// What is known of the client.
    #[must_use]
    pub fn record(&self) -> &Arc<ClientRecord> {
        &self.record
    }
}

impl Drop for ClientGuard {
    fn drop(&mut self) {
        self.clients.records().remove(&self.id);
        let mut by_address = self
            .clients
            .by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&self.address);
            }
        }
        drop(by_address);
        self.clients.connected.subtract(self.protocol, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn clients(max_clients: usize, max_clients_per_address: usize) -> Arc<Clients> {
        Arc::new(Clients::new(ClientLimits {
            max_clients,
            max_clients_per_address,
        }))
    }

    #[test]
    fn one_address_cannot_take_all_places() {
        let clients = clients(3, 2);
        let first = clients.admit(Protocol::Stream, A).unwrap();
        let _second = clients.admit(Protocol::Wire, A).unwrap();
        assert_eq!(
            clients.admit(Protocol::Stream, A).unwrap_err(),
            Refusal::Address(2)
        );
        let _other = clients.admit(Protocol::Events, B).unwrap();
        assert_eq!(
            clients.admit(Protocol::Events, B).unwrap_err(),
            Refusal::Clients(3)
        );
        assert_eq!(
            clients.refused(),
            [("max_clients", 1), ("max_clients_per_address", 1)]
        );
        assert_eq!(clients.connected_total(), 3);

        drop(first);
        assert_eq!(clients.connected().get(Protocol::Stream), 0);
        assert_eq!(clients.admitted().get(Protocol::Stream), 1);
        let _again = clients.admit(Protocol::Stream, A).unwrap();
    }

    #[test]
    fn mapped_ipv4_is_the_same_address() {
        let clients = clients(9, 1);
        let _first = clients.admit(Protocol::Stream, A).unwrap();
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(
            clients.admit(Protocol::Stream, mapped).unwrap_err(),
            Refusal::Address(1)
        );
    }

    #[test]
    fn nothing_is_kept_of_clients_that_left() {
        let clients = clients(9, 9);
        drop(clients.admit(Protocol::Stream, A).unwrap());
        assert!(clients.by_address.lock().unwrap().is_empty());
        assert!(clients.reports(MonotonicNs::now()).is_empty());
        assert_eq!(clients.connected_total(), 0);
    }

    #[test]
    fn index_is_the_place_in_all() {
        for (place, protocol) in Protocol::ALL.into_iter().enumerate() {
            assert_eq!(protocol.index(), place);
        }
    }
}
