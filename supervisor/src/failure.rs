//! Why a command of the supervisor fails: what is said, what to do about it, and the exit code.

use crate::config::ConfigError;
use crate::geometry::NoRoom;
use crate::instance::{Instance, RuntimeDirError};
use shm_layout::exit::ExitReason;
use shm_layout::layout::GeometryError;
use shm_layout::segment::SegmentError;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a command fails. Only `main` prints it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The runtime folder cannot be used.
    #[error(transparent)]
    RuntimeDir(#[from] RuntimeDirError),
    /// The lock file cannot be used.
    #[error(transparent)]
    Lock(#[from] crate::lock::LockError),
    /// A supervisor runs for the instance already.
    #[error("box `{instance}` runs already{}", told(*pid, page.as_deref()))]
    Running {
        /// The instance.
        instance: Instance,
        /// Process id of its supervisor, if it could be learned.
        pid: Option<u32>,
        /// Its page, if it could be learned.
        page: Option<String>,
    },
    /// A supervisor with another runtime folder owns the segment.
    #[error("shared memory `{segment}` belongs to another supervisor that is running")]
    SegmentHeld {
        /// Name of the segment.
        segment: String,
    },
    /// No supervisor runs for the instance.
    #[error("no box `{instance}` is running")]
    NotRunning {
        /// The instance.
        instance: Instance,
    },
    /// One of the four programs is missing.
    #[error("program `{}` is missing", path.display())]
    NoProgram {
        /// Where it was expected.
        path: PathBuf,
    },
    /// A sibling program that was asked something before the start said no.
    #[error("{said}")]
    Refused {
        /// What it said.
        said: String,
        /// Its advice.
        advice: Option<String>,
        /// Its exit code.
        code: i32,
    },
    /// A sibling program that worked for this command has told already why it failed.
    #[error("a worker's program ended with exit code {code}")]
    Told {
        /// Its exit code.
        code: i32,
    },
    /// Nobody can listen on that address.
    #[error("cannot listen on {address} (`gateway.{key}`)")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Its key in the config.
        key: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// Nobody can listen at that path.
    #[error("cannot listen at `{}` (`gateway.http_unix`)", path.display())]
    ListenUnix {
        /// The path.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There can be no certificate.
    #[error("{why}")]
    Certificate {
        /// What is wrong.
        why: &'static str,
        /// What to do about it.
        advice: &'static str,
    },
    /// A socket that systemd passed cannot be used.
    #[error("cannot use {what} that systemd passed: {why}")]
    Passed {
        /// Which.
        what: String,
        /// Why not.
        why: String,
    },
    /// Others reach the box, and nobody is allowed in.
    #[error("{}{}", crate::config::open_door_text(key, *address), if *is_passed { " (systemd passed it)" } else { "" })]
    OpenDoor {
        /// Where it listens.
        address: SocketAddr,
        /// Key of that listener.
        key: &'static str,
        /// Whether systemd opened it.
        is_passed: bool,
    },
    /// The segment does not fit.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// The segment's sizes are out of range.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
    /// The segment cannot be made.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// The system refused something.
    #[error("cannot {what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// Nothing is kept of any death.
    #[error("no black box in `{}`", folder.display())]
    NoBlackBox {
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// The doctor found what will prevent the start.
    #[error("{fails} of these will prevent the start")]
    Unfit {
        /// How many.
        fails: usize,
    },
    /// The running supervisor answered a request with an error.
    #[error("{said}")]
    Answer {
        /// What it said.
        said: String,
        /// Its advice.
        advice: Option<String>,
    },
    /// The running supervisor does not answer, or does not stop.
    #[error("box `{instance}` {what}")]
    Silent {
        /// The instance.
        instance: Instance,
        /// What it does not do.
        what: String,
    },
}

fn told(pid: Option<u32>, page: Option<&str>) -> String {
    let pid = pid.map(|pid| format!(", pid {pid}")).unwrap_or_default();
    let page = page
        .map(|page| format!(", page {page}"))
        .unwrap_or_default();
    format!("{pid}{page}")
}

impl Failure {
    /// What failed, and what made it fail, in one line.
    #[must_use]
    pub fn in_full(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        text
    }

    /// The exit code that says the same.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let reason = match self {
            Self::Config(_)
            | Self::Geometry(_)
            | Self::Passed { .. }
            | Self::OpenDoor { .. }
            | Self::Certificate { .. } => ExitReason::Config,
            Self::Answer { .. } => ExitReason::Usage,
            Self::Refused { code, .. } | Self::Told { code } => {
                return u8::try_from(*code)
                    .ok()
                    .filter(|code| *code != 0)
                    .unwrap_or(70);
            }
            Self::RuntimeDir(_)
            | Self::Lock(_)
            | Self::Running { .. }
            | Self::SegmentHeld { .. }
            | Self::NotRunning { .. }
            | Self::NoProgram { .. }
            | Self::Listen { .. }
            | Self::ListenUnix { .. }
            | Self::NoRoom(_)
            | Self::Segment(_)
            | Self::System { .. }
            | Self::NoBlackBox { .. }
            | Self::Unfit { .. }
            | Self::Silent { .. } => ExitReason::Unavailable,
        };
        reason as u8
    }

    /// Whether the user was told already.
    #[must_use]
    pub fn is_told(&self) -> bool {
        matches!(self, Self::Told { .. })
    }

    /// One act that mends it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let fixed = |text: &str| Some(text.to_owned());
        match self {
            Self::Config(error) => error.hint(),
            Self::RuntimeDir(_) => {
                fixed("set XDG_RUNTIME_DIR to a folder of this user's alone with a short path")
            }
            Self::Running { instance, .. } => Some(format!(
                "`supervisor stop --instance {instance}` ends it; --instance NAME runs another \
                 beside it"
            )),
            Self::SegmentHeld { .. } => {
                fixed("it has another XDG_RUNTIME_DIR; stop it there, or choose another --instance")
            }
            Self::NotRunning { instance } => Some(format!(
                "`supervisor start --instance {instance}` starts it"
            )),
            Self::NoBlackBox { .. } => fixed(
                "there is one after a process died; another --instance or --config may have some",
            ),
            Self::NoProgram { .. } => {
                fixed("build all four programs: cargo build --release --workspace --bins")
            }
            Self::Refused { advice, .. } | Self::Answer { advice, .. } => advice.clone(),
            Self::Listen {
                address,
                key,
                source,
            } => Some(listen_hint(*address, key, source)),
            Self::ListenUnix { source, .. } => Some(listen_unix_hint(source)),
            Self::Certificate { advice, .. } => fixed(advice),
            Self::Passed { .. } => fixed(
                "the socket unit has two lines, ListenStream=ADDRESS:PORT for the page and for the \
                 wire protocol, in this order, perhaps ListenStream=/PATH for a proxy, and no \
                 Accept=yes",
            ),
            Self::OpenDoor { .. } => Some(crate::config::open_door_hint(None)),
            Self::NoRoom(error) => fixed(error.hint()),
            Self::Segment(SegmentError::NoSpace { .. }) => {
                fixed("make /dev/shm larger; in a container with --shm-size")
            }
            _ => None,
        }
    }
}

