//! Carries out one verb of the command line.

use crate::cli::{Command, CommandLine, Credential, Evaluation};
use crate::config::{self, Config, Infer, Options, to_toml};
use crate::control_socket::{Reply, Request, ask};
use crate::credentials::verbs;
use crate::doctor;
use crate::failure::Failure;
use crate::instance::{Instance, RuntimeFiles};
use crate::page_address;
use crate::postmortem;
use crate::probe::{ModelCheck, model_arguments};
use crate::run;
use crate::siblings::Siblings;
use crate::status::to_text;
use crate::teach;
use crate::units::Outcome;
use serde::Serialize;
use shm_layout::control::{BoxState, BoxStatus, ReloadState, ReloadStatus, Role, UnitChange};
use shm_layout::exit::ExitReason;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long `stop` and `restart` wait for it to be done.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often `restart` looks whether the new process is ready.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Carries out what the command line says.
///
/// # Errors
///
/// [`Failure`] says why it cannot be done.
pub fn run(line: CommandLine) -> Result<(), Failure> {
    let instance = line.instance;
    match line.command {
        Command::Start(settings) => run::run(&instance, &settings.into()),
        Command::Stop => stop(&instance),
        Command::Restart { unit } => restart(&instance, &unit),
        Command::Reload => reload(&instance),
        Command::Status { json } => status(&instance, json),
        Command::Address => address(&instance),
        Command::CheckConfig(settings) => check_config(&instance, &settings.into()),
        Command::Postmortem {
            id,
            list,
            json,
            config,
            ..
        } => {
            let store = postmortem::store(&instance, config)?;
            print(&if list {
                postmortem::list(&store, json)?
            } else {
                postmortem::show(&store, id.as_deref(), json)?
            })
        }
        Command::Doctor { json, settings } => doctor(&instance, &settings.into(), json),
        Command::ListDevices { json } => list_devices(json),
        Command::Token(whom) => print(&verbs::token(&credential(&whom))?),
        Command::Password(whom) => print(&verbs::password(&credential(&whom))?),
        Command::Predict { config, images } => predict(&instance, config, &images),
        Command::Eval(what) => eval(&instance, &what),
        Command::Teach(lesson) => teach::teach(&instance, &lesson),
        Command::Forget {
            name,
            reload,
            config,
        } => teach::forget(&instance, &name, config, reload),
        Command::Gestures { json, config } => teach::list(&instance, config, json),
    }
}

fn credential(whom: &Credential) -> verbs::For<'_> {
    verbs::For {
        name: &whom.name,
        roles: whom.roles.as_deref(),
        file: whom.config.as_deref(),
    }
}

/// Asks the running box of the instance.
pub(crate) fn question(
    instance: &Instance,
    request: &Request,
) -> Result<(Reply, UnixStream), Failure> {
    let files = RuntimeFiles::open(instance)?;
    let (reply, stream) = ask(&files.socket(), request).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Failure::NotRunning {
            instance: instance.clone(),
        },
        _ => Failure::System {
            what: "ask the running box",
            source,
        },
    })?;
    match reply {
        Reply::Error { error, hint } => Err(Failure::Answer {
            said: error,
            advice: hint,
        }),
        reply => Ok((reply, stream)),
    }
}

fn box_status(instance: &Instance) -> Result<BoxStatus, Failure> {
    match question(instance, &Request::Status)? {
        (Reply::Status(status), _) => Ok(*status),
        _ => Err(silent(instance, "gives a wrong answer")),
    }
}

fn silent(instance: &Instance, what: &str) -> Failure {
    Failure::Silent {
        instance: instance.clone(),
        what: what.to_owned(),
    }
}

fn status(instance: &Instance, json: bool) -> Result<(), Failure> {
    let status = box_status(instance)?;
    let text = if json {
        to_json(&status)?
    } else {
        to_text(&status)
    };
    print(&text)
}

