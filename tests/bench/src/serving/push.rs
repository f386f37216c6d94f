//! Clients that push: from the first byte of a frame to its prediction, beside the model's own time.
//!
//! Each sends a picture of an open hand, waits for what was recognised in it, and sends the next one
//! at its pace. With several, a frame may wait for the model to be done with another one's: that is
//! listed by itself.

use crate::options::Options;
use crate::product::{Pushed, RunningBox, Setup, WirePusher, hold_frames};
use crate::progress::note;
use crate::statistics::Percentiles;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::fs;
use std::time::{Duration, Instant};

/// How many push at once.
const CLIENTS: [usize; 2] = [1, 8];
/// Time between two frames of a client.
const PACE: Duration = Duration::from_millis(100);
/// Predictions of each client that do not count.
const SETTLE: usize = 10;

/// So many clients, over all rounds; all times in ms.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PushResult {
    /// How many push.
    pub clients: usize,
    /// First byte of the frame → the whole prediction.
    pub total_ms: Percentiles,
    /// The model's own time, with JPEG decoding.
    pub model_ms: Percentiles,
    /// The frame readable in shared memory → taken: the model is at another one's frame.
    pub wait_ms: Percentiles,
    /// The rest: network, inspection, shared memory, and back.
    pub own_ms: Percentiles,
}

/// Measures.
///
/// # Errors
///
/// The box or a client failed.
pub fn measure(options: &Options) -> Result<Vec<PushResult>> {
    let (rounds, frames) = if options.quick { (2, 30) } else { (5, 100) };
    let clip = fs::read(options.demo_clip())?;
    let clip = hold_frames(&clip)?;
    let second = clip
        .windows(3)
        .skip(1)
        .position(|three| three == b"\xff\xd8\xff");
    let jpeg = &clip[..second.context("the clip has one frame only")? + 1];
    let setup = Setup {
        clip: Vec::new(),
        config: configuration(options),
    };
    let running = RunningBox::start_with(options, "push", &setup)?;
    let mut all: Vec<Vec<Vec<Pushed>>> = vec![Vec::new(); CLIENTS.len()];
    for round in 0..rounds {
        note(&format!("push: round {}/{rounds}", round + 1));
        for (rounds, clients) in all.iter_mut().zip(CLIENTS) {
            rounds.push(push_all(&running, clients, frames, jpeg)?);
        }
    }
    let results = CLIENTS.iter().zip(&all);
    Ok(results
        .map(|(clients, rounds)| sum_up(*clients, rounds))
        .collect())
}

fn push_all(
    running: &RunningBox,
    clients: usize,
    frames: usize,
    jpeg: &[u8],
) -> Result<Vec<Pushed>> {
    std::thread::scope(|scope| {
        let pushing: Vec<_> = (0..clients)
            .map(|number| scope.spawn(move || push_one(running, number, frames, jpeg)))
            .collect();
        let mut all = Vec::new();
        for client in pushing {
            let pushed = client.join().ok().context("a client panicked")?;
            all.extend(pushed?);
        }
        Ok(all)
    })
}

fn push_one(
    running: &RunningBox,
    number: usize,
    frames: usize,
    jpeg: &[u8],
) -> Result<Vec<Pushed>> {
    let mut client = WirePusher::open(running.wire(), &format!("phone{number}"))?;
    let mut pushed = Vec::new();
    // Not all at the same moment.
    let mut due = Instant::now() + PACE * number as u32 / 8;
    let deadline = due + PACE * 20 * (frames + SETTLE) as u32;
    while pushed.len() < frames + SETTLE {
        ensure!(Instant::now() < deadline, "too few predictions come");
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        due += PACE;
        if let Some(found) = client.push(jpeg, PACE * 10)? {
            pushed.push(found);
        }
    }
    Ok(pushed.split_off(SETTLE))
}

fn sum_up(clients: usize, rounds: &[Vec<Pushed>]) -> PushResult {
    let over = |pick: &dyn Fn(&Pushed) -> f64| {
        let rounds = rounds
            .iter()
            .map(|r| Percentiles::of(r.iter().map(pick).collect()));
        Percentiles::over_rounds(&rounds.collect::<Vec<_>>())
    };
    let total = |p: &Pushed| p.total.as_secs_f64() * 1e3;
    let model = |p: &Pushed| p.timing.infer as f64 / 1e3;
    let wait = |p: &Pushed| p.timing.publish_to_take as f64 / 1e3;
    PushResult {
        clients,
        total_ms: over(&total),
        model_ms: over(&model),
        wait_ms: over(&wait),
        own_ms: over(&|p| total(p) - model(p) - wait(p)),
    }
}

fn configuration(options: &Options) -> String {
    let sources: String = (0..8)
        .map(|number| format!("[sources.phone{number}]\ntype = \"push\"\n"))
        .collect();
    format!(
        "{sources}[infer]\nworkers = 1\nidle_fps = 240\nmanifest = \"{}\"\n\
         [gateway]\nhttp = \"127.0.0.1:0\"\nwire = \"127.0.0.1:0\"\n",
        options.manifest().display()
    )
}
