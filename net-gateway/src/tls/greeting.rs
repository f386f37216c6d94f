//! How a connection begins on a listener with TLS: its first byte says whether the client speaks
//! TLS, then the handshake has a limited time.
//!
//! Upstream: [`crate::accept`], in the connection's own task, which counts among the connections
//! from the start. Downstream: the protocols get a [`ClientIo`], or the connection of a client that
//! came without TLS, to tell it so.

use super::keeper::Keeper;
use crate::client_io::ClientIo;
use crate::guarded_io::GuardedIo;
use crate::hub::Hub;
use crate::limits::TlsCounters;
use rustls::ServerConfig;
use rustls::version::{TLS12, TLS13};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio_rustls::TlsAcceptor;

/// Longest time from the connection to the end of the handshake.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// First byte of every TLS connection: a handshake record. Source: RFC 8446, section 5.1.
pub const FIRST_BYTE: u8 = 0x16;
/// How many bytes may wait in a connection that are encrypted already: newer frames cannot replace
/// them any more. As much as the kernel may hold unsent.
const ENCRYPTED_BYTES_MAX: usize = 32 * 1024;

/// TLS on one listener.
#[derive(Clone)]
pub struct Greeter {
    acceptor: TlsAcceptor,
}

/// How a connection began.
#[derive(Debug)]
pub enum Greeted {
    /// As it should.
    Tls(ClientIo),
    /// The client speaks, but no TLS. Nothing was read.
    Plain(ClientIo),
}

impl Greeter {
    /// For a listener whose clients may choose among those application protocols; any if none.
    ///
    /// # Errors
    ///
    /// rustls refuses the versions, which would be a bug.
    pub fn new(keeper: Arc<Keeper>, protocols: &[&[u8]]) -> Result<Self, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(super::provider())
            .with_protocol_versions(&[&TLS13, &TLS12])?
            .with_no_client_auth()
            .with_cert_resolver(keeper);
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Self { acceptor })
    }

    /// Begins a connection; `None` when nothing comes of it, which is counted.
    pub async fn greet(&self, io: GuardedIo, hub: &Hub) -> Option<Greeted> {
        let counters = &hub.connections().tls;
        let mut stopping = hub.stopping();
        let greeted = tokio::select! {
            biased;
            () = stopping.wait() => return None,
            greeted = tokio::time::timeout(HANDSHAKE_TIMEOUT, self.begin(io)) => greeted,
        };
        let (why, counter): (_, fn(&TlsCounters) -> &AtomicU64) = match greeted {
            Ok(Ok(Some(greeted))) => {
                if matches!(greeted, Greeted::Plain(_)) {
                    counters.plain.fetch_add(1, Ordering::Relaxed);
                }
                return Some(greeted);
            }
            // It only looked whether somebody listens.
            Ok(Ok(None)) => return None,
            Ok(Err(error)) => (error.to_string(), |counters| &counters.failed),
            Err(_elapsed) => {
                let seconds = HANDSHAKE_TIMEOUT.as_secs();
                let why = format!("not done after {seconds} s");
                (why, |counters| &counters.timeouts)
            }
        };
        counter(counters).fetch_add(1, Ordering::Relaxed);
        tracing::debug!("a TLS handshake failed: {why}");
        None
    }

    async fn begin(&self, io: GuardedIo) -> io::Result<Option<Greeted>> {
        match io.socket().first_byte().await? {
            None => Ok(None),
            Some(FIRST_BYTE) => {
                let bounded = |session: &mut rustls::ServerConnection| {
                    session.set_buffer_limit(Some(ENCRYPTED_BYTES_MAX));
                };
                let sent = io.sent();
                let stream = self.acceptor.accept_with(io, bounded).await?;
                Ok(Some(Greeted::Tls(ClientIo::tls(stream, sent))))
            }
            Some(_) => Ok(Some(Greeted::Plain(ClientIo::plain(io)))),
        }
    }
}

impl std::fmt::Debug for Greeter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Greeter").finish_non_exhaustive()
    }
}
