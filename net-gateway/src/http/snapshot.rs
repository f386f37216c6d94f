//! `GET /snapshot/{source}`: one JPEG, the newest there is.

use super::Peer;
use super::error::ApiError;
use super::extract::PathSource;
use crate::clients::Protocol;
use crate::hub::Hub;
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use std::sync::Arc;
use std::time::Duration;

/// How long a snapshot waits for a frame of a source that has none.
const FRAME_WAIT: Duration = Duration::from_secs(2);

/// Answers with the newest frame of a source, or the first that comes.
///
/// # Errors
///
/// 404 for an unknown source; 503 when a limit on clients is reached, or no frame came in time.
pub async fn get(
    State(hub): State<Arc<Hub>>,
    Extension(Peer(address)): Extension<Peer>,
    source: PathSource,
) -> Result<Response, ApiError> {
    let _client = hub.clients().admit(Protocol::Snapshot, address)?;
    let mut frames = hub
        .watch_frames(source.index, Protocol::Snapshot)
        .ok_or_else(ApiError::no_status)?;
    let Ok(Some(frame)) = tokio::time::timeout(FRAME_WAIT, frames.next()).await else {
        return Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!(
                "source `{}` gave no frame within {} s",
                source.name,
                FRAME_WAIT.as_secs()
            ),
            "see /api/v1/sources for its state",
        ));
    };
    let facts = frame.facts();
    let mut response = Response::new(Body::from(frame.jpeg()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-wigwag-sequence", HeaderValue::from(facts.sequence));
    headers.insert(
        "x-wigwag-capture-time-us",
        HeaderValue::from(facts.capture_time_us),
    );
    Ok(response)
}
