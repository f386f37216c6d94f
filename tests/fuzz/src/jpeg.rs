//! A picture from outside: inspected as pushed ones are, then decoded, scaled, drawn on and encoded
//! as everything that is let in. What is let in has the size that was found, whoever looks.

use crate::infer_image::{Denominator, FRAME_PIXELS_MAX, Picture, jpeg as infer_jpeg};
use crate::{jpegs, memory};
use net_gateway::drawing::Canvas;
use net_gateway::drawing::decode::Decoder;
use net_gateway::jpeg::Encoder;
use net_gateway::push::inspect::{JpegFacts, inspect};
use net_gateway::rendition::Rendition;
use net_gateway::rendition::overlay::{Drawing, DrawnHand, DrawnScene};
use net_gateway::rendition::render::{Rendered, Renderer};
use shm_layout::Label;

/// The default limits of a pushed source.
const SIDE_PX_MAX: u32 = 1280;
/// What decoding and scaling a picture of that size may cost: it, decoded by the infer-worker, by the
/// gateway, and scaled; the encoded result; and what it takes to look at all that.
const PICTURE_BYTES: usize = (SIDE_PX_MAX * SIDE_PX_MAX * 3) as usize;
const BYTES_MAX: usize = 6 * PICTURE_BYTES;

/// Tries one input.
///
/// # Panics
///
/// When something is untrue that must be true.
pub fn run(bytes: &[u8]) {
    memory::bounded(BYTES_MAX, || {
        match inspect(bytes, SIDE_PX_MAX, SIDE_PX_MAX) {
            Ok(facts) => let_in(bytes, facts),
            Err(_) => from_camera(bytes),
        }
    });
}

fn let_in(bytes: &[u8], facts: JpegFacts) {
    let JpegFacts {
        width_px,
        height_px,
        len_bytes,
    } = facts;
    assert!((1..=SIDE_PX_MAX).contains(&width_px) && (1..=SIDE_PX_MAX).contains(&height_px));
    let jpeg = &bytes[..len_bytes];
    assert!(jpeg.ends_with(&[0xFF, 0xD9]));
    assert_eq!(inspect(jpeg, SIDE_PX_MAX, SIDE_PX_MAX), Ok(facts));
    assert_eq!(inspect(jpeg, width_px, height_px), Ok(facts));
    assert!(
        inspect(jpeg, width_px - 1, height_px).is_err(),
        "one less is too few"
    );
    recognised(jpeg, Some(facts));
    shown(jpeg, Some(facts));
}

/// What a camera sends is not inspected: the decoders have limits of their own. Those of the largest
/// pictures are tried at sizes that leave time for more than a few of them.
fn from_camera(bytes: &[u8]) {
    let mut decoder = Decoder::new().expect("a decoder");
    if let Ok((width, height)) = decoder.size(bytes)
        && width.max(height) <= SIDE_PX_MAX
    {
        recognised(bytes, None);
        shown(bytes, None);
    }
}

/// As the infer-worker reads it.
fn recognised(jpeg: &[u8], facts: Option<JpegFacts>) {
    for denominator in [
        Denominator::One,
        Denominator::Two,
        Denominator::Four,
        Denominator::Eight,
    ] {
        let mut picture = Picture::default();
        let scale = |_| denominator;
        let is_whole = infer_jpeg::decode(jpeg, FRAME_PIXELS_MAX, scale, &mut picture).is_ok();
        assert!(picture.pixels.capacity() <= PICTURE_BYTES + 3);
        let frame = picture.frame_size();
        if let (true, Some(facts)) = (is_whole, facts) {
            let sides = [facts.width_px as usize, facts.height_px as usize];
            assert_eq!([frame.width_px, frame.height_px], sides);
        }
        if is_whole {
            let scaled = |side: usize| side.div_ceil(denominator.get());
            assert_eq!(picture.width_px, scaled(frame.width_px));
            assert_eq!(picture.height_px, scaled(frame.height_px));
            assert_eq!(
                picture.pixels.len(),
                picture.width_px * picture.height_px * 3
            );
        }
    }
}

/// As the gateway shows it in other forms.
fn shown(jpeg: &[u8], facts: Option<JpegFacts>) {
    let mut decoder = Decoder::new().expect("a decoder");
    let size = decoder.size(jpeg);
    if let (Ok(size), Some(facts)) = (&size, facts) {
        assert_eq!(*size, (facts.width_px, facts.height_px));
    }
    let mut renderer = Renderer::new().expect("a renderer");
    renderer.begin();
    for (width_px, overlay) in [(Some(100), false), (Some(100), true), (None, true)] {
        let wish = Rendition {
            width_px,
            overlay,
            quality: Some(60),
        };
        let Ok(rendered) = renderer.render(jpeg, &wish, &drawing(jpeg)) else {
            continue;
        };
        let Ok((whole, _)) = size else {
            panic!("rendered without a size")
        };
        if let Rendered::Drawn(canvas) = rendered {
            assert_eq!(canvas.width_px, width_px.unwrap_or(whole).min(whole));
            assert_eq!(
                canvas.rgb.len() as u32,
                canvas.width_px * canvas.height_px * 3
            );
            encoded(canvas);
        }
    }
}

/// What is sent is a JPEG of the same size, which the gateway itself would let in.
fn encoded(canvas: &Canvas) {
    let mut encoder = Encoder::new(60).expect("an encoder");
    let jpeg = encoder.encode_rgb(canvas).expect("a JPEG");
    let facts = inspect(&jpeg, canvas.width_px, canvas.height_px).expect("a good one");
    assert_eq!(
        (facts.width_px, facts.height_px),
        (canvas.width_px, canvas.height_px)
    );
}

/// A hand anywhere and, at times, a scene: their numbers are bytes of the picture.
fn drawing(bytes: &[u8]) -> Drawing {
    let number = |at: usize| {
        let four = std::array::from_fn(|index| bytes.get(at * 4 + index).copied().unwrap_or(0));
        match at % 3 {
            0 => f32::from_be_bytes(four),
            _ => f32::from(four[0]) / 200.0 - 0.1,
        }
    };
    let hand = DrawnHand {
        landmarks: std::array::from_fn(|point| {
            std::array::from_fn(|axis| number(point * 3 + axis))
        }),
        rect: std::array::from_fn(|index| number(5 + index)),
        is_right: number(4) > 0.5,
        gesture: Label::new("Victory"),
        progress: number(2),
        score: Some(number(3)),
    };
    let scene = DrawnScene {
        gesture: Label::new("door_open"),
        progress: number(7),
        score: Some(number(8)),
    };
    Drawing {
        hands: vec![hand],
        scene: (number(10) > 0.5).then_some(scene),
    }
}

/// Inputs to begin with.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let kinds = [jpegs::good(), jpegs::bad(), jpegs::deceptive()].concat();
    kinds.into_iter().map(|(_, jpeg)| jpeg).collect()
}
