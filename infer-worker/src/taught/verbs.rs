//! The commands `teach`, `forget` and `gestures`.
//!
//! Neighbours: the command line calls [`run`]; `supervisor teach` and its kin start this program with
//! the models and the folder of their box. Results go to stdout, progress to stderr.

use super::collect::{self, Collector, Watched};
use super::error::TaughtError;
use super::file::{self, Samples, Session};
use super::lesson::{Example, Lessons};
use super::measure::measure;
use super::{GESTURES_MAX, folder, told};
use crate::model::{ModelError, ModelSet};
use crate::pipeline::Pipeline;
use clap::{Args, Subcommand};
use serde_json::json;
use shm_layout::control::HandSide;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Room that is added around pictures unless told otherwise, in parts of their longer side.
const MARGIN: f32 = 0.0;
/// Most characters of a line that is rewritten: a longer one would wrap.
const LINE_CHARS_MAX: usize = 79;

/// What can be done with taught gestures.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Learn a gesture from a running box or from pictures, and say how well it is told from others
    Teach(TeachArgs),
    /// Remove a gesture that was taught
    Forget {
        /// The folder with taught gestures
        #[arg(long, value_name = "FOLDER")]
        taught: PathBuf,
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// List the gestures of the model and those that were taught
    Gestures {
        /// As JSON
        #[arg(long)]
        json: bool,
        /// The model and the folder with taught gestures
        #[command(flatten)]
        model: crate::cli::ModelArgs,
    },
}

/// What `teach` takes.
#[derive(Debug, Args)]
pub struct TeachArgs {
    /// The model and the folder with taught gestures
    #[command(flatten)]
    model: crate::cli::ModelArgs,
    /// A folder of JPEG or PNG pictures, each with one hand that shows it
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["segment", "source"])]
    pictures: Option<PathBuf>,
    /// Room added around each picture, in parts of its longer side, 0 to 4; for tight crops
    #[arg(long, default_value_t = MARGIN, value_parser = crate::cli::judge::margin, requires = "pictures")]
    margin: f32,
    /// Name of the shared memory of a running box
    #[arg(
        long,
        value_name = "NAME",
        requires = "source",
        required_unless_present = "pictures"
    )]
    segment: Option<String>,
    /// The number of a source there, and its name
    #[arg(long, value_name = "NUMBER=NAME", value_parser = source)]
    source: Option<(usize, String)>,
    /// How long to look, in seconds, 1 to 60
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Learn from that hand, for that hand alone: left, right, any
    #[arg(long, default_value = "any", value_parser = side)]
    hand: HandSide,
    /// Learn from what was taught before too
    #[arg(long, conflicts_with = "replace")]
    add: bool,
    /// Learn it anew
    #[arg(long)]
    replace: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    /// Name of the gesture: letters, digits, `-` and `_`
    #[arg(value_name = "NAME")]
    name: String,
}

fn source(text: &str) -> Result<(usize, String), String> {
    let found = text.split_once('=');
    let found = found.and_then(|(number, name)| Some((number.parse().ok()?, name.to_owned())));
    found.ok_or_else(|| "expected NUMBER=NAME".to_owned())
}

fn side(text: &str) -> Result<HandSide, String> {
    let found = HandSide::ALL.into_iter().find(|side| side.word() == text);
    found.ok_or_else(|| "expected left, right or any".to_owned())
}

