//! What `capture-worker` does for a person or the supervisor besides capturing: list the cameras,
//! and say what a source would be.
//!
//! Neighbours: `main` decides between this and the worker; [`crate::probe`] and
//! [`crate::source::v4l2`] give the answers. Answers go to standard output, nothing else does.

use crate::probe;
use crate::source::v4l2::mode::{OfferedFormat, OfferedSize};
use crate::source::v4l2::{ListedCamera, list_cameras};
use clap::{Parser, Subcommand};
use shm_layout::control::SourceKind;
use shm_layout::exit::ExitReason;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

/// Puts camera frames into shared memory. Started by `supervisor start`; these commands are for
/// looking around.
#[derive(Debug, Parser)]
#[command(name = "capture-worker", version, arg_required_else_help = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists the cameras with their stable ids, formats, sizes and rates
    ListDevices {
        /// As JSON, one array
        #[arg(long)]
        json: bool,
    },
    /// Says what a source would be, as one JSON object
    Probe {
        /// The source as JSON, e.g. '{"type":"clip","path":"hands.mjpeg","looped":true}'
        source: String,
    },
}

/// Whether the command line asks for one of the commands here, rather than for a worker.
#[must_use]
pub fn is_wanted(first_argument: Option<&str>) -> bool {
    first_argument.is_none_or(|argument| {
        !argument.starts_with("--") || argument == "--help" || argument == "--version"
    })
}

/// Runs the command on the command line.
#[must_use]
pub fn main() -> ExitCode {
    let command = match CommandLine::try_parse() {
        Ok(line) => line.command,
        Err(error) => {
            let code = if error.use_stderr() {
                ExitReason::Usage
            } else {
                ExitReason::Stopped
            };
            // Nobody is left to be told if this fails.
            drop(error.print());
            return ExitCode::from(code as u8);
        }
    };
    let (answer, code) = match command {
        Command::ListDevices { json: true } => (json(&list_cameras()), ExitReason::Stopped),
        Command::ListDevices { json: false } => (table(&list_cameras()), ExitReason::Stopped),
        Command::Probe { source } => match serde_json::from_str::<SourceKind>(&source) {
            Ok(kind) => (json(&probe::probe(&kind)), ExitReason::Stopped),
            Err(error) => {
                eprintln!("error: `{source}` is no source: {error}");
                eprintln!("hint: try '{{\"type\":\"clip\",\"path\":null,\"looped\":true}}'");
                return ExitCode::from(ExitReason::Usage as u8);
            }
        },
    };
    // A reader that closed the pipe early has what it wanted.
    drop(std::io::stdout().write_all(answer.as_bytes()));
    ExitCode::from(code as u8)
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value)
        .map(|text| text + "\n")
        .unwrap_or_default()
}

/// The cameras for people.
fn table(cameras: &[ListedCamera]) -> String {
    if cameras.is_empty() {
        return "no cameras found\n".to_owned();
    }
    let blocks: Vec<String> = cameras.iter().map(camera_block).collect();
    blocks.join("\n")
}

fn camera_block(camera: &ListedCamera) -> String {
    let mut block = format!("{}  {}\n", camera.path.display(), camera.name);
    let mut line = |name: &str, text: &str| {
        // Writing into a string cannot fail.
        let _ = writeln!(block, "  {name:<6}  {text}");
    };
    line("id", &camera.stable_id);
    if let Some(by_path) = camera
        .by_path
        .as_ref()
        .filter(|path| **path != camera.stable_id)
    {
        line("plug", by_path);
    }
    if !camera.driver.is_empty() {
        line("driver", &camera.driver);
    }
    if let Some(error) = &camera.error {
        line("error", error);
        return block;
    }
    for format in camera.formats.iter().filter(|format| format.usable) {
        line(&format.fourcc, &sizes_text(format));
    }
    let unread: Vec<&str> = camera
        .formats
        .iter()
        .filter(|format| !format.usable)
        .map(|f| f.fourcc.as_str())
        .collect();
    if !unread.is_empty() {
        line(
            "others",
            &format!("not read by Wigwag: {}", unread.join(" ")),
        );
    }
    block
}

fn sizes_text(format: &OfferedFormat) -> String {
    let sizes: Vec<String> = format.sizes.iter().map(size_text).collect();
    sizes.join(", ")
}

fn size_text(size: &OfferedSize) -> String {
    let mut text = format!("{}x{}", size.width_px, size.height_px);
    if let Some(range) = size.range {
        // Writing into a string cannot fail.
        let _ = write!(text, " to {}x{}", range.width_px_max, range.height_px_max);
    }
    let rates: Vec<String> = size.fps.iter().map(f64::to_string).collect();
    let joint = if size.any_fps_between { "-" } else { "/" };
    if rates.is_empty() {
        text
    } else {
        format!("{text} @ {}", rates.join(joint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_and_commands_are_told_apart() {
        assert!(is_wanted(None));
        for command in ["list-devices", "probe", "--help", "--version", "nonsense"] {
            assert!(is_wanted(Some(command)), "{command}");
        }
        for worker in ["--control", "--unit", "--entry"] {
            assert!(!is_wanted(Some(worker)), "{worker}");
        }
    }

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        CommandLine::command().debug_assert();
    }

    #[test]
    fn a_camera_is_shown_with_its_id_modes_and_what_is_not_read() {
        let size = |width_px, height_px, fps: &[f64]| OfferedSize {
            width_px,
            height_px,
            range: None,
            fps: fps.to_vec(),
            any_fps_between: false,
        };
        let format = |code: &[u8; 4], usable, sizes| OfferedFormat {
            fourcc: String::from_utf8_lossy(code).into_owned(),
            description: String::new(),
            usable,
            sizes,
            code: *code,
        };
        let camera = ListedCamera {
            path: "/dev/video0".into(),
            name: "Webcam".into(),
            stable_id: "usb-Acme_Webcam_1-video-index0".into(),
            by_id: None,
            by_path: Some("pci-0000:00:14.0-usb-0:2:1.0-video-index0".into()),
            serial: None,
            driver: "uvcvideo".into(),
            bus: String::new(),
            usable: true,
            formats: vec![
                format(
                    b"MJPG",
                    true,
                    vec![size(640, 480, &[30.0, 7.5]), size(1280, 720, &[])],
                ),
                format(b"H264", false, vec![]),
            ],
            error: None,
        };
        assert_eq!(
            table(&[camera]),
            "/dev/video0  Webcam\n  \
               id      usb-Acme_Webcam_1-video-index0\n  \
               plug    pci-0000:00:14.0-usb-0:2:1.0-video-index0\n  \
               driver  uvcvideo\n  \
               MJPG    640x480 @ 30/7.5, 1280x720\n  \
               others  not read by Wigwag: H264\n"
        );
        assert_eq!(table(&[]), "no cameras found\n");
    }
}
