//! How many predictions come and how old they are when a client can have them, over the last ten
//! seconds.
//!
//! Upstream: [`crate::pump`] records each prediction. Downstream: once a second the figures go to
//! the supervisor. Pure: time is an argument.

use shm_layout::MonotonicNs;
use std::collections::VecDeque;
use std::time::Duration;

/// How far back the figures look.
pub const WINDOW: Duration = Duration::from_secs(10);
/// Most predictions that are remembered: 8 sources at 50 predictions a second. Beyond that the
/// window is shorter, and the figures stay true for what it covers.
const SAMPLES_MAX: usize = 4096;

/// The figures of one report.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// Predictions a second.
    pub predictions_per_s: f64,
    /// Median of capture to readable here, in ms; `None` without a prediction in the window.
    pub latency_ms_p50: Option<f64>,
    /// 99th percentile of the same.
    pub latency_ms_p99: Option<f64>,
}

/// The predictions of the last [`WINDOW`].
#[derive(Debug)]
pub struct TrafficWindow {
    begin: MonotonicNs,
    samples: VecDeque<(MonotonicNs, Duration)>,
}

impl TrafficWindow {
    /// An empty window that begins at `now`.
    #[must_use]
    pub fn new(now: MonotonicNs) -> Self {
        Self {
            begin: now,
            samples: VecDeque::new(),
        }
    }

    /// Notes a prediction read at `now`, `latency` after the capture of its frame.
    pub fn record(&mut self, now: MonotonicNs, latency: Duration) {
        self.expire(now);
        if self.samples.len() == SAMPLES_MAX
            && let Some((time, _)) = self.samples.pop_front()
        {
            self.begin = time;
        }
        self.samples.push_back((now, latency));
    }

    /// The figures at `now`.
    #[must_use]
    pub fn figures(&mut self, now: MonotonicNs) -> Figures {
        self.expire(now);
        let mut latencies: Vec<Duration> = self.samples.iter().map(|(_, l)| *l).collect();
        latencies.sort_unstable();
        let covered_s = now.since(self.begin).as_secs_f64().max(1.0);
        Figures {
            predictions_per_s: latencies.len() as f64 / covered_s,
            latency_ms_p50: percentile_ms(&latencies, 50),
            latency_ms_p99: percentile_ms(&latencies, 99),
        }
    }

    fn expire(&mut self, now: MonotonicNs) {
        let oldest = MonotonicNs(now.0.saturating_sub(WINDOW.as_nanos() as u64));
        self.begin = self.begin.max(oldest);
        while self.samples.front().is_some_and(|(time, _)| *time < oldest) {
            self.samples.pop_front();
        }
    }
}

/// Nearest-rank percentile of sorted values, in milliseconds.
fn percentile_ms(sorted: &[Duration], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted
        .get(rank.saturating_sub(1))
        .map(|d| d.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> MonotonicNs {
        MonotonicNs(ms * 1_000_000)
    }

    #[test]
    fn rate_and_percentiles_cover_the_last_ten_seconds() {
        let mut window = TrafficWindow::new(at(0));
        for i in 0..1000 {
            // 20 a second for 50 s; latencies 0..=99 ms in the last ten seconds' order.
            window.record(at(i * 50), Duration::from_millis(i % 100));
        }
        let figures = window.figures(at(999 * 50 + 1));
        assert!(
            (figures.predictions_per_s - 20.0).abs() < 0.2,
            "{figures:?}"
        );
        assert_eq!(figures.latency_ms_p50, Some(49.0));
        assert_eq!(figures.latency_ms_p99, Some(98.0));
    }

    #[test]
    fn an_empty_window_has_no_latency() {
        let mut window = TrafficWindow::new(at(0));
        window.record(at(10), Duration::from_millis(7));
        assert_eq!(window.figures(at(20)).latency_ms_p99, Some(7.0));
        let later = window.figures(at(20_000));
        assert_eq!(later.predictions_per_s, 0.0);
        assert_eq!(later.latency_ms_p50, None);
    }

    #[test]
    fn memory_is_bounded_and_the_rate_stays_true() {
        let mut window = TrafficWindow::new(at(0));
        for i in 0..9000 {
            window.record(at(i), Duration::from_millis(1));
        }
        assert_eq!(window.samples.len(), SAMPLES_MAX);
        let figures = window.figures(at(9000));
        assert!(
            (figures.predictions_per_s - 1000.0).abs() < 2.0,
            "{figures:?}"
        );
    }
}
