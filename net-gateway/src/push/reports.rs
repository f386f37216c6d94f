//! When the supervisor hears how the pushed sources are doing: soon after a change, and all of it
//! once a second, because it listens to one of two gateways only.
//!
//! Pure but for the desk that it asks; a client that comes and goes all the time costs no more than
//! four reports a second.

use super::desk::Desk;
use shm_layout::MonotonicNs;
use shm_layout::control::SourceReport;
use std::time::Duration;

/// How often it is looked for changes.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often everything is told again.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// What was told when.
#[derive(Debug, Default)]
pub struct Reports {
    told: Vec<SourceReport>,
    looked: Option<MonotonicNs>,
    told_all: Option<MonotonicNs>,
}

impl Reports {
    /// What the supervisor is to be told at `now`.
    pub fn due(&mut self, desk: &Desk, now: MonotonicNs) -> Vec<SourceReport> {
        let is_over = |last: Option<MonotonicNs>, time| last.is_none_or(|l| now.since(l) >= time);
        if desk.sources().is_empty() || !is_over(self.looked, LOOK_EVERY) {
            return Vec::new();
        }
        self.looked = Some(now);
        let reports = desk.reports(now);
        let before = std::mem::replace(&mut self.told, reports.clone());
        if is_over(self.told_all, TELL_EVERY) {
            self.told_all = Some(now);
            return reports;
        }
        let changed = reports.into_iter().enumerate();
        let changed = changed.filter(|(index, report)| before.get(*index) != Some(report));
        changed.map(|(_, report)| report).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shm_layout::control::{PushLimits, SourceName};

    #[test]
    fn a_change_is_told_soon_and_all_once_a_second() {
        let limits = PushLimits {
            max_width_px: 640,
            max_height_px: 480,
            max_fps: 30,
            max_frame_bytes: 1 << 16,
            hold_ms: 5_000,
        };
        let named = |name: &str, push| SourceName {
            name: name.to_owned(),
            kind: String::new(),
            push,
            is_guest: false,
        };
        let sources = [named("cam0", None), named("phone", Some(limits))];
        let desk = Desk::new(&sources);
        let mut reports = Reports::default();
        let at = |ms: u64| MonotonicNs((1_000 + ms) * 1_000_000);
        let told = reports.due(&desk, at(0));
        assert_eq!((told.len(), told[0].source), (1, 1));
        assert!(reports.due(&desk, at(249)).is_empty());
        assert!(reports.due(&desk, at(250)).is_empty(), "nothing changed");
        reports.told[0].detail.push('x');
        assert_eq!(reports.due(&desk, at(500)).len(), 1, "as if changed");
        assert!(reports.due(&desk, at(750)).is_empty());
        assert_eq!(reports.due(&desk, at(1_000)).len(), 1);
        assert!(reports.due(&Desk::new(&sources[..1]), at(5_000)).is_empty());
    }
}
