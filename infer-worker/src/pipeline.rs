//! One frame from bytes to hands, or to what it shows as a whole: load (decode at the scale needed),
//! then recognise.
//!
//! Neighbours: `run`, `predict` and `agree` drive it; it ties together `image`, `hand::tracker`,
//! `recognizer` and `classifier`. Two calls, because a raw frame is read in place while it is leased, and the
//! lease ends before the networks run. It reads no clock and no shared memory.

use crate::classifier::ImageClassifier;
use crate::fractions::{to_published, tracked_regions};
use crate::hand::region::Region;
use crate::hand::{search, tracker};
use crate::image::{self, ImageError, Picture, Size};
use crate::model::{Engine, Loader, ModelError, ModelSet, RunError};
use crate::recognizer::{Plan, Recognizer};
use shm_layout::{FrameMeta, Hand, Label, Prediction, Scene};

/// Looks are counted in 31 bits, then start over.
const LOOKS_MAX: u32 = u32::MAX >> 1;

/// What was found in a frame.
#[derive(Debug)]
pub struct Outcome {
    /// The hands, tracked ones first.
    pub hands: Vec<Hand>,
    /// What the frame shows as a whole, by a model that says so.
    pub scene: Option<Scene>,
    /// Whether the palm detector ran.
    pub detected: bool,
    /// How often it has run for this source; see [`Prediction::looks`].
    pub looks: u32,
    /// The frame's size.
    pub frame: Size,
}

/// What looks at a frame.
#[derive(Debug)]
enum Sight {
    /// Hands are found, and read one by one.
    Hands(Box<Recognizer>),
    /// A user's own classifier sees all of it.
    Frame(Box<ImageClassifier>),
}

impl Sight {
    fn load(model: &ModelSet, loader: &Loader) -> Result<Self, ModelError> {
        Ok(match &model.classifier {
            Some(own) if !model.sees_hands() => {
                Self::Frame(Box::new(ImageClassifier::load(own, loader)?))
            }
            _ => Self::Hands(Box::new(Recognizer::load(model, loader)?)),
        })
    }
}

/// The recogniser with the memory for one frame; one per worker.
#[derive(Debug)]
pub struct Pipeline {
    model: ModelSet,
    sight: Sight,
    hands_max: usize,
    picture: Picture,
    tracked: Vec<Region>,
    look: Option<Region>,
    looks: u32,
}

impl Pipeline {
    /// Loads the model's networks, to run on the fastest code for this processor.
    ///
    /// # Errors
    /// [`ModelError`] when a file is missing, damaged or of other shapes than the manifest says.
    pub fn load(model: ModelSet, hands_max: usize) -> Result<Self, ModelError> {
        Self::load_on(Engine::best(), model, hands_max)
    }

