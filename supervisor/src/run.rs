//! `supervisor start`, from the lock to the last process: the supervisor's main path.
//!
//! Everything that can be wrong is found before anything is created, and everything created is a
//! guard that removes itself, so that whatever ends this function leaves nothing behind.
//!
//! Downstream: [`crate::running_box`] is the event loop; `capture-worker/src/run.rs` is where a
//! frame's way begins.

use crate::black_box::{BlackBox, Store};
use crate::certificate::Renewal;
use crate::checked_model::CheckedModel;
use crate::config::{self, Config, Options};
use crate::control_socket::{ControlSocket, Reply, Request, ask};
use crate::failure::Failure;
use crate::geometry::{self, Megabytes, Room};
use crate::hello_folder::HelloFolder;
use crate::instance::{Instance, RuntimeFiles};
use crate::launcher::Launcher;
use crate::listeners::Listeners;
use crate::lock::{InstanceLock, LockError};
use crate::orphans::{LeftOver, Orphan};
use crate::owned_segment::OwnedSegment;
use crate::passed::Passed;
use crate::probe::{self, ModelCheck, Probed};
use crate::reload::{Reloader, Setup};
use crate::running_box::{Identity, RunningBox};
use crate::siblings::Siblings;
use crate::terminal::Terminal;
use crate::units::Units;
use crate::{certificate, logging, orphans, page_address, plans, signals, spawn};
use shm_layout::control::{CertificateInfo, Role, TaughtGesture};
use shm_layout::layout::{Geometry, Layout};
use shm_layout::segment::SegmentName;
use std::sync::mpsc::sync_channel;

/// Events that may wait for the main loop; whoever has one more waits until it caught up.
const EVENTS_MAX: usize = 256;

/// Runs the box of `instance` until it is stopped.
///
/// # Errors
///
/// [`Failure`] says why the box cannot start; nothing is left behind then.
pub fn run(instance: &Instance, options: &Options) -> Result<(), Failure> {
    let files = RuntimeFiles::open(instance)?;
    let _lock = lock(instance, &files)?;
    let config = config::load(options)?.config;
    logging::start(&config.log.level);
    tracing::info!("box `{instance}` starts (pid {})", std::process::id());
    let system = |what| move |source| Failure::System { what, source };
    let _numbers = spawn::reserve_low_numbers().map_err(system("reserve file numbers"))?;
    let passed = Passed::take()?;
    let (events, inbox) = sync_channel(EVENTS_MAX);
    signals::listen(events.clone())?;
    let _socket = ControlSocket::open(&files.socket(), events.clone())?;
    let _hellos = HelloFolder::make(&files.tmp())?;

    let siblings = Siblings::find()?;
    let name = SegmentName::new(instance.name());
    let left = orphans::look(&name)?;
    let (sources, taught) = look_around(&siblings, &config, instance)?;
    let certificate = certificate::ensure(&siblings, &config, instance)?;
    let workers = config.infer.worker_count(cores());
    let (mut segment, orphans) = segment_for(name, left, &sources, workers, &config)?;
    let gateway = orphans.iter().find(|orphan| orphan.role == Role::Gateway);
    let listeners = Listeners::open(&config.gateway, passed, gateway)?;
    listeners.check_doors(&config)?;
    segment.settle();
    announce(&listeners, certificate.as_ref());

    let names: Vec<_> = sources.iter().map(|probed| probed.source.clone()).collect();
    let plans = plans::all(instance, &names, workers, &config, &taught);
    let setup = Setup::new(&config, names.clone(), workers, taught);
    let shared = (config.restart.orphan_grace_ms, config.log.level.clone());
    let sources = names.iter().map(|source| source.name.clone()).collect();
    let black_box = BlackBox::new(Store::configured(&config.black_box, instance), sources);
    let reloader = Reloader::new(instance, options, siblings.clone(), setup, events.clone());
    let renewal = Renewal::new(&siblings, instance);
    let launcher = Launcher::new(siblings, &segment, shared, black_box, events)
        .map_err(system("hand the segment over"))?;
    let mut units = Units::new(
        plans,
        listeners,
        &plans::spare_places(workers),
        launcher,
        &config.restart,
        &config.watchdog,
    );
    units.adopt(orphans);
    let identity = Identity::new(instance, workers);
    RunningBox::new(identity, units, reloader, (certificate, renewal)).serve(&inbox);
    tracing::info!("box `{instance}` stopped");
    Ok(())
}

