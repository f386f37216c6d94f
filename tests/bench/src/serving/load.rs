//! Many clients in one thread of a process of their own, so that they cost the same whoever serves,
//! and no server's memory or time is theirs.

use super::stream::{Protocol, Reader};
use crate::product::wall_us;
use crate::statistics::Percentiles;
use anyhow::{Context, Result, bail, ensure};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// Bytes that are read at once.
const BUFFER_BYTES: usize = 256 * 1024;
/// Longest wait for anything.
const TICK_MS: u16 = 100;
/// How long a frame may be under way that was captured in the time that counts.
const GRACE: Duration = Duration::from_millis(500);
/// What the process says when the measurement begins.
const BEGIN: &str = "begin";

/// What the clients do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoadPlan {
    /// How the server talks.
    pub protocol: Protocol,
    /// Where it is.
    pub address: SocketAddr,
    /// What is asked for.
    pub path: String,
    /// Clients that read.
    pub readers: usize,
    /// Clients that never do.
    pub stalled: usize,
    /// Time before anything counts.
    pub settle: Duration,
    /// Time that counts.
    pub duration: Duration,
}

/// What the clients got.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoadResult {
    /// Capture → the whole JPEG at the client, ms.
    pub age_ms: Percentiles,
    /// Frames a second, on average over the clients.
    pub fps: f64,
    /// The same of the client that got the fewest.
    pub fps_min: f64,
}

/// The process.
#[derive(Debug)]
pub struct Clients {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl LoadPlan {
    /// Starts the clients.
    ///
    /// # Errors
    ///
    /// This program cannot be started again.
    pub fn start(&self) -> Result<Clients> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["load", &serde_json::to_string(self)?])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let said = child.stdout.take().context("its output")?;
        Ok(Clients {
            child,
            said: BufReader::new(said),
        })
    }
}

impl Clients {
    /// Waits until the time that counts begins. (What follows may be a moment late; the figures of the
    /// clients are their own.)
    ///
    /// # Errors
    ///
    /// A client failed.
    pub fn await_start(&self) -> Result<()> {
        // The line stays for `finish`: it is looked at there.
        let mut watched = [nix::poll::PollFd::new(
            std::os::fd::AsFd::as_fd(self.said.get_ref()),
            nix::poll::PollFlags::POLLIN,
        )];
        let limit = nix::poll::PollTimeout::from(60_000_u16);
        ensure!(
            nix::poll::poll(&mut watched, limit)? == 1,
            "the clients do not begin"
        );
        Ok(())
    }

