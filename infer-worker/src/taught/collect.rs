//! Samples of a gesture: which of the hands that are seen are taken, and what was wrong with the
//! others.
//!
//! Neighbours: [`watch`] reads the predictions of a running box, [`pictures`] a folder; [`Collector`]
//! decides. A box is only read: its prediction slots are mapped, and nothing in them is written, so
//! that neither a worker nor a viewer notices.

use super::error::TaughtError;
use super::features::{COORDINATES, Shape};
use super::file::{SAMPLES_MIN, rounded};
use super::is_side;
use crate::eval::folder;
use crate::fractions::to_pixels;
use crate::hand::gesture::normalise;
use crate::image::Size;
use crate::pipeline::Pipeline;
use crate::predict::load_picture;
use shm_layout::control::HandSide;
use shm_layout::segment::{Access, Segment, SegmentName};
use shm_layout::{Hand, MonotonicNs, Prediction};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// How long a box may tell nothing before that is an error.
const SILENCE_MAX: Duration = Duration::from_secs(3);
/// Longest sleep without predictions; bounds how late progress is told.
const WAIT_MAX: Duration = Duration::from_millis(100);
/// How many times as long as asked is looked on a slow box, until there are enough samples.
const PATIENCE: u32 = 4;
/// Seconds that are counted down before samples are taken.
const COUNTDOWN_S: u64 = 3;

/// Takes samples of what is shown to it.
#[derive(Debug, Default)]
pub struct Collector {
    side: HandSide,
    /// The samples.
    pub hands: Vec<Shape>,
    /// What the model called them, and how often.
    pub called: BTreeMap<String, usize>,
    /// Pictures and frames that were looked at.
    pub seen: usize,
    /// Those that showed no hand.
    pub empty: usize,
    /// Those that showed several that may be meant.
    pub several: usize,
    /// Those that showed hands of the other side only.
    pub other_side: usize,
}

impl Collector {
    /// Takes hands of that side.
    #[must_use]
    pub fn new(side: HandSide) -> Self {
        Self {
            side,
            ..Self::default()
        }
    }

    /// Looks at the hands of a frame.
    pub fn add(&mut self, hands: &[Hand], frame: Size) {
        self.seen += 1;
        let is_meant = |hand: &&Hand| is_side(self.side, hand.right_probability);
        let mut meant = hands.iter().filter(is_meant);
        match (meant.next(), meant.next()) {
            (Some(hand), None) => {
                let mut shape = [0.0; COORDINATES];
                normalise(&to_pixels(hand, frame), &mut shape);
                self.hands.push(rounded(&shape));
                *self.called.entry(hand.gesture.to_string()).or_default() += 1;
            }
            (Some(_), Some(_)) => self.several += 1,
            (None, _) if hands.is_empty() => self.empty += 1,
            (None, _) => self.other_side += 1,
        }
    }

    /// Whether there are enough.
    ///
    /// # Errors
    /// [`TaughtError::Few`] with what was seen instead.
    pub fn check(&self) -> Result<(), TaughtError> {
        let seen = self.hands.len();
        if seen >= SAMPLES_MIN {
            return Ok(());
        }
        let Self {
            empty,
            several,
            other_side,
            ..
        } = self;
        let hint = if *empty >= (*several).max(*other_side) && *empty > 0 {
            "in most frames no hand was seen: hold one well in view, with some light on it"
                .to_owned()
        } else if several >= other_side && *several > 0 {
            "several hands were seen: show one, or say which with --hand left or --hand right"
                .to_owned()
        } else if *other_side > 0 {
            let side = self.side.word();
            format!(
                "only the other hand was seen, not the {side} one; a mirrored picture swaps them"
            )
        } else {
            "too little was seen: --seconds 10 looks longer, more pictures help too".to_owned()
        };
        Err(TaughtError::Few { seen, hint })
    }

