//! `GET /ws`: predictions, gesture events and the box's status as text, frames as binary messages on
//! request.
//!
//! One task per client, one message in flight: while a message waits for the client, newer frames
//! replace each other and only the newest is sent next.

use super::error::ApiError;
use super::extract::{Params, find_source};
use crate::access::Access;
use crate::client_record::Peer;
use crate::clients::{ClientGuard, Protocol};
use crate::gatekeeper::site::is_same_origin;
use crate::hub::Hub;
use crate::picture_feed::FrameWatch;
use crate::prediction_feed::{PredictionWatch, Wants};
use crate::status_feed::StatusWatch;
use crate::stopping::Stopping;
use axum::Extension;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use std::sync::Arc;

/// Longest message from a client, in bytes; clients have nothing to say but pings.
const CLIENT_MESSAGE_BYTES_MAX: usize = 1024;
/// Bytes of the buffer that a client's messages are read into.
const READ_BUFFER_BYTES: usize = 1024;

/// `?source=NAME&video=1`. Without a source: predictions of all, frames of the first.
#[derive(Debug, Deserialize)]
pub struct Wishes {
    source: Option<String>,
    video: Option<String>,
}

impl Wishes {
    fn wants_video(&self) -> Result<bool, ApiError> {
        match self.video.as_deref() {
            None | Some("0") => Ok(false),
            Some("1") => Ok(true),
            Some(_) => Err(ApiError::bad_request(
                "`video` is not 0 or 1",
                "use /ws?video=1",
            )),
        }
    }
}

/// What one client subscribed to.
struct Subscription {
    frames: Option<FrameWatch>,
    predictions: PredictionWatch,
    status: StatusWatch,
    stopping: Stopping,
    _client: ClientGuard,
}

/// Upgrades the connection.
///
/// # Errors
///
/// 400 for a bad query or when it is no WebSocket request, 403 for a page of another origin,
/// 404 for an unknown source, 503 when a limit on clients is reached.
pub async fn get(
    State(hub): State<Arc<Hub>>,
    Extension(peer): Extension<Peer>,
    Params(wishes): Params<Wishes>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let video = wishes.wants_video()?;
    let source = wishes
        .source
        .as_deref()
        .map(|name| find_source(&hub, name))
        .transpose()?;
    let upgrade = upgrade.map_err(|rejection| no_websocket(&rejection))?;
    if !is_same_origin(&headers) && !is_allowed(&headers, hub.access()) {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "a page of another origin may not watch this box",
            "open the page that this box serves, or name the origin in gateway.cors_origins",
        ));
    }
    let client = hub.clients().admit(Protocol::WebSocket, peer)?;
    let name = source.and_then(|source| hub.name_of(source));
    client.record().describe(name, String::new());
    let frames = video
        .then(|| hub.watch_frames_for(source.unwrap_or(0), &client))
        .flatten();
    let subscription = Subscription {
        frames,
        predictions: hub.watch_predictions(source, Wants::ALL, Protocol::WebSocket),
        status: hub.status().watch(),
        stopping: hub.stopping(),
        _client: client,
    };
    Ok(upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(CLIENT_MESSAGE_BYTES_MAX)
        // Of its own: room for a frame is made as soon as its length is said.
        .max_frame_size(CLIENT_MESSAGE_BYTES_MAX)
        .on_upgrade(|socket| async { serve(socket, subscription).await }))
}

/// The answer to a request that is no WebSocket handshake.
pub(super) fn no_websocket(rejection: &WebSocketUpgradeRejection) -> ApiError {
    ApiError::new(
        rejection.status(),
        rejection.body_text(),
        "connect with a WebSocket client",
    )
}

/// Whether the config lets pages of that origin in.
fn is_allowed(headers: &HeaderMap, access: &Access) -> bool {
    let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str());
    matches!(origin, Some(Ok(origin)) if access.allows_origin(origin))
}

async fn serve(mut socket: WebSocket, mut subscription: Subscription) {
    while let Some(message) = next_message(&mut socket, &mut subscription).await {
        let is_close = matches!(message, Message::Close(_));
        if socket.send(message).await.is_err() || is_close {
            break;
        }
    }
}

/// The next message for the client; `None` when it left.
async fn next_message(socket: &mut WebSocket, subscription: &mut Subscription) -> Option<Message> {
    loop {
        return tokio::select! {
            biased;
            () = subscription.stopping.wait() => Some(close(close_code::AWAY, "the gateway stops")),
            received = socket.recv() => match received {
                // Answered by the WebSocket library itself.
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Ok(Message::Text(_) | Message::Binary(_))) => {
                    Some(close(close_code::POLICY, "clients have nothing to send here"))
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => None,
            },
            status = subscription.status.next() => Some(Message::text(status.ws_text())),
            Some(prediction) = subscription.predictions.next() => {
                Some(Message::text(prediction.ws_text()))
            }
            Some(frame) = next_frame(&mut subscription.frames) => {
                Some(Message::Binary(frame.ws_message()))
            }
            else => None,
        };
    }
}

/// The next frame; waits for ever when none are wanted.
async fn next_frame(
    frames: &mut Option<FrameWatch>,
) -> Option<Arc<crate::frame_message::FrameMessage>> {
    match frames {
        Some(frames) => frames.next().await,
        None => std::future::pending().await,
    }
}

pub(super) fn close(code: u16, reason: impl Into<String>) -> Message {
    Message::Close(Some(CloseFrame {
        code,
        reason: reason.into().into(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn video_is_on_off_or_refused() {
        let video = |video: &str| Wishes {
            source: None,
            video: Some(video.to_owned()),
        };
        assert_eq!(video("1").wants_video(), Ok(true));
        assert_eq!(video("0").wants_video(), Ok(false));
        assert_eq!(
            video("yes").wants_video().unwrap_err().status,
            StatusCode::BAD_REQUEST
        );
    }
}