/// Says where the page is, and by what its certificate is known; on a terminal also as a picture
/// for phones, if they can reach it.
fn announce(listeners: &Listeners, certificate: Option<&CertificateInfo>) {
    let listener = listeners.http_address();
    let page = page_address::page(listener, certificate.is_some());
    tracing::info!("page {page}");
    if let Some(path) = listeners.http_unix_path() {
        tracing::info!("page at {} for a proxy", path.display());
    }
    if let Some(certificate) = certificate {
        tracing::info!("certificate SHA-256 {}", certificate.fingerprint);
    }
    let terminal = Terminal::get();
    if terminal.is_live()
        && page_address::is_open(listener)
        && let Some(picture) = page_address::qr_code(&page)
    {
        terminal.lines(picture.into_bytes());
    }
}

/// Takes the instance's lock, or says who has it.
fn lock(instance: &Instance, files: &RuntimeFiles) -> Result<InstanceLock, Failure> {
    InstanceLock::take(&files.lock()).map_err(|error| match error {
        LockError::Held { pid } => {
            // One that is just starting has no socket yet, and no page either.
            let page = match ask(&files.socket(), &Request::Status) {
                Ok((Reply::Status(status), _)) => Some(page_address::of(&status)),
                _ => None,
            };
            Failure::Running {
                instance: instance.clone(),
                pid,
                page,
            }
        }
        error => error.into(),
    })
}

/// Checks the models and looks at the sources, both at once; gives the sources, and what was taught.
fn look_around(
    siblings: &Siblings,
    config: &Config,
    instance: &Instance,
) -> Result<(Vec<Probed>, Vec<TaughtGesture>), Failure> {
    let check = ModelCheck::start(siblings, config, instance)?;
    let sources = probe::sources(siblings, config);
    let CheckedModel {
        info: model,
        taught,
    } = check.finish()?;
    let sources = sources?;
    for Probed {
        source,
        description,
        problem,
        ..
    } in &sources
    {
        match problem {
            None => tracing::info!("source {}: {description}", source.name),
            Some(problem) => tracing::warn!("source {}: {problem}; it is tried again", source.name),
        }
    }
    let gestures = model.labels.join(", ");
    tracing::info!("model {} ({}): {gestures}", model.name, model.profile);
    Ok((sources, taught))
}

/// The segment: the one that a killed supervisor left, with the workers in it, or a new one.
fn segment_for(
    name: SegmentName,
    left: Option<LeftOver>,
    sources: &[Probed],
    workers: usize,
    config: &Config,
) -> Result<(OwnedSegment, Vec<Orphan>), Failure> {
    let capacities: Vec<usize> = sources.iter().map(|probed| probed.capacity_bytes).collect();
    let geometry = geometry::plan(&capacities, workers, &config.segment);
    let hash = orphans::sources_hash(sources.iter().map(|probed| &probed.source));
    let adopted = left.map(|left| left.settle(&geometry, hash)).transpose()?;
    if let Some(adopted) = adopted.flatten() {
        tracing::info!(
            "the segment of a killed supervisor is taken over, with {} workers",
            adopted.orphans.len()
        );
        return Ok(OwnedSegment::adopt(name, adopted));
    }
    let bytes = room_for(&geometry, config)?;
    let plural = if workers == 1 { "" } else { "s" };
    tracing::info!(
        "{workers} infer-worker{plural}; shared memory {}",
        Megabytes(bytes)
    );
    Ok((OwnedSegment::create(name, &geometry, hash)?, Vec::new()))
}

/// What the segment will take, if the machine has room for it; in bytes.
fn room_for(geometry: &Geometry, config: &Config) -> Result<u64, Failure> {
    let layout = Layout::new(geometry)?;
    let room = Room::of_this_machine();
    Ok(geometry::check(geometry, &layout, room, &config.segment)?)
}

/// Processor cores that this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
