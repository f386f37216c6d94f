//! What a classifier sees of a picture: which part, where it goes, and in which values.
//!
//! Neighbours: [`crate::model::classifier`] reads all of this from the manifest; [`super::resample`]
//! makes the sizes fit, [`super`] runs the network afterwards. Pure, but for the memory that is kept.

use super::resample::{Axis, Resampler};
use crate::hand::crop::{Border, crop};
use crate::hand::region::Region;
use crate::hand::{LANDMARKS, Landmarks, MIDDLE_MCP, WRIST};
use crate::image::{Denominator, Picture, Size};
use serde::Deserialize;

/// Pixels that stay, when a JPEG is scaled down while it is decoded, for each pixel that the network
/// reads: the filter still decides what it sees.
const DECODED_PER_INPUT: f64 = 2.0;
/// A hand is cut out at its own size up to this side, and made smaller from there; a network that
/// reads more gets more.
const CUT_SIDE_PX: usize = 256;

/// Order of the dimensions of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Layout {
    /// Picture, colour, row, column: PyTorch.
    Nchw,
    /// Picture, row, column, colour: TensorFlow, Keras.
    Nhwc,
}

/// The colours of an input, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Colours {
    /// Red, green, blue.
    #[serde(rename = "RGB")]
    Rgb,
    /// Blue, green, red: OpenCV.
    #[serde(rename = "BGR")]
    Bgr,
    /// Brightness alone: 0.299 red + 0.587 green + 0.114 blue.
    #[serde(rename = "grey", alias = "gray")]
    Grey,
}

impl Colours {
    /// How many there are.
    #[must_use]
    pub const fn count(self) -> usize {
        match self {
            Self::Rgb | Self::Bgr => 3,
            Self::Grey => 1,
        }
    }

    fn of(self, [red, green, blue]: [f32; 3]) -> [f32; 3] {
        match self {
            Self::Rgb => [red, green, blue],
            Self::Bgr => [blue, green, red],
            Self::Grey => [0.299 * red + 0.587 * green + 0.114 * blue, 0.0, 0.0],
        }
    }
}

/// How a whole frame fits into an input of another shape.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// All of it, in its shape, with black bars.
    Letterbox,
    /// All of it, in the shape of the input.
    Stretch,
    /// As much of its middle as has the shape of the input.
    Crop,
}

/// What is cut out around a hand: a square.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cut {
    /// Turned so that the hand points up.
    pub is_turned: bool,
    /// Added on each side, in parts of the longer side of the landmarks' bounds.
    pub margin: f32,
}

/// How pixels become the values of an input.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Order of the dimensions.
    pub layout: Layout,
    /// Colours in their order.
    pub colours: Colours,
    /// For each colour: what a pixel of 0 to 255 is multiplied with.
    pub scale: [f32; 3],
    /// For each colour: what is added then.
    pub bias: [f32; 3],
}

impl Form {
    fn put(&self, input: &mut [f32], x: usize, y: usize, rgb: [f32; 3]) {
        let values = self.colours.of(rgb);
        for (colour, value) in values.iter().enumerate().take(self.colours.count()) {
            let at = match self.layout {
                Layout::Nchw => (colour * self.height + y) * self.width + x,
                Layout::Nhwc => (y * self.width + x) * self.colours.count() + colour,
            };
            input[at] = value * self.scale[colour] + self.bias[colour];
        }
    }
}

/// Where a part of a frame goes: a stretch of it, and a stretch of the input, along one axis.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Span {
    /// In fractions of the frame.
    from: f64,
    length: f64,
    /// In pixels of the input.
    first: usize,
    count: usize,
}

/// The spans of both axes, for a frame and an input of these sizes.
fn spans(fit: Fit, share: f32, frame: Size, input: Size) -> [Span; 2] {
    let frame = [frame.width_px.max(1) as f64, frame.height_px.max(1) as f64];
    let input_px = [input.width_px, input.height_px];
    let ratios = [0, 1].map(|axis| input_px[axis] as f64 / frame[axis]);
    let whole = |axis: usize| Span {
        from: 0.0,
        length: 1.0,
        first: 0,
        count: input_px[axis],
    };
    [0, 1].map(|axis| match fit {
        Fit::Stretch => whole(axis),
        Fit::Letterbox => {
            let scaled = (frame[axis] * ratios[0].min(ratios[1])).round() as usize;
            let count = scaled.clamp(1, input_px[axis]);
            let first = (input_px[axis] - count) / 2;
            Span {
                first,
                count,
                ..whole(axis)
            }
        }
        Fit::Crop => {
            let seen = input_px[axis] as f64 / ratios[0].max(ratios[1]);
            let length = seen / frame[axis] * f64::from(share);
            let from = (1.0 - length) / 2.0;
            Span {
                from,
                length,
                ..whole(axis)
            }
        }
    })
}

/// Prepares pictures for one network; keeps its memory.
#[derive(Debug)]
pub struct Preparer {
    form: Form,
    resampler: Resampler,
    cut: Vec<f32>,
}

