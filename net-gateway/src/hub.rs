//! What the pump and the clients share: one feed per source, the predictions, the status, the
//! limits and the order to stop.
//!
//! [`crate::run`] makes it; [`crate::pump`] writes the feeds; every client reads them. It holds no
//! socket and no segment, so everything that faces the network can be tested without a box.

use crate::access::Access;
use crate::clients::{ClientGuard, Clients, Protocol};
use crate::gatekeeper::{self, Gatekeeper};
use crate::limits::{ConnectionCounters, Limits};
use crate::orders::Orders;
use crate::per_address::{PerAddress, Visit};
use crate::picture_feed::FrameWatch;
use crate::prediction_feed::{PredictionFeed, PredictionWatch, Wants};
use crate::push::Desk;
use crate::rendition::{Rendition, Studio, TooMany};
use crate::rtp::Output;
use crate::source_feed::SourceFeed;
use crate::status_feed::StatusFeed;
use crate::stopping::{StopSwitch, Stopping};
use shm_layout::control::{EndedSession, SteadySettings};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Notify;

/// Everything that the gateway serves.
#[derive(Debug)]
pub struct Hub {
    sources: Vec<Arc<SourceFeed>>,
    studio: Arc<Studio>,
    predictions: PredictionFeed,
    status: StatusFeed,
    clients: Arc<Clients>,
    limits: Limits,
    access: Access,
    gatekeeper: Gatekeeper,
    per_address: Arc<PerAddress>,
    orders: Orders,
    steady: SteadySettings,
    connections: Arc<ConnectionCounters>,
    desk: Desk,
    outputs: Vec<Arc<Output>>,
    stop_switch: StopSwitch,
    wanted: Notify,
    fresh: Notify,
    pulse: AtomicU64,
}

