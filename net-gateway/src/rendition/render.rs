//! From a source's JPEG to the picture that a rendition shows: decoded, scaled and drawn on once
//! for each distinct width, however many renditions have it.
//!
//! Upstream: [`super::studio`], one picture after the other, its renditions in their order. It holds
//! the memory for one picture of each kind and must be let go when nobody watches.

use super::overlay::{self, Drawing};
use super::wish::Rendition;
use crate::drawing::Canvas;
use crate::drawing::decode::{DecodeError, Decoder};
use crate::jpeg::EncodeError;
use fast_image_resize as resize;
use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use thiserror::Error;

/// Why a rendition could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The source's picture cannot be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It cannot be scaled, which is a bug.
    #[error("the picture cannot be scaled: {0}")]
    Scale(String),
    /// The result cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// What a picture becomes.
#[derive(Debug, PartialEq, Eq)]
pub enum Rendered<'a> {
    /// Itself: there is nothing to change.
    Original,
    /// Something to be encoded.
    Drawn(&'a Canvas),
}

/// Makes renditions, with its scratch memory.
#[derive(Debug)]
pub struct Renderer {
    decoder: Decoder,
    resizer: resize::Resizer,
    decoded: Canvas,
    canvas: Canvas,
    /// What `canvas` shows of the present picture: at which width, and whether with hands.
    shows: Option<(u32, bool)>,
}

impl Renderer {
    /// A renderer without any memory yet.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when libjpeg-turbo cannot be set up.
    pub fn new() -> Result<Self, DecodeError> {
        Ok(Self {
            decoder: Decoder::new()?,
            resizer: resize::Resizer::new(),
            decoded: Canvas::default(),
            canvas: Canvas::default(),
            shows: None,
        })
    }

    /// The next calls are about another picture.
    pub fn begin(&mut self) {
        self.shows = None;
    }

    /// The present picture, `jpeg`, as `wish` wants it. Wishes come in their order: what one of them
    /// made is used by the next.
    ///
    /// # Errors
    ///
    /// [`RenderError`] when it is no JPEG, or too large.
    pub fn render(
        &mut self,
        jpeg: &[u8],
        wish: &Rendition,
        drawing: &Drawing,
    ) -> Result<Rendered<'_>, RenderError> {
        let (whole_width, whole_height) = self.decoder.size(jpeg)?;
        let width = wish.width_px.unwrap_or(whole_width).min(whole_width);
        let has_hands = wish.overlay && !drawing.is_empty();
        if width == whole_width && wish.quality.is_none() && !has_hands {
            return Ok(Rendered::Original);
        }
        let is_usable =
            |(shown, with_hands): (u32, bool)| shown == width && (has_hands || !with_hands);
        if !self.shows.is_some_and(is_usable) {
            self.shows = None;
            self.scale(jpeg, width, height_for(width, whole_width, whole_height))?;
            self.shows = Some((width, false));
        }
        if has_hands && self.shows == Some((width, false)) {
            overlay::draw(&mut self.canvas, drawing);
            self.shows = Some((width, true));
        }
        Ok(Rendered::Drawn(&self.canvas))
    }

    /// Puts `jpeg` on the canvas, at that size.
    fn scale(&mut self, jpeg: &[u8], width: u32, height: u32) -> Result<(), RenderError> {
        self.decoder.decode(jpeg, width, &mut self.decoded)?;
        if (self.decoded.width_px, self.decoded.height_px) == (width, height) {
            std::mem::swap(&mut self.decoded, &mut self.canvas);
            return Ok(());
        }
        let broken = |error: &dyn std::fmt::Display| RenderError::Scale(error.to_string());
        // By its type: asked for by a value, the library would bring code for every kind of pixel.
        let (from_width, from_height) = (self.decoded.width_px, self.decoded.height_px);
        let from = TypedImageRef::<U8x3>::from_buffer(from_width, from_height, &self.decoded.rgb)
            .map_err(|error| broken(&error))?;
        self.canvas.resize(width, height);
        let mut to = TypedImage::<U8x3>::from_buffer(width, height, &mut self.canvas.rgb)
            .map_err(|error| broken(&error))?;
        let how = resize::ResizeOptions::new()
            .resize_alg(resize::ResizeAlg::Convolution(resize::FilterType::Bilinear));
        self.resizer
            .resize_typed(&from, &mut to, &how)
            .map_err(|error| broken(&error))
    }
}

