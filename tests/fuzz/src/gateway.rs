//! A gateway in this process, and one connection to it at a time: the real routes, limits, pushed
//! sources and rings, over a real socket.
//!
//! Upstream: the targets hand in what a client sends. Downstream: `net_gateway`. The runtime's clock
//! stands still while anything can go on and jumps when nothing can, so that no input has to wait
//! for a time-out; an input that keeps a connection from ending is an error.

use crate::memory;
use net_gateway::access::Access;
use net_gateway::client_io::ClientIo;
use net_gateway::client_record::Peer;
use net_gateway::clients::ClientLimits;
use net_gateway::frame_message::{FrameFacts, FrameMessage};
use net_gateway::gatekeeper::Gatekeeper;
use net_gateway::guarded_io::GuardedIo;
use net_gateway::hub::Hub;
use net_gateway::limits::Limits;
use net_gateway::picture_feed::Picture;
use net_gateway::push::inspect::inspect;
use net_gateway::push::{Desk, Press};
use net_gateway::socket::Socket;
use net_gateway::source_feed::SteadyPrediction;
use net_gateway::{http, wire};
use shm_layout::control::{AccessEntry, AccessRules, Permissions, PushLimits, SourceName};
use shm_layout::layout::{Geometry, RingGeometry};
use shm_layout::prediction::Motion;
use shm_layout::{Generation, Hand, Label, MonotonicNs, Prediction, Segment, Sequence, wall_us};
use socket2::SockRef;
use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// What may be pushed: the defaults of the config.
pub const PUSH_LIMITS: PushLimits = PushLimits {
    max_width_px: 1280,
    max_height_px: 1280,
    max_fps: 30,
    max_frame_bytes: 512 * 1024,
    hold_ms: 5_000,
};
/// Most memory that one connection may cost: the largest frame twice, buffers, tasks, the answer, and
/// this side's copy of it.
const CONNECTION_BYTES_MAX: usize = 2 * PUSH_LIMITS.max_frame_bytes as usize + (3 << 20);
/// What checking a password takes, by design: one at a time.
const PASSWORD_BYTES: usize = 20 << 20;
/// The one token that is known, and its SHA-256.
pub const TOKEN: &str = "wigwag-secret-token";
const TOKEN_SHA256: [u8; 32] = [
    0x45, 0x10, 0x9f, 0x4a, 0x0b, 0xc0, 0x2f, 0xc2, 0x12, 0x22, 0x4c, 0xed, 0x3b, 0x60, 0xe6, 0xbb,
    0xa3, 0x1b, 0xc4, 0x92, 0x6c, 0xbd, 0xa2, 0x24, 0x89, 0x5d, 0xce, 0x51, 0x8d, 0x83, 0xc9, 0x24,
];
/// Place of the gateway in the process table.
const PLACE: usize = 3;
/// When nothing was said for so long, the client hangs up: longer than a snapshot waits for a frame,
/// shorter than the silence after which a PING comes.
const QUIET: Duration = Duration::from_secs(4);
/// How often it is looked for the end of a connection, and of a client, with a real pause in between:
/// on a busy machine a socket is later than a clock that jumps.
const PATIENCE: u32 = 10_000;
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// From one frame to the next while a connection is to end: longer than any `?fps=` asks to wait.
const FRAME_STEP_NS: u64 = 20_000_000_000;

/// What is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// HTTP and WebSocket.
    Http,
    /// The wire protocol.
    Wire,
}

/// Who can reach the listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// This machine alone: everybody may do everything.
    Loopback,
    /// Other machines: who they are is asked.
    Network,
}

impl Reach {
    /// Chosen by a byte of the input.
    #[must_use]
    pub fn of(byte: u8) -> Self {
        match byte & 1 {
            0 => Self::Loopback,
            _ => Self::Network,
        }
    }

    /// What counts as the client's address: over the network it is a proxy.
    fn address(self) -> IpAddr {
        match self {
            Self::Loopback => Ipv4Addr::LOCALHOST.into(),
            Self::Network => Ipv4Addr::new(10, 0, 0, 1).into(),
        }
    }
}

struct Gateway {
    runtime: Runtime,
    segment: &'static Segment,
    hub: Arc<Hub>,
    press: Press<'static>,
    listener: TcpListener,
    address: SocketAddr,
}

thread_local! {
    static GATEWAY: RefCell<Gateway> = RefCell::new(Gateway::start());
}

