//! How fast many clients are served, beside uStreamer and the classic Python design, with the same
//! frames; what clients that push wait for; and what a client costs in memory.
//!
//! - `servers`: who serves; each is started for its turn and stopped after it.
//! - `load`: the clients, a process of its own; `stream`: what they read.
//! - `push`: clients that push; `memory`: what clients cost.
//!
//! Turns are interleaved: each round has every scenario, and in it every server, each round beginning
//! with another one. Figures are medians over rounds.

mod frames;
pub mod load;
mod memory;
mod push;
mod servers;
mod stream;

use crate::options::Options;
use crate::product::Load;
use crate::progress::note;
use crate::statistics::{Percentiles, median};
use anyhow::Result;
pub use frames::FRAME_BYTES;
use load::{LoadPlan, LoadResult};
pub use memory::MemoryResult;
pub use push::PushResult;
use serde::{Deserialize, Serialize};
pub use servers::Kind;
use servers::Running;
use std::time::Duration;

/// From the arrival of the clients to the start of the measurement.
const SETTLE: Duration = Duration::from_secs(2);

/// Who watches.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// How the results call it.
    pub name: &'static str,
    /// Clients that read.
    pub readers: usize,
    /// Clients that never do.
    pub stalled: usize,
    /// Frames a second that each asks for; 0 = all.
    pub fps: u32,
    /// Who is measured so.
    pub servers: &'static [Kind],
}

const ALL: &[Kind] = &[Kind::Wigwag, Kind::Ustreamer, Kind::Classic];
const TWO: &[Kind] = &[Kind::Wigwag, Kind::Ustreamer];

/// What is measured.
pub const SCENARIOS: [Scenario; 5] = [
    scenario("8 clients", 8, 0, 0, ALL),
    scenario("32 clients", 32, 0, 0, ALL),
    scenario("8 clients, and 8 that never read", 8, 8, 0, ALL),
    scenario("256 clients", 256, 0, 0, TWO),
    scenario("1,000 clients at 5 frames/s", 1_000, 0, 5, &[Kind::Wigwag]),
];

const fn scenario(
    name: &'static str,
    readers: usize,
    stalled: usize,
    fps: u32,
    servers: &'static [Kind],
) -> Scenario {
    Scenario {
        name,
        readers,
        stalled,
        fps,
        servers,
    }
}

/// One server in one scenario, over all rounds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServingResult {
    /// The scenario's name.
    pub scenario: String,
    /// Who served.
    pub server: Kind,
    /// Capture → the whole JPEG at the client, ms.
    pub age_ms: Percentiles,
    /// Frames a second, on average over the clients.
    pub fps: f64,
    /// The same of the client that got the fewest.
    pub fps_min: f64,
    /// Processor time of what captures and serves, percent of one core.
    pub cpu_percent: f64,
}

/// All of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServingResults {
    /// Rounds.
    pub rounds: usize,
    /// Who watches.
    pub serving: Vec<ServingResult>,
    /// Who pushes.
    pub push: Vec<PushResult>,
    /// What clients cost.
    pub memory: MemoryResult,
}

impl ServingResults {
    /// One server in one scenario.
    #[must_use]
    pub fn of(&self, scenario: &str, server: Kind) -> Option<&ServingResult> {
        let mut all = self.serving.iter();
        all.find(|result| result.scenario == scenario && result.server == server)
    }
}

/// Measures everything.
///
/// # Errors
///
/// A server or a client failed.
pub fn measure(options: &Options) -> Result<ServingResults> {
    let (rounds, seconds) = if options.quick { (2, 3) } else { (5, 8) };
    let mut turns: Vec<(usize, Kind, LoadResult, f64)> = Vec::new();
    for round in 0..rounds {
        for (number, scenario) in SCENARIOS.iter().enumerate() {
            let count = scenario.servers.len();
            for step in 0..count {
                let kind = scenario.servers[(round + step) % count];
                if !kind.is_there(options) {
                    continue;
                }
                note(&format!(
                    "serving: round {}/{rounds}, {}, {}",
                    round + 1,
                    scenario.name,
                    kind.title()
                ));
                let (load, cpu) = turn(options, kind, scenario, seconds)?;
                turns.push((number, kind, load, cpu));
            }
        }
    }
    let mut serving = Vec::new();
    for (number, scenario) in SCENARIOS.iter().enumerate() {
        for kind in scenario.servers {
            let of_it: Vec<_> = turns
                .iter()
                .filter(|(n, k, ..)| *n == number && k == kind)
                .collect();
            if !of_it.is_empty() {
                serving.push(ServingResult {
                    scenario: scenario.name.to_owned(),
                    server: *kind,
                    age_ms: Percentiles::over_rounds(of_it.iter().map(|turn| &turn.2.age_ms)),
                    fps: median(of_it.iter().map(|turn| turn.2.fps)),
                    fps_min: median(of_it.iter().map(|turn| turn.2.fps_min)),
                    cpu_percent: median(of_it.iter().map(|turn| turn.3)),
                });
            }
        }
    }
    Ok(ServingResults {
        rounds,
        serving,
        push: push::measure(options)?,
        memory: memory::measure(options)?,
    })
}

fn turn(
    options: &Options,
    kind: Kind,
    scenario: &Scenario,
    seconds: u64,
) -> Result<(LoadResult, f64)> {
    let server = Running::start(options, kind)?;
    let clients = LoadPlan {
        protocol: kind.protocol(),
        address: server.address(),
        path: server.path(scenario.fps),
        readers: scenario.readers,
        stalled: scenario.stalled,
        settle: SETTLE,
        duration: Duration::from_secs(seconds),
    }
    .start()?;
    clients.await_start()?;
    let pids = server.pids()?;
    let load = Load::start(pids.iter().copied())?;
    let result = clients.finish()?;
    let cpu = pids.into_iter().map(|pid| load.percent(pid));
    Ok((result, cpu.sum::<Result<f64>>()?))
}
