//! The log: one line an event on stderr, through the terminal's queue.
//!
//! On a terminal the time of day stands before each line; elsewhere the full time, unless the
//! journal takes the lines, which has its own.

use crate::terminal::Terminal;
use std::fmt;
use std::io;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime as FullTime};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, reload};

/// Name of the environment variable that overrides `log.level`, here and in the workers.
pub const LEVEL_VARIABLE: &str = "WIGWAG_LOG";

static FILTER: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();

/// The level in force if the configuration says `level`: the environment goes before it.
#[must_use]
pub fn level(level: &str) -> String {
    std::env::var(LEVEL_VARIABLE).unwrap_or_else(|_| level.to_owned())
}

/// Changes the level to what is in force if the configuration says `wanted`.
pub fn set_level(wanted: &str) {
    if let Some(filter) = FILTER.get() {
        // Fails only when the log is gone.
        let _gone = filter.reload(EnvFilter::new(level(wanted)));
    }
}

/// Starts the log at `level`; later calls change nothing.
pub fn start(level: &str) {
    let filter = EnvFilter::try_from_env(LEVEL_VARIABLE).unwrap_or_else(|_| EnvFilter::new(level));
    let terminal = Terminal::get();
    let timer = if std::env::var_os("JOURNAL_STREAM").is_some() {
        Timer::None
    } else if terminal.is_live() {
        Timer::OfDay
    } else {
        Timer::Full
    };
    let (filter, handle) = reload::Layer::new(filter);
    let lines = layer()
        .with_writer(|| Line(Terminal::get()))
        .with_ansi(terminal.is_live())
        .with_target(false)
        .with_timer(timer);
    // A second log in the same process keeps the first one's settings.
    let started = tracing_subscriber::registry().with(filter).with(lines);
    if started.try_init().is_ok() {
        let _set_before = FILTER.set(handle);
    }
}

enum Timer {
    None,
    OfDay,
    Full,
}

impl FormatTime for Timer {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Full => FullTime.format_time(writer),
            Self::OfDay => {
                let now = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default();
                writer.write_str(&time_of_day(now.as_secs()))
            }
        }
    }
}

fn time_of_day(seconds: u64) -> String {
    let (hour, minute) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{hour:02}:{minute:02}:{:02}Z", seconds % 60)
}

/// Takes the lines that the log writes; each write is one whole line.
struct Line(&'static Terminal);

impl io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lines(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_of_day_is_utc() {
        assert_eq!(time_of_day(0), "00:00:00Z");
        assert_eq!(time_of_day(1_795_151_887), "05:18:07Z");
    }
}
