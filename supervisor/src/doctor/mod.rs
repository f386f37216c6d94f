//! `supervisor doctor`: finds what will hurt later, and says how to mend it.
//!
//! Each module is one subject: what it gathers from the system, and pure checks over what was
//! gathered. Nothing is changed anywhere, and no running box is disturbed: cameras and models are
//! looked at through the programs that use them, and only while no box of the instance runs.

mod cameras;
mod certificate;
mod clock;
mod finding;
mod kernel;
mod leftovers;
mod limits;
mod memory;
mod ports;
mod programs;
mod remove_ipc;
mod usb;

pub use finding::{Finding, Level};

use crate::config::{self, Config, Options};
use crate::failure::Failure;
use crate::instance::{Instance, RuntimeFiles};
use crate::probe;
use crate::siblings::Siblings;
use shm_layout::control::SourceKind;
use shm_layout::segment::SegmentName;

/// Frame slots are planned with this size when the sources cannot be asked: raw 640x480.
const CAPACITY_BYTES_GUESSED: usize = 640 * 480 * 2;

/// Looks at everything that a box of `instance` with these options depends on; problems first.
#[must_use]
pub fn examine(instance: &Instance, options: &Options) -> Vec<Finding> {
    let mut findings = Vec::new();
    let config = match config::load(options) {
        Ok(loaded) => loaded.config,
        Err(error) => {
            findings.push(finding::from_failure("config", &error.into()));
            Config::default()
        }
    };
    let running = match RuntimeFiles::open(instance) {
        Ok(files) => {
            findings.extend(leftovers::look(&files, &SegmentName::new(instance.name())));
            leftovers::holder(&files.lock())
        }
        Err(error) => {
            findings.push(finding::from_failure("runtime folder", &error.into()));
            None
        }
    };
    if let Some(pid) = running {
        let says = format!("`{instance}` runs (pid {pid}); sources and models are not looked at");
        findings.push(Finding::ok("box", says));
    }
    let capacities = workers_and_sources(instance, &config, running.is_some(), &mut findings);
    findings.extend(memory::look(instance, &config, &capacities));
    findings.extend(ports::look(&config.gateway, running));
    if let Ok(siblings) = Siblings::find() {
        findings.extend(certificate::look(&siblings, &config, instance));
    }
    findings.extend(limits::look(&config.gateway));
    findings.push(remove_ipc::look());
    findings.extend(cameras::look());
    findings.extend(usb::look());
    findings.extend(clock::look());
    findings.push(kernel::look());
    // Stable: findings of the same level stay in the order of a start.
    findings.sort_by_key(|finding| finding.level);
    findings
}

/// Programs, models and sources; gives the bytes that each source's frame slots need.
fn workers_and_sources(
    instance: &Instance,
    config: &Config,
    runs: bool,
    findings: &mut Vec<Finding>,
) -> Vec<usize> {
    let guessed = || vec![CAPACITY_BYTES_GUESSED; config.sources.len().max(1)];
    let siblings = match Siblings::find() {
        Ok(siblings) => siblings,
        Err(failure) => {
            findings.push(finding::from_failure("programs", &failure));
            return guessed();
        }
    };
    findings.push(programs::look(&siblings));
    if runs {
        return guessed();
    }
    findings.push(programs::look_at_models(&siblings, config, instance));
    match probe::sources(&siblings, config) {
        Ok(probed) => {
            for source in &probed {
                findings.push(judge_source(source));
            }
            probed.iter().map(|source| source.capacity_bytes).collect()
        }
        Err(failure) => {
            findings.push(finding::from_failure("source", &failure));
            guessed()
        }
    }
}

fn judge_source(probed: &probe::Probed) -> Finding {
    let name = &probed.source.name;
    match &probed.problem {
        None => Finding::ok("source", format!("{name}: {}", probed.description)),
        Some(problem) => {
            let finding = Finding::warn("source", format!("{name}: {problem}"))
                .meaning("the box starts without it and tries it again and again");
            if matches!(probed.source.kind, SourceKind::V4l2 { .. }) {
                finding.mend("`supervisor list-devices` shows which cameras there are")
            } else {
                finding
            }
        }
    }
}

/// The outcome of an examination: an error if something will prevent the start.
///
/// # Errors
///
/// [`Failure::Unfit`] with the number of such findings.
pub fn verdict(findings: &[Finding]) -> Result<(), Failure> {
    let fails = findings.iter().filter(|f| f.level == Level::Fail).count();
    match fails {
        0 => Ok(()),
        fails => Err(Failure::Unfit { fails }),
    }
}

/// The findings for people: one line each, problems first, what to do indented below.
#[must_use]
pub fn to_text(findings: &[Finding]) -> String {
    findings.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_failed_check_is_an_error() {
        let ok = Finding::ok("port", "free");
        let warn = Finding::warn("clock", "nobody keeps it");
        let fail = Finding::fail("port", "taken");
        assert!(verdict(&[ok.clone(), warn.clone()]).is_ok());
        let failure = verdict(&[fail, warn, ok]).unwrap_err();
        assert_eq!(failure.exit_code(), 69);
        assert!(failure.to_string().starts_with("1 "), "{failure}");
    }

    #[test]
    fn missing_camera_is_a_warning() {
        let probed = |problem: Option<&str>| probe::Probed {
            source: crate::config::SourceConfig::camera("cam0", "auto"),
            capacity_bytes: 1,
            description: "v4l2".to_owned(),
            problem: problem.map(str::to_owned),
        };
        assert_eq!(judge_source(&probed(None)).level, Level::Ok);
        let finding = judge_source(&probed(Some("it is held by another program")));
        assert_eq!(finding.level, Level::Warn);
        assert!(finding.says.contains("held by another program"));
    }
}
