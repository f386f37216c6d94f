//! Decides whether viewers need a notice, from what the supervisor says of the source and how long
//! no frame came. Pure.

use shm_layout::control::{SourceState, SourceStatus, UnitState, UnitStatus};
use std::time::Duration;

/// A source that is said to be lost must also have been silent for so long: the word that it is
/// back may arrive after its first frame, and a notice between two frames would flicker.
const SETTLE: Duration = Duration::from_millis(250);
/// A slow source is silent only after so many of its frames did not come.
const FRAMES_MISSED: f64 = 2.5;

/// What kind of trouble it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The source is unplugged, frozen or missing; it is tried again.
    Lost,
    /// A clip that plays once is over.
    Ended,
    /// The capture-worker is given up.
    Failed,
    /// The source is being opened, or its capture-worker started again.
    Starting,
    /// Nobody pushes it.
    Waiting,
    /// No frames come, and nobody has said why.
    Silent,
}

impl Kind {
    /// The word in `X-Wigwag-Notice`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Ended => "ended",
            Self::Failed => "failed",
            Self::Starting => "starting",
            Self::Waiting => "waiting",
            Self::Silent => "silent",
        }
    }
}

/// Why there are no frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What kind.
    pub kind: Kind,
    /// In plain words; may be empty.
    pub detail: String,
}

/// What is known of one source.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What the supervisor says; `None` until it said something.
    pub source: Option<&'a SourceStatus>,
    /// The unit that captures it, likewise.
    pub capture: Option<&'a UnitStatus>,
    /// How long no frame came that could be shown.
    pub silence: Duration,
}

/// The trouble that viewers are to be told of; `None` while frames come, or may come any moment.
/// A source without a known reason may be silent for `notice_after`.
#[must_use]
pub fn judge(facts: &Facts<'_>, notice_after: Duration) -> Option<Trouble> {
    let fps = facts.source.map_or(0.0, |source| source.fps);
    let interval = Duration::try_from_secs_f64(FRAMES_MISSED / fps).unwrap_or_default();
    let patience = notice_after.max(interval);
    let (kind, detail) = reason(facts);
    let is_certain = matches!(
        kind,
        Kind::Lost | Kind::Ended | Kind::Failed | Kind::Waiting
    );
    let needed = if is_certain {
        SETTLE.min(patience)
    } else {
        patience
    };
    (facts.silence >= needed).then_some(Trouble { kind, detail })
}

/// The most telling reason that is known.
fn reason(facts: &Facts<'_>) -> (Kind, String) {
    if let Some(unit) = facts.capture {
        let death = unit.last_death.as_deref().unwrap_or("died");
        match unit.state {
            UnitState::Failed => return (Kind::Failed, given_up(unit, death)),
            UnitState::Backoff => {
                let detail = format!("its capture-worker ended ({death}) and is started again");
                return (Kind::Starting, detail);
            }
            _ => {}
        }
    }
    let Some(source) = facts.source else {
        return (Kind::Silent, "its state is not known yet".to_owned());
    };
    match source.state {
        SourceState::Lost => (Kind::Lost, source.detail.clone()),
        SourceState::Ended => (Kind::Ended, source.detail.clone()),
        SourceState::Waiting => (Kind::Waiting, source.detail.clone()),
        SourceState::Starting if source.detail.is_empty() => {
            (Kind::Starting, "it is being opened".to_owned())
        }
        SourceState::Starting => (Kind::Starting, source.detail.clone()),
        SourceState::Live => (
            Kind::Silent,
            "it was last known as live; nothing has come since".to_owned(),
        ),
    }
}

