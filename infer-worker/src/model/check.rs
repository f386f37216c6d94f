//! The checks of a parsed manifest, for the networks of a profile; each error names the key.
//!
//! Neighbours: [`super::manifest`] asks, and knows what was read; [`super::classifier`] has the checks
//! of a user's own network. Nothing here opens a file.

use super::ModelError;
use super::manifest::{Entry, Manifest, Profile};
use super::network::Step;
use shm_layout::Label;
use shm_layout::prediction::LABEL_BYTES_MAX;
use std::collections::BTreeMap;
use std::path::Path;

/// Version of the manifest's keys that this program reads.
const FORMAT: u32 = 1;

/// A profile, and the set of gestures that takes the place of its own.
pub(super) struct Choice<'a> {
    profile: String,
    gestures: Option<(String, &'a String)>,
    networks: &'a Profile,
}

impl<'a> Choice<'a> {
    fn network(&self, step: Step) -> &'a str {
        match &self.gestures {
            Some((_, classifier)) if step == Step::GestureClassifier => classifier,
            _ => self.networks.network(step),
        }
    }

    /// Where the manifest names the network of a step.
    fn key(&self, step: Step) -> String {
        match &self.gestures {
            Some((name, _)) if step == Step::GestureClassifier => format!("gestures.{name}"),
            _ => format!("profiles.{}.{}", self.profile, step.key()),
        }
    }
}

/// The checks of a parsed manifest; each error names the key.
pub(super) struct Check<'a> {
    pub path: &'a Path,
    pub manifest: &'a Manifest,
}

impl<'a> Check<'a> {
    pub(super) fn wrong(&self, key: String, expected: String, found: String) -> ModelError {
        ModelError::Entry {
            path: self.path.to_owned(),
            key,
            expected,
            found,
        }
    }

    pub(super) fn format(&self) -> Result<(), ModelError> {
        let found = self.manifest.format;
        if found == FORMAT {
            return Ok(());
        }
        Err(self.wrong("format".to_owned(), FORMAT.to_string(), found.to_string()))
    }

    pub(super) fn profile(&self, profile: &str, gestures: &str) -> Result<Choice<'a>, ModelError> {
        let networks = self.named(&self.manifest.profiles, "profiles", profile)?;
        let mut choice = Choice {
            profile: profile.to_owned(),
            gestures: None,
            networks,
        };
        if !gestures.is_empty() {
            let classifier = self.named(&self.manifest.gestures, "gestures", gestures)?;
            choice.gestures = Some((gestures.to_owned(), classifier));
        }
        Ok(choice)
    }

    /// A manifest with a `[classifier]` has nothing else, and no sets of gestures to choose from.
    pub(super) fn stands_alone(&self, gestures: &str) -> Result<(), ModelError> {
        let Manifest {
            profiles, networks, ..
        } = self.manifest;
        for (key, is_empty) in [
            ("profiles", profiles.is_empty()),
            ("gestures", self.manifest.gestures.is_empty()),
            ("networks", networks.is_empty()),
        ] {
            if !is_empty {
                let expected = "no such section beside [classifier]".to_owned();
                return Err(self.wrong(key.to_owned(), expected, "one".to_owned()));
            }
        }
        if gestures.is_empty() {
            return Ok(());
        }
        let expected = "no set of gestures: a [classifier] has its own labels".to_owned();
        Err(self.wrong(
            format!("gestures.{gestures}"),
            expected,
            "that name".to_owned(),
        ))
    }

    fn named<T>(
        &self,
        table: &'a BTreeMap<String, T>,
        key: &str,
        name: &str,
    ) -> Result<&'a T, ModelError> {
        table.get(name).ok_or_else(|| {
            let known: Vec<&str> = table.keys().map(String::as_str).collect();
            let expected = match known.as_slice() {
                [] if key == "profiles" => "a section [profiles] or [classifier]".to_owned(),
                [] => format!("a section [{key}]"),
                known => format!("one of {}", known.join(", ")),
            };
            self.wrong(format!("{key}.{name}"), expected, "no such name".to_owned())
        })
    }

    pub(super) fn network(
        &self,
        chosen: &Choice<'a>,
        step: Step,
    ) -> Result<(&'a str, &'a Entry), ModelError> {
        let name = chosen.network(step);
        let entry = self.manifest.networks.get(name).ok_or_else(|| {
            let key = chosen.key(step);
            self.wrong(
                key,
                format!("a section [networks.{name}]"),
                "none".to_owned(),
            )
        })?;
        Ok((name, entry))
    }

    pub(super) fn shapes(&self, name: &str, entry: &Entry, step: Step) -> Result<(), ModelError> {
        let labels = entry.labels.len();
        let lists = [
            ("inputs", step.inputs(entry.inputs.len()), &entry.inputs),
            ("outputs", step.outputs(), &entry.outputs),
        ];
        for (list, expected, found) in lists {
            let expected: Vec<Vec<usize>> = expected
                .iter()
                .map(|shape| {
                    shape
                        .iter()
                        .map(|&n| if n == 0 { labels } else { n })
                        .collect()
                })
                .collect();
            let found: Vec<Vec<usize>> = found.iter().map(|port| port.shape.clone()).collect();
            if expected != found {
                return Err(self.wrong(
                    format!("networks.{name}.{list}"),
                    format!("{} with shapes {expected:?}", step.key()),
                    format!("{found:?}"),
                ));
            }
        }
        Ok(())
    }

    pub(super) fn labels(&self, network: &str, entry: &Entry) -> Result<Vec<Label>, ModelError> {
        if entry.labels.is_empty() {
            let key = format!("networks.{network}.labels");
            return Err(self.wrong(key, "at least one label".to_owned(), "none".to_owned()));
        }
        let convert = |name: &String| {
            Label::new(name).ok_or_else(|| {
                self.wrong(
                    format!("networks.{network}.labels"),
                    format!("labels of 1 to {LABEL_BYTES_MAX} bytes without control characters"),
                    format!("{name:?}"),
                )
            })
        };
        entry.labels.iter().map(convert).collect()
    }
}
