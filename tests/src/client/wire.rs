//! The TCP wire protocol, version 1, from its byte table.

use crate::wait::DEADLINE;
use serde_json::Value;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

/// `want`: frames.
pub const FRAMES: u8 = 1;
/// `want`: predictions.
pub const PREDICTIONS: u8 = 2;
/// `want`: gesture events.
pub const GESTURES: u8 = 4;

/// Largest message believed.
const MESSAGE_BYTES_MAX: u32 = 64 << 20;

/// One connection.
#[derive(Debug)]
pub struct WireClient {
    stream: TcpStream,
}

/// What the server says.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// Type 16.
    Welcome(Value),
    /// Type 17.
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
    /// Type 18.
    Prediction {
        /// Sequence.
        sequence: u64,
        /// Capture time, µs since 1970.
        capture_time_us: u64,
        /// The prediction.
        json: Value,
    },
    /// Type 19.
    Ping,
    /// Type 20.
    Notice {
        /// Sequence of the last frame.
        sequence: u64,
        /// When the trouble began, µs since 1970.
        since_us: u64,
        /// What is wrong.
        text: String,
        /// The same as a picture.
        jpeg: Vec<u8>,
    },
    /// Type 21.
    Accepted {
        /// The client's number.
        number: u64,
        /// Sequence.
        sequence: u64,
    },
    /// Type 22.
    Refused {
        /// The client's number.
        number: u64,
        /// Code.
        code: u16,
        /// Text.
        text: String,
    },
    /// Type 23.
    PushedPrediction {
        /// The client's number.
        number: u64,
        /// The client's time.
        client_time_us: u64,
        /// Sequence.
        sequence: u64,
        /// The prediction.
        json: Value,
    },
    /// Type 24.
    GestureEvent {
        /// Sequence of the frame that decided it.
        sequence: u64,
        /// Capture time of that frame, µs since 1970.
        capture_time_us: u64,
        /// The event.
        json: Value,
    },
    /// Type 127.
    Error {
        /// Code.
        code: u16,
        /// Text.
        text: String,
    },
}

impl WireClient {
    /// Connects without a word.
    ///
    /// # Panics
    ///
    /// If nobody listens.
    #[track_caller]
    #[must_use]
    pub fn connect(address: &str) -> Self {
        Self::try_connect(address).expect("the gateway listens")
    }

