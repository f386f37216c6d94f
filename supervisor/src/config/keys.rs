//! Which keys the config file has, and what each may be: one line per key, for reading, for
//! `check-config` and for the test of the reference file alike.

use super::document::Document;
use super::section::{Section, quoted, unknown_key};
use super::setting::{Origin, Setting};
use super::source::{self, NAME_RULE, SourceConfig, SourceSpec, TYPES};
use super::{Config, ConfigError, Gateway};
use shm_layout::PixelFormat;
use shm_layout::control::{PushLimits, SourceKind};
use shm_layout::frame::SIDE_PX_MAX;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The tables of the file.
const SECTIONS: [&str; 8] = [
    "sources",
    "infer",
    "gateway",
    "restart",
    "watchdog",
    "segment",
    "log",
    "black_box",
];

/// Most sources of one box.
pub(super) const SOURCES_MAX: usize = shm_layout::layout::SOURCES_MAX;

/// Most infer-workers: what the process table has left beside the sources and the gateway.
const WORKERS_MAX: u32 = 15;

const _: () = assert!(WORKERS_MAX as usize + SOURCES_MAX < shm_layout::layout::PROCESSES);
const _: () = assert!(WORKERS_MAX as usize <= shm_layout::layout::LANES_MAX);

/// Width or height of a picture, in pixels.
pub(super) const SIDE_PX: RangeInclusive<u32> = 16..=SIDE_PX_MAX;

/// Frames per second of a camera.
const FPS: RangeInclusive<u32> = 1..=240;

/// Bytes of the largest frame that may be pushed.
const PUSH_BYTES: RangeInclusive<u32> = 4_096..=16 << 20;

/// Frames per second of a pattern.
pub(super) const PATTERN_FPS: RangeInclusive<f64> = 0.1..=240.0;

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

fn load_document(document: Option<&Document>, options: &Options) -> Result<Loaded, ConfigError> {
    let root = document.map(Document::parse).transpose()?;
    let mut loaded = Loaded::default();
    let mut tables: [Option<&DeTable<'_>>; SECTIONS.len()] = [None; SECTIONS.len()];
    if let (Some(document), Some(root)) = (document, &root) {
        for (key, value) in root {
            let Some(index) = SECTIONS.iter().position(|name| name == key.get_ref()) else {
                return Err(unknown_key(document, None, key, SECTIONS));
            };
            tables[index] = Some(table_of(document, key.get_ref(), value)?);
        }
    }
    let Loaded { config, settings } = &mut loaded;
    sources(document, tables[0], options, config, settings)?;
    let mut section = |index: usize, read: fn(&mut Section<'_>, &mut Config) -> _| {
        let found = document.zip(tables[index]);
        let mut section = Section::new(SECTIONS[index], found, options, settings);
        read(&mut section, config)?;
        section.finish()
    };
    section(1, infer)?;
    section(2, gateway)?;
    section(3, restart)?;
    section(4, watchdog)?;
    section(5, segment)?;
    section(6, log)?;
    section(7, black_box)?;
    Ok(loaded)
}

fn table_of<'a>(
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
    section.path(
        "manifest",
        "the path of a model manifest",
        &mut infer.manifest,
    )?;
    let hands = shm_layout::prediction::HANDS_MAX as u32;
    section.integer("max_hands", 1..=hands, &mut infer.max_hands)?;
    section.integer("idle_fps", 3..=240, &mut infer.idle_fps)
}

fn gateway(section: &mut Section<'_>, config: &mut Config) -> Result<(), ConfigError> {
    let gateway = &mut config.gateway;
    section.address("http", &mut gateway.http)?;
    section.address("wire", &mut gateway.wire)?;
    if gateway.http == gateway.wire && gateway.http.port() != 0 {
        return Err(section.refuse(
            "wire",
            &format!("is {}, the same as `gateway.http`", gateway.wire),
            Some("give each its own port".to_owned()),
        ));
    }
    section.integer("jpeg_quality", 1..=100, &mut gateway.jpeg_quality)?;
    section.integer("max_clients", 1..=65_536, &mut gateway.max_clients)?;
    section.integer(
        "max_clients_per_address",
        1..=65_536,
        &mut gateway.max_clients_per_address,
    )?;
    section.integer(
        "write_timeout_ms",
        100..=600_000,
        &mut gateway.write_timeout_ms,
    )?;
    section.integer(
        "notice_after_ms",
        200..=600_000,
        &mut gateway.notice_after_ms,
    )?;
    section.integer("max_renditions", 0..=64, &mut gateway.max_renditions)?;
    section.integer("staleness_ms", 100..=600_000, &mut gateway.staleness_ms)?;
    section.texts(
        "cors_origins",
        "\"*\", or an origin such as \"https://example.org:8443\"",
        is_origin,
        &mut gateway.cors_origins,
    )?;
    section.texts(
        "trusted_proxies",
        "an address such as \"10.0.0.2\", or a network such as \"10.0.0.0/8\"",
        |text| text.parse::<IpAddr>().is_ok() || text.parse::<ipnet::IpNet>().is_ok(),
        &mut gateway.trusted_proxies,
    )?;
    anonymous_sources(section, gateway, &config.sources)
}

