//! Starts one headless Chromium with a profile of its own, and ends it.
//!
//! Upstream: `page.rs`. It ends the process group that it started, by its id, and nothing else.

use super::{ANSWER_WITHIN, BrowserError};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Names under which distributions install it, best first.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
/// Written by Chromium once it listens: the port, then the path of the `WebSocket`.
const PORT_FILE: &str = "DevToolsActivePort";
/// How often the port file is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const FLAGS: [&str; 14] = [
    "--headless=new",
    "--remote-debugging-port=0",
    // Tests run as root in containers and CI, where Chromium's own sandbox does not start.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--mute-audio",
    "--no-first-run",
    "--no-default-browser-check",
    // Nothing that the browser itself would ask the network for.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "about:blank",
];

/// The installed Chromium, if there is one.
fn chromium_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    NAMES.iter().find_map(|name| {
        folders
            .iter()
            .map(|folder| folder.join(name))
            .find(|candidate| candidate.is_file())
    })
}

/// A running browser; ended when dropped, its profile removed.
#[derive(Debug)]
pub(super) struct BrowserProcess {
    child: Child,
    /// Where the `DevTools` `WebSocket` is: `127.0.0.1:PORT` and a path.
    pub(super) address: String,
    pub(super) socket_path: String,
    profile: TempDir,
}

impl BrowserProcess {
    /// Starts Chromium and waits until it can be talked to;
    /// with `more` flags than all have.
    pub(super) fn start(more: &[OsString]) -> Result<Self, BrowserError> {
        let program = chromium_path().ok_or(BrowserError::Missing)?;
        let profile = tempfile::Builder::new()
            .prefix("wigwag-browser-")
            .tempdir()
            .map_err(|source| io("make a profile in", &std::env::temp_dir(), source))?;
        let mut data_dir = OsString::from("--user-data-dir=");
        data_dir.push(profile.path());
        // If this test process dies, the browser goes with it.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(&program)
            .arg(data_dir)
            .args(more)
            .args(FLAGS)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|source| io("start", &program, source))?;
        let mut browser = Self {
            child,
            address: String::new(),
            socket_path: String::new(),
            profile,
        };
        browser.await_port()?;
        Ok(browser)
    }

    /// The process id, which is its process group's too.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    fn await_port(&mut self) -> Result<(), BrowserError> {
        let file = self.profile.path().join(PORT_FILE);
        let deadline = Instant::now() + ANSWER_WITHIN;
        loop {
            // Both lines must be there: the file is seen while it is being written.
            if let Ok(text) = std::fs::read_to_string(&file)
                && let Some((port, path)) = text.trim_end().split_once('\n')
                && path.starts_with('/')
            {
                self.address = format!("127.0.0.1:{port}");
                self.socket_path = path.to_owned();
                return Ok(());
            }
            match self.child.try_wait() {
                Ok(None) => {}
                Ok(Some(status)) => return Err(BrowserError::NotStarted(status.to_string())),
                Err(source) => return Err(io("wait for", Path::new("chromium"), source)),
            }
            if Instant::now() >= deadline {
                return Err(BrowserError::NotStarted("no debugging port".to_owned()));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

impl Drop for BrowserProcess {
    fn drop(&mut self) {
        if let Ok(group) = i32::try_from(self.child.id()) {
            // The group is ours alone: it was made for this child, which has not been reaped yet.
            let _gone = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        let _reaped = self.child.wait();
    }
}

fn io(act: &'static str, path: &Path, source: std::io::Error) -> BrowserError {
    BrowserError::Io {
        act,
        path: path.to_owned(),
        source,
    }
}
