//! `/ws`: predictions and status as text, frames as binary messages.

use crate::wait::DEADLINE;
use serde_json::Value;
use std::net::TcpStream;
use tungstenite::{Message, WebSocket};

/// One connection.
#[derive(Debug)]
pub struct WsClient {
    socket: WebSocket<TcpStream>,
}

/// What the server says.
#[derive(Debug, Clone, PartialEq)]
pub enum WsMessage {
    /// A text message: JSON with a `type`.
    Json(Value),
    /// A binary message: one frame.
    Frame {
        /// Sequence.
        sequence: u64,
        /// Capture time, µs since 1970.
        capture_time_us: u64,
        /// Width, pixels.
        width_px: u32,
        /// Height, pixels.
        height_px: u32,
        /// The image.
        jpeg: Vec<u8>,
    },
}

impl WsClient {
    /// Opens `path`.
    ///
    /// # Panics
    ///
    /// If it cannot be opened.
    #[track_caller]
    #[must_use]
    pub fn open(address: &str, path: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the gateway listens");
        stream
            .set_read_timeout(Some(DEADLINE))
            .expect("a socket takes a timeout");
        let url = format!("ws://{address}{path}");
        let (socket, _response) = tungstenite::client(url, stream).expect("a WebSocket opens");
        Self { socket }
    }

    /// Pushes one frame under a number of the client's own; its time is ten times the number.
    ///
    /// # Panics
    ///
    /// If the connection broke.
    #[track_caller]
    pub fn push_frame(&mut self, number: u64, jpeg: &[u8]) {
        let mut message = b"WWP1\0\0\0\x18".to_vec();
        message.extend(number.to_be_bytes());
        message.extend((number * 10).to_be_bytes());
        message.extend(jpeg);
        let sent = self.socket.send(Message::Binary(message.into()));
        sent.expect("the connection goes on");
    }

    /// The next message of a connection that must not end, which must be JSON.
    ///
    /// # Panics
    ///
    /// If it ends, or what comes is not as documented.
    #[track_caller]
    pub fn json(&mut self) -> Value {
        match self.message() {
            WsMessage::Json(json) => json,
            WsMessage::Frame { .. } => panic!("a frame instead of JSON"),
        }
    }

    /// The next message of a connection that must not end.
    ///
    /// # Panics
    ///
    /// If it ends, or what comes is not as documented.
    #[track_caller]
    pub fn message(&mut self) -> WsMessage {
        loop {
            match self.socket.read().expect("the connection goes on") {
                Message::Text(text) => {
                    return WsMessage::Json(serde_json::from_str(&text).expect("JSON"));
                }
                Message::Binary(bytes) => return frame(&bytes),
                _ => {}
            }
        }
    }
}

#[track_caller]
fn frame(bytes: &[u8]) -> WsMessage {
    let u32_at = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
    let u64_at = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
    assert_eq!(
        (&bytes[..4], u32_at(4)),
        (&b"WWF1"[..], 32),
        "magic, length of the header"
    );
    WsMessage::Frame {
        sequence: u64_at(8),
        capture_time_us: u64_at(16),
        width_px: u32_at(24),
        height_px: u32_at(28),
        jpeg: bytes[32..].to_vec(),
    }
}