impl Preparer {
    /// For inputs of this form.
    #[must_use]
    pub fn new(form: Form) -> Self {
        Self {
            form,
            resampler: Resampler::default(),
            cut: Vec::new(),
        }
    }

    fn size(&self) -> Size {
        Size {
            width_px: self.form.width,
            height_px: self.form.height,
        }
    }

    /// By how much a JPEG of this size may be scaled down while it is decoded.
    #[must_use]
    pub fn denominator(&self, fit: Fit, share: f32, frame: Size) -> Denominator {
        let [across, down] = spans(fit, share, frame, self.size());
        let step = |span: Span, px: usize| span.length * px as f64 / span.count as f64;
        let step = step(across, frame.width_px).min(step(down, frame.height_px));
        let fits = |scale: &Denominator| step / scale.get() as f64 >= DECODED_PER_INPUT;
        let choices = [Denominator::Eight, Denominator::Four, Denominator::Two];
        choices.into_iter().find(fits).unwrap_or(Denominator::One)
    }

    /// Writes a whole frame to `input`.
    pub fn frame(&mut self, picture: &Picture, fit: Fit, share: f32, input: &mut [f32]) {
        let form = &self.form;
        debug_assert_eq!(input.len(), form.width * form.height * form.colours.count());
        let [across, down] = spans(fit, share, picture.frame_size(), self.size());
        if (across.count, down.count) != (form.width, form.height) {
            let all = (0..form.height).flat_map(|y| (0..form.width).map(move |x| (x, y)));
            all.for_each(|(x, y)| form.put(input, x, y, [0.0; 3]));
        }
        let axis = |span: Span, len: usize| Axis {
            from: span.from * len as f64,
            span: span.length * len as f64,
            len,
            out: span.count,
        };
        let columns = axis(across, picture.width_px);
        let rows = axis(down, picture.height_px);
        self.resampler
            .run(&picture.pixels, columns, rows, |x, y, rgb| {
                form.put(input, across.first + x, down.first + y, rgb);
            });
    }

    /// Writes what is cut out around a hand to `input`; its points are in pixels of the frame. What
    /// lies outside of the frame has the colours of its edge. `false`: that square cannot be cut.
    pub fn hand(
        &mut self,
        picture: &Picture,
        cut: Cut,
        landmarks: &Landmarks,
        input: &mut [f32],
    ) -> bool {
        let square = around(landmarks, cut);
        let frame = picture.frame_size();
        if !square.is_usable(frame.width_px as f32, frame.height_px as f32) {
            return false;
        }
        let form = &self.form;
        let longer = form.width.max(form.height);
        let [scale_x, scale_y] = picture.scale();
        let own = (square.side * scale_x.max(scale_y)).ceil() as usize;
        let side = own.clamp(longer, longer.max(CUT_SIDE_PX));
        self.cut.resize(side * side * 3, 0.0);
        let square = by_middles(&square, side, [scale_x, scale_y]);
        crop(picture, &square, side, Border::Nearest, &mut self.cut);
        let axis = |out: usize| Axis {
            from: 0.0,
            span: side as f64,
            len: side,
            out,
        };
        let (columns, rows) = (axis(form.width), axis(form.height));
        self.resampler.run(&self.cut, columns, rows, |x, y, rgb| {
            form.put(input, x, y, rgb.map(|value| value * 255.0));
        });
        true
    }
}

/// The square around a hand: the bounds of its points, upright or along the line from the wrist to
/// the middle finger's knuckle, made square about their middle, and the margin.
fn around(landmarks: &Landmarks, cut: Cut) -> Region {
    let (wrist, knuckle) = (landmarks[WRIST], landmarks[MIDDLE_MCP]);
    let rotation = if cut.is_turned {
        (knuckle[0] - wrist[0]).atan2(wrist[1] - knuckle[1])
    } else {
        0.0
    };
    let (sin, cos) = rotation.sin_cos();
    let (mut least, mut most) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
    for [x, y, _] in &landmarks[..LANDMARKS] {
        for (axis, value) in [x * cos + y * sin, y * cos - x * sin]
            .into_iter()
            .enumerate()
        {
            least[axis] = least[axis].min(value);
            most[axis] = most[axis].max(value);
        }
    }
    let [u, v] = [0, 1].map(|axis| (least[axis] + most[axis]) / 2.0);
    let longer = (most[0] - least[0]).max(most[1] - least[1]);
    Region {
        center: [u * cos - v * sin, u * sin + v * cos],
        side: longer * (1.0 + 2.0 * cut.margin),
        rotation,
    }
}

/// `crop` samples at the corners of pixels; moved by this, at their middles, as resampling does.
fn by_middles(square: &Region, side: usize, scale: [f32; 2]) -> Region {
    let half = 0.5 / side as f32;
    let [x, y] = square.to_frame(half, half);
    Region {
        center: [x - 0.5 / scale[0], y - 0.5 / scale[1]],
        ..*square
    }
}

#[cfg(test)]
#[path = "prepare_tests.rs"]
mod tests;
