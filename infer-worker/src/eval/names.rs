//! Which labels of a model are right for a class, however its folder spells it.
//!
//! Neighbours: `tally` asks once per class. HaGRID, MediaPipe and sign-language sets have different
//! names for the same pose; a model knows some of them.

use crate::agree::reference::same_gesture;

/// What a model says of a hand that shows none of its gestures.
pub const NO_GESTURE: &str = "None";

/// Names of the same pose, HaGRID's first, MediaPipe's after it. An open hand is one gesture to
/// MediaPipe, three to HaGRID.
const SAME: [&[&str]; 9] = [
    &["fist", "Closed_Fist"],
    &["palm", "Open_Palm"],
    &["stop", "Open_Palm"],
    &["stop_inverted", "Open_Palm"],
    &["one", "Pointing_Up"],
    &["dislike", "Thumb_Down"],
    &["like", "Thumb_Up"],
    &["peace", "Victory"],
    &["none", "no_gesture", NO_GESTURE],
];

/// The labels, by their index in `labels`, that are right for `class`, and whether the model knows
/// the class at all. For one that it does not know, [`NO_GESTURE`] is right.
#[must_use]
pub fn right_labels(class: &str, labels: &[String]) -> (Vec<usize>, bool) {
    let spelled_as = |name: &str| -> Vec<usize> {
        let same = labels.iter().enumerate();
        same.filter(|(_, label)| same_gesture(label, name))
            .map(|(index, _)| index)
            .collect()
    };
    // Its own name goes first: a model that tells `palm` from `stop` must do so.
    let own = spelled_as(class);
    if !own.is_empty() {
        return (own, true);
    }
    let groups = SAME
        .iter()
        .filter(|names| names.iter().any(|name| same_gesture(name, class)));
    let mut right: Vec<usize> = groups
        .flat_map(|names| names.iter().flat_map(|name| spelled_as(name)))
        .collect();
    right.sort_unstable();
    right.dedup();
    if right.is_empty() {
        return (spelled_as(NO_GESTURE), false);
    }
    (right, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(class: &str, labels: &[&str]) -> (Vec<usize>, bool) {
        let labels: Vec<String> = labels.iter().map(ToString::to_string).collect();
        right_labels(class, &labels)
    }

    const CANNED: [&str; 4] = ["None", "Open_Palm", "Thumb_Up", "ILoveYou"];
    const OWN: [&str; 5] = ["None", "palm", "stop", "like", "i_love_you"];

    #[test]
    fn a_class_is_known_by_any_of_its_names() {
        assert_eq!(right("like", &CANNED), (vec![2], true));
        assert_eq!(right("i_love_you", &CANNED), (vec![3], true));
        assert_eq!(right("stop_inverted", &CANNED), (vec![1], true));
        assert_eq!(right("no_gesture", &CANNED), (vec![0], true));
        assert_eq!(right("Thumb_Up", &OWN), (vec![3], true));
    }

    #[test]
    fn an_open_hand_may_be_any_that_the_model_tells_apart() {
        assert_eq!(right("Open_Palm", &OWN), (vec![1, 2], true));
        assert_eq!(right("stop", &OWN), (vec![2], true));
    }

    #[test]
    fn an_unknown_class_is_no_gesture() {
        assert_eq!(right("vulcan", &OWN), (vec![0], false));
        assert_eq!(right("vulcan", &["a", "b"]), (vec![], false));
    }
}
