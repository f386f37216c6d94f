//! What there is to evaluate in a folder: folders of pictures, and clips with labels.
//!
//! Neighbours: [`super::run`] looks at what is found here. Names and files are input: links are
//! followed as the user made them, sizes are checked before anything is read.

use super::labels::Labels;
use crate::agree::reference::ReferenceError;
use std::io;
use std::path::{Path, PathBuf};

/// Largest clip that is read.
pub const CLIP_BYTES_MAX: u64 = 1 << 30;
/// Largest labels file that is read.
pub const LABELS_BYTES_MAX: u64 = 64 << 20;
/// The name of the file with a clip's labels.
const LABELS: &str = "labels.json";

/// Why a folder cannot be evaluated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// Something cannot be read.
    #[error("cannot read `{path}`: {cause}")]
    Read {
        /// What.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// Something is larger than what is read.
    #[error("`{path}` has {found} bytes (expected at most {most})")]
    Size {
        /// What.
        path: PathBuf,
        /// Its size.
        found: u64,
        /// The limit.
        most: u64,
    },
    /// The labels of a clip are none.
    #[error("`{path}`: {cause}")]
    Labels {
        /// The labels file.
        path: PathBuf,
        /// What is wrong with it.
        cause: ReferenceError,
    },
    /// There is nothing to look at.
    #[error(
        "nothing to evaluate in `{0}` (expected a folder of JPEG or PNG pictures for each class, or \
         a .mjpeg clip with {LABELS} beside it)"
    )]
    Empty(PathBuf),
    /// Labels without their clip, or with several.
    #[error("`{folder}` has {LABELS} and {found} .mjpeg clips, expected one")]
    Clips {
        /// The folder.
        folder: PathBuf,
        /// How many there are.
        found: usize,
    },
}

/// The pictures of one class.
#[derive(Debug)]
pub struct Class {
    /// The name of their folder.
    pub name: String,
    /// JPEG and PNG files, by name.
    pub pictures: Vec<PathBuf>,
}

/// A clip and what its frames show.
#[derive(Debug)]
pub struct LabelledClip {
    /// A file of concatenated JPEGs.
    pub path: PathBuf,
    /// What it shows.
    pub labels: Labels,
}

/// What a folder holds.
#[derive(Debug)]
pub struct Folder {
    /// Its classes, by name.
    pub classes: Vec<Class>,
    /// Its clips, by path.
    pub clips: Vec<LabelledClip>,
}

impl Folder {
    /// Looks through `path` and the folders in it.
    ///
    /// # Errors
    /// [`FolderError`] when nothing usable is there.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let mut folder = Self {
            classes: Vec::new(),
            clips: Vec::new(),
        };
        folder.clips.extend(clip_in(path)?);
        let listed = entries(path).map_err(|cause| unreadable(path, cause))?;
        for inner in listed.into_iter().filter(|entry| entry.is_dir()) {
            if let Some(clip) = clip_in(&inner)? {
                folder.clips.push(clip);
                continue;
            }
            let pictures = pictures(&inner).map_err(|cause| unreadable(&inner, cause))?;
            let name = inner.file_name().unwrap_or_default().to_string_lossy();
            let name = name.into_owned();
            if !pictures.is_empty() {
                folder.classes.push(Class { name, pictures });
            }
        }
        if folder.classes.is_empty() && folder.clips.is_empty() {
            return Err(FolderError::Empty(path.to_owned()));
        }
        Ok(folder)
    }
}

impl LabelledClip {
    /// Its bytes.
    ///
    /// # Errors
    /// [`FolderError`] when it cannot be read or is too large.
    pub fn read(&self) -> Result<Vec<u8>, FolderError> {
        read(&self.path, CLIP_BYTES_MAX)
    }
}

/// The clip of a folder that has labels.
fn clip_in(folder: &Path) -> Result<Option<LabelledClip>, FolderError> {
    let path = folder.join(LABELS);
    if !path.is_file() {
        return Ok(None);
    }
    let mut clips = entries(folder).map_err(|cause| unreadable(folder, cause))?;
    clips.retain(|file| has_extension(file, &["mjpeg", "mjpg"]));
    let [clip] = clips.as_slice() else {
        let (folder, found) = (folder.to_owned(), clips.len());
        return Err(FolderError::Clips { folder, found });
    };
    let text = read(&path, LABELS_BYTES_MAX)?;
    let labels = Labels::parse(&String::from_utf8_lossy(&text))
        .map_err(|cause| FolderError::Labels { path, cause })?;
    Ok(Some(LabelledClip {
        path: clip.clone(),
        labels,
    }))
}

/// The JPEG and PNG files in a folder, by name.
///
/// # Errors
/// When it cannot be read.
pub fn pictures(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut pictures = entries(folder)?;
    pictures.retain(|file| has_extension(file, &["jpg", "jpeg", "png"]));
    Ok(pictures)
}

/// What lies in a folder, by name.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let listed = std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<PathBuf> = listed.collect::<io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}

fn has_extension(path: &Path, known: &[&str]) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    known
        .iter()
        .any(|known| extension.eq_ignore_ascii_case(known))
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, FolderError> {
    let unreadable = |cause| unreadable(path, cause);
    let found = std::fs::metadata(path).map_err(unreadable)?.len();
    if found > most {
        let path = path.to_owned();
        return Err(FolderError::Size { path, found, most });
    }
    std::fs::read(path).map_err(unreadable)
}

fn unreadable(path: &Path, cause: io::Error) -> FolderError {
    let path = path.to_owned();
    FolderError::Read { path, cause }
}