fn address(instance: &Instance) -> Result<(), Failure> {
    let status = box_status(instance)?;
    let page = page_address::of(&status);
    print(&format!("{page}\n"))?;
    if let Some(certificate) = &status.tls {
        print(&format!(
            "certificate SHA-256 {}\n",
            certificate.fingerprint
        ))?;
    }
    let is_open = status.http.parse().is_ok_and(page_address::is_open);
    match page_address::qr_code(&page) {
        Some(picture) if is_open && io::stdout().is_terminal() => print(&picture),
        _ if !is_open => print("only this machine can reach it; `gateway.http` opens it\n"),
        _ => Ok(()),
    }
}

pub(crate) fn to_json(value: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value);
    let text = text.map_err(|error| Failure::System {
        what: "write JSON",
        source: error.into(),
    });
    Ok(text? + "\n")
}

fn doctor(instance: &Instance, options: &Options, json: bool) -> Result<(), Failure> {
    let findings = doctor::examine(instance, options);
    let text = if json {
        to_json(&findings)?
    } else {
        doctor::to_text(&findings)
    };
    print(&text)?;
    doctor::verdict(&findings)
}

fn stop(instance: &Instance) -> Result<(), Failure> {
    let (reply, mut stream) = question(instance, &Request::Stop)?;
    // The connection ends when the supervisor does.
    let ended = stream
        .set_read_timeout(Some(PATIENCE))
        .and_then(|()| stream.read(&mut [0]));
    match (reply, ended) {
        (Reply::Stopping { .. }, Ok(_)) => print(&format!("box `{instance}` stopped\n")),
        (Reply::Stopping { pid }, Err(error)) if error.kind() != io::ErrorKind::ConnectionReset => {
            Err(silent(
                instance,
                &format!("has not stopped yet (pid {pid})"),
            ))
        }
        (Reply::Stopping { .. }, Err(_)) => print(&format!("box `{instance}` stopped\n")),
        _ => Err(silent(instance, "gives a wrong answer")),
    }
}

