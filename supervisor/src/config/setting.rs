//! One key with the value that is in force and where that value came from.

use std::fmt;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// `FILE:LINE` of the config file.
    File(String),
    /// An option of the command line.
    CommandLine,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File(place) => formatter.write_str(place),
            Self::CommandLine => formatter.write_str("command line"),
        }
    }
}

/// One key of the effective configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Table of the key, e.g. `gateway` or `sources.cam0`.
    pub section: String,
    /// Name of the key within its table.
    pub key: &'static str,
    /// The value as TOML.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

/// The effective configuration as a TOML file whose comments say where each value came from.
#[must_use]
pub fn to_toml(settings: &[Setting]) -> String {
    let mut text = String::new();
    let mut section = "";
    for setting in settings {
        if setting.section != section {
            let gap = if section.is_empty() { "" } else { "\n" };
            section = &setting.section;
            text.push_str(&format!("{gap}[{section}]\n"));
        }
        let assignment = format!("{} = {}", setting.key, setting.value);
        text.push_str(&format!("{assignment:<38} # {}\n", setting.origin));
    }
    text
}
