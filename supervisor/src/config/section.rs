//! Reads one table of the config file, key by key, with its type, its range and its default.
//!
//! Each reader method takes the place where the value belongs, already holding the default; it
//! replaces the value if the command line or the file has one, and notes what is in force.
//! `finish` then refuses every key that no reader asked for.

use super::document::Document;
use super::setting::{Origin, Setting};
use super::{ConfigError, keys::Options};
use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;
use std::str::FromStr;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Two names are taken for the same with a slip of the pen from this likeness on (0..=1).
const LIKENESS_MIN: f64 = 0.7;

/// The nearest of `known` to `word`, if one is near enough to be meant.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(word, name), name))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// One table of the file while it is read.
pub(super) struct Section<'a> {
    name: String,
    document: Option<&'a Document>,
    table: Option<&'a DeTable<'a>>,
    options: &'a Options,
    settings: &'a mut Vec<Setting>,
    known: Vec<&'static str>,
    has_tables: bool,
}

impl<'a> Section<'a> {
    /// The table `name`; `table` is `None` where the file has none.
    pub(super) fn new(
        name: &str,
        found: Option<(&'a Document, &'a DeTable<'a>)>,
        options: &'a Options,
        settings: &'a mut Vec<Setting>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            document: found.map(|(document, _)| document),
            table: found.map(|(_, table)| table),
            options,
            settings,
            known: Vec::new(),
            has_tables: false,
        }
    }

    /// The same with tables in it that somebody else reads.
    pub(super) fn with_tables(self) -> Self {
        Self {
            has_tables: true,
            ..self
        }
    }

    /// A whole number within `range`.
    pub(super) fn integer<T>(
        &mut self,
        key: &'static str,
        range: RangeInclusive<T>,
        value: &mut T,
    ) -> Result<(), ConfigError>
    where
        T: FromStr + PartialOrd + Copy + Display,
    {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        if let Some(found) = self.find(key) {
            let number = match found.get_ref() {
                DeValue::Integer(number) if number.radix() == 10 => {
                    number.as_str().parse::<T>().ok()
                }
                _ => None,
            };
            match number.filter(|number| range.contains(number)) {
                Some(number) => *value = number,
                None => return Err(self.wrong_value(key, found, &expected)),
            }
        }
        self.note(key, value.to_string());
        Ok(())
    }

    /// A number within `range`, with or without a fraction.
    pub(super) fn float(
        &mut self,
        key: &'static str,
        range: RangeInclusive<f64>,
        value: &mut f64,
    ) -> Result<(), ConfigError> {
        if let Some(found) = self.find(key) {
            let number = match found.get_ref() {
                DeValue::Integer(number) => number.as_str().parse::<f64>().ok(),
                DeValue::Float(number) => number.as_str().parse::<f64>().ok(),
                _ => None,
            };
            match number.filter(|number| range.contains(number)) {
                Some(number) => *value = number,
                None => {
                    let expected = format!("a number from {} to {}", range.start(), range.end());
                    return Err(self.wrong_value(key, found, &expected));
                }
            }
        }
        self.note(key, format!("{value:?}"));
        Ok(())
    }

    /// `true` or `false`.
    pub(super) fn boolean(
        &mut self,
        key: &'static str,
        value: &mut bool,
    ) -> Result<(), ConfigError> {
        if let Some(found) = self.find(key) {
            match found.get_ref() {
                DeValue::Boolean(flag) => *value = *flag,
                _ => return Err(self.wrong_value(key, found, "true or false")),
            }
        }
        self.note(key, value.to_string());
        Ok(())
    }

    /// Any text.
    pub(super) fn text(
        &mut self,
        key: &'static str,
        expected: &str,
        value: &mut String,
    ) -> Result<(), ConfigError> {
        if let Some(found) = self.find(key) {
            match found.get_ref() {
                DeValue::String(text) => *value = text.clone().into_owned(),
                _ => return Err(self.wrong_value(key, found, expected)),
            }
        }
        self.note(key, quoted(value));
        Ok(())
    }

    /// A list of texts, each of which `is_usable`.
    pub(super) fn texts(
        &mut self,
        key: &'static str,
        expected: &str,
        is_usable: impl Fn(&str) -> bool,
        value: &mut Vec<String>,
    ) -> Result<(), ConfigError> {
        if let Some(found) = self.find(key) {
            let DeValue::Array(items) = found.get_ref() else {
                return Err(self.wrong_value(key, found, &format!("a list, each {expected}")));
            };
            value.clear();
            for item in items.iter() {
                match item.get_ref() {
                    DeValue::String(text) if is_usable(text) => {
                        value.push(text.clone().into_owned());
                    }
                    _ => return Err(self.wrong_value(key, item, expected)),
                }
            }
        }
        let listed: Vec<String> = value.iter().map(|text| quoted(text)).collect();
        self.note(key, format!("[{}]", listed.join(", ")));
        Ok(())
    }

    /// A path; one that the file gives starts at the file's folder. Empty stays empty.
    pub(super) fn path(
        &mut self,
        key: &'static str,
        expected: &str,
        value: &mut PathBuf,
    ) -> Result<(), ConfigError> {
        let mut text = value.to_string_lossy().into_owned();
        self.text(key, expected, &mut text)?;
        let folder = self.document.and_then(|document| document.path.parent());
        *value = match folder {
            Some(folder) if !text.is_empty() => folder.join(text),
            _ => PathBuf::from(text),
        };
        Ok(())
    }

