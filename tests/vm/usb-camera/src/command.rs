//! The orders that the checks give at run time: text in, orders out.
//!
//! Neighbours: `bench.rs` carries them out. This module does no I/O.

use crate::port::PORTS;

/// What a camera does wrong, or in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It sends no frame, but stays on the bus.
    Freeze,
    /// Each frame is cut in half; the payload header says nothing about it.
    Truncate,
    /// Every third frame is cut in half.
    Flicker,
    /// Each frame has its full length, but every byte is wrong.
    Garbage,
    /// The payload header marks each frame as faulty.
    ErrorBit,
    /// Each transfer fails as with a bad cable.
    UsbError,
    /// JPEGs come without Huffman tables, as from many webcams; the usual tables are meant.
    NoTables,
    /// Each frame is followed by zeros, as from many webcams.
    Padded,
    /// Frames come as fast as the host takes them, long and short in turn. `uvcvideo` copies them
    /// on several processors at once, so that a short one may overtake a long one.
    Burst,
}

/// Each fault and its name in the orders.
const FAULTS: [(Fault, &str); 10] = [
    (Fault::None, "none"),
    (Fault::Freeze, "freeze"),
    (Fault::Truncate, "truncate"),
    (Fault::Flicker, "flicker"),
    (Fault::Garbage, "garbage"),
    (Fault::ErrorBit, "error-bit"),
    (Fault::UsbError, "usb-error"),
    (Fault::NoTables, "no-tables"),
    (Fault::Padded, "padded"),
    (Fault::Burst, "burst"),
];

impl Fault {
    /// Its name in the orders.
    #[must_use]
    pub fn name(self) -> &'static str {
        FAULTS
            .iter()
            .find(|(fault, _)| *fault == self)
            .map_or("none", |(_, name)| name)
    }
}

/// One order.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Puts a new camera into a port.
    Plug {
        /// The port, 0 to 7.
        port: u32,
        /// Its serial number; no spaces.
        serial: String,
        /// Its product name.
        product: String,
    },
    /// Pulls the camera out of a port.
    Unplug {
        /// The port.
        port: u32,
    },
    /// Makes the camera in a port misbehave, or behave again.
    Fault {
        /// The port.
        port: u32,
        /// What it does from now on.
        fault: Fault,
    },
    /// Asks for a camera's state.
    Status {
        /// The port.
        port: u32,
    },
}

/// Text that is no order.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The first word is none of the orders.
    #[error("`{0}` is no order, expected plug, unplug, fault or status")]
    Unknown(String),
    /// The second word is no port.
    #[error("`{0}` is no port, expected 0 to {max}", max = PORTS - 1)]
    Port(String),
    /// A word is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The word is none of the faults.
    #[error("`{0}` is no fault, expected one of {names}", names = FAULTS.map(|(_, name)| name).join(", "))]
    Fault(String),
}

/// Reads one line: `plug PORT SERIAL NAME…`, `unplug PORT`, `fault PORT FAULT` or `status PORT`.
///
/// # Errors
///
/// [`CommandError`] names the word that is wrong.
pub fn parse(line: &str) -> Result<Command, CommandError> {
    let mut words = line.split_whitespace();
    let order = words.next().ok_or(CommandError::Missing("the order"))?;
    if !["plug", "unplug", "fault", "status"].contains(&order) {
        return Err(CommandError::Unknown(order.to_owned()));
    }
    let word = words.next().ok_or(CommandError::Missing("the port"))?;
    let port = word.parse().ok().filter(|port| *port < PORTS);
    let port = port.ok_or_else(|| CommandError::Port(word.to_owned()))?;
    Ok(match order {
        "plug" => {
            let serial = words
                .next()
                .ok_or(CommandError::Missing("the serial number"))?
                .to_owned();
            let product = words.collect::<Vec<_>>().join(" ");
            if product.is_empty() {
                return Err(CommandError::Missing("the product name"));
            }
            Command::Plug {
                port,
                serial,
                product,
            }
        }
        "unplug" => Command::Unplug { port },
        "fault" => {
            let name = words.next().ok_or(CommandError::Missing("the fault"))?;
            let known = FAULTS.iter().find(|(_, known)| *known == name);
            let (fault, _) = known.ok_or_else(|| CommandError::Fault(name.to_owned()))?;
            Command::Fault {
                port,
                fault: *fault,
            }
        }
        _ => Command::Status { port },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_is_read() {
        let plug = Command::Plug {
            port: 1,
            serial: "B2".to_owned(),
            product: "Desk Camera".to_owned(),
        };
        assert_eq!(parse("plug 1 B2 Desk Camera\n"), Ok(plug));
        assert_eq!(parse("unplug 0"), Ok(Command::Unplug { port: 0 }));
        assert_eq!(parse("status 7"), Ok(Command::Status { port: 7 }));
        for (fault, name) in FAULTS {
            assert_eq!(
                parse(&format!("fault 2 {name}")),
                Ok(Command::Fault { port: 2, fault })
            );
            assert_eq!(fault.name(), name);
        }
    }

    #[test]
    fn a_wrong_word_is_named() {
        assert_eq!(
            parse("pull 1"),
            Err(CommandError::Unknown("pull".to_owned()))
        );
        assert_eq!(parse("unplug 8"), Err(CommandError::Port("8".to_owned())));
        assert_eq!(
            parse("plug 1 B2"),
            Err(CommandError::Missing("the product name"))
        );
        assert_eq!(
            parse("fault 1 fire"),
            Err(CommandError::Fault("fire".to_owned()))
        );
        assert_eq!(parse(""), Err(CommandError::Missing("the order")));
    }
}
