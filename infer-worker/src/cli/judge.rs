//! The commands that judge by labels: `eval` and `events`.
//!
//! Neighbours: the command line, of which this is a part, reads files and tells errors.

use super::{CommandError, ModelArgs, hands_max, read};
use crate::eval::fit::Fit;
use crate::eval::labels::Labels;
use crate::eval::{self, picture};
use crate::events;
use crate::pipeline::Pipeline;
use clap::Args;
use shm_layout::Prediction;
use shm_layout::control::SteadySettings;
use shm_layout::exit::ExitReason;
use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use steady::recording;

/// What `eval` takes, but for the model.
#[derive(Debug, Args)]
pub(super) struct EvalArgs {
    /// Most hands to look for, 1 to 4
    #[arg(long, default_value_t = 2, value_parser = hands_max)]
    max_hands: usize,
    /// Room added around each picture, in parts of its longer side, 0 to 4; for tight crops
    #[arg(long, default_value_t = 0.0, value_parser = margin)]
    margin: f32,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    /// Write the confusion matrix and the clips' events to this file, as PNG
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    /// Frames a second of clips whose labels do not say it
    #[arg(long, default_value_t = events::FPS, value_parser = frame_rate)]
    fps: f64,
    #[command(flatten)]
    rules: Rules,
    /// A folder of pictures for each class, or clips, each with a labels.json
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

/// When gestures begin and end.
#[derive(Debug, Args)]
struct Rules {
    /// Rules of gestures, as JSON [default: those of a box without a configuration]
    #[arg(long, value_name = "JSON", value_parser = steady_settings)]
    steady: Option<SteadySettings>,
}

impl Rules {
    fn get(&self) -> SteadySettings {
        self.steady.clone().unwrap_or_default()
    }
}

fn steady_settings(text: &str) -> Result<SteadySettings, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

#[derive(Debug, Args)]
pub(super) struct EventsArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// A file of concatenated JPEGs, or a recording of `--record`
    #[arg(long)]
    clip: PathBuf,
    /// Frames a second of the clip [default: what its labels say, or 15]
    #[arg(long, value_parser = frame_rate)]
    fps: Option<f64>,
    /// Most hands to look for, 1 to 4
    #[arg(long, default_value_t = 2, value_parser = hands_max)]
    max_hands: usize,
    /// What the clip shows, as for `eval`: print how the events fit it instead
    #[arg(long)]
    labels: Option<PathBuf>,
    #[command(flatten)]
    rules: Rules,
    /// Write the predictions to this file, to play them again without recognition
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

fn frame_rate(text: &str) -> Result<f64, String> {
    let fps = text.parse().ok();
    let fps = fps.filter(|fps: &f64| (0.1..=240.0).contains(fps));
    fps.ok_or_else(|| "expected 0.1 to 240".to_owned())
}

pub(crate) fn margin(text: &str) -> Result<f32, String> {
    let margin = text.parse().ok().filter(|part| (0.0..=4.0).contains(part));
    margin.ok_or_else(|| "expected 0 to 4".to_owned())
}

pub(super) fn evaluate(args: &ModelArgs, what: &EvalArgs) -> Result<ExitReason, CommandError> {
    let model = args.open()?;
    let name = format!("{} ({})", model.name, model.profile);
    let mut pipeline = Pipeline::load_on(args.backend.engine()?, model, what.max_hands)?;
    let how = eval::How {
        margin: what.margin,
        fps: what.fps,
        settings: what.rules.get(),
    };
    let report = eval::run(&mut pipeline, &what.folder, &how)?;
    for told in &report.unreadable {
        writeln!(io::stderr(), "error: {told}\nhint: it is left out")?;
    }
    if let Some(path) = &what.picture {
        let written = picture::png(&report).and_then(|png| std::fs::write(path, png));
        written.map_err(|cause| CommandError::Picture {
            path: path.clone(),
            cause,
        })?;
    }
    if what.json {
        writeln!(io::stdout(), "{}", report.to_json(&name, &args.gestures))?;
    } else {
        writeln!(io::stdout(), "{report}")?;
    }
    Ok(if report.unreadable.is_empty() {
        ExitReason::Stopped
    } else {
        ExitReason::Unavailable
    })
}

fn read_labels(path: &Path) -> Result<Labels, CommandError> {
    let text = String::from_utf8_lossy(&read(path)?).into_owned();
    Labels::parse(&text).map_err(|cause| CommandError::Reference {
        path: path.to_owned(),
        cause,
    })
}

pub(super) fn events(args: &EventsArgs) -> Result<ExitReason, CommandError> {
    let clip = read(&args.clip)?;
    let labels = args.labels.as_deref().map(read_labels).transpose()?;
    let predictions = if clip.starts_with(b"{") {
        let text = String::from_utf8_lossy(&clip);
        recording::read(&text).map_err(|cause| CommandError::Recording {
            path: args.clip.clone(),
            cause,
        })?
    } else {
        let engine = args.model.backend.engine()?;
        let mut pipeline = Pipeline::load_on(engine, args.model.open()?, args.max_hands)?;
        let labelled = labels.as_ref().and_then(|labels| labels.fps);
        let fps = args.fps.or(labelled).unwrap_or(events::FPS);
        events::recognise(&mut pipeline, &clip, fps)?
    };
    if let Some(path) = &args.record {
        record(path, &predictions)?;
    }
    let told = events::play(&args.rules.get(), &predictions);
    let mut out = io::stdout().lock();
    if let Some(labels) = &labels {
        let known = if clip.starts_with(b"{") {
            given(&predictions)
        } else {
            let known = args.model.open()?.labels;
            known.iter().map(ToString::to_string).collect()
        };
        let fit = Fit::of(&told, &labels.stretches, &predictions, &known);
        writeln!(out, "{fit}")?;
        return Ok(ExitReason::Stopped);
    }
    let source = args.clip.to_string_lossy();
    for event in &told {
        let line = serde_json::to_string(&event.to_json(&source)).map_err(io::Error::from)?;
        writeln!(out, "{line}")?;
    }
    Ok(ExitReason::Stopped)
}

/// The labels that a recording has: a recording does not name its model.
fn given(predictions: &[Prediction]) -> Vec<String> {
    let hands = predictions.iter().flat_map(|prediction| &prediction.hands);
    let scenes = predictions.iter().filter_map(|prediction| prediction.scene);
    let gestures = hands.map(|hand| hand.gesture);
    let gestures = gestures.chain(scenes.map(|scene| scene.gesture));
    let names: BTreeSet<String> = gestures.map(|gesture| gesture.to_string()).collect();
    names.into_iter().collect()
}

fn record(path: &Path, predictions: &[Prediction]) -> Result<(), CommandError> {
    let mut file = io::BufWriter::new(std::fs::File::create(path)?);
    for prediction in predictions {
        let line = recording::line(prediction).map_err(io::Error::from)?;
        writeln!(file, "{line}")?;
    }
    Ok(file.flush()?)
}
