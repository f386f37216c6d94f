//! One taught gesture in a file: its examples, and where they came from.
//!
//! Neighbours: [`super::folder`] reads and writes them, [`super::lesson`] learns from them. What is
//! kept are examples, not weights: they can be learnt anew beside other gestures, another set of
//! gestures and by a later version. The text is for people to look at, one hand a line; a digest
//! tells a file that something else has changed. What is read is checked.

use super::error::TaughtError;
use super::features::{COORDINATES, Shape};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use shm_layout::Label;
use shm_layout::control::HandSide;
use std::fmt::Write as _;
use std::path::Path;

/// Version of the file's keys that this program reads.
const FORMAT: u32 = 1;
/// Coordinates are whole numbers of this, in parts of the longer side of the hand's bounds.
const UNIT: f32 = 1e-4;
/// Coordinates beyond this many sides are not believed.
const COORDINATE_MAX: f32 = 3.0;
/// Fewest hands of a gesture.
pub const SAMPLES_MIN: usize = 15;
/// Most hands of a gesture: more are thinned out evenly.
pub const SAMPLES_MAX: usize = 300;
/// Most times that a gesture was taught and added to.
const SESSIONS_MAX: usize = 100;
/// Longest description of where samples came from, in bytes.
const FROM_BYTES_MAX: usize = 200;
/// Largest file that is read; 300 hands take 100 KB.
pub const FILE_BYTES_MAX: u64 = 1 << 20;

/// One time that a gesture was taught.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// Where its samples came from.
    pub from: String,
    /// How many of them are kept.
    pub samples: usize,
}

/// A gesture's examples.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// Its name; see [`is_name`].
    pub name: String,
    /// The hands that show it.
    pub side: HandSide,
    /// Where the hands came from, in their order.
    pub sessions: Vec<Session>,
    /// The hands, [`SAMPLES_MIN`] to [`SAMPLES_MAX`] of them, normalised.
    pub hands: Vec<Shape>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    name: String,
    hand: HandSide,
    taught: Vec<Session>,
    sha256: String,
    samples: Vec<Vec<i32>>,
}

/// Whether `name` can name a taught gesture: letters, digits, `-` and `_`, as long as a label may
/// be, and not what stands for no gesture.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let is_allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    let is_none = name.eq_ignore_ascii_case("none");
    Label::new(name).is_some() && name.chars().all(is_allowed) && !name.starts_with('-') && !is_none
}

/// The hand as it will be read again.
#[must_use]
pub fn rounded(hand: &Shape) -> Shape {
    hand.map(|value| whole(value) as f32 * UNIT)
}

fn whole(value: f32) -> i32 {
    (value.clamp(-COORDINATE_MAX, COORDINATE_MAX) / UNIT).round() as i32
}

impl Samples {
    /// Adds the samples of another time, and thins them all out if they are too many.
    #[must_use]
    pub fn joined(mut self, other: Self) -> Self {
        self.sessions.extend(other.sessions);
        self.hands.extend(other.hands);
        self.thinned()
    }

    /// Leaves at most [`SAMPLES_MAX`], from all times alike.
    #[must_use]
    pub fn thinned(mut self) -> Self {
        let count = self.hands.len();
        if count <= SAMPLES_MAX {
            return self;
        }
        let keep = |index: usize| (index + 1) * SAMPLES_MAX / count > index * SAMPLES_MAX / count;
        let mut first = 0;
        for session in &mut self.sessions {
            let last = (first + session.samples).min(count);
            session.samples = (first..last).filter(|index| keep(*index)).count();
            first = last;
        }
        let hands = self.hands.into_iter().enumerate();
        self.hands = hands
            .filter(|(i, _)| keep(*i))
            .map(|(_, hand)| hand)
            .collect();
        self
    }

