//! `GET /ws/push`: frames from a client as binary messages, answers and predictions back as text.
//!
//! One task per client: one message is read at a time, and each gets its answer. What a browser
//! cannot read from a refused upgrade, because its scripts do not see it, is told over the open
//! WebSocket instead, as a message of type `error` and then in the close frame.

use super::error::ApiError;
use super::extract::{Params, find_source};
use super::ws::{close, no_websocket};
use crate::client_record::Peer;
use crate::clients::{ClientGuard, Protocol};
use crate::gatekeeper::site::is_same_origin;
use crate::hub::Hub;
use crate::prediction_feed::Wants;
use crate::push::numbers::OwnFrame;
use crate::push::refusal::PushError;
use crate::push::session::{Answer, CameFrame, Event, Session, Wish};
use axum::Extension;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use bytes::{Buf, Bytes};
use serde::Deserialize;
use serde_json::json;
use shm_layout::MonotonicNs;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::time::Instant;

/// First word of a binary message from a client, `WWP1`.
pub const MAGIC: u32 = 0x5757_5031;
/// Bytes of its header.
pub const HEADER_BYTES: usize = 24;
/// Bytes of the buffer that messages are read into.
const READ_BUFFER_BYTES: usize = 64 * 1024;
/// Longest reason of a close frame. Source: RFC 6455, section 5.5.
const REASON_BYTES_MAX: usize = 123;

/// `?source=NAME&predictions=0`. Without a source: any that is there for such clients.
#[derive(Debug, Deserialize)]
pub struct Wishes {
    source: Option<String>,
    predictions: Option<String>,
}

impl Wishes {
    fn read(self) -> Result<Wish, ApiError> {
        let predictions = match self.predictions.as_deref() {
            None | Some("1") => true,
            Some("0") => false,
            Some(_) => {
                let error = "`predictions` is not 0 or 1";
                return Err(ApiError::bad_request(error, "use /ws/push?predictions=0"));
            }
        };
        Ok(Wish {
            source: self.source.unwrap_or_default(),
            wants: Wants {
                predictions,
                gestures: predictions,
            },
        })
    }
}

/// Upgrades the connection.
///
/// # Errors
///
/// 400 for a bad query or when it is no WebSocket request, 403 for a page of another origin,
/// 404 for an unknown source, 503 when a limit on clients is reached. Everything else that can be
/// wrong is told over the WebSocket.
pub async fn get(
    State(hub): State<Arc<Hub>>,
    Extension(peer): Extension<Peer>,
    Params(wishes): Params<Wishes>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let (wish, address) = (wishes.read()?, peer.address);
    if !wish.source.is_empty() {
        find_source(&hub, &wish.source)?;
    }
    let upgrade = upgrade.map_err(|rejection| no_websocket(&rejection))?;
    if !is_same_origin(&headers) {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "a page of another origin may not push to this box",
            "open the page that this box serves",
        ));
    }
    let client = hub.clients().admit(Protocol::WebSocket, peer)?;
    let limits = hub.desk().sources().iter().map(|source| source.limits());
    let frame_bytes_max = limits.map(|limits| limits.max_frame_bytes).max();
    let message_bytes_max = HEADER_BYTES + frame_bytes_max.unwrap_or(0) as usize;
    Ok(upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(message_bytes_max)
        .max_frame_size(message_bytes_max)
        .on_upgrade(move |mut socket| async move {
            let Err(why) = serve(&mut socket, &hub, &wish, (client, address)).await else {
                return;
            };
            tracing::debug!("the pushing client {address} is ended: {why}");
            say_farewell(&mut socket, &why).await;
        }))
}

/// Serves until the client is gone, which is no error, or ended.
async fn serve(
    socket: &mut WebSocket,
    hub: &Hub,
    wish: &Wish,
    (client, address): (ClientGuard, IpAddr),
) -> Result<(), PushError> {
    let mut session = Session::open(hub, wish, (client, Protocol::WebSocket, address)).await?;
    let mut welcome = session.welcome();
    welcome["type"] = "welcome".into();
    if socket
        .send(Message::text(welcome.to_string()))
        .await
        .is_err()
    {
        return Ok(());
    }
    let mut paused_until = Instant::now();
    loop {
        let message = tokio::select! {
            biased;
            event = session.event() => message_of(event)?,
            received = receive(socket, paused_until) => match received {
                Some(Ok(Message::Binary(bytes))) => {
                    let frame = read_frame(bytes, session.max_frame_bytes())?;
                    let (answer, pause) = session.take(frame).await?;
                    paused_until = Instant::now() + pause;
                    answer_of(&answer)
                }
                Some(Ok(Message::Text(_))) => {
                    return Err(PushError::Malformed("frames are binary messages"));
                }
                // Answered by the WebSocket library itself.
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Err(error)) if is_too_large(&error) => {
                    return Err(PushError::Malformed("the message is larger than max_frame_bytes"));
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(()),
            },
        };
        if socket.send(Message::text(message)).await.is_err() {
            return Ok(());
        }
    }
}