    /// Whether it is time to stop looking after `looked`, when `asked` was asked for: a slow box that
    /// shows hands gets longer.
    #[must_use]
    pub fn is_done(&self, looked: Duration, asked: Duration) -> bool {
        let is_slow = (1..SAMPLES_MIN).contains(&self.hands.len());
        looked >= if is_slow { asked * PATIENCE } else { asked }
    }

    /// What the model called the samples, the most frequent first, with the share.
    #[must_use]
    pub fn called(&self) -> Vec<(String, f32)> {
        let share = |count: usize| count as f32 / self.hands.len().max(1) as f32;
        let called = self
            .called
            .iter()
            .map(|(name, count)| (name.clone(), share(*count)));
        let mut called: Vec<(String, f32)> = called.collect();
        called.sort_by(|a, b| b.1.total_cmp(&a.1));
        called
    }

    /// What is to be told while samples are taken.
    #[must_use]
    pub fn line(&self) -> String {
        let mut parts = vec![format!("{} samples", self.hands.len())];
        for (count, what) in [
            (self.empty, "without a hand"),
            (self.several, "with several hands"),
            (self.other_side, "with the other hand"),
        ] {
            if count > 0 {
                let s = if count == 1 { "" } else { "s" };
                parts.push(format!("{count} frame{s} {what}"));
            }
        }
        parts.join(", ")
    }
}

/// Which predictions of which box.
#[derive(Debug)]
pub struct Watched<'a> {
    /// Name of the box's segment.
    pub segment: &'a str,
    /// Number of the source there.
    pub source: usize,
    /// Its name.
    pub name: &'a str,
    /// How long.
    pub seconds: u64,
}

/// Takes samples from a running box, and tells `progress` how it is going: what to write, and
/// whether that replaces the line before.
///
/// # Errors
/// [`TaughtError::Silent`]: there is no such box, or it tells nothing.
pub fn watch(
    what: &Watched<'_>,
    collector: &mut Collector,
    mut progress: impl FnMut(&str),
) -> Result<(), TaughtError> {
    let silent = |why: String| TaughtError::Silent(why);
    let name = SegmentName::from_text(what.segment);
    let segment = Segment::attach(&name, None, Access::Read);
    let segment = segment.map_err(|error| silent(format!("cannot look into the box: {error}")))?;
    let slot = segment.predictions(what.source);
    let slot = slot.map_err(|error| silent(format!("cannot look into the box: {error}")))?;
    let mut reader = slot.reader();
    let began = MonotonicNs::now();
    let begin = Duration::from_secs(COUNTDOWN_S);
    let end = begin + Duration::from_secs(what.seconds);
    let (mut heard, mut told) = (began, None);
    let activity = segment.activity_event();
    loop {
        let now = MonotonicNs::now();
        let since = now.since(began);
        if collector.is_done(since.saturating_sub(begin), end - begin) {
            return Ok(());
        }
        let seen = activity.observe();
        while let Some(prediction) = reader.next_unread() {
            heard = now;
            if prediction.capture.since(began) >= begin {
                add(collector, &prediction);
            }
        }
        if now.since(heard) >= SILENCE_MAX {
            let source = what.name;
            return Err(silent(format!("source `{source}` gives no predictions")));
        }
        let count = since.as_secs().checked_sub(COUNTDOWN_S);
        let moment = (since.as_millis() / 250, collector.hands.len());
        if told != Some(moment) {
            told = Some(moment);
            progress(&match count {
                None => format!("show it in {}", COUNTDOWN_S - since.as_secs()),
                Some(past) => {
                    let left = what.seconds.saturating_sub(past);
                    format!("show it now, {left} s to go: {}", collector.line())
                }
            });
        }
        activity.wait(seen, WAIT_MAX);
    }
}

fn add(collector: &mut Collector, prediction: &Prediction) {
    let frame = Size {
        width_px: prediction.width_px as usize,
        height_px: prediction.height_px as usize,
    };
    collector.add(&prediction.hands, frame);
}

