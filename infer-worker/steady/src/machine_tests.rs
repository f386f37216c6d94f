//! A hand that shows, drops, mixes up and repeats gestures, at several rates.

use super::*;
use proptest::prelude::*;

/// Frames in the words of the tests: a letter is a gesture, `.` no gesture, `-` no hand, and a
/// capital letter is sure of itself (0.9) where a small one is not (0.45).
struct Play {
    settings: SteadySettings,
    machine: Machine,
    step_ms: u64,
    now_ms: u64,
    told: Vec<String>,
}

fn label(name: &str) -> Label {
    Label::new(name).expect("label")
}

impl Play {
    fn new(step_ms: u64) -> Self {
        Self {
            settings: SteadySettings::default(),
            machine: Machine::default(),
            step_ms,
            now_ms: 1000,
            told: Vec::new(),
        }
    }

    fn with(mut self, change: impl FnOnce(&mut SteadySettings)) -> Self {
        change(&mut self.settings);
        self
    }

    fn frames(mut self, frames: &str) -> Self {
        for frame in frames.chars().filter(|c| !c.is_whitespace()) {
            let at = Moment {
                capture: MonotonicNs(self.now_ms * 1_000_000),
                wall_us: self.now_ms * 1000,
            };
            let (now_ms, told) = (self.now_ms, &mut self.told);
            let tell = |change: Change| {
                let (sign, held) = match change {
                    Change::Start(held) => ("+", held),
                    Change::Hold(held) => ("=", held),
                    Change::End(held) => ("-", held),
                };
                if sign != "=" {
                    told.push(format!("{sign}{} {}", held.gesture, now_ms - 1000));
                } else if held.progress >= 1.0 {
                    told.push(format!("!{} {}", held.gesture, now_ms - 1000));
                }
            };
            let name = frame.to_ascii_uppercase().to_string();
            let vote = match frame {
                '-' => None,
                '.' => Some((label("None"), 0.9)),
                _ if frame.is_uppercase() => Some((label(&name), 0.9)),
                _ => Some((label(&name), 0.45)),
            };
            match vote {
                Some(vote) => self.machine.see(&self.settings, at, vote, tell),
                None => self.machine.miss(at),
            }
            self.now_ms += self.step_ms;
        }
        self
    }

    fn pause(mut self, ms: u64) -> Self {
        self.now_ms += ms - self.step_ms;
        self
    }
}

#[test]
fn a_gesture_begins_after_its_hold_at_any_rate() {
    for (step_ms, start) in [(16, 256), (33, 264), (40, 280), (66, 264), (100, 300)] {
        let play = Play::new(step_ms).frames("....AAAAAAAAAAAAAAAAAAAAAAAAAAAA");
        let since = 4 * step_ms;
        assert_eq!(
            play.told[0],
            format!("+A {}", since + start),
            "{step_ms} ms"
        );
        let held = play.machine.held().expect("held");
        assert_eq!(held.since.wall_us, (1000 + since) * 1000);
    }
}

#[test]
fn what_is_shown_for_a_moment_or_unsurely_begins_nothing() {
    for frames in [
        "..AAAAAA..............",
        "..A.A.A.A.A.A.A.A.A.A.",
        "ABABABABABABABABABABAB",
        "..aaaaaaaaaaaaaaaaaaaa",
        "AAAABBBBCCCCAAAABBBBCC",
        "....................AA",
        "AAA-----AAA-----AAA---",
    ] {
        assert_eq!(Play::new(33).frames(frames).told, [""; 0], "{frames}");
    }
}

#[test]
fn one_odd_frame_neither_delays_nor_ends_it() {
    let clean = Play::new(33).frames("..AAAAAAAAAAAAAAAAAAAAAAAAA");
    assert_eq!(clean.told, ["+A 330"]);
    for frames in [
        "..AAA.AAAAAAAAAAAAAAAAAAAAA",
        "..AAABAAAAAAAAA.AAAAABAAAAA",
        "..AA-AAAAAAAAAAAA--AAAAAAAA",
        "..AAAAAAAAAAAAaaaaaaaaaaaaa",
        "..A.AAA.AAAAAAA..AA..AA..AA",
    ] {
        assert_eq!(Play::new(33).frames(frames).told, clean.told, "{frames}");
    }
}

#[test]
fn it_ends_when_it_was_away_for_long_enough() {
    let play = Play::new(33).frames("AAAAAAAAAAAA...............");
    assert_eq!(play.told, ["+A 264", "-A 594"], "198 ms are not enough");
    // In a low rate the time is over at once, but one frame is no proof.
    let slow = Play::new(150).frames("AAAAAA.AAAA....");
    assert_eq!(slow.told, ["+A 450", "!A 1050", "-A 1950"]);
}

#[test]
fn another_gesture_ends_the_one_before() {
    let play = Play::new(33).frames("AAAAAAAAAAAABBBBBBBBBBBBB");
    assert_eq!(play.told, ["+A 264", "-A 594", "+B 660"]);
    // Even if the first one's release takes longer.
    let play = Play::new(33)
        .with(|settings| settings.gestures.release_ms = 5000)
        .frames("AAAAAAAAAAAABBBBBBBBBBBBB");
    assert_eq!(play.told, ["+A 264", "-A 660", "+B 660"]);
}

