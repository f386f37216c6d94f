//! Accepts connections on one of the inherited listeners, within the limit on connections.
//!
//! Upstream: [`crate::server`] gives it the listener. Downstream: the protocol's own function
//! serves each connection in a task of its own. A failing accept never ends it.

use crate::client_record::Peer;
use crate::guarded_io::GuardedIo;
use crate::hub::Hub;
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Pause after a failed accept. Without file descriptors the call fails at once, again and again;
/// connections that end in the meantime make room.
const ACCEPT_RETRY_PAUSE: Duration = Duration::from_millis(100);

/// Serves connections until the gateway stops, then returns when the last one has ended.
///
/// `refusal` is what a connection beyond the limit gets before it is closed.
pub async fn accept_loop<F, S>(listener: TcpListener, hub: Arc<Hub>, refusal: Bytes, serve: F)
where
    F: Fn(GuardedIo, Peer) -> S,
    S: Future<Output = ()> + Send + 'static,
{
    // Where a client came from says little about one that also others could have reached this way.
    let is_loopback = listener
        .local_addr()
        .is_ok_and(|address| address.ip().to_canonical().is_loopback());
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
                refuse(&stream, &refusal);
            }
            Ok((stream, peer)) => {
                let Some(visit) = hub.let_in(peer.ip()) else {
                    let refused = &hub.connections().refused_address;
                    refused.fetch_add(1, Ordering::Relaxed);
                    refuse(&stream, &refusal);
                    continue;
                };
                if let Some((io, peer)) = prepare(stream, peer, &hub) {
                    let served = serve(io, peer.at_listener(is_loopback));
                    tasks.spawn(async move {
                        served.await;
                        drop(visit);
                    });
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

fn prepare(stream: TcpStream, peer: SocketAddr, hub: &Hub) -> Option<(GuardedIo, Peer)> {
    let counters = Arc::clone(hub.connections());
    match GuardedIo::new(stream, hub.limits().write_timeout, counters) {
        Ok(io) => {
            let peer = Peer::new(peer.ip(), io.sent(), false).ended_by(io.cut());
            Some((io, peer))
        }
        Err(error) => {
            // The client left between connect and accept.
            tracing::debug!("cannot prepare the connection of {peer}: {error}");
            None
        }
    }
}

/// Tells a connection that is one too many why it is closed, as far as that goes without waiting.
fn refuse(stream: &TcpStream, refusal: &[u8]) {
    let _sent = stream.try_write(refusal);
    // What the client sent already is read away: closing on unread bytes would make the kernel
    // reset the connection, and the client would not see the answer.
    let _read = stream.try_read(&mut [0; 1024]);
}