/// Sends `bytes` over a new connection and gives everything that came back.
///
/// # Panics
///
/// When the connection does not end with its client, leaves a client behind that is gone, costs too
/// much memory, or a frame was published that is no good one.
#[must_use]
pub fn converse(side: Side, reach: Reach, bytes: &[u8]) -> Vec<u8> {
    let mut limit = CONNECTION_BYTES_MAX;
    if side == Side::Http {
        limit += PASSWORD_BYTES;
    }
    GATEWAY
        .with_borrow_mut(|gateway| memory::bounded(limit, || gateway.converse(side, reach, bytes)))
}

impl Gateway {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let ring = RingGeometry {
            frame_slots: 4,
            capacity_bytes: PUSH_LIMITS.max_frame_bytes as usize,
        };
        let rings = vec![ring; 3];
        let segment = Segment::private(&Geometry { rings, lanes: 1 }).expect("memory");
        let segment = Box::leak(Box::new(segment));
        let hub = Arc::new(hub());
        let press = Press::new(segment, hub.desk().take_orders());
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        Self {
            runtime,
            segment,
            hub,
            press,
            listener,
            address,
        }
    }

    fn converse(&mut self, side: Side, reach: Reach, bytes: &[u8]) -> Vec<u8> {
        let Self {
            runtime,
            hub,
            press,
            listener,
            address,
            ..
        } = self;
        let said = runtime.block_on(async {
            let (client, accepted) = tokio::join!(TcpStream::connect(*address), listener.accept());
            let (client, (server, _)) = (client.expect("a client"), accepted.expect("its peer"));
            // No port waits for the end of a connection that both sides have forgotten.
            let linger = SockRef::from(&client).set_linger(Some(Duration::ZERO));
            linger.expect("a socket");
            let counters = Arc::clone(hub.connections());
            let io = GuardedIo::new(Socket::Tcp(server), hub.limits().write_timeout, counters);
            let (io, its) = (io.expect("a socket"), Arc::clone(hub));
            let peer = Peer::new(reach.address(), io.sent(), false).ended_by(io.cut());
            let peer = peer.at_listener(reach == Reach::Loopback);
            let io = ClientIo::plain(io);
            let serving = match side {
                Side::Wire => tokio::spawn(wire::client::serve_connection(its, io, peer)),
                Side::Http => {
                    let router = http::router(Arc::clone(&its));
                    tokio::spawn(http::serve_connection(router, its, io, peer))
                }
            };
            let work = async {
                let said = talk(client, bytes).await;
                end(hub, serving).await;
                said
            };
            let mut work = std::pin::pin!(work);
            loop {
                tokio::select! {
                    biased;
                    said = &mut work => break said,
                    () = press.turn() => {}
                }
            }
        });
        self.settle();
        self.check_newest();
        said
    }

    /// A WebSocket has a task of its own, which ends soon after its connection.
    fn settle(&mut self) {
        let clients = self.hub.clients();
        self.runtime.block_on(async {
            for look in 0..PATIENCE {
                if clients.connected_total() == 0 {
                    return;
                }
                tokio::task::yield_now().await;
                if look % 100 == 99 {
                    std::thread::sleep(LOOK_EVERY);
                }
            }
            panic!(
                "a client is left behind: {:?}",
                clients.reports(MonotonicNs::now())
            );
        });
    }

    /// Nothing gets into a ring that was not found good.
    fn check_newest(&self) {
        for source in 1..3 {
            let ring = self.segment.subscriber(source, PLACE);
            let mut ring = ring.expect("a ring");
            if let Some(lease) = ring.lease_latest(Sequence(0)) {
                let sides = (PUSH_LIMITS.max_width_px, PUSH_LIMITS.max_height_px);
                let facts = inspect(lease.payload(), sides.0, sides.1).expect("a good frame");
                let meta = lease.meta();
                assert_eq!(
                    (facts.width_px, facts.height_px),
                    (meta.width_px, meta.height_px)
                );
                assert_eq!(facts.len_bytes, lease.payload().len());
            }
        }
    }
}

