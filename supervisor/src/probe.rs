//! What is asked of the workers' programs before anything starts: are the models whole, which
//! camera is there, and how large can a frame get. Nothing is opened here; the programs look.

use crate::checked_model::{Answer, CheckedModel};
use crate::config::{self, Config, Infer, SourceConfig};
use crate::failure::Failure;
use crate::instance::Instance;
use crate::siblings::Siblings;
use crate::teach;
use serde::Deserialize;
use shm_layout::control::{Backend, ModelInfo, PushLimits, Role, SourceKind};
use shm_layout::exit::ExitReason;
use std::ffi::OsString;
use std::process::{Child, Output, Stdio};

/// Smallest frame slot, in bytes: a clip's or camera's next picture may be larger than its first.
const CAPACITY_BYTES_MIN: u64 = 64 * 1024;

/// Name of the camera that is used when no source is configured.
const FIRST_CAMERA: &str = "cam0";

/// What `capture-worker probe` answers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Probe {
    found: bool,
    format: String,
    width_px: u32,
    height_px: u32,
    fps: f64,
    frame_bytes_max: u64,
    device: String,
    problem: Option<String>,
}

/// A source that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Probed {
    /// The source.
    pub source: SourceConfig,
    /// Bytes that its frame slots need.
    pub capacity_bytes: usize,
    /// What it is, in plain words.
    pub description: String,
    /// Why a camera cannot be used yet; it is tried again while the box runs.
    pub problem: Option<String>,
}

/// Looks at every source; without any, picks the first camera, else the demo clip. Those for
/// clients that name none come last.
///
/// # Errors
///
/// [`Failure::Refused`] if a clip or pattern can never work.
pub fn sources(siblings: &Siblings, config: &Config) -> Result<Vec<Probed>, Failure> {
    let mut sources = match config.sources.as_slice() {
        [] => vec![unasked(siblings)?],
        configured => {
            let looked = configured.iter().map(|source| look_at(siblings, source));
            looked.collect::<Result<_, _>>()?
        }
    };
    for guest in config.guests() {
        sources.push(look_at(siblings, &guest)?);
    }
    Ok(sources)
}

/// The source of a box without a configured one.
fn unasked(siblings: &Siblings) -> Result<Probed, Failure> {
    let camera = look_at(siblings, &SourceConfig::camera(FIRST_CAMERA, "auto"))?;
    match &camera.problem {
        None => Ok(camera),
        Some(problem) => {
            tracing::info!(
                "{problem}: the built-in demo clip plays instead; connect a camera and start \
                 again, or name one with --source v4l2:/dev/video0"
            );
            look_at(siblings, &SourceConfig::demo())
        }
    }
}

/// A source that clients push: there is nothing to look at but its limits.
fn pushed(source: &SourceConfig, limits: &PushLimits) -> Probed {
    let PushLimits {
        max_width_px,
        max_height_px,
        max_fps,
        max_frame_bytes,
        ..
    } = limits;
    Probed {
        source: source.clone(),
        capacity_bytes: *max_frame_bytes as usize,
        description: format!(
            "pushed by clients, up to {max_width_px}x{max_height_px} at {max_fps} fps"
        ),
        problem: None,
    }
}

/// Looks at one source.
///
/// # Errors
///
/// As [`sources`].
pub fn look_at(siblings: &Siblings, source: &SourceConfig) -> Result<Probed, Failure> {
    if let SourceKind::Push(limits) = &source.kind {
        return Ok(pushed(source, limits));
    }
    let kind = serde_json::to_string(&source.kind).map_err(|error| Failure::System {
        what: "describe a source",
        source: error.into(),
    })?;
    let output = siblings.ask(Role::Capture, &["probe".to_owned(), kind])?;
    if !output.status.success() {
        return Err(refusal(&output));
    }
    let probe: Probe = serde_json::from_slice(&output.stdout).map_err(|error| Failure::System {
        what: "understand what capture-worker says about a source",
        source: error.into(),
    })?;
    judge(source, probe)
}

