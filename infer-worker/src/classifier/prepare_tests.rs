//! What a network reads, compared with the definition in f64: each value from the whole picture.

use super::*;
use proptest::prelude::*;

fn size(width_px: usize, height_px: usize) -> Size {
    Size {
        width_px,
        height_px,
    }
}

/// A picture of a frame of `frame`, decoded at `own`; colours that depend on the place.
fn picture(own: Size, frame: Size) -> Picture {
    let mut picture = Picture::default();
    picture.resize(own.width_px, own.height_px, frame.width_px, frame.height_px);
    for (index, value) in picture.pixels.iter_mut().enumerate() {
        *value = ((index * 7919 + index / 13) % 256) as u8;
    }
    picture
}

/// A smooth picture: red rises to the right, green downwards, blue is even.
fn slope(width: usize, height: usize) -> Picture {
    let mut picture = Picture::default();
    picture.resize(width, height, width, height);
    for (index, pixel) in picture.pixels.chunks_exact_mut(3).enumerate() {
        pixel.copy_from_slice(&[(index % width) as u8, (index / width) as u8, 100]);
    }
    picture
}

fn form(width: usize, height: usize, layout: Layout, colours: Colours) -> Form {
    Form {
        width,
        height,
        layout,
        colours,
        scale: [1.0 / 57.375, 0.5, 1.0 / 255.0],
        bias: [-2.0, 3.0, 0.0],
    }
}

/// One axis of the definition: for a sample of the input, the weight of each pixel; `None` for a bar.
fn weights(
    fit: Fit,
    share: f64,
    (frame, pixels, input): (f64, usize, usize),
    ratio: f64,
    at: usize,
) -> Option<Vec<f64>> {
    let (from, to, first, count) = match fit {
        Fit::Stretch => (0.0, 1.0, 0, input),
        Fit::Letterbox => {
            let count = ((frame * ratio).round() as usize).clamp(1, input);
            (0.0, 1.0, (input - count) / 2, count)
        }
        Fit::Crop => {
            let half = input as f64 / ratio / frame * share / 2.0;
            (0.5 - half, 0.5 + half, 0, input)
        }
    };
    let at = at.checked_sub(first).filter(|at| *at < count)?;
    let step = (to - from) * pixels as f64 / count as f64;
    let middle = from * pixels as f64 + (at as f64 + 0.5) * step;
    let weight =
        |pixel: usize| (1.0 - (pixel as f64 + 0.5 - middle).abs() / step.max(1.0)).max(0.0);
    Some((0..pixels).map(weight).collect())
}

/// Every value of an input, in its order.
fn expected(picture: &Picture, form: &Form, fit: Fit, share: f64) -> Vec<f64> {
    let frame = picture.frame_size();
    let (fw, fh) = (frame.width_px as f64, frame.height_px as f64);
    let (across, down) = (form.width as f64 / fw, form.height as f64 / fh);
    let ratio = match fit {
        Fit::Crop => across.max(down),
        _ => across.min(down),
    };
    let of = |x: usize, y: usize, colour: usize| -> f64 {
        let h = weights(fit, share, (fw, picture.width_px, form.width), ratio, x);
        let v = weights(fit, share, (fh, picture.height_px, form.height), ratio, y);
        let (Some(h), Some(v)) = (h, v) else {
            return 0.0;
        };
        let (mut sum, mut whole) = (0.0, 0.0);
        for (j, wv) in v.iter().enumerate() {
            for (i, wh) in h.iter().enumerate() {
                let at = (j * picture.width_px + i) * 3 + colour;
                sum += wv * wh * f64::from(picture.pixels[at]);
                whole += wv * wh;
            }
        }
        sum / whole
    };
    let value = |x: usize, y: usize, channel: usize| -> f64 {
        let pixel = match form.colours {
            Colours::Rgb => of(x, y, channel),
            Colours::Bgr => of(x, y, 2 - channel),
            Colours::Grey => 0.299 * of(x, y, 0) + 0.587 * of(x, y, 1) + 0.114 * of(x, y, 2),
        };
        pixel * f64::from(form.scale[channel]) + f64::from(form.bias[channel])
    };
    let (channels, rows, columns) = (form.colours.count(), form.height, form.width);
    let mut all = Vec::new();
    match form.layout {
        Layout::Nchw => {
            for c in 0..channels {
                for y in 0..rows {
                    all.extend((0..columns).map(|x| value(x, y, c)));
                }
            }
        }
        Layout::Nhwc => {
            for y in 0..rows {
                for x in 0..columns {
                    all.extend((0..channels).map(|c| value(x, y, c)));
                }
            }
        }
    }
    all
}

