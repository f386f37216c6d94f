//! What the gateway allows, and how often a connection came to such a bound or failed.
//!
//! Upstream: [`crate::cli`] and [`crate::run`] from the config. Downstream: everything that lets
//! clients in or ends them, and the metrics. Nothing here is enforced.

use crate::clients::ClientLimits;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// What the gateway allows, from the config.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many clients at once.
    pub clients: ClientLimits,
    /// How long a client may take none of the bytes that wait for it.
    pub write_timeout: Duration,
    /// How long a source may give no frames, for no known reason, until its viewers get a notice.
    pub notice_after: Duration,
    /// How old a frame may be when a client is to get it.
    pub staleness_max: Duration,
    /// How many renditions (sizes, qualities, overlays) may be watched at once.
    pub max_renditions: usize,
    /// JPEG quality where nobody asks for another, 1..=100.
    pub jpeg_quality: u8,
}

/// Connections beyond `max_clients` that are kept for short requests, so that the page, the status
/// and the health checks answer when every client place is taken.
const SHORT_REQUEST_CONNECTIONS: usize = 64;

/// The same for one address: browsers keep six open.
const SHORT_REQUEST_CONNECTIONS_PER_ADDRESS: usize = 16;

impl Limits {
    /// Connections at once on each listener, whether they watch anything or not.
    #[must_use]
    pub fn max_connections(&self) -> usize {
        self.clients
            .max_clients
            .saturating_add(SHORT_REQUEST_CONNECTIONS)
    }

    /// What a connection beyond one of the two limits is told.
    #[must_use]
    pub fn connections_text(&self) -> String {
        format!(
            "{} connections are open already, or {} of this address",
            self.max_connections(),
            self.max_connections_per_address()
        )
    }

    /// Connections at once from one address, on both listeners together.
    #[must_use]
    pub fn max_connections_per_address(&self) -> usize {
        self.clients
            .max_clients_per_address
            .saturating_add(SHORT_REQUEST_CONNECTIONS_PER_ADDRESS)
    }
}

/// What went wrong with connections since the start.
#[derive(Debug, Default)]
pub struct ConnectionCounters {
    /// Connections ended because the client took nothing for [`Limits::write_timeout`].
    pub write_timeouts: AtomicU64,
    /// Connections closed at once because [`Limits::max_connections`] was reached.
    pub refused: AtomicU64,
    /// The same because of [`Limits::max_connections_per_address`].
    pub refused_address: AtomicU64,
    /// Failed calls of accept, for want of file descriptors or memory.
    pub accept_failures: AtomicU64,
    /// Forms of the login that were too long, did not come in time, or were none.
    pub forms_refused: AtomicU64,
    /// Request heads that were too long, or no HTTP.
    pub heads_refused: AtomicU64,
    /// Orders refused because too many waited for the supervisor.
    pub orders_refused: AtomicU64,
    /// Clients refused because [`Limits::max_renditions`] was reached.
    pub renditions_refused: AtomicU64,
    /// What went wrong with TLS.
    pub tls: TlsCounters,
}

/// What went wrong at the beginning of connections since the start.
#[derive(Debug, Default)]
pub struct TlsCounters {
    /// Handshakes that failed.
    pub failed: AtomicU64,
    /// Handshakes that were not done in time.
    pub timeouts: AtomicU64,
    /// Clients that came without TLS to a listener with it.
    pub plain: AtomicU64,
    /// Clients that came with TLS to a listener without it.
    pub unexpected: AtomicU64,
}
