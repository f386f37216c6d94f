//! What is written is read again, and nothing else is.

use super::*;
use proptest::prelude::*;

fn samples(hands: usize) -> Samples {
    let hand = |seed: usize| {
        rounded(&std::array::from_fn(|i| {
            ((i * 7 + seed * 13) % 200) as f32 / 100.0 - 1.0
        }))
    };
    Samples {
        name: "vulcan".to_owned(),
        side: HandSide::Any,
        sessions: vec![Session {
            from: "source \"cam0\"".to_owned(),
            samples: hands,
        }],
        hands: (0..hands).map(hand).collect(),
    }
}

fn read(text: &str) -> Result<Samples, TaughtError> {
    Samples::from_text(text, Path::new("/taught/vulcan.json"))
}

#[test]
fn what_is_written_is_read_again_to_the_byte() {
    for hands in [SAMPLES_MIN, 60, SAMPLES_MAX] {
        let written = samples(hands);
        let text = written.to_text();
        let found = read(&text).expect("whole");
        assert_eq!(found, written);
        assert_eq!(found.to_text(), text);
    }
    assert!(samples(SAMPLES_MAX).to_text().len() < 150_000);
}

#[test]
fn each_kind_of_damage_is_named() {
    let text = samples(20).to_text();
    let what = |text: &str| read(text).expect_err("damaged").to_string();
    assert!(what(&text[..text.len() / 2]).contains("damaged taught gesture `/taught/vulcan.json`"));
    assert!(
        what(&text.replace("\"format\": 1", "\"format\": 2")).contains("format is 2, expected 1")
    );
    assert!(what(&text.replace("vulcan", "other")).contains("its name is \"other\""));
    assert!(what(&text.replace("\"any\"", "\"right\"")).contains("changed since"));
    assert!(what(&text.replace("\"any\"", "\"both\"")).contains("both"));
    assert!(what(&text.replace("\"samples\": 20", "\"samples\": 19")).contains("does not fit"));
    assert!(what(&text.replacen("[-10000,", "[-10001,", 1)).contains("changed since"));
    assert!(what(&text.replacen("[-10000,", "[-90000,", 1)).contains("no hand"));
    assert!(what(&text.replacen("[-10000,", "[", 1)).contains("no hand"));
    assert!(what(&samples(SAMPLES_MIN - 1).to_text()).contains("14 samples, expected 15 to 300"));
    assert!(what(&text.replace("\"name\"", "\"nome\"")).contains("nome"));
}

#[test]
fn names_are_labels_of_letters_and_digits() {
    for name in [
        "a",
        "vulcan",
        "Hang_loose-2",
        "Gruß",
        "abcdefghijklmnopqrstuvwx",
    ] {
        assert!(is_name(name), "{name}");
    }
    for name in [
        "",
        "none",
        "None",
        "a b",
        "../x",
        "a/b",
        ".a",
        "-a",
        "a\n",
        "abcdefghijklmnopqrstuvwxy",
    ] {
        assert!(!is_name(name), "{name}");
    }
}

#[test]
fn added_samples_are_thinned_from_all_times_alike() {
    let joined = samples(200).joined(samples(250));
    assert_eq!(joined.hands.len(), SAMPLES_MAX);
    let kept: Vec<usize> = joined.sessions.iter().map(|s| s.samples).collect();
    assert_eq!(kept.iter().sum::<usize>(), SAMPLES_MAX);
    assert!((130..=137).contains(&kept[0]), "{kept:?}");
    assert_eq!(read(&joined.to_text()).expect("whole"), joined);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// A byte that is changed, taken out or put in is found, or changes nothing.
    #[test]
    fn a_changed_byte_is_found_or_harmless(at in 0.0..1.0_f64, byte in any::<u8>(), kind in 0..3) {
        let original = samples(SAMPLES_MIN);
        let mut bytes = original.to_text().into_bytes();
        let at = (at * bytes.len() as f64) as usize;
        match kind {
            0 => bytes[at] = byte,
            1 => drop(bytes.remove(at)),
            _ => bytes.insert(at, byte),
        }
        if let Ok(found) = read(&String::from_utf8_lossy(&bytes)) {
            prop_assert_eq!(found, original);
        }
    }

    /// Whatever a file holds, it is an error or samples, and never a panic.
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,300}", numbers in prop::collection::vec(any::<i64>(), 0..70)) {
        let _refused = read(&text);
        let line = format!("{numbers:?}");
        let whole = samples(SAMPLES_MIN).to_text();
        let start = whole.find("[-10000,").unwrap_or(0);
        let end = start + whole[start..].find(']').unwrap_or(0) + 1;
        let _refused = read(&format!("{}{line}{}", &whole[..start], &whole[end..]));
    }
}
