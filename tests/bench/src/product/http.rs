//! HTTP clients of the gateway, as thin as can be, so that what is measured is the gateway.

use super::{Prediction, SOURCE};
use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest silence before a read fails.
const SILENCE: Duration = Duration::from_secs(5);
/// Longest header or event line.
const LINE_BYTES_MAX: u64 = 64 * 1024;
/// Largest image.
const IMAGE_BYTES_MAX: usize = 16 << 20;

fn get(address: SocketAddr, path: &str) -> Result<BufReader<TcpStream>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_nodelay(true)?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut reader = BufReader::with_capacity(64 * 1024, stream);
    let status = line(&mut reader)?;
    ensure!(
        status.split(' ').nth(1) == Some("200"),
        "{path} answers `{}`",
        status.trim()
    );
    Ok(reader)
}

fn line(reader: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    let read = reader.by_ref().take(LINE_BYTES_MAX).read_line(&mut line)?;
    ensure!(read > 0 && line.ends_with('\n'), "the connection ended");
    Ok(line)
}

/// Headers up to the empty line; returns `Content-Length` and `X-Wigwag-Capture-Time-Us`.
fn headers(reader: &mut impl BufRead) -> Result<(Option<usize>, Option<u64>)> {
    let (mut length, mut capture) = (None, None);
    loop {
        let line = line(reader)?.to_ascii_lowercase();
        match line.trim().split_once(": ") {
            None => return Ok((length, capture)),
            Some(("content-length", value)) => length = value.parse().ok(),
            Some(("x-wigwag-capture-time-us", value)) => capture = value.parse().ok(),
            Some(_) => {}
        }
    }
}

/// A picture and what came with it.
#[derive(Debug)]
pub struct Snapshot {
    /// The header lines, in lower case.
    pub headers: String,
    /// Length of the JPEG.
    pub len_bytes: usize,
}

/// Gets one snapshot of the box over a connection of its own.
///
/// # Errors
///
/// Anything but an image.
pub fn snapshot(address: SocketAddr) -> Result<Snapshot> {
    ask_snapshot(address, &format!("/snapshot/{SOURCE}"))
}

/// The same at any path of any server.
///
/// # Errors
///
/// Anything but an image.
pub fn ask_snapshot(address: SocketAddr, path: &str) -> Result<Snapshot> {
    let mut reader = get(address, path)?;
    let mut headers = String::new();
    while !headers.ends_with("\n\r\n") && headers != "\r\n" {
        headers += &line(&mut reader)?.to_ascii_lowercase();
    }
    let mut image = Vec::new();
    reader
        .take(IMAGE_BYTES_MAX as u64)
        .read_to_end(&mut image)?;
    ensure!(image.starts_with(b"\xff\xd8"), "the snapshot is no JPEG");
    Ok(Snapshot {
        headers,
        len_bytes: image.len(),
    })
}

/// A viewer of the multipart stream.
#[derive(Debug)]
pub struct VideoStream {
    reader: BufReader<TcpStream>,
    image: Vec<u8>,
}

impl VideoStream {
    /// Begins to watch.
    ///
    /// # Errors
    ///
    /// The gateway refuses.
    pub fn open(address: SocketAddr) -> Result<Self> {
        let mut reader = get(address, &format!("/stream/{SOURCE}"))?;
        headers(&mut reader)?;
        Ok(Self {
            reader,
            image: Vec::new(),
        })
    }

    /// Waits for the next frame, all of it; its capture time, µs since 1970.
    ///
    /// # Errors
    ///
    /// The connection broke, or what comes is no frame.
    pub fn next_frame(&mut self) -> Result<u64> {
        while !line(&mut self.reader)?.starts_with("--") {}
        let (length, capture) = headers(&mut self.reader)?;
        let length = length.filter(|length| *length <= IMAGE_BYTES_MAX);
        self.image
            .resize(length.context("a part without length")?, 0);
        self.reader.read_exact(&mut self.image)?;
        capture.context("a part without capture time")
    }
}

/// A listener to the server-sent events.
#[derive(Debug)]
pub struct EventStream(BufReader<TcpStream>);

impl EventStream {
    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// The gateway refuses.
    pub fn open(address: SocketAddr) -> Result<Self> {
        let mut reader = get(address, "/api/v1/events?only=predictions")?;
        headers(&mut reader)?;
        Ok(Self(reader))
    }

    /// Waits for the next prediction.
    ///
    /// # Errors
    ///
    /// The connection broke, or what comes is no prediction.
    pub fn next_prediction(&mut self) -> Result<Prediction> {
        loop {
            // Chunk lengths and other fields of an event lie between; none begins like this.
            if let Some(json) = line(&mut self.0)?.strip_prefix("data:") {
                return Ok(serde_json::from_str(json.trim())?);
            }
        }
    }
}
