//! The commands for people: `predict`, `check-model`, `agree`, `events`, `bench`, `eval`, and those of
//! [`crate::taught::verbs`]. A supervisor that starts the worker uses none of them.
//!
//! Neighbours: `main` comes here unless it was started as a worker. Data goes to stdout, complaints
//! to stderr as `error: …` and `hint: …`.

pub(crate) mod judge;

use crate::agree::{self, AgreeError, reference::Reference, reference::ReferenceError};
use crate::backend_args::BackendArgs;
use crate::bench::{self, BenchError};
use crate::eval::EvalError;
use crate::model::manifest::NetworkFile;
use crate::model::{self, Engine, ModelError, ModelSet, locate, skeleton};
use crate::pipeline::Pipeline;
use crate::predict;
use crate::taught::verbs::{self, VerbError};
use crate::taught::{self, TaughtError};
use clap::{Args, Parser, Subcommand};
use judge::{EvalArgs, EventsArgs, evaluate, events};
use serde_json::json;
use shm_layout::exit::ExitReason;
use shm_layout::prediction::HANDS_MAX;
use std::borrow::Cow;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use steady::recording::RecordingError;

/// Finds hands and gestures in image files, and checks models.
#[derive(Debug, Parser)]
#[command(name = "infer-worker", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  infer-worker predict hand.jpg other.png
  infer-worker check-model --profile lite
  infer-worker check-model --print-manifest own.onnx > manifest.toml
  infer-worker agree --clip clip.mjpeg --reference clip.json
  infer-worker events --clip clip.mjpeg --labels clip.json
  infer-worker bench --clip clip.mjpeg
  infer-worker eval pictures --gestures wigwag --picture matrix.png
  infer-worker teach wave --pictures waves --taught gestures

The supervisor starts this program as a worker with --control; that form is not for people.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Print one JSON line per image: hands, gestures, landmarks
    Predict {
        #[command(flatten)]
        model: ModelArgs,
        /// Most hands to report, 1 to 4
        #[arg(long, default_value_t = 2, value_parser = hands_max)]
        max_hands: usize,
        /// Kernels for the large networks: auto, avx512, avx2, neon, scalar, plain
        #[arg(long, default_value = "auto", value_name = "SET")]
        kernels: Engine,
        /// JPEG or PNG files
        #[arg(required = true, value_name = "IMAGE")]
        images: Vec<PathBuf>,
    },
    /// Load and verify a model: files, digests, shapes, labels
    CheckModel {
        #[command(flatten)]
        model: ModelArgs,
        /// Print one JSON object instead of text
        #[arg(long)]
        json: bool,
        /// Print a manifest for a network of your own instead, to be completed
        #[arg(long, value_name = "FILE.onnx", conflicts_with = "json")]
        print_manifest: Option<PathBuf>,
    },
    /// Run the tracker over a clip and compare with a reference
    Agree {
        #[command(flatten)]
        model: ModelArgs,
        /// A file of concatenated JPEGs
        #[arg(long)]
        clip: PathBuf,
        /// Its hands: MediaPipe's output per frame, or the labels of the demo clip
        #[arg(long)]
        reference: PathBuf,
        /// Most hands to look for, 1 to 4
        #[arg(long, default_value_t = 2, value_parser = hands_max)]
        max_hands: usize,
        /// Kernels for the large networks: auto, avx512, avx2, neon, scalar, plain
        #[arg(long, default_value = "auto", value_name = "SET")]
        kernels: Engine,
    },
    /// Count how often labelled pictures or clips are recognised: per class, confusions, time
    Eval {
        #[command(flatten)]
        model: ModelArgs,
        #[command(flatten)]
        what: EvalArgs,
    },
    #[command(flatten)]
    Taught(verbs::Verb),
    /// Print the gestures that begin, are held and end in a clip, one JSON line each
    Events(EventsArgs),
    /// Measure what a frame of a clip costs, in CPU time, for each kernel set
    Bench {
        #[command(flatten)]
        model: ModelArgs,
        /// A file of concatenated JPEGs
        #[arg(long)]
        clip: PathBuf,
        /// Rounds over the clip, 1 to 1000; the sets take turns
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
        rounds: u16,
        /// Only these kernels, by name [default: all that this processor can run]
        #[arg(long, value_name = "SET", value_delimiter = ',')]
        kernels: Vec<Engine>,
        /// Print one JSON object per set, with every round
        #[arg(long)]
        json: bool,
    },
}

