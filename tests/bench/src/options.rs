//! What the command line asks for.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::PathBuf;

/// How it is called.
pub const USAGE: &str = "usage: wigwag-bench run --folder DIR --bin-dir DIR [--quick] \
                         [--only ring,box,recovery,serving] [--python PROGRAM] [--camera LIBRARY]";

/// One part of the measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The frame transport.
    Ring,
    /// Latency, memory and processor time of a whole box.
    Box,
    /// Recovery after SIGKILL.
    Recovery,
    /// Many clients.
    Serving,
}

impl Part {
    const ALL: [(&'static str, Self); 4] = [
        ("ring", Self::Ring),
        ("box", Self::Box),
        ("recovery", Self::Recovery),
        ("serving", Self::Serving),
    ];
}

/// What to measure, and with what.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where manager.py lies and the results go: tests/bench.
    pub folder: PathBuf,
    /// Where the product's binaries lie.
    pub bin_dir: PathBuf,
    /// Fewer and shorter rounds.
    pub quick: bool,
    /// What to measure.
    pub parts: Vec<Part>,
    /// The Python that runs manager.py; `None` leaves that out.
    pub python: Option<PathBuf>,
    /// The stand-in camera for uStreamer; `None` leaves that out.
    pub camera: Option<PathBuf>,
}

impl Options {
    /// From the arguments after `run`.
    ///
    /// # Errors
    ///
    /// An argument is unknown or lacks its value.
    pub fn parse(arguments: &[String]) -> Result<Self> {
        let (mut folder, mut bin_dir, mut python, mut camera) = (None, None, None, None);
        let (mut quick, mut parts) = (false, Part::ALL.map(|(_, part)| part).to_vec());
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .with_context(|| format!("{argument} lacks its value"))
            };
            match argument.as_str() {
                "--folder" => folder = Some(PathBuf::from(value()?)),
                "--bin-dir" => bin_dir = Some(PathBuf::from(value()?)),
                "--python" => python = Some(PathBuf::from(value()?)),
                "--camera" => camera = Some(PathBuf::from(value()?)),
                "--only" => parts = parse_parts(value()?)?,
                "--quick" => quick = true,
                other => bail!("unknown argument `{other}`"),
            }
        }
        Ok(Self {
            folder: fs::canonicalize(folder.context("--folder is missing")?)?,
            bin_dir: bin_dir.context("--bin-dir is missing")?,
            quick,
            parts,
            python,
            camera,
        })
    }

    /// Whether a part is to be measured.
    #[must_use]
    pub fn wants(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }

    /// Path of one of the product's binaries.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin_dir.join(name)
    }

    /// The clip that the box plays from.
    #[must_use]
    pub fn demo_clip(&self) -> PathBuf {
        self.checkout("capture-worker/demo/demo-640x480-15fps.mjpeg")
    }

    /// The manifest of the models.
    #[must_use]
    pub fn manifest(&self) -> PathBuf {
        self.checkout("models/manifest.toml")
    }

    fn checkout(&self, path: &str) -> PathBuf {
        self.folder.join("../..").join(path)
    }

    /// Rounds of the transport comparison.
    #[must_use]
    pub fn ring_rounds(&self) -> usize {
        if self.quick { 3 } else { 7 }
    }
}

fn parse_parts(list: &str) -> Result<Vec<Part>> {
    list.split(',')
        .map(|name| {
            let found = Part::ALL.into_iter().find(|(known, _)| *known == name);
            let (_, part) = found.with_context(|| format!("there is no part named `{name}`"))?;
            Ok(part)
        })
        .collect()
}
