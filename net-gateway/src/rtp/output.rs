//! One output: a source's newest pictures as RTP to one address, whether anybody listens or not.
//!
//! Upstream: it watches the source as every client does, and is listed among them. Downstream: a UDP
//! socket. A picture that does not fit is asked for in another form, from then on; what cannot be made
//! to fit is left out and counted. An output that cannot work (no such network, no room for another
//! form) tries again.

use super::jpeg::{self, SIDE_PX_MAX, Unfit};
use super::packets::Stream;
use super::{pacing, reports};
use crate::client_record::Peer;
use crate::clients::{ClientGuard, Protocol};
use crate::hub::Hub;
use crate::picture_feed::{FrameWatch, Picture};
use crate::rendition::Rendition;
use bytes::Bytes;
use shm_layout::control::RtpAssignment;
use shm_layout::{MonotonicNs, wall_us};
use socket2::{Domain, Protocol as IpProtocol, SockAddr, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::Instant;

/// How long an output that cannot work waits until it tries again.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// What an interval is taken for before there are two frames.
const INTERVAL_FIRST: Duration = Duration::from_millis(33);
/// Bytes in front of a packet: IP without options, and UDP.
const HEAD_BYTES_V4: usize = 20 + 8;
const HEAD_BYTES_V6: usize = 40 + 8;

/// What happened at one output since the gateway started.
#[derive(Debug, Default)]
pub struct OutputCounters {
    /// Pictures sent.
    pub frames: AtomicU64,
    /// Packets sent.
    pub packets: AtomicU64,
    /// Bytes of those packets.
    pub bytes: AtomicU64,
    /// Pictures left out because they do not fit.
    pub unfit: AtomicU64,
    /// Packets that the kernel did not take.
    pub failures: AtomicU64,
}

/// One output of the config.
#[derive(Debug)]
pub struct Output {
    /// What the config says.
    pub assignment: RtpAssignment,
    /// What happened.
    pub counters: OutputCounters,
    is_failing: AtomicBool,
}

impl Output {
    /// An output that has not sent anything.
    #[must_use]
    pub fn new(assignment: RtpAssignment) -> Self {
        Self {
            assignment,
            counters: OutputCounters::default(),
            is_failing: AtomicBool::new(false),
        }
    }

    fn name(&self) -> &str {
        &self.assignment.name
    }

    /// What the config asks for.
    fn wish(&self) -> Rendition {
        Rendition {
            width_px: self.assignment.width_px,
            overlay: false,
            quality: self.assignment.quality,
        }
    }

    /// Most bytes of a packet, with its own header and without those of UDP and IP.
    fn packet_bytes_max(&self) -> usize {
        let head_bytes = match self.assignment.address {
            SocketAddr::V4(_) => HEAD_BYTES_V4,
            SocketAddr::V6(_) => HEAD_BYTES_V6,
        };
        usize::from(self.assignment.mtu).saturating_sub(head_bytes)
    }
}

/// The form to ask for when pictures do not fit as they are.
fn fitting(wish: Rendition, unfit: Unfit, quality: u8) -> Rendition {
    let width_px = match unfit {
        Unfit::Size(width, height) => {
            let longest = width.max(height).max(1);
            let fits = u64::from(width) * u64::from(SIDE_PX_MAX) / u64::from(longest);
            // At most the side itself, which has 16 bits.
            Some((fits as u32).max(*crate::rendition::wish::WIDTH_PX.start()))
        }
        _ => wish.width_px,
    };
    Rendition {
        width_px,
        overlay: wish.overlay,
        // Any quality makes it be encoded anew, which always fits.
        quality: Some(wish.quality.unwrap_or(quality)),
    }
}

/// Sends until the gateway stops.
pub async fn run(hub: Arc<Hub>, output: Arc<Output>) {
    let mut stopping = hub.stopping();
    loop {
        match serve(&hub, &output).await {
            Ok(()) => return,
            Err(error) if !output.is_failing.swap(true, Ordering::Relaxed) => {
                let name = output.name();
                tracing::warn!("output {name} cannot work, and goes on trying: {error}");
            }
            Err(_again) => {}
        }
        tokio::select! {
            biased;
            () = stopping.wait() => return,
            () = tokio::time::sleep(RETRY_AFTER) => {}
        }
    }
}

/// Sends until the gateway stops, or something is missing.
async fn serve(hub: &Hub, output: &Output) -> io::Result<()> {
    let socket = open(&output.assignment)?;
    let peer = Peer::from(output.assignment.address.ip());
    let sent = Arc::clone(&peer.sent);
    let client = hub.clients().admit(Protocol::Rtp, peer);
    let client = client.map_err(|refusal| io::Error::other(refusal.to_string()))?;
    let mut wish = output.wish();
    let mut frames = watch(hub, output, &client, wish)?;
    let mut sender = Sender {
        output,
        socket,
        sent,
        stream: Stream::new(random()?),
        last: None,
        name: format!("wigwag-{}", output.name()),
    };
    let mut next_report = Instant::now();
    loop {
        let picture = tokio::select! {
            biased;
            picture = frames.next_picture() => picture,
            () = tokio::time::sleep_until(next_report) => {
                next_report += reports::EVERY;
                sender.report().await;
                continue;
            }
        };
        let Some(picture) = picture else {
            sender.say_goodbye().await;
            return Ok(());
        };
        let Err(unfit) = sender.send(&picture).await else {
            continue;
        };
        let other = fitting(wish, unfit, hub.limits().jpeg_quality);
        if other == wish {
            output.counters.unfit.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let name = output.name();
        tracing::info!(
            "output {name}: its pictures are encoded anew, because the one that came does not fit: {unfit}"
        );
        wish = other;
        frames = watch(hub, output, &client, wish)?;
    }
}

fn watch(
    hub: &Hub,
    output: &Output,
    client: &ClientGuard,
    wish: Rendition,
) -> io::Result<FrameWatch> {
    let RtpAssignment { source, fps, .. } = output.assignment;
    let fps = (fps > 0.0).then_some(fps);
    let watch = hub.watch_rendition(source, client, wish, fps);
    let watch = watch.map_err(|too_many| io::Error::other(too_many.to_string()))?;
    watch.ok_or_else(|| io::Error::other("there is no such source"))
}

struct Sender<'o> {
    output: &'o Output,
    socket: UdpSocket,
    /// Bytes, for the list of clients.
    sent: Arc<AtomicU64>,
    stream: Stream,
    /// When the last frame was captured.
    last: Option<MonotonicNs>,
    /// The sender's name in its reports.
    name: String,
}

impl Sender<'_> {
    /// Sends one picture, its packets spread over a part of the time until the next.
    async fn send(&mut self, picture: &Picture) -> Result<(), Unfit> {
        let (jpeg, captured): (Bytes, _) = match picture {
            Picture::Frame(frame) => (frame.jpeg(), frame.facts().captured),
            Picture::Notice(notice) => (notice.jpeg(), MonotonicNs::now()),
        };
        let taken = jpeg::take_apart(&jpeg)?;
        let bytes_max = self.output.packet_bytes_max();
        let packets = self.stream.packets(&taken, captured.0, bytes_max);
        let interval = self.last.replace(captured);
        let interval = interval.map_or(INTERVAL_FIRST, |last| captured.since(last));
        let pacing::Plan { at_once, pause } = pacing::plan(packets.len(), interval);
        let began = Instant::now();
        let mut due = began;
        for group in packets.chunks(at_once) {
            tokio::time::sleep_until(due).await;
            due += pause;
            for packet in group {
                self.put(packet, self.output.assignment.address).await;
            }
        }
        let frames = &self.output.counters.frames;
        frames.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// A packet that the kernel does not take is lost as any other may be.
    async fn put(&self, packet: &[u8], to: SocketAddr) {
        let counters = &self.output.counters;
        match self.socket.send_to(packet, to).await {
            Ok(_) => {
                counters.packets.fetch_add(1, Ordering::Relaxed);
                let bytes = packet.len() as u64;
                counters.bytes.fetch_add(bytes, Ordering::Relaxed);
                self.sent.fetch_add(bytes, Ordering::Relaxed);
                self.output.is_failing.store(false, Ordering::Relaxed);
            }
            Err(error) => {
                counters.failures.fetch_add(1, Ordering::Relaxed);
                if !self.output.is_failing.swap(true, Ordering::Relaxed) {
                    let name = self.output.name();
                    tracing::warn!("output {name} cannot send to {to}: {error}");
                }
            }
        }
    }

    /// RTCP has the port behind RTP's.
    fn report_address(&self) -> SocketAddr {
        let mut address = self.output.assignment.address;
        address.set_port(address.port().saturating_add(1));
        address
    }

    async fn report(&self) {
        let now = MonotonicNs::now().0;
        let report = reports::report(&self.stream, &self.name, now, wall_us());
        self.put(&report, self.report_address()).await;
    }

    async fn say_goodbye(&self) {
        let now = MonotonicNs::now().0;
        let goodbye = reports::goodbye(&self.stream, &self.name, now, wall_us());
        self.put(&goodbye, self.report_address()).await;
    }
}

/// A socket that sends from the interface that the config names, as far as its time to live.
fn open(assignment: &RtpAssignment) -> io::Result<UdpSocket> {
    let address = assignment.address;
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(IpProtocol::UDP))?;
    let ttl = u32::from(assignment.ttl);
    let own = match (address, assignment.interface) {
        (SocketAddr::V4(_), interface) => {
            socket.set_ttl_v4(ttl)?;
            socket.set_multicast_ttl_v4(ttl)?;
            if let Some(IpAddr::V4(interface)) = interface {
                socket.set_multicast_if_v4(&interface)?;
            }
            interface.unwrap_or(Ipv4Addr::UNSPECIFIED.into())
        }
        (SocketAddr::V6(_), interface) => {
            socket.set_unicast_hops_v6(ttl)?;
            socket.set_multicast_hops_v6(ttl)?;
            interface.unwrap_or(Ipv6Addr::UNSPECIFIED.into())
        }
    };
    socket.bind(&SockAddr::from(SocketAddr::new(own, 0)))?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket.into())
}

