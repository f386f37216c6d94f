//! Where and when it was measured, and how quiet it was.

use crate::options::Options;
use crate::program;
use serde::{Deserialize, Serialize};
use std::fs;
use std::process::Command;
use std::time::Duration;

/// The machine, as far as figures depend on it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Machine {
    /// Date and time, UTC.
    pub date: String,
    /// Commit of the product, and whether its files differ from it.
    pub commit: String,
    /// Model of the processor.
    pub processor: String,
    /// Number of cores that this process may use.
    pub cores: usize,
    /// Memory, GiB.
    pub memory_gib: f64,
    /// Kernel release.
    pub kernel: String,
    /// `rustc --version`.
    pub rust: String,
}

/// Processor time of the whole machine since it started, in ticks.
#[derive(Debug, Clone, Copy)]
pub struct Ticks {
    all: u64,
    steal: u64,
}

/// How much others disturbed the measurement.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Disturbance {
    /// Load average of the last minute before the start: 0 on a quiet machine.
    pub load_before: f64,
    /// Share of the time that the host took from this virtual machine, percent.
    pub steal_percent: f64,
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments);
    let text = program::output(command, Duration::from_secs(10)).ok()?;
    Some(text.trim().to_owned())
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The value of `key` in a file of `key : value` lines.
fn field(text: &str, key: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

impl Machine {
    /// This one.
    #[must_use]
    pub fn this(options: &Options) -> Self {
        let unknown = || "unknown".to_owned();
        let folder = options.folder.to_string_lossy();
        let commit = output("git", &["-C", &folder, "rev-parse", "--short=12", "HEAD"]);
        let changes = output("git", &["-C", &folder, "status", "--porcelain", "-uno"]);
        let changed = changes.is_some_and(|changes| !changes.is_empty());
        let memory = field(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
        let memory_kib = memory
            .split(' ')
            .next()
            .and_then(|kib| kib.parse::<f64>().ok());
        Self {
            date: output("date", &["-u", "+%Y-%m-%d %H:%M UTC"]).unwrap_or_else(unknown),
            commit: commit.unwrap_or_else(unknown) + if changed { " with changes" } else { "" },
            processor: field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(unknown),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_gib: memory_kib.unwrap_or(0.0) / f64::from(1 << 20),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            rust: output("rustc", &["--version"]).unwrap_or_else(unknown),
        }
    }
}

impl Ticks {
    /// Until now.
    #[must_use]
    pub fn now() -> Self {
        let stat = read("/proc/stat");
        let first = stat.lines().next().unwrap_or_default();
        let ticks: Vec<u64> = first
            .split_whitespace()
            .skip(1)
            .filter_map(|tick| tick.parse().ok())
            .collect();
        // user nice system idle iowait irq softirq steal; guest time is in user already.
        Self {
            all: ticks.iter().take(8).sum(),
            steal: ticks.get(7).copied().unwrap_or(0),
        }
    }
}

/// Load average of the last minute.
#[must_use]
pub fn load_average() -> f64 {
    let text = read("/proc/loadavg");
    text.split(' ')
        .next()
        .and_then(|load| load.parse().ok())
        .unwrap_or(0.0)
}

impl Disturbance {
    /// Since `began`, when the load average was `load_before`.
    #[must_use]
    pub fn since(began: Ticks, load_before: f64) -> Self {
        let now = Ticks::now();
        let all = (now.all - began.all).max(1) as f64;
        Self {
            load_before,
            steal_percent: (now.steal - began.steal) as f64 * 100.0 / all,
        }
    }
}
