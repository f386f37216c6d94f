//! Sources: what a `[sources.NAME]` table or a `--source` option says.

use super::ConfigError;
use shm_layout::PixelFormat;
use shm_layout::control::{PushLimits, SourceKind};
use std::path::PathBuf;

/// Longest name of a source, in bytes; it is part of URLs and of unit names.
pub const NAME_LEN_MAX: usize = 32;

/// Name of the demo clip's source when nothing else is there.
pub const DEMO_NAME: &str = "demo";

/// Words that a source's type can be.
pub(super) const TYPES: [&str; 4] = ["v4l2", "clip", "pattern", "push"];

/// Name of the sources for clients that name none; a number follows.
const GUEST: &str = "guest";

/// One source, named and described.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceConfig {
    /// The name that clients use.
    pub name: String,
    /// What delivers its frames, and how.
    pub kind: SourceKind,
    /// Frames a second while nobody needs more; 0 = always all. Of no meaning for pushed sources.
    pub idle_fps: u32,
}

impl SourceConfig {
    /// The demo clip that is built into the capture-worker.
    #[must_use]
    pub fn demo() -> Self {
        Self {
            name: DEMO_NAME.to_owned(),
            kind: default_clip(),
            idle_fps: 0,
        }
    }

    /// A camera that is told apart by `device`, at the default mode.
    #[must_use]
    pub fn camera(name: &str, device: &str) -> Self {
        let mut kind = default_v4l2();
        if let SourceKind::V4l2 { device: wanted, .. } = &mut kind {
            device.clone_into(wanted);
        }
        Self {
            name: name.to_owned(),
            kind,
            idle_fps: 0,
        }
    }
}

/// A camera as it is unless configured: any, 640x480 at 30 fps, the format that costs least.
pub(super) fn default_v4l2() -> SourceKind {
    SourceKind::V4l2 {
        device: "auto".to_owned(),
        width_px: 640,
        height_px: 480,
        fps: 30,
        format: None,
    }
}

/// A clip as it is unless configured: the embedded one, at its own rate, over and over.
pub(super) fn default_clip() -> SourceKind {
    SourceKind::Clip {
        path: None,
        fps: None,
        looped: true,
    }
}

/// A test picture as it is unless configured.
pub(super) fn default_pattern() -> SourceKind {
    SourceKind::Pattern {
        width_px: 640,
        height_px: 480,
        fps: 30.0,
        format: PixelFormat::Mjpeg,
    }
}

/// What clients may push unless configured: what a phone's camera gives at a size that the
/// networks can use.
pub(super) fn default_push() -> PushLimits {
    PushLimits {
        max_width_px: 1280,
        max_height_px: 1280,
        max_fps: 30,
        max_frame_bytes: 512 * 1024,
        hold_ms: 5_000,
    }
}

/// The sources for clients that name none: `guest0`, `guest1`, ….
pub(super) fn guests(count: u32) -> impl Iterator<Item = SourceConfig> {
    (0..count).map(|number| SourceConfig {
        name: format!("{GUEST}{number}"),
        kind: SourceKind::Push(default_push()),
        idle_fps: 0,
    })
}

/// Whether `name` can name a source.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=NAME_LEN_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b))
}

/// What a name must look like, for error messages.
pub(super) const NAME_RULE: &str = "1 to 32 of a-z, 0-9, `-` and `_`";

/// One `--source` option: `[NAME=]v4l2:DEVICE`, `[NAME=]clip:PATH`, `[NAME=]pattern:[WxH[@FPS]]` or
/// `[NAME=]push:`.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceSpec {
    /// The name, if the option gives one.
    pub name: Option<String>,
    /// What delivers its frames.
    pub kind: SourceKind,
}

impl SourceSpec {
    /// Reads one option.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Wrong`] if it is none of the four forms.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let wrong = |problem: String| {
            ConfigError::Wrong {
            place: "--source".to_owned(),
            problem,
            hint: Some(
                "write v4l2:/dev/video0, clip:hands.mjpeg, pattern: or push:, with NAME= before it to name it"
                    .to_owned(),
            ),
        }
        };
        let (name, rest) = match text.split_once('=') {
            Some((name, rest)) if !name.contains([':', '/']) => (Some(name), rest),
            _ => (None, text),
        };
        if let Some(name) = name.filter(|name| !is_name(name)) {
            return Err(wrong(format!(
                "`{name}` is no name of a source, expected {NAME_RULE}"
            )));
        }
        let Some((kind, value)) = rest.split_once(':') else {
            return Err(wrong(format!(
                "`{rest}` has no type, expected v4l2:, clip:, pattern: or push:"
            )));
        };
        let kind = match kind {
            "v4l2" if value.is_empty() => default_v4l2(),
            "v4l2" => SourceConfig::camera("", value).kind,
            "clip" if value.is_empty() => default_clip(),
            "clip" => SourceKind::Clip {
                path: Some(PathBuf::from(value)),
                fps: None,
                looped: true,
            },
            "pattern" => pattern(value).ok_or_else(|| {
                wrong(format!(
                    "`{value}` is no size of a pattern, expected WIDTHxHEIGHT@FPS"
                ))
            })?,
            "push" if value.is_empty() => SourceKind::Push(default_push()),
            "push" => {
                return Err(wrong(format!(
                    "`{value}` behind push: says nothing, its limits stand in the config file"
                )));
            }
            _ => {
                return Err(wrong(format!(
                    "`{kind}` is no type of a source, expected v4l2, clip, pattern or push"
                )));
            }
        };
        Ok(Self {
            name: name.map(str::to_owned),
            kind,
        })
    }

    /// Names the sources of a command line: the given name, else `cam0`, `clip0`, `pattern0`, ….
    ///
    /// # Errors
    ///
    /// [`ConfigError::Wrong`] if two have the same name.
    pub fn name_all(specs: &[Self]) -> Result<Vec<SourceConfig>, ConfigError> {
        let mut named: Vec<SourceConfig> = Vec::with_capacity(specs.len());
        for spec in specs {
            let taken = |name: &str| named.iter().any(|source| source.name == name);
            let name = match &spec.name {
                Some(name) if taken(name) => {
                    return Err(ConfigError::Wrong {
                        place: "--source".to_owned(),
                        problem: format!("two sources are named `{name}`"),
                        hint: Some("give each source its own NAME=".to_owned()),
                    });
                }
                Some(name) => name.clone(),
                None => first_free(&spec.kind, specs, &taken),
            };
            named.push(SourceConfig {
                name,
                kind: spec.kind.clone(),
                idle_fps: 0,
            });
        }
        Ok(named)
    }
}

