//! Finds the model folder when nobody names one.

use super::ModelError;
use std::path::{Path, PathBuf};

const MANIFEST: &str = "manifest.toml";
/// Where a package installs the models.
const INSTALLED: &str = "/usr/share/wigwag/models";

/// The manifest to use: the given one, or the first that exists of: `models/` beside the
/// executable, `models/` two folders above it (a checkout, where the executable lies in
/// `target/release`), `/usr/share/wigwag/models`.
///
/// # Errors
/// [`ModelError::NoManifest`] with the places searched.
pub fn manifest_path(given: Option<&Path>) -> Result<PathBuf, ModelError> {
    if let Some(path) = given {
        return Ok(path.to_owned());
    }
    let executable = std::env::current_exe().unwrap_or_default();
    let searched = candidates(&executable);
    match searched.iter().find(|path| path.is_file()) {
        Some(path) => Ok(path.clone()),
        None => Err(ModelError::NoManifest { searched }),
    }
}

fn candidates(executable: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Some(beside) = executable.parent() {
        folders.push(beside.join("models"));
        if let Some(checkout) = beside.parent().and_then(Path::parent) {
            folders.push(checkout.join("models"));
        }
    }
    folders.push(PathBuf::from(INSTALLED));
    folders
        .into_iter()
        .map(|folder| folder.join(MANIFEST))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_searched_in_order() {
        let found = candidates(Path::new("/src/wigwag/target/release/infer-worker"));
        let expected = [
            "/src/wigwag/target/release/models/manifest.toml",
            "/src/wigwag/models/manifest.toml",
            "/usr/share/wigwag/models/manifest.toml",
        ];
        assert_eq!(found, expected.map(PathBuf::from));
    }

    #[test]
    fn manifest_path_given_is_taken_as_it_is() {
        let given = Path::new("/nowhere/manifest.toml");
        assert_eq!(manifest_path(Some(given)).expect("given"), given);
    }
}
