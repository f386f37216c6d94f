//! When a gesture of one hand begins, is held and ends.
//!
//! Neighbours: [`Steadier`](crate::Steadier) has a [`Machine`] for each hand and tells it what each
//! prediction says of that hand. A gesture is a candidate from the first prediction that speaks for
//! it; it begins when enough of the last ones do and the candidate is old enough. It ends when it was
//! away long enough. All times are capture times; all rules come from the config.

use shm_layout::control::{GestureRules, SteadySettings, WINDOW_MAX};
use shm_layout::{Label, MonotonicNs};
use std::time::Duration;

/// Parts of the hold time; each is told once.
const HOLD_STEPS: f32 = 10.0;
/// After a longer pause without predictions, votes from before it count no more.
const PAUSE_MAX: Duration = Duration::from_millis(500);
/// Gestures whose cooldown is remembered at the same time.
const COOLDOWNS: usize = 4;

/// A moment of a capture, on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment {
    /// For differences.
    pub capture: MonotonicNs,
    /// The same in µs since 1970.
    pub wall_us: u64,
}

impl Moment {
    fn since(self, earlier: Self) -> Duration {
        self.capture.since(earlier.capture)
    }
}

/// What one prediction says of a hand.
#[derive(Debug, Clone, Copy)]
struct Seen {
    at: Moment,
    /// `None`: it does not show the hand.
    vote: Option<(Label, f32)>,
}

/// A gesture that has begun.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Held {
    /// Which one.
    pub gesture: Label,
    /// The first prediction that showed it.
    pub since: Moment,
    /// The last one.
    pub last: Moment,
    /// What the last one was sure of, 0..=1.
    pub score: f32,
    /// How much of the hold time is over, 0..=1.
    pub progress: f32,
    /// When it began is not known: it was there before anything else was.
    pub is_continued: bool,
    /// Predictions in a row that did not show it.
    misses: u32,
}

/// What became of a gesture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// It has begun.
    Start(Held),
    /// Another tenth of its hold time is over.
    Hold(Held),
    /// It was not shown any more.
    End(Held),
}

/// The gestures of one hand.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// What was seen last, the newest last; at most [`WINDOW_MAX`].
    seen: Vec<Seen>,
    /// When the gesture that may begin was first seen.
    candidate: Option<(Label, Moment)>,
    held: Option<Held>,
    /// Gestures that have ended, and when; the newest last.
    ended: Vec<(Label, Moment)>,
}

/// Whether the label says that a hand shows no gesture.
#[must_use]
pub fn is_no_gesture(label: Label) -> bool {
    label.as_str().eq_ignore_ascii_case("none")
}

/// The rules for a gesture: its own, else those of all, as [`GestureRules::of`] has them for it.
#[must_use]
pub fn rules_of(settings: &SteadySettings, gesture: Label) -> GestureRules {
    let own = settings
        .named
        .iter()
        .find(|(name, _)| name == gesture.as_str());
    own.map_or_else(
        || settings.gestures.of(gesture.as_str()),
        |(_, rules)| *rules,
    )
}

impl Machine {
    /// The gesture that is held.
    #[must_use]
    pub fn held(&self) -> Option<&Held> {
        self.held.as_ref()
    }

    /// Takes in what a prediction of the frame captured at `at` says.
    pub fn see(
        &mut self,
        settings: &SteadySettings,
        at: Moment,
        (gesture, score): (Label, f32),
        mut tell: impl FnMut(Change),
    ) {
        self.remember(Seen {
            at,
            vote: Some((gesture, score)),
        });
        self.go_on(settings, at, (gesture, score), &mut tell);
        let rules = rules_of(settings, gesture);
        if !speaks_for(&rules, gesture, score) {
            return;
        }
        self.note_candidate(settings, gesture, at);
        if !self.may_begin(&rules, gesture, at) {
            return;
        }
        if let Some(before) = self.end(at) {
            tell(Change::End(before));
        }
        let since = self.candidate.map_or(at, |(_, since)| since);
        let held = Held {
            gesture,
            since,
            last: at,
            score,
            progress: progress(&rules, at.since(since)),
            is_continued: false,
            misses: 0,
        };
        self.held = Some(held);
        tell(Change::Start(held));
    }

    /// Nothing is seen any more: gives the gesture that was held, and forgets the votes.
    pub fn end(&mut self, at: Moment) -> Option<Held> {
        let held = self.held.take()?;
        if self.ended.len() == COOLDOWNS {
            self.ended.remove(0);
        }
        self.ended.retain(|(gesture, _)| *gesture != held.gesture);
        self.ended.push((held.gesture, at));
        Some(held)
    }

