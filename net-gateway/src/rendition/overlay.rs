//! Draws one prediction into a picture: bones, joints, and a label for each hand, with a bar for how
//! much of its gesture's hold time is over; or a large label for what the frame shows as a whole.
//!
//! It looks like the page's own drawing (`page/overlay.js`), for clients that cannot draw, and shows
//! what is steady. Values of a prediction are input: a point may lie anywhere, or nowhere.

use crate::drawing::Canvas;
use crate::drawing::canvas::Rgb;
use crate::drawing::letters::{self, FontWeight, Style, advance_px};
use crate::drawing::shapes::{Point, dot, line};
use shm_layout::Label;
use shm_layout::prediction::LANDMARKS;
use steady::SteadyPrediction;

/// Lines of the hand between its 21 points. Source: MediaPipe `HAND_CONNECTIONS`.
const BONES: [&[usize]; 6] = [
    &[0, 1, 2, 3, 4],
    &[0, 5, 6, 7, 8],
    &[5, 9, 10, 11, 12],
    &[9, 13, 14, 15, 16],
    &[13, 17, 18, 19, 20],
    &[0, 17],
];
/// Colours that stay apart on skin and for the colour-blind; the page's.
const SCENE_RGB: Rgb = [0xf2, 0xf2, 0xf2];
const RIGHT_RGB: Rgb = [0xff, 0xc1, 0x4d];
const LEFT_RGB: Rgb = [0x5c, 0xd2, 0xff];
const OUTLINE_RGB: Rgb = [10, 14, 20];
const OUTLINE_INK: f32 = 0.65;
const JOINT_RGB: Rgb = [255, 255, 255];
const LABEL_RGB: Rgb = [14, 18, 24];
const LABEL_INK: f32 = 0.82;
/// The part of a hold that is still to come.
const ACCENT_INK: f32 = 0.35;
const TEXT_RGB: Rgb = [255, 255, 255];

/// Thickness of a bone: this part of the picture's width, within bounds.
const BONE_PARTS: f32 = 240.0;
const BONE_PX: (f32, f32) = (1.5, 12.0);
/// Height of a label's letters, likewise.
const TEXT_PARTS: f32 = 38.0;
const TEXT_PX: (f32, f32) = (10.0, 48.0);
/// The label of a whole frame is so much larger.
const SCENE_TEXT: f32 = 1.5;

/// A hand as it is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct DrawnHand {
    /// Its points, in fractions of the frame.
    pub landmarks: [[f32; 3]; LANDMARKS],
    /// Its bounds, in fractions of the frame.
    pub rect: [f32; 4],
    /// Whether it is a right hand.
    pub is_right: bool,
    /// The gesture that is held.
    pub gesture: Option<Label>,
    /// How much of its hold time is over, 0..=1.
    pub progress: f32,
    /// How sure the newest prediction was, 0..=1; `None` if it shows something else.
    pub score: Option<f32>,
}

/// What a frame shows as a whole, as it is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct DrawnScene {
    /// As [`DrawnHand::gesture`].
    pub gesture: Option<Label>,
    /// As [`DrawnHand::progress`].
    pub progress: f32,
    /// As [`DrawnHand::score`].
    pub score: Option<f32>,
}

/// A prediction as it is drawn.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Drawing {
    /// Its hands.
    pub hands: Vec<DrawnHand>,
    /// What the frame shows as a whole.
    pub scene: Option<DrawnScene>,
}

impl Drawing {
    /// Whether nothing is to be drawn.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hands.is_empty() && self.scene.is_none()
    }
}

/// A prediction as it is drawn: what is steady where that is known.
#[must_use]
pub fn drawn(prediction: &SteadyPrediction) -> Drawing {
    let shown = |gesture: &Label| gesture.as_str() != "None";
    let scene = prediction.raw.scene.map(|scene| {
        let steady = prediction.scene.as_ref();
        let gesture = steady.map_or(Some(scene.gesture), |steady| steady.gesture);
        DrawnScene {
            gesture: gesture.filter(shown),
            progress: steady.map_or(0.0, |steady| steady.progress),
            score: (gesture == Some(scene.gesture)).then_some(scene.score),
        }
    });
    Drawing {
        hands: drawn_hands(prediction),
        scene,
    }
}

