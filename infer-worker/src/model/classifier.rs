//! `[classifier]` of a manifest: a network of the user's own that tells what a hand or a whole frame
//! shows.
//!
//! Neighbours: [`super::manifest`] finds the section; [`crate::classifier`] runs what is described.
//! Everything is checked here that can be checked without the file, and every error names its key,
//! what may stand there and what does.

use super::ModelError;
use super::manifest::NetworkFile;
use super::network::Port;
use crate::classifier::prepare::{Colours, Cut, Fit, Form, Layout};
use crate::classifier::scores::Scores;
use serde::Deserialize;
use shm_layout::Label;
use shm_layout::prediction::LABEL_BYTES_MAX;
use std::path::{Path, PathBuf};

/// Longest side of a picture that a network reads, in pixels.
pub const INPUT_SIDE_MAX_PX: usize = 2048;
/// Most labels of a classifier.
pub const LABELS_MAX: usize = 1024;
/// The label that says that nothing of the others is shown.
pub const NO_GESTURE: &str = "None";
/// Largest margin around a hand, in parts of its bounds.
const MARGIN_MAX: f32 = 4.0;
/// Range of pixels when the manifest names none.
const RANGE: [f32; 2] = [0.0, 1.0];
/// Margin around a hand when the manifest names none.
const MARGIN: f32 = 0.25;

/// What a classifier looks at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sees {
    /// The whole frame; nobody looks for hands then.
    Frame {
        /// How it fits.
        fit: Fit,
        /// For [`Fit::Crop`]: which part of the largest possible middle is seen, 0..=1.
        share: f32,
    },
    /// Each hand, cut out.
    Hand(Cut),
}

/// A user's own classifier, as its manifest describes it.
#[derive(Debug, Clone)]
pub struct Classifier {
    /// Its file, with one input and one output.
    pub file: NetworkFile,
    /// What it looks at.
    pub sees: Sees,
    /// The values that it reads.
    pub form: Form,
    /// The numbers that it gives.
    pub scores: Scores,
    /// Index of the label for "none of these", if the network has no output for that.
    pub no_gesture: Option<usize>,
    /// The manifest that has the networks for hands; empty = that of the installation.
    pub hands: PathBuf,
}

