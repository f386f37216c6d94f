//! `predict`: image files in, one JSON line per image out.
//!
//! Neighbours: the command line calls it; the images go through the same pipeline as the frames of
//! a camera. A bad image is told and the others are still done.

use crate::image::ImageError;
use crate::model::RunError;
use crate::pipeline::Pipeline;
use shm_layout::{Generation, MonotonicNs, Prediction, Sequence, wall_us};
use std::io::{self, Write};
use std::path::Path;

/// Largest image file that is read.
pub const FILE_BYTES_MAX: u64 = 64 << 20;

/// Why there is no prediction for an image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PredictError {
    /// The file cannot be read.
    #[error("cannot read the file: {0}")]
    File(#[from] io::Error),
    /// The file is larger than any that is read.
    #[error("file of {0} bytes (expected at most {FILE_BYTES_MAX})")]
    FileSize(u64),
    /// The file is no usable image.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A network failed.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl PredictError {
    /// One thing that the caller can do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::File(_) => "check the path and the permissions",
            Self::FileSize(_) => "scale the image down",
            Self::Image(ImageError::Size { .. }) => "scale the image down",
            Self::Image(_) => "give a whole JPEG or PNG file",
            Self::Run(_) => "run `check-model`; if it is content, this is a bug",
        }
    }
}

/// Writes one JSON line per image to `out` and one message per bad image to `complaints`; returns
/// the number of bad ones.
///
/// # Errors
/// Only when `out` or `complaints` cannot be written.
pub fn run(
    pipeline: &mut Pipeline,
    images: &[impl AsRef<Path>],
    out: &mut dyn Write,
    complaints: &mut dyn Write,
) -> io::Result<usize> {
    let mut bad = 0;
    for image in images {
        let path = image.as_ref();
        match predict(pipeline, path) {
            Ok(prediction) => {
                let source = path.to_string_lossy();
                let line = prediction.to_json(&source, prediction.done);
                serde_json::to_writer(&mut *out, &line)?;
                out.write_all(b"\n")?;
            }
            Err(error) => {
                bad += 1;
                let hint = error.hint();
                writeln!(
                    complaints,
                    "error: {}: {error}\nhint: {hint}",
                    path.display()
                )?;
            }
        }
    }
    out.flush()?;
    Ok(bad)
}

/// Makes an image file the pipeline's picture, with an empty margin of so much of its size.
///
/// # Errors
/// [`PredictError`]: it cannot be read, is too large or no usable image.
pub fn load_picture(pipeline: &mut Pipeline, path: &Path, margin: f32) -> Result<(), PredictError> {
    Ok(pipeline.load_file_with_margin(&read(path)?, margin)?)
}

fn read(path: &Path) -> Result<Vec<u8>, PredictError> {
    let length = std::fs::metadata(path)?.len();
    if length > FILE_BYTES_MAX {
        return Err(PredictError::FileSize(length));
    }
    Ok(std::fs::read(path)?)
}

fn predict(pipeline: &mut Pipeline, path: &Path) -> Result<Prediction, PredictError> {
    let bytes = read(path)?;
    let (started, started_wall_us) = (MonotonicNs::now(), wall_us());
    pipeline.load_file(&bytes)?;
    let outcome = pipeline.recognize()?;
    Ok(Prediction {
        sequence: Sequence(0),
        generation: Generation(0),
        capture: started,
        capture_wall_us: started_wall_us,
        publish: started,
        take: started,
        done: MonotonicNs::now(),
        width_px: u32::try_from(outcome.frame.width_px).unwrap_or(u32::MAX),
        height_px: u32::try_from(outcome.frame.height_px).unwrap_or(u32::MAX),
        model: pipeline.model().sha256,
        detected: outcome.detected,
        looks: outcome.looks,
        scene: outcome.scene,
        hands: outcome.hands,
        lost: Vec::new(),
    })
}
