//! A gateway in this process: everything but the supervisor.

use net_gateway::access::Access;
use net_gateway::clients::ClientLimits;
use net_gateway::gatekeeper::Gatekeeper;
use net_gateway::hub::Hub;
use net_gateway::limits::Limits;
use net_gateway::pump::Pump;
use net_gateway::push::Press;
use net_gateway::server::{self, Listeners};
use shm_layout::control::{AccessRules, BoxStatus};
use shm_layout::layout::{Geometry, RingGeometry};
use shm_layout::prediction::Motion;
use shm_layout::{
    FrameMeta, Generation, Hand, Label, MonotonicNs, PixelFormat, Prediction, Segment, Sequence,
    wall_us,
};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Place of the gateway in the process table.
const PLACE: usize = 3;
/// Bytes of the largest frame.
pub const CAPACITY_BYTES: usize = 2 << 20;

/// A running gateway with the sources `cam0` and `cam1`.
pub struct TestGateway {
    pub segment: Arc<Segment>,
    pub hub: Arc<Hub>,
    pub http: SocketAddr,
    pub wire: SocketAddr,
    should_stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// Limits that no test reaches by accident.
pub fn limits() -> Limits {
    Limits {
        clients: ClientLimits {
            max_clients: 100,
            max_clients_per_address: 100,
        },
        write_timeout: Duration::from_secs(600),
        notice_after: Duration::from_secs(600),
        staleness_max: Duration::from_secs(600),
        max_renditions: 4,
        jpeg_quality: 80,
    }
}

impl TestGateway {
    pub fn start() -> Self {
        Self::with_limits(limits())
    }

    pub fn with_limits(limits: Limits) -> Self {
        Self::with(limits, Access::default())
    }

    pub fn with(limits: Limits, access: Access) -> Self {
        Self::guarded(limits, access, &AccessRules::default())
    }

    pub fn guarded(limits: Limits, access: Access, rules: &AccessRules) -> Self {
        let segment = Arc::new(segment());
        let gatekeeper = Gatekeeper::new(rules, "default", None, None).unwrap();
        let hub = Hub::new(["cam0", "cam1"], limits)
            .with_access(access)
            .with_gatekeeper(gatekeeper);
        let hub = Arc::new(hub);
        let listeners = Listeners {
            http: TcpListener::bind("127.0.0.1:0").unwrap(),
            wire: TcpListener::bind("127.0.0.1:0").unwrap(),
            http_unix: None,
            keeper: None,
        };
        let http = listeners.http.local_addr().unwrap();
        let wire = listeners.wire.local_addr().unwrap();
        let should_stop = Arc::new(AtomicBool::new(false));
        let threads = vec![
            spawn_pump(
                Arc::clone(&segment),
                Arc::clone(&hub),
                Arc::clone(&should_stop),
            ),
            spawn_server(Arc::clone(&segment), Arc::clone(&hub), listeners),
            spawn_studio(Arc::clone(&hub)),
        ];
        Self {
            segment,
            hub,
            http,
            wire,
            should_stop,
            threads,
        }
    }

    /// Publishes a JPEG of `cam0`; returns its sequence.
    pub fn publish(&self, jpeg: &[u8]) -> u64 {
        let meta = meta(PixelFormat::Mjpeg, 640, 480, 0);
        self.publish_as(0, &meta, jpeg)
    }

    pub fn publish_as(&self, source: usize, meta: &FrameMeta, payload: &[u8]) -> u64 {
        publish(&self.segment, source, meta, payload)
    }

    /// Publishes a prediction for the frame `sequence` of `source`.
    pub fn predict(&self, source: usize, sequence: u64) {
        let published = self
            .segment
            .predictions(source)
            .unwrap()
            .publish(0, &prediction(sequence));
        assert!(published.is_some());
    }

    /// Hands a status to the gateway, as the supervisor does.
    pub fn set_status(&self, state: &str) {
        let mut status = box_status(state);
        status.http = self.http.to_string();
        status.wire = self.wire.to_string();
        self.hub.status().set(Arc::new(status));
    }