/// The section as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifierEntry {
    file: String,
    sha256: String,
    #[serde(default)]
    licence: String,
    #[serde(default)]
    source: String,
    sees: SeesKey,
    fit: Option<Fit>,
    share: Option<f32>,
    cut: Option<CutKey>,
    margin: Option<f32>,
    hands: Option<PathBuf>,
    input: Port,
    layout: Layout,
    colours: Colours,
    range: Option<[f32; 2]>,
    mean: Option<Vec<f32>>,
    std: Option<Vec<f32>>,
    output: Port,
    scores: Scores,
    labels: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SeesKey {
    Frame,
    Hand,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum CutKey {
    Upright,
    Turned,
}

/// A key, what may stand there, and what does.
type Wrong = (&'static str, String, String);

impl ClassifierEntry {
    /// Checks the section of the manifest at `path` and gives what it describes, with its labels.
    ///
    /// # Errors
    /// [`ModelError::Entry`] names the first key that is wrong.
    pub fn check(&self, path: &Path) -> Result<(Classifier, Vec<Label>), ModelError> {
        self.checked(path).map_err(|(key, expected, found)| {
            let key = format!("classifier.{key}");
            let path = path.to_owned();
            ModelError::Entry {
                path,
                key,
                expected,
                found,
            }
        })
    }

    fn checked(&self, path: &Path) -> Result<(Classifier, Vec<Label>), Wrong> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let sees = self.sees()?;
        let form = self.form()?;
        let mut labels = self.labels()?;
        let named = |label: &Label| label.as_str().eq_ignore_ascii_case(NO_GESTURE);
        let is_each_for_itself = self.scores == Scores::Sigmoid || labels.len() == 1;
        let no_gesture = (is_each_for_itself && !labels.iter().any(named)).then_some(labels.len());
        if no_gesture.is_some() {
            labels.extend(Label::new(NO_GESTURE));
        }
        let file = NetworkFile {
            path: folder.join(&self.file),
            sha256: self.sha256.to_ascii_lowercase(),
            licence: self.licence.clone(),
            source: self.source.clone(),
            inputs: vec![self.input.clone()],
            outputs: vec![self.output.clone()],
        };
        let hands = self.hands.as_ref().map(|hands| folder.join(hands));
        let classifier = Classifier {
            file,
            sees,
            form,
            scores: self.scores,
            no_gesture,
            hands: hands.unwrap_or_default(),
        };
        Ok((classifier, labels))
    }

    fn sees(&self) -> Result<Sees, Wrong> {
        let of_frames = [("fit", self.fit.is_some()), ("share", self.share.is_some())];
        let of_hands = [
            ("cut", self.cut.is_some()),
            ("margin", self.margin.is_some()),
            ("hands", self.hands.is_some()),
        ];
        let (others, is) = match self.sees {
            SeesKey::Frame => (&of_hands[..], "frame"),
            SeesKey::Hand => (&of_frames[..], "hand"),
        };
        if let Some((key, _)) = others.iter().find(|(_, is_there)| *is_there) {
            let expected = format!("no such key where sees = \"{is}\"");
            return Err((key, expected, "one".to_owned()));
        }
        if self.sees == SeesKey::Hand {
            let margin = self.margin.unwrap_or(MARGIN);
            number("margin", margin, 0.0..=MARGIN_MAX)?;
            let is_turned = self.cut == Some(CutKey::Turned);
            return Ok(Sees::Hand(Cut { is_turned, margin }));
        }
        let fit = self.fit.unwrap_or(Fit::Letterbox);
        if fit != Fit::Crop && self.share.is_some() {
            let expected = "no such key without fit = \"crop\"".to_owned();
            return Err(("share", expected, "one".to_owned()));
        }
        let share = self.share.unwrap_or(1.0);
        number("share", share, 0.05..=1.0)?;
        Ok(Sees::Frame { fit, share })
    }

    fn form(&self) -> Result<Form, Wrong> {
        let (channels, colours) = (self.colours.count(), self.colours);
        let sides = |shape: &[usize], layout| match (layout, shape) {
            (Layout::Nchw, &[1, c, height, width]) if c == channels => Some((width, height)),
            (Layout::Nhwc, &[1, height, width, c]) if c == channels => Some((width, height)),
            _ => None,
        };
        let Some((width, height)) = sides(&self.input.shape, self.layout) else {
            let (expected, other) = match self.layout {
                Layout::Nchw => (format!("[1, {channels}, height, width]"), Layout::Nhwc),
                Layout::Nhwc => (format!("[1, height, width, {channels}]"), Layout::Nchw),
            };
            let expected = format!(
                "shape {expected} for layout {} and colours {}",
                name_of(self.layout),
                format!("{colours:?}").to_uppercase()
            );
            let shape = &self.input.shape;
            let found = match sides(shape, other) {
                Some(_) => format!("{shape:?}, which is layout {}", name_of(other)),
                None => format!("{shape:?}"),
            };
            return Err(("input", expected, found));
        };
        let fits = |side: usize| (1..=INPUT_SIDE_MAX_PX).contains(&side);
        if !fits(width) || !fits(height) {
            let expected = format!("sides of 1 to {INPUT_SIDE_MAX_PX} pixels");
            return Err(("input", expected, format!("{width} x {height}")));
        }
        let (scale, bias) = self.values()?;
        Ok(Form {
            width,
            height,
            layout: self.layout,
            colours,
            scale,
            bias,
        })
    }

    /// Factor and summand of each colour: range, mean and standard deviation in one.
    fn values(&self) -> Result<([f32; 3], [f32; 3]), Wrong> {
        let [low, high] = self.range.unwrap_or(RANGE);
        if !(low.is_finite() && high.is_finite() && low < high) {
            let expected = "two numbers, the lower first, for pixels of 0 and of 255".to_owned();
            return Err(("range", expected, format!("[{low}, {high}]")));
        }
        let mean = self.per_colour("mean", self.mean.as_ref(), 0.0, f32::is_finite)?;
        let is_divisor = |value: f32| value.is_finite() && value > 0.0;
        let std = self.per_colour("std", self.std.as_ref(), 1.0, is_divisor)?;
        let each = |value: fn(f64, f64, f64, f64) -> f64| {
            [0, 1, 2].map(|colour| {
                let (mean, std) = (f64::from(mean[colour]), f64::from(std[colour]));
                value(low.into(), high.into(), mean, std) as f32
            })
        };
        Ok((
            each(|low, high, _, std| (high - low) / 255.0 / std),
            each(|low, _, mean, std| (low - mean) / std),
        ))
    }

    fn per_colour(
        &self,
        key: &'static str,
        values: Option<&Vec<f32>>,
        default: f32,
        is_good: impl Fn(f32) -> bool,
    ) -> Result<[f32; 3], Wrong> {
        let count = self.colours.count();
        let values = match values.map(Vec::as_slice) {
            None => return Ok([default; 3]),
            Some([one]) => vec![*one; 3],
            Some(each) if each.len() == count => each.to_vec(),
            Some(other) => {
                let expected = format!("one number, or {count}, one for each colour");
                return Err((key, expected, format!("{other:?}")));
            }
        };
        if !values.iter().copied().all(is_good) {
            let expected = match key {
                "std" => "finite numbers above 0",
                _ => "finite numbers",
            };
            return Err((key, expected.to_owned(), format!("{values:?}")));
        }
        let of = |colour: usize| values.get(colour).copied().unwrap_or(default);
        Ok([of(0), of(1), of(2)])
    }

    fn labels(&self) -> Result<Vec<Label>, Wrong> {
        let (shape, count) = (&self.output.shape, self.labels.len());
        let values = shape.iter().try_fold(1_usize, |all, n| all.checked_mul(*n));
        let values = values.filter(|values| (1..=LABELS_MAX).contains(values));
        let (1, Some(values)) = (shape.first().copied().unwrap_or(0), values) else {
            let expected = format!("shape [1, labels], with 1 to {LABELS_MAX} labels");
            return Err(("output", expected, format!("{shape:?}")));
        };
        if count != values {
            let name = &self.output.name;
            let expected =
                format!("{values} labels, one for each value of output `{name}` {shape:?}");
            return Err(("labels", expected, count.to_string()));
        }
        let mut labels: Vec<Label> = Vec::with_capacity(count + 1);
        for name in &self.labels {
            let Some(label) = Label::new(name) else {
                let expected =
                    format!("labels of 1 to {LABEL_BYTES_MAX} bytes without control characters");
                return Err(("labels", expected, format!("{name:?}")));
            };
            let may_repeat = name.eq_ignore_ascii_case(NO_GESTURE);
            if !may_repeat && labels.contains(&label) {
                let expected = format!("each label once, but for {NO_GESTURE}");
                return Err(("labels", expected, format!("{name:?} twice")));
            }
            labels.push(label);
        }
        Ok(labels)
    }
}

fn name_of(layout: Layout) -> String {
    format!("{layout:?}").to_uppercase()
}

fn number(
    key: &'static str,
    value: f32,
    range: std::ops::RangeInclusive<f32>,
) -> Result<(), Wrong> {
    if range.contains(&value) {
        return Ok(());
    }
    let expected = format!("a number from {} to {}", range.start(), range.end());
    Err((key, expected, value.to_string()))
}