fn judge(source: &SourceConfig, probe: Probe) -> Result<Probed, Failure> {
    let is_camera = matches!(source.kind, SourceKind::V4l2 { .. });
    if !probe.found && !is_camera {
        let problem = probe
            .problem
            .unwrap_or_else(|| "it cannot be used".to_owned());
        return Err(Failure::Refused {
            said: format!("source `{}`: {problem}", source.name),
            advice: Some(format!(
                "mend [sources.{}] or the --source option",
                source.name
            )),
            code: shm_layout::exit::ExitReason::Config as i32,
        });
    }
    let description = if probe.found {
        let Probe {
            format,
            width_px,
            height_px,
            fps,
            device,
            ..
        } = &probe;
        let device = if device.is_empty() {
            String::new()
        } else {
            format!(" from {device}")
        };
        format!(
            "{} {width_px}x{height_px} {format} at {fps} fps{device}",
            source.kind.name()
        )
    } else {
        format!("{} {}", source.kind.name(), probe.device)
    };
    let bytes = probe.frame_bytes_max.max(CAPACITY_BYTES_MIN);
    Ok(Probed {
        source: source.clone(),
        capacity_bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
        description,
        problem: probe.problem,
    })
}

/// The model check while it runs: it takes a while, and the sources can be looked at meanwhile.
#[derive(Debug)]
pub struct ModelCheck {
    program: Child,
    /// Gestures that the configuration has rules for.
    gestures: Vec<String>,
}

impl ModelCheck {
    /// Starts to check that the models are whole and of the right shape.
    ///
    /// # Errors
    ///
    /// [`Failure::System`] if infer-worker cannot be started.
    pub fn start(
        siblings: &Siblings,
        config: &Config,
        instance: &Instance,
    ) -> Result<Self, Failure> {
        let named = config.steady.named.iter();
        let gestures = named.map(|(name, _)| name.clone()).collect();
        siblings
            .command(Role::Infer)
            .arg("check-model")
            .arg("--json")
            .args(model_arguments(&config.infer, instance))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map(|program| Self { program, gestures })
            .map_err(|source| Failure::System {
                what: "start infer-worker",
                source,
            })
    }

    /// Waits for the result.
    ///
    /// # Errors
    ///
    /// [`Failure::Refused`] with what infer-worker says is wrong with the models, or with the gesture
    /// that they do not know.
    pub fn finish(self) -> Result<CheckedModel, Failure> {
        let failed = |source| Failure::System {
            what: "check the models",
            source,
        };
        let output = self.program.wait_with_output().map_err(failed)?;
        if !output.status.success() {
            return Err(refusal(&output));
        }
        let answer: Answer =
            serde_json::from_slice(&output.stdout).map_err(|error| failed(error.into()))?;
        let checked = CheckedModel::from(answer);
        match unknown_gesture(&self.gestures, &checked.info) {
            None => Ok(checked),
            Some(refusal) => Err(refusal),
        }
    }
}

/// The refusal of a configuration with rules for a gesture that the model cannot tell.
fn unknown_gesture(gestures: &[String], model: &ModelInfo) -> Option<Failure> {
    let unknown = gestures.iter().find(|name| !model.labels.contains(name))?;
    let known = model.labels.iter().map(String::as_str);
    let near = config::nearest(unknown, known).map(|near| format!("did you mean `{near}`? "));
    Some(Failure::Refused {
        said: format!(
            "[gestures.{unknown}]: the model {} knows no gesture `{unknown}`",
            model.name
        ),
        advice: Some(format!(
            "{}it knows {}",
            near.unwrap_or_default(),
            model.labels.join(", ")
        )),
        code: ExitReason::Config as i32,
    })
}

/// The options that tell infer-worker which models to use, and what was taught beside them.
#[must_use]
pub fn model_arguments(config: &Infer, instance: &Instance) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["--profile".into(), config.profile.clone().into()];
    if !config.gestures.is_empty() {
        arguments.extend(["--gestures".into(), config.gestures.clone().into()]);
    }
    if !config.manifest.as_os_str().is_empty() {
        arguments.extend(["--manifest".into(), config.manifest.clone().into()]);
    }
    if config.backend != Backend::Tract {
        arguments.extend(["--backend".into(), config.backend.name().into()]);
    }
    if !config.onnxruntime_library.as_os_str().is_empty() {
        let library = config.onnxruntime_library.clone().into();
        arguments.extend(["--onnxruntime-library".into(), library]);
    }
    let taught = teach::folder(config, instance);
    if !taught.as_os_str().is_empty() {
        arguments.extend(["--taught".into(), taught.into()]);
    }
    arguments
}