/// Where a stream begins must not be known beforehand, or others could write into it.
fn random() -> io::Result<u128> {
    let uuid = std::fs::read_to_string("/proc/sys/kernel/random/uuid")?;
    let uuids = [
        uuid,
        std::fs::read_to_string("/proc/sys/kernel/random/uuid")?,
    ];
    let [first, second] = uuids.map(|uuid| {
        let digits = uuid.trim().replace('-', "");
        u128::from_str_radix(&digits, 16).unwrap_or_default()
    });
    // A few bits of a UUID are always the same; not at the same places here.
    Ok(first ^ second.rotate_left(29))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_asked_for_so_that_it_does() {
        let plain = Rendition::default();
        let coded = fitting(plain, Unfit::Coding, 80);
        assert_eq!((coded.width_px, coded.quality), (None, Some(80)));
        assert_eq!(
            fitting(coded, Unfit::Coding, 80),
            coded,
            "there is no other way then"
        );
        let small = Rendition {
            width_px: Some(320),
            quality: Some(50),
            ..plain
        };
        assert_eq!(fitting(small, Unfit::Huffman, 80), small);
        for ((width, height), fits) in [
            ((3840, 2160), 2040),
            ((2160, 3840), 1147),
            ((2041, 16), 2040),
            ((1, 16_384), 16),
        ] {
            let wish = fitting(plain, Unfit::Size(width, height), 70);
            assert_eq!((wish.width_px, wish.quality), (Some(fits), Some(70)));
        }
    }

    #[test]
    fn two_streams_begin_at_different_places() {
        assert_ne!(random().unwrap(), random().unwrap());
    }
}
