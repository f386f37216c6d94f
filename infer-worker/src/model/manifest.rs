//! `manifest.toml`: which networks a profile has, and the proof that each file is what it says.
//!
//! Neighbours: the path comes from the supervisor or the command line; `tract` reads each file
//! through [`NetworkFile::read`], so that the bytes that run are the bytes that were checked.

use super::ModelError;
use super::network::{Port, Step};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use shm_layout::control::TaughtGesture;
use shm_layout::prediction::{LABEL_BYTES_MAX, Label};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

/// Largest manifest that is read; the one of the release has 4 KiB.
pub const MANIFEST_BYTES_MAX: u64 = 1 << 20;
/// Largest network that is read; the largest of the release has 5.5 MB.
pub const NETWORK_BYTES_MAX: u64 = 256 << 20;
/// Version of the manifest's keys that this program reads.
const FORMAT: u32 = 1;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: u32,
    name: String,
    licence: String,
    profiles: BTreeMap<String, Profile>,
    /// Sets of gestures that can take the place of a profile's own: name → classifier network.
    #[serde(default)]
    gestures: BTreeMap<String, String>,
    networks: BTreeMap<String, Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    palm_detection: String,
    hand_landmark: String,
    gesture_embedder: String,
    gesture_classifier: String,
}

impl Profile {
    fn network(&self, step: Step) -> &str {
        match step {
            Step::PalmDetection => &self.palm_detection,
            Step::HandLandmark => &self.hand_landmark,
            Step::GestureEmbedder => &self.gesture_embedder,
            Step::GestureClassifier => &self.gesture_classifier,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    file: String,
    sha256: String,
    /// Read by people and by `check-model`, not by the recogniser.
    licence: String,
    source: String,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    #[serde(default)]
    labels: Vec<String>,
}

/// One file of a profile.
#[derive(Debug, Clone)]
pub struct NetworkFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Its digest, lowercase hexadecimal.
    pub sha256: String,
    /// Its licence, as the manifest states it.
    pub licence: String,
    /// Where it comes from, as the manifest states it.
    pub source: String,
    /// Its inputs, in the order in which the recogniser fills them.
    pub inputs: Vec<Port>,
    /// Its outputs, in the order in which the recogniser reads them.
    pub outputs: Vec<Port>,
}

impl NetworkFile {
    /// Its name without the folder.
    #[must_use]
    pub fn name(&self) -> String {
        self.path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    }

    /// Reads the file and checks its digest.
    ///
    /// # Errors
    /// [`ModelError`] when it is missing, too large or damaged.
    pub fn read(&self) -> Result<Vec<u8>, ModelError> {
        let missing = |cause| ModelError::File {
            path: self.path.clone(),
            cause,
        };
        let found = std::fs::metadata(&self.path).map_err(missing)?.len();
        if found > NETWORK_BYTES_MAX {
            let (path, expected) = (self.path.clone(), NETWORK_BYTES_MAX);
            return Err(ModelError::FileSize {
                path,
                expected,
                found,
            });
        }
        let bytes = std::fs::read(&self.path).map_err(missing)?;
        let found = hex(&Sha256::digest(&bytes));
        if found != self.sha256 {
            let (path, expected) = (self.path.clone(), self.sha256.clone());
            return Err(ModelError::Damaged {
                path,
                expected,
                found,
            });
        }
        Ok(bytes)
    }
}

/// A profile of a manifest, checked against what the recogniser needs.
#[derive(Debug, Clone)]
pub struct ModelSet {
    /// Name of the model.
    pub name: String,
    /// Licence of the whole.
    pub licence: String,
    /// The chosen profile.
    pub profile: String,
    /// Digest of the manifest, and of what was taught: names this model in every prediction.
    pub sha256: [u8; 32],
    /// Labels of the classifier, in the order of its output; then those of what was taught.
    pub labels: Vec<Label>,
    /// What a user taught; see [`crate::taught::join`].
    pub taught: Vec<TaughtGesture>,
    networks: Vec<NetworkFile>,
}

impl ModelSet {
    /// Reads a manifest and checks the chosen profile: keys, shapes, labels. The files themselves
    /// are checked when they are read.
    ///
    /// # Errors
    /// [`ModelError`] that names the manifest, the key, what was expected and what was found.
    pub fn open(path: &Path, profile: &str) -> Result<Self, ModelError> {
        Self::open_with(path, profile, "")
    }

