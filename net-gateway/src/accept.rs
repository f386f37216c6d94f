//! Accepts connections on one of the inherited listeners, within the limit on connections.
//!
//! Upstream: [`crate::server`] gives it the listener, and TLS if clients are to begin with it.
//! Downstream: the protocol's own function serves each connection in a task of its own. A failing
//! accept never ends it.

use crate::client_io::ClientIo;
use crate::client_record::Peer;
use crate::guarded_io::GuardedIo;
use crate::hub::Hub;
use crate::socket::{Listener, Socket};
use crate::tls::greeting::{Greeted, Greeter};
use bytes::Bytes;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::JoinSet;

/// Pause after a failed accept. Without file descriptors the call fails at once, again and again;
/// connections that end in the meantime make room.
const ACCEPT_RETRY_PAUSE: Duration = Duration::from_millis(100);

/// How clients of a listener begin.
#[derive(Debug)]
pub struct Door<P> {
    /// What a connection beyond the limit gets before it is closed.
    pub refusal: Bytes,
    /// With TLS, if there is some.
    pub greeter: Option<Greeter>,
    /// Serves those that begin without TLS where there is some.
    pub on_plain: P,
}

impl<P> Door<P> {
    /// Tells a connection that is one too many why it is closed, as far as that goes without
    /// waiting. For TLS the client would have to be waited for: there it is closed without a word.
    fn refuse(&self, stream: &Socket) {
        if self.greeter.is_none() {
            let _sent = stream.try_write(&self.refusal);
        }
        // What the client sent already is read away: closing on unread bytes would make the kernel
        // reset the connection, and the client would not see the answer.
        let _read = stream.try_read(&mut [0; 1024]);
    }
}

/// Serves connections until the gateway stops, then returns when the last one has ended.
pub async fn accept_loop<P, Q, F, S>(listener: Listener, hub: Arc<Hub>, door: Door<P>, serve: F)
where
    P: Fn(ClientIo) -> Q + Clone + Send + 'static,
    Q: Future<Output = ()> + Send + 'static,
    F: Fn(ClientIo, Peer) -> S + Clone + Send + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    // Where a client came from says little about one that also others could have reached this way.
    let is_loopback = listener.is_loopback();
    let mut stopping = hub.stopping();
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stopping.wait() => break,
            Some(_ended) = tasks.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) if tasks.len() >= hub.limits().max_connections() => {
                hub.connections().refused.fetch_add(1, Ordering::Relaxed);
                door.refuse(&stream);
            }
            Ok((stream, address)) => {
                let Some(visit) = hub.let_in(address, stream.is_unix()) else {
                    let refused = &hub.connections().refused_address;
                    refused.fetch_add(1, Ordering::Relaxed);
                    door.refuse(&stream);
                    continue;
                };
                let Some((io, peer)) = prepare(stream, address, &hub) else {
                    continue;
                };
                let peer = peer.at_listener(is_loopback);
                match &door.greeter {
                    None => {
                        let served = serve(ClientIo::plain(io), peer);
                        tasks.spawn(async move {
                            served.await;
                            drop(visit);
                        });
                    }
                    Some(greeter) => {
                        let (greeter, hub) = (greeter.clone(), Arc::clone(&hub));
                        let (on_plain, serve) = (door.on_plain.clone(), serve.clone());
                        tasks.spawn(async move {
                            // Apart, so that what the handshake needs is gone when it is done.
                            match Box::pin(greeter.greet(io, &hub)).await {
                                Some(Greeted::Tls(io)) => serve(io, peer.secure()).await,
                                Some(Greeted::Plain(io)) => Box::pin(on_plain(io)).await,
                                None => {}
                            }
                            drop(visit);
                        });
                    }
                }
            }
            Err(error) => {
                hub.connections()
                    .accept_failures
                    .fetch_add(1, Ordering::Relaxed);
                tracing::debug!("cannot accept a connection: {error}");
                tokio::time::sleep(ACCEPT_RETRY_PAUSE).await;
            }
        }
    }
    // The listener stays open in the supervisor; here nobody is accepted any more.
    drop(listener);
    while tasks.join_next().await.is_some() {}
}

fn prepare(stream: Socket, address: IpAddr, hub: &Hub) -> Option<(GuardedIo, Peer)> {
    let counters = Arc::clone(hub.connections());
    let is_unix = stream.is_unix();
    match GuardedIo::new(stream, hub.limits().write_timeout, counters) {
        Ok(io) => {
            let peer = Peer::new(address, io.sent(), is_unix).ended_by(io.cut());
            Some((io, peer))
        }
        Err(error) => {
            // The client left between connect and accept.
            tracing::debug!("cannot prepare the connection of {address}: {error}");
            None
        }
    }
}
