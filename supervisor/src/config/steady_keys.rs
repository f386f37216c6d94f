//! The keys of `[steady]` and `[gestures]`, and of `[gestures.NAME]`, which go before those of
//! `[gestures]` for one gesture.
//!
//! Neighbours: `keys` calls it for its tables. Whether the model knows a gesture of that name is
//! asked later, when the model is checked.

use super::document::Document;
use super::keys::{Options, table_of};
use super::section::{Section, quoted};
use super::setting::Setting;
use super::{Config, ConfigError};
use shm_layout::Label;
use shm_layout::control::{GestureRules, WINDOW_MAX};
use shm_layout::prediction::LABEL_BYTES_MAX;
use toml::de::{DeTable, DeValue};

/// Longest time of one of these keys, in ms.
const TIME_MS_MAX: u64 = 60_000;

/// Reads the keys of `[steady]`.
pub(super) fn steady(section: &mut Section<'_>, config: &mut Config) -> Result<(), ConfigError> {
    let steady = &mut config.steady;
    section.float("min_cutoff_hz", 0.01..=100.0, &mut steady.min_cutoff_hz)?;
    section.float("beta", 0.0..=1000.0, &mut steady.beta)?;
    section.float("speed_cutoff_hz", 0.01..=100.0, &mut steady.speed_cutoff_hz)?;
    section.integer("lost_ms", 0..=TIME_MS_MAX, &mut steady.lost_ms)?;
    section.integer("gap_ms", 0..=TIME_MS_MAX, &mut steady.gap_ms)?;
    section.integer("wait_ms", 0..=5_000, &mut steady.wait_ms)
}

/// Reads `[gestures]` and the table of each gesture in it.
pub(super) fn gestures<'a>(
    found: Option<(&'a Document, &'a DeTable<'a>)>,
    options: &'a Options,
    config: &mut Config,
    settings: &mut Vec<Setting>,
) -> Result<(), ConfigError> {
    let steady = &mut config.steady;
    let mut section = Section::new("gestures", found, options, settings).with_tables();
    rules(&mut section, &mut steady.gestures)?;
    section.finish()?;
    let Some((document, table)) = found else {
        return Ok(());
    };
    let is_table = |value: &DeValue<'_>| matches!(value, DeValue::Table(_));
    let mut named: Vec<_> = table
        .iter()
        .filter(|(_, value)| is_table(value.get_ref()))
        .collect();
    named.sort_by_key(|(name, _)| name.span().start);
    for (name, value) in named {
        let text = name.get_ref();
        if Label::new(text).is_none() {
            return Err(ConfigError::Wrong {
                place: document.place(&name.span()),
                problem: format!("gesture name `{text}`, expected 1 to {LABEL_BYTES_MAX} bytes"),
                hint: None,
            });
        }
        let path = format!("gestures.{}", as_key(text));
        let table = table_of(document, &path, value)?;
        let mut section = Section::new(&path, Some((document, table)), options, settings);
        let mut own = steady.gestures.of(text);
        rules(&mut section, &mut own)?;
        section.finish()?;
        steady.named.push((text.to_string(), own));
    }
    Ok(())
}

fn rules(section: &mut Section<'_>, rules: &mut GestureRules) -> Result<(), ConfigError> {
    section.boolean("enabled", &mut rules.enabled)?;
    section.float("enter_score", 0.0..=1.0, &mut rules.enter_score)?;
    section.float("release_score", 0.0..=1.0, &mut rules.release_score)?;
    if rules.release_score > rules.enter_score {
        let GestureRules {
            enter_score,
            release_score,
            ..
        } = rules;
        let is = format!("is {release_score}, expected at most `enter_score` ({enter_score})");
        return Err(section.refuse("release_score", &is, None));
    }
    section.integer("votes", 1..=WINDOW_MAX, &mut rules.votes)?;
    section.integer("window", 1..=WINDOW_MAX, &mut rules.window)?;
    if rules.window < rules.votes {
        let GestureRules { votes, window, .. } = rules;
        let is = format!("is {window}, expected at least `votes` ({votes})");
        return Err(section.refuse("window", &is, None));
    }
    section.integer("min_hold_ms", 0..=TIME_MS_MAX, &mut rules.min_hold_ms)?;
    section.integer("hold_ms", 0..=TIME_MS_MAX, &mut rules.hold_ms)?;
    section.integer("release_ms", 0..=TIME_MS_MAX, &mut rules.release_ms)?;
    section.integer("cooldown_ms", 0..=TIME_MS_MAX, &mut rules.cooldown_ms)
}

/// A name as a key of TOML.
fn as_key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.chars().all(is_bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Options, load_text, to_toml};

    #[test]
    fn a_gesture_has_the_rules_of_all_but_for_its_own() {
        let file = "[gestures]\nvotes = 2\nhold_ms = 500\n[gestures.Victory]\nhold_ms = 0\n\
                    [gestures.\"ok now\"]\nenabled = false\n";
        let loaded = load_text("box.toml", file, &Options::default()).unwrap();
        let steady = &loaded.config.steady;
        let names: Vec<_> = steady.named.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["Victory", "ok now"]);
        let (victory, ok) = (steady.named[0].1, steady.named[1].1);
        assert_eq!((victory.votes, victory.hold_ms), (2, 0));
        assert_eq!((ok.enabled, ok.hold_ms), (false, 500));
        // A gesture that came with the box keeps the score from which on it is believed.
        assert_eq!((victory.enter_score, ok.enter_score), (0.6, 0.55));
        let again = load_text("box.toml", &to_toml(&loaded.settings), &Options::default());
        assert_eq!(again.unwrap().config, loaded.config);
    }

    #[test]
    fn rules_that_contradict_each_other_are_named() {
        for (file, expected) in [
            (
                "[gestures]\nvotes = 9",
                "box.toml: key `gestures.window` is 6, expected at least `votes` (9)",
            ),
            (
                "[gestures.Victory]\nrelease_score = 0.9",
                "box.toml:2: key `gestures.Victory.release_score` is 0.9, expected at most `enter_score` (0.6)",
            ),
            (
                "[gestures.Victory]\nvote = 3",
                "box.toml:2: key `gestures.Victory.vote` is not known",
            ),
            (
                "[gestures]\nvote = 3",
                "box.toml:2: key `gestures.vote` is not known",
            ),
            (
                "[gestures.a_name_of_more_than_24_bytes]\n",
                "box.toml:1: gesture name `a_name_of_more_than_24_bytes`, expected 1 to 24 bytes",
            ),
        ] {
            let error = load_text("box.toml", file, &Options::default()).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }
}
