//! A picture and the hands of the frame before → the hands of this frame.
//!
//! Neighbours: `run` and `predict` give it pictures; the networks come from [`crate::model`], the
//! rules from [`crate::hand`]. It keeps memory between frames, but no state: what is known of
//! earlier frames is an argument, so that any worker can go on with any source.

use crate::classifier::ImageClassifier;
use crate::hand::crop::{Border, crop};
use crate::hand::palm::PalmDecoder;
use crate::hand::region::Region;
use crate::hand::{FoundHand, gesture, landmark, palm, tracker};
use crate::image::Picture;
use crate::model::{Loader, ModelError, ModelSet, Network, RunError, Step};
use crate::taught::Taught;
use crate::taught::features::{COORDINATES, Shape};

/// What the embedder takes: the points, the side, the points in metres. A classifier may take them
/// too, after the embedding; see [`Step`](crate::model::Step).
const EMBEDDER_INPUTS: usize = 3;

/// What is known before a frame is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// Where the hands of the frame before will be now.
    pub tracked: &'a [Region],
    /// The upright square in which to look for further palms, if at all.
    pub look: Option<Region>,
    /// Most hands to report.
    pub hands_max: usize,
}

/// What names the gesture of a hand, where none that was taught takes it.
#[derive(Debug)]
enum Head {
    /// The model's networks, from the hand's points.
    Points {
        embedder: Box<dyn Network>,
        classifier: Box<dyn Network>,
    },
    /// A user's own network, from the picture of the hand.
    Own(Box<ImageClassifier>),
}

impl Head {
    fn load(model: &ModelSet, loader: &Loader) -> Result<Self, ModelError> {
        Ok(match &model.classifier {
            Some(own) => Self::Own(Box::new(ImageClassifier::load(own, loader)?)),
            None => Self::Points {
                embedder: loader.step(model, Step::GestureEmbedder)?,
                classifier: loader.step(model, Step::GestureClassifier)?,
            },
        })
    }

    /// Runs what one hand needs, on whatever the inputs hold.
    fn run(&mut self) -> Result<(), RunError> {
        match self {
            Self::Points {
                embedder,
                classifier,
            } => {
                embedder.run()?;
                classifier.run()
            }
            Self::Own(own) => own.run(),
        }
    }
}

/// The networks and the memory that they share; one per worker.
#[derive(Debug)]
pub struct Recognizer {
    palm: Box<dyn Network>,
    landmark: Box<dyn Network>,
    head: Head,
    taught: Taught,
    palms: PalmDecoder,
    detected: Vec<Region>,
    hands: Vec<FoundHand>,
}

impl Recognizer {
    /// Loads the networks of a profile; takes some tens of milliseconds.
    ///
    /// # Errors
    /// [`ModelError`] when a file is missing, damaged or of other shapes than the manifest says.
    pub fn load(model: &ModelSet, loader: &Loader) -> Result<Self, ModelError> {
        Ok(Self {
            palm: loader.step(model, Step::PalmDetection)?,
            landmark: loader.step(model, Step::HandLandmark)?,
            head: Head::load(model, loader)?,
            taught: Taught::of(model),
            palms: PalmDecoder::new(),
            detected: Vec::new(),
            hands: Vec::new(),
        })
    }

    /// Runs every network as often as a frame with `hands` hands needs it, on whatever its input
    /// holds: how long a network takes does not depend on that.
    ///
    /// # Errors
    /// [`RunError`] when a network fails to run.
    pub fn run_all(&mut self, hands: usize) -> Result<(), RunError> {
        self.palm.run()?;
        for _ in 0..hands {
            self.landmark.run()?;
            self.head.run()?;
        }
        Ok(())
    }

