//! Which keys the config file has, and what each may be: one line per key, for reading, for
//! `check-config` and for the test of the reference file alike.
//!
//! Neighbours: `source_keys`, `steady_keys`, `gateway_keys`, `rtp_keys`, `tls_keys` and `access_keys`
//! have those of their tables.

use super::access_keys::{access, refuse_open_door};
use super::document::Document;
use super::gateway_keys::gateway;
use super::rtp_keys::outputs;
use super::section::{Section, unknown_key};
use super::setting::Setting;
use super::source::{NAME_RULE, is_name};
use super::source_keys::sources;
use super::steady_keys::{gestures, steady};
use super::tls_keys::tls;
use super::{Config, ConfigError};
use shm_layout::control::Backend;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The tables of the file.
const SECTIONS: [&str; 13] = [
    "sources",
    "infer",
    "steady",
    "gestures",
    "gateway",
    "restart",
    "watchdog",
    "segment",
    "log",
    "black_box",
    "tls",
    "access",
    "rtp",
];

/// Most sources of one box.
pub(super) const SOURCES_MAX: usize = shm_layout::layout::SOURCES_MAX;

/// Most infer-workers: what the process table has left beside the sources and the gateway.
const WORKERS_MAX: u32 = 15;

const _: () = assert!(WORKERS_MAX as usize + SOURCES_MAX < shm_layout::layout::PROCESSES);
const _: () = assert!(WORKERS_MAX as usize <= shm_layout::layout::LANES_MAX);

/// What the command line says beside the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// `--config FILE`
    pub file: Option<PathBuf>,
    /// `--source …`, each; they replace the file's sources.
    pub sources: Vec<String>,
    /// `--http ADDRESS`
    pub http: Option<String>,
    /// `--wire ADDRESS`
    pub wire: Option<String>,
}

/// A configuration and where each of its values came from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// Every key with its value and origin, in the order of the reference file.
    pub settings: Vec<Setting>,
}

/// Reads the config file, if one is named, and the options beside it.
///
/// # Errors
///
/// [`ConfigError`] names the file and line, or the option, and what was expected there.
pub fn load(options: &Options) -> Result<Loaded, ConfigError> {
    let document = options.file.as_deref().map(Document::read).transpose()?;
    load_document(document.as_ref(), options)
}

/// The same from text, as if it stood in the file `path`.
#[cfg(test)]
pub(crate) fn load_text(path: &str, text: &str, options: &Options) -> Result<Loaded, ConfigError> {
    load_document(Some(&Document::from_text(path, text)), options)
}

/// Reads the keys of one table.
type Reader = fn(&mut Section<'_>, &mut Config) -> Result<(), ConfigError>;

fn load_document(document: Option<&Document>, options: &Options) -> Result<Loaded, ConfigError> {
    let root = document.map(Document::parse).transpose()?;
    let mut loaded = Loaded::default();
    let mut tables: BTreeMap<&str, &DeTable<'_>> = BTreeMap::new();
    if let (Some(document), Some(root)) = (document, &root) {
        for (key, value) in root {
            if !SECTIONS.contains(&key.get_ref().as_ref()) {
                return Err(unknown_key(document, None, key, SECTIONS));
            }
            let table = table_of(document, key.get_ref(), value)?;
            tables.insert(key.get_ref(), table);
        }
    }
    let table = |name| tables.get(name).copied();
    let section = |name: &'static str, read: Reader, loaded: &mut Loaded| {
        let found = document.zip(table(name));
        let mut section = Section::new(name, found, options, &mut loaded.settings);
        read(&mut section, &mut loaded.config)?;
        section.finish()
    };
    let Loaded { config, settings } = &mut loaded;
    sources(document, table("sources"), options, config, settings)?;
    section("infer", infer, &mut loaded)?;
    section("steady", steady, &mut loaded)?;
    let Loaded { config, settings } = &mut loaded;
    gestures(document.zip(table("gestures")), options, config, settings)?;
    section("gateway", gateway, &mut loaded)?;
    section("tls", tls, &mut loaded)?;
    section("restart", restart, &mut loaded)?;
    section("watchdog", watchdog, &mut loaded)?;
    section("segment", segment, &mut loaded)?;
    section("log", log, &mut loaded)?;
    section("black_box", black_box, &mut loaded)?;
    let Loaded { config, settings } = &mut loaded;
    access(document, table("access"), options, config, settings)?;
    let file = document.map(|document| document.path.as_path());
    refuse_open_door(config, settings, file)?;
    outputs(document, table("rtp"), options, config, settings)?;
    Ok(loaded)
}

/// One of several tables with a name, such as `[sources.cam]`.
pub(super) struct NamedTable<'a> {
    /// Its name, checked.
    pub name: &'a str,
    /// With the section, as in the file.
    pub path: String,
    /// Where the name stands.
    pub span: Range<usize>,
    /// Its keys.
    pub table: &'a DeTable<'a>,
}