/// Why a verb failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerbError {
    /// The gesture, its file, or the box.
    #[error(transparent)]
    Taught(#[from] TaughtError),
    /// The model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Nobody reads the result.
    #[error("cannot write the result: {0}")]
    Write(#[from] io::Error),
}

/// Carries out a verb.
///
/// # Errors
/// [`VerbError`]; nothing that was kept has changed then.
pub fn run(verb: &Verb) -> Result<(), VerbError> {
    match verb {
        Verb::Teach(args) => teach(args),
        Verb::Forget { taught, name } => {
            folder::remove(taught, name)?;
            Ok(writeln!(io::stdout(), "`{name}` is forgotten")?)
        }
        Verb::Gestures { json, model } => list(model, *json),
    }
}

fn teach(args: &TeachArgs) -> Result<(), VerbError> {
    let model = args.model.plain()?;
    let labels: Vec<String> = model.labels.iter().map(ToString::to_string).collect();
    let home = args.model.taught().ok_or(TaughtError::Homeless)?;
    let mut kept = folder::read(home)?;
    let before = prepare(args, &labels, &kept, home)?;
    let mut collector = Collector::new(args.hand);
    let from = collect(args, model, &mut collector)?;
    collector.check()?;
    let samples = joined(
        args,
        before.map(|index| kept.remove(index)),
        &collector,
        from,
    );
    kept.push(samples);
    let examples: Vec<Example> = kept.iter().map(Example::of).collect();
    let found = measure(&Lessons::new(&labels)?, &examples, examples.len() - 1)?;
    let mut called = collector.called();
    // The gesture itself, which the box knows already: that says nothing about the model.
    called.retain(|(name, _)| *name != args.name);
    let samples = &kept[kept.len() - 1];
    let path = folder::write(home, samples)?;
    let mut out = io::stdout().lock();
    if args.json {
        let answer = json!({
            "name": samples.name, "file": path, "measure": found, "called": called,
            "verdict": found.verdict(),
        });
        writeln!(out, "{answer}")?;
    } else {
        write!(out, "{}", told::lesson(samples, &found, &called))?;
    }
    Ok(())
}

/// Whether the gesture can be taught as it was asked for; the place of what was taught before.
fn prepare(
    args: &TeachArgs,
    labels: &[String],
    kept: &[Samples],
    home: &Path,
) -> Result<Option<usize>, TaughtError> {
    let name = &args.name;
    if !file::is_name(name) {
        return Err(TaughtError::Name(name.clone()));
    }
    if let Some(label) = folder::same_name(name, labels) {
        return Err(TaughtError::Taken(label.clone()));
    }
    let names: Vec<String> = kept.iter().map(|samples| samples.name.clone()).collect();
    let Some(before) = folder::same_name(name, &names) else {
        let found = kept.len() + 1;
        if found > GESTURES_MAX {
            let path = home.to_owned();
            return Err(TaughtError::Many { path, found });
        }
        return Ok(None);
    };
    let index = names.iter().position(|name| name == before).unwrap_or(0);
    if before != name || !(args.add || args.replace) {
        return Err(TaughtError::Again(before.clone()));
    }
    let kept = kept[index].side;
    if args.add && kept != args.hand {
        let (name, kept) = (name.clone(), kept.word());
        return Err(TaughtError::Side { name, kept });
    }
    Ok(Some(index))
}

/// Takes the samples; says where from.
fn collect(
    args: &TeachArgs,
    model: ModelSet,
    collector: &mut Collector,
) -> Result<String, VerbError> {
    if let Some(pictures) = &args.pictures {
        let mut pipeline = Pipeline::load(model, shm_layout::prediction::HANDS_MAX)?;
        let bad = collect::pictures(&mut pipeline, pictures, args.margin, collector)?;
        for told in bad {
            writeln!(io::stderr(), "error: {told}\nhint: it is left out")?;
        }
        writeln!(
            io::stderr(),
            "{} pictures: {}",
            collector.seen,
            collector.line()
        )?;
        return Ok("pictures".to_owned());
    }
    let (Some(segment), Some((source, name))) = (&args.segment, &args.source) else {
        // The command line asks for one of the two.
        return Err(TaughtError::Silent("no source was given".to_owned()).into());
    };
    let watched = Watched {
        segment,
        source: *source,
        name,
        seconds: args.seconds,
    };
    let is_terminal = io::stderr().is_terminal();
    let mut last = String::new();
    let watching = collect::watch(&watched, collector, |line| {
        let (head, _) = line.split_once(':').unwrap_or((line, ""));
        // Nobody is left to tell that stderr cannot be written.
        if is_terminal {
            let line: String = line.chars().take(LINE_CHARS_MAX).collect();
            let _ = write!(io::stderr(), "\r\x1b[K{line}");
        } else if head != last {
            let _ = writeln!(io::stderr(), "{line}");
        }
        last = head.to_owned();
    });
    if is_terminal {
        writeln!(io::stderr())?;
    }
    watching?;
    writeln!(io::stderr(), "{}", collector.line())?;
    Ok(format!("source {name}"))
}

/// The gesture with its new samples.
fn joined(args: &TeachArgs, before: Option<Samples>, new: &Collector, from: String) -> Samples {
    let session = Session {
        from,
        samples: new.hands.len(),
    };
    let samples = Samples {
        name: args.name.clone(),
        side: args.hand,
        sessions: vec![session],
        hands: new.hands.clone(),
    };
    match before.filter(|_| args.add) {
        Some(before) => before.joined(samples),
        None => samples.thinned(),
    }
}

fn list(model: &crate::cli::ModelArgs, json: bool) -> Result<(), VerbError> {
    let home = model.taught().ok_or(TaughtError::Homeless)?;
    let set = model.plain()?;
    let kept = folder::read(home)?;
    let labels: Vec<&str> = set.labels.iter().map(|label| label.as_str()).collect();
    let mut out = io::stdout().lock();
    if json {
        let taught = kept.iter().map(|samples| {
            json!({
                "name": samples.name, "hand": samples.side, "samples": samples.hands.len(),
                "taught": samples.sessions,
            })
        });
        let taught: Vec<_> = taught.collect();
        let answer = json!({"model": labels, "taught": taught, "folder": home});
        return Ok(writeln!(out, "{answer}")?);
    }
    writeln!(out, "{} ({}): {}", set.name, set.profile, labels.join(", "))?;
    if kept.is_empty() {
        writeln!(
            out,
            "nothing was taught; `supervisor teach NAME` teaches a gesture"
        )?;
    }
    for samples in &kept {
        writeln!(out, "taught {}", told::summary(samples))?;
    }
    Ok(())
}