fn drawn_hands(prediction: &SteadyPrediction) -> Vec<DrawnHand> {
    let hands = prediction.raw.hands.iter().enumerate();
    let drawn = |(index, hand): (usize, &shm_layout::Hand)| {
        let steady = prediction.hands.get(index);
        let gesture = steady.map_or(Some(hand.gesture), |steady| steady.gesture);
        DrawnHand {
            landmarks: steady.map_or(hand.landmarks, |steady| steady.landmarks),
            rect: hand.rect,
            is_right: hand.right_probability >= 0.5,
            gesture: gesture.filter(|gesture| gesture.as_str() != "None"),
            progress: steady.map_or(0.0, |steady| steady.progress),
            score: (gesture == Some(hand.gesture)).then_some(hand.score),
        }
    };
    hands.map(drawn).collect()
}

/// Draws into `canvas`.
pub fn draw(canvas: &mut Canvas, drawing: &Drawing) {
    for hand in &drawing.hands {
        draw_hand(canvas, hand);
    }
    // Labels last, so that no bone of another hand crosses one.
    for hand in &drawing.hands {
        draw_label(canvas, hand);
    }
    if let Some(scene) = &drawing.scene {
        draw_scene(canvas, scene);
    }
}

fn draw_hand(canvas: &mut Canvas, hand: &DrawnHand) {
    let size = [canvas.width_px as f32, canvas.height_px as f32];
    let points = hand.landmarks.map(|[x, y, _]| [x * size[0], y * size[1]]);
    let bone_px = (size[0] / BONE_PARTS).clamp(BONE_PX.0, BONE_PX.1);
    let rgb = colour(hand);
    let lines = || {
        BONES.iter().flat_map(|bone| {
            let ends = bone.iter().zip(bone.iter().skip(1));
            ends.filter_map(|(from, to)| {
                Some([
                    near(points.get(*from)?, size)?,
                    near(points.get(*to)?, size)?,
                ])
            })
        })
    };
    lines().for_each(|ends| line(canvas, ends, bone_px + 2.0, OUTLINE_RGB, OUTLINE_INK));
    lines().for_each(|ends| line(canvas, ends, bone_px, rgb, 1.0));
    // The wrist last: no other joint covers it.
    for (index, point) in points.iter().enumerate().rev() {
        if let Some(point) = near(point, size) {
            // The wrist has the hand's colour: it tells which end is which.
            let (rgb, radius) = if index == 0 {
                (rgb, bone_px * 1.4)
            } else {
                (JOINT_RGB, bone_px)
            };
            dot(canvas, point, radius + 1.0, OUTLINE_RGB, OUTLINE_INK);
            dot(canvas, point, radius, rgb, 1.0);
        }
    }
}

/// The point, if it lies near the picture: what is far outside would only cost time.
fn near(point: &Point, size: [f32; 2]) -> Option<Point> {
    let is_near = |axis: usize| (-size[axis]..=2.0 * size[axis]).contains(&point[axis]);
    (is_near(0) && is_near(1)).then_some(*point)
}

/// The gesture, its score and the side, on a dark bar above the hand.
fn draw_label(canvas: &mut Canvas, hand: &DrawnHand) {
    let tag = Tag {
        text: label(hand),
        rgb: colour(hand),
        progress: hand.gesture.is_some().then_some(hand.progress),
        size: 1.0,
    };
    draw_tag(canvas, &tag, [hand.rect[0], hand.rect[1]]);
}

/// The gesture of the whole frame and its score, large, in the corner where reading begins.
fn draw_scene(canvas: &mut Canvas, scene: &DrawnScene) {
    let tag = Tag {
        text: named(scene.gesture.as_ref(), scene.score).unwrap_or_else(|| "no gesture".to_owned()),
        rgb: SCENE_RGB,
        progress: scene.gesture.is_some().then_some(scene.progress),
        size: SCENE_TEXT,
    };
    draw_tag(canvas, &tag, [0.02, 0.0]);
}

