//! `GET /metrics`: what Prometheus scrapes, in the OpenMetrics text format.
//!
//! The figures are counted where they arise; here they are only read, at the scrape.

use super::api::{NO_STORE, word};
use super::error::ApiError;
use crate::clients::{ByProtocol, Protocol};
use crate::hub::Hub;
use crate::source_feed::{SourceCounters, read};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use shm_layout::control::{BoxStatus, SourceState, UnitState};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers with every figure as it is now.
///
/// # Errors
///
/// 500 when the figures cannot be written, which is a bug.
pub async fn get(State(hub): State<Arc<Hub>>) -> Result<Response, ApiError> {
    let mut registry = Registry::with_prefix("wigwag");
    registry.register_collector(Box::new(Figures(hub)));
    let mut text = String::new();
    text::encode(&mut text, &registry).map_err(|error| {
        ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("cannot write the metrics: {error}"),
            "please report this",
        )
    })?;
    let content_type = (header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    Ok(([content_type, NO_STORE], text).into_response())
}

#[derive(Debug)]
struct Figures(Arc<Hub>);

/// One line of a family: its labels and its value.
pub(super) type Sample<'a> = (Vec<(&'static str, &'a str)>, u64);

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.encode_sources(&mut encoder)?;
        self.encode_clients(&mut encoder)?;
        super::clients::encode_metrics(&self.0, &mut encoder)?;
        super::metrics_access::encode(&mut encoder, &self.0)?;
        super::metrics_push::encode(&mut encoder, &self.0)?;
        super::metrics_rtp::encode(&mut encoder, &self.0)?;
        match self.0.status().newest() {
            Some(newest) => encode_status(&mut encoder, newest.status()),
            None => Ok(()),
        }
    }
}

impl Figures {
    fn encode_sources(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        type Counter = (
            &'static str,
            &'static str,
            fn(&SourceCounters) -> &AtomicU64,
        );
        let counters: [Counter; 12] = [
            (
                "frames_published",
                "Frames published in the source's ring",
                |c| &c.published,
            ),
            (
                "frames_skipped",
                "Frames passed over by the gateway while watched",
                |c| &c.skipped,
            ),
            ("frame_encodes", "Raw frames encoded as JPEG", |c| {
                &c.encodes
            }),
            (
                "frame_encode_failures",
                "Raw frames that could not be encoded",
                |c| &c.encode_failures,
            ),
            ("notices", "Notices drawn in place of frames", |c| {
                &c.notices
            }),
            (
                "renditions",
                "Pictures made in another size, quality or with hands, each once for all",
                |c| &c.renditions,
            ),
            (
                "rendition_failures",
                "Pictures that could not be made so",
                |c| &c.rendition_failures,
            ),
            (
                "renditions_skipped",
                "Pictures not made so, because newer ones came first",
                |c| &c.renditions_skipped,
            ),
            ("predictions", "Predictions read", |c| &c.predictions),
            (
                "predictions_missed",
                "Predictions overwritten before they were read",
                |c| &c.predictions_missed,
            ),
            (
                "predictions_late",
                "Predictions too late to be made steady",
                |c| &c.predictions_late,
            ),
            ("gestures", "Gestures that began", |c| &c.gestures),
        ];
        for (name, help, counter) in counters {
            let samples = self.0.sources().iter().map(|source| {
                (
                    vec![("source", source.name())],
                    read(counter(source.counters())),
                )
            });
            encode_family(encoder, name, help, MetricType::Counter, samples)?;
        }
        type Spread = (
            &'static str,
            &'static str,
            fn(&SourceCounters) -> &ByProtocol,
        );
        let spreads: [Spread; 3] = [
            ("client_frames", "Frames handed to clients", |c| {
                &c.delivered
            }),
            (
                "client_frames_skipped",
                "Frames a busy client did not get",
                |c| &c.client_skipped,
            ),
            (
                "client_frames_stale",
                "Frames too old to be handed to a client",
                |c| &c.client_stale,
            ),
        ];
        for (name, help, spread) in spreads {
            let samples = self.0.sources().iter().flat_map(|source| {
                let video = [Protocol::Stream, Protocol::WebSocket, Protocol::Wire];
                video.map(|protocol| {
                    let labels = vec![("source", source.name()), ("protocol", protocol.name())];
                    (labels, spread(source.counters()).get(protocol))
                })
            });
            encode_family(encoder, name, help, MetricType::Counter, samples)?;
        }
        Ok(())
    }

