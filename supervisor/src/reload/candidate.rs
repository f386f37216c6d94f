//! A configuration that was read again: found and checked as at a start, on a thread of its own,
//! and nothing of it in force yet.

use super::plan::{Change, Concern, changes, taught};
use crate::certificate;
use crate::config::{self, Config, Options, SourceConfig};
use crate::failure::Failure;
use crate::geometry::{self, Megabytes, Room, Shortage};
use crate::instance::Instance;
use crate::listeners::Listeners;
use crate::probe::{self, ModelCheck};
use crate::run::cores;
use crate::siblings::Siblings;
use shm_layout::control::{ModelInfo, TaughtGesture};
use shm_layout::exit::ExitReason;
use shm_layout::layout::{Layout, RingLayout};
use std::io;
use std::sync::Arc;

/// How what needs another segment is applied.
const START_ANEW: &str = "`supervisor stop`, then `supervisor start` as before, applies the whole \
                          file; nothing has changed";

/// What a box runs with: its configuration, with what is automatic there settled.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// The configuration; its sources are those that run.
    pub config: Config,
    /// Number of infer-workers.
    pub workers: usize,
    /// What the infer-workers know beside their model.
    pub taught: Vec<TaughtGesture>,
    /// No source is configured: what runs was found.
    finds_sources: bool,
}

impl Setup {
    /// The setup of a box that starts with `sources`, that number of infer-workers, and what was
    /// `taught`.
    #[must_use]
    pub fn new(
        config: &Config,
        sources: Vec<SourceConfig>,
        workers: usize,
        taught: Vec<TaughtGesture>,
    ) -> Self {
        let finds_sources = config.sources.is_empty();
        Self {
            config: Config {
                sources,
                ..config.clone()
            },
            workers,
            taught,
            finds_sources,
        }
    }
}

/// A setup that can be put in force.
#[derive(Debug)]
pub struct Candidate {
    /// The setup.
    pub setup: Setup,
    /// What differs from the present one.
    pub changes: Vec<Change>,
    /// The model that infer-workers would load.
    pub model: ModelInfo,
    /// Where the gateway is to listen; bound already.
    pub listeners: Arc<Listeners>,
}

/// What a candidate is made from.
#[derive(Debug)]
pub(super) struct Inquiry {
    pub(super) instance: Instance,
    pub(super) options: Options,
    pub(super) siblings: Siblings,
    pub(super) present: Setup,
    pub(super) layout: Layout,
    pub(super) listeners: Arc<Listeners>,
}

impl Inquiry {
    /// Reads and checks; takes as long as the models and sources take.
    pub(super) fn answer(self) -> Result<Candidate, Failure> {
        let config = config::load(&self.options)?.config;
        let check = ModelCheck::start(&self.siblings, &config, &self.instance)?;
        let setup = self.setup(config);
        let looked_at = setup.and_then(|setup| {
            let changes = changes(&self.present.config, &setup.config);
            self.refuse(&setup, &changes)?;
            Ok((setup, changes))
        });
        // Waited for in any case: nobody else takes its remains.
        let model = check.finish();
        let (mut setup, mut changes) = looked_at?;
        let checked = model?;
        changes.extend(taught(&self.present.taught, &checked.taught));
        setup.taught = checked.taught;
        // Also if no key has changed: a file that cannot be used is refused before it is taken.
        certificate::ensure(&self.siblings, &setup.config, &self.instance)?;
        let is_moved = changes
            .iter()
            .any(|change| change.concern == Concern::Listeners);
        let listeners = if is_moved {
            Arc::new(self.rebind(&setup)?)
        } else {
            self.listeners
        };
        listeners.check_doors(&setup.config)?;
        Ok(Candidate {
            setup,
            changes,
            model: checked.info,
            listeners,
        })
    }

