//! One connected client: who it is, what it watches, how well it keeps up.
//!
//! Upstream: [`crate::clients`] makes one for each client that it admits; [`crate::picture_feed`]
//! notes what becomes of each frame. Downstream: `/api/v1/clients` and the metrics. What is noted is
//! pure arithmetic on given times.

use crate::clients::Protocol;
use crate::cut::Cut;
use crate::gatekeeper::caller::Caller;
use serde::Serialize;
use shm_layout::MonotonicNs;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The weight of the newest interval in the rate: it covers about the last eight frames.
const RATE_WEIGHT: f64 = 1.0 / 8.0;

/// The far end of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its address; behind a trusted proxy, the client's own.
    pub address: IpAddr,
    /// Bytes that the kernel took for it so far, of everything that was sent over the connection.
    pub sent: Arc<AtomicU64>,
    /// It came through the path of a Unix socket: a proxy on this machine.
    pub is_unix: bool,
    /// Nobody can read along: there is TLS on this connection, or a trusted proxy says that there
    /// is some between it and the client.
    pub is_secure: bool,
    /// It is on this machine, and came where nobody else can.
    pub is_local: bool,
    /// A trusted proxy on this machine asks, and does not say for whom.
    pub is_behind_silent_proxy: bool,
    /// Ends the connection.
    pub cut: Cut,
    /// Who it is, once that was asked.
    pub caller: Arc<Caller>,
}

impl Peer {
    /// The far end of a connection without TLS.
    #[must_use]
    pub fn new(address: IpAddr, sent: Arc<AtomicU64>, is_unix: bool) -> Self {
        Self {
            address,
            sent,
            is_unix,
            is_secure: false,
            is_local: false,
            is_behind_silent_proxy: false,
            cut: Cut::default(),
            caller: Arc::default(),
        }
    }

    /// The same with TLS.
    #[must_use]
    pub fn secure(self) -> Self {
        Self {
            is_secure: true,
            ..self
        }
    }

    /// The same, whose connection can be ended by `cut`.
    #[must_use]
    pub fn ended_by(self, cut: Cut) -> Self {
        Self { cut, ..self }
    }

    /// The same as it came to a listener: one that only this machine reaches, or not.
    #[must_use]
    pub fn at_listener(self, is_loopback: bool) -> Self {
        let is_here = self.is_unix || self.address.to_canonical().is_loopback();
        Self {
            is_local: is_loopback && is_here,
            ..self
        }
    }
}

impl From<IpAddr> for Peer {
    /// A peer of whose connection nothing is counted.
    fn from(address: IpAddr) -> Self {
        Self::new(address, Arc::default(), false)
    }
}

/// How well a client keeps up with what it watches.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    /// Frames handed to it.
    pub frames: u64,
    /// Frames that it did not get because it was busy with an older one.
    pub skipped: u64,
    /// Frames that were too old to be handed to it.
    pub stale: u64,
    /// Frames that were young enough when it was to get them, and too old when it had them.
    pub late: u64,
    staleness: Duration,
    /// Capture of the frame that is on its way.
    on_its_way: Option<MonotonicNs>,
    last_taken: Option<MonotonicNs>,
    interval_ns: f64,
}

impl Tally {
    /// A frame captured at `captured` is handed to the client; `skipped` before it were not.
    pub fn hand_over(&mut self, now: MonotonicNs, captured: MonotonicNs, skipped: u64) {
        self.frames += 1;
        self.skipped += skipped;
        self.on_its_way = Some(captured);
        if let Some(last) = self.last_taken.replace(now) {
            let interval_ns = now.since(last).as_nanos() as f64;
            self.interval_ns = if self.interval_ns > 0.0 {
                self.interval_ns + (interval_ns - self.interval_ns) * RATE_WEIGHT
            } else {
                interval_ns
            };
        }
    }

    /// The kernel has taken the last byte of the frame that was on its way, if there was one.
    pub fn arrive(&mut self, now: MonotonicNs, staleness_max: Duration) {
        if let Some(captured) = self.on_its_way.take() {
            self.staleness = now.since(captured);
            self.late += u64::from(self.staleness > staleness_max);
        }
    }

    /// How old the client's newest whole frame was when it had it; while another one is on its way
    /// for longer than that, how old that one is.
    #[must_use]
    pub fn staleness(&self, now: MonotonicNs) -> Duration {
        let on_its_way = self.on_its_way.map(|captured| now.since(captured));
        self.staleness.max(on_its_way.unwrap_or_default())
    }

    /// Frames a second of late; it falls while none are handed over.
    #[must_use]
    pub fn fps(&self, now: MonotonicNs) -> f64 {
        match self.last_taken {
            Some(last) if self.interval_ns > 0.0 => {
                let silence_ns = now.since(last).as_nanos() as f64;
                1e9 / self.interval_ns.max(silence_ns)
            }
            _ => 0.0,
        }
    }
}

/// What a client watches and how it fares.
#[derive(Debug, Default)]
struct Notes {
    source: Option<String>,
    form: String,
    tally: Tally,
}

/// One connected client.
#[derive(Debug)]
pub struct ClientRecord {
    id: u64,
    protocol: Protocol,
    address: IpAddr,
    since: MonotonicNs,
    sent: Arc<AtomicU64>,
    sent_before: u64,
    cut: Cut,
    caller: Arc<Caller>,
    notes: Mutex<Notes>,
}

