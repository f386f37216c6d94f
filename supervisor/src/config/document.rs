//! A parsed TOML file that still knows on which line everything stands.

use super::ConfigError;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// Largest config file that is read; the reference with every comment is a tenth of it.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// A config file's text, read and bounded, not yet parsed.
#[derive(Debug)]
pub(super) struct Document {
    /// The file, as the user named it.
    pub(super) path: PathBuf,
    text: String,
}

impl Document {
    /// Reads the file.
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let read = |source| ConfigError::Read {
            path: path.to_owned(),
            source,
        };
        if std::fs::metadata(path).map_err(read)?.len() > FILE_BYTES_MAX {
            return Err(ConfigError::TooLarge {
                path: path.to_owned(),
                limit_bytes: FILE_BYTES_MAX,
            });
        }
        let text = std::fs::read_to_string(path).map_err(read)?;
        Ok(Self {
            path: path.to_owned(),
            text,
        })
    }

    /// A document from text, as if it stood in `path`.
    #[cfg(test)]
    pub(super) fn from_text(path: &str, text: &str) -> Self {
        Self {
            path: PathBuf::from(path),
            text: text.to_owned(),
        }
    }

    /// Parses the text.
    pub(super) fn parse(&self) -> Result<DeTable<'_>, ConfigError> {
        DeTable::parse(&self.text)
            .map(toml::Spanned::into_inner)
            .map_err(|error| {
                let span = error.span().unwrap_or(0..0);
                ConfigError::Wrong {
                    place: self.place(&span),
                    problem: format!("not valid TOML: {}", error.message().replace('\n', ", ")),
                    hint: None,
                }
            })
    }

    /// Line of the first byte of `span`, counted from 1.
    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.as_bytes().get(..span.start).unwrap_or_default();
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// `FILE:LINE` of `span`.
    pub(super) fn place(&self, span: &Range<usize>) -> String {
        format!("{}:{}", self.path.display(), self.line(span))
    }
}
