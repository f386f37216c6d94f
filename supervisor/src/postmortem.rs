//! `supervisor postmortem`: shows what `crate::black_box` kept. Needs no running box.

use crate::black_box::{REPORT, Report, Store};
use crate::command::to_json;
use crate::config::{self, Options, nearest};
use crate::failure::Failure;
use crate::instance::Instance;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// A report with the folder that its pictures are in.
#[derive(Debug, Serialize)]
struct Found {
    folder: PathBuf,
    #[serde(flatten)]
    report: Report,
}

/// Where the instance's black boxes are, by that configuration.
///
/// # Errors
///
/// [`Failure::Config`], or [`Failure::NoBlackBox`] if there is no place for them.
pub fn store(instance: &Instance, file: Option<PathBuf>) -> Result<Store, Failure> {
    let options = Options {
        file,
        ..Options::default()
    };
    let config = config::load(&options)?.config.black_box;
    Store::new(&config, instance).ok_or(Failure::NoBlackBox {
        folder: PathBuf::from("~"),
    })
}

/// One of them, or the latest.
///
/// # Errors
///
/// [`Failure::NoBlackBox`] if there is none, [`Failure::Answer`] if none has that ID,
/// [`Failure::System`] if it cannot be read.
pub fn show(store: &Store, id: Option<&str>, json: bool) -> Result<String, Failure> {
    let ids = store.ids();
    let Some(latest) = ids.last() else {
        return Err(Failure::NoBlackBox {
            folder: store.folder().to_owned(),
        });
    };
    let wanted = id.unwrap_or(latest);
    // Only a name from the list is opened: one with slashes leads nowhere else.
    let Some(id) = ids.iter().find(|id| *id == wanted) else {
        let near = nearest(wanted, ids.iter().map(String::as_str));
        return Err(Failure::Answer {
            said: format!("there is no black box `{wanted}`"),
            advice: Some(match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`supervisor postmortem --list` names them".to_owned(),
            }),
        });
    };
    let folder = store.path(id);
    let report = read(&folder)?;
    if json {
        to_json(&Found { folder, report })
    } else {
        Ok(report.to_text(&folder))
    }
}

/// All of them, the latest last. One that cannot be read any more is left out.
///
/// # Errors
///
/// [`Failure::NoBlackBox`] if there is none and people ask.
pub fn list(store: &Store, json: bool) -> Result<String, Failure> {
    let found: Vec<Found> = store
        .ids()
        .iter()
        .map(|id| store.path(id))
        .filter_map(|folder| {
            let report = read(&folder).ok()?;
            Some(Found { folder, report })
        })
        .collect();
    if json {
        return to_json(&found);
    }
    if found.is_empty() {
        return Err(Failure::NoBlackBox {
            folder: store.folder().to_owned(),
        });
    }
    Ok(found.iter().map(|found| found.report.to_line()).collect())
}

fn read(folder: &Path) -> Result<Report, Failure> {
    let bytes = std::fs::read(folder.join(REPORT));
    let report = bytes.and_then(|bytes| Ok(serde_json::from_slice(&bytes)?));
    report.map_err(|source| Failure::System {
        what: "read the black box's report",
        source,
    })
}
