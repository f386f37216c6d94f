//! Describes a box before it starts.

use super::TestBox;
use super::permit::Permit;
use crate::wait;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// What a box is to be.
#[derive(Debug)]
#[must_use]
pub struct BoxBuilder {
    name: String,
    config: String,
    arguments: Vec<String>,
    under: Vec<String>,
    scratch: TempDir,
    has_own_addresses: bool,
}

impl BoxBuilder {
    pub(super) fn new(name: &str) -> Self {
        let scratch = TempDir::with_prefix("wigwag-test-").expect("a folder can be made");
        for folder in ["run", "tmp"] {
            let mut private = std::fs::DirBuilder::new();
            private
                .mode(0o700)
                .create(scratch.path().join(folder))
                .expect("a folder can be made");
        }
        Self {
            name: name.to_owned(),
            config: String::new(),
            arguments: Vec::new(),
            under: Vec::new(),
            scratch,
            has_own_addresses: true,
        }
    }

    /// The box's own folder, gone with it.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// Adds `--source TEXT`.
    pub fn source(self, text: &str) -> Self {
        self.argument("--source").argument(text)
    }

    /// Adds one argument of `supervisor start`.
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Starts the supervisor by a program that in its end becomes what follows on its command line.
    pub fn under(mut self, program: &[&str]) -> Self {
        self.under
            .extend(program.iter().map(|word| (*word).to_owned()));
        self
    }

    /// Adds lines to the config file.
    pub fn config(mut self, toml: &str) -> Self {
        self.config.push_str(toml);
        self.config.push('\n');
        self
    }

    /// Leaves the addresses to the config, instead of taking free ones by the command line.
    pub fn without_addresses(mut self) -> Self {
        self.has_own_addresses = false;
        self
    }

    /// Takes addresses that stay the same over all starts of this box, as users configure them; a
    /// port asked for as 0 is another one after each start that has to bind anew.
    pub fn with_lasting_addresses(self) -> Self {
        let (http, wire) = (lasting_port(0), lasting_port(1));
        self.argument("--http")
            .argument(&format!("127.0.0.1:{http}"))
            .argument("--wire")
            .argument(&format!("127.0.0.1:{wire}"))
    }

    /// Makes everything but starts nothing.
    ///
    /// # Panics
    ///
    /// If its folders cannot be made.
    #[must_use]
    pub fn build(self) -> TestBox {
        static BOXES: AtomicU32 = AtomicU32::new(0);
        let permit = Permit::wait();
        let number = BOXES.fetch_add(1, Ordering::Relaxed);
        let scratch = self.scratch;
        let mut arguments = self.arguments;
        for option in ["--http", "--wire"] {
            let is_given = arguments.iter().any(|argument| argument == option);
            if self.has_own_addresses && !is_given {
                arguments.extend([option.to_owned(), "127.0.0.1:0".to_owned()]);
            }
        }
        if !self.config.is_empty() {
            let path = scratch.path().join("wigwag.toml");
            std::fs::write(&path, self.config).expect("the config can be written");
            arguments.extend(["--config".to_owned(), path.display().to_string()]);
        }
        TestBox {
            name: self.name,
            instance: format!("t{}-{number}", std::process::id()),
            scratch,
            supervisor: Mutex::new(None),
            arguments,
            under: self.under,
            _permit: permit,
        }
    }

    /// Starts the box and waits until it is ready.
    ///
    /// # Panics
    ///
    /// If it does not get ready.
    #[track_caller]
    #[must_use]
    pub fn start(self) -> TestBox {
        let test_box = self.build();
        test_box.spawn();
        test_box.await_ready();
        test_box
    }

    /// Starts a box that cannot start: waits for its end and gives its exit code and its log.
    ///
    /// # Panics
    ///
    /// If it does not end, or leaves anything.
    #[track_caller]
    #[must_use]
    pub fn refused(self) -> (i32, String) {
        let test_box = self.build();
        test_box.spawn();
        let end = wait::until("the start is refused", || test_box.ended());
        test_box.assert_nothing_left();
        (end.code().expect("it ends by itself"), test_box.log())
    }
}

/// A free port that no client's end of a connection ever gets: below the ephemeral ports. Source:
/// ip(7), `ip_local_port_range`, from 32768 on.
fn lasting_port(number: u32) -> u16 {
    const PORTS: std::ops::Range<u32> = 20_000..32_000;
    let first = std::process::id() * 2 + number;
    let ports = (0..PORTS.len() as u32)
        .map(|step| PORTS.start + (first + step * 2) % PORTS.len() as u32)
        .filter_map(|port| u16::try_from(port).ok());
    let is_free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.into_iter().find(is_free).expect("a port is free")
}