    /// A prediction that does not show the hand: it speaks for nothing, and ends nothing.
    pub fn miss(&mut self, at: Moment) {
        self.remember(Seen { at, vote: None });
    }

    fn remember(&mut self, seen: Seen) {
        let is_pause = |last: &Seen| seen.at.since(last.at) > PAUSE_MAX;
        if self.seen.last().is_some_and(is_pause) {
            self.seen.clear();
            self.candidate = None;
        }
        if self.seen.len() == WINDOW_MAX as usize {
            self.seen.remove(0);
        }
        self.seen.push(seen);
    }

    /// The gesture that is held was held before anything was known.
    pub fn set_continued(&mut self, earliest: Moment) {
        if let Some(held) = &mut self.held
            && held.since.capture <= earliest.capture
        {
            held.is_continued = true;
        }
    }

    /// What the newest prediction means for the gesture that is held.
    fn go_on(
        &mut self,
        settings: &SteadySettings,
        at: Moment,
        (gesture, score): (Label, f32),
        tell: &mut impl FnMut(Change),
    ) {
        let Some(held) = &mut self.held else { return };
        let rules = rules_of(settings, held.gesture);
        if gesture == held.gesture && f64::from(score) >= rules.release_score {
            (held.last, held.score, held.misses) = (at, score, 0);
            let before = held.progress;
            held.progress = progress(&rules, at.since(held.since));
            let steps = |progress: f32| (progress * HOLD_STEPS).floor();
            if steps(held.progress) > steps(before) && !held.is_continued {
                tell(Change::Hold(*held));
            }
            return;
        }
        held.misses += 1;
        let is_away = at.since(held.last) >= Duration::from_millis(rules.release_ms);
        if is_away && held.misses > rules.window.saturating_sub(rules.votes) {
            self.end(at)
                .into_iter()
                .for_each(|held| tell(Change::End(held)));
        }
    }

    /// A candidate stays as long as so few of the last predictions speak against it that it could
    /// still win; then the gesture that the newest one shows is the next, from its own first vote on.
    fn note_candidate(&mut self, settings: &SteadySettings, gesture: Label, at: Moment) {
        if let Some((candidate, since)) = self.candidate
            && self.is_alive(&rules_of(settings, candidate), candidate, since)
        {
            return;
        }
        let rules = rules_of(settings, gesture);
        let votes = self
            .window(&rules)
            .filter(|seen| is_vote(&rules, gesture, seen));
        let first = votes
            .map(|seen| seen.at)
            .take_while(|since| self.is_alive(&rules, gesture, *since))
            .last();
        self.candidate = Some((gesture, first.unwrap_or(at)));
    }

    /// Whether a candidate since `since` could still have enough votes.
    fn is_alive(&self, rules: &GestureRules, gesture: Label, since: Moment) -> bool {
        let own = self
            .window(rules)
            .filter(|seen| seen.at.capture >= since.capture);
        let misses = own.filter(|seen| !is_vote(rules, gesture, seen)).count();
        misses <= rules.window.saturating_sub(rules.votes) as usize
    }

    /// The last predictions, the newest first.
    fn window(&self, rules: &GestureRules) -> impl Iterator<Item = &Seen> {
        self.seen.iter().rev().take(rules.window as usize)
    }

    /// Whether the candidate, for which the newest prediction speaks, begins now.
    fn may_begin(&self, rules: &GestureRules, gesture: Label, at: Moment) -> bool {
        let Some((_, since)) = self
            .candidate
            .filter(|(candidate, _)| *candidate == gesture)
        else {
            return false;
        };
        if self.held.is_some_and(|held| held.gesture == gesture) {
            return false;
        }
        let votes = self
            .window(rules)
            .filter(|seen| is_vote(rules, gesture, seen));
        let votes = votes.count();
        let is_cool = |(ended, when): &(Label, Moment)| {
            *ended != gesture || at.since(*when) >= Duration::from_millis(rules.cooldown_ms)
        };
        votes >= rules.votes as usize
            && at.since(since) >= Duration::from_millis(rules.min_hold_ms)
            && self.ended.iter().all(is_cool)
    }
}

fn speaks_for(rules: &GestureRules, gesture: Label, score: f32) -> bool {
    rules.enabled && !is_no_gesture(gesture) && f64::from(score) >= rules.enter_score
}

fn is_vote(rules: &GestureRules, gesture: Label, seen: &Seen) -> bool {
    let for_it = |(shown, score)| shown == gesture && speaks_for(rules, gesture, score);
    seen.vote.is_some_and(for_it)
}

fn progress(rules: &GestureRules, shown: Duration) -> f32 {
    let hold_s = rules.hold_ms as f32 / 1e3;
    if hold_s <= 0.0 {
        return 1.0;
    }
    (shown.as_secs_f32() / hold_s).min(1.0)
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