fn anonymous_sources(
    section: &mut Section<'_>,
    gateway: &mut Gateway,
    sources: &[SourceConfig],
) -> Result<(), ConfigError> {
    const KEY: &str = "anonymous_sources";
    let guests = &mut gateway.anonymous_sources;
    section.integer(KEY, 0..=SOURCES_MAX as u32, guests)?;
    // Without any configured source there is one, the first camera or the demo clip.
    let others = sources.len().max(1);
    if others + *guests as usize > SOURCES_MAX {
        let is = format!("is {guests}, with the {others} other in all more than {SOURCES_MAX}");
        let hint = "run another box beside this one with --instance NAME".to_owned();
        return Err(section.refuse(KEY, &is, Some(hint)));
    }
    let is_taken = |guest: &SourceConfig| sources.iter().any(|own| own.name == guest.name);
    if let Some(guest) = source::guests(*guests).find(is_taken) {
        let is = format!("makes a source `{}`, and there is one already", guest.name);
        let hint = Some("give that one another name".to_owned());
        return Err(section.refuse(KEY, &is, hint));
    }
    Ok(())
}

/// Whether a browser would send this as `Origin`: scheme, host, and a port if it is not the usual.
fn is_origin(text: &str) -> bool {
    let rest = ["http://", "https://"]
        .into_iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let is_authority = |rest: &str| {
        !rest.is_empty()
            && rest
                .chars()
                .all(|c| c.is_ascii_graphic() && !"/?#@".contains(c))
    };
    text == "*" || rest.is_some_and(is_authority)
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

fn sources(
    document: Option<&Document>,
    table: Option<&DeTable<'_>>,
    options: &Options,
    config: &mut Config,
    settings: &mut Vec<Setting>,
) -> Result<(), ConfigError> {
    if let (Some(document), Some(table)) = (document, table) {
        let mut named: Vec<_> = table.iter().collect();
        named.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in named {
            if !source::is_name(name.get_ref()) {
                return Err(ConfigError::Wrong {
                    place: document.place(&name.span()),
                    problem: format!("source name `{}`, expected {NAME_RULE}", name.get_ref()),
                    hint: None,
                });
            }
            let table = table_of(document, &format!("sources.{}", name.get_ref()), value)?;
            let path = format!("sources.{}", name.get_ref());
            let mut section = Section::new(&path, Some((document, table)), options, settings);
            let kind = source_kind(&mut section, document, &name.span())?;
            section.finish()?;
            config.sources.push(SourceConfig {
                name: name.get_ref().to_string(),
                kind,
            });
        }
    }
    if !options.sources.is_empty() {
        let specs: Result<Vec<_>, _> = options
            .sources
            .iter()
            .map(|t| SourceSpec::parse(t))
            .collect();
        config.sources = SourceSpec::name_all(&specs?)?;
        settings.clear();
        for source in &config.sources {
            describe(source, settings);
        }
    }
    if config.sources.len() > SOURCES_MAX {
        return Err(ConfigError::Wrong {
            place: document.map_or_else(|| "--source".to_owned(), |d| d.path.display().to_string()),
            problem: format!(
                "{} sources, expected at most {SOURCES_MAX}",
                config.sources.len()
            ),
            hint: Some("run another box beside this one with --instance NAME".to_owned()),
        });
    }
    Ok(())
}

/// Reads the keys of one source, by its type.
fn source_kind(
    section: &mut Section<'_>,
    document: &Document,
    span: &std::ops::Range<usize>,
) -> Result<SourceKind, ConfigError> {
    let mut kind = String::new();
    section.choice("type", &TYPES, &mut kind)?;
    let mut kind = match kind.as_str() {
        "v4l2" => source::default_v4l2(),
        "clip" => source::default_clip(),
        "pattern" => source::default_pattern(),
        "push" => SourceKind::Push(source::default_push()),
        _ => {
            return Err(ConfigError::Wrong {
                place: document.place(span),
                problem: "the source has no `type`".to_owned(),
                hint: Some(format!(
                    "add `type = \"…\"` with one of {}",
                    TYPES.join(", ")
                )),
            });
        }
    };
    match &mut kind {
        SourceKind::V4l2 {
            device,
            width_px,
            height_px,
            fps,
            format,
        } => {
            section.text("device", "a path, a stable id or \"auto\"", device)?;
            section.integer("width_px", SIDE_PX, width_px)?;
            section.integer("height_px", SIDE_PX, height_px)?;
            section.integer("fps", FPS, fps)?;
            let mut word = camera_format_word(*format).to_owned();
            section.choice("format", &["auto", "mjpeg", "yuyv", "nv12"], &mut word)?;
            *format = pixel_format(&word);
        }
        SourceKind::Clip { path, fps, looped } => {
            let mut given = PathBuf::new();
            section.path(
                "path",
                "the path of a clip or of a folder of pictures",
                &mut given,
            )?;
            *path = (!given.as_os_str().is_empty()).then_some(given);
            // In the file 0 stands for the clip's own rate.
            let mut rate = fps.unwrap_or(0.0);
            section.float("fps", 0.0..=240.0, &mut rate)?;
            *fps = (rate > 0.0).then_some(rate);
            section.boolean("looped", looped)?;
        }
        SourceKind::Pattern {
            width_px,
            height_px,
            fps,
            format,
        } => {
            section.integer("width_px", SIDE_PX, width_px)?;
            section.integer("height_px", SIDE_PX, height_px)?;
            section.float("fps", PATTERN_FPS, fps)?;
            let mut word = pixel_format_word(*format).to_owned();
            section.choice("format", &["mjpeg", "yuyv", "nv12", "rgb24"], &mut word)?;
            *format = pixel_format(&word).unwrap_or(*format);
        }
        SourceKind::Push(limits) => push(section, limits)?,
    }
    Ok(kind)
}

fn push(section: &mut Section<'_>, limits: &mut PushLimits) -> Result<(), ConfigError> {
    section.integer("max_width_px", SIDE_PX, &mut limits.max_width_px)?;
    section.integer("max_height_px", SIDE_PX, &mut limits.max_height_px)?;
    section.integer("max_frame_bytes", PUSH_BYTES, &mut limits.max_frame_bytes)?;
    section.integer("max_fps", FPS, &mut limits.max_fps)?;
    section.integer("hold_ms", 500..=600_000, &mut limits.hold_ms)
}

/// The format that a word of the file means; `None` for "auto".
fn pixel_format(word: &str) -> Option<PixelFormat> {
    PixelFormat::ALL
        .into_iter()
        .find(|format| pixel_format_word(*format) == word)
}

fn camera_format_word(format: Option<PixelFormat>) -> &'static str {
    format.map_or("auto", pixel_format_word)
}