    fn encode_clients(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (hub, clients) = (&self.0, self.0.clients());
        let families = [
            (
                "clients",
                "Clients connected",
                MetricType::Gauge,
                clients.connected(),
            ),
            (
                "clients_admitted",
                "Clients admitted",
                MetricType::Counter,
                clients.admitted(),
            ),
            (
                "client_predictions_skipped",
                "Predictions that clients lost because they lagged",
                MetricType::Counter,
                hub.predictions().skipped(),
            ),
        ];
        for (name, help, metric_type, counters) in families {
            let samples = Protocol::ALL
                .map(|protocol| (vec![("protocol", protocol.name())], counters.get(protocol)));
            encode_family(encoder, name, help, metric_type, samples)?;
        }
        let connections = hub.connections();
        let refused = clients.refused().into_iter().chain([
            ("max_connections", read(&connections.refused)),
            (
                "max_connections_per_address",
                read(&connections.refused_address),
            ),
            ("max_renditions", read(&connections.renditions_refused)),
            ("login_form", read(&connections.forms_refused)),
            ("request_head", read(&connections.heads_refused)),
            ("orders", read(&connections.orders_refused)),
        ]);
        let samples = refused.map(|(limit, count)| (vec![("limit", limit)], count));
        let help = "Clients and connections refused at a limit";
        encode_family(
            encoder,
            "clients_refused",
            help,
            MetricType::Counter,
            samples,
        )?;
        let tls = &connections.tls;
        let samples = [
            ("failed", read(&tls.failed)),
            ("timeout", read(&tls.timeouts)),
            ("plain_client", read(&tls.plain)),
            ("tls_client", read(&tls.unexpected)),
        ];
        let samples = samples.map(|(reason, count)| (vec![("reason", reason)], count));
        let help = "Connections that did not begin as the listener wants it";
        encode_family(encoder, "tls_failures", help, MetricType::Counter, samples)?;
        let help = "Connections ended because the client took nothing in time";
        encode_single(
            encoder,
            "client_write_timeouts",
            help,
            read(&connections.write_timeouts),
        )?;
        let help = "Failed calls of accept";
        encode_single(
            encoder,
            "accept_failures",
            help,
            read(&connections.accept_failures),
        )
    }
}

fn encode_status(encoder: &mut DescriptorEncoder<'_>, status: &BoxStatus) -> fmt::Result {
    const STATES: [UnitState; 6] = [
        UnitState::Down,
        UnitState::Starting,
        UnitState::Ready,
        UnitState::Stopping,
        UnitState::Backoff,
        UnitState::Failed,
    ];
    let words: Vec<String> = STATES.iter().map(word).collect();
    let samples = status.units.iter().flat_map(|unit| {
        STATES.iter().zip(&words).map(|(state, word)| {
            let labels = vec![("unit", unit.name.as_str()), ("state", word.as_str())];
            (labels, u64::from(unit.state == *state))
        })
    });
    encode_family(
        encoder,
        "unit_state",
        "1 for the unit's state",
        MetricType::Gauge,
        samples,
    )?;
    let samples = status
        .units
        .iter()
        .map(|unit| (vec![("unit", unit.name.as_str())], unit.restarts));
    encode_family(
        encoder,
        "unit_restarts",
        "Times restarted",
        MetricType::Counter,
        samples,
    )?;
    let samples = status.units.iter().flat_map(|unit| {
        unit.counters.iter().map(|(event, count)| {
            (
                vec![("unit", unit.name.as_str()), ("event", event.as_str())],
                *count,
            )
        })
    });
    let help = "What the unit counted, over all its generations";
    encode_family(encoder, "unit_events", help, MetricType::Counter, samples)?;
    let samples = status.sources.iter().map(|source| {
        let is_live = source.state == SourceState::Live;
        (vec![("source", source.name.as_str())], u64::from(is_live))
    });
    encode_family(
        encoder,
        "source_live",
        "1 while frames come",
        MetricType::Gauge,
        samples,
    )
}

pub(super) fn encode_family<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    metric_type: MetricType,
    samples: impl IntoIterator<Item = Sample<'a>>,
) -> fmt::Result {
    let is_counter = matches!(metric_type, MetricType::Counter);
    let mut family = encoder.encode_descriptor(name, help, None, metric_type)?;
    for (labels, value) in samples {
        let mut metric = family.encode_family(&labels)?;
        if is_counter {
            metric.encode_counter::<NoLabelSet, u64, u64>(&value, None)?;
        } else {
            metric.encode_gauge(&i64::try_from(value).unwrap_or(i64::MAX))?;
        }
    }
    Ok(())
}

/// Writes gauges that are no whole numbers.
pub(super) fn encode_gauges<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    samples: impl IntoIterator<Item = (Vec<(&'static str, &'a str)>, f64)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in samples {
        family.encode_family(&labels)?.encode_gauge(&value)?;
    }
    Ok(())
}

pub(super) fn encode_single(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: u64,
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    metric.encode_counter::<NoLabelSet, u64, u64>(&value, None)
}
