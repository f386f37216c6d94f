//! `GET /snapshot/{source}`: one JPEG, the newest there is; or the notice of a source that has none.

use super::error::ApiError;
use super::extract::{Params, PathSource};
use super::wishes::SnapshotQuery;
use crate::client_record::Peer;
use crate::clients::Protocol;
use crate::hub::Hub;
use crate::notice::NoticeMessage;
use crate::picture_feed::Picture;
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// How long a snapshot waits for a picture of a source that has none.
const PICTURE_WAIT: Duration = Duration::from_secs(2);

/// Answers with the newest frame of a source, or the first that comes; with its notice while there
/// are none.
///
/// # Errors
///
/// 400 for a bad query; 404 for an unknown source; 429 when too many forms are watched; 503 when a limit on clients is reached, when no
/// picture came in time, or, if the client is strict, instead of a notice.
pub async fn get(
    State(hub): State<Arc<Hub>>,
    Extension(peer): Extension<Peer>,
    source: PathSource,
    Params(query): Params<SnapshotQuery>,
) -> Result<Response, ApiError> {
    let (wish, is_strict) = query.read()?;
    let client = hub.clients().admit(Protocol::Snapshot, peer)?;
    let mut frames = hub
        .watch_rendition(source.index, &client, wish, None)?
        .ok_or_else(ApiError::no_status)?;
    match tokio::time::timeout(PICTURE_WAIT, frames.next_picture()).await {
        Ok(Some(Picture::Frame(frame))) => {
            let facts = frame.facts();
            let mut answer = picture(frame.jpeg(), facts.sequence, facts.capture_time_us);
            if let Some(sequence) = frame.prediction() {
                let headers = answer.headers_mut();
                headers.insert("x-wigwag-prediction-sequence", HeaderValue::from(sequence));
            }
            Ok(answer)
        }
        Ok(Some(Picture::Notice(notice))) => Ok(notice_answer(&notice, is_strict)),
        Ok(None) | Err(_) => Err(unavailable(format!(
            "source `{}` gave no frame within {} s",
            source.name,
            PICTURE_WAIT.as_secs()
        ))),
    }
}

fn notice_answer(notice: &NoticeMessage, is_strict: bool) -> Response {
    let facts = notice.facts();
    let mut response = if is_strict {
        unavailable(facts.text.clone()).into_response()
    } else {
        picture(notice.jpeg(), facts.sequence, facts.capture_time_us)
    };
    response.headers_mut().insert(
        "x-wigwag-notice",
        HeaderValue::from_static(facts.kind.name()),
    );
    response
}

fn unavailable(error: String) -> ApiError {
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        error,
        "see /api/v1/sources for its state",
    )
}

fn picture(jpeg: Bytes, sequence: u64, capture_time_us: u64) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-wigwag-sequence", HeaderValue::from(sequence));
    headers.insert(
        "x-wigwag-capture-time-us",
        HeaderValue::from(capture_time_us),
    );
    (headers, Body::from(jpeg)).into_response()
}