/// Which model, and what was taught beside it.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// The model's manifest [default: the `models` folder of this installation]
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Profile of the manifest
    #[arg(long, default_value = "full")]
    profile: String,
    /// A set of gestures of the manifest [default: the profile's own]
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "NAME"
    )]
    gestures: String,
    #[command(flatten)]
    backend: BackendArgs,
    /// The folder with taught gestures [default: none]
    #[arg(long, value_name = "FOLDER")]
    taught: Option<PathBuf>,
}

impl ModelArgs {
    fn open(&self) -> Result<ModelSet, CommandError> {
        let mut model = self.plain()?;
        if let Some(folder) = &self.taught {
            taught::load(&mut model, folder)?;
        }
        Ok(model)
    }

    /// The model without what was taught.
    pub(crate) fn plain(&self) -> Result<ModelSet, ModelError> {
        let path = locate::manifest_path(self.manifest.as_deref())?;
        ModelSet::open_with(&path, &self.profile, &self.gestures)
    }

    /// The folder with taught gestures.
    pub(crate) fn taught(&self) -> Option<&Path> {
        self.taught.as_deref()
    }
}

fn hands_max(text: &str) -> Result<usize, String> {
    let count = text
        .parse()
        .ok()
        .filter(|count| (1..=HANDS_MAX).contains(count));
    count.ok_or_else(|| format!("expected 1 to {HANDS_MAX}"))
}

/// Why a command failed as a whole.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("cannot read `{path}`: {cause}")]
    Read { path: PathBuf, cause: io::Error },
    #[error("`{path}`: {cause}")]
    Reference {
        path: PathBuf,
        cause: ReferenceError,
    },
    #[error(transparent)]
    Agree(#[from] AgreeError),
    #[error("`{path}`: {cause}")]
    Recording {
        path: PathBuf,
        cause: RecordingError,
    },
    #[error(transparent)]
    Bench(#[from] BenchError),
    #[error(transparent)]
    Eval(#[from] EvalError),
    #[error(transparent)]
    Taught(#[from] TaughtError),
    #[error("cannot write the picture `{path}`: {cause}")]
    Picture { path: PathBuf, cause: io::Error },
    #[error("cannot write the result: {0}")]
    Write(#[from] io::Error),
}

impl From<VerbError> for CommandError {
    fn from(error: VerbError) -> Self {
        match error {
            VerbError::Taught(error) => Self::Taught(error),
            VerbError::Model(error) => Self::Model(error),
            VerbError::Write(error) => Self::Write(error),
        }
    }
}

impl CommandError {
    fn hint(&self) -> Cow<'static, str> {
        let hint = match self {
            Self::Taught(error) => return error.hint().into(),
            Self::Model(error) | Self::Bench(BenchError::Model(error)) => error.hint(),
            Self::Read { .. } => "check the path and the permissions",
            Self::Reference { .. } | Self::Agree(_) => {
                "give a clip and the reference that was made from it; see models/README.md"
            }
            Self::Recording { .. } => "give concatenated JPEGs, or a file that --record wrote",
            Self::Bench(_) => "give a file of concatenated JPEGs",
            Self::Eval(_) => {
                "make a folder with a folder of pictures for each class, or with a clip and its labels.json"
            }
            Self::Picture { .. } => "give a file in a folder that can be written",
            Self::Write(_) => "check where the output goes",
        };
        hint.into()
    }

    fn reason(&self) -> ExitReason {
        match self {
            Self::Model(_) | Self::Bench(BenchError::Model(_)) => ExitReason::Config,
            Self::Taught(error) if error.is_config() => ExitReason::Config,
            Self::Taught(error) if error.is_usage() => ExitReason::Usage,
            _ => ExitReason::Unavailable,
        }
    }
}

/// Runs the command of this process's arguments and returns its exit code: 0, 64 for wrong
/// arguments, 69 when an input cannot be used, 78 when the model cannot.
#[must_use]
pub fn main() -> u8 {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let reason = if error.use_stderr() {
                ExitReason::Usage
            } else {
                ExitReason::Stopped
            };
            // Nothing is left to tell when even this cannot be printed.
            let _ = error.print();
            return reason as u8;
        }
    };
    match run(&cli.command) {
        Ok(reason) => reason as u8,
        // A reader who has seen enough, such as `head`, is no error.
        Err(CommandError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitReason::Stopped as u8
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}\nhint: {}", error.hint());
            error.reason() as u8
        }
    }
}