    fn try_connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        Ok(Self { stream })
    }

    /// Connects and subscribes.
    ///
    /// # Panics
    ///
    /// If nobody listens.
    #[track_caller]
    #[must_use]
    pub fn subscribe(address: &str, want: u8, source: &str) -> Self {
        Self::try_subscribe(address, want, source).expect("the gateway takes it")
    }

    /// The same where the gateway may be gone, or go.
    ///
    /// # Errors
    ///
    /// Nobody listens, or the connection broke.
    pub fn try_subscribe(address: &str, want: u8, source: &str) -> io::Result<Self> {
        let mut client = Self::try_connect(address)?;
        let name_len = u8::try_from(source.len()).map_err(io::Error::other)?;
        let mut body = vec![want, name_len];
        body.extend(source.as_bytes());
        client.send(1, 1, &body)?;
        Ok(client)
    }

    /// Connects and asks to push to `source`, with predictions to come back.
    ///
    /// # Panics
    ///
    /// If nobody listens.
    #[track_caller]
    #[must_use]
    pub fn push(address: &str, source: &str) -> Self {
        Self::try_push(address, source).expect("the gateway takes it")
    }

    /// The same where the gateway may be gone, or go.
    ///
    /// # Errors
    ///
    /// Nobody listens, or the connection broke.
    pub fn try_push(address: &str, source: &str) -> io::Result<Self> {
        let mut client = Self::try_connect(address)?;
        let name_len = u8::try_from(source.len()).map_err(io::Error::other)?;
        let mut body = vec![PREDICTIONS, name_len];
        body.extend(source.as_bytes());
        client.send(1, 2, &body)?;
        Ok(client)
    }

    /// Pushes one frame under a number of the client's own; its time is ten times the number.
    ///
    /// # Errors
    ///
    /// The connection broke.
    pub fn push_frame(&mut self, number: u64, jpeg: &[u8]) -> io::Result<()> {
        let mut body = number.to_be_bytes().to_vec();
        body.extend((number * 10).to_be_bytes());
        body.extend(jpeg);
        self.send(1, 3, &body)
    }

    /// A second handle on the same connection, for another thread.
    ///
    /// # Panics
    ///
    /// If the system has none.
    #[track_caller]
    #[must_use]
    pub fn clone_handle(&self) -> Self {
        let stream = self.stream.try_clone().expect("a second handle");
        Self { stream }
    }

    /// Ends the connection, whatever is under way on it.
    pub fn hang_up(&self) {
        // It may have ended already.
        let _gone = self.stream.shutdown(Shutdown::Both);
    }

    /// Sends one message.
    ///
    /// # Errors
    ///
    /// The connection broke.
    pub fn send(&mut self, version: u8, kind: u8, body: &[u8]) -> io::Result<()> {
        let length = u32::try_from(4 + body.len()).expect("a short message");
        let mut message = length.to_be_bytes().to_vec();
        message.extend([version, kind, 0, 0]);
        message.extend(body);
        self.send_raw(&message)
    }

    /// Sends any bytes.
    ///
    /// # Errors
    ///
    /// The connection broke.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// The next message, pings and notices left out; `None` when the connection has ended.
    ///
    /// # Panics
    ///
    /// If what comes is no message of version 1.
    #[track_caller]
    pub fn next_message(&mut self) -> Option<Message> {
        loop {
            match self.receive()? {
                Message::Ping | Message::Notice { .. } => {}
                message => return Some(message),
            }
        }
    }

    /// The next notice of a connection that must not end, everything else left out.
    ///
    /// # Panics
    ///
    /// If it has ended.
    #[track_caller]
    pub fn notice(&mut self) -> Message {
        loop {
            let message = self.receive().expect("the connection goes on");
            if matches!(message, Message::Notice { .. }) {
                return message;
            }
        }
    }

    #[track_caller]
    fn receive(&mut self) -> Option<Message> {
        let mut head = [0; 8];
        self.stream.read_exact(&mut head).ok()?;
        let [l0, l1, l2, l3, version, kind, r0, r1] = head;
        let length = u32::from_be_bytes([l0, l1, l2, l3]);
        assert!((4..=MESSAGE_BYTES_MAX).contains(&length), "length {length}");
        assert_eq!((version, r0, r1), (1, 0, 0), "version, reserved");
        let mut body = vec![0; length as usize - 4];
        self.stream.read_exact(&mut body).ok()?;
        Some(parse(kind, &body))
    }

    /// The next message of a connection that must not end.
    ///
    /// # Panics
    ///
    /// If it has ended.
    #[track_caller]
    pub fn message(&mut self) -> Message {
        self.next_message().expect("the connection goes on")
    }
}

fn u64_at(body: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(body[at..at + 8].try_into().expect("8 bytes"))
}

fn u32_at(body: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(body[at..at + 4].try_into().expect("4 bytes"))
}

#[track_caller]
fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON")
}

#[track_caller]
fn parse(kind: u8, body: &[u8]) -> Message {
    match kind {
        16 => Message::Welcome(json(body)),
        17 => Message::Frame {
            sequence: u64_at(body, 0),
            capture_time_us: u64_at(body, 8),
            width_px: u32_at(body, 16),
            height_px: u32_at(body, 20),
            jpeg: body[24..].to_vec(),
        },
        18 => Message::Prediction {
            sequence: u64_at(body, 0),
            capture_time_us: u64_at(body, 8),
            json: json(&body[16..]),
        },
        19 => Message::Ping,
        20 => {
            let jpeg_at = 18 + usize::from(u16::from_be_bytes([body[16], body[17]]));
            Message::Notice {
                sequence: u64_at(body, 0),
                since_us: u64_at(body, 8),
                text: String::from_utf8(body[18..jpeg_at].to_vec()).expect("UTF-8"),
                jpeg: body[jpeg_at..].to_vec(),
            }
        }
        21 => Message::Accepted {
            number: u64_at(body, 0),
            sequence: u64_at(body, 8),
        },
        22 => Message::Refused {
            number: u64_at(body, 0),
            code: u16::from_be_bytes([body[8], body[9]]),
            text: String::from_utf8_lossy(&body[10..]).into_owned(),
        },
        23 => Message::PushedPrediction {
            number: u64_at(body, 0),
            client_time_us: u64_at(body, 8),
            sequence: u64_at(body, 16),
            json: json(&body[24..]),
        },
        24 => Message::GestureEvent {
            sequence: u64_at(body, 0),
            capture_time_us: u64_at(body, 8),
            json: json(&body[16..]),
        },
        127 => Message::Error {
            code: u16::from_be_bytes([body[0], body[1]]),
            text: String::from_utf8_lossy(&body[2..]).into_owned(),
        },
        other => panic!("message of unknown type {other}"),
    }
}
