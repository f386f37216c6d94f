//! A user's own classifier: any image network that gives one value for each label.
//!
//! - [`prepare`]: from a picture to the network's input; [`resample`]: its sizes.
//! - [`scores`]: from the network's output to a label and a score.
//!
//! Neighbours: [`crate::model::classifier`] describes it, as the manifest says; `pipeline` runs it on
//! whole frames, `recognizer` on hands. It takes no memory for a frame, and never panics over what a
//! network says.

pub mod prepare;
pub mod resample;
pub mod scores;

use crate::hand::Landmarks;
use crate::image::{Denominator, Picture, Size};
use crate::model::classifier::{Classifier, Sees};
use crate::model::{Loader, ModelError, Network, RunError};
use prepare::Preparer;
use scores::{Answer, answer, contradiction};

/// What a network is tried on before it is used: grey pictures of these values.
const TRIAL_GREYS: [f32; 3] = [0.0, 90.0, 255.0];

/// A loaded classifier.
#[derive(Debug)]
pub struct ImageClassifier {
    described: Classifier,
    network: Box<dyn Network>,
    preparer: Preparer,
}

impl ImageClassifier {
    /// Loads the network and tries it.
    ///
    /// # Errors
    /// [`ModelError`] when the file is missing, damaged, of other shapes than the manifest says, or
    /// cannot be run; or when its values are not what the manifest says.
    pub fn load(described: &Classifier, loader: &Loader) -> Result<Self, ModelError> {
        let network = loader.classifier(&described.file)?;
        let preparer = Preparer::new(described.form.clone());
        let mut classifier = Self {
            described: described.clone(),
            network,
            preparer,
        };
        classifier.try_out()?;
        Ok(classifier)
    }

    /// Runs the network on even pictures and looks at what it says.
    fn try_out(&mut self) -> Result<(), ModelError> {
        let file = &self.described.file;
        let mut told = None;
        for grey in TRIAL_GREYS {
            let form = &self.described.form;
            let value = grey * form.scale[0] + form.bias[0];
            self.network.input(0).fill(value);
            self.network
                .run()
                .map_err(|error| ModelError::Unsupported {
                    path: file.path.clone(),
                    cause: error.cause,
                })?;
            let Some(wrong) = contradiction(self.described.scores, self.network.output(0)) else {
                return Ok(());
            };
            told = Some(wrong);
        }
        let port = &file.outputs[0];
        told.map_or(Ok(()), |(expected, found)| {
            Err(ModelError::Values {
                path: file.path.clone(),
                output: port.name.clone(),
                expected,
                found,
            })
        })
    }

    /// Runs the network on whatever its input holds.
    ///
    /// # Errors
    /// [`RunError`] when it fails to run.
    pub fn run(&mut self) -> Result<(), RunError> {
        self.network.run()
    }

    /// By how much a JPEG of this size may be scaled down while it is decoded; all of it counts when
    /// hands are to be cut out.
    #[must_use]
    pub fn denominator(&self, frame: Size) -> Denominator {
        match self.described.sees {
            Sees::Frame { fit, share } => self.preparer.denominator(fit, share, frame),
            Sees::Hand(_) => Denominator::One,
        }
    }

    /// What a whole frame shows. `None`: the network says nothing that can be used.
    ///
    /// # Errors
    /// [`RunError`] when it fails to run.
    pub fn classify_frame(&mut self, picture: &Picture) -> Result<Option<Answer>, RunError> {
        let Sees::Frame { fit, share } = self.described.sees else {
            return Ok(None);
        };
        let input = self.network.input(0);
        self.preparer.frame(picture, fit, share, input);
        self.answer()
    }

    /// What a hand shows; its points are in pixels of the frame. `None` as above.
    ///
    /// # Errors
    /// [`RunError`] when it fails to run.
    pub fn classify_hand(
        &mut self,
        picture: &Picture,
        landmarks: &Landmarks,
    ) -> Result<Option<Answer>, RunError> {
        let Sees::Hand(cut) = self.described.sees else {
            return Ok(None);
        };
        let input = self.network.input(0);
        if !self.preparer.hand(picture, cut, landmarks, input) {
            return Ok(None);
        }
        self.answer()
    }

    fn answer(&mut self) -> Result<Option<Answer>, RunError> {
        self.network.run()?;
        let described = &self.described;
        let output = self.network.output(0);
        Ok(answer(described.scores, output, described.no_gesture))
    }
}
