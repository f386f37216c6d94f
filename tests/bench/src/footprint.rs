//! Memory and processor time of every process of a box, and how old the frames are that viewers
//! get, with none, one, eight and thirty-two of them.

use crate::options::Options;
use crate::product::{Load, RunningBox, VideoStream, pss_bytes, wall_us};
use crate::progress::note;
use crate::statistics::Percentiles;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Viewers of the multipart stream.
const VIEWERS: [usize; 4] = [0, 1, 8, 32];
/// From the arrival of the viewers to the start of the measurement.
const SETTLE: Duration = Duration::from_secs(2);

/// One process with a number of viewers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProcessResult {
    /// `supervisor`, `capture/cam0`, `infer/0` or `gateway`.
    pub name: String,
    /// Memory with its share of what is shared, bytes.
    pub pss_bytes: u64,
    /// Processor time, percent of one core.
    pub cpu_percent: f64,
}

/// The box with a number of viewers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FootprintResult {
    /// Number of viewers.
    pub viewers: usize,
    /// Every process.
    pub processes: Vec<ProcessResult>,
    /// Capture → whole JPEG in a viewer's hands, ms; `None` without viewers.
    pub frame_ms: Option<Percentiles>,
    /// Frames a second that a viewer got, on average.
    pub viewer_fps: f64,
}

impl FootprintResult {
    /// Memory of the processes whose name begins with one of `kinds`, MB (10^6 bytes).
    #[must_use]
    pub fn pss_mb(&self, kinds: &[&str]) -> f64 {
        self.of(kinds)
            .map(|process| process.pss_bytes as f64 / 1e6)
            .sum()
    }

    /// Processor time of the processes whose name begins with one of `kinds`, percent of a core.
    #[must_use]
    pub fn cpu_percent(&self, kinds: &[&str]) -> f64 {
        self.of(kinds).map(|process| process.cpu_percent).sum()
    }

    fn of(&self, kinds: &[&str]) -> impl Iterator<Item = &ProcessResult> {
        let is_of = |name: &str| kinds.iter().any(|kind| name.starts_with(kind));
        self.processes
            .iter()
            .filter(move |process| is_of(&process.name))
    }
}

/// Measures with each number of viewers.
///
/// # Errors
///
/// The box or a viewer failed.
pub fn measure(options: &Options, running: &RunningBox) -> Result<Vec<FootprintResult>> {
    let duration = Duration::from_secs(if options.quick { 3 } else { 15 });
    VIEWERS
        .iter()
        .map(|viewers| with_viewers(running, *viewers, duration))
        .collect()
}

fn with_viewers(
    running: &RunningBox,
    viewers: usize,
    duration: Duration,
) -> Result<FootprintResult> {
    note(&format!(
        "box: memory and processor time with {viewers} viewers"
    ));
    let (counting, stopping) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let watching: Vec<_> = (0..viewers)
            .map(|_| scope.spawn(|| watch(running, &counting, &stopping)))
            .collect();
        let measured = observe(running, &counting, duration);
        stopping.store(true, Ordering::Relaxed);
        let processes = measured?;
        let mut ages_ms = Vec::new();
        for viewer in watching {
            let ages = viewer.join().ok().context("a viewer panicked")?;
            ages_ms.append(&mut ages?);
        }
        let frames_per_s = ages_ms.len() as f64 / duration.as_secs_f64();
        Ok(FootprintResult {
            viewers,
            processes,
            viewer_fps: frames_per_s / viewers.max(1) as f64,
            frame_ms: (!ages_ms.is_empty()).then(|| Percentiles::of(ages_ms)),
        })
    })
}

/// One viewer: ages of the frames that came while it counted, ms.
fn watch(running: &RunningBox, counting: &AtomicBool, stopping: &AtomicBool) -> Result<Vec<f64>> {
    let mut stream = VideoStream::open(running.http())?;
    let mut ages = Vec::new();
    while !stopping.load(Ordering::Relaxed) {
        let capture = stream.next_frame()?;
        if counting.load(Ordering::Relaxed) {
            ages.push(wall_us().saturating_sub(capture) as f64 / 1e3);
        }
    }
    Ok(ages)
}

fn observe(
    running: &RunningBox,
    counting: &AtomicBool,
    duration: Duration,
) -> Result<Vec<ProcessResult>> {
    std::thread::sleep(SETTLE);
    let processes = running.processes()?;
    let load = Load::start(processes.iter().map(|(_, pid)| *pid))?;
    counting.store(true, Ordering::Relaxed);
    std::thread::sleep(duration);
    counting.store(false, Ordering::Relaxed);
    let results = processes.into_iter().map(|(name, pid)| {
        let cpu_percent = load.percent(pid)?;
        Ok(ProcessResult {
            name,
            pss_bytes: pss_bytes(pid)?,
            cpu_percent,
        })
    });
    results.collect()
}
