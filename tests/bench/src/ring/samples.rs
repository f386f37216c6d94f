//! What the reader's process found out, frame by frame.
//!
//! The first eight bytes of each frame say when the writer began to copy it, on
//! `CLOCK_MONOTONIC`, which all processes of a machine share.

use super::job::Job;
use crate::statistics::Percentiles;
use serde::{Deserialize, Serialize};
use shm_layout::MonotonicNs;

/// Samples of one run, as they are collected.
#[derive(Debug, Default)]
pub struct Samples {
    seen_ns: Vec<u64>,
    wake_ns: Vec<u64>,
    missed: u64,
    checksum: u64,
}

/// One run, summed up.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct RunResult {
    /// From the start of the copy out of the writer's buffer to the whole frame being accessible
    /// to the reader, µs.
    pub observed_us: Percentiles,
    /// From the frame being announced to its reader, µs; only where the transport stamps it.
    pub wake_us: Option<Percentiles>,
    /// Frames that the reader did not get, after the warm-up.
    pub missed: u64,
}

impl Samples {
    /// Takes in a frame at the moment that the whole of it can be read, then reads it all, as a
    /// decoder would. `announced` says when it was published, if that is known.
    pub fn frame(&mut self, frame: &[u8], announced: Option<MonotonicNs>) {
        let now = MonotonicNs::now();
        let (stamp, _) = frame.split_first_chunk().unwrap_or((&[0; 8], &[]));
        let began = MonotonicNs(u64::from_le_bytes(*stamp));
        self.seen_ns.push(now.since(began).as_nanos() as u64);
        if let Some(announced) = announced {
            self.wake_ns.push(now.since(announced).as_nanos() as u64);
        }
        let words = frame.chunks_exact(8).map(|word| {
            let word = word.first_chunk().unwrap_or(&[0; 8]);
            u64::from_le_bytes(*word)
        });
        let sum = words.fold(0_u64, u64::wrapping_add);
        self.checksum = std::hint::black_box(self.checksum.wrapping_add(sum));
    }

    /// Takes in a time that was measured elsewhere.
    pub fn measured(&mut self, nanoseconds: u64) {
        self.seen_ns.push(nanoseconds);
    }

    /// Frames that passed unseen.
    pub fn missed(&mut self, frames: u64) {
        self.missed += frames;
    }

    /// Frames seen or missed so far.
    #[must_use]
    pub fn accounted(&self) -> u64 {
        self.seen_ns.len() as u64 + self.missed
    }

    /// Sums up, without the warm-up.
    #[must_use]
    pub fn finish(self, job: &Job) -> RunResult {
        let after = |samples: &[u64]| -> Vec<f64> {
            let counted = samples.iter().skip(job.warm_up());
            counted
                .map(|nanoseconds| *nanoseconds as f64 / 1e3)
                .collect()
        };
        let wake = after(&self.wake_ns);
        RunResult {
            observed_us: Percentiles::of(after(&self.seen_ns)),
            wake_us: (!wake.is_empty()).then(|| Percentiles::of(wake)),
            missed: self.missed,
        }
    }
}

/// Writes the stamp of a frame whose copying begins now.
pub fn stamp(frame: &mut [u8]) -> MonotonicNs {
    let now = MonotonicNs::now();
    if let Some(head) = frame.first_chunk_mut() {
        *head = now.0.to_le_bytes();
    }
    now
}
