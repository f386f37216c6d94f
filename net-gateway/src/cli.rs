//! What `net-gateway` does for the supervisor besides serving: it looks at a certificate, and makes
//! the box's own if one is due. Private keys are read by this program alone.
//!
//! Neighbours: `main` decides between this and the worker; [`crate::tls`] does it. The answer goes
//! to standard output as one JSON object, nothing else does.

use crate::tls::own::{self, MakeError};
use crate::tls::{certificate, provider};
use clap::{Args, Parser, Subcommand};
use shm_layout::control::{CertificateAnswer, TlsFiles};
use shm_layout::exit::ExitReason;
use shm_layout::wall_us;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::ExitCode;

/// Serves frames and predictions to network clients. Started by `supervisor start`.
#[derive(Debug, Parser)]
#[command(name = "net-gateway", version, arg_required_else_help = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Says what a certificate is, as one JSON object
    Certificate(Certificate),
}

#[derive(Debug, Args)]
struct Certificate {
    /// PEM file with the certificate, then what leads to its root
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// PEM file with its private key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Make it for these names if there is none, it ends soon or lacks one of them
    #[arg(long = "make-for", value_name = "NAME")]
    names: Vec<String>,
}

/// A refusal: what is wrong, what to do, and the exit code.
type Refused = (String, &'static str, ExitReason);

/// Runs the command on the command line.
#[must_use]
pub fn main() -> ExitCode {
    let Command::Certificate(wanted) = match CommandLine::try_parse() {
        Ok(line) => line.command,
        Err(error) => {
            let code = if error.use_stderr() {
                ExitReason::Usage
            } else {
                ExitReason::Stopped
            };
            // Nobody is left to be told if this fails.
            drop(error.print());
            return ExitCode::from(code as u8);
        }
    };
    let answer = look(wanted).and_then(|answer| {
        let json = serde_json::to_string(&answer);
        json.map_err(|error| (error.to_string(), "this is a bug", ExitReason::Bug))
    });
    match answer {
        Ok(json) => {
            // A reader that closed the pipe early has what it wanted.
            drop(writeln!(std::io::stdout(), "{json}"));
            ExitCode::from(ExitReason::Stopped as u8)
        }
        Err((error, hint, reason)) => {
            eprintln!("error: {error}");
            eprintln!("hint: {hint}");
            ExitCode::from(reason as u8)
        }
    }
}

fn look(wanted: Certificate) -> Result<CertificateAnswer, Refused> {
    let files = TlsFiles {
        certificate: wanted.certificate,
        key: wanted.key,
    };
    let (info, made) = if wanted.names.is_empty() {
        let refused = |error: certificate::CertificateError| {
            (error.to_string(), error.hint(), ExitReason::Config)
        };
        let certificate = certificate::load(&files, &provider()).map_err(refused)?;
        (certificate.info, None)
    } else {
        let names = wanted.names.iter().map(|text| own::name(text));
        let names = names.collect::<Result<Vec<_>, _>>().map_err(refused)?;
        let now_s = wall_us() / 1_000_000;
        own::ensure(&files, &names, now_s).map_err(refused)?
    };
    let mode = std::fs::metadata(&files.key).map(|facts| facts.permissions().mode());
    Ok(CertificateAnswer {
        info,
        made: made.map(|due| due.to_string()),
        // Read or write for anybody, or write for a group.
        is_key_open: mode.is_ok_and(|mode| mode & 0o026 != 0),
    })
}

fn refused(error: MakeError) -> Refused {
    let (hint, reason) = match &error {
        MakeError::Name(_) => ("leave it out of `tls.names`", ExitReason::Config),
        MakeError::Write { .. } => (
            "the user that runs Wigwag must be able to write there; or give `tls.certificate` and \
             `tls.key`",
            ExitReason::Unavailable,
        ),
        MakeError::Library(_) | MakeError::Made(_) => (
            "give `tls.certificate` and `tls.key` meanwhile",
            ExitReason::Bug,
        ),
    };
    (error.to_string(), hint, reason)
}
