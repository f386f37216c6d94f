//! The infer-worker's own reading of pictures, compiled from its source: the crate as a whole would
//! bring the model runtime, which takes minutes to compile and reads no byte of a client.
#![allow(
    dead_code,
    reason = "the commands of the infer-worker use more than frames need"
)]

#[path = "../../../infer-worker/src/image/mod.rs"]
mod image;

pub(crate) use image::{Denominator, FRAME_PIXELS_MAX, Picture, jpeg};
