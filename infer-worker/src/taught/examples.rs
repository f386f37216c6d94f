//! The bundled hands of other people: what a taught gesture is learnt against, and measured on.
//!
//! Neighbours: [`super::lesson`] uses them; `models/taught/examples.py` wrote the file and says what
//! is in it. It is a part of this program, and read as carefully as if it were not.

use super::features::{COORDINATES, Shape};
use serde::Deserialize;

/// The file; see `models/taught/examples.py`.
const FILE: &[u8] = include_bytes!("../../../models/taught/hands.bin");
const FORMAT: u32 = 1;
const HAND_BYTES: usize = COORDINATES * 2;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    format: u32,
    unit: f32,
    classes: Vec<ClassHead>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClassHead {
    name: String,
    labels: Vec<String>,
    hands: usize,
}

/// Hands that show the same.
#[derive(Debug, Clone)]
pub struct Class {
    /// What they show; `none` for nothing.
    pub name: String,
    /// What the models that came with Wigwag call it.
    pub labels: Vec<String>,
    /// The hands.
    pub hands: Vec<Shape>,
}

/// The bundled file is not what it should be: a fault of the build.
#[derive(Debug, thiserror::Error)]
#[error("the bundled hands are damaged: {0}")]
pub struct ExamplesError(&'static str);

/// All classes, in the order of the file.
///
/// # Errors
/// [`ExamplesError`]: the program was built from a damaged file.
pub fn load() -> Result<Vec<Class>, ExamplesError> {
    parse(FILE)
}

fn parse(file: &[u8]) -> Result<Vec<Class>, ExamplesError> {
    let end = file.iter().position(|byte| *byte == b'\n');
    let (head, body) = file.split_at(end.ok_or(ExamplesError("no first line"))?);
    let head: Head = serde_json::from_slice(head).map_err(|_| ExamplesError("its first line"))?;
    if head.format != FORMAT {
        return Err(ExamplesError("another format"));
    }
    let mut hands = body[1..].chunks_exact(HAND_BYTES).map(|bytes| {
        let (words, _) = bytes.as_chunks::<2>();
        std::array::from_fn(|i| f32::from(i16::from_le_bytes(words[i])) * head.unit)
    });
    let expected: usize = head.classes.iter().map(|class| class.hands).sum();
    if hands.len() != expected || (body.len() - 1) % HAND_BYTES != 0 {
        return Err(ExamplesError("its length"));
    }
    let class = |class: ClassHead| Class {
        name: class.name,
        labels: class.labels,
        hands: hands.by_ref().take(class.hands).collect(),
    };
    Ok(head.classes.into_iter().map(class).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundled_hands_are_whole_and_normalised() {
        let classes = load().expect("usable");
        assert_eq!(
            classes.last().map(|class| class.name.as_str()),
            Some("none")
        );
        for class in &classes {
            assert!(class.hands.len() >= 50, "{}", class.name);
            for hand in &class.hands {
                assert_eq!(hand[..3], [0.0; 3]);
                let extent = |axis: usize| {
                    let values = hand.iter().skip(axis).step_by(3).copied();
                    values.clone().fold(f32::MIN, f32::max) - values.fold(f32::MAX, f32::min)
                };
                assert!((extent(0).max(extent(1)) - 1.0).abs() < 1e-2);
            }
        }
    }

    #[test]
    fn damaged_files_are_refused() {
        for file in [
            &b""[..],
            b"{}\n",
            b"{\"format\":1}\nx",
            &FILE[..FILE.len() - 1],
        ] {
            assert!(parse(file).is_err());
        }
        let other = String::from_utf8_lossy(&FILE[..12]).replace('1', "2");
        let other = [other.as_bytes(), &FILE[12..]].concat();
        assert!(parse(&other).is_err());
    }
}