fn restart(instance: &Instance, unit: &str) -> Result<(), Failure> {
    let request = Request::Restart {
        unit: unit.to_owned(),
    };
    let (Reply::Restarting(mut replaced), _) = question(instance, &request)? else {
        return Err(silent(instance, "gives a wrong answer"));
    };
    let deadline = Instant::now() + PATIENCE;
    loop {
        let Some((name, generation)) = replaced.first() else {
            return print(&format!("{unit} is ready\n"));
        };
        match outcome(instance, name, *generation)? {
            Outcome::Done => {
                replaced.remove(0);
                continue;
            }
            Outcome::Kept(why) => {
                return Err(Failure::Answer {
                    said: format!("`{name}` was not replaced and goes on: {why}"),
                    advice: Some("the supervisor's log has the successor's last words".to_owned()),
                });
            }
            Outcome::Pending => {}
        }
        if Instant::now() > deadline {
            return Err(silent(instance, &format!("has not got `{name}` ready yet")));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

pub(crate) fn reload(instance: &Instance) -> Result<(), Failure> {
    let (Reply::Reloading { number }, _) = question(instance, &Request::Reload)? else {
        return Err(silent(instance, "gives a wrong answer"));
    };
    let mut told = ReloadState::Checking;
    // Each step has its own limit, and the supervisor tells the end in any case.
    loop {
        let status = box_status(instance)?;
        let reload = status.reload.filter(|reload| reload.number == number);
        let Some(reload) = reload else {
            return Err(silent(instance, "was asked for another reload meanwhile"));
        };
        if reload.state.is_final() {
            return end_of_reload(reload);
        }
        if reload.state != told {
            told = reload.state;
            match told {
                ReloadState::Trial => print("the new model serves and is in its trial\n")?,
                ReloadState::Reverting => print("bringing everything back as it was\n")?,
                _ => {}
            }
        }
        if status.state == BoxState::Stopping {
            return Err(silent(instance, "is stopping"));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn end_of_reload(reload: ReloadStatus) -> Result<(), Failure> {
    if reload.state == ReloadState::Unchanged {
        print("nothing changed\n")?;
    }
    let width = reload.changes.iter().map(|change| change.unit.len()).max();
    let width = width.unwrap_or(0);
    for UnitChange { unit, outcome } in &reload.changes {
        print(&format!("{unit:<width$}  {outcome}\n"))?;
    }
    match reload.problem {
        None => Ok(()),
        Some(said) => Err(Failure::Refused {
            said,
            advice: reload.hint,
            code: if reload.state == ReloadState::Rejected {
                ExitReason::Config as i32
            } else {
                ExitReason::Unavailable as i32
            },
        }),
    }
}

fn outcome(instance: &Instance, unit: &str, generation: u64) -> Result<Outcome, Failure> {
    let request = Request::Outcome {
        unit: unit.to_owned(),
        generation,
    };
    match question(instance, &request)? {
        (Reply::Outcome(outcome), _) => Ok(outcome),
        _ => Err(silent(instance, "gives a wrong answer")),
    }
}

fn check_config(instance: &Instance, options: &Options) -> Result<(), Failure> {
    let loaded = config::load(options)?;
    ModelCheck::start(&Siblings::find()?, &loaded.config, instance)?.finish()?;
    let mut text = to_toml(&loaded.settings);
    if loaded.config.sources.is_empty() {
        text = format!("# No source: the first camera, else the built-in demo clip.\n{text}");
    }
    print(&text)
}

/// Becomes `capture-worker list-devices`.
fn list_devices(json: bool) -> Result<(), Failure> {
    let mut command = Siblings::find()?.command(Role::Capture);
    command.arg("list-devices");
    if json {
        command.arg("--json");
    }
    Err(Failure::System {
        what: "start capture-worker",
        source: command.exec(),
    })
}

/// Becomes `infer-worker predict`.
fn predict(
    instance: &Instance,
    config: Option<PathBuf>,
    images: &[PathBuf],
) -> Result<(), Failure> {
    let images = images.iter().map(|image| image.clone().into_os_string());
    with_models(
        instance,
        "predict",
        config,
        ["--".into()].into_iter().chain(images),
    )
}

/// Becomes infer-worker's `verb` with the models of the configuration.
fn with_models(
    instance: &Instance,
    verb: &str,
    config: Option<PathBuf>,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<(), Failure> {
    become_infer(instance, verb, &configured(config)?.infer, arguments)
}

/// Evaluates with the models of the configuration, and by its rules for gestures.
fn eval(instance: &Instance, what: &Evaluation) -> Result<(), Failure> {
    let config = configured(what.config.clone())?;
    let rules = serde_json::to_string(&config.steady).map_err(|source| Failure::System {
        what: "write down the rules of gestures",
        source: source.into(),
    })?;
    let rules = ["--steady".into(), rules.into()];
    become_infer(
        instance,
        "eval",
        &config.infer,
        rules.into_iter().chain(what.arguments()),
    )
}

fn configured(file: Option<PathBuf>) -> Result<Config, Failure> {
    let options = Options {
        file,
        ..Options::default()
    };
    Ok(config::load(&options)?.config)
}

fn become_infer(
    instance: &Instance,
    verb: &str,
    infer: &Infer,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<(), Failure> {
    let mut command = Siblings::find()?.command(Role::Infer);
    command.arg(verb).args(model_arguments(infer, instance));
    command.args(["--max-hands".to_owned(), infer.max_hands.to_string()]);
    command.args(arguments);
    Err(Failure::System {
        what: "start infer-worker",
        source: command.exec(),
    })
}

/// Writes to standard output; a reader who has seen enough is no error.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::System {
            what: "write to standard output",
            source: error,
        }),
        _ => Ok(()),
    }
}
