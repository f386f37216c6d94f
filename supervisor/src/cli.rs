//! The command line: what `supervisor` understands. `crate::command` carries it out.

use crate::config::Options;
use crate::instance::Instance;
use clap::{Args, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;

/// Wigwag: cameras in, recognised hand gestures and live video out.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, max_term_width = 100)]
pub struct CommandLine {
    /// Which box of this user; several run side by side under different names
    #[arg(long, global = true, value_name = "NAME", default_value = "default")]
    pub instance: Instance,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "Examples:
  supervisor start                                    first camera, else the demo clip
  supervisor start --source v4l2:/dev/video2          that camera
  supervisor start --source door=v4l2:auto --source clip:hands.mjpeg
  supervisor start --config wigwag.toml --instance lab
  supervisor status --json | jq .state
  supervisor restart capture/cam0
  supervisor reload                                   after wigwag.toml was changed
  supervisor teach wave --seconds 5 --reload          a gesture of your own
  supervisor predict hand.jpg";

/// One verb each.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the box in the foreground until Ctrl-C or `stop`
    Start(Settings),
    /// Stop the running box and wait until it is gone
    Stop,
    /// Restart one unit, e.g. `capture/cam0`, `infer/0` or `gateway`
    Restart {
        /// The unit, as `status` names it; `capture` or `infer` means all of that kind
        unit: String,
    },
    /// Read the configuration again and apply what changed, where it changed
    Reload,
    /// Show the units, sources and addresses of the running box
    Status {
        /// As JSON, the same as `GET /api/v1/status`
        #[arg(long)]
        json: bool,
    },
    /// Show where the page is, with a QR code for phones, and its certificate's fingerprint
    Address,
    /// Check the configuration and its model, and show each value with where it came from
    CheckConfig(Settings),
    /// Show what is kept of a process that died: the latest, or the one with that ID
    Postmortem {
        /// Which one, as `--list` names it
        #[arg(value_name = "ID", conflicts_with_all = ["last", "list"])]
        id: Option<String>,
        /// The latest one; the same as without ID
        #[arg(long, conflicts_with = "list")]
        last: bool,
        /// All of them, one line each
        #[arg(long)]
        list: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
        /// The configuration whose `black_box.folder` is looked into
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Find what will hurt a box here, and how to mend it (exit code 69: it cannot start)
    Doctor {
        /// As JSON
        #[arg(long)]
        json: bool,
        /// The configuration of the box
        #[command(flatten)]
        settings: Settings,
    },
    /// List the cameras of this machine with their stable ids and modes
    ListDevices {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a token for a program, show it once, and what goes into the configuration
    Token(Credential),
    /// Ask for a password for a person, and show what goes into the configuration
    Password(Credential),
    /// Recognise gestures in pictures, one line of JSON per picture
    Predict {
        /// The configuration whose models are used
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// JPEG or PNG files
        #[arg(required = true, value_name = "IMAGE")]
        images: Vec<PathBuf>,
    },
    /// Count how often labelled pictures or clips are recognised, per class, with confusions
    Eval(Evaluation),
    /// Learn a gesture of your own from a source of the running box, or from pictures
    Teach(Lesson),
    /// Remove a gesture that was taught
    Forget {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
        /// Reload the running box, so that it forgets it too
        #[arg(long)]
        reload: bool,
        /// The configuration whose gestures are meant, instead of the running box's
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// List the gestures of the model and those that were taught
    Gestures {
        /// As JSON
        #[arg(long)]
        json: bool,
        /// The configuration whose gestures are meant, instead of the running box's
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

/// What is taught, and from where.
#[derive(Debug, Args)]
pub struct Lesson {
    /// Name of the gesture: letters, digits, `-` and `_`, up to 24 bytes
    #[arg(value_name = "NAME")]
    name: String,
    /// Source of the running box that shows it [default: the only one]
    #[arg(long, value_name = "NAME", conflicts_with = "pictures")]
    pub source: Option<String>,
    /// How long to look, in seconds, 1 to 60 [default: 5]
    #[arg(long, value_name = "N", conflicts_with = "pictures")]
    seconds: Option<u64>,
    /// Learn from that hand, for that hand alone: left, right, any [default: any]
    #[arg(long, value_name = "SIDE")]
    hand: Option<String>,
    /// Learn from the JPEG and PNG pictures in this folder instead, each with one hand
    #[arg(long, value_name = "FOLDER")]
    pub pictures: Option<PathBuf>,
    /// Room added around each picture, in parts of its longer side, 0 to 4; for tight crops
    #[arg(long, value_name = "PARTS", requires = "pictures")]
    margin: Option<f32>,
    /// Learn from what was taught under this name before, too
    #[arg(long, conflicts_with = "replace")]
    add: bool,
    /// Learn what was taught under this name anew
    #[arg(long)]
    replace: bool,
    /// Reload the running box, so that it knows it at once
    #[arg(long)]
    pub reload: bool,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// The configuration whose gestures are meant, instead of the running box's
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl Lesson {
    /// What infer-worker is to be told, beside its models and the source.
    pub fn arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = Vec::new();
        let mut say = |option: &str, value: Option<OsString>| {
            if let Some(value) = value {
                arguments.extend([option.into(), value]);
            }
        };
        let seconds = self.seconds.map(|seconds| seconds.to_string().into());
        say("--seconds", seconds);
        say("--hand", self.hand.clone().map(Into::into));
        say("--pictures", self.pictures.clone().map(Into::into));
        say(
            "--margin",
            self.margin.map(|margin| margin.to_string().into()),
        );
        let flags = [
            ("--add", self.add),
            ("--replace", self.replace),
            ("--json", self.json),
        ];
        let given = flags.iter().filter(|(_, given)| *given);
        arguments.extend(given.map(|(flag, _)| OsString::from(flag)));
        arguments.extend(["--".into(), self.name.clone().into()]);
        arguments
    }
}

/// What is evaluated, and how the result is told.
#[derive(Debug, Args)]
pub struct Evaluation {
    /// The configuration whose models are used
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Room added around each picture, in parts of its longer side, 0 to 4; for tight crops
    #[arg(long, value_name = "PARTS")]
    margin: Option<f32>,
    /// Frames a second of clips whose labels do not say it, 0.1 to 240 [default: 15]
    #[arg(long, value_name = "NUMBER")]
    fps: Option<f64>,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Write the confusion matrix and the events of clips to this file, as PNG
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    /// A folder of pictures for each class, or clips, each with a labels.json
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

impl Evaluation {
    /// What infer-worker is to be told, beside its models.
    pub fn arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = Vec::new();
        if let Some(margin) = self.margin {
            arguments.extend(["--margin".into(), margin.to_string().into()]);
        }
        if let Some(fps) = self.fps {
            arguments.extend(["--fps".into(), fps.to_string().into()]);
        }
        if let Some(picture) = &self.picture {
            arguments.extend(["--picture".into(), picture.into()]);
        }
        if self.json {
            arguments.push("--json".into());
        }
        arguments.extend(["--".into(), self.folder.clone().into()]);
        arguments
    }
}

/// Whom a token or password is for.
#[derive(Debug, Args)]
pub struct Credential {
    /// Its table in the configuration, `[access.NAME]`
    #[arg(value_name = "NAME")]
    pub name: String,
    /// What it may do: watch, push, control; several with commas. Without it: as before, else watch
    #[arg(long, value_name = "ROLES", value_delimiter = ',')]
    pub roles: Option<Vec<String>>,
    /// Write it into this TOML file; everything else in it stays as it is
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Where the configuration comes from.
#[derive(Debug, Args)]
pub struct Settings {
    /// TOML file; without it everything has its default
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// [NAME=]v4l2:DEVICE, [NAME=]clip:PATH or [NAME=]pattern:[WxH[@FPS]]; replaces the file's sources
    #[arg(long = "source", value_name = "SOURCE")]
    sources: Vec<String>,
    /// Address of the page and the API, instead of the file's `gateway.http`
    #[arg(long, value_name = "ADDRESS")]
    http: Option<String>,
    /// Address of the wire protocol, instead of the file's `gateway.wire`
    #[arg(long, value_name = "ADDRESS")]
    wire: Option<String>,
}

impl From<Settings> for Options {
    fn from(settings: Settings) -> Self {
        Self {
            file: settings.config,
            sources: settings.sources,
            http: settings.http,
            wire: settings.wire,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn help_fits_one_screen_and_ends_with_examples() {
        let help = CommandLine::command().render_help().to_string();
        assert!(help.lines().count() <= 40, "{} lines", help.lines().count());
        assert!(
            help.trim_end().ends_with("supervisor predict hand.jpg"),
            "{help}"
        );
        assert!(help.lines().all(|line| line.chars().count() <= 100));
    }

    #[test]
    fn eval_passes_on_what_it_was_told() {
        let line = [
            "supervisor",
            "eval",
            "--json",
            "--margin",
            "0.5",
            "--fps",
            "25",
            "--picture",
            "m.png",
            "-",
        ];
        let parsed = CommandLine::try_parse_from(line).unwrap();
        let Command::Eval(what) = parsed.command else {
            panic!("another verb");
        };
        let told = [
            "--margin",
            "0.5",
            "--fps",
            "25",
            "--picture",
            "m.png",
            "--json",
            "--",
            "-",
        ];
        assert_eq!(what.arguments(), told);
    }

    #[test]
    fn instance_goes_before_or_after_the_verb() {
        for line in [
            ["supervisor", "--instance", "lab", "stop"],
            ["supervisor", "stop", "--instance", "lab"],
        ] {
            let parsed = CommandLine::try_parse_from(line).unwrap();
            assert_eq!(parsed.instance.name(), "lab");
        }
        assert!(CommandLine::try_parse_from(["supervisor", "--instance", "../x", "stop"]).is_err());
    }
}