proptest! {
    #[test]
    fn a_frame_becomes_the_values_that_the_definition_gives(
        (width, height) in (1_usize..12, 1_usize..12),
        (frame_width, frame_height) in (8_usize..60, 8_usize..60),
        scaled in 1_usize..3,
        share in 0.3..1.0_f32,
        which in (0..2, 0..3, 0..3),
    ) {
        let layout = [Layout::Nchw, Layout::Nhwc][which.0 as usize];
        let colours = [Colours::Rgb, Colours::Bgr, Colours::Grey][which.1 as usize];
        let fit = [Fit::Letterbox, Fit::Stretch, Fit::Crop][which.2 as usize];
        let own = size(frame_width.div_ceil(scaled), frame_height.div_ceil(scaled));
        let picture = picture(own, size(frame_width, frame_height));
        let form = form(width, height, layout, colours);
        let wanted = expected(&picture, &form, fit, share.into());
        let mut input = vec![f32::NAN; wanted.len()];
        Preparer::new(form).frame(&picture, fit, share, &mut input);
        for (at, (found, wanted)) in input.iter().zip(&wanted).enumerate() {
            prop_assert!((f64::from(*found) - wanted).abs() < 2e-3, "{} {} at {}", found, wanted, at);
        }
    }
}

#[test]
fn a_letterbox_has_black_bars_and_not_values_of_zero() {
    let preparer = |fit, input: &mut [f32]| {
        let form = form(8, 8, Layout::Nhwc, Colours::Rgb);
        Preparer::new(form).frame(&slope(16, 8), fit, 1.0, input);
    };
    let mut input = vec![9.0; 8 * 8 * 3];
    preparer(Fit::Letterbox, &mut input);
    for row in [0, 1, 6, 7] {
        assert_eq!(input[row * 24..][..3], [-2.0, 3.0, 0.0], "row {row}");
    }
    assert!(input[2 * 24 + 2] > 0.3, "blue of the picture");
    preparer(Fit::Stretch, &mut input);
    assert!(input[2] > 0.3, "no bar");
}

#[test]
fn enough_pixels_are_decoded_and_not_more() {
    let preparer = |width, height| Preparer::new(form(width, height, Layout::Nchw, Colours::Rgb));
    let scale =
        |preparer: &Preparer, fit, share| preparer.denominator(fit, share, size(640, 480)).get();
    // 640 / 40 = 16 pixels each: an eighth leaves two.
    assert_eq!(scale(&preparer(40, 30), Fit::Stretch, 1.0), 8);
    assert_eq!(scale(&preparer(41, 30), Fit::Stretch, 1.0), 4);
    assert_eq!(scale(&preparer(40, 40), Fit::Letterbox, 1.0), 8);
    assert_eq!(scale(&preparer(40, 40), Fit::Crop, 1.0), 4);
    assert_eq!(scale(&preparer(40, 40), Fit::Crop, 0.5), 2);
    assert_eq!(scale(&preparer(640, 480), Fit::Stretch, 1.0), 1);
}

/// A hand whose points span a box of 40 x 60 about (100, 90), wrist below, knuckle above.
fn hand() -> Landmarks {
    let mut hand = [[100.0, 90.0, 0.0]; LANDMARKS];
    hand[WRIST] = [100.0, 120.0, 0.0];
    hand[MIDDLE_MCP] = [100.0, 60.0, 0.0];
    hand[4] = [80.0, 90.0, 0.0];
    hand[20] = [120.0, 90.0, 0.0];
    hand
}

fn turned(hand: &Landmarks) -> Landmarks {
    // A quarter clockwise about (100, 90): up becomes right.
    hand.map(|[x, y, z]| [100.0 - (y - 90.0), 90.0 + (x - 100.0), z])
}

