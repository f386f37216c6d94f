//! `GET /api/v1/clients`: who is connected, what each one watches and how well it keeps up; and the
//! same for the metrics.

use super::api::NO_STORE;
use super::metrics::{encode_family, encode_gauges};
use crate::client_record::ClientReport;
use crate::hub::Hub;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use serde::Serialize;
use shm_layout::MonotonicNs;
use std::fmt;
use std::sync::Arc;

#[derive(Serialize)]
struct Answer {
    clients: Vec<ClientReport>,
    max_clients: usize,
    max_clients_per_address: usize,
    staleness_max_ms: u64,
}

/// Answers with every client that is connected now, in the order in which they came.
pub async fn get(State(hub): State<Arc<Hub>>) -> Response {
    let limits = hub.limits();
    let answer = Answer {
        clients: hub.clients().reports(MonotonicNs::now()),
        max_clients: limits.clients.max_clients,
        max_clients_per_address: limits.clients.max_clients_per_address,
        staleness_max_ms: u64::try_from(limits.staleness_max.as_millis()).unwrap_or(u64::MAX),
    };
    ([NO_STORE], Json(answer)).into_response()
}

/// The labels of one client.
fn labels<'a>(report: &'a ClientReport, texts: &'a [String; 2]) -> Vec<(&'static str, &'a str)> {
    let [id, address] = texts;
    vec![
        ("client", id.as_str()),
        ("address", address.as_str()),
        ("protocol", report.protocol),
        ("source", report.source.as_deref().unwrap_or("")),
    ]
}

/// Writes one sample for each client that is connected now. Their number is bounded by
/// `max_clients`; a client that left has none any more.
///
/// # Errors
///
/// When the encoder refuses, which is a bug.
pub(super) fn encode_metrics(hub: &Hub, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let reports = hub.clients().reports(MonotonicNs::now());
    let texts: Vec<[String; 2]> = reports
        .iter()
        .map(|report| [report.id.to_string(), report.address.to_string()])
        .collect();
    let each = || reports.iter().zip(&texts);
    type Count = fn(&ClientReport) -> u64;
    let counters: [(&str, &str, Count); 5] = [
        ("connection_frames", "Frames handed to the client", |r| {
            r.frames
        }),
        (
            "connection_frames_skipped",
            "Frames that the client was too busy for",
            |r| r.skipped,
        ),
        (
            "connection_frames_stale",
            "Frames too old to be handed to the client",
            |r| r.stale,
        ),
        (
            "connection_frames_late",
            "Frames that were too old when the client had them",
            |r| r.late,
        ),
        ("connection_bytes", "Bytes sent to the client", |r| r.bytes),
    ];
    for (name, help, count) in counters {
        let samples = each().map(|(report, texts)| (labels(report, texts), count(report)));
        encode_family(encoder, name, help, MetricType::Counter, samples)?;
    }
    type Gauge = fn(&ClientReport) -> f64;
    let gauges: [(&str, &str, Gauge); 2] = [
        ("connection_fps", "Frames a second of late", |r| r.fps),
        (
            "connection_staleness_seconds",
            "Age of the client's newest frame when it had it",
            |r| r.staleness_ms / 1e3,
        ),
    ];
    for (name, help, gauge) in gauges {
        let samples = each().map(|(report, texts)| (labels(report, texts), gauge(report)));
        encode_gauges(encoder, name, help, samples)?;
    }
    Ok(())
}
