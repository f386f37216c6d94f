//! Turns SIGTERM, SIGINT and SIGHUP into events, on a thread of their own.
//!
//! SIGHUP asks for a reload, unless the terminal that the supervisor runs in was closed: then it
//! is the system's way to say so, and the box stops. `nohup` has that ignored.

use crate::event::Event;
use crate::failure::Failure;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::sync::mpsc::SyncSender;

/// Listens from now on; the thread ends with the process.
///
/// # Errors
///
/// [`Failure::System`] if signals cannot be caught.
pub fn listen(events: SyncSender<Event>) -> Result<(), Failure> {
    let failed = |source| Failure::System {
        what: "catch signals",
        source,
    };
    let ends_with_terminal = has_terminal() && !is_ignored(SIGHUP);
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).map_err(failed)?;
    let forward = move || {
        for signal in signals.forever() {
            let is_closed = ends_with_terminal && !has_terminal();
            let event = if signal == SIGHUP && !is_closed {
                Event::ReloadSignal
            } else {
                Event::StopSignal
            };
            if events.send(event).is_err() {
                return;
            }
        }
    };
    let thread = std::thread::Builder::new().name("signals".to_owned());
    thread.spawn(forward).map(drop).map_err(failed)
}

/// Whether this process has a terminal that can end it. Source: tty(4).
fn has_terminal() -> bool {
    std::fs::File::open("/dev/tty").is_ok()
}

/// Whether whoever started this process had it ignore the signal. Source: proc_pid_status(5).
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignores(&status, signal)
}

fn ignores(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_mask() {
        let status = "Name:\tsh\nSigIgn:\t0000000000001001\nSigCgt:\tffffffffffffffff\n";
        assert!(ignores(status, SIGHUP));
        assert!(!ignores(status, SIGINT));
        assert!(!ignores("", SIGHUP));
    }
}