/// Takes samples from the pictures in a folder; gives the files that cannot be used, with the
/// reason.
///
/// # Errors
/// [`TaughtError`]: there are no pictures, or a network fails.
pub fn pictures(
    pipeline: &mut Pipeline,
    folder: &Path,
    margin: f32,
    collector: &mut Collector,
) -> Result<Vec<String>, TaughtError> {
    let unusable = |what: String| TaughtError::Pictures {
        path: folder.to_owned(),
        what,
    };
    let files = folder::pictures(folder);
    let files = files.map_err(|error| unusable(format!("no pictures: {error}")))?;
    if files.is_empty() {
        return Err(unusable("no pictures".to_owned()));
    }
    let mut bad = Vec::new();
    for file in files {
        match load_picture(pipeline, &file, margin) {
            Ok(()) => {
                let outcome = pipeline.recognize()?;
                collector.add(&outcome.hands, outcome.frame);
            }
            Err(why) => bad.push(format!("{}: {why}", file.display())),
        }
    }
    Ok(bad)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shm_layout::Label;
    use shm_layout::prediction::{LANDMARKS, Motion};

    const FRAME: Size = Size {
        width_px: 640,
        height_px: 480,
    };

    fn hand(right_probability: f32) -> Hand {
        Hand {
            id: 1,
            motion: Motion::default(),
            gesture: Label::new("Thumb_Up").expect("a label"),
            score: 0.9,
            right_probability,
            presence: 1.0,
            rect: [0.1, 0.2, 0.3, 0.4],
            landmarks: std::array::from_fn(|i| [0.3 + i as f32 / 100.0, 0.5, 0.0]),
        }
    }

    #[test]
    fn one_hand_at_a_time_is_taken() {
        let mut any = Collector::new(HandSide::Any);
        any.add(&[hand(0.9)], FRAME);
        any.add(&[hand(0.1)], FRAME);
        any.add(&[hand(0.9), hand(0.1)], FRAME);
        any.add(&[], FRAME);
        assert_eq!((any.hands.len(), any.several, any.empty), (2, 1, 1));
        assert_eq!(any.called(), [("Thumb_Up".to_owned(), 1.0)]);
        assert_eq!(
            any.line(),
            "2 samples, 1 frame without a hand, 1 frame with several hands"
        );
        let mut left = Collector::new(HandSide::Left);
        left.add(&[hand(0.9), hand(0.1)], FRAME);
        left.add(&[hand(0.9)], FRAME);
        assert_eq!((left.hands.len(), left.other_side), (1, 1));
        // As `gesture::normalise` makes it: relative to the wrist, the longer side 1.
        let [.., x, _, _] = left.hands[0];
        assert!((x - 1.0).abs() < 1e-3 && left.hands[0][..3] == [0.0; 3]);
        assert_eq!(hand(0.1).landmarks.len(), LANDMARKS);
    }

    #[test]
    fn what_was_wrong_is_said() {
        let hint = |hands: &[Hand]| {
            let mut collector = Collector::new(HandSide::Left);
            (0..20).for_each(|_| collector.add(hands, FRAME));
            collector.check().expect_err("too few").hint()
        };
        assert!(hint(&[]).contains("no hand was seen"));
        assert!(hint(&[hand(0.9)]).contains("only the other hand"));
        assert!(hint(&[hand(0.1), hand(0.2)]).contains("several hands"));
        let none = Collector::new(HandSide::Any).check().expect_err("too few");
        assert!(none.hint().contains("--seconds 10"));
    }

    #[test]
    fn a_slow_box_gets_longer() {
        let (mut collector, s) = (Collector::new(HandSide::Any), Duration::from_secs);
        assert!(collector.is_done(s(5), s(5)), "nothing is to be seen");
        collector.add(&[hand(0.9)], FRAME);
        assert!(!collector.is_done(s(19), s(5)) && collector.is_done(s(20), s(5)));
        (0..SAMPLES_MIN).for_each(|_| collector.add(&[hand(0.9)], FRAME));
        assert!(collector.is_done(s(5), s(5)) && !collector.is_done(s(4), s(5)));
    }
}
