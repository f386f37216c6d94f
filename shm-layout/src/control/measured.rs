//! From which score on a gesture that came with Wigwag is believed, where it was measured.
//!
//! Neighbours: [`GestureRules::of`](super::GestureRules::of). The figures, and how they were measured on
//! hands that show nothing, are in `models/README.md`. Heads differ in what a score means: MediaPipe's says 0.67 of a good thumb and 0.56 of many hands that show none.

/// Least score of a prediction that speaks for a gesture's beginning, by its name.
const ENTER_SCORES: [(&str, f64); 21] = [
    // `canned`. Its open palms score 0.5 to 0.7, and hands without a gesture are no palms to it.
    ("Closed_Fist", 0.65),
    ("ILoveYou", 0.6),
    ("Pointing_Up", 0.6),
    ("Thumb_Down", 0.65),
    ("Thumb_Up", 0.6),
    ("Victory", 0.6),
    // `wigwag`.
    ("call", 0.85),
    ("dislike", 0.85),
    ("fist", 0.7),
    ("four", 0.85),
    ("i_love_you", 0.85),
    ("like", 0.75),
    ("mute", 0.75),
    ("ok", 0.75),
    ("one", 0.75),
    ("palm", 0.75),
    ("peace", 0.75),
    ("rock", 0.85),
    ("stop", 0.85),
    ("stop_inverted", 0.85),
    ("three", 0.9),
];

/// The least score for a gesture of that name; 0 for one that was not measured.
#[must_use]
pub(super) fn enter_score(gesture: &str) -> f64 {
    let measured = ENTER_SCORES.iter().find(|(name, _)| *name == gesture);
    measured.map_or(0.0, |(_, score)| *score)
}