/// The height that goes with `width`, so that the picture keeps its shape.
fn height_for(width: u32, whole_width: u32, whole_height: u32) -> u32 {
    let exact = f64::from(whole_height) * f64::from(width) / f64::from(whole_width);
    (exact.round() as u32).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jpeg::Encoder;
    use crate::rendition::overlay::DrawnHand;
    use shm_layout::Label;

    /// A picture whose left half is red and whose right half is blue.
    fn halves(width: u32, height: u32) -> Vec<u8> {
        let mut canvas = Canvas::filled(width, height, [220, 30, 30]);
        let half = width as f32 / 2.0;
        canvas.fill([half, 0.0, half, height as f32], [30, 30, 220], 1.0);
        let mut encoder = Encoder::new(95).unwrap();
        encoder.encode_rgb(&canvas).unwrap().to_vec()
    }

    fn hand() -> DrawnHand {
        DrawnHand {
            is_right: true,
            gesture: Label::new("Victory"),
            progress: 1.0,
            score: Some(0.9),
            rect: [0.4, 0.5, 0.2, 0.2],
            landmarks: std::array::from_fn(|index| [0.4 + index as f32 * 0.01, 0.6, 0.0]),
        }
    }

    fn wish(width_px: Option<u32>, quality: Option<u8>, overlay: bool) -> Rendition {
        Rendition {
            width_px,
            overlay,
            quality,
        }
    }

    fn drawn(rendered: Rendered<'_>) -> Canvas {
        match rendered {
            Rendered::Drawn(canvas) => canvas.clone(),
            Rendered::Original => panic!("the original"),
        }
    }

    #[test]
    fn picture_keeps_its_shape_and_colours_at_every_width() {
        let mut renderer = Renderer::new().unwrap();
        for (whole, width, height) in [
            ((640, 480), 320, 240),
            ((640, 480), 333, 250),
            ((640, 480), 16, 12),
            ((1280, 720), 100, 56),
            ((64, 2), 16, 1),
        ] {
            let jpeg = halves(whole.0, whole.1);
            renderer.begin();
            let canvas = drawn(
                renderer
                    .render(&jpeg, &wish(Some(width), None, false), &Drawing::default())
                    .unwrap(),
            );
            assert_eq!((canvas.width_px, canvas.height_px), (width, height));
            assert_eq!(canvas.rgb.len(), (width * height * 3) as usize);
            let (first, last) = (&canvas.rgb[..3], &canvas.rgb[canvas.rgb.len() - 3..]);
            assert!(first[0] > 180 && first[2] < 80, "{first:?}");
            assert!(last[2] > 180 && last[0] < 80, "{last:?}");
        }
    }

    #[test]
    fn what_changes_nothing_is_the_original() {
        let mut renderer = Renderer::new().unwrap();
        let jpeg = halves(64, 48);
        for wish in [
            wish(Some(64), None, false),
            wish(Some(4000), None, false),
            wish(None, None, true),
        ] {
            assert_eq!(
                renderer.render(&jpeg, &wish, &Drawing::default()).unwrap(),
                Rendered::Original
            );
        }
        let again = renderer.render(&jpeg, &wish(None, Some(50), false), &Drawing::default());
        assert_eq!(drawn(again.unwrap()).width_px, 64);
    }

    #[test]
    fn hands_are_on_no_picture_that_is_to_have_none() {
        let mut renderer = Renderer::new().unwrap();
        let jpeg = halves(640, 480);
        let with_hand = Drawing {
            hands: vec![hand()],
            scene: None,
        };
        let mut render =
            |wish: Rendition| drawn(renderer.render(&jpeg, &wish, &with_hand).unwrap());
        let plain = render(wish(Some(320), None, false));
        let hands = render(wish(Some(320), None, true));
        assert_ne!(plain, hands);
        assert_eq!(render(wish(Some(320), Some(50), true)), hands);
        assert_eq!(render(wish(Some(320), None, false)), plain);
        assert_eq!(render(wish(Some(160), None, true)).width_px, 160);
    }

    #[test]
    fn what_is_no_jpeg_is_refused_and_the_renderer_goes_on() {
        let mut renderer = Renderer::new().unwrap();
        let small = wish(Some(32), None, false);
        for bytes in [&b""[..], &[0x5a; 900], &halves(64, 48)[..100]] {
            renderer.begin();
            assert!(renderer.render(bytes, &small, &Drawing::default()).is_err());
        }
        assert_eq!(
            drawn(
                renderer
                    .render(&halves(64, 48), &small, &Drawing::default())
                    .unwrap()
            )
            .height_px,
            24
        );
    }
}