    /// The text of its file; the same samples give the same text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let text = |value: &str| serde_json::Value::from(value).to_string();
        let sessions = self.sessions.iter().map(|session| {
            let from = text(&session.from);
            format!("  {{\"from\": {from}, \"samples\": {}}}", session.samples)
        });
        let sessions: Vec<String> = sessions.collect();
        let lines: Vec<String> = self.hands.iter().map(line).collect();
        format!(
            "{{\n\"format\": {FORMAT},\n\"name\": {},\n\"hand\": \"{}\",\n\"taught\": [\n{}\n],\n\
             \"sha256\": \"{}\",\n\"samples\": [\n{}\n]\n}}\n",
            text(&self.name),
            self.side.word(),
            sessions.join(",\n"),
            self.digest(),
            lines.join(",\n"),
        )
    }

    /// Reads the text of a file; `path` is where it lies, and its name is that of the gesture.
    ///
    /// # Errors
    /// [`TaughtError::Damaged`] says what is wrong.
    pub fn from_text(text: &str, path: &Path) -> Result<Self, TaughtError> {
        let damaged = |what: String| TaughtError::Damaged {
            path: path.to_owned(),
            what,
        };
        let file: File = serde_json::from_str(text)
            .map_err(|error| damaged(error.to_string().replace('\n', " ")))?;
        if file.format != FORMAT {
            let what = format!("format is {}, expected {FORMAT}", file.format);
            return Err(damaged(what));
        }
        if !is_name(&file.name) || Some(file.name.as_str()) != stem(path) {
            let what = format!("its name is {:?}, expected that of the file", file.name);
            return Err(damaged(what));
        }
        let hands: Option<Vec<Shape>> = file.samples.iter().map(|s| hand(s)).collect();
        let hands = hands.ok_or_else(|| damaged("a sample is no hand".to_owned()))?;
        if !(SAMPLES_MIN..=SAMPLES_MAX).contains(&hands.len()) {
            let found = hands.len();
            let what = format!("{found} samples, expected {SAMPLES_MIN} to {SAMPLES_MAX}");
            return Err(damaged(what));
        }
        let is_plain = |s: &Session| s.from.len() <= FROM_BYTES_MAX && s.samples <= SAMPLES_MAX;
        let told: usize = file.taught.iter().map(|s| s.samples.min(SAMPLES_MAX)).sum();
        let are_few = file.taught.len() <= SESSIONS_MAX;
        if !are_few || !file.taught.iter().all(is_plain) || told != hands.len() {
            return Err(damaged("`taught` does not fit the samples".to_owned()));
        }
        let samples = Self {
            name: file.name,
            side: file.hand,
            sessions: file.taught,
            hands,
        };
        if samples.digest() != file.sha256 {
            return Err(damaged("it was changed since it was taught".to_owned()));
        }
        Ok(samples)
    }

    /// The digest of everything, in hex.
    fn digest(&self) -> String {
        let mut digest = Sha256::new();
        digest.update(format!("{}\n{}\n", self.name, self.side.word()));
        for Session { from, samples } in &self.sessions {
            digest.update(format!("{from}\n{samples}\n"));
        }
        for hand in &self.hands {
            digest.update(line(hand));
        }
        let mut text = String::with_capacity(64);
        for byte in digest.finalize() {
            // Writing into a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

fn stem(path: &Path) -> Option<&str> {
    path.file_stem()?.to_str()
}

fn line(hand: &Shape) -> String {
    let mut text = String::with_capacity(COORDINATES * 6);
    for (index, value) in hand.iter().enumerate() {
        let comma = if index == 0 { "[" } else { "," };
        // Writing into a string cannot fail.
        let _ = write!(text, "{comma}{}", whole(*value));
    }
    text + "]"
}

fn hand(numbers: &[i32]) -> Option<Shape> {
    let mut shape = [0.0; COORDINATES];
    if numbers.len() != COORDINATES {
        return None;
    }
    for (value, number) in shape.iter_mut().zip(numbers) {
        *value = *number as f32 * UNIT;
        if value.abs() > COORDINATE_MAX {
            return None;
        }
    }
    Some(shape)
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
