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
use crate::fractions::to_pixels;
use crate::hand::gesture::normalise;
use crate::image::Size;
use crate::pipeline::Pipeline;
use crate::predict::FILE_BYTES_MAX;
use shm_layout::control::HandSide;
use shm_layout::segment::{Access, Segment, SegmentName};
use shm_layout::{Hand, MonotonicNs, Prediction};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a box may tell nothing before that is an error.
const SILENCE_MAX: Duration = Duration::from_secs(3);
/// Longest sleep without predictions; bounds how late progress is told.
const WAIT_MAX: Duration = Duration::from_millis(100);
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
                parts.push(format!("{count} frames {what}"));
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
        if since >= end {
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
                    let left = what.seconds - past;
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
    let entries = std::fs::read_dir(folder);
    let entries = entries.map_err(|error| unusable(format!("no pictures: {error}")))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.retain(|file| {
        let end = file
            .extension()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        ["jpg", "jpeg", "png"].contains(&end.as_str())
    });
    files.sort();
    if files.is_empty() {
        return Err(unusable("no pictures".to_owned()));
    }
    let mut bad = Vec::new();
    for file in files {
        match read(&file).and_then(|bytes| {
            let loaded = pipeline.load_file_with_margin(&bytes, margin);
            loaded.map_err(|error| error.to_string())
        }) {
            Ok(()) => {
                let outcome = pipeline.recognize()?;
                collector.add(&outcome.hands, outcome.frame);
            }
            Err(why) => bad.push(format!("{}: {why}", file.display())),
        }
    }
    Ok(bad)
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    let length = std::fs::metadata(file)
        .map_err(|error| error.to_string())?
        .len();
    if length > FILE_BYTES_MAX {
        return Err(format!(
            "file of {length} bytes (expected at most {FILE_BYTES_MAX})"
        ));
    }
    std::fs::read(file).map_err(|error| error.to_string())
}
