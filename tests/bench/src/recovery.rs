//! SIGKILL → serving again, for each kind of worker, as a client sees it.
//!
//! - capture: the next frame that was captured after the death, at a client that stays connected;
//! - gateway: the next snapshot, over a new connection, asked for as soon as the process is dead;
//! - infer: the first prediction of the next generation, at a client that stays connected.
//!
//! - beside them, if it is there, a supervised uStreamer: the next snapshot that shows its camera,
//!   over a new connection.
//!
//! They take turns; a unit has been up for longer than the restart policy calls healthy, so
//! every death is a first one. Beside it the model's load, by itself.

use crate::options::Options;
use crate::peer::Peer;
use crate::product::{Death, RunningBox, WireClient, WireMessage, snapshot};
use crate::progress::note;
use crate::statistics::Percentiles;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Longer than `healthy_s` of the box's configuration.
const HEALTHY: Duration = Duration::from_millis(1200);
/// Longest time for a unit to serve again.
const PATIENCE: Duration = Duration::from_secs(20);
/// Pause between two attempts to get a snapshot.
const PAUSE: Duration = Duration::from_micros(500);

/// Recovery times, ms.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecoveryResult {
    /// Of the capture-worker.
    pub capture_ms: Percentiles,
    /// Of the gateway.
    pub gateway_ms: Percentiles,
    /// Of the infer-worker.
    pub infer_ms: Percentiles,
    /// A process that loads the model as a worker does, and ends.
    pub model_load_ms: Percentiles,
    /// Of uStreamer under runsv.
    pub ustreamer_ms: Option<Percentiles>,
}

/// Kills each worker many times.
///
/// # Errors
///
/// A worker did not come back, or a client's connection broke that should have lasted.
pub fn measure(options: &Options, running: &RunningBox) -> Result<RecoveryResult> {
    let kills = if options.quick { 5 } else { 40 };
    let (mut capture, mut gateway, mut infer) = (Vec::new(), Vec::new(), Vec::new());
    let (mut model_load, mut ustreamer) = (Vec::new(), Vec::new());
    let camera = options.camera.as_deref();
    let peer = camera
        .map(|camera| Peer::start(options, camera))
        .transpose()?;
    for kill in 0..kills {
        if kill % 5 == 0 {
            note(&format!(
                "recovery: kill {}/{kills} of each worker",
                kill + 1
            ));
        }
        capture.push(kill_capture(running, kill)?);
        infer.push(kill_infer(running)?);
        gateway.push(kill_gateway(running)?);
        model_load.push(load_model(options)?);
        if let Some(peer) = &peer {
            ustreamer.push(kill_peer(peer)?);
        }
    }
    Ok(RecoveryResult {
        capture_ms: Percentiles::of(capture),
        gateway_ms: Percentiles::of(gateway),
        infer_ms: Percentiles::of(infer),
        model_load_ms: Percentiles::of(model_load),
        ustreamer_ms: peer.is_some().then(|| Percentiles::of(ustreamer)),
    })
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// Waits until the unit has been ready for as long as makes its next death a first one.
fn healthy_pid(running: &RunningBox, kind: &str) -> Result<(i32, u64)> {
    running.await_ready(kind, None)?;
    std::thread::sleep(HEALTHY);
    let unit = running.await_ready(kind, None)?;
    Ok((
        unit.pid.context("a ready unit has a process")?,
        unit.generation,
    ))
}

fn kill_capture(running: &RunningBox, kill: u64) -> Result<f64> {
    let (pid, _) = healthy_pid(running, "capture/")?;
    let mut client = WireClient::open(running.wire(), false)?;
    client.next_message()?;
    // At another moment between two frames each time.
    std::thread::sleep(Duration::from_micros(kill * 7919 % 33_333));
    let death = Death::inflict(pid)?;
    while death.killed.elapsed() < PATIENCE {
        match client.next_message()? {
            WireMessage::Frame(capture_us) if capture_us > death.dead_wall_us => {
                return Ok(ms(death.killed));
            }
            _ => {}
        }
    }
    anyhow::bail!("no frame came after the death of capture")
}

fn kill_gateway(running: &RunningBox) -> Result<f64> {
    let (pid, _) = healthy_pid(running, "gateway")?;
    ensure!(
        snapshot(running.http())?.len_bytes > 0,
        "the snapshot is empty"
    );
    let death = Death::inflict(pid)?;
    loop {
        match snapshot(running.http()) {
            Ok(_) => return Ok(ms(death.killed)),
            Err(error) => {
                ensure!(
                    death.killed.elapsed() < PATIENCE,
                    "the gateway stays away: {error:#}"
                );
                std::thread::sleep(PAUSE);
            }
        }
    }
}

/// It has been up for longer than runsv makes a pause after, too.
fn kill_peer(peer: &Peer) -> Result<f64> {
    std::thread::sleep(HEALTHY);
    ensure!(peer.is_live(), "ustreamer does not serve");
    let death = Death::inflict(peer.pid()?)?;
    while !peer.is_live() {
        ensure!(death.killed.elapsed() < PATIENCE, "ustreamer stays away");
        std::thread::sleep(PAUSE);
    }
    Ok(ms(death.killed))
}

fn kill_infer(running: &RunningBox) -> Result<f64> {
    let (pid, generation) = healthy_pid(running, "infer/")?;
    let mut client = WireClient::open(running.wire(), true)?;
    client.next_message()?;
    let death = Death::inflict(pid)?;
    while death.killed.elapsed() < PATIENCE {
        match client.next_message()? {
            WireMessage::Prediction(prediction) if prediction.generation > generation => {
                return Ok(ms(death.killed));
            }
            _ => {}
        }
    }
    anyhow::bail!("no prediction came after the death of infer")
}

/// A process of the same program that loads the model as a worker does, finds that the one picture
/// it is given does not exist, and ends.
fn load_model(options: &Options) -> Result<f64> {
    let mut command = Command::new(options.program("infer-worker"));
    command
        .arg("predict")
        .arg("--manifest")
        .arg(options.manifest())
        .arg("no-such-picture.jpg");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let began = Instant::now();
    let status = command.status()?;
    // 69: an input cannot be used. Anything else means that the model was not loaded.
    ensure!(
        status.code() == Some(69),
        "infer-worker predict ended with {status}"
    );
    Ok(ms(began))
}