    /// Waits for the end and gives what they got.
    ///
    /// # Errors
    ///
    /// A client failed.
    pub fn finish(mut self) -> Result<LoadResult> {
        let mut text = String::new();
        self.said.read_line(&mut text)?;
        ensure!(text.trim() == BEGIN, "the clients failed");
        text.clear();
        self.said.read_to_string(&mut text)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the clients ended with {status}");
        Ok(serde_json::from_str(&text)?)
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        // It has ended, if `finish` was called.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// The process's own life: `arguments` is a plan as JSON.
///
/// # Errors
///
/// A connection fails, or what comes is no stream.
pub fn run(arguments: &[String]) -> Result<()> {
    let plan = arguments.first().context("the plan is missing")?;
    let plan: LoadPlan = serde_json::from_str(plan)?;
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let stalled = (0..plan.stalled).map(|_| connect(&plan));
    let _stalled: Vec<TcpStream> = stalled.collect::<Result<_>>()?;
    let epoll = Epoll::new(EpollCreateFlags::empty())?;
    let mut clients = Vec::with_capacity(plan.readers);
    for number in 0..plan.readers {
        let stream = connect(&plan)?;
        stream.set_nonblocking(true)?;
        epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
        clients.push((stream, Reader::new(plan.protocol)));
    }
    let mut tallies = vec![Tally::default(); plan.readers];
    read_all(&epoll, &mut clients, plan.settle, |number, capture_us| {
        tallies[number].before_us = Some(capture_us);
    })?;
    println!("{BEGIN}");
    let mut ages_ms = Vec::new();
    let counted = captured_in(wall_us(), plan.duration);
    let until = plan.duration + GRACE;
    read_all(&epoll, &mut clients, until, |number, capture_us| {
        if counted.contains(&capture_us) {
            ages_ms.push((wall_us() as f64 - capture_us as f64) / 1e3);
        }
        tallies[number].see(capture_us, &counted);
    })?;
    let rates: Vec<f64> = tallies.iter().map(|tally| tally.per_s(&counted)).collect();
    let result = LoadResult {
        fps: rates.iter().sum::<f64>() / plan.readers.max(1) as f64,
        fps_min: rates.into_iter().reduce(f64::min).unwrap_or(0.0),
        age_ms: Percentiles::of(ages_ms),
    };
    println!("{}", serde_json::to_string(&result)?);
    Ok(())
}

/// The capture times that count, µs since 1970.
fn captured_in(begin_us: u64, duration: Duration) -> Range<u64> {
    let duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    begin_us..begin_us.saturating_add(duration_us)
}

/// What one client got, by capture times.
#[derive(Debug, Clone, Default)]
struct Tally {
    /// The last frame before the time that counts.
    before_us: Option<u64>,
    /// Frames in it.
    inside: u32,
    /// The first frame after it.
    after_us: Option<u64>,
}

impl Tally {
    fn see(&mut self, capture_us: u64, counted: &Range<u64>) {
        if capture_us < counted.start {
            self.before_us = Some(capture_us);
        } else if capture_us < counted.end {
            self.inside += 1;
        } else {
            self.after_us.get_or_insert(capture_us);
        }
    }

    /// Frames a second, over whole intervals: from the frame before the time that counts to the one
    /// after it. A plain count in 3 s has 14, 15 or 16 frames of 5 a second, and the least of a thousand
    /// clients has 14 though none is missing. Who gets nothing any more waits to the end.
    fn per_s(&self, counted: &Range<u64>) -> f64 {
        let from_us = self.before_us.unwrap_or(counted.start);
        let grace_us = GRACE.as_micros() as u64;
        let until_us = self.after_us.unwrap_or(counted.end + grace_us);
        let frames = self.inside + u32::from(self.after_us.is_some());
        f64::from(frames) * 1e6 / until_us.saturating_sub(from_us).max(1) as f64
    }
}

fn connect(plan: &LoadPlan) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(plan.address)?;
    stream.set_nodelay(true)?;
    if plan.protocol == Protocol::Multipart {
        let (path, address) = (&plan.path, plan.address);
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n")?;
    }
    Ok(stream)
}

/// Reads for so long; `seen` gets each picture's client and capture time.
fn read_all(
    epoll: &Epoll,
    clients: &mut [(TcpStream, Reader)],
    duration: Duration,
    mut seen: impl FnMut(usize, u64),
) -> Result<()> {
    let end = Instant::now() + duration;
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut events = vec![EpollEvent::empty(); 256];
    while Instant::now() < end {
        let count = match epoll.wait(&mut events, EpollTimeout::from(TICK_MS)) {
            Err(nix::errno::Errno::EINTR) => 0,
            count => count?,
        };
        for event in &events[..count] {
            let number = event.data() as usize;
            let (stream, reader) = &mut clients[number];
            match stream.read(&mut buffer) {
                Ok(0) => bail!("the server ended a connection"),
                Ok(len) => reader.feed(&buffer[..len], |capture_us| seen(number, capture_us)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
            ensure!(!reader.is_broken(), "what came is no stream");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEAT_US: u64 = 200_000;

    /// The rate of who gets those of the frames of a camera with that beat, of which 3 s count.
    fn rate(begin_us: u64, gets: impl Fn(u64) -> bool) -> f64 {
        let counted = captured_in(begin_us, Duration::from_secs(3));
        let mut tally = Tally::default();
        for number in (0..80).filter(|number| gets(*number)) {
            tally.see(number * BEAT_US, &counted);
        }
        tally.per_s(&counted)
    }

    #[test]
    fn whoever_misses_nothing_has_the_whole_rate_wherever_the_time_begins() {
        for begin_us in [7_000_000, 7_000_001, 7_100_000, 7_199_999] {
            assert!((rate(begin_us, |_| true) - 5.0).abs() < 1e-9);
        }
    }

    #[test]
    fn a_missing_frame_lowers_the_rate_and_silence_more() {
        let one_missing = rate(7_000_000, |number| number != 42);
        assert!((4.6..4.8).contains(&one_missing), "{one_missing}");
        let last_missing = rate(7_000_000, |number| number != 50);
        assert!((4.6..4.8).contains(&last_missing), "{last_missing}");
        let silent = rate(7_000_000, |number| number < 40);
        assert!(silent < 1.6, "{silent}");
        assert!(rate(7_000_000, |_| false) < 1e-9);
    }
}