fn given_up(unit: &UnitStatus, death: &str) -> String {
    let next = match unit.retry_in_ms {
        Some(ms) => format!("the next try is in {} s", ms.div_ceil(1000)),
        None => format!("`supervisor restart {}` tries it again", unit.name),
    };
    format!("its capture-worker is given up ({death}); {next}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use shm_layout::control::Role;

    const AFTER: Duration = Duration::from_millis(1000);

    fn source(state: SourceState, detail: &str, fps: f64) -> SourceStatus {
        SourceStatus {
            name: "cam0".to_owned(),
            kind: "v4l2".to_owned(),
            state,
            detail: detail.to_owned(),
            format: String::new(),
            width_px: 0,
            height_px: 0,
            fps,
            is_idle: false,
            measured_fps: 0.0,
            sequence: 0,
            predictions_per_s: 0.0,
            since_ms: 0,
        }
    }

    fn unit(state: UnitState, retry_in_ms: Option<u64>) -> UnitStatus {
        UnitStatus {
            name: "capture/cam0".to_owned(),
            kind: Role::Capture,
            state,
            pid: None,
            generation: 3,
            up_ms: None,
            restarts: 2,
            last_death: Some("SIGSEGV".to_owned()),
            last_death_ago_ms: Some(10),
            retry_in_ms,
            counters: std::collections::BTreeMap::new(),
        }
    }

    fn judged(
        source: Option<&SourceStatus>,
        capture: Option<&UnitStatus>,
        silence_ms: u64,
    ) -> Option<Trouble> {
        let silence = Duration::from_millis(silence_ms);
        let facts = Facts {
            source,
            capture,
            silence,
        };
        judge(&facts, AFTER)
    }

    fn kind(source: &SourceStatus, silence_ms: u64) -> Option<Kind> {
        judged(Some(source), None, silence_ms).map(|trouble| trouble.kind)
    }

    #[test]
    fn a_live_source_may_be_silent_for_the_configured_time() {
        let live = source(SourceState::Live, "Webcam", 30.0);
        assert_eq!(kind(&live, 0), None);
        assert_eq!(kind(&live, 999), None);
        assert_eq!(kind(&live, 1000), Some(Kind::Silent));
    }

    #[test]
    fn a_slow_source_may_be_silent_between_two_frames() {
        let slow = source(SourceState::Live, "", 0.5);
        assert_eq!(kind(&slow, 4999), None);
        assert_eq!(kind(&slow, 5000), Some(Kind::Silent));
        let unknown = source(SourceState::Live, "", 0.0);
        assert_eq!(kind(&unknown, 1000), Some(Kind::Silent));
    }

    #[test]
    fn what_is_known_to_be_over_is_told_as_soon_as_no_frame_contradicts() {
        let lost = source(SourceState::Lost, "it was unplugged", 30.0);
        assert_eq!(kind(&lost, 249), None, "a frame came just now");
        let trouble = judged(Some(&lost), None, 250).unwrap();
        assert_eq!(
            (trouble.kind, trouble.detail.as_str()),
            (Kind::Lost, "it was unplugged")
        );
        let ended = source(SourceState::Ended, "demo has played once to its end", 15.0);
        assert_eq!(kind(&ended, 250), Some(Kind::Ended));
    }

    #[test]
    fn a_restart_is_told_of_only_when_it_takes_long() {
        let opening = source(SourceState::Starting, "", 0.0);
        assert_eq!(kind(&opening, 999), None);
        let trouble = judged(Some(&opening), None, 1000).unwrap();
        assert_eq!(
            (trouble.kind, trouble.detail.as_str()),
            (Kind::Starting, "it is being opened")
        );
        let waiting = unit(UnitState::Backoff, Some(70));
        assert_eq!(judged(Some(&opening), Some(&waiting), 999), None);
        let trouble = judged(Some(&opening), Some(&waiting), 1000).unwrap();
        assert!(trouble.detail.contains("(SIGSEGV)"), "{trouble:?}");
    }

    #[test]
    fn a_unit_that_is_given_up_explains_more_than_its_source() {
        let starting = source(SourceState::Starting, "its capture-worker …", 0.0);
        let failed = unit(UnitState::Failed, Some(51_200));
        let trouble = judged(Some(&starting), Some(&failed), 250).unwrap();
        assert_eq!(trouble.kind, Kind::Failed);
        assert_eq!(
            trouble.detail,
            "its capture-worker is given up (SIGSEGV); the next try is in 52 s"
        );
        let for_good = unit(UnitState::Failed, None);
        let trouble = judged(Some(&starting), Some(&for_good), 250).unwrap();
        assert!(
            trouble.detail.contains("`supervisor restart capture/cam0`"),
            "{trouble:?}"
        );
    }

    #[test]
    fn silence_is_told_even_if_the_supervisor_never_spoke() {
        assert_eq!(judged(None, None, 999), None);
        assert_eq!(judged(None, None, 1000).unwrap().kind, Kind::Silent);
    }
}
