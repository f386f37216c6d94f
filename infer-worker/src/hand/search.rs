//! Where the palm detector looks: at the whole frame, or at a part of it.
//!
//! Neighbours: `pipeline` asks before a frame is decoded, `recognizer` cuts the part out. Pure.
//!
//! The detector reads 192 x 192 pixels, whatever the frame has, so that a hand two or three metres
//! away is a few pixels there. A look at a part shows it larger. It takes the place of a look at the
//! whole frame, so that it costs nothing; the looks are counted in the predictions, so that all
//! workers of a source go on in turn.

use super::region::Region;
use crate::image::Size;
use shm_layout::prediction::LostHand;

/// Sides of a part, in parts of the frame's longer side. The detector knows a palm from about 12 of
/// its pixels on; so a hand of a seventeenth of the picture's width is seen, and all parts of a
/// picture have had their turn after a dozen looks.
const ZOOM: f32 = 2.0;
/// How much two neighbouring parts share, at least: a hand that one cuts is whole in the other.
const SHARED: f32 = 0.25;
/// How much more than a lost hand's bounds is looked at around it: room for where it went.
const AROUND_LOST: f32 = 5.0;
/// A lost hand is looked for where its motion has led it by then, in seconds: two frames.
const AHEAD_S: f32 = 0.1;
/// While hands are known, one look in so many is at a part: what is near is looked for first.
const PART_EVERY_KNOWN: u32 = 4;
/// Otherwise every other one.
const PART_EVERY: u32 = 2;

/// The square to look at in look number `look`; `known` hands are tracked at the moment, `lost`
/// ones were a moment ago.
#[must_use]
pub fn square(look: u32, known: usize, lost: &[LostHand], frame: Size) -> Region {
    let (width, height) = (frame.width_px as f32, frame.height_px as f32);
    let whole = Region::letterbox(width, height);
    // A large hand is found in the whole frame.
    let place = lost.first().map(|lost| around(lost, width, height));
    let place = place.filter(|place| place.side < whole.side);
    // A small one that was lost has every other look; the others go on as if there were none.
    let look = match place {
        Some(place) if look.is_multiple_of(2) => return place,
        Some(_) => look / 2,
        None => look,
    };
    let every = if known == 0 {
        PART_EVERY
    } else {
        PART_EVERY_KNOWN
    };
    if look % every != every - 1 {
        return whole;
    }
    part((look / every) as usize, width, height)
}

/// The number `turn` of the parts, which overlap and cover the frame.
fn part(turn: usize, width: f32, height: f32) -> Region {
    let side = width.max(height) / ZOOM;
    let (columns, rows) = (count(width, side), count(height, side));
    let turn = turn % (columns * rows);
    let place = |length: f32, count: usize, index: usize| {
        let step = (length - side) / (count.max(2) - 1) as f32;
        if count > 1 {
            side / 2.0 + step * index as f32
        } else {
            length / 2.0
        }
    };
    Region {
        center: [
            place(width, columns, turn % columns),
            place(height, rows, turn / columns),
        ],
        side,
        rotation: 0.0,
    }
}

/// How many parts of `side` cover `length`.
fn count(length: f32, side: f32) -> usize {
    if length <= side {
        return 1;
    }
    ((length - side) / (side * (1.0 - SHARED))).ceil() as usize + 1
}

/// Where a lost hand is by now.
fn around(lost: &LostHand, width: f32, height: f32) -> Region {
    let [x, y, w, h] = lost.rect;
    let moved = lost.motion.velocity.map(|velocity| velocity * AHEAD_S);
    let side = (w * width).max(h * height).max(1.0) * AROUND_LOST;
    // As much of it as can lies in the frame: nothing is to be seen beside it.
    let inside = |middle: f32, length: f32| {
        let half = (side / 2.0).min(length / 2.0);
        middle.clamp(half, length - half)
    };
    Region {
        center: [
            inside((x + w / 2.0 + moved[0]) * width, width),
            inside((y + h / 2.0 + moved[1]) * height, height),
        ],
        side,
        rotation: 0.0,
    }
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
