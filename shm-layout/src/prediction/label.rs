//! The name of a gesture, small enough to travel inside a prediction: a prediction stays readable
//! whatever model made it and whoever reads it.

use std::fmt;

/// Longest name in bytes of UTF-8.
pub const LABEL_BYTES_MAX: usize = 24;

/// The name of a gesture: 1 to 24 bytes of UTF-8 without control characters.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Label {
    bytes: [u8; LABEL_BYTES_MAX],
}

impl Label {
    /// The label `name`, or `None` if it is empty, too long or holds control characters.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let fits = (1..=LABEL_BYTES_MAX).contains(&name.len());
        if !fits || name.chars().any(char::is_control) {
            return None;
        }
        let mut bytes = [0; LABEL_BYTES_MAX];
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        Some(Self { bytes })
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let len = self
            .bytes
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(LABEL_BYTES_MAX);
        // Never the fallback: `new` and `from_words` accept nothing but UTF-8.
        std::str::from_utf8(&self.bytes[..len]).unwrap_or_default()
    }

    pub(super) fn to_words(self) -> [u64; 3] {
        std::array::from_fn(|i| {
            u64::from_le_bytes(std::array::from_fn(|byte| self.bytes[i * 8 + byte]))
        })
    }

    pub(super) fn from_words(words: &[u64]) -> Option<Self> {
        let mut bytes = [0; LABEL_BYTES_MAX];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(words) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        let len = bytes
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(LABEL_BYTES_MAX);
        let name = std::str::from_utf8(&bytes[..len]).ok()?;
        Self::new(name).filter(|label| label.bytes == bytes)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_keeps_names_up_to_24_bytes() {
        for name in ["None", "Thumb_Up", "ÄÖÜ", "abcdefghijklmnopqrstuvwx"] {
            let label = Label::new(name).unwrap();
            assert_eq!(label.as_str(), name);
            assert_eq!(Label::from_words(&label.to_words()), Some(label));
        }
        for name in ["", "abcdefghijklmnopqrstuvwxy", "a\nb", "a\0b"] {
            assert_eq!(Label::new(name), None, "{name:?}");
        }
    }

    #[test]
    fn words_that_are_no_label_are_refused() {
        assert_eq!(Label::from_words(&[0, 0, 0]), None);
        assert_eq!(Label::from_words(&[u64::MAX, 0, 0]), None);
        // Bytes behind the end of the name.
        assert_eq!(Label::from_words(&[u64::from(b'a'), 0, 1]), None);
    }
}
