//! `manifest.toml`: which networks a profile has, and the proof that each file is what it says.
//!
//! Neighbours: the path comes from the supervisor or the command line; `tract` reads each file
//! through [`NetworkFile::read`], so that the bytes that run are the bytes that were checked.

use super::check::Check;
use super::classifier::{Classifier, ClassifierEntry, Sees};
use super::network::{Port, Step};
use super::{ModelError, locate};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use shm_layout::control::TaughtGesture;
use shm_layout::prediction::Label;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

/// Largest manifest that is read; the one of the release has 4 KiB.
pub const MANIFEST_BYTES_MAX: u64 = 1 << 20;
/// Largest network that is read; the largest of the release has 5.5 MB.
pub const NETWORK_BYTES_MAX: u64 = 256 << 20;
/// What stands for the profile of a model that sees whole frames.
pub const WHOLE_FRAME: &str = "whole frame";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub format: u32,
    name: String,
    licence: String,
    #[serde(default)]
    pub profiles: BTreeMap<String, Profile>,
    /// Sets of gestures that can take the place of a profile's own: name → classifier network.
    #[serde(default)]
    pub gestures: BTreeMap<String, String>,
    #[serde(default)]
    pub networks: BTreeMap<String, Entry>,
    /// A network of the user's own, instead of all of these.
    classifier: Option<ClassifierEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Profile {
    palm_detection: String,
    hand_landmark: String,
    gesture_embedder: String,
    gesture_classifier: String,
}

impl Profile {
    pub fn network(&self, step: Step) -> &str {
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
pub(super) struct Entry {
    file: String,
    sha256: String,
    /// Read by people and by `check-model`, not by the recogniser.
    licence: String,
    source: String,
    pub inputs: Vec<Port>,
    pub outputs: Vec<Port>,
    #[serde(default)]
    pub labels: Vec<String>,
}

impl Entry {
    fn file(&self, folder: &Path) -> NetworkFile {
        NetworkFile {
            path: folder.join(&self.file),
            sha256: self.sha256.to_ascii_lowercase(),
            licence: self.licence.clone(),
            source: self.source.clone(),
            inputs: self.inputs.clone(),
            outputs: self.outputs.clone(),
        }
    }
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
        let (bytes, found) = read_network(&self.path)?;
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
#[derive(Debug, Clone, Default)]
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
    /// The user's own classifier, if the manifest describes one.
    pub classifier: Option<Classifier>,
    /// The networks for hands; none where a classifier sees whole frames.
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
        let mut opened = match &manifest.classifier {
            None => Self::of_hands(&check, profile, gestures)?,
            Some(own) => Self::of_own(&check, own, profile, gestures)?,
        };
        opened.name = manifest.name.clone();
        opened.licence = manifest.licence.clone();
        opened.sha256 = Sha256::digest(text.as_bytes()).into();
        Ok(opened)
    }

    /// The networks of a profile.
    fn of_hands(check: &Check<'_>, profile: &str, gestures: &str) -> Result<Self, ModelError> {
        let chosen = check.profile(profile, gestures)?;
        let folder = check.path.parent().unwrap_or(Path::new("."));
        let mut networks = Vec::with_capacity(Step::ALL.len());
        let mut labels = Vec::new();
        for step in Step::ALL {
            let (name, entry) = check.network(&chosen, step)?;
            check.shapes(name, entry, step)?;
            if step == Step::GestureClassifier {
                labels = check.labels(name, entry)?;
            }
            networks.push(entry.file(folder));
        }
        Ok(Self {
            profile: profile.to_owned(),
            labels,
            taught: Vec::new(),
            networks,
            ..Self::default()
        })
    }

    /// A network of the user's own, and the networks that find hands for it, if it wants them.
    fn of_own(
        check: &Check<'_>,
        own: &ClassifierEntry,
        profile: &str,
        gestures: &str,
    ) -> Result<Self, ModelError> {
        check.stands_alone(gestures)?;
        let (classifier, labels) = own.check(check.path)?;
        let mut opened = Self::default();
        if matches!(classifier.sees, Sees::Hand(_)) {
            let named = Some(classifier.hands.as_path()).filter(|path| *path != Path::new(""));
            let hands = Self::open(&locate::manifest_path(named)?, profile)?;
            if hands.classifier.is_some() {
                let expected = "a manifest with [profiles]".to_owned();
                let found = "one with a [classifier]".to_owned();
                return Err(check.wrong("classifier.hands".to_owned(), expected, found));
            }
            opened = hands;
        } else {
            opened.profile = WHOLE_FRAME.to_owned();
        }
        opened.labels = labels;
        opened.classifier = Some(classifier);
        Ok(opened)
    }

    /// Whether it looks for hands; if not, its classifier sees whole frames.
    #[must_use]
    pub fn sees_hands(&self) -> bool {
        !self.networks.is_empty()
    }

    /// All files, in the order in which a frame meets them.
    pub fn files(&self) -> impl Iterator<Item = &NetworkFile> {
        let own = self.classifier.as_ref().map(|classifier| &classifier.file);
        let steps = match (own, self.sees_hands()) {
            (_, false) => 0,
            (None, true) => Step::ALL.len(),
            // It takes the place of the two that make a gesture of landmarks.
            (Some(_), true) => Step::GestureEmbedder as usize,
        };
        self.networks.iter().take(steps).chain(own)
    }

    /// The network of a step, of a model that sees hands.
    ///
    /// # Panics
    /// When it [sees none](Self::sees_hands).
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

/// A parser's complaint as `line 6: …`, without the picture of the line.
fn one_line(error: &toml::de::Error, text: &str) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let place = before.map_or(String::new(), |before| {
        format!("line {}: ", before.matches('\n').count() + 1)
    });
    format!("{place}{}", error.message().trim().replace('\n', ", "))
}

/// Reads a file of at most [`NETWORK_BYTES_MAX`] bytes, and says its digest.
///
/// # Errors
/// [`ModelError`] when it is missing or too large.
pub(super) fn read_network(path: &Path) -> Result<(Vec<u8>, String), ModelError> {
    let missing = |cause| ModelError::File {
        path: path.to_owned(),
        cause,
    };
    let found = std::fs::metadata(path).map_err(missing)?.len();
    if found > NETWORK_BYTES_MAX {
        return Err(ModelError::FileSize {
            path: path.to_owned(),
            expected: NETWORK_BYTES_MAX,
            found,
        });
    }
    let bytes = std::fs::read(path).map_err(missing)?;
    let digest = hex(&Sha256::digest(&bytes));
    Ok((bytes, digest))
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

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
