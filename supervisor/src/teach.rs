//! `supervisor teach`, `forget` and `gestures`: what a user taught beside the model's gestures.
//!
//! `infer-worker` does the work: it looks into the running box, learns, and keeps the files. Here it
//! is told which models, which folder and which source are meant: those of the running box, unless a
//! configuration is named. A box knows what was kept when it started or was reloaded; its workers get
//! that from the supervisor, and never read the folder.

use crate::black_box::state_folder;
use crate::cli::Lesson;
use crate::command::{print, question, reload};
use crate::config::{self, Infer, Options};
use crate::control_socket::{Reply, Request};
use crate::failure::Failure;
use crate::instance::Instance;
use crate::probe::model_arguments;
use crate::siblings::Siblings;
use shm_layout::control::{BoxStatus, Role, SourceState, SourceStatus};
use shm_layout::exit::ExitReason;
use shm_layout::segment::SegmentName;
use std::ffi::OsString;
use std::path::{Path, PathBuf, absolute};

/// Folder of the taught gestures, within the instance's folder for state.
const FOLDER: &str = "gestures";

/// Where the gestures of an instance are kept; empty where there is no home for them.
#[must_use]
pub fn folder(infer: &Infer, instance: &Instance) -> PathBuf {
    if !infer.taught.as_os_str().is_empty() {
        return infer.taught.clone();
    }
    let state = state_folder().map(|folder| folder.join(instance.name()).join(FOLDER));
    state.unwrap_or_default()
}

/// What a running box runs its models with, for whoever teaches it: with paths that hold everywhere.
#[must_use]
pub fn told(infer: &Infer, instance: &Instance) -> Infer {
    let anywhere = |path: &Path| absolute(path).unwrap_or_else(|_| path.to_owned());
    Infer {
        // An empty path stays empty.
        manifest: anywhere(&infer.manifest),
        onnxruntime_library: anywhere(&infer.onnxruntime_library),
        taught: anywhere(&folder(infer, instance)),
        ..infer.clone()
    }
}

/// The models and the folder that are meant: those of the file, if one is named; else of the running
/// box; else those of a box without a file. Whether a box runs.
fn meant(instance: &Instance, file: Option<PathBuf>) -> Result<(Infer, bool), Failure> {
    let answer = match question(instance, &Request::Models) {
        Ok((Reply::Models(infer), _)) => Some(infer),
        Ok(_) | Err(Failure::NotRunning { .. }) => None,
        Err(failure) => return Err(failure),
    };
    let is_running = answer.is_some();
    match answer.filter(|_| file.is_none()) {
        Some(infer) => Ok((infer, is_running)),
        None => {
            let options = Options {
                file,
                ..Options::default()
            };
            Ok((config::load(&options)?.config.infer, is_running))
        }
    }
}

/// Teaches a gesture.
///
/// # Errors
///
/// [`Failure`]: the source is not there, or infer-worker said why it cannot be learnt.
pub fn teach(instance: &Instance, lesson: &Lesson) -> Result<(), Failure> {
    let (infer, is_running) = meant(instance, lesson.config.clone())?;
    let mut arguments = settings(&infer, instance)?;
    if lesson.pictures.is_none() {
        let (Reply::Status(status), _) = question(instance, &Request::Status)? else {
            return Err(refused("the box gives a wrong answer".to_owned(), None));
        };
        let (number, source) = source(&status, lesson.source.as_deref())?;
        let segment = SegmentName::new(instance.name());
        let source = format!("{number}={}", source.name);
        arguments.extend(["--segment".into(), segment.as_str().into()]);
        arguments.extend(["--source".into(), source.into()]);
    }
    arguments.extend(lesson.arguments());
    ask("teach", arguments)?;
    in_force(instance, is_running, lesson.reload, lesson.json)
}

/// Removes a taught gesture.
///
/// # Errors
///
/// [`Failure`]: there is none of that name, or it cannot be removed.
pub fn forget(
    instance: &Instance,
    name: &str,
    file: Option<PathBuf>,
    reload: bool,
) -> Result<(), Failure> {
    let (infer, is_running) = meant(instance, file)?;
    let arguments = vec![
        "--taught".into(),
        home(&infer, instance)?.into(),
        "--".into(),
        name.into(),
    ];
    ask("forget", arguments)?;
    in_force(instance, is_running, reload, false)
}