/// The named tables of `section`, in the order of the file; `what` they are, for errors.
pub(super) fn named_tables<'a>(
    document: &Document,
    section: &str,
    what: &str,
    table: &'a DeTable<'a>,
) -> Result<Vec<NamedTable<'a>>, ConfigError> {
    let mut named: Vec<_> = table.iter().collect();
    named.sort_by_key(|(name, _)| name.span().start);
    let checked = named.into_iter().map(|(key, value)| {
        let (name, span) = (key.get_ref().as_ref(), key.span());
        if !is_name(name) {
            return Err(ConfigError::Wrong {
                place: document.place(&span),
                problem: format!("{what} name `{name}`, expected {NAME_RULE}"),
                hint: None,
            });
        }
        let path = format!("{section}.{name}");
        let table = table_of(document, &path, value)?;
        Ok(NamedTable {
            name,
            path,
            span,
            table,
        })
    });
    checked.collect()
}

pub(super) fn table_of<'a>(
    document: &Document,
    name: &str,
    value: &'a Spanned<DeValue<'a>>,
) -> Result<&'a DeTable<'a>, ConfigError> {
    match value.get_ref() {
        DeValue::Table(table) => Ok(table),
        _ => Err(ConfigError::Wrong {
            place: document.place(&value.span()),
            problem: format!("key `{name}` is a value, expected a table"),
            hint: Some(format!("write [{name}]")),
        }),
    }
}

fn infer(section: &mut Section<'_>, config: &mut Config) -> Result<(), ConfigError> {
    let infer = &mut config.infer;
    section.integer("workers", 0..=WORKERS_MAX, &mut infer.workers)?;
    section.choice("profile", &["full", "lite"], &mut infer.profile)?;
    let expected = "a set of gestures of the manifest";
    section.text("gestures", expected, &mut infer.gestures)?;
    section.path(
        "manifest",
        "the path of a model manifest",
        &mut infer.manifest,
    )?;
    let mut backend = infer.backend.name().to_owned();
    section.choice("backend", &Backend::NAMES, &mut backend)?;
    infer.backend = Backend::named(&backend).unwrap_or_default();
    let expected = "the path of ONNX Runtime's libonnxruntime.so";
    section.path(
        "onnxruntime_library",
        expected,
        &mut infer.onnxruntime_library,
    )?;
    section.path("taught", "the path of a folder", &mut infer.taught)?;
    let hands = shm_layout::prediction::HANDS_MAX as u32;
    section.integer("max_hands", 1..=hands, &mut infer.max_hands)?;
    section.integer("idle_fps", 3..=240, &mut infer.idle_fps)
}

fn restart(section: &mut Section<'_>, config: &mut Config) -> Result<(), ConfigError> {
    let restart = &mut config.restart;
    section.integer("backoff_min_ms", 0..=60_000, &mut restart.backoff_min_ms)?;
    section.integer("backoff_max_ms", 0..=600_000, &mut restart.backoff_max_ms)?;
    if restart.backoff_max_ms < restart.backoff_min_ms {
        return Err(section.refuse(
            "backoff_max_ms",
            &format!(
                "is {}, expected at least `backoff_min_ms` ({})",
                restart.backoff_max_ms, restart.backoff_min_ms
            ),
            None,
        ));
    }
    section.integer("limit", 1..=10_000, &mut restart.limit)?;
    section.integer("window_s", 1..=86_400, &mut restart.window_s)?;
    section.integer("retry_s", 1..=86_400, &mut restart.retry_s)?;
    section.integer("healthy_s", 1..=86_400, &mut restart.healthy_s)?;
    section.integer("trial_s", 0..=3_600, &mut restart.trial_s)?;
    section.integer("orphan_grace_ms", 0..=600_000, &mut restart.orphan_grace_ms)
}

fn watchdog(section: &mut Section<'_>, config: &mut Config) -> Result<(), ConfigError> {
    let watchdog = &mut config.watchdog;
    section.integer("capture_ms", 200..=600_000, &mut watchdog.capture_ms)?;
    section.integer("infer_ms", 0..=600_000, &mut watchdog.infer_ms)?;
    if (1..200).contains(&watchdog.infer_ms) {
        let is = format!("is {}, expected 0 or 200..=600000", watchdog.infer_ms);
        return Err(section.refuse("infer_ms", &is, Some("0 = by the model's pace".to_owned())));
    }
    section.integer("gateway_ms", 200..=600_000, &mut watchdog.gateway_ms)?;
    section.integer("start_ms", 500..=600_000, &mut watchdog.start_ms)?;
    section.integer("drain_ms", 100..=600_000, &mut watchdog.drain_ms)
}

fn segment(section: &mut Section<'_>, config: &mut Config) -> Result<(), ConfigError> {
    let segment = &mut config.segment;
    section.integer("history", 0..=64, &mut segment.history)?;
    section.integer("max_ram_percent", 1..=90, &mut segment.max_ram_percent)
}

fn black_box(section: &mut Section<'_>, config: &mut Config) -> Result<(), ConfigError> {
    let black_box = &mut config.black_box;
    section.path("folder", "the path of a folder", &mut black_box.folder)?;
    section.integer("max_entries", 0..=10_000, &mut black_box.max_entries)?;
    let bytes = 100_000..=1_000_000_000_000;
    section.integer("max_bytes", bytes, &mut black_box.max_bytes)
}

fn log(section: &mut Section<'_>, config: &mut Config) -> Result<(), ConfigError> {
    const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
    section.choice("level", &LEVELS, &mut config.log.level)
}
