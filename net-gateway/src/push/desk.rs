//! Where clients get a source to push to, and where their frames go in.
//!
//! Upstream: [`super::session`] asks for a source and hands in frames. Downstream: the orders go to
//! [`super::press`], which alone touches rings; [`crate::run`] passes the sources' states on to the
//! supervisor. It holds no socket and no segment.

use super::refusal::PushError;
use super::tenancy::{Tenancy, TenantId};
use bytes::Bytes;
use shm_layout::MonotonicNs;
use shm_layout::control::{PushLimits, SourceName, SourceReport};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// How often, and for how long, a source is asked for that another gateway still publishes: one
/// that ends lets go of it before it tells its clients.
const CLAIM_RETRY: Duration = Duration::from_millis(20);
const CLAIM_PATIENCE: Duration = Duration::from_secs(2);

/// What happened at one pushed source since the gateway started.
#[derive(Debug, Default)]
pub struct PushCounters {
    /// Frames published.
    pub accepted: AtomicU64,
    /// Frames left out because more came than are allowed.
    pub over_rate: AtomicU64,
    /// Frames left out because of what they are.
    pub bad: AtomicU64,
    /// Frames left out because no frame slot was free.
    pub no_frame_slot: AtomicU64,
    /// Bytes of whole frames that came.
    pub bytes: AtomicU64,
    /// Clients that were refused because another one had the source.
    pub held: AtomicU64,
    /// Clients that lost the source because they were silent.
    pub evicted: AtomicU64,
}

/// One source that clients may push to.
#[derive(Debug)]
pub struct PushedSource {
    source: usize,
    name: String,
    limits: PushLimits,
    is_guest: bool,
    tenancy: Mutex<Tenancy>,
    /// What the last client that had to go is told.
    evicted: watch::Sender<Option<PushError>>,
    counters: PushCounters,
}

impl PushedSource {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its ring.
    #[must_use]
    pub fn source(&self) -> usize {
        self.source
    }

    /// What may be pushed.
    #[must_use]
    pub fn limits(&self) -> &PushLimits {
        &self.limits
    }

    /// Its counters.
    #[must_use]
    pub fn counters(&self) -> &PushCounters {
        &self.counters
    }

    fn lock(&self) -> MutexGuard<'_, Tenancy> {
        self.tenancy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A whole frame that was found good.
#[derive(Debug)]
pub struct GoodFrame {
    /// The JPEG, without what followed it.
    pub jpeg: Bytes,
    /// Width and height in pixels.
    pub sides: [u32; 2],
    /// The client's number.
    pub number: u64,
    /// When its first byte came.
    pub arrived: MonotonicNs,
}

/// What the press is to do.
#[derive(Debug)]
pub(super) enum Order {
    /// Become the publisher of a source.
    Open(usize, oneshot::Sender<Result<(), OpenFault>>),
    /// Publish a frame of an open source; answers with its sequence.
    Print(usize, GoodFrame, oneshot::Sender<Option<u64>>),
    /// Let go of a source.
    Close(usize),
}

/// Why a source was not opened.
#[derive(Debug)]
pub(super) enum OpenFault {
    /// Another process publishes it.
    Held,
    /// A bug.
    Broken(String),
}

/// The orders of one desk, for its press.
#[derive(Debug)]
pub struct Orders(pub(super) mpsc::UnboundedReceiver<Order>);

/// The pushed sources of this gateway.
#[derive(Debug)]
pub struct Desk {
    sources: Vec<Arc<PushedSource>>,
    /// Bounded by the clients: each has one order under way.
    orders: mpsc::UnboundedSender<Order>,
    inbox: Mutex<Option<Orders>>,
    last_id: AtomicU64,
}

impl Desk {
    /// A desk for those of the sources, in the order of their rings, that are pushed.
    #[must_use]
    pub fn new(sources: &[SourceName]) -> Self {
        let pushed = |(source, named): (usize, &SourceName)| {
            let limits = named.push?;
            Some(Arc::new(PushedSource {
                source,
                name: named.name.clone(),
                limits,
                is_guest: named.is_guest,
                tenancy: Mutex::new(Tenancy::new(&named.name, limits)),
                evicted: watch::Sender::new(None),
                counters: PushCounters::default(),
            }))
        };
        let (orders, inbox) = mpsc::unbounded_channel();
        Self {
            sources: sources.iter().enumerate().filter_map(pushed).collect(),
            orders,
            inbox: Mutex::new(Some(Orders(inbox))),
            last_id: AtomicU64::new(0),
        }
    }

    /// All of them.
    #[must_use]
    pub fn sources(&self) -> &[Arc<PushedSource>] {
        &self.sources
    }

    /// The orders, for the one press; whoever asks again never gets one.
    #[must_use]
    pub fn take_orders(&self) -> Orders {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        inbox
            .take()
            .unwrap_or_else(|| Orders(mpsc::unbounded_channel().1))
    }

    /// How every pushed source is doing.
    #[must_use]
    pub fn reports(&self, now: MonotonicNs) -> Vec<SourceReport> {
        let reports = self
            .sources
            .iter()
            .map(|source| source.lock().report(source.source, now));
        reports.collect()
    }