/// A label on its dark bar.
struct Tag {
    text: String,
    rgb: Rgb,
    /// How much of a hold is over, if there is one.
    progress: Option<f32>,
    /// Of its letters, to that of a hand's.
    size: f32,
}

/// Draws a label above `[x, y]`, in fractions of the picture; inside of it.
fn draw_tag(canvas: &mut Canvas, tag: &Tag, [x, y]: [f32; 2]) {
    let (width, height) = (canvas.width_px as f32, canvas.height_px as f32);
    let text_px = (width / TEXT_PARTS).clamp(TEXT_PX.0, TEXT_PX.1) * tag.size;
    let text = &tag.text;
    let weight = FontWeight::Bold;
    let pad = text_px * 0.3;
    let bar = [
        text.chars().count() as f32 * advance_px(text_px, weight) + 2.0 * pad,
        text_px + pad,
    ];
    if !x.is_finite() || !y.is_finite() {
        return;
    }
    let left = (x * width).min(width - bar[0]).max(0.0);
    let top = (y * height - bar[1] - text_px / 2.0)
        .min(height - bar[1])
        .max(0.0);
    canvas.fill([left, top, bar[0], bar[1]], LABEL_RGB, LABEL_INK);
    let accent_px = (text_px / 6.0).max(1.0);
    // Dim where it is still to be held.
    let done_px = bar[0]
        * tag
            .progress
            .map_or(0.0, |progress| progress.clamp(0.0, 1.0));
    let line = |width_px| [left, top + bar[1] - accent_px, width_px, accent_px];
    canvas.fill(line(bar[0]), tag.rgb, ACCENT_INK);
    canvas.fill(line(done_px), tag.rgb, 1.0);
    let style = Style {
        height_px: text_px,
        weight,
        rgb: TEXT_RGB,
    };
    letters::write(canvas, [left + pad, top + pad / 4.0], text, style);
}

/// What stands on a hand's label: `Thumb Up 93 % right`; without a gesture only the side.
fn label(hand: &DrawnHand) -> String {
    let side = if hand.is_right { "right" } else { "left" };
    match named(hand.gesture.as_ref(), hand.score) {
        Some(named) => format!("{named} {side}"),
        None => side.to_owned(),
    }
}

/// `Thumb Up 93 %`, if there is a gesture.
fn named(gesture: Option<&Label>, score: Option<f32>) -> Option<String> {
    let name = gesture?.as_str().replace('_', " ");
    Some(match score {
        Some(score) => format!("{name} {:.0} %", score * 100.0),
        None => name,
    })
}

fn colour(hand: &DrawnHand) -> Rgb {
    if hand.is_right { RIGHT_RGB } else { LEFT_RGB }
}

#[cfg(test)]
mod tests {
    use super::*;
    fn hand(gesture: &str, landmarks: [[f32; 3]; 21]) -> DrawnHand {
        DrawnHand {
            is_right: true,
            gesture: Label::new(gesture),
            progress: 0.5,
            score: Some(0.934),
            rect: [0.3, 0.4, 0.2, 0.3],
            landmarks,
        }
    }

    fn of(hands: Vec<DrawnHand>) -> Drawing {
        Drawing { hands, scene: None }
    }

    fn scene(gesture: &str, progress: f32) -> DrawnScene {
        DrawnScene {
            gesture: Label::new(gesture),
            progress,
            score: Some(0.934),
        }
    }

    /// A hand whose points lie on a line across the middle of the picture.
    fn level(gesture: &str) -> DrawnHand {
        let points = std::array::from_fn(|index| [0.3 + index as f32 * 0.01, 0.6, 0.0]);
        hand(gesture, points)
    }