/// The first of `cam0`, `cam1`, … that no other source has or will get by its own name.
fn first_free(kind: &SourceKind, specs: &[SourceSpec], taken: &dyn Fn(&str) -> bool) -> String {
    let stem = match kind {
        SourceKind::V4l2 { .. } => "cam",
        SourceKind::Clip { .. } => "clip",
        SourceKind::Pattern { .. } => "pattern",
        SourceKind::Push(_) => "push",
    };
    let reserved = |name: &str| specs.iter().any(|spec| spec.name.as_deref() == Some(name));
    (0..=specs.len())
        .map(|number| format!("{stem}{number}"))
        .find(|name| !taken(name) && !reserved(name))
        .unwrap_or_else(|| stem.to_owned())
}

/// `WxH`, `WxH@FPS` or nothing.
fn pattern(text: &str) -> Option<SourceKind> {
    let mut kind = default_pattern();
    if text.is_empty() {
        return Some(kind);
    }
    let SourceKind::Pattern {
        width_px,
        height_px,
        fps,
        ..
    } = &mut kind
    else {
        return None;
    };
    let (size, rate) = text
        .split_once('@')
        .map_or((text, None), |(size, rate)| (size, Some(rate)));
    let (width, height) = size.split_once('x')?;
    *width_px = width
        .parse()
        .ok()
        .filter(|px| super::source_keys::SIDE_PX.contains(px))?;
    *height_px = height
        .parse()
        .ok()
        .filter(|px| super::source_keys::SIDE_PX.contains(px))?;
    if let Some(rate) = rate {
        *fps = rate
            .parse()
            .ok()
            .filter(|fps| super::source_keys::PATTERN_FPS.contains(fps))?;
    }
    Some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn spec(text: &str) -> SourceSpec {
        SourceSpec::parse(text).unwrap()
    }

    #[test]
    fn option_forms_are_read() {
        assert_eq!(
            spec("v4l2:"),
            SourceSpec {
                name: None,
                kind: default_v4l2()
            }
        );
        assert_eq!(
            spec("clip:"),
            SourceSpec {
                name: None,
                kind: default_clip()
            }
        );
        assert_eq!(
            spec("pattern:"),
            SourceSpec {
                name: None,
                kind: default_pattern()
            }
        );
        let door = spec("door=v4l2:usb-046d:0825-ABC=1");
        assert_eq!(door.name.as_deref(), Some("door"));
        assert_eq!(
            door.kind,
            SourceConfig::camera("", "usb-046d:0825-ABC=1").kind
        );
        let clip = spec("clip:/tmp/a=b/hands.mjpeg");
        assert_eq!(clip.name, None);
        assert!(
            matches!(clip.kind, SourceKind::Clip { path: Some(path), .. }
            if path == Path::new("/tmp/a=b/hands.mjpeg"))
        );
        let SourceKind::Pattern {
            width_px,
            height_px,
            fps,
            ..
        } = spec("pattern:1920x1080@60").kind
        else {
            panic!("no pattern")
        };
        assert_eq!((width_px, height_px, fps), (1920, 1080, 60.0));
    }

    #[test]
    fn option_of_no_known_form_is_refused_by_name() {
        for (text, named) in [
            ("/dev/video0", "has no type"),
            ("rtsp:host", "`rtsp`"),
            ("Door=pattern:", "`Door`"),
            ("=pattern:", "``"),
            ("pattern:0x480", "`0x480`"),
            ("pattern:640x480@0", "`640x480@0`"),
            ("push:10.0.0.1", "`10.0.0.1`"),
        ] {
            let error = SourceSpec::parse(text).unwrap_err().to_string();
            assert!(
                error.starts_with("--source: ") && error.contains(named),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn unnamed_sources_get_free_names() {
        let specs = [
            "v4l2:",
            "cam1=pattern:",
            "v4l2:/dev/video2",
            "clip:",
            "pattern:",
        ]
        .map(spec);
        let names: Vec<String> = SourceSpec::name_all(&specs)
            .unwrap()
            .into_iter()
            .map(|source| source.name)
            .collect();
        assert_eq!(names, ["cam0", "cam1", "cam2", "clip0", "pattern0"]);
        let twice = ["a=clip:", "a=pattern:"].map(spec);
        assert!(
            SourceSpec::name_all(&twice)
                .unwrap_err()
                .to_string()
                .contains("`a`")
        );
    }
}