    /// One of a few words.
    pub(super) fn choice(
        &mut self,
        key: &'static str,
        choices: &[&str],
        value: &mut String,
    ) -> Result<(), ConfigError> {
        if let Some(found) = self.find(key) {
            let word = match found.get_ref() {
                DeValue::String(text) => text.as_ref(),
                _ => "",
            };
            if !choices.contains(&word) {
                let listed: Vec<String> = choices.iter().map(|word| quoted(word)).collect();
                let mut error = self.wrong_value(key, found, &listed.join(", "));
                if let (ConfigError::Wrong { hint, .. }, Some(near)) =
                    (&mut error, nearest(word, choices.iter().copied()))
                {
                    *hint = Some(format!("did you mean {}?", quoted(near)));
                }
                return Err(error);
            }
            *value = word.to_owned();
        }
        self.note(key, quoted(value));
        Ok(())
    }

    /// An address and a port; the command line may give it too.
    pub(super) fn address(
        &mut self,
        key: &'static str,
        value: &mut SocketAddr,
    ) -> Result<(), ConfigError> {
        const EXPECTED: &str = "an address and a port such as \"127.0.0.1:8080\" or \"[::1]:8080\"";
        let given = match key {
            "http" => self.options.http.as_deref(),
            "wire" => self.options.wire.as_deref(),
            _ => None,
        };
        let found = self.find(key);
        if let Some(text) = given {
            *value = text.parse().map_err(|_| ConfigError::Wrong {
                place: format!("--{key}"),
                problem: format!("found `{text}`, expected {EXPECTED}"),
                hint: None,
            })?;
        } else if let Some(found) = found {
            let address = match found.get_ref() {
                DeValue::String(text) => text.parse().ok(),
                _ => None,
            };
            match address {
                Some(address) => *value = address,
                None => return Err(self.wrong_value(key, found, EXPECTED)),
            }
        }
        self.note(key, quoted(&value.to_string()));
        if given.is_some()
            && let Some(setting) = self.settings.last_mut()
        {
            setting.origin = Origin::CommandLine;
        }
        Ok(())
    }

    /// Refuses keys that no reader asked for.
    pub(super) fn finish(self) -> Result<(), ConfigError> {
        let (Some(table), Some(document)) = (self.table, self.document) else {
            return Ok(());
        };
        let is_mine = |value: &DeValue<'_>| !self.has_tables || !matches!(value, DeValue::Table(_));
        let unknown = table
            .iter()
            .filter(|(_, value)| is_mine(value.get_ref()))
            .map(|(key, _)| key)
            .find(|key| !self.known.contains(&key.get_ref().as_ref()));
        match unknown {
            None => Ok(()),
            Some(key) => Err(unknown_key(
                document,
                Some(&self.name),
                key,
                self.known.iter().copied(),
            )),
        }
    }

    /// An error about `key` that is not about its type: `problem` follows the key's name.
    pub(super) fn refuse(&self, key: &str, problem: &str, hint: Option<String>) -> ConfigError {
        let span = self
            .table
            .and_then(|table| table.get(key))
            .map(Spanned::span);
        ConfigError::Wrong {
            place: self.place(span),
            problem: format!("key `{}.{key}` {problem}", self.name),
            hint,
        }
    }

    fn find(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.table.and_then(|table| table.get(key))
    }

    fn note(&mut self, key: &'static str, value: String) {
        let span = self
            .table
            .and_then(|table| table.get(key))
            .map(Spanned::span);
        let origin = match span {
            Some(span) => Origin::File(self.place(Some(span))),
            None => Origin::Default,
        };
        self.settings.push(Setting {
            section: self.name.clone(),
            key,
            value,
            origin,
        });
    }

    fn place(&self, span: Option<Range<usize>>) -> String {
        match (self.document, span) {
            (Some(document), Some(span)) => document.place(&span),
            (Some(document), None) => document.path.display().to_string(),
            (None, _) => "configuration".to_owned(),
        }
    }

    fn wrong_value(&self, key: &str, found: &Spanned<DeValue<'_>>, expected: &str) -> ConfigError {
        let found = match found.get_ref() {
            DeValue::String(text) => format!("the text {}", quoted(text)),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            DeValue::Boolean(flag) => flag.to_string(),
            DeValue::Datetime(date) => format!("the date {date}"),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        };
        self.refuse(key, &format!("is {found}, expected {expected}"), None)
    }
}

/// The error about a key or table that does not exist.
pub(super) fn unknown_key<'k>(
    document: &Document,
    section: Option<&str>,
    key: &Spanned<std::borrow::Cow<'_, str>>,
    known: impl IntoIterator<Item = &'k str>,
) -> ConfigError {
    let known: Vec<&str> = known.into_iter().collect();
    let name = match section {
        Some(section) => format!("{section}.{}", key.get_ref()),
        None => key.get_ref().to_string(),
    };
    let hint = match nearest(key.get_ref(), known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known here: {}", known.join(", ")),
    };
    ConfigError::Wrong {
        place: document.place(&key.span()),
        problem: format!("key `{name}` is not known"),
        hint: Some(hint),
    }
}

/// `text` as a TOML string.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