    /// Settles what is automatic, as it was settled before where nothing else is asked for.
    fn setup(&self, config: Config) -> Result<Setup, Failure> {
        let present = &self.present;
        let sources = if !config.sources.is_empty() {
            let configured = config.sources.iter().cloned();
            configured.chain(config.guests()).collect()
        } else if present.finds_sources {
            present.config.sources.clone()
        } else {
            let found = probe::sources(&self.siblings, &config)?;
            found.into_iter().map(|probed| probed.source).collect()
        };
        let workers = if config.infer.workers == present.config.infer.workers {
            present.workers
        } else {
            config.infer.worker_count(cores())
        };
        // What was taught is told by the check of the model.
        let mut setup = Setup::new(&config, sources, workers, Vec::new());
        if workers == present.workers {
            // The same number in other words.
            setup.config.infer.workers = present.config.infer.workers;
        }
        Ok(setup)
    }

    /// Refuses what cannot be changed while the box runs.
    fn refuse(&self, setup: &Setup, changes: &[Change]) -> Result<(), Failure> {
        if let Some(Change { key, .. }) = changes
            .iter()
            .find(|change| change.concern == Concern::Fixed)
        {
            let what = if key.starts_with("sources.") {
                "it cannot be added, removed, moved, or change between `push` and another type while \
                 the box runs"
            } else {
                "their number cannot change while the box runs"
            };
            return Err(refusal(format!("`{key}`: {what}")));
        }
        let needed = self.capacities(setup, changes)?;
        let wanted = geometry::plan(&needed, setup.workers, &setup.config.segment);
        if let Some(shortage) = geometry::shortage(&self.layout, &wanted) {
            return Err(refusal(too_small(shortage, setup)));
        }
        let room = Room {
            shm_free_bytes: u64::MAX,
            ..Room::of_this_machine()
        };
        geometry::check(&wanted, &self.layout, room, &setup.config.segment)?;
        Ok(())
    }

    /// Bytes that each source's frame slots need. Only those that changed are looked at: the
    /// others are at work.
    fn capacities(&self, setup: &Setup, changes: &[Change]) -> Result<Vec<usize>, Failure> {
        let is_changed = |index| {
            let concerns = [
                Concern::Capture(index),
                Concern::SourceType(index),
                Concern::Pushed(index),
            ];
            changes
                .iter()
                .any(|change| concerns.contains(&change.concern))
        };
        let sources = setup.config.sources.iter().zip(&self.layout.rings);
        let capacity = |(index, (source, ring)): (usize, (&SourceConfig, &RingLayout))| {
            if !is_changed(index) {
                return Ok(ring.capacity_bytes);
            }
            let probed = probe::look_at(&self.siblings, source)?;
            match &probed.problem {
                None => tracing::info!("source {}: {}", source.name, probed.description),
                Some(problem) => tracing::warn!("source {}: {problem}", source.name),
            }
            Ok(probed.capacity_bytes)
        };
        sources.enumerate().map(capacity).collect()
    }

    fn rebind(&self, setup: &Setup) -> Result<Listeners, Failure> {
        let (old, new) = (&self.present.config.gateway, &setup.config.gateway);
        self.listeners.rebind(old, new).map_err(|failure| {
            let own = [self.listeners.http_address(), self.listeners.wire_address()];
            match failure {
                Failure::Listen {
                    address,
                    key,
                    source,
                } if source.kind() == io::ErrorKind::AddrInUse
                    && own.iter().any(|own| own.port() == address.port()) =>
                {
                    refusal(format!(
                        "`gateway.{key}`: this box itself listens on port {} until the new \
                         listener is there",
                        address.port()
                    ))
                }
                failure => failure,
            }
        })
    }
}

fn refusal(said: String) -> Failure {
    Failure::Refused {
        said,
        advice: Some(START_ANEW.to_owned()),
        code: ExitReason::Config as i32,
    }
}

fn too_small(shortage: Shortage, setup: &Setup) -> String {
    match shortage {
        Shortage::Rings | Shortage::Lanes => "the shared memory is of another shape".to_owned(),
        Shortage::FrameSlots => {
            "`segment.history`: the shared memory has no room for it".to_owned()
        }
        Shortage::Capacity {
            ring,
            needed,
            found,
        } => {
            let sources = setup.config.sources.get(ring);
            format!(
                "`sources.{}`: its frames need up to {}, the shared memory has room for {}",
                sources.map_or("", |source| source.name.as_str()),
                Megabytes(needed as u64),
                Megabytes(found as u64)
            )
        }
    }
}
