//! `GET /snapshot/{source}`: one JPEG, the newest there is; or the notice of a source that has none.

use super::Peer;
use super::error::ApiError;
use super::extract::{Params, PathSource};
use crate::clients::Protocol;
use crate::hub::Hub;
use crate::notice::NoticeMessage;
use crate::source_feed::Picture;
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// How long a snapshot waits for a picture of a source that has none.
const PICTURE_WAIT: Duration = Duration::from_secs(2);

/// `?strict=1`: a notice is an error.
#[derive(Debug, Deserialize)]
pub struct Wishes {
    strict: Option<String>,
}

impl Wishes {
    fn is_strict(&self) -> Result<bool, ApiError> {
        match self.strict.as_deref() {
            None | Some("0") => Ok(false),
            Some("1") => Ok(true),
            Some(_) => Err(ApiError::bad_request(
                "`strict` is not 0 or 1",
                "use ?strict=1",
            )),
        }
    }
}

/// Answers with the newest frame of a source, or the first that comes; with its notice while there
/// are none.
///
/// # Errors
///
/// 400 for a bad query; 404 for an unknown source; 503 when a limit on clients is reached, when no
/// picture came in time, or, if the client is strict, instead of a notice.
pub async fn get(
    State(hub): State<Arc<Hub>>,
    Extension(Peer(address)): Extension<Peer>,
    source: PathSource,
    Params(wishes): Params<Wishes>,
) -> Result<Response, ApiError> {
    let is_strict = wishes.is_strict()?;
    let _client = hub.clients().admit(Protocol::Snapshot, address)?;
    let mut frames = hub
        .watch_frames(source.index, Protocol::Snapshot)
        .ok_or_else(ApiError::no_status)?;
    match tokio::time::timeout(PICTURE_WAIT, frames.next_picture()).await {
        Ok(Some(Picture::Frame(frame))) => {
            let facts = frame.facts();
            Ok(picture(frame.jpeg(), facts.sequence, facts.capture_time_us))
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
