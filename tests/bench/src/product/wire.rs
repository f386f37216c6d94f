//! A client of the TCP wire protocol.

use super::{Prediction, SOURCE};
use anyhow::{Context, Result, bail, ensure};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const VERSION: u8 = 1;
const SUBSCRIBE: u8 = 1;
const WELCOME: u8 = 16;
const FRAME: u8 = 17;
const PREDICTION: u8 = 18;
const PING: u8 = 19;
const NOTICE: u8 = 20;
const WANT_FRAMES: u8 = 1;
const WANT_PREDICTIONS: u8 = 2;
/// Version, type, two reserved bytes.
const HEADER_BYTES: usize = 4;
/// Sequence and capture time.
const STAMP_BYTES: usize = 16;
/// Largest message.
const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// Longest silence before a read fails; the gateway pings more often.
const SILENCE: Duration = Duration::from_secs(8);

/// What a client may get.
#[derive(Debug, Clone)]
pub enum WireMessage {
    /// A frame; capture time, µs since 1970.
    Frame(u64),
    /// A prediction.
    Prediction(Prediction),
}

/// A connected client.
#[derive(Debug)]
pub struct WireClient {
    stream: TcpStream,
    message: Vec<u8>,
}

impl WireClient {
    /// Connects and asks for frames or for predictions.
    ///
    /// # Errors
    ///
    /// The gateway refuses.
    pub fn open(address: SocketAddr, predictions: bool) -> Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(SILENCE))?;
        let want = if predictions {
            WANT_PREDICTIONS
        } else {
            WANT_FRAMES
        };
        let mut body = vec![VERSION, SUBSCRIBE, 0, 0, want, SOURCE.len() as u8];
        body.extend_from_slice(SOURCE.as_bytes());
        let mut message = (body.len() as u32).to_be_bytes().to_vec();
        message.append(&mut body);
        stream.write_all(&message)?;
        Ok(Self {
            stream,
            message: Vec::new(),
        })
    }

    /// Waits for the next frame or prediction, all of it.
    ///
    /// # Errors
    ///
    /// The connection broke, or what comes is not the protocol.
    pub fn next_message(&mut self) -> Result<WireMessage> {
        loop {
            let mut length = [0; 4];
            self.stream.read_exact(&mut length)?;
            let length = u32::from_be_bytes(length) as usize;
            ensure!(
                (HEADER_BYTES..=MESSAGE_BYTES_MAX).contains(&length),
                "length {length}"
            );
            self.message.resize(length, 0);
            self.stream.read_exact(&mut self.message)?;
            let (header, body) = self.message.split_at(HEADER_BYTES);
            let text = || String::from_utf8_lossy(body);
            match header[1] {
                WELCOME | PING | NOTICE => {}
                FRAME | PREDICTION => {
                    let (stamp, rest) = body.split_at_checked(STAMP_BYTES).context("too short")?;
                    let capture = u64::from_be_bytes(*stamp.last_chunk().context("too short")?);
                    return Ok(if header[1] == FRAME {
                        WireMessage::Frame(capture)
                    } else {
                        WireMessage::Prediction(serde_json::from_slice(rest)?)
                    });
                }
                other => bail!("message of type {other}: {}", text()),
            }
        }
    }
}
