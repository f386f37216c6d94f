//! The folder in which taught gestures are kept, one file each.
//!
//! Neighbours: [`super::verbs`] changes it, [`super::load`] reads it. A file is replaced in one step,
//! so that whoever reads sees the old one or the new one.

use super::GESTURES_MAX;
use super::error::TaughtError;
use super::file::{FILE_BYTES_MAX, Samples};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What the name of a gesture's file ends with.
const EXTENSION: &str = "json";

/// The file of a gesture.
#[must_use]
pub fn path_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.{EXTENSION}"))
}

/// Every gesture that is kept, by name; none if there is no folder.
///
/// # Errors
/// [`TaughtError`] names the first file that cannot be used.
pub fn read(folder: &Path) -> Result<Vec<Samples>, TaughtError> {
    let paths = files(folder)?;
    if paths.len() > GESTURES_MAX {
        return Err(TaughtError::Many {
            path: folder.to_owned(),
            found: paths.len(),
        });
    }
    paths.iter().map(|path| read_file(path)).collect()
}

/// The files that are there, whether they can be used or not, by name.
///
/// # Errors
/// [`TaughtError::Read`].
pub fn files(folder: &Path) -> Result<Vec<PathBuf>, TaughtError> {
    let unreadable = |cause| TaughtError::Read {
        path: folder.to_owned(),
        cause,
    };
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unreadable)?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        let is_hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if path.extension().is_some_and(|end| end == EXTENSION) && !is_hidden {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read_file(path: &Path) -> Result<Samples, TaughtError> {
    let unreadable = |cause| TaughtError::Read {
        path: path.to_owned(),
        cause,
    };
    let found = fs::metadata(path).map_err(unreadable)?.len();
    if found > FILE_BYTES_MAX {
        let path = path.to_owned();
        return Err(TaughtError::Size { path, found });
    }
    let bytes = fs::read(path).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|_| TaughtError::Damaged {
        path: path.to_owned(),
        what: "it is no text".to_owned(),
    })?;
    Samples::from_text(&text, path)
}

/// Keeps a gesture, in the place of what was kept of it.
///
/// # Errors
/// [`TaughtError::Write`]; what was kept before is untouched then.
pub fn write(folder: &Path, samples: &Samples) -> Result<PathBuf, TaughtError> {
    let path = path_of(folder, &samples.name);
    let text = samples.to_text();
    let written = replace(folder, &path, text.as_bytes());
    written.map_err(|cause| TaughtError::Write {
        path: path.clone(),
        cause,
    })?;
    Ok(path)
}

fn replace(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let beside = folder.join(format!(".{}.tmp", std::process::id()));
    let put = || -> io::Result<()> {
        let mut file = File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        // The name is safe only when the folder is.
        File::open(folder)?.sync_all()
    };
    let result = put();
    if result.is_err() {
        // Nothing else can be done about it.
        let _ = fs::remove_file(&beside);
    }
    result
}

/// Removes a gesture's file, usable or not.
///
/// # Errors
/// [`TaughtError::Unknown`] if there is none, [`TaughtError::Write`] if it cannot be removed.
pub fn remove(folder: &Path, name: &str) -> Result<(), TaughtError> {
    // Only a file from the list is removed: a name with slashes leads nowhere else.
    let paths = files(folder)?;
    let stem = |path: &PathBuf| {
        path.file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
    };
    let Some(path) = paths
        .iter()
        .find(|path| stem(path).as_deref() == Some(name))
    else {
        return Err(TaughtError::Unknown {
            name: name.to_owned(),
            known: paths.iter().filter_map(stem).collect(),
        });
    };
    fs::remove_file(path).map_err(|cause| TaughtError::Write {
        path: path.clone(),
        cause,
    })
}

/// Refuses a kept gesture of a name that the model gives to one of its own, however it is written.
///
/// # Errors
/// [`TaughtError::Known`].
pub fn refuse_known(name: &str, labels: &[String], folder: &Path) -> Result<(), TaughtError> {
    match same_name(name, labels) {
        None => Ok(()),
        Some(known) => Err(TaughtError::Known {
            name: name.to_owned(),
            known: known.clone(),
            folder: folder.to_owned(),
        }),
    }
}

/// The label that differs from `name` in upper and lower case at most.
#[must_use]
pub fn same_name<'a>(name: &str, labels: &'a [String]) -> Option<&'a String> {
    let name = name.to_lowercase();
    labels.iter().find(|label| label.to_lowercase() == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::taught::features::COORDINATES;
    use crate::taught::file::Session;
    use shm_layout::control::HandSide;

    fn samples(name: &str) -> Samples {
        Samples {
            name: name.to_owned(),
            side: HandSide::Any,
            sessions: vec![Session {
                from: "a test".to_owned(),
                samples: 20,
            }],
            hands: vec![[0.25; COORDINATES]; 20],
        }
    }

    #[test]
    fn kept_gestures_come_back_by_name_and_can_be_removed() {
        let folder = tempfile::tempdir().expect("folder");
        let folder = folder.path().join("new/gestures");
        assert!(read(&folder).expect("none yet").is_empty());
        for name in ["b", "a", "a"] {
            write(&folder, &samples(name)).expect("written");
        }
        fs::write(folder.join("notes.txt"), "mine").expect("written");
        fs::write(folder.join(".half.json"), "{").expect("written");
        let names = |folder: &Path| -> Vec<String> {
            let kept = read(folder).expect("whole");
            kept.into_iter().map(|samples| samples.name).collect()
        };
        assert_eq!(names(&folder), ["a", "b"]);
        remove(&folder, "a").expect("there");
        assert_eq!(names(&folder), ["b"]);
        let error = remove(&folder, "../gestures/b").expect_err("no such name");
        assert_eq!(error.hint(), "there are: b");
    }

    #[test]
    fn damaged_file_is_named_and_can_be_forgotten() {
        let folder = tempfile::tempdir().expect("folder");
        let folder = folder.path();
        write(folder, &samples("a")).expect("written");
        for bytes in [&b"{\"format\""[..], b"\xff\xfe", b""] {
            fs::write(path_of(folder, "b"), bytes).expect("written");
            let error = read(folder).expect_err("damaged");
            assert!(error.to_string().contains("b.json"), "{error}");
            assert!(error.hint().contains("supervisor forget b"));
        }
        fs::write(
            path_of(folder, "b"),
            vec![b' '; (FILE_BYTES_MAX + 1) as usize],
        )
        .expect("written");
        assert!(matches!(read(folder), Err(TaughtError::Size { .. })));
        remove(folder, "b").expect("there");
        assert_eq!(read(folder).expect("whole").len(), 1);
    }

    #[test]
    fn more_gestures_than_a_box_takes_are_refused() {
        let folder = tempfile::tempdir().expect("folder");
        for number in 0..=GESTURES_MAX {
            write(folder.path(), &samples(&format!("g{number}"))).expect("written");
        }
        let error = read(folder.path()).expect_err("too many").to_string();
        assert!(error.contains("33 taught gestures"), "{error}");
    }

    #[test]
    fn names_of_the_model_are_refused_in_any_case() {
        let labels = ["None", "Thumb_Up"].map(str::to_owned);
        let folder = Path::new("/gestures");
        assert!(refuse_known("thumb_up", &labels, folder).is_err());
        assert!(refuse_known("thumb", &labels, folder).is_ok());
    }
}