/// The next message, after a pause. Dropping the future loses nothing.
async fn receive(
    socket: &mut WebSocket,
    paused_until: Instant,
) -> Option<Result<Message, axum::Error>> {
    tokio::time::sleep_until(paused_until).await;
    socket.recv().await
}

/// Whether the library refused a message for its size; it says so in words only.
fn is_too_large(error: &axum::Error) -> bool {
    error.to_string().to_lowercase().contains("too long")
}

/// A binary message: header, then the JPEG.
fn read_frame(mut message: Bytes, max_frame_bytes: u32) -> Result<CameFrame, PushError> {
    let arrived = MonotonicNs::now();
    let Some(mut header) = message.get(..HEADER_BYTES) else {
        return Err(PushError::Malformed("the header of a frame has 24 bytes"));
    };
    if header.get_u32() != MAGIC {
        return Err(PushError::Malformed("a frame begins with WWP1"));
    }
    let header_bytes = header.get_u32() as usize;
    let own = OwnFrame {
        number: header.get_u64(),
        client_time_us: header.get_u64(),
    };
    // A longer header of a later version is passed over.
    if header_bytes < HEADER_BYTES || header_bytes >= message.len() {
        return Err(PushError::Malformed("the length of the header is wrong"));
    }
    message.advance(header_bytes);
    if message.len() > max_frame_bytes as usize {
        return Err(PushError::TooLarge {
            len_bytes: message.len() as u64,
            max_bytes: max_frame_bytes,
        });
    }
    Ok(CameFrame {
        own,
        jpeg: message,
        arrived,
    })
}

fn answer_of(answer: &Answer) -> String {
    match answer {
        Answer::Accepted { number, sequence } => {
            json!({"type": "accepted", "number": number, "sequence": sequence})
        }
        Answer::Refused { number, fault } => json!({
            "type": "refused", "number": number, "code": fault.code(), "error": fault.to_string(),
        }),
    }
    .to_string()
}

/// The prediction or gesture event as everywhere, with the client's own number and time in front.
fn message_of(event: Event) -> Result<String, PushError> {
    match event {
        Event::Ended(why) => Err(why),
        Event::Predicted(own, predicted) => Ok(with_own("prediction", own, &predicted.json())),
        Event::Gesture(Some(own), event) => Ok(with_own("gesture", own, &event.json())),
        Event::Gesture(None, event) => Ok(event.ws_text().to_owned()),
    }
}

fn with_own(word: &str, own: OwnFrame, json: &[u8]) -> String {
    let OwnFrame {
        number,
        client_time_us,
    } = own;
    let fields = json
        .get(1..)
        .map(String::from_utf8_lossy)
        .unwrap_or_default();
    format!(
        "{{\"type\":\"{word}\",\"number\":{number},\
         \"client_time_us\":{client_time_us},{fields}"
    )
}

/// Tells the client why it is ended; it may have gone.
async fn say_farewell(socket: &mut WebSocket, why: &PushError) {
    let text = why.to_string();
    let error = json!({
        "type": "error", "code": why.code(), "error": text, "retry": why.may_pass(),
    });
    let code = match why {
        PushError::Stopping => close_code::AWAY,
        why if why.may_pass() => close_code::AGAIN,
        _ => close_code::POLICY,
    };
    let end = text.floor_char_boundary(REASON_BYTES_MAX);
    let reason = text.get(..end).unwrap_or_default().to_owned();
    if socket.send(Message::text(error.to_string())).await.is_ok() {
        let _gone = socket.send(close(code, reason)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(magic: &[u8], header_bytes: u32, rest: &[u8]) -> Bytes {
        let mut bytes = magic.to_vec();
        bytes.extend(header_bytes.to_be_bytes());
        bytes.extend(7_u64.to_be_bytes());
        bytes.extend(9_u64.to_be_bytes());
        bytes.extend(rest);
        bytes.into()
    }

    #[test]
    fn frames_have_the_documented_header() {
        let frame = read_frame(message(b"WWP1", 24, b"jpeg"), 4).unwrap();
        assert_eq!((frame.own.number, frame.own.client_time_us), (7, 9));
        assert_eq!(&frame.jpeg[..], b"jpeg");
        let longer = read_frame(message(b"WWP1", 26, b"xxjpeg"), 4).unwrap();
        assert_eq!(&longer.jpeg[..], b"jpeg");
    }

    #[test]
    fn other_messages_are_refused() {
        for (bytes, code) in [
            (message(b"WWP1", 24, b"jpegs"), 28),
            (message(b"WWF1", 24, b"jpeg"), 4),
            (message(b"WWP1", 23, b"jpeg"), 4),
            (message(b"WWP1", 28, b"jpeg"), 4),
            (message(b"WWP1", u32::MAX, b"jpeg"), 4),
            (message(b"WWP1", 24, b""), 4),
            (Bytes::from_static(b"WWP1"), 4),
            (Bytes::new(), 4),
        ] {
            assert_eq!(
                read_frame(bytes.clone(), 4).unwrap_err().code(),
                code,
                "{bytes:?}"
            );
        }
    }
}
