//! uStreamer as its users run it for good: under a process supervisor that starts it again.
//!
//! runit's `runsv` stands in for the service manager: it starts a service anew at once, without
//! the pause that systemd makes by default, and needs no rights. The camera is the stand-in of
//! `camera/stand_in.c`, with the frames of the demo clip at the pace of Wigwag's clip source.
//!
//! Neighbours: `recovery` kills it in turn with Wigwag's own units.

use crate::options::Options;
use crate::product::ask_snapshot;
use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long it may take to serve.
const PATIENCE: Duration = Duration::from_secs(20);
/// Pause between two looks at that.
const LOOK: Duration = Duration::from_millis(20);
/// The header by which its snapshot says that it shows the camera, not a placeholder.
const LIVE: &str = "x-ustreamer-online: true";

/// A supervised uStreamer that runs until this is dropped.
#[derive(Debug)]
pub struct Peer {
    runsv: Child,
    service: TempDir,
    http: SocketAddr,
}

impl Peer {
    /// Starts one, and waits until it shows the camera. `camera` is the stand-in's library.
    ///
    /// # Errors
    ///
    /// A program is missing, or it does not serve.
    pub fn start(options: &Options, camera: &Path) -> Result<Self> {
        let http = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let service = tempfile::tempdir()?;
        let run = service.path().join("run");
        fs::write(&run, run_script(camera, &options.demo_clip(), http))?;
        fs::set_permissions(&run, fs::Permissions::from_mode(0o755))?;
        let runsv = Command::new("runsv")
            .arg(service.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start runsv")?;
        let peer = Self {
            runsv,
            service,
            http,
        };
        let began = Instant::now();
        while !peer.is_live() {
            ensure!(began.elapsed() < PATIENCE, "ustreamer does not serve");
            std::thread::sleep(LOOK);
        }
        Ok(peer)
    }

    /// Its process id, at the moment.
    ///
    /// # Errors
    ///
    /// runsv has none.
    pub fn pid(&self) -> Result<i32> {
        let path = self.service.path().join("supervise/pid");
        let text = fs::read_to_string(&path)?;
        text.trim().parse().context("ustreamer does not run")
    }

    /// Whether a snapshot over a new connection shows the camera.
    #[must_use]
    pub fn is_live(&self) -> bool {
        is_live(self.http)
    }
}

/// Whether a snapshot of the one at `http` shows the camera.
#[must_use]
pub fn is_live(http: SocketAddr) -> bool {
    ask_snapshot(http, "/snapshot").is_ok_and(|answer| answer.headers.contains(LIVE))
}

impl Drop for Peer {
    fn drop(&mut self) {
        // runsv stops its service and ends at SIGTERM.
        let _ended = kill(Pid::from_raw(self.runsv.id() as i32), Signal::SIGTERM);
        let _ended = self.runsv.wait();
    }
}

fn run_script(camera: &Path, clip: &Path, http: SocketAddr) -> String {
    format!(
        "#!/bin/sh\n\
         exec env LD_PRELOAD='{}' STAND_IN_CLIP='{}' STAND_IN_FPS=30 \\\n\
         \x20 ustreamer --device /dev/video0 --resolution 640x480 --format MJPEG --encoder HW \\\n\
         \x20 --host {} --port {} >/dev/null 2>&1\n",
        camera.display(),
        clip.display(),
        http.ip(),
        http.port()
    )
}