    /// Finds the hands: the tracked ones first, then, if the plan says so, new ones.
    ///
    /// # Errors
    /// [`RunError`] when a network fails to run.
    pub fn recognize(
        &mut self,
        picture: &Picture,
        plan: Plan<'_>,
    ) -> Result<&[FoundHand], RunError> {
        self.hands.clear();
        self.detected.clear();
        if let Some(square) = plan.look {
            self.detect(picture, &square, plan.hands_max)?;
        }
        for region in plan.tracked {
            self.add_hand(picture, region, plan.hands_max)?;
        }
        for index in 0..self.detected.len() {
            let region = self.detected[index];
            if !tracker::is_tracked(&region, plan.tracked) {
                self.add_hand(picture, &region, plan.hands_max)?;
            }
        }
        Ok(&self.hands)
    }

    /// Looks for palms in a square of the picture.
    fn detect(
        &mut self,
        picture: &Picture,
        square: &Region,
        hands_max: usize,
    ) -> Result<(), RunError> {
        crop(
            picture,
            square,
            palm::INPUT_SIDE,
            Border::Black,
            self.palm.input(0),
        );
        self.palm.run()?;
        let (boxes, logits) = (self.palm.output(0), self.palm.output(1));
        self.palms
            .decode(boxes, logits, square, hands_max, &mut self.detected);
        Ok(())
    }

    /// Reads the hand in `region` and keeps it, if there is one that is not kept already.
    fn add_hand(
        &mut self,
        picture: &Picture,
        region: &Region,
        hands_max: usize,
    ) -> Result<(), RunError> {
        let frame = picture.frame_size();
        let usable = region.is_usable(frame.width_px as f32, frame.height_px as f32);
        if !usable || self.hands.len() >= hands_max {
            return Ok(());
        }
        crop(
            picture,
            region,
            landmark::INPUT_SIDE,
            Border::Nearest,
            self.landmark.input(0),
        );
        self.landmark.run()?;
        let presence = single(self.landmark.output(1));
        let right_probability = single(self.landmark.output(2));
        if presence < landmark::PRESENCE_MIN {
            return Ok(());
        }
        let points = landmark::decode(self.landmark.output(0), self.landmark.output(3), region);
        let Some(points) = points else { return Ok(()) };
        let known = |hand: &FoundHand| tracker::is_same_hand(&hand.landmarks, &points.landmarks);
        if self.hands.iter().any(known) {
            return Ok(());
        }
        let mut shape: Shape = [0.0; COORDINATES];
        gesture::normalise(&points.landmarks, &mut shape);
        let taught = self.taught.decide(&shape, right_probability);
        let label = match (taught, &mut self.head) {
            (Some(_), _) => taught,
            (None, Head::Own(own)) => own.classify_hand(picture, &points.landmarks)?,
            (
                None,
                Head::Points {
                    embedder,
                    classifier,
                },
            ) => {
                embedder.input(0).copy_from_slice(&shape);
                embedder.input(1).fill(right_probability);
                gesture::normalise(&points.world, embedder.input(2));
                classify(&mut **embedder, &mut **classifier)?
            }
        };
        if let Some((gesture, score)) = label {
            let landmarks = points.landmarks;
            let hand = FoundHand {
                landmarks,
                gesture,
                score,
                right_probability,
                presence,
            };
            self.hands.push(hand);
        }
        Ok(())
    }
}

/// The model's likeliest gesture of the hand in the embedder's inputs, and its probability.
fn classify(
    embedder: &mut dyn Network,
    classifier: &mut dyn Network,
) -> Result<Option<(usize, f32)>, RunError> {
    embedder.run()?;
    classifier.input(0).copy_from_slice(embedder.output(0));
    for index in 0..EMBEDDER_INPUTS {
        // Empty for a classifier that takes the embedding alone.
        let wanted = classifier.input(index + 1);
        if !wanted.is_empty() {
            wanted.copy_from_slice(embedder.input(index));
        }
    }
    classifier.run()?;
    let likeliest = gesture::likeliest(classifier.output(0));
    Ok(likeliest.map(|(index, score)| (index, score.clamp(0.0, 1.0))))
}

/// A probability that stands alone; what is no number counts as 0.
fn single(values: &[f32]) -> f32 {
    let value = values.first().copied().unwrap_or(0.0);
    if value.is_finite() {
        value.clamp(0.0, 1.0)
    } else {
        0.0
    }
}