    /// Gets the source of that name for the client at `address`; without a name, any that is there
    /// for such clients.
    ///
    /// # Errors
    ///
    /// [`PushError`]: it is none that is pushed, or another client has it.
    pub async fn claim(&self, name: &str, address: IpAddr) -> Result<Hold, PushError> {
        let source = self.find(name)?;
        let id = TenantId(self.last_id.fetch_add(1, Ordering::Relaxed) + 1);
        let evictions = source.evicted.subscribe();
        let address = address.to_canonical();
        let claimed = source.lock().claim(id, address, MonotonicNs::now());
        match claimed {
            Ok(None) => {}
            Ok(Some(told)) => {
                source.counters.evicted.fetch_add(1, Ordering::Relaxed);
                source.evicted.send_replace(Some(told));
            }
            Err(held) => {
                source.counters.held.fetch_add(1, Ordering::Relaxed);
                return Err(held);
            }
        }
        let hold = Hold {
            source,
            id,
            orders: self.orders.clone(),
            evictions,
            leaving: "left",
        };
        hold.open().await?;
        Ok(hold)
    }

    fn find(&self, name: &str) -> Result<Arc<PushedSource>, PushError> {
        if !name.is_empty() {
            let found = self.sources.iter().find(|source| source.name == name);
            let found = found.ok_or_else(|| PushError::NotPushed(name.to_owned()))?;
            return Ok(Arc::clone(found));
        }
        let now = MonotonicNs::now();
        let guests = || self.sources.iter().filter(|source| source.is_guest);
        let free = guests().find(|guest| guest.lock().is_free(now));
        free.map(Arc::clone).ok_or_else(|| {
            let all = guests().count();
            PushError::NoGuest { taken: all, all }
        })
    }
}

/// The right of one client to one source. Dropping it gives the source back.
#[derive(Debug)]
pub struct Hold {
    source: Arc<PushedSource>,
    id: TenantId,
    orders: mpsc::UnboundedSender<Order>,
    evictions: watch::Receiver<Option<PushError>>,
    leaving: &'static str,
}

impl Hold {
    /// The source.
    #[must_use]
    pub fn source(&self) -> &PushedSource {
        &self.source
    }

    /// Becomes the publisher, which a gateway that ends may still be.
    async fn open(&self) -> Result<(), PushError> {
        let mut left = CLAIM_PATIENCE;
        loop {
            let (answer, opened) = oneshot::channel();
            self.order(Order::Open(self.source.source, answer))?;
            match opened.await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(OpenFault::Broken(what))) => return Err(PushError::Broken(what)),
                Ok(Err(OpenFault::Held)) if left.is_zero() => {
                    return Err(PushError::HeldElsewhere(self.source.name.clone()));
                }
                Ok(Err(OpenFault::Held)) => {
                    tokio::time::sleep(CLAIM_RETRY).await;
                    left = left.saturating_sub(CLAIM_RETRY);
                }
                Err(_gone) => return Err(PushError::Stopping),
            }
        }
    }

    fn order(&self, order: Order) -> Result<(), PushError> {
        self.orders.send(order).map_err(|_| PushError::Stopping)
    }

    /// A whole frame of `len_bytes` came.
    pub fn hear(&self, len_bytes: usize) {
        let counters = &self.source.counters;
        counters
            .bytes
            .fetch_add(len_bytes as u64, Ordering::Relaxed);
        self.source.lock().hear(self.id, MonotonicNs::now());
    }

    /// Publishes a frame; gives its sequence, or `None` when no frame slot was free.
    ///
    /// # Errors
    ///
    /// [`PushError`]: another client has the source by now, or the gateway stops.
    pub async fn print(&mut self, frame: GoodFrame) -> Result<Option<u64>, PushError> {
        if !self.source.lock().is_of(self.id) {
            return Err(self.evicted().await);
        }
        let sides = frame.sides;
        let (answer, printed) = oneshot::channel();
        self.order(Order::Print(self.source.source, frame, answer))?;
        let printed = printed.await.map_err(|_gone| PushError::Stopping)?;
        if printed.is_some() {
            self.source.lock().show(self.id, sides, MonotonicNs::now());
        }
        Ok(printed)
    }

    /// Waits until another client has the source, and gives what this one is told. Dropping the
    /// future loses nothing.
    pub async fn evicted(&mut self) -> PushError {
        loop {
            let last = self.evictions.borrow_and_update().clone();
            // Perhaps another one since, if this client's task was busy meanwhile.
            if let Some(told) = last
                && !self.source.lock().is_of(self.id)
            {
                return told;
            }
            if self.evictions.changed().await.is_err() {
                return PushError::Stopping;
            }
        }
    }

    /// Says why the client is about to go.
    pub fn is_leaving(&mut self, why: &'static str) {
        self.leaving = why;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let was_its = self.source.lock().leave(self.id, self.leaving);
        if was_its {
            // Without a press there is nothing to close.
            let _gone = self.orders.send(Order::Close(self.source.source));
        }
    }
}
