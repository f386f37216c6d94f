//! The async side: both listeners, the pulse, and the end.
//!
//! Upstream: [`crate::run`] runs it on a thread of its own, with one runtime. It must never do
//! anything that takes long: encoding belongs to [`crate::pump`]. What clients push is copied once.

use crate::accept::accept_loop;
use crate::hub::Hub;
use crate::push::Press;
use crate::{http, rtp, wire};
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// How often the runtime shows that it turns.
const PULSE: Duration = Duration::from_millis(100);
/// How long clients may take to end after the order to stop; what is left then is cut.
const FLUSH: Duration = Duration::from_secs(1);

/// The two sockets that the gateway listens on.
#[derive(Debug)]
pub struct Listeners {
    /// HTTP and WebSocket.
    pub http: TcpListener,
    /// The wire protocol.
    pub wire: TcpListener,
}

/// Serves until the hub says to stop. `wake_pump` is called when somebody begins to watch; what
/// clients push goes into the rings by `press`.
///
/// # Errors
///
/// When a listener cannot be used, or the runtime cannot be made.
pub fn serve(
    hub: &Arc<Hub>,
    listeners: Listeners,
    wake_pump: impl Fn(),
    mut press: Press<'_>,
) -> io::Result<()> {
    // One thread is enough: what it does per frame and client is one system call, and a second
    // one would only take turns with it on the small machines that this is for.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let http = tokio_listener(listeners.http)?;
        let wire = tokio_listener(listeners.wire)?;
        let serving = tokio::spawn(serve_listeners(Arc::clone(hub), http, wire));
        let mut stopping = hub.stopping();
        let mut pulse = tokio::time::interval(PULSE);
        loop {
            tokio::select! {
                biased;
                () = stopping.wait() => break,
                () = hub.fan_out_frames() => {}
                _ = pulse.tick() => hub.beat(),
                () = hub.wanted() => wake_pump(),
                () = press.turn() => {}
            }
        }
        // Every pushed source is free for the next gateway before a client hears of the end.
        drop(press);
        if tokio::time::timeout(FLUSH, serving).await.is_err() {
            tracing::info!(
                "cut the clients that did not end within {} s",
                FLUSH.as_secs()
            );
        }
        Ok(())
    })
}

async fn serve_listeners(
    hub: Arc<Hub>,
    http: tokio::net::TcpListener,
    wire: tokio::net::TcpListener,
) {
    let max_connections = hub.limits().max_connections();
    let router = http::router(Arc::clone(&hub));
    let http_hub = Arc::clone(&hub);
    let http = accept_loop(
        http,
        Arc::clone(&hub),
        http::connection_refusal(max_connections),
        move |io, address| {
            http::serve_connection(router.clone(), Arc::clone(&http_hub), io, address)
        },
    );
    let mut outputs = JoinSet::new();
    for output in hub.outputs() {
        outputs.spawn(rtp::output::run(Arc::clone(&hub), Arc::clone(output)));
    }
    let wire_hub = Arc::clone(&hub);
    let wire = accept_loop(
        wire,
        hub,
        wire::client::connection_refusal(max_connections),
        move |io, address| wire::client::serve_connection(Arc::clone(&wire_hub), io, address),
    );
    tokio::join!(http, wire, outputs.join_all());
}

fn tokio_listener(listener: TcpListener) -> io::Result<tokio::net::TcpListener> {
    listener.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(listener)
}