    /// As [`open`](Self::open), with another set of gestures: one of the manifest's `[gestures]`
    /// instead of the profile's own classifier, which an empty name means.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(path: &Path, profile: &str, gestures: &str) -> Result<Self, ModelError> {
        let text = read_manifest(path)?;
        let manifest: Manifest = toml::from_str(&text).map_err(|error| ModelError::Syntax {
            path: path.to_owned(),
            message: one_line(&error, &text),
        })?;
        let check = Check {
            path,
            manifest: &manifest,
        };
        check.format()?;
        let chosen = check.profile(profile, gestures)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut networks = Vec::with_capacity(Step::ALL.len());
        let mut labels = Vec::new();
        for step in Step::ALL {
            let (name, entry) = check.network(&chosen, step)?;
            check.shapes(name, entry, step)?;
            if step == Step::GestureClassifier {
                labels = check.labels(name, entry)?;
            }
            networks.push(NetworkFile {
                path: folder.join(&entry.file),
                sha256: entry.sha256.to_ascii_lowercase(),
                licence: entry.licence.clone(),
                source: entry.source.clone(),
                inputs: entry.inputs.clone(),
                outputs: entry.outputs.clone(),
            });
        }
        Ok(Self {
            name: manifest.name.clone(),
            licence: manifest.licence.clone(),
            profile: profile.to_owned(),
            sha256: Sha256::digest(text.as_bytes()).into(),
            labels,
            taught: Vec::new(),
            networks,
        })
    }

    /// The network of a step.
    #[must_use]
    pub fn network(&self, step: Step) -> &NetworkFile {
        &self.networks[step as usize]
    }

    /// The digest, lowercase hexadecimal.
    #[must_use]
    pub fn sha256_hex(&self) -> String {
        hex(&self.sha256)
    }
}

/// A profile, and the set of gestures that takes the place of its own.
struct Choice<'a> {
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
struct Check<'a> {
    path: &'a Path,
    manifest: &'a Manifest,
}

impl<'a> Check<'a> {
    fn wrong(&self, key: String, expected: String, found: String) -> ModelError {
        ModelError::Entry {
            path: self.path.to_owned(),
            key,
            expected,
            found,
        }
    }

    fn format(&self) -> Result<(), ModelError> {
        let found = self.manifest.format;
        if found == FORMAT {
            return Ok(());
        }
        Err(self.wrong("format".to_owned(), FORMAT.to_string(), found.to_string()))
    }

    fn profile(&self, profile: &str, gestures: &str) -> Result<Choice<'a>, ModelError> {
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

    fn named<T>(
        &self,
        table: &'a BTreeMap<String, T>,
        key: &str,
        name: &str,
    ) -> Result<&'a T, ModelError> {
        table.get(name).ok_or_else(|| {
            let known: Vec<&str> = table.keys().map(String::as_str).collect();
            let expected = match known.as_slice() {
                [] => format!("a section [{key}]"),
                known => format!("one of {}", known.join(", ")),
            };
            self.wrong(format!("{key}.{name}"), expected, "no such name".to_owned())
        })
    }

    fn network(&self, chosen: &Choice<'a>, step: Step) -> Result<(&'a str, &'a Entry), ModelError> {
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

    fn shapes(&self, name: &str, entry: &Entry, step: Step) -> Result<(), ModelError> {
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

    fn labels(&self, network: &str, entry: &Entry) -> Result<Vec<Label>, ModelError> {
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

/// A parser's complaint as `line 6: …`, without the picture of the line.
fn one_line(error: &toml::de::Error, text: &str) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let place = before.map_or(String::new(), |before| {
        format!("line {}: ", before.matches('\n').count() + 1)
    });
    format!("{place}{}", error.message().trim().replace('\n', ", "))
}

fn read_manifest(path: &Path) -> Result<String, ModelError> {
    let unreadable = |cause| ModelError::Manifest {
        path: path.to_owned(),
        cause,
    };
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > MANIFEST_BYTES_MAX {
        let text = format!("expected at most {MANIFEST_BYTES_MAX} bytes, found {length}");
        return Err(unreadable(io::Error::other(text)));
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