    /// As [`load`](Self::load), to run on the code that `engine` names.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_on(engine: Engine, model: ModelSet, hands_max: usize) -> Result<Self, ModelError> {
        Ok(Self {
            sight: Sight::load(&model, &Loader::new(engine))?,
            model,
            hands_max,
            picture: Picture::default(),
            tracked: Vec::new(),
            look: None,
            looks: 0,
        })
    }

    /// Changes the most hands to report.
    pub fn set_hands_max(&mut self, hands_max: usize) {
        self.hands_max = hands_max;
    }

    /// The model that runs.
    #[must_use]
    pub fn model(&self) -> &ModelSet {
        &self.model
    }

    /// Runs all that the fullest frame needs, without a frame; what is known of none is changed.
    ///
    /// # Errors
    /// [`RunError`] when a network fails to run.
    pub fn run_all(&mut self) -> Result<(), RunError> {
        match &mut self.sight {
            Sight::Hands(recognizer) => recognizer.run_all(self.hands_max),
            Sight::Frame(classifier) => classifier.run(),
        }
    }

    /// Decodes a JPEG frame; `bytes` must be private memory. `previous` is the last prediction of
    /// the same source, while it is fresh.
    ///
    /// # Errors
    /// [`ImageError`] when it cannot be decoded.
    pub fn load_jpeg(
        &mut self,
        bytes: &[u8],
        previous: Option<&Prediction>,
        sequence: u64,
    ) -> Result<(), ImageError> {
        let (tracked, look, looks) = (&mut self.tracked, &mut self.look, &mut self.looks);
        let (hands_max, sight) = (self.hands_max, &self.sight);
        let scale = |frame: Size| {
            if let Sight::Frame(classifier) = sight {
                return classifier.denominator(frame);
            }
            (*look, *looks) = plan(previous, sequence, hands_max, frame, tracked);
            tracker::denominator(frame, tracked, *look)
        };
        image::jpeg::decode(bytes, image::FRAME_PIXELS_MAX, scale, &mut self.picture)
    }

    /// Converts a raw frame, which may be read in place while it is leased.
    ///
    /// # Errors
    /// [`ImageError`] when its bytes do not hold what `meta` states.
    pub fn load_raw(
        &mut self,
        meta: &FrameMeta,
        bytes: &[u8],
        previous: Option<&Prediction>,
        sequence: u64,
    ) -> Result<(), ImageError> {
        image::raw::convert(meta, bytes, &mut self.picture)?;
        let frame = self.picture.frame_size();
        (self.look, self.looks) =
            plan(previous, sequence, self.hands_max, frame, &mut self.tracked);
        Ok(())
    }

    /// Decodes an image file, JPEG or PNG, that stands alone.
    ///
    /// # Errors
    /// [`ImageError`] when it cannot be decoded.
    pub fn load_file(&mut self, bytes: &[u8]) -> Result<(), ImageError> {
        self.load_file_with_margin(bytes, 0.0)
    }

    /// As [`load_file`](Self::load_file), with `margin` parts of the longer side added all around, in
    /// the colours of the edge: the palm detector needs some room around a hand.
    ///
    /// # Errors
    /// [`ImageError`] when it cannot be decoded, or is too large with its margin.
    pub fn load_file_with_margin(&mut self, bytes: &[u8], margin: f32) -> Result<(), ImageError> {
        image::decode_file(bytes, &mut self.picture)?;
        let longer = self.picture.width_px.max(self.picture.height_px);
        let added = (longer as f32 * margin.max(0.0)).round() as usize;
        self.picture.extend(added)?;
        self.tracked.clear();
        // All of it, with the margin.
        let frame = self.picture.frame_size();
        self.look = Some(search::square(0, 0, &[], frame));
        Ok(())
    }

    /// Finds the hands in the picture that was loaded last, or says what it shows as a whole.
    ///
    /// # Errors
    /// [`RunError`] when a network fails to run.
    pub fn recognize(&mut self) -> Result<Outcome, RunError> {
        let frame = self.picture.frame_size();
        let recognizer = match &mut self.sight {
            Sight::Hands(recognizer) => recognizer,
            Sight::Frame(classifier) => {
                let answer = classifier.classify_frame(&self.picture)?;
                return Ok(Outcome {
                    hands: Vec::new(),
                    scene: answer.and_then(|answer| scene(answer, &self.model.labels)),
                    detected: false,
                    looks: 0,
                    frame,
                });
            }
        };
        let plan = Plan {
            tracked: &self.tracked,
            look: self.look,
            hands_max: self.hands_max,
        };
        let found = recognizer.recognize(&self.picture, plan)?;
        let labels = &self.model.labels;
        let hands = found
            .iter()
            .filter_map(|hand| to_published(hand, labels, frame))
            .collect();
        Ok(Outcome {
            hands,
            scene: None,
            detected: self.look.is_some(),
            looks: self.looks,
            frame,
        })
    }
}

/// A classifier's answer as it is published.
fn scene((label, score): (usize, f32), labels: &[Label]) -> Option<Scene> {
    let gesture = *labels.get(label)?;
    Some(Scene { gesture, score })
}

/// Where the known hands will be, from the last prediction; returns where to look for new palms, if
/// at all, and the number of looks with this one.
fn plan(
    previous: Option<&Prediction>,
    sequence: u64,
    hands_max: usize,
    frame: Size,
    tracked: &mut Vec<Region>,
) -> (Option<Region>, u32) {
    tracked.clear();
    let Some(previous) = previous else {
        return (Some(search::square(0, 0, &[], frame)), 1);
    };
    tracked_regions(previous, frame, tracked);
    tracked.truncate(hands_max);
    let (known, looks) = (tracked.len(), previous.looks);
    let lost = previous.lost.len();
    if !tracker::detects(known, lost, hands_max, previous.sequence.0, sequence) {
        return (None, looks);
    }
    let square = search::square(looks, known, &previous.lost, frame);
    (Some(square), looks.wrapping_add(1) & LOOKS_MAX)
}