fn listen_hint(address: SocketAddr, key: &str, source: &io::Error) -> String {
    let port = address.port();
    match source.kind() {
        io::ErrorKind::AddrInUse => format!(
            "`ss -ltnp 'sport = :{port}'` shows who has it; choose another with --{key} ADDRESS \
             (port 0 = any free one)"
        ),
        io::ErrorKind::PermissionDenied => {
            format!("ports below 1024 need privileges; choose another with --{key} ADDRESS")
        }
        _ => format!("choose an address of this machine with --{key} ADDRESS"),
    }
}

fn listen_unix_hint(source: &io::Error) -> String {
    let hint = match source.kind() {
        io::ErrorKind::AddrInUse => "another program listens there; choose another path",
        io::ErrorKind::AlreadyExists => "move it away, or choose another path",
        io::ErrorKind::NotFound => "make its folder first",
        _ => "choose a path in a folder in which the user that runs Wigwag may write",
    };
    hint.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_start_says_who_runs_and_where() {
        let running = |pid, page: Option<&str>| Failure::Running {
            instance: "lab".parse().unwrap(),
            pid,
            page: page.map(str::to_owned),
        };
        assert_eq!(
            running(Some(12), Some("http://127.0.0.1:8080/")).to_string(),
            "box `lab` runs already, pid 12, page http://127.0.0.1:8080/"
        );
        assert_eq!(running(None, None).to_string(), "box `lab` runs already");
        assert_eq!(running(None, None).exit_code(), 69);
    }

    #[test]
    fn refusal_of_a_sibling_keeps_its_exit_code() {
        let refused = |code| Failure::Refused {
            said: String::new(),
            advice: None,
            code,
        };
        assert_eq!(refused(78).exit_code(), 78);
        assert_eq!(refused(0).exit_code(), 70, "a refusal is never a success");
        assert_eq!(refused(-1).exit_code(), 70);
    }
}
