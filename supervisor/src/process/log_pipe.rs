//! Carries the output lines of a worker into the supervisor's log, with unit and process id.
//!
//! A worker writes `LEVEL text`. A line without a level was not written by its logger: a panic, or
//! a C library with something to say; it is a warning. Lines are cut at a bound, and control
//! characters do not reach the terminal.

use super::listen;
use crate::black_box::Tail;
use std::io::{self, BufRead, BufReader, PipeReader, Read};
use std::sync::Arc;
use tracing::Level;

/// Longest line, in bytes; the rest of a longer one follows as further lines.
const LINE_BYTES_MAX: u64 = 4096;

/// Forwards lines from a thread of its own until the pipe has no writer left, and keeps the last
/// ones in `tail`.
///
/// # Errors
///
/// The system's, if there can be no further thread.
pub fn forward(reader: PipeReader, unit: String, pid: u32, tail: Arc<Tail>) -> io::Result<()> {
    listen("log-pipe", move || {
        let mut lines = BufReader::new(reader);
        while let Some(line) = next_line(&mut lines) {
            tail.push(&line);
            log(&unit, pid, &line);
        }
        tail.end();
    })
}

fn next_line(reader: &mut impl BufRead) -> Option<String> {
    let mut bytes = Vec::new();
    match reader.take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes) {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

fn log(unit: &str, pid: u32, line: &str) {
    let (level, text) = level_of(line);
    if text.is_empty() {
        return;
    }
    match level {
        Level::ERROR => tracing::error!("{unit}[{pid}]: {text}"),
        Level::WARN => tracing::warn!("{unit}[{pid}]: {text}"),
        Level::INFO => tracing::info!("{unit}[{pid}]: {text}"),
        Level::DEBUG => tracing::debug!("{unit}[{pid}]: {text}"),
        Level::TRACE => tracing::trace!("{unit}[{pid}]: {text}"),
    }
}

/// Splits a worker's line into its level and its text, free of control characters.
fn level_of(line: &str) -> (Level, String) {
    let line = line.trim();
    let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
    let (level, text) = match first {
        "ERROR" => (Level::ERROR, rest),
        "WARN" => (Level::WARN, rest),
        "INFO" => (Level::INFO, rest),
        "DEBUG" => (Level::DEBUG, rest),
        "TRACE" => (Level::TRACE, rest),
        _ => (Level::WARN, line),
    };
    let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    (level, text.trim_start().chars().map(printable).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn level_is_kept_and_unmarked_lines_are_warnings() {
        let split = |line: &str| {
            let (level, text) = level_of(line);
            (level, text)
        };
        assert_eq!(split("INFO  ready\n"), (Level::INFO, "ready".to_owned()));
        assert_eq!(
            split("ERROR no camera"),
            (Level::ERROR, "no camera".to_owned())
        );
        let panic = "thread 'main' panicked at src/run.rs:1:1:";
        assert_eq!(split(panic), (Level::WARN, panic.to_owned()));
        assert_eq!(
            split("INFO a\x1b[2Jb"),
            (Level::INFO, "a\u{fffd}[2Jb".to_owned())
        );
        assert_eq!(split("\n"), (Level::WARN, String::new()));
    }

    #[test]
    fn endless_line_is_cut_and_bad_utf8_is_no_end() {
        let mut input = vec![b'x'; LINE_BYTES_MAX as usize + 5];
        input.extend_from_slice(b"\n\xff\xfe\nlast");
        let mut reader = io::Cursor::new(input);
        let lengths: Vec<usize> = std::iter::from_fn(|| next_line(&mut reader))
            .map(|l| l.trim().chars().count())
            .collect();
        assert_eq!(lengths, [LINE_BYTES_MAX as usize, 5, 2, 4]);
    }
}
