//! The results as a Markdown page and as JSON.
//!
//! - `targets`: what was promised beside what was measured.
//! - `tables`, `serving`: everything else.

mod serving;
mod tables;
mod targets;

use crate::footprint::FootprintResult;
use crate::latency::LatencyResult;
use crate::machine::{Disturbance, Machine};
use crate::recovery::RecoveryResult;
use crate::ring::RingResult;
use crate::serving::ServingResults;
use serde::{Deserialize, Serialize};

/// All that was measured; a part that was not asked for is absent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Results {
    /// Where and when.
    pub machine: Machine,
    /// How quiet it was.
    pub disturbance: Disturbance,
    /// The short version.
    pub quick: bool,
    /// The frame transport.
    pub ring: Option<RingResult>,
    /// Capture → prediction.
    pub latency: Option<Vec<LatencyResult>>,
    /// Memory and processor time.
    pub footprint: Option<Vec<FootprintResult>>,
    /// SIGKILL → serving again.
    pub recovery: Option<RecoveryResult>,
    /// Many clients.
    pub serving: Option<ServingResults>,
}

impl Results {
    /// As Markdown.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut page = self.opening();
        page += &targets::table(self);
        if let Some(ring) = &self.ring {
            page += &tables::ring(ring);
        }
        if let Some(latency) = &self.latency {
            page += &tables::latency(latency);
        }
        if let Some(footprint) = &self.footprint {
            page += &tables::footprint(footprint);
        }
        if let Some(recovery) = &self.recovery {
            page += &tables::recovery(recovery);
        }
        if let Some(serving) = &self.serving {
            page += &serving::tables(serving);
        }
        page
    }

    fn opening(&self) -> String {
        let Machine {
            date,
            commit,
            processor,
            cores,
            memory_gib,
            kernel,
            rust,
        } = &self.machine;
        let Disturbance {
            load_before,
            steal_percent,
        } = self.disturbance;
        let kind = if self.quick {
            "the short version (`--quick`)"
        } else {
            "the full version"
        };
        format!(
            "# Results\n\n\
             Written by `tests/bench/run.sh`, {kind}; [README.md](README.md) says what each figure \
             means, [results.json](results.json) has every round.\n\n\
             {date}, commit {commit}. {processor}, {cores} cores, {memory_gib:.0} GiB, Linux \
             {kernel}, {rust}. Load average before the start {load_before:.2}, time taken away by \
             the host {steal_percent:.1} %.\n"
        )
    }
}
