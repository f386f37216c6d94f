//! `GET /stream/{source}`: video as multipart JPEG, as browsers, VLC, ffmpeg and OpenCV play it.
//!
//! The answer is HTTP/1.0 and ends with the connection, as MJPEG cameras have always done it:
//! simple clients read it without knowing chunked transfer. A source without frames keeps its
//! viewers connected: once a second they get a notice that says why, until frames come.
//! `/stream/{source}.sdp` tells where the same is sent as RTP.

use super::error::ApiError;
use super::extract::{Params, PathName, find_source};
use super::sdp;
use super::wishes::StreamQuery;
use crate::client_record::Peer;
use crate::clients::{ClientGuard, Protocol};
use crate::frame_message::{BOUNDARY, STREAM_OPENING};
use crate::hub::Hub;
use crate::picture_feed::{FrameWatch, Picture};
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Version, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use std::convert::Infallible;
use std::sync::Arc;

/// Where one viewer's stream stands.
struct Viewer {
    frames: FrameWatch,
    /// What is to be sent before the next frame is looked for.
    pending: Option<Bytes>,
    _client: ClientGuard,
}

/// Opens the stream of a source, in the form that the query wants.
///
/// # Errors
///
/// 400 for a bad query, 404 for an unknown source, 429 when too many forms are watched, 503 when a limit on clients is reached.
pub async fn get(
    State(hub): State<Arc<Hub>>,
    Extension(peer): Extension<Peer>,
    PathName(name): PathName,
    Params(query): Params<StreamQuery>,
) -> Result<Response, ApiError> {
    if let Some(source) = name.strip_suffix(sdp::ENDING) {
        return sdp::answer(&hub, source, query.output.as_deref());
    }
    let source = find_source(&hub, &name)?;
    let (wish, fps) = (query.rendition()?, query.fps()?);
    let client = hub.clients().admit(Protocol::Stream, peer)?;
    let frames = hub
        .watch_rendition(source, &client, wish, fps)?
        .ok_or_else(ApiError::no_status)?;
    let pending = Some(Bytes::from_static(STREAM_OPENING));
    let viewer = Viewer {
        frames,
        pending,
        _client: client,
    };
    let mut response = Response::new(Body::from_stream(stream::unfold(viewer, next_bytes)));
    *response.version_mut() = Version::HTTP_10;
    let content_type = format!("multipart/x-mixed-replace; boundary={BOUNDARY}");
    let headers = response.headers_mut();
    if let Ok(content_type) = HeaderValue::try_from(content_type) {
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    Ok(response)
}

/// The next bytes for one viewer: asked for only when the ones before are on their way, so the
/// frame is chosen as late as can be.
async fn next_bytes(mut viewer: Viewer) -> Option<(Result<Bytes, Infallible>, Viewer)> {
    if let Some(bytes) = viewer.pending.take() {
        return Some((Ok(bytes), viewer));
    }
    let [part_header, image] = match viewer.frames.next_picture().await? {
        Picture::Frame(frame) => frame.multipart(),
        Picture::Notice(notice) => notice.multipart(),
    };
    viewer.pending = Some(image);
    Some((Ok(part_header), viewer))
}