#[test]
fn around_a_hand_is_a_square_with_its_margin() {
    let upright = Cut {
        is_turned: false,
        margin: 0.25,
    };
    let along = Cut {
        is_turned: true,
        ..upright
    };
    let square = around(&hand(), upright);
    assert_eq!(
        (square.center, square.side, square.rotation),
        ([100.0, 90.0], 90.0, 0.0)
    );
    let lying = turned(&hand());
    assert_eq!(around(&lying, upright).rotation, 0.0);
    let square = around(&lying, along);
    assert!((square.rotation - std::f32::consts::FRAC_PI_2).abs() < 1e-5);
    assert!((square.center[0] - 100.0).abs() < 1e-3 && (square.center[1] - 90.0).abs() < 1e-3);
    assert!((square.side - 90.0).abs() < 1e-3);
}

/// Red is the column and green the row, so that a value tells where it came from.
#[test]
fn a_cut_has_the_pixels_of_its_place() {
    let picture = slope(200, 180);
    let plain = Form {
        scale: [1.0; 3],
        bias: [0.0; 3],
        ..form(9, 9, Layout::Nhwc, Colours::Rgb)
    };
    let mut preparer = Preparer::new(plain);
    let mut input = vec![0.0; 9 * 9 * 3];
    let mut cut = |hand: &Landmarks, is_turned| {
        let cut = Cut {
            is_turned,
            margin: 0.25,
        };
        assert!(preparer.hand(&picture, cut, hand, &mut input));
        let at = |x: usize, y: usize| -> [f32; 3] {
            std::array::from_fn(|colour| input[(y * 9 + x) * 3 + colour])
        };
        // At the rim the filter has no pixels on one side.
        [at(4, 4), at(1, 4), at(4, 1)]
    };
    let close = |found: [f32; 3], expected: [f32; 2]| {
        let apart = (found[0] - expected[0])
            .abs()
            .max((found[1] - expected[1]).abs());
        assert!(
            apart < 0.1 && (found[2] - 100.0).abs() < 1e-2,
            "{found:?} {expected:?}"
        );
    };
    // The square is 90 pixels, each value stands for 10; pixel n covers n to n + 1.
    for (found, expected) in
        cut(&hand(), false)
            .into_iter()
            .zip([[99.5, 89.5], [69.5, 89.5], [99.5, 59.5]])
    {
        close(found, expected);
    }
    // Along a hand that points right, its left is up in the picture.
    for (found, expected) in
        cut(&turned(&hand()), true)
            .into_iter()
            .zip([[99.5, 89.5], [99.5, 59.5], [129.5, 89.5]])
    {
        close(found, expected);
    }
}

/// Goal: a large hand made small does not flicker with its pixels.
/// Method: noise of 0 to 255; each value is the mean of hundreds of pixels, not of the nearest four.
#[test]
fn a_large_cut_is_made_small_by_all_of_its_pixels() {
    let picture = picture(size(200, 180), size(200, 180));
    let plain = Form {
        scale: [1.0; 3],
        bias: [0.0; 3],
        ..form(9, 9, Layout::Nhwc, Colours::Grey)
    };
    let mut input = vec![0.0; 9 * 9];
    let cut = Cut {
        is_turned: false,
        margin: 0.25,
    };
    assert!(Preparer::new(plain).hand(&picture, cut, &hand(), &mut input));
    for value in input {
        assert!((value - 127.5).abs() < 40.0, "{value}");
    }
}

#[test]
fn a_hand_that_is_nowhere_is_not_cut() {
    let mut preparer = Preparer::new(form(4, 4, Layout::Nchw, Colours::Grey));
    let mut input = vec![0.0; 16];
    let cut = Cut {
        is_turned: true,
        margin: 0.0,
    };
    for value in [f32::NAN, f32::INFINITY, 1e9, 5.0] {
        let mut landmarks = [[5.0; 3]; LANDMARKS];
        landmarks[3] = [value, 5.0, 0.0];
        assert!(
            !preparer.hand(&slope(20, 20), cut, &landmarks, &mut input),
            "{value}"
        );
    }
}
