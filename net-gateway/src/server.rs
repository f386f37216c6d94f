//! The async side: the listeners, the pulse, and the end.
//!
//! Upstream: [`crate::run`] runs it on a thread of its own, with one runtime. It must never do
//! anything that takes long: encoding belongs to [`crate::pump`]. What clients push is copied once.

use crate::accept::{Door, accept_loop};
use crate::client_io::ClientIo;
use crate::client_record::Peer;
use crate::hub::Hub;
use crate::push::Press;
use crate::socket::Listener;
use crate::tls::greeting::Greeter;
use crate::tls::keeper::Keeper;
use crate::tls::plain;
use crate::{http, rtp, wire};
use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// How often the runtime shows that it turns.
const PULSE: Duration = Duration::from_millis(100);
/// How long clients may take to end after the order to stop; what is left then is cut.
const FLUSH: Duration = Duration::from_secs(1);

/// Application protocols that HTTP clients may choose in the handshake. Source: RFC 7301.
const HTTP_PROTOCOLS: [&[u8]; 1] = [b"http/1.1"];

/// The sockets that the gateway listens on.
#[derive(Debug)]
pub struct Listeners {
    /// HTTP and WebSocket.
    pub http: TcpListener,
    /// The wire protocol.
    pub wire: TcpListener,
    /// HTTP and WebSocket at a path, for a proxy on this machine; never with TLS.
    pub http_unix: Option<UnixListener>,
    /// The certificate for the first two, if clients are to begin with TLS.
    pub keeper: Option<Arc<Keeper>>,
}

/// The same in the runtime.
struct Doors {
    http: (Listener, Option<Greeter>),
    wire: (Listener, Option<Greeter>),
    http_unix: Option<Listener>,
    keeper: Option<Arc<Keeper>>,
}

impl Doors {
    fn open(listeners: Listeners) -> io::Result<Self> {
        let greeter = |protocols: &[&[u8]]| {
            let keeper = listeners.keeper.as_ref().map(Arc::clone);
            let greeter = keeper.map(|keeper| Greeter::new(keeper, protocols));
            greeter.transpose().map_err(io::Error::other)
        };
        let (http, wire) = (greeter(&HTTP_PROTOCOLS)?, greeter(&[])?);
        Ok(Self {
            http: (Listener::from_tcp(listeners.http)?, http),
            wire: (Listener::from_tcp(listeners.wire)?, wire),
            http_unix: listeners.http_unix.map(Listener::from_unix).transpose()?,
            keeper: listeners.keeper,
        })
    }
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
        let doors = Doors::open(listeners)?;
        let serving = tokio::spawn(serve_listeners(Arc::clone(hub), doors));
        let mut stopping = hub.stopping();
        let mut pulse = tokio::time::interval(PULSE);
        loop {
            tokio::select! {
                biased;
                () = stopping.wait() => break,
                () = hub.fan_out_frames() => {}
                _ = pulse.tick() => {
                    hub.beat();
                    hub.end_old_logins();
                }
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

async fn serve_listeners(hub: Arc<Hub>, doors: Doors) {
    let limits = *hub.limits();
    let router = http::router(Arc::clone(&hub));
    let serve_http = {
        let hub = Arc::clone(&hub);
        move |io: ClientIo, peer: Peer| {
            http::serve_connection(router.clone(), Arc::clone(&hub), io, peer)
        }
    };
    let redirect = {
        let hub = Arc::clone(&hub);
        let keeper = doors.keeper;
        move |io: ClientIo| {
            let is_there = keeper
                .as_ref()
                .is_none_or(|keeper| keeper.has_certificate());
            plain::redirect(Arc::clone(&hub), io, is_there)
        }
    };
    let http_door = |greeter: Option<Greeter>| Door {
        refusal: http::connection_refusal(&limits),
        greeter,
        on_plain: redirect.clone(),
    };
    let (listener, greeter) = doors.http;
    let door = http_door(greeter);
    let http = accept_loop(listener, Arc::clone(&hub), door, serve_http.clone());
    let http_unix = async {
        if let Some(listener) = doors.http_unix {
            accept_loop(listener, Arc::clone(&hub), http_door(None), serve_http).await;
        }
    };
    let (listener, greeter) = doors.wire;
    let door = Door {
        refusal: wire::client::connection_refusal(&limits),
        greeter,
        on_plain: plain::refuse_wire,
    };
    let wire_hub = Arc::clone(&hub);
    let serve_wire = move |io: ClientIo, peer: Peer| {
        wire::client::serve_connection(Arc::clone(&wire_hub), io, peer)
    };
    let wire = accept_loop(listener, Arc::clone(&hub), door, serve_wire);
    let mut outputs = JoinSet::new();
    for output in hub.outputs() {
        outputs.spawn(rtp::output::run(Arc::clone(&hub), Arc::clone(output)));
    }
    tokio::join!(http, http_unix, wire, outputs.join_all());
}
