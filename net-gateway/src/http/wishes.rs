//! What `/stream` and `/snapshot` may be asked for beside the source: `?width=`, `?quality=`,
//! `?overlay=` and `?fps=`. What cannot be used is refused with one that can.

use super::error::ApiError;
use crate::rendition::wish::{BadValue, FPS, QUALITY, WIDTH_PX, flag, number};
use crate::rendition::{Rendition, TooMany};
use axum::http::StatusCode;
use serde::Deserialize;

/// The query of a stream. Unknown options are left alone: clients add some of their own against
/// caches.
#[derive(Debug, Default, Deserialize)]
pub struct StreamQuery {
    width: Option<String>,
    quality: Option<String>,
    overlay: Option<String>,
    fps: Option<String>,
    /// Which RTP output is to be described.
    pub(super) output: Option<String>,
}

impl StreamQuery {
    /// The form of the pictures.
    ///
    /// # Errors
    ///
    /// 400 when a value cannot be used.
    pub fn rendition(&self) -> Result<Rendition, ApiError> {
        let (width, quality) = (self.width.as_deref(), self.quality.as_deref());
        Ok(Rendition {
            width_px: number("width", width, WIDTH_PX, "320")?,
            quality: number("quality", quality, QUALITY, "60")?,
            overlay: flag("overlay", self.overlay.as_deref())?,
        })
    }

    /// Most pictures a second.
    ///
    /// # Errors
    ///
    /// 400 when the value cannot be used.
    pub fn fps(&self) -> Result<Option<f64>, ApiError> {
        Ok(number("fps", self.fps.as_deref(), FPS, "5")?)
    }
}

/// The query of a snapshot.
#[derive(Debug, Default, Deserialize)]
pub struct SnapshotQuery {
    width: Option<String>,
    quality: Option<String>,
    overlay: Option<String>,
    strict: Option<String>,
}

impl SnapshotQuery {
    /// The form of the picture, and whether a notice is an error.
    ///
    /// # Errors
    ///
    /// 400 when a value cannot be used.
    pub fn read(self) -> Result<(Rendition, bool), ApiError> {
        let is_strict = flag("strict", self.strict.as_deref())?;
        let as_of_stream = StreamQuery {
            width: self.width,
            quality: self.quality,
            overlay: self.overlay,
            ..StreamQuery::default()
        };
        Ok((as_of_stream.rendition()?, is_strict))
    }
}

impl From<BadValue> for ApiError {
    fn from(bad: BadValue) -> Self {
        Self::bad_request(&bad.to_string(), &format!("write {}", bad.example))
    }
}

impl From<TooMany> for ApiError {
    fn from(too_many: TooMany) -> Self {
        let mut hint = String::from("leave the options out, or raise gateway.max_renditions");
        if !too_many.watched.is_empty() {
            let watched = too_many.watched.join(" or ?");
            hint = format!("watch ?{watched} as others do, {hint}");
        }
        Self::new(StatusCode::TOO_MANY_REQUESTS, too_many.to_string(), hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_read_and_a_bad_one_is_named() {
        let text = |text: &str| Some(text.to_owned());
        let query = StreamQuery {
            width: text("320"),
            quality: text("60"),
            overlay: text("1"),
            fps: text("7.5"),
            output: None,
        };
        let wish = query.rendition().unwrap();
        assert_eq!(wish.to_string(), "width=320&quality=60&overlay=1");
        assert_eq!(query.fps().unwrap(), Some(7.5));
        assert!(StreamQuery::default().rendition().unwrap().is_original());
        let bad = StreamQuery {
            quality: text("best"),
            ..StreamQuery::default()
        };
        let error = bad.rendition().unwrap_err();
        assert_eq!(error.status, StatusCode::BAD_REQUEST);
        assert_eq!(
            error.error,
            "`quality` is `best`, expected a number from 1 to 100"
        );
        assert_eq!(error.hint, "write ?quality=60");
    }

    #[test]
    fn who_comes_too_late_is_told_what_there_is() {
        let error = ApiError::from(TooMany {
            limit: 2,
            watched: vec!["width=320".to_owned(), "overlay=1".to_owned()],
        });
        assert_eq!(error.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(
            error.hint,
            "watch ?width=320 or ?overlay=1 as others do, leave the options out, \
             or raise gateway.max_renditions"
        );
    }
}