    fn changed_rows(canvas: &Canvas, blank: &Canvas) -> Vec<usize> {
        let pitch = canvas.width_px as usize * 3;
        let rows = canvas.rgb.chunks(pitch).zip(blank.rgb.chunks(pitch));
        rows.enumerate()
            .filter(|(_, (new, old))| new != old)
            .map(|(row, _)| row)
            .collect()
    }

    #[test]
    fn label_names_gesture_score_and_side() {
        assert_eq!(label(&level("Thumb_Up")), "Thumb Up 93 % right");
        assert_eq!(label(&level("")), "right");
        let mut left = level("Victory");
        left.is_right = false;
        assert_eq!(label(&left), "Victory 93 % left");
        left.score = None;
        assert_eq!(label(&left), "Victory left");
    }

    #[test]
    fn bar_shows_how_much_of_the_hold_is_over() {
        let bright = |progress: f32| {
            let mut canvas = Canvas::filled(640, 480, [0; 3]);
            let hand = DrawnHand {
                progress,
                ..level("Thumb_Up")
            };
            draw_label(&mut canvas, &hand);
            let pixels = canvas.rgb.as_chunks::<3>().0.iter();
            pixels.filter(|rgb| **rgb == RIGHT_RGB).count()
        };
        let (half, whole) = (bright(0.5), bright(1.0));
        assert_eq!(bright(0.0), 0);
        assert!(half.abs_diff(whole / 2) <= whole / 20, "{half} of {whole}");
    }

    #[test]
    fn what_a_frame_shows_stands_in_its_upper_left_corner() {
        let blank = Canvas::filled(640, 480, [90; 3]);
        let mut canvas = blank.clone();
        let scene = scene("Thumb_Up", 1.0);
        let drawing = Drawing {
            hands: Vec::new(),
            scene: Some(scene),
        };
        draw(&mut canvas, &drawing);
        let rows = changed_rows(&canvas, &blank);
        assert!(
            rows.contains(&2) && rows.iter().all(|row| *row < 60),
            "{rows:?}"
        );
        let accents = canvas.rgb.as_chunks::<3>().0.iter();
        assert!(
            accents.filter(|rgb| **rgb == SCENE_RGB).count() > 100,
            "its hold"
        );
    }

    #[test]
    fn hand_is_drawn_where_it_is_at_every_size() {
        for (width, height) in [(640, 480), (160, 120), (1920, 1080)] {
            let blank = Canvas::filled(width, height, [90; 3]);
            let mut canvas = blank.clone();
            draw(&mut canvas, &of(vec![level("Thumb_Up")]));
            let rows = changed_rows(&canvas, &blank);
            let at = |part: f32| (height as f32 * part) as usize;
            assert!(rows.contains(&at(0.6)), "the bones of {width}x{height}");
            assert!(
                rows.iter().all(|row| (at(0.2)..at(0.75)).contains(row)),
                "{rows:?}"
            );
            let wrist = (at(0.6) * width as usize + (width as f32 * 0.3) as usize) * 3;
            assert_eq!(canvas.rgb[wrist..wrist + 3], RIGHT_RGB);
        }
    }

    #[test]
    fn no_hand_breaks_the_picture() {
        for value in [f32::NAN, f32::INFINITY, -1e30, 1e30, -3.0, 7.0] {
            let mut strange = hand("", [[value; 3]; 21]);
            strange.progress = value;
            strange.rect = [value; 4];
            for (width, height) in [(1, 1), (16, 9), (320, 240)] {
                let mut canvas = Canvas::filled(width, height, [90; 3]);
                let mut drawing = of(vec![strange.clone(), level("Closed_Fist")]);
                drawing.scene = Some(scene("Victory", value));
                draw(&mut canvas, &drawing);
                assert_eq!(canvas.rgb.len(), (width * height * 3) as usize);
            }
        }
        let mut canvas = Canvas::filled(320, 240, [90; 3]);
        draw(&mut canvas, &Drawing::default());
        assert_eq!(canvas, Canvas::filled(320, 240, [90; 3]));
    }
}