impl Hub {
    /// A hub for sources of these names, in the order of the config.
    pub fn new<'a>(source_names: impl IntoIterator<Item = &'a str>, limits: Limits) -> Self {
        let sources: Vec<_> = source_names
            .into_iter()
            .map(|name| Arc::new(SourceFeed::new(name)))
            .collect();
        let studio = Studio::new(sources.len(), limits.max_renditions, limits.jpeg_quality);
        Self {
            sources,
            studio: Arc::new(studio),
            predictions: PredictionFeed::new(),
            status: StatusFeed::new(),
            clients: Arc::new(Clients::new(limits.clients)),
            limits,
            access: Access::default(),
            gatekeeper: Gatekeeper::default(),
            per_address: Arc::new(PerAddress::new(limits.max_connections_per_address())),
            orders: Orders::default(),
            steady: SteadySettings::default(),
            connections: Arc::default(),
            desk: Desk::new(&[]),
            outputs: Vec::new(),
            stop_switch: StopSwitch::new(),
            wanted: Notify::new(),
            fresh: Notify::new(),
            pulse: AtomicU64::new(0),
        }
    }

    /// The same with an answer to who is believed.
    #[must_use]
    pub fn with_access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// Who is believed, and which pages may read.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// The same with an answer to who may do what.
    #[must_use]
    pub fn with_gatekeeper(self, gatekeeper: Gatekeeper) -> Self {
        Self { gatekeeper, ..self }
    }

    /// Who may do what.
    #[must_use]
    pub fn gatekeeper(&self) -> &Gatekeeper {
        &self.gatekeeper
    }

    /// Counts one more connection from there; `None` when the address has too many. A trusted proxy
    /// has as many as it needs, and so has one at the Unix socket: the clients behind it are limited
    /// one by one.
    #[must_use]
    pub fn let_in(&self, address: IpAddr, is_unix: bool) -> Option<Option<Visit>> {
        if is_unix || self.access.trusts(address) {
            return Some(None);
        }
        self.per_address.enter(address).map(Some)
    }

    /// What clients ordered, for the supervisor.
    #[must_use]
    pub fn orders(&self) -> &Orders {
        &self.orders
    }

    /// Ends the connections of logins that lasted as long as they may.
    pub fn end_old_logins(&self) {
        let now_s = gatekeeper::now_s();
        self.clients.end_logins(|login| login.until_s <= now_s);
    }

    /// Ends the connections of those logins.
    pub fn end_logins(&self, ended: &[EndedSession]) {
        if !ended.is_empty() {
            self.clients
                .end_logins(|login| ended.iter().any(|session| session.id == login.id));
        }
    }

    /// The same with other rules for gestures than the default ones.
    #[must_use]
    pub fn with_steady(mut self, steady: SteadySettings) -> Self {
        self.steady = steady;
        self
    }

    /// How predictions are made steady.
    #[must_use]
    pub fn steady(&self) -> &SteadySettings {
        &self.steady
    }

    /// The same, with sources that clients may push to.
    #[must_use]
    pub fn with_desk(self, desk: Desk) -> Self {
        Self { desk, ..self }
    }

    /// Where clients get a source to push to.
    #[must_use]
    pub fn desk(&self) -> &Desk {
        &self.desk
    }

    /// The same, with sources that are sent as RTP.
    #[must_use]
    pub fn with_outputs(self, outputs: impl IntoIterator<Item = Output>) -> Self {
        let outputs = outputs.into_iter().map(Arc::new).collect();
        Self { outputs, ..self }
    }

    /// What is sent as RTP.
    #[must_use]
    pub fn outputs(&self) -> &[Arc<Output>] {
        &self.outputs
    }

    /// The sources, in the order of the config.
    #[must_use]
    pub fn sources(&self) -> &[Arc<SourceFeed>] {
        &self.sources
    }

    /// Place of the source of that name.
    #[must_use]
    pub fn find_source(&self, name: &str) -> Option<usize> {
        self.sources.iter().position(|source| source.name() == name)
    }

    /// The predictions of all sources.
    #[must_use]
    pub fn predictions(&self) -> &PredictionFeed {
        &self.predictions
    }

    /// The status of the box.
    #[must_use]
    pub fn status(&self) -> &StatusFeed {
        &self.status
    }

    /// Who is connected.
    #[must_use]
    pub fn clients(&self) -> &Arc<Clients> {
        &self.clients
    }

    /// What is allowed.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What went wrong with connections.
    #[must_use]
    pub fn connections(&self) -> &Arc<ConnectionCounters> {
        &self.connections
    }

    /// Watches a source and wakes the pump, so that the newest frame comes without waiting for
    /// its successor. `None` when there is no such source.
    #[must_use]
    pub fn watch_frames(&self, source: usize, protocol: Protocol) -> Option<FrameWatch> {
        let watch = self.sources.get(source)?.watch(protocol, self.stopping());
        let watch = watch.no_older_than(self.limits.staleness_max);
        self.wanted.notify_one();
        Some(watch)
    }

    /// The same for a client, whose record tells of it from now on.
    #[must_use]
    pub fn watch_frames_for(&self, source: usize, client: &ClientGuard) -> Option<FrameWatch> {
        let watch = self.watch_frames(source, client.protocol())?;
        client
            .record()
            .describe(self.name_of(source), String::new());
        Some(watch.noted_in(client.record()))
    }

    /// Name of the source at that place.
    #[must_use]
    pub fn name_of(&self, source: usize) -> Option<&str> {
        self.sources.get(source).map(|feed| feed.name())
    }

    /// The same in another form, at most `fps` pictures a second.
    ///
    /// # Errors
    ///
    /// [`TooMany`] when no other form may be made beside those that are watched; it is counted.
    pub fn watch_rendition(
        &self,
        source: usize,
        client: &ClientGuard,
        wish: Rendition,
        fps: Option<f64>,
    ) -> Result<Option<FrameWatch>, TooMany> {
        // Watched first: from here on the pump hands on what comes.
        let Some(watch) = self.watch_frames_for(source, client) else {
            return Ok(None);
        };
        client
            .record()
            .describe(self.name_of(source), form(wish, fps));
        let watch = watch.paced(fps);
        let feed = self.sources.get(source).filter(|_| !wish.is_original());
        let Some(feed) = feed else {
            return Ok(Some(watch));
        };
        match self.studio.seat(source, feed, wish, fps) {
            Ok(seat) => Ok(Some(watch.seated(seat))),
            Err(too_many) => {
                let refused = &self.connections.renditions_refused;
                refused.fetch_add(1, Ordering::Relaxed);
                Err(too_many)
            }
        }
    }

    /// Who makes pictures in other forms.
    #[must_use]
    pub fn studio(&self) -> &Arc<Studio> {
        &self.studio
    }

    /// The predictions and gesture events from now on, of one source or of all.
    #[must_use]
    pub fn watch_predictions(
        &self,
        source: Option<usize>,
        wants: Wants,
        protocol: Protocol,
    ) -> PredictionWatch {
        self.predictions
            .watch(source, wants, protocol, self.stopping())
    }

    /// Waits until somebody began to watch a source.
    pub async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Tells the clients' thread that frames were offered.
    pub fn announce_frames(&self) {
        self.fresh.notify_one();
    }

    /// Waits until frames were offered, then hands them to everybody who watches.
    pub async fn fan_out_frames(&self) {
        self.fresh.notified().await;
        self.sources.iter().for_each(|source| source.fan_out());
        self.studio.fan_out();
    }

    /// Tells every client's task to end.
    pub fn stop(&self) {
        self.stop_switch.stop();
        self.studio.stop();
    }

    /// Something to wait for the end with.
    #[must_use]
    pub fn stopping(&self) -> Stopping {
        self.stop_switch.stopping()
    }

    /// Notes that the async runtime turned.
    pub fn beat(&self) {
        self.pulse.fetch_add(1, Ordering::Relaxed);
    }

    /// How often the async runtime turned; unchanged since the last look means that it hangs.
    #[must_use]
    pub fn pulse(&self) -> u64 {
        self.pulse.load(Ordering::Relaxed)
    }
}

/// What a client asked for, as a query.
fn form(wish: Rendition, fps: Option<f64>) -> String {
    let fps = fps.map(|fps| format!("fps={fps}"));
    let parts = [Some(wish.to_string()).filter(|text| !text.is_empty()), fps];
    parts.into_iter().flatten().collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_is_the_query_that_was_asked_for() {
        let wish = Rendition {
            width_px: Some(320),
            ..Rendition::default()
        };
        assert_eq!(form(wish, Some(2.5)), "width=320&fps=2.5");
        assert_eq!(form(Rendition::default(), Some(5.0)), "fps=5");
        assert_eq!(form(Rendition::default(), None), "");
    }
}