#[test]
fn hold_is_told_in_tenths_and_completed_once() {
    let mut holds = Vec::new();
    let settings = SteadySettings::default();
    let mut machine = Machine::default();
    for n in 0..90_u64 {
        let at = Moment {
            capture: MonotonicNs(n * 33_000_000),
            wall_us: n,
        };
        machine.see(&settings, at, (label("A"), 0.9), |change| {
            if let Change::Hold(held) = change {
                holds.push(held.progress);
            }
        });
    }
    assert_eq!(holds.len(), 8, "0.3 to 1: {holds:?}");
    assert!(holds.is_sorted() && holds[7] == 1.0);
}

#[test]
fn without_a_hold_time_it_is_complete_when_it_begins() {
    let mut settings = SteadySettings::default();
    settings.gestures.hold_ms = 0;
    let (mut machine, mut told) = (Machine::default(), Vec::new());
    for n in 0..30_u64 {
        let at = Moment {
            capture: MonotonicNs(n * 33_000_000),
            wall_us: n,
        };
        machine.see(&settings, at, (label("A"), 0.9), |change| match change {
            Change::Start(held) => told.push(held.progress),
            Change::Hold(_) | Change::End(_) => told.push(-1.0),
        });
    }
    assert_eq!(told, [1.0]);
}

#[test]
fn it_begins_again_only_after_its_cooldown() {
    let play = |cooldown_ms| {
        Play::new(33)
            .with(|settings| settings.gestures.cooldown_ms = cooldown_ms)
            .frames("AAAAAAAAAAAA.........AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
            .told
    };
    assert_eq!(play(0)[..3], ["+A 264", "-A 594", "+A 957"]);
    assert_eq!(play(1000)[2], "+A 1617", "a second after its end");
}

#[test]
fn rules_of_a_gesture_go_before_those_of_all() {
    let settings = |settings: &mut SteadySettings| {
        let own = shm_layout::control::GestureRules {
            min_hold_ms: 0,
            votes: 1,
            ..settings.gestures
        };
        let off = shm_layout::control::GestureRules {
            enabled: false,
            ..settings.gestures
        };
        settings.named = vec![("B".into(), own), ("C".into(), off)];
    };
    let play = Play::new(33)
        .with(settings)
        .frames("B.............CCCCCCCCCCCCCC AAAAAAAAAAAA");
    assert_eq!(play.told, ["+B 0", "-B 231", "+A 1188"]);
}

#[test]
fn a_gesture_that_came_with_the_box_is_believed_from_its_own_score_on() {
    let mut settings = SteadySettings::default();
    let least = |settings: &SteadySettings, name| rules_of(settings, label(name)).enter_score;
    assert_eq!(least(&settings, "Thumb_Up"), 0.6);
    assert_eq!(least(&settings, "A"), 0.55);
    settings.gestures.enter_score = 0.95;
    assert_eq!(least(&settings, "Thumb_Up"), 0.95, "whoever asks for more");
    let own = shm_layout::control::GestureRules {
        enter_score: 0.3,
        ..settings.gestures
    };
    settings.named = vec![("Thumb_Up".into(), own)];
    assert_eq!(
        least(&settings, "Thumb_Up"),
        0.3,
        "what is said of it goes first"
    );

    // A hand that shows nothing, of which 0.58 is said: it begins no thumb, but goes on with one.
    let mut begun = Vec::new();
    let (settings, mut machine) = (SteadySettings::default(), Machine::default());
    for n in 0..60_u64 {
        let at = Moment {
            capture: MonotonicNs(n * 33_000_000),
            wall_us: n,
        };
        let score = if (30..45).contains(&n) { 0.65 } else { 0.58 };
        machine.see(&settings, at, (label("Thumb_Up"), score), |change| {
            if !matches!(change, Change::Hold(_)) {
                begun.push((matches!(change, Change::Start(_)), n));
            }
        });
    }
    assert_eq!(begun, [(true, 38)]);
}

#[test]
fn a_pause_without_predictions_ends_nothing_and_proves_nothing() {
    let held = Play::new(33)
        .frames("AAAAAAAAAAAA")
        .pause(1200)
        .frames("AAA");
    assert_eq!(held.told[..1], ["+A 264"]);
    assert!(!held.told.iter().any(|told| told.starts_with('-')));
    let begun = Play::new(33).frames("AA").pause(1200).frames("AAAAAAA");
    assert_eq!(
        begun.told, [""; 0],
        "held for less than its time as far as is known"
    );
}

proptest! {
    /// Whatever is seen: starts and ends take turns, and no gesture is held without its start.
    #[test]
    fn starts_and_ends_take_turns(frames in "[ABab.-]{0,120}", step_ms in 10_u64..200) {
        let play = Play::new(step_ms).frames(&frames);
        let mut held: Option<String> = None;
        for told in &play.told {
            let (sign, rest) = told.split_at(1);
            let name = rest.split(' ').next().unwrap_or_default().to_owned();
            match sign {
                "+" => {
                    prop_assert!(held.is_none(), "{:?}", play.told);
                    held = Some(name);
                }
                "-" => prop_assert_eq!(held.take(), Some(name)),
                _ => prop_assert_eq!(held.clone(), Some(name)),
            }
        }
    }
}
