//! What `teach` and `gestures` say, for people.
//!
//! Neighbours: [`super::verbs`] prints it. Pure.

use super::file::Samples;
use super::measure::{Measure, Taken, Verdict};
use shm_layout::control::HandSide;
use std::fmt::Write as _;

/// Other gestures that are named.
const NEAREST: usize = 3;
/// What models call a hand that shows no gesture.
const NONE: &str = "None";
/// From which share on the model had another name for the hands.
const MOSTLY: f32 = 0.5;

/// What came of teaching a gesture.
#[must_use]
pub fn lesson(samples: &Samples, measure: &Measure, called: &[(String, f32)]) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = writeln!(text, "taught   {}", summary(samples));
    let recall = percent(measure.recall);
    let _ = writeln!(
        text,
        "known    {recall} of its hands by what the others of them taught"
    );
    let nothing = percent(measure.nothing);
    let _ = writeln!(text, "mistaken {nothing} of hands that mean nothing");
    let nearest: Vec<String> = measure.others.iter().take(NEAREST).map(other).collect();
    let _ = writeln!(text, "nearest  {}", nearest.join(", "));
    for (name, share) in &measure.given {
        let _ = writeln!(
            text,
            "given    {} of its hands to `{name}`",
            percent(*share)
        );
    }
    if !called.is_empty() {
        let called = called.iter().take(NEAREST);
        let called = called.map(|(name, share)| format!("{name} {}", percent(*share)));
        let called: Vec<String> = called.collect();
        let _ = writeln!(
            text,
            "before   the model called its hands {}",
            called.join(", ")
        );
    }
    let mut words = verdict(&measure.verdict());
    if let Some((name, _)) = called
        .iter()
        .find(|(name, share)| name != NONE && *share >= MOSTLY)
    {
        words.push_str(&format!("; hands that were called {name} may be it now"));
    }
    let _ = writeln!(text, "verdict  {words}");
    text
}

/// A gesture in one line.
#[must_use]
pub fn summary(samples: &Samples) -> String {
    let hand = match samples.side {
        HandSide::Any => "either hand",
        HandSide::Left => "the left hand",
        HandSide::Right => "the right hand",
    };
    let from: Vec<&str> = samples.sessions.iter().map(|s| s.from.as_str()).collect();
    let count = samples.hands.len();
    format!(
        "{}: {count} samples, for {hand}, from {}",
        samples.name,
        from.join(", ")
    )
}

fn other(other: &Taken) -> String {
    let (name, taken) = (&other.name, percent(other.taken));
    if other.is_twin {
        format!("`{name}` looks the same, and this model does not tell it")
    } else if other.is_known {
        format!("`{name}` {taken}")
    } else {
        format!("`{name}` {taken} (which this model does not tell)")
    }
}

fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Good => "good".to_owned(),
        Verdict::Overlaps(names) => format!(
            "overlaps with {}: choose another pose, or teach more of it with --add",
            names.join(", ")
        ),
        Verdict::Unsure => "unsure: hands that show it are often missed; teach more with --add, \
                            turned and moved a little"
            .to_owned(),
        Verdict::Loose => {
            "loose: hands that mean nothing are taken for it; choose a clearer pose".to_owned()
        }
    }
}

fn percent(share: f32) -> String {
    format!("{:.1} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::taught::file::Session;

    #[test]
    fn lesson_is_told_in_a_few_lines() {
        let samples = Samples {
            name: "vulcan".to_owned(),
            side: HandSide::Any,
            sessions: vec![Session {
                from: "source cam0".to_owned(),
                samples: 71,
            }],
            hands: vec![[0.0; 63]; 71],
        };
        let taken = |name: &str, is_known, taken, is_twin| Taken {
            name: name.to_owned(),
            is_known,
            taken,
            near: 0.0,
            is_twin,
        };
        let measure = Measure {
            samples: 71,
            recall: 0.972,
            nothing: 0.001,
            others: vec![
                taken("Open_Palm", true, 0.014, false),
                taken("four", false, 0.0, false),
                taken("call", false, 0.9, true),
                taken("Victory", true, 0.0, false),
            ],
            given: Vec::new(),
        };
        let called = [("None".to_owned(), 0.9), ("Open_Palm".to_owned(), 0.1)];
        let expected = "\
taught   vulcan: 71 samples, for either hand, from source cam0
known    97.2 % of its hands by what the others of them taught
mistaken 0.1 % of hands that mean nothing
nearest  `Open_Palm` 1.4 %, `four` 0.0 % (which this model does not tell), `call` looks the same, \
and this model does not tell it
before   the model called its hands None 90.0 %, Open_Palm 10.0 %
verdict  good
";
        assert_eq!(lesson(&samples, &measure, &called), expected);
    }
}
