//! What the torture prints: deaths of each unit, and how long its service was away.

use crate::watch::Seen;
use std::collections::BTreeMap;
use std::time::Duration;

/// Deaths, by whose and how, and the times until each was back.
#[derive(Debug, Default)]
pub(super) struct Figures {
    back_after: BTreeMap<(&'static str, &'static str), Vec<Duration>>,
}

impl Figures {
    pub(super) fn note(&mut self, unit: &'static str, signal: &'static str, back_after: Duration) {
        self.back_after
            .entry((unit, signal))
            .or_default()
            .push(back_after);
    }

    pub(super) fn print(mut self, elapsed: Duration, seen: &Seen) {
        println!("| unit | signal | deaths | back p50 ms | p99 ms | max ms |");
        println!("|---|---|---|---|---|---|");
        let mut deaths = 0;
        for ((unit, signal), times) in &mut self.back_after {
            times.sort_unstable();
            let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_millis();
            println!(
                "| {unit} | SIG{signal} | {} | {} | {} | {} |",
                times.len(),
                at(50),
                at(99),
                at(100)
            );
            deaths += times.len();
        }
        println!(
            "{deaths} deaths in {} s; {} frames decoded, {} predictions read ({} missed), \
             {} reconnects; 0 torn, 0 doubled, 0 turned back, 0 wedged, 0 leaked",
            elapsed.as_secs(),
            seen.frames,
            seen.predictions,
            seen.missed,
            seen.reconnects
        );
    }
}
