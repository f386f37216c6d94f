//! Who serves: a box of the product, uStreamer, and the classic Python design; each with the same
//! frames at the same pace, started for one turn.

use super::frames;
use super::stream::Protocol;
use crate::options::Options;
use crate::peer::is_live;
use crate::product::{RunningBox, SOURCE, Setup};
use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Frames a second of everybody.
const FPS: u32 = 30;
/// How long a server may take to serve.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(20);

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// The product.
    Wigwag,
    /// Debian's ustreamer.
    Ustreamer,
    /// multiprocessing.Manager, pickle and struct over TCP.
    Classic,
}

impl Kind {
    /// How the results call it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Wigwag => "Wigwag",
            Self::Ustreamer => "uStreamer",
            Self::Classic => "classic Python",
        }
    }

    /// Whether it can be measured on this machine.
    #[must_use]
    pub fn is_there(self, options: &Options) -> bool {
        match self {
            Self::Wigwag => true,
            Self::Ustreamer => options.camera.is_some(),
            Self::Classic => options.python.is_some(),
        }
    }

    /// How it talks.
    #[must_use]
    pub fn protocol(self) -> Protocol {
        match self {
            Self::Classic => Protocol::Pickle,
            _ => Protocol::Multipart,
        }
    }
}

/// One that runs until this is dropped.
#[derive(Debug)]
pub enum Running {
    /// The product.
    Wigwag(RunningBox),
    /// A process, with its children in a group of its own.
    Other(Other),
}

/// What is no box.
#[derive(Debug)]
pub struct Other {
    kind: Kind,
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Running {
    /// Starts one, and waits until it serves.
    ///
    /// # Errors
    ///
    /// It does not.
    pub fn start(options: &Options, kind: Kind) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let clip = folder.path().join("clip.mjpeg");
        frames::write(options, &clip)?;
        match kind {
            Kind::Wigwag => {
                let config = configuration(options);
                let setup = Setup {
                    clip: fs::read(&clip)?,
                    config,
                };
                Ok(Self::Wigwag(RunningBox::start_with(
                    options, "serving", &setup,
                )?))
            }
            Kind::Ustreamer => {
                let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
                let camera = options.camera.as_deref().context("no stand-in camera")?;
                let mut command = Command::new("ustreamer");
                command
                    .env("LD_PRELOAD", camera)
                    .env("STAND_IN_CLIP", &clip)
                    .env("STAND_IN_FPS", FPS.to_string())
                    .env("STAND_IN_STAMP", "1")
                    .args(["--device", "/dev/video0", "--resolution", "640x480"])
                    .args([
                        "--format",
                        "MJPEG",
                        "--encoder",
                        "HW",
                        "--host",
                        "127.0.0.1",
                    ])
                    .arg(format!("--port={}", address.port()));
                let child = spawn(command, Stdio::null())?;
                Self::Other(Other {
                    kind,
                    child,
                    address,
                    _folder: folder,
                })
                .served()
            }
            Kind::Classic => {
                let python = options.python.as_deref().context("no Python")?;
                let mut command = Command::new(python);
                command
                    .arg(options.folder.join("classic.py"))
                    .arg(&clip)
                    .arg(FPS.to_string());
                let mut child = spawn(command, Stdio::piped())?;
                let mut port = String::new();
                let said = child.stdout.take().context("its output")?;
                BufReader::new(said).read_line(&mut port)?;
                let port = port.trim().parse().context("classic.py names no port")?;
                Self::Other(Other {
                    kind,
                    child,
                    address: SocketAddr::from(([127, 0, 0, 1], port)),
                    _folder: folder,
                })
                .served()
            }
        }
    }

    fn served(self) -> Result<Self> {
        let began = Instant::now();
        while !self.is_live() {
            ensure!(began.elapsed() < PATIENCE, "it does not serve: {self:?}");
            std::thread::sleep(LOOK);
        }
        Ok(self)
    }

    fn is_live(&self) -> bool {
        match self {
            Self::Other(Other {
                kind: Kind::Ustreamer,
                address,
                ..
            }) => is_live(*address),
            running => TcpStream::connect(running.address()).is_ok(),
        }
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Wigwag(running) => running.http(),
            Self::Other(other) => other.address,
        }
    }

    /// What clients ask for.
    #[must_use]
    pub fn path(&self, fps: u32) -> String {
        match (self, fps) {
            (Self::Wigwag(_), 0) => format!("/stream/{SOURCE}"),
            (Self::Wigwag(_), fps) => format!("/stream/{SOURCE}?fps={fps}"),
            (Self::Other(_), _) => "/stream".to_owned(),
        }
    }

    /// The processes that capture and serve.
    ///
    /// # Errors
    ///
    /// It is gone.
    pub fn pids(&self) -> Result<Vec<i32>> {
        match self {
            Self::Wigwag(running) => {
                let processes = running.processes()?.into_iter();
                let is_one = |name: &str| name.starts_with("capture/") || name == "gateway";
                Ok(processes
                    .filter(|(name, _)| is_one(name))
                    .map(|(_, pid)| pid)
                    .collect())
            }
            Self::Other(other) => group(other.child.id() as i32),
        }
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // All of the group: the classic design has children.
        let _ended = kill(Pid::from_raw(-(self.child.id() as i32)), Signal::SIGKILL);
        let _ended = self.child.wait();
    }
}

fn spawn(mut command: Command, stdout: Stdio) -> Result<Child> {
    let program = format!("{command:?}");
    command
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(Stdio::null());
    command.process_group(0);
    command
        .spawn()
        .with_context(|| format!("cannot start {program}"))
}

/// The processes of a group.
fn group(leader: i32) -> Result<Vec<i32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let group = nix::unistd::getpgid(Some(Pid::from_raw(pid)));
        if group.is_ok_and(|group| group.as_raw() == leader) {
            found.push(pid);
        }
    }
    ensure!(!found.is_empty(), "it is gone");
    Ok(found)
}

fn configuration(options: &Options) -> String {
    format!(
        r#"[sources.{SOURCE}]
type = "clip"
path = "hand.mjpeg"
fps = {FPS}.0
looped = true

[infer]
workers = 1
idle_fps = 3
manifest = "{}"

[gateway]
http = "127.0.0.1:0"
wire = "127.0.0.1:0"
max_clients = 1200
max_clients_per_address = 1200
"#,
        options.manifest().display()
    )
}