impl ClientRecord {
    /// A client that was admitted just now.
    #[must_use]
    pub fn new(id: u64, protocol: Protocol, peer: Peer) -> Self {
        Self {
            id,
            protocol,
            address: peer.address,
            since: MonotonicNs::now(),
            sent_before: peer.sent.load(Ordering::Relaxed),
            sent: peer.sent,
            cut: peer.cut,
            caller: peer.caller,
            notes: Mutex::default(),
        }
    }

    /// Who it is.
    #[must_use]
    pub fn caller(&self) -> &Arc<Caller> {
        &self.caller
    }

    /// Ends its connection.
    pub fn end(&self) {
        self.cut.cut();
    }

    /// Notes which source it watches (`None`: all), and in which form, as a query.
    pub fn describe(&self, source: Option<&str>, form: String) {
        let mut notes = self.notes();
        notes.source = source.map(str::to_owned);
        notes.form = form;
    }

    /// Notes what became of a frame.
    pub fn note(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut self.notes().tally);
    }

    /// Everything about it, as of `now`.
    #[must_use]
    pub fn report(&self, now: MonotonicNs) -> ClientReport {
        let notes = self.notes();
        let tally = notes.tally;
        let in_tenths = |value: f64| (value * 10.0).round() / 10.0;
        ClientReport {
            id: self.id,
            address: self.address,
            user: self.caller.name().map(str::to_owned),
            protocol: self.protocol.name(),
            source: notes.source.clone(),
            form: notes.form.clone(),
            connected_s: in_tenths(now.since(self.since).as_secs_f64()),
            fps: in_tenths(tally.fps(now)),
            frames: tally.frames,
            skipped: tally.skipped,
            stale: tally.stale,
            late: tally.late,
            staleness_ms: in_tenths(tally.staleness(now).as_secs_f64() * 1e3),
            bytes: self
                .sent
                .load(Ordering::Relaxed)
                .saturating_sub(self.sent_before),
        }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One client as `/api/v1/clients` shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClientReport {
    /// Its number; never given twice by one gateway.
    pub id: u64,
    /// Its address.
    pub address: IpAddr,
    /// Its name in `[access.NAME]`; `None`: it showed none.
    pub user: Option<String>,
    /// How it is served.
    pub protocol: &'static str,
    /// What it watches; `None`: all sources.
    pub source: Option<String>,
    /// In which form, as a query; empty: as it is.
    pub form: String,
    /// How long it has been connected, in seconds.
    pub connected_s: f64,
    /// Frames a second of late.
    pub fps: f64,
    /// See [`Tally::frames`].
    pub frames: u64,
    /// See [`Tally::skipped`].
    pub skipped: u64,
    /// See [`Tally::stale`].
    pub stale: u64,
    /// See [`Tally::late`].
    pub late: u64,
    /// See [`Tally::staleness`], in milliseconds.
    pub staleness_ms: f64,
    /// Bytes sent to it, headers included.
    pub bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Duration = Duration::from_millis(1000);

    fn at(ms: u64) -> MonotonicNs {
        MonotonicNs(ms * 1_000_000)
    }

    #[test]
    fn rate_follows_the_frames_and_falls_in_a_pause() {
        let mut tally = Tally::default();
        assert_eq!(tally.fps(at(0)), 0.0);
        for index in 0..100 {
            tally.hand_over(at(index * 40), at(index * 40), 0);
        }
        let last = 99 * 40;
        assert!((tally.fps(at(last)) - 25.0).abs() < 0.1);
        assert!((tally.fps(at(last + 2000)) - 0.5).abs() < 0.1);
        for index in 0..60 {
            tally.hand_over(at(last + index * 100), at(last + index * 100), 0);
        }
        assert!((tally.fps(at(last + 5900)) - 10.0).abs() < 0.5);
    }

    #[test]
    fn staleness_is_the_age_of_the_frame_that_the_client_has() {
        let mut tally = Tally::default();
        tally.hand_over(at(105), at(100), 0);
        tally.arrive(at(130), BOUND);
        assert_eq!(tally.staleness(at(9000)).as_millis(), 30);
        tally.arrive(at(8000), BOUND);
        assert_eq!(
            tally.staleness(at(9000)).as_millis(),
            30,
            "nothing was on its way"
        );
        tally.hand_over(at(9100), at(9000), 4);
        assert_eq!(tally.staleness(at(9010)).as_millis(), 30);
        assert_eq!(
            tally.staleness(at(12_000)).as_millis(),
            3000,
            "still not there"
        );
        assert_eq!(tally.late, 0);
        tally.arrive(at(12_500), BOUND);
        assert_eq!(tally.staleness(at(99_000)).as_millis(), 3500);
        assert_eq!((tally.frames, tally.skipped, tally.late), (2, 4, 1));
    }

    #[test]
    fn bytes_count_from_the_clients_own_beginning() {
        let peer = Peer::from(IpAddr::from([10, 0, 0, 1]));
        peer.sent.store(1000, Ordering::Relaxed);
        let record = ClientRecord::new(7, Protocol::Stream, peer.clone());
        peer.sent.fetch_add(234, Ordering::Relaxed);
        record.describe(Some("cam0"), "width=320".to_owned());
        let report = record.report(MonotonicNs::now());
        assert_eq!((report.id, report.bytes), (7, 234));
        assert_eq!(report.source.as_deref(), Some("cam0"));
        assert_eq!((report.form.as_str(), report.fps), ("width=320", 0.0));
    }
}