fn run(command: &Command) -> Result<ExitReason, CommandError> {
    match command {
        Command::Predict {
            model,
            max_hands,
            kernels,
            images,
        } => {
            let mut pipeline = Pipeline::load_on(
                model.backend.engine_on(*kernels)?,
                model.open()?,
                *max_hands,
            )?;
            let (mut out, mut complaints) = (io::stdout().lock(), io::stderr().lock());
            let bad = predict::run(&mut pipeline, images, &mut out, &mut complaints)?;
            Ok(if bad == 0 {
                ExitReason::Stopped
            } else {
                ExitReason::Unavailable
            })
        }
        Command::Eval { model, what } => evaluate(model, what),
        Command::CheckModel {
            print_manifest: Some(network),
            ..
        } => {
            write!(io::stdout(), "{}", skeleton::of(network)?)?;
            Ok(ExitReason::Stopped)
        }
        Command::CheckModel { model, json, .. } => check_model(model, *json),
        Command::Agree {
            model,
            clip,
            reference,
            max_hands,
            kernels,
        } => {
            let mut pipeline = Pipeline::load_on(
                model.backend.engine_on(*kernels)?,
                model.open()?,
                *max_hands,
            )?;
            let expected = read_reference(reference)?;
            let report = agree::run(&mut pipeline, &read(clip)?, &expected)?;
            writeln!(io::stdout(), "{report}")?;
            Ok(ExitReason::Stopped)
        }
        Command::Taught(verb) => {
            verbs::run(verb)?;
            Ok(ExitReason::Stopped)
        }
        Command::Events(args) => events(args),
        Command::Bench {
            model,
            clip,
            rounds,
            kernels,
            json,
        } => {
            let engines = model.backend.engines(kernels)?;
            let all = bench::run(&model.open()?, &engines, &read(clip)?, (*rounds).into())?;
            let mut out = io::stdout().lock();
            if !json {
                writeln!(out, "{}", bench::HEADER)?;
            }
            for series in all {
                if *json {
                    writeln!(out, "{}", series.to_json())?;
                } else {
                    writeln!(out, "{series}")?;
                }
            }
            Ok(ExitReason::Stopped)
        }
    }
}

fn check_model(args: &ModelArgs, json: bool) -> Result<ExitReason, CommandError> {
    let (model, engine) = (args.open()?, args.backend.engine()?);
    model::check(&model, engine)?;
    let labels: Vec<&str> = model.labels.iter().map(|label| label.as_str()).collect();
    let files: Vec<String> = model.files().map(NetworkFile::name).collect();
    let mut out = io::stdout().lock();
    if json {
        let line = json!({
            "name": model.name, "profile": model.profile, "sha256": model.sha256_hex(),
            "labels": labels, "files": files, "licence": model.licence,
            "taught": model.taught,
        });
        writeln!(out, "{line}")?;
    } else {
        writeln!(
            out,
            "model    {} ({}), {}",
            model.name, model.profile, model.licence
        )?;
        writeln!(out, "sha256   {}", model.sha256_hex())?;
        writeln!(out, "labels   {}", labels.join(", "))?;
        let taught: Vec<&str> = model.taught.iter().map(|own| own.name.as_str()).collect();
        if !taught.is_empty() {
            writeln!(out, "taught   {}", taught.join(", "))?;
        }
        writeln!(out, "files    {}", files.join(", "))?;
    }
    Ok(ExitReason::Stopped)
}

fn read_reference(path: &Path) -> Result<Reference, CommandError> {
    let text = String::from_utf8_lossy(&read(path)?).into_owned();
    Reference::parse(&text).map_err(|cause| CommandError::Reference {
        path: path.to_owned(),
        cause,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, CommandError> {
    std::fs::read(path).map_err(|cause| CommandError::Read {
        path: path.to_owned(),
        cause,
    })
}
