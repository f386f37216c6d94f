//! `/api/v1/status`, `/sources`, `/predictions/{source}`, and the health checks.

use super::error::ApiError;
use super::extract::PathSource;
use crate::hub::Hub;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use shm_layout::MonotonicNs;
use shm_layout::control::{BoxStatus, SourceState, UnitState};
use std::sync::Arc;

/// What no cache may keep: it is true for this moment only.
pub(super) const NO_STORE: (HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
const JSON: (HeaderName, HeaderValue) = (
    header::CONTENT_TYPE,
    HeaderValue::from_static("application/json"),
);

/// `GET /api/v1/status`: the whole box.
///
/// # Errors
///
/// 503 until the supervisor sent the first status.
pub async fn status(State(hub): State<Arc<Hub>>) -> Result<Response, ApiError> {
    let newest = hub.status().newest().ok_or_else(ApiError::no_status)?;
    Ok(([JSON, NO_STORE], newest.json().to_owned()).into_response())
}

/// `GET /api/v1/sources`: the sources out of the status.
///
/// # Errors
///
/// 503 until the supervisor sent the first status.
pub async fn sources(State(hub): State<Arc<Hub>>) -> Result<Response, ApiError> {
    let newest = hub.status().newest().ok_or_else(ApiError::no_status)?;
    Ok(([NO_STORE], Json(&newest.status().sources)).into_response())
}

/// `GET /api/v1/predictions/{source}`: the latest prediction, or 204 when there is none yet.
///
/// # Errors
///
/// 404 for an unknown source.
pub async fn latest_prediction(
    State(hub): State<Arc<Hub>>,
    source: PathSource,
) -> Result<Response, ApiError> {
    let latest = hub
        .sources()
        .get(source.index)
        .and_then(|feed| feed.latest_prediction());
    Ok(match latest {
        Some(latest) => (
            [NO_STORE],
            Json(latest.to_json(&source.name, MonotonicNs::now())),
        )
            .into_response(),
        None => (StatusCode::NO_CONTENT, [NO_STORE]).into_response(),
    })
}

/// `GET /healthz`: the gateway itself works.
pub async fn healthz() -> Response {
    ([JSON, NO_STORE], r#"{"status":"ok"}"#).into_response()
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    reasons: Vec<String>,
}

/// `GET /readyz`: 200 when every unit is ready and every source is live, else 503 with reasons.
pub async fn readyz(State(hub): State<Arc<Hub>>) -> Response {
    let reasons = match hub.status().newest() {
        Some(newest) => reasons_against(newest.status()),
        None => vec!["the status of the box is not known yet".to_owned()],
    };
    let ready = reasons.is_empty();
    let code = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (code, [NO_STORE], Json(Readiness { ready, reasons })).into_response()
}

/// Why the box is not ready; empty when it is. A clip that played to its end is no fault, nor is a
/// pushed source without a client.
fn reasons_against(status: &BoxStatus) -> Vec<String> {
    let units = status
        .units
        .iter()
        .filter(|unit| unit.state != UnitState::Ready)
        .map(|unit| format!("{} is {}", unit.name, word(&unit.state)));
    let sources = status
        .sources
        .iter()
        .filter(|source| !source.is_pushed())
        .filter(|source| !matches!(source.state, SourceState::Live | SourceState::Ended))
        .map(|source| {
            format!(
                "source {} is {}: {}",
                source.name,
                word(&source.state),
                source.detail
            )
        });
    let is_locked = status.has_tls() && status.tls.is_none();
    let certificate = is_locked.then(|| "there is no certificate that can be used".to_owned());
    units.chain(sources).chain(certificate).collect()
}

/// A state as its word in JSON.
pub(super) fn word(state: &impl Serialize) -> String {
    match serde_json::to_value(state) {
        Ok(serde_json::Value::String(word)) => word,
        _ => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shm_layout::control::CertificateProblem;

    fn status(unit: &str, source: &str) -> BoxStatus {
        serde_json::from_value(serde_json::json!({
            "instance": "default", "version": "0.1.0", "pid": 1, "state": "degraded",
            "uptime_ms": 1, "http": "127.0.0.1:8080", "wire": "127.0.0.1:8090",
            "units": [{"name": "infer/0", "kind": "infer", "state": unit, "pid": null,
                "generation": 2, "up_ms": null, "restarts": 1, "last_death": "SIGKILL",
                "last_death_ago_ms": 5, "retry_in_ms": 100, "counters": {}}],
            "sources": [{"name": "cam0", "kind": "v4l2", "state": source, "detail": "unplugged",
                "format": "MJPG", "width_px": 640, "height_px": 480, "fps": 30.0,
                "is_idle": false, "measured_fps": 0.0, "sequence": 4, "predictions_per_s": 0.0, "since_ms": 9}],
            "model": null, "infer_workers": 1,
            "traffic": {"clients": 0, "predictions_per_s": 0.0,
                "latency_ms_p50": null, "latency_ms_p99": null},
        }))
        .unwrap()
    }

    #[test]
    fn readiness_names_every_reason() {
        assert!(reasons_against(&status("ready", "live")).is_empty());
        assert!(reasons_against(&status("ready", "ended")).is_empty());
        assert_eq!(
            reasons_against(&status("backoff", "lost")),
            ["infer/0 is backoff", "source cam0 is lost: unplugged"]
        );
        let mut locked = status("ready", "live");
        locked.tls_problem = Some(CertificateProblem {
            problem: "`/c.pem` is gone".to_owned(),
            hint: String::new(),
        });
        assert_eq!(
            reasons_against(&locked),
            ["there is no certificate that can be used"]
        );
    }
}
