//! Publish → readable by another process: Wigwag's ring beside a plain copy, iceoryx2, a Unix
//! socket and Python's Manager.
//!
//! Rounds, and within a round every transport in turn, starting with another one each time, so
//! that a bad minute of the machine hits all of them. Each run has a writer's and a reader's
//! process of its own. Neighbours: `report` prints the result.

mod iceoryx;
mod job;
mod memcpy;
pub mod peer;
mod samples;
mod socket;
mod wigwag;

pub use job::{FrameSize, Job, Transport};
pub use samples::RunResult;

use crate::options::Options;
use crate::program;
use crate::progress::note;
use crate::statistics::{Percentiles, median};
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use std::process::Command;
use std::time::Duration;

/// Attempts at a run before the benchmark gives up.
const ATTEMPTS_MAX: usize = 4;

/// What each size is measured with.
#[derive(Debug, Clone, Copy)]
struct Plan {
    size: FrameSize,
    fps: u64,
    frames: u64,
    /// Python's Manager cannot keep up with `fps`.
    python_fps: u64,
    python_frames: u64,
}

const PLANS: [Plan; 2] = [
    Plan {
        size: FrameSize {
            width_px: 640,
            height_px: 480,
        },
        fps: 250,
        frames: 1000,
        python_fps: 30,
        python_frames: 90,
    },
    Plan {
        size: FrameSize {
            width_px: 1920,
            height_px: 1080,
        },
        fps: 125,
        frames: 500,
        python_fps: 10,
        python_frames: 40,
    },
];

/// One transport at one size, over all rounds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TransportResult {
    /// Name of the transport.
    pub transport: String,
    /// Median over rounds, µs.
    pub observed_us: Percentiles,
    /// Median over rounds, µs, where it was measured.
    pub wake_us: Option<Percentiles>,
    /// Frames that never reached the reader, all rounds together.
    pub missed: u64,
    /// Every round.
    pub rounds: Vec<RunResult>,
}

/// All transports at one size.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SizeResult {
    /// `640x480x3`, …
    pub size: String,
    /// Bytes of a frame.
    pub len_bytes: usize,
    /// Frames a second; Python's Manager has its own, slower rate.
    pub fps: u64,
    /// Frames a second of Python's Manager.
    pub python_fps: u64,
    /// The transports that were measured.
    pub transports: Vec<TransportResult>,
}

impl SizeResult {
    /// How many times `numerator` takes as long as `denominator`: the median over rounds of the
    /// ratio within a round, so that a slow round counts for both.
    #[must_use]
    pub fn ratio(&self, numerator: Transport, denominator: Transport) -> Option<f64> {
        let rounds = |transport: Transport| {
            let found = self
                .transports
                .iter()
                .find(|result| result.transport == transport.name());
            found
                .map(|result| &result.rounds)
                .filter(|rounds| !rounds.is_empty())
        };
        let pairs = rounds(numerator)?.iter().zip(rounds(denominator)?);
        Some(median(pairs.map(|(top, bottom)| {
            top.observed_us.p50 / bottom.observed_us.p50
        })))
    }
}

/// The whole comparison.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RingResult {
    /// One for each size.
    pub sizes: Vec<SizeResult>,
    /// Number of rounds.
    pub rounds: usize,
}

/// Measures all transports at both sizes.
///
/// # Errors
///
/// A run failed. Python's are left out if there is no Python, or no numpy.
pub fn measure(options: &Options) -> Result<RingResult> {
    let rounds = options.ring_rounds();
    let numpy = has_numpy(options);
    let mut sizes = Vec::new();
    for plan in &PLANS {
        let mut results: Vec<(Transport, Vec<RunResult>)> = Transport::ALL
            .iter()
            .map(|transport| (*transport, Vec::new()))
            .collect();
        for round in 0..rounds {
            note(&format!("ring: {} round {}/{rounds}", plan.size, round + 1));
            let count = results.len();
            for turn in 0..count {
                let (transport, runs) = &mut results[(turn + round) % count];
                let is_missing = transport.is_python() && options.python.is_none();
                if is_missing || transport.needs_numpy() && !numpy {
                    continue;
                }
                runs.push(run_until_it_counts(
                    options,
                    &plan.job(*transport, options),
                )?);
            }
        }
        sizes.push(plan.sum_up(results));
    }
    Ok(RingResult { sizes, rounds })
}

impl Plan {
    fn job(&self, transport: Transport, options: &Options) -> Job {
        let (fps, frames) = if transport.is_python() {
            (self.python_fps, self.python_frames)
        } else {
            (self.fps, self.frames)
        };
        let frames = if options.quick { frames / 2 } else { frames };
        Job {
            transport,
            size: self.size,
            fps,
            frames,
        }
    }

    fn sum_up(&self, results: Vec<(Transport, Vec<RunResult>)>) -> SizeResult {
        let measured = results.into_iter().filter(|(_, rounds)| !rounds.is_empty());
        let transports = measured.map(|(transport, rounds)| {
            let wakes: Vec<Percentiles> = rounds.iter().filter_map(|run| run.wake_us).collect();
            TransportResult {
                transport: transport.name().to_owned(),
                observed_us: Percentiles::over_rounds(rounds.iter().map(|run| &run.observed_us)),
                wake_us: (!wakes.is_empty()).then(|| Percentiles::over_rounds(&wakes)),
                missed: rounds.iter().map(|run| run.missed).sum(),
                rounds,
            }
        });
        SizeResult {
            size: self.size.to_string(),
            len_bytes: self.size.len_bytes(),
            fps: self.fps,
            python_fps: self.python_fps,
            transports: transports.collect(),
        }
    }
}

fn has_numpy(options: &Options) -> bool {
    let Some(python) = &options.python else {
        return false;
    };
    let mut command = Command::new(python);
    command.args(["-c", "import numpy"]);
    program::output(command, Duration::from_secs(30)).is_ok()
}

/// A run in which most frames came through; on a crowded machine the reader may hardly get to run.
fn run_until_it_counts(options: &Options, job: &Job) -> Result<RunResult> {
    let wanted = (job.frames as usize - job.warm_up()) / 2;
    for _ in 0..ATTEMPTS_MAX {
        match run(options, job) {
            Ok(result) if result.observed_us.count >= wanted => return Ok(result),
            Ok(result) => {
                let (name, count) = (job.transport.name(), result.observed_us.count);
                note(&format!(
                    "ring: {name} again: the reader got {count} frames only"
                ));
            }
            Err(error) => note(&format!("ring: again: {error:#}")),
        }
    }
    bail!(
        "{} failed {ATTEMPTS_MAX} times; is the machine too busy?",
        job.transport.name()
    )
}

fn run(options: &Options, job: &Job) -> Result<RunResult> {
    let mut command = match &options.python {
        Some(python) if job.transport.is_python() => {
            let mut command = Command::new(python);
            command.arg(options.folder.join("manager.py"));
            command
        }
        _ => {
            let mut command = Command::new(std::env::current_exe()?);
            command.arg("ring-writer");
            command
        }
    };
    command.args(job.arguments());
    let expected = Duration::from_millis(1000 * job.frames / job.fps);
    let output = program::output(command, expected + Duration::from_secs(60))?;
    Ok(serde_json::from_str(&output)?)
}
