//! The keys of each source, by its type, and what each may be; from the file or, for sources of the
//! command line, the other way round.
//!
//! Neighbours: `keys` calls it for its tables.

use super::document::Document;
use super::keys::{Options, SOURCES_MAX, named_tables};
use super::section::{Section, quoted};
use super::setting::{Origin, Setting};
use super::source::{self, SourceConfig, SourceSpec, TYPES};
use super::{Config, ConfigError};
use shm_layout::PixelFormat;
use shm_layout::control::{PushLimits, SourceKind};
use shm_layout::frame::SIDE_PX_MAX;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// Width or height of a picture, in pixels.
pub(super) const SIDE_PX: RangeInclusive<u32> = 16..=SIDE_PX_MAX;

/// Frames per second of a camera.
const FPS: RangeInclusive<u32> = 1..=240;

/// Frames per second of a source whose frames nobody needs; 0 = all of them.
const IDLE_FPS: RangeInclusive<u32> = 0..=240;

/// Bytes of the largest frame that may be pushed.
const PUSH_BYTES: RangeInclusive<u32> = 4_096..=16 << 20;

/// Frames per second of a pattern.
pub(super) const PATTERN_FPS: RangeInclusive<f64> = 0.1..=240.0;

/// Reads the tables of all sources, or what the command line says in their place.
pub(super) fn sources(
    document: Option<&Document>,
    table: Option<&DeTable<'_>>,
    options: &Options,
    config: &mut Config,
    settings: &mut Vec<Setting>,
) -> Result<(), ConfigError> {
    if let (Some(document), Some(table)) = (document, table) {
        for named in named_tables(document, "sources", "source", table)? {
            let found = Some((document, named.table));
            let mut section = Section::new(&named.path, found, options, settings);
            let kind = source_kind(&mut section, document, &named.span)?;
            let mut idle_fps = 0;
            if !matches!(kind, SourceKind::Push(_)) {
                section.integer("idle_fps", IDLE_FPS, &mut idle_fps)?;
            }
            section.finish()?;
            config.sources.push(SourceConfig {
                name: named.name.to_owned(),
                kind,
                idle_fps,
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
            return;
        }
    }
    note("idle_fps", source.idle_fps.to_string());
}
