//! A small driver of headless Chromium, for tests that look at the page as a viewer does.
//!
//! Upstream: the system tests. Downstream: Debian's `chromium`, over the Chrome `DevTools` Protocol.
//! `process.rs` starts and ends the browser, `devtools.rs` carries commands and events, and
//! `page.rs` is what a test uses; `files.rs` serves a folder. It never touches a browser that it did not start, and never a
//! profile of the user.

mod devtools;
mod files;
mod page;
mod process;

pub use files::FileServer;
pub use page::{BrowserPage, Colours, Screen};

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Longest time that one command to the browser may take; generous, as machines are busy.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// What can go wrong between a test and its browser.
#[derive(Debug)]
#[non_exhaustive]
pub enum BrowserError {
    /// No Chromium is installed where Debian and others put it.
    Missing,
    /// A file or process of the browser could not be dealt with.
    Io {
        /// What was tried.
        act: &'static str,
        /// What with.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The browser ended, or said nothing for too long, before its debugging port was known.
    NotStarted(String),
    /// The connection to the browser broke.
    Connection(Box<tungstenite::Error>),
    /// The browser did not answer a command in time.
    Silent(String),
    /// The browser refused a command.
    Refused {
        /// The command.
        method: String,
        /// The browser's words.
        text: String,
    },
    /// A script of the test threw.
    Script(String),
    /// A condition did not become true in time; the text holds the last value.
    NeverTrue {
        /// The script.
        script: String,
        /// Its last value.
        last: String,
    },
}

impl fmt::Display for BrowserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(f, "no chromium found on PATH (apt-get install chromium)"),
            Self::Io { act, path, .. } => write!(f, "cannot {act} `{}`", path.display()),
            Self::NotStarted(text) => write!(f, "chromium did not start: {text}"),
            Self::Connection(_) => write!(f, "the connection to chromium broke"),
            Self::Silent(method) => write!(f, "chromium did not answer `{method}` in time"),
            Self::Refused { method, text } => write!(f, "chromium refused `{method}`: {text}"),
            Self::Script(text) => write!(f, "the script threw: {text}"),
            Self::NeverTrue { script, last } => {
                write!(f, "`{script}` never became true; its last value was {last}")
            }
        }
    }
}

impl std::error::Error for BrowserError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Connection(source) => Some(source),
            _ => None,
        }
    }
}

impl From<tungstenite::Error> for BrowserError {
    fn from(error: tungstenite::Error) -> Self {
        Self::Connection(Box::new(error))
    }
}