fn pixel_format_word(format: PixelFormat) -> &'static str {
    match format {
        PixelFormat::Mjpeg => "mjpeg",
        PixelFormat::Yuyv => "yuyv",
        PixelFormat::Nv12 => "nv12",
        PixelFormat::Rgb24 => "rgb24",
    }
}

/// Notes a source of the command line as the settings that would give the same in a file.
fn describe(source: &SourceConfig, settings: &mut Vec<Setting>) {
    let mut note = |key, value| {
        let section = format!("sources.{}", source.name);
        settings.push(Setting {
            section,
            key,
            value,
            origin: Origin::CommandLine,
        });
    };
    match &source.kind {
        SourceKind::V4l2 {
            device,
            width_px,
            height_px,
            fps,
            format,
        } => {
            note("type", quoted("v4l2"));
            note("device", quoted(device));
            note("width_px", width_px.to_string());
            note("height_px", height_px.to_string());
            note("fps", fps.to_string());
            note("format", quoted(camera_format_word(*format)));
        }
        SourceKind::Clip { path, fps, looped } => {
            let path = path.as_deref().unwrap_or(Path::new(""));
            note("type", quoted("clip"));
            note("path", quoted(&path.to_string_lossy()));
            note("fps", format!("{:?}", fps.unwrap_or(0.0)));
            note("looped", looped.to_string());
        }
        SourceKind::Pattern {
            width_px,
            height_px,
            fps,
            format,
        } => {
            note("type", quoted("pattern"));
            note("width_px", width_px.to_string());
            note("height_px", height_px.to_string());
            note("fps", format!("{fps:?}"));
            note("format", quoted(pixel_format_word(*format)));
        }
        SourceKind::Push(limits) => {
            note("type", quoted("push"));
            note("max_width_px", limits.max_width_px.to_string());
            note("max_height_px", limits.max_height_px.to_string());
            note("max_frame_bytes", limits.max_frame_bytes.to_string());
            note("max_fps", limits.max_fps.to_string());
            note("hold_ms", limits.hold_ms.to_string());
        }
    }
}
