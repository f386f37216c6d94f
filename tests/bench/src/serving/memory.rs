//! What a client costs the gateway in memory: one that is connected and asks for nothing, and one that
//! watches. What the kernel keeps for a connection is not in it.

use super::load::LoadPlan;
use super::servers::{Kind, Running};
use crate::options::Options;
use crate::product::pss_bytes;
use crate::progress::note;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How many clients share the cost of what is there once.
const CLIENTS: usize = 256;
/// From their arrival to the look at the memory.
const SETTLE: Duration = Duration::from_secs(3);

/// Bytes for each client.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct MemoryResult {
    /// Connected, its last request answered.
    pub idle_bytes: f64,
    /// Watches at the full rate.
    pub streaming_bytes: f64,
}

/// Measures.
///
/// # Errors
///
/// The box or a client failed.
pub fn measure(options: &Options) -> Result<MemoryResult> {
    note("memory of clients");
    let server = Running::start(options, Kind::Wigwag)?;
    let Running::Wigwag(running) = &server else {
        anyhow::bail!("no box");
    };
    let gateway = running
        .await_ready("gateway", None)?
        .pid
        .context("its process")?;
    // What is made with the first of each kind is there once.
    watch(&server, 1)?;
    std::thread::sleep(SETTLE);
    let none = pss_bytes(gateway)? as f64;
    let idle: Vec<TcpStream> = (0..CLIENTS).map(|_| ask(&server)).collect::<Result<_>>()?;
    let with_idle = pss_bytes(gateway)? as f64;
    drop(idle);
    let clients = plan(&server, CLIENTS).start()?;
    clients.await_start()?;
    let with_streaming = pss_bytes(gateway)? as f64;
    clients.finish()?;
    let each = |with: f64| (with - none) / CLIENTS as f64;
    Ok(MemoryResult {
        idle_bytes: each(with_idle),
        streaming_bytes: each(with_streaming),
    })
}

fn plan(server: &Running, readers: usize) -> LoadPlan {
    LoadPlan {
        protocol: Kind::Wigwag.protocol(),
        address: server.address(),
        path: server.path(0),
        readers,
        stalled: 0,
        settle: SETTLE,
        duration: Duration::from_secs(1),
    }
}

fn watch(server: &Running, readers: usize) -> Result<()> {
    plan(server, readers).start()?.finish().map(drop)
}

/// A connection that is kept after one answer.
fn ask(server: &Running) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(server.address())?;
    stream.set_read_timeout(Some(SETTLE))?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n")?;
    let read = stream.read(&mut [0; 4096])?;
    anyhow::ensure!(read > 0, "no answer");
    Ok(stream)
}
