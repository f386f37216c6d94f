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
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// Bytes that are read at once.
const BUFFER_BYTES: usize = 256 * 1024;
/// Longest wait for anything.
const TICK_MS: u16 = 100;
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
    read_all(&epoll, &mut clients, plan.settle, |_, _| {})?;
    println!("{BEGIN}");
    let (mut ages_ms, mut frames) = (Vec::new(), vec![0_u64; plan.readers]);
    read_all(&epoll, &mut clients, plan.duration, |number, capture_us| {
        ages_ms.push((wall_us() as f64 - capture_us as f64) / 1e3);
        frames[number] += 1;
    })?;
    let per_s = |frames: u64| frames as f64 / plan.duration.as_secs_f64();
    let result = LoadResult {
        fps: per_s(frames.iter().sum()) / plan.readers.max(1) as f64,
        fps_min: frames.iter().min().map_or(0.0, |least| per_s(*least)),
        age_ms: Percentiles::of(ages_ms),
    };
    println!("{}", serde_json::to_string(&result)?);
    Ok(())
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