/// Sends, listens until nothing more comes, hangs up, and listens to the end.
async fn talk(mut client: TcpStream, bytes: &[u8]) -> Vec<u8> {
    let mut said = Vec::new();
    let (mut from, mut to) = client.split();
    let send = async {
        // Whoever is refused half way has hung up already.
        let _refused = to.write_all(bytes).await;
    };
    let listen = async {
        while let Ok(Ok(1..)) = tokio::time::timeout(QUIET, from.read_buf(&mut said)).await {}
    };
    tokio::join!(send, listen);
    let _gone = client.shutdown().await;
    while let Ok(Ok(1..)) = tokio::time::timeout(QUIET, client.read_buf(&mut said)).await {}
    said
}

/// Waits for the end of a connection whose client is gone. Who watches a stream and has said more
/// than its request is found gone when the next frame is sent.
async fn end(hub: &Hub, mut serving: JoinHandle<()>) {
    for number in 0..PATIENCE {
        match tokio::time::timeout(QUIET, &mut serving).await {
            Ok(ended) => return ended.expect("no panic"),
            Err(_later) => {
                std::thread::sleep(LOOK_EVERY);
                offer(
                    hub,
                    MonotonicNs::now().0 + u64::from(number + 1) * FRAME_STEP_NS,
                );
            }
        }
    }
    panic!("the connection outlives its client");
}

/// Another frame of the source that is watched, captured at that moment; its sequence is the same.
fn offer(hub: &Hub, captured_ns: u64) {
    let facts = FrameFacts {
        sequence: captured_ns,
        capture_time_us: wall_us(),
        captured: MonotonicNs(captured_ns),
        width_px: 64,
        height_px: 48,
    };
    let jpeg = crate::jpegs::encode(crate::jpegs::BASELINE);
    if let Some(feed) = hub.sources().first() {
        let frame = FrameMessage::new(facts, &jpeg);
        feed.offer(Picture::Frame(Arc::new(frame)));
        feed.fan_out();
    }
}

fn hub() -> Hub {
    let limits = Limits {
        clients: ClientLimits {
            max_clients: 64,
            max_clients_per_address: 32,
        },
        write_timeout: Duration::from_secs(10),
        notice_after: Duration::from_secs(2),
        staleness_max: Duration::from_secs(1 << 30),
        max_renditions: 4,
        jpeg_quality: 80,
    };
    let named = |name: &str, push, is_guest| SourceName {
        name: name.to_owned(),
        kind: String::new(),
        push,
        is_guest,
    };
    let sources = [
        named("cam0", None, false),
        named("phone", Some(PUSH_LIMITS), false),
        named("guest0", Some(PUSH_LIMITS), true),
    ];
    // Who comes over the network is believed, so that what it says of others is read.
    let access = Access::new(
        &["10.0.0.0/8".to_owned()],
        &["https://known.example".to_owned()],
    );
    let hub = Hub::new(sources.iter().map(|source| source.name.as_str()), limits)
        .with_access(access.expect("addresses"))
        .with_gatekeeper(gatekeeper())
        .with_desk(Desk::new(&sources));
    offer(&hub, MonotonicNs::now().0);
    if let Some(feed) = hub.sources().first() {
        feed.set_latest_prediction(SteadyPrediction::late(prediction()));
    }
    hub
}

/// One program is known by its token; passwords are looked at rarely, because each takes long.
fn gatekeeper() -> Gatekeeper {
    let rules = AccessRules {
        entries: vec![AccessEntry {
            name: "door".to_owned(),
            permissions: Permissions::all(),
            token_sha256: Some(TOKEN_SHA256),
            password_argon2: None,
        }],
        failed_attempts_per_minute: 1,
        ..AccessRules::default()
    };
    Gatekeeper::new(&rules, "fuzz", Some("box.local"), None).expect("random numbers")
}

fn prediction() -> Prediction {
    let now = MonotonicNs::now();
    Prediction {
        sequence: Sequence(7),
        generation: Generation(1),
        capture: now,
        capture_wall_us: wall_us(),
        publish: now,
        take: now,
        done: now,
        width_px: 64,
        height_px: 48,
        model: [0xAB; 32],
        detected: true,
        looks: 0,
        scene: None,
        lost: Vec::new(),
        hands: vec![Hand {
            id: 28,
            motion: Motion::default(),
            gesture: Label::new("Thumb_Up").expect("a label"),
            score: 0.9,
            right_probability: 0.9,
            presence: 1.0,
            rect: [0.1, 0.2, 0.3, 0.4],
            landmarks: [[0.5, 0.5, 0.0]; 21],
        }],
    }
}