/// A program's `error: …` and `hint: …` as our own.
pub(crate) fn refusal(output: &Output) -> Failure {
    let text = String::from_utf8_lossy(&output.stderr);
    let line = |prefix: &str| {
        let found = text
            .lines()
            .find_map(|line| line.trim().strip_prefix(prefix));
        found.map(|rest| rest.trim().to_owned())
    };
    let said = line("error:").unwrap_or_else(|| match text.trim() {
        "" => format!("a worker's program ended with {}", output.status),
        text => text.to_owned(),
    });
    Failure::Refused {
        said,
        advice: line("hint:"),
        code: output.status.code().unwrap_or(-1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    fn probe(found: bool) -> Probe {
        Probe {
            found,
            format: "MJPG".to_owned(),
            width_px: 640,
            height_px: 480,
            fps: 30.0,
            frame_bytes_max: 614_400,
            device: "/dev/video0".to_owned(),
            problem: (!found).then(|| "it is not connected".to_owned()),
        }
    }

    #[test]
    fn found_source_is_described_and_sized() {
        let judged = judge(&SourceConfig::camera("cam0", "auto"), probe(true)).unwrap();
        assert_eq!(
            judged.description,
            "v4l2 640x480 MJPG at 30 fps from /dev/video0"
        );
        assert_eq!(judged.capacity_bytes, 614_400);
        let tiny = Probe {
            frame_bytes_max: 10,
            ..probe(true)
        };
        let judged = judge(&SourceConfig::demo(), tiny).unwrap();
        assert_eq!(judged.capacity_bytes as u64, CAPACITY_BYTES_MIN);
    }

    #[test]
    fn missing_camera_is_a_state_and_missing_clip_an_error() {
        let judged = judge(&SourceConfig::camera("cam0", "auto"), probe(false)).unwrap();
        assert_eq!(judged.problem.as_deref(), Some("it is not connected"));
        let failure = judge(&SourceConfig::demo(), probe(false)).unwrap_err();
        assert_eq!(failure.to_string(), "source `demo`: it is not connected");
        assert_eq!(failure.exit_code(), 78);
    }

    #[test]
    fn rules_for_a_gesture_that_the_model_lacks_are_refused_with_those_that_it_has() {
        let model = ModelInfo {
            name: "hands".to_owned(),
            profile: "full".to_owned(),
            sha256: String::new(),
            labels: ["None", "Thumb_Up", "Victory"].map(str::to_owned).to_vec(),
            taught: Vec::new(),
        };
        let check = |name: &str| unknown_gesture(&[name.to_owned()], &model);
        assert!(check("Victory").is_none());
        let failure = check("Thump_Up").unwrap();
        assert_eq!(
            failure.to_string(),
            "[gestures.Thump_Up]: the model hands knows no gesture `Thump_Up`"
        );
        let hint = failure.hint().unwrap();
        assert_eq!(
            hint,
            "did you mean `Thumb_Up`? it knows None, Thumb_Up, Victory"
        );
        assert_eq!(failure.exit_code(), 78);
    }

    #[test]
    fn refusal_says_what_the_program_said() {
        let output = |stderr: &str, code: i32| Output {
            status: ExitStatus::from_raw(code << 8),
            stdout: Vec::new(),
            stderr: stderr.as_bytes().to_vec(),
        };
        let failure = refusal(&output("error: model is damaged\nhint: get it again\n", 78));
        assert_eq!(failure.to_string(), "model is damaged");
        assert_eq!(failure.hint().as_deref(), Some("get it again"));
        assert_eq!(failure.exit_code(), 78);
        assert!(
            refusal(&output("", 3))
                .to_string()
                .contains("exit status: 3")
        );
    }
}