    /// Stops the gateway; clients see the end of their connections.
    pub fn stop(&mut self) {
        self.should_stop.store(true, Ordering::Relaxed);
        self.segment.activity_event().signal();
        self.hub.stop();
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
    }
}

impl Drop for TestGateway {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A status of a box whose `cam0` is in that state.
pub fn box_status(state: &str) -> BoxStatus {
    serde_json::from_value(serde_json::json!({
        "instance": "default", "version": "0.1.0", "pid": 1, "state": "ready",
        "uptime_ms": 1, "http": "", "wire": "",
        "units": [{"name": "gateway", "kind": "gateway", "state": "ready", "pid": 7,
            "generation": 1, "up_ms": 5, "restarts": 0, "last_death": null,
            "last_death_ago_ms": null, "retry_in_ms": null,
            "counters": {"published": 12}}],
        "sources": [{"name": "cam0", "kind": "pattern", "state": state, "detail": "no light",
            "format": "MJPG", "width_px": 640, "height_px": 480, "fps": 30.0,
            "is_idle": false, "measured_fps": 30.0, "sequence": 4, "predictions_per_s": 0.0, "since_ms": 9}],
        "model": null, "infer_workers": 1,
        "traffic": {"clients": 0, "predictions_per_s": 0.0,
            "latency_ms_p50": null, "latency_ms_p99": null},
    }))
    .unwrap()
}

/// A segment with room for two sources.
pub fn segment() -> Segment {
    let ring = RingGeometry {
        frame_slots: 6,
        capacity_bytes: CAPACITY_BYTES,
    };
    Segment::private(&Geometry {
        rings: vec![ring; 2],
        lanes: 2,
    })
    .unwrap()
}

/// Publishes one frame; returns its sequence.
pub fn publish(segment: &Segment, source: usize, meta: &FrameMeta, payload: &[u8]) -> u64 {
    let mut publisher = segment.publisher(source).unwrap();
    let mut writer = publisher.claim().expect("a free frame slot");
    writer.payload()[..payload.len()].copy_from_slice(payload);
    writer.publish(meta, payload.len()).unwrap().0
}

fn spawn_pump(
    segment: Arc<Segment>,
    hub: Arc<Hub>,
    should_stop: Arc<AtomicBool>,
) -> JoinHandle<()> {
    let (made, is_made) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let mut pump = Pump::new(&segment, PLACE, &hub).unwrap();
        made.send(()).unwrap();
        while !should_stop.load(Ordering::Relaxed) {
            let seen = segment.activity_event().observe();
            if !pump.turn(MonotonicNs::now(), || {}).is_unfinished {
                segment
                    .activity_event()
                    .wait(seen, Duration::from_millis(100));
            }
        }
    });
    // What is published before the pump reads is of the past, and no test means that.
    is_made.recv().unwrap();
    thread
}

fn spawn_server(segment: Arc<Segment>, hub: Arc<Hub>, listeners: Listeners) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let press = Press::new(&segment, hub.desk().take_orders());
        server::serve(&hub, listeners, || segment.activity_event().signal(), press).unwrap();
    })
}

fn spawn_studio(hub: Arc<Hub>) -> JoinHandle<()> {
    std::thread::spawn(move || hub.studio().work(&hub))
}

pub fn meta(format: PixelFormat, width_px: u32, height_px: u32, stride_bytes: u32) -> FrameMeta {
    FrameMeta {
        format,
        width_px,
        height_px,
        stride_bytes,
        capture: MonotonicNs::now(),
        capture_wall_us: wall_us(),
        driver_sequence: 1,
    }
}

pub fn prediction(sequence: u64) -> Prediction {
    let now = MonotonicNs::now();
    Prediction {
        sequence: Sequence(sequence),
        generation: Generation(3),
        capture: now,
        capture_wall_us: 1_700_000_000_000_000,
        publish: now,
        take: now,
        done: now,
        width_px: 640,
        height_px: 480,
        model: [0xab; 32],
        detected: true,
        looks: 0,
        scene: None,
        lost: Vec::new(),
        hands: vec![Hand {
            id: 1,
            motion: Motion::default(),
            gesture: Label::new("Thumb_Up").unwrap(),
            score: 0.93,
            right_probability: 0.9,
            presence: 1.0,
            rect: [0.1, 0.2, 0.3, 0.4],
            landmarks: [[0.5, 0.5, 0.0]; 21],
        }],
    }
}

/// A real JPEG of one grey.
pub fn grey_jpeg(width: usize, height: usize, lightness: u8) -> Vec<u8> {
    let image = turbojpeg::Image {
        pixels: vec![lightness; width * height * 3],
        width,
        pitch: width * 3,
        height,
        format: turbojpeg::PixelFormat::RGB,
    };
    turbojpeg::compress(image.as_deref(), 90, turbojpeg::Subsamp::Sub2x2)
        .unwrap()
        .to_vec()
}

/// Bytes that stand for a JPEG and tell which one.
pub fn jpeg(number: u64, len_bytes: usize) -> Vec<u8> {
    let mut bytes = vec![0x5a; len_bytes];
    bytes[..2].copy_from_slice(b"\xff\xd8");
    bytes[2..10].copy_from_slice(&number.to_be_bytes());
    bytes[len_bytes - 2..].copy_from_slice(b"\xff\xd9");
    bytes
}
