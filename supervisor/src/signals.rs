//! Turns SIGTERM and SIGINT into events, on a thread of their own.

use crate::event::Event;
use crate::failure::Failure;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::sync::mpsc::Sender;

/// Listens from now on; the thread ends with the process.
///
/// # Errors
///
/// [`Failure::System`] if signals cannot be caught.
pub fn listen(events: Sender<Event>) -> Result<(), Failure> {
    let failed = |source| Failure::System {
        what: "catch signals",
        source,
    };
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(failed)?;
    let forward = move || {
        for _ in signals.forever() {
            if events.send(Event::StopSignal).is_err() {
                return;
            }
        }
    };
    let thread = std::thread::Builder::new().name("signals".to_owned());
    thread.spawn(forward).map(drop).map_err(failed)
}
