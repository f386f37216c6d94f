//! What a client may ask for instead of a source's pictures as they are, and what is refused.
//!
//! Pure: texts of a query in, a wish or a reason out.

use shm_layout::frame::SIDE_PX_MAX;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use thiserror::Error;

/// Widths that may be asked for, in pixels. A picture is never enlarged.
pub const WIDTH_PX: RangeInclusive<u32> = 16..=SIDE_PX_MAX;
/// JPEG qualities that may be asked for.
pub const QUALITY: RangeInclusive<u8> = 1..=100;
/// Pictures a second that may be asked for.
pub const FPS: RangeInclusive<f64> = 0.1..=240.0;

/// A source's pictures in another form. Equal wishes are made once for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Rendition {
    /// Largest width in pixels; the height follows. `None`: as the source has it.
    pub width_px: Option<u32>,
    /// Whether hands, labels and scores are drawn in.
    pub overlay: bool,
    /// JPEG quality; `None`: the gateway's.
    pub quality: Option<u8>,
}

impl Rendition {
    /// Whether this is the source's picture as it is.
    #[must_use]
    pub fn is_original(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Rendition {
    /// As a query: `width=320&quality=60&overlay=1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            self.width_px.map(|width| format!("width={width}")),
            self.quality.map(|quality| format!("quality={quality}")),
            self.overlay.then(|| "overlay=1".to_owned()),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        f.write_str(&parts.join("&"))
    }
}

/// A value that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{name}` is `{found}`, expected {expected}")]
pub struct BadValue {
    /// Name of the option.
    pub name: &'static str,
    /// What was found, cut to a length that is safe to repeat.
    pub found: String,
    /// What may stand there.
    pub expected: String,
    /// One that would do.
    pub example: String,
}

/// Longest part of a bad value that is repeated to the client, in characters.
const FOUND_CHARS_MAX: usize = 40;

/// Reads an option that is a number within a range; `None` stays none.
///
/// # Errors
///
/// [`BadValue`] when it is no number, or outside of the range.
pub fn number<T>(
    name: &'static str,
    found: Option<&str>,
    range: RangeInclusive<T>,
    example: &str,
) -> Result<Option<T>, BadValue>
where
    T: FromStr + PartialOrd + fmt::Display,
{
    let Some(text) = found else { return Ok(None) };
    match text.parse() {
        Ok(number) if range.contains(&number) => Ok(Some(number)),
        _ => Err(bad(
            name,
            text,
            format!("a number from {} to {}", range.start(), range.end()),
            example,
        )),
    }
}

/// Reads an option that is 1 or 0; without it, it is 0.
///
/// # Errors
///
/// [`BadValue`] when it is anything else.
pub fn flag(name: &'static str, found: Option<&str>) -> Result<bool, BadValue> {
    match found {
        None | Some("0") => Ok(false),
        Some("1") => Ok(true),
        Some(text) => Err(bad(name, text, "0 or 1".to_owned(), "1")),
    }
}

fn bad(name: &'static str, found: &str, expected: String, example: &str) -> BadValue {
    BadValue {
        name,
        found: found.chars().take(FOUND_CHARS_MAX).collect(),
        expected,
        example: format!("?{name}={example}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_within_the_range_are_taken_and_nothing_else() {
        let width = |text| number("width", text, WIDTH_PX, "320");
        assert_eq!(width(None), Ok(None));
        assert_eq!(width(Some("16")), Ok(Some(16)));
        assert_eq!(width(Some("16384")), Ok(Some(16_384)));
        for text in [
            "",
            "15",
            "16385",
            "-1",
            "320px",
            "1e3",
            "4294967616",
            " 320",
        ] {
            let error = width(Some(text)).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("`width` is `{text}`, expected a number from 16 to 16384")
            );
            assert_eq!(error.example, "?width=320");
        }
        let fps = |text| number("fps", Some(text), FPS, "5");
        assert_eq!(fps("0.5"), Ok(Some(0.5)));
        for text in ["0", "nan", "inf", "-5", "241"] {
            assert!(fps(text).is_err(), "{text}");
        }
        let long = width(Some(&"9".repeat(5000))).unwrap_err();
        assert_eq!(long.found.len(), FOUND_CHARS_MAX);
    }

    #[test]
    fn flags_are_one_or_zero() {
        assert_eq!(flag("overlay", None), Ok(false));
        assert_eq!(flag("overlay", Some("0")), Ok(false));
        assert_eq!(flag("overlay", Some("1")), Ok(true));
        assert!(flag("overlay", Some("yes")).is_err());
    }

    #[test]
    fn rendition_is_written_as_its_query() {
        let rendition = Rendition {
            width_px: Some(320),
            quality: Some(60),
            overlay: true,
        };
        assert_eq!(rendition.to_string(), "width=320&quality=60&overlay=1");
        assert_eq!(Rendition::default().to_string(), "");
        assert!(Rendition::default().is_original() && !rendition.is_original());
    }
}
