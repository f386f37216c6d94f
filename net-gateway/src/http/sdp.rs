//! `GET /stream/{source}.sdp`: where the source is sent as RTP, for ffmpeg, VLC and GStreamer.

use super::error::ApiError;
use super::extract::find_source;
use crate::hub::Hub;
use crate::rtp::sdp::{CONTENT_TYPE, describe};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// What the name of a stream ends with when its description is asked for; no source's name has a dot.
pub(super) const ENDING: &str = ".sdp";

/// Describes the output of that name; without a name, the source's first one.
///
/// # Errors
///
/// 404 for an unknown source, and for one that is not sent, or not as that output.
pub(super) fn answer(hub: &Hub, source: &str, output: Option<&str>) -> Result<Response, ApiError> {
    let index = find_source(hub, source)?;
    let mut outputs = hub.outputs().iter().map(|output| &output.assignment);
    let found = outputs.find(|it| it.source == index && output.is_none_or(|name| it.name == name));
    let Some(output) = found else {
        let as_what = output.map_or_else(String::new, |name| format!(" as `{name}`"));
        return Err(ApiError::new(
            StatusCode::NOT_FOUND,
            format!("`{source}` is not sent as RTP{as_what}"),
            "add [rtp.NAME] with `source` and `address` to the config",
        ));
    };
    let content_type = HeaderValue::from_static(CONTENT_TYPE);
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, describe(output, source)).into_response())
}