/// Lists the gestures of the model and the taught ones.
///
/// # Errors
///
/// [`Failure`]: the models or a taught gesture cannot be used.
pub fn list(instance: &Instance, file: Option<PathBuf>, json: bool) -> Result<(), Failure> {
    let (infer, _) = meant(instance, file)?;
    let mut arguments = settings(&infer, instance)?;
    if json {
        arguments.push("--json".into());
    }
    ask("gestures", arguments)
}

/// The models, and a folder for what is taught.
fn settings(infer: &Infer, instance: &Instance) -> Result<Vec<OsString>, Failure> {
    home(infer, instance)?;
    Ok(model_arguments(infer, instance))
}

fn home(infer: &Infer, instance: &Instance) -> Result<PathBuf, Failure> {
    let folder = folder(infer, instance);
    if folder.as_os_str().is_empty() {
        let said = "there is no folder for taught gestures".to_owned();
        return Err(refused(
            said,
            Some("give `infer.taught`, or set HOME".to_owned()),
        ));
    }
    Ok(folder)
}

/// The source that is meant, and its number.
fn source<'a>(
    status: &'a BoxStatus,
    name: Option<&str>,
) -> Result<(usize, &'a SourceStatus), Failure> {
    let names: Vec<&str> = status
        .sources
        .iter()
        .map(|source| source.name.as_str())
        .collect();
    let listed = names.join(", ");
    let found = match (name, names.as_slice()) {
        (None, [_]) => Some(0),
        (None, _) => {
            let said = "the box has several sources".to_owned();
            return Err(refused(
                said,
                Some(format!("--source says which: {listed}")),
            ));
        }
        (Some(name), names) => names.iter().position(|known| *known == name),
    };
    let found = found.and_then(|number| Some((number, status.sources.get(number)?)));
    let Some((number, source)) = found else {
        let said = format!("the box has no source `{}`", name.unwrap_or_default());
        return Err(refused(said, Some(format!("there are: {listed}"))));
    };
    if source.state != SourceState::Live {
        let said = format!("no frames come from source `{}`", source.name);
        let why = if source.detail.is_empty() {
            "`supervisor status` says why".to_owned()
        } else {
            source.detail.clone()
        };
        return Err(refused(said, Some(why)));
    }
    Ok((number, source))
}

/// Runs infer-worker's `verb` to its end; what it says goes where ours goes.
fn ask(verb: &str, arguments: Vec<OsString>) -> Result<(), Failure> {
    let mut command = Siblings::find()?.command(Role::Infer);
    let ended = command.arg(verb).args(arguments).status();
    let ended = ended.map_err(|source| Failure::System {
        what: "start infer-worker",
        source,
    })?;
    match ended.code() {
        Some(0) => Ok(()),
        code => Err(Failure::Told {
            code: code.unwrap_or(-1),
        }),
    }
}

/// Puts in force what has changed, or says how.
fn in_force(
    instance: &Instance,
    is_running: bool,
    now: bool,
    is_quiet: bool,
) -> Result<(), Failure> {
    if now && is_running {
        return reload(instance);
    }
    if is_quiet {
        return Ok(());
    }
    print(&if is_running {
        let named = match instance.name() {
            "default" => String::new(),
            name => format!(" --instance {name}"),
        };
        format!("`supervisor reload{named}` puts it in force\n")
    } else {
        "no box is running; the next start puts it in force\n".to_owned()
    })
}

fn refused(said: String, advice: Option<String>) -> Failure {
    Failure::Refused {
        said,
        advice,
        code: ExitReason::Unavailable as i32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shm_layout::control::Backend;

    /// Goal: a gesture is learnt from what the box's own networks see, whatever runs them and wherever
    /// the command is called.
    #[test]
    fn a_box_tells_all_that_runs_its_models_with_paths_that_hold_everywhere() {
        let infer = Infer {
            profile: "lite".to_owned(),
            gestures: "wigwag".to_owned(),
            manifest: "own/manifest.toml".into(),
            backend: Backend::OnnxRuntime,
            onnxruntime_library: "libonnxruntime.so".into(),
            taught: "gestures".into(),
            max_hands: 4,
            ..Infer::default()
        };
        let instance: Instance = "told".parse().expect("a name");
        let told = told(&infer, &instance);
        let here = std::env::current_dir().expect("a folder");
        let anywhere = Infer {
            manifest: here.join("own/manifest.toml"),
            onnxruntime_library: here.join("libonnxruntime.so"),
            taught: here.join("gestures"),
            ..infer
        };
        assert_eq!(told, anywhere);

        let reply = serde_json::to_string(&Reply::Models(told)).expect("JSON");
        let read: Reply = serde_json::from_str(&reply).expect("the same");
        assert_eq!(read, Reply::Models(anywhere));
    }
}
