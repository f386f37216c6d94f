//! A whole box of the real binaries, and what a client and the kernel say about it.
//!
//! - `running`: start, ask, stop.
//! - `http`, `wire`: clients; `pusher`: one that pushes.
//! - `process`: memory and processor time of its processes.

mod http;
mod process;
mod pusher;
mod running;
mod wire;

pub use http::{EventStream, VideoStream, ask_snapshot, snapshot};
pub use process::{Death, Load, pss_bytes};
pub use pusher::{Pushed, WirePusher};
pub use running::{RunningBox, SOURCE, Setup, hold_frames};
pub use wire::{WireClient, WireMessage};

use serde::Deserialize;
use std::time::{SystemTime, UNIX_EPOCH};

/// What is used of a prediction's JSON.
#[derive(Debug, Clone, Deserialize)]
pub struct Prediction {
    /// Wall clock of the frame's capture, µs since 1970.
    pub capture_time_us: u64,
    /// Generation of the infer-worker.
    pub generation: u64,
    /// The hands.
    pub hands: Vec<Hand>,
    /// Where the time went.
    pub timing_us: Timing,
}

/// What is used of a hand's JSON.
#[derive(Debug, Clone, Deserialize)]
pub struct Hand {
    /// What it shows.
    pub gesture: String,
}

/// Where the time of a prediction went, µs.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Timing {
    /// From the capture to the frame being readable in the ring.
    pub capture_to_publish: u64,
    /// From there to an infer-worker taking it.
    pub publish_to_take: u64,
    /// From there to the prediction being readable: the model's own time, with JPEG decoding.
    pub infer: u64,
}

/// Wall clock, µs since 1970; the same clock as `capture_time_us`.
#[must_use]
pub fn wall_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_micros() as u64)
}
