//! A client of the wire protocol that pushes frames and waits for what was recognised in each.

use super::{Prediction, Timing};
use anyhow::{Context, Result, bail, ensure};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

const VERSION: u8 = 1;
const PUSH: u8 = 2;
const PUSH_FRAME: u8 = 3;
const WELCOME: u8 = 16;
const PING: u8 = 19;
const ACCEPTED: u8 = 21;
const PUSHED_PREDICTION: u8 = 23;
const WANT_PREDICTIONS: u8 = 2;
/// Version, type, two reserved bytes.
const HEADER_BYTES: usize = 4;
/// Number, time and sequence in front of a prediction's JSON.
const STAMP_BYTES: usize = 24;
/// Largest message.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// What came of one frame.
#[derive(Debug, Clone, Copy)]
pub struct Pushed {
    /// From just before its first byte was sent to the whole prediction.
    pub total: Duration,
    /// Where the time went within the box.
    pub timing: Timing,
}

/// A connected client.
#[derive(Debug)]
pub struct WirePusher {
    stream: TcpStream,
    number: u64,
}

impl WirePusher {
    /// Connects and claims the source.
    ///
    /// # Errors
    ///
    /// The gateway refuses.
    pub fn open(address: SocketAddr, source: &str) -> Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let mut body = vec![VERSION, PUSH, 0, 0, WANT_PREDICTIONS, source.len() as u8];
        body.extend(source.as_bytes());
        stream.write_all(&[&(body.len() as u32).to_be_bytes()[..], &body].concat())?;
        let mut pusher = Self { stream, number: 0 };
        pusher
            .stream
            .set_read_timeout(Some(Duration::from_secs(5)))?;
        let message = pusher.message()?.context("no answer to PUSH")?;
        ensure!(
            message[1] == WELCOME,
            "{}",
            String::from_utf8_lossy(&message)
        );
        Ok(pusher)
    }

    /// Sends one frame and waits for its prediction; `None` if it was left out, or nothing came of it
    /// within `patience`.
    ///
    /// # Errors
    ///
    /// The connection broke.
    pub fn push(&mut self, jpeg: &[u8], patience: Duration) -> Result<Option<Pushed>> {
        self.number += 1;
        let length = (HEADER_BYTES + 16 + jpeg.len()) as u32;
        let head = [
            &length.to_be_bytes()[..],
            &[VERSION, PUSH_FRAME, 0, 0],
            &self.number.to_be_bytes(),
            &0_u64.to_be_bytes(),
        ];
        let message = [&head.concat(), jpeg].concat();
        let began = Instant::now();
        self.stream.write_all(&message)?;
        loop {
            let left = patience.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            self.stream.set_read_timeout(Some(left))?;
            let Some(message) = self.message()? else {
                return Ok(None);
            };
            let total = began.elapsed();
            match message[1] {
                ACCEPTED | PING => {}
                PUSHED_PREDICTION => {
                    let (stamp, json) = message[HEADER_BYTES..]
                        .split_at_checked(STAMP_BYTES)
                        .context("too short")?;
                    let number = u64::from_be_bytes(*stamp.first_chunk().context("too short")?);
                    if number == self.number {
                        let prediction: Prediction = serde_json::from_slice(json)?;
                        let timing = prediction.timing_us;
                        return Ok(Some(Pushed { total, timing }));
                    }
                }
                other => bail!("type {other}: {}", String::from_utf8_lossy(&message)),
            }
        }
    }

    /// The next message from its version on; `None` if none began in time.
    fn message(&mut self) -> Result<Option<Vec<u8>>> {
        let mut length = [0; 4];
        match self.stream.read_exact(&mut length) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Ok(None);
            }
            read => read?,
        }
        let length = u32::from_be_bytes(length) as usize;
        ensure!(
            (HEADER_BYTES..=MESSAGE_BYTES_MAX).contains(&length),
            "length {length}"
        );
        let mut message = vec![0; length];
        self.stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        self.stream.read_exact(&mut message)?;
        Ok(Some(message))
    }
}
