//! One plugged camera: answers the kernel's transfers and sends frames, until the cable is out.
//!
//! Neighbours: `port.rs` gives the socket to the kernel's host controller; `control.rs` answers
//! endpoint 0; `picture.rs` has the frames; `command.rs` sets the fault while this runs.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::command::Fault;
use crate::control::{Control, Mode, PAYLOAD_BYTES_MAX};
use crate::descriptors::FORMAT_MJPEG;
use crate::picture::{self, Library};
use crate::usbip::{self, Request};

/// errno values as the host expects them in a reply; the same on every Linux architecture.
const ECONNRESET: i32 = 104;
const EPIPE: i32 = 32;
const EPROTO: i32 = 71;

/// UVC payload header: its length, then these bits.
const HEADER_BYTES: usize = 2;
const END_OF_HEADER: u8 = 0x80;
const ERROR: u8 = 0x40;
const END_OF_FRAME: u8 = 0x02;
const FRAME_TOGGLE: u8 = 0x01;

/// What follows a padded frame, in zeros.
const PADDING_BYTES: usize = 512;

/// Length of the long frames of a burst: several payloads, while a short frame is one.
const BURST_BYTES: usize = 60_000;

/// How long an idle camera waits for the host before it looks at its own state again.
const IDLE_WAIT: Duration = Duration::from_millis(20);

/// What the loop and the command socket share.
#[derive(Debug, Clone, Copy)]
pub struct State {
    /// What the camera does wrong at the moment.
    pub fault: Fault,
    /// Frames sent since it was plugged in, whole or not.
    pub frames: u64,
    /// The mode that the host committed to.
    pub mode: Mode,
}

/// A handle on [`State`].
pub type Shared = Arc<Mutex<State>>;

/// Reads or changes the shared state; a panic elsewhere cannot leave it half written.
pub fn with_state<T>(shared: &Shared, change: impl FnOnce(&mut State) -> T) -> T {
    change(&mut shared.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A transfer of the host that waits for video.
#[derive(Debug, Clone, Copy)]
struct Transfer {
    number: u32,
    len_bytes: u32,
}

/// The camera's side of the cable.
pub struct Device {
    socket: UnixStream,
    shared: Shared,
    serial: String,
    library: Arc<Library>,
    control: Control,
    pending: VecDeque<Transfer>,
    payloads: VecDeque<Vec<u8>>,
    toggle: u8,
    next_frame: Instant,
}

impl Device {
    /// A camera at power-on, on its end of the cable.
    #[must_use]
    pub fn new(socket: UnixStream, control: Control, serial: &str, library: Arc<Library>) -> Self {
        let state = State {
            fault: Fault::None,
            frames: 0,
            mode: control.mode(),
        };
        Self {
            socket,
            shared: Arc::new(Mutex::new(state)),
            serial: serial.to_owned(),
            library,
            control,
            pending: VecDeque::new(),
            payloads: VecDeque::new(),
            toggle: 0,
            next_frame: Instant::now(),
        }
    }

    /// The handle with which the command socket steers this camera.
    #[must_use]
    pub fn shared(&self) -> Shared {
        Arc::clone(&self.shared)
    }

    /// Serves the host until the cable is out, which is no error.
    ///
    /// # Errors
    ///
    /// The socket's own, or a message that is not USB/IP.
    pub fn run(mut self) -> io::Result<()> {
        let mut inbox = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            self.socket.set_read_timeout(Some(self.wait()))?;
            match self.socket.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(len) => inbox.extend_from_slice(&chunk[..len]),
                Err(error) if is_no_data(&error) => {}
                Err(error) => return Err(error),
            }
            while let Some(request) = usbip::take_request(&mut inbox).map_err(io::Error::other)? {
                self.serve(request)?;
            }
            self.send_video(Instant::now())?;
        }
    }

    /// Time to the next frame; a camera whose host does not stream only looks at its state.
    fn wait(&self) -> Duration {
        let until_frame = self.next_frame.saturating_duration_since(Instant::now());
        if self.pending.is_empty() {
            return IDLE_WAIT;
        }
        until_frame.clamp(Duration::from_millis(1), IDLE_WAIT)
    }

    fn serve(&mut self, request: Request) -> io::Result<()> {
        match request {
            Request::Submit {
                number,
                endpoint: 0,
                is_in,
                len_bytes,
                setup,
                out,
            } => {
                let reply = match self.control.answer(&setup, &out) {
                    Ok(mut data) if is_in => {
                        data.truncate(len_bytes as usize);
                        usbip::submit_reply(number, 0, data.len() as u32, &data)
                    }
                    Ok(_) => usbip::submit_reply(number, 0, len_bytes, &[]),
                    Err(_) => usbip::submit_reply(number, -EPIPE, 0, &[]),
                };
                let mode = self.control.mode();
                with_state(&self.shared, |state| state.mode = mode);
                self.socket.write_all(&reply)
            }
            Request::Submit {
                number, len_bytes, ..
            } => {
                self.pending.push_back(Transfer { number, len_bytes });
                Ok(())
            }
            Request::Unlink { number, victim } => {
                let before = self.pending.len();
                self.pending.retain(|transfer| transfer.number != victim);
                let was_pending = self.pending.len() < before;
                // The host has stopped streaming: what is left of a frame must not open the next.
                if self.pending.is_empty() {
                    self.payloads.clear();
                }
                let status = if was_pending { -ECONNRESET } else { 0 };
                self.socket.write_all(&usbip::unlink_reply(number, status))
            }
        }
    }

    fn send_video(&mut self, now: Instant) -> io::Result<()> {
        let fault = with_state(&self.shared, |state| state.fault);
        match fault {
            Fault::Freeze => return Ok(()),
            Fault::UsbError => {
                // Bounded by what the host has queued, so the host sets the pace of the errors.
                while let Some(transfer) = self.pending.pop_front() {
                    self.socket.write_all(&usbip::submit_reply(
                        transfer.number,
                        -EPROTO,
                        0,
                        &[],
                    ))?;
                }
                return Ok(());
            }
            _ => {}
        }
        if now >= self.next_frame && !self.pending.is_empty() && self.payloads.is_empty() {
            self.queue_frame(fault, now)?;
        }
        while !self.payloads.is_empty() {
            let Some(transfer) = self.pending.pop_front() else {
                break;
            };
            let Some(mut payload) = self.payloads.pop_front() else {
                break;
            };
            payload.truncate(transfer.len_bytes as usize);
            let len = payload.len() as u32;
            self.socket
                .write_all(&usbip::submit_reply(transfer.number, 0, len, &payload))?;
        }
        Ok(())
    }

    fn queue_frame(&mut self, fault: Fault, now: Instant) -> io::Result<()> {
        let mode = self.control.mode();
        let number = self.library.next_number();
        with_state(&self.shared, |state| state.frames += 1);
        let interval = Duration::from_nanos(u64::from(mode.interval_100ns) * 100);
        let interval = if fault == Fault::Burst {
            Duration::ZERO
        } else {
            interval
        };
        // A host that was slow gets the next frame now, not all those that it missed.
        self.next_frame = (self.next_frame + interval).max(now);

        let frame = self.frame(mode, fault, number)?;
        let error = if fault == Fault::ErrorBit { ERROR } else { 0 };
        let flags = END_OF_HEADER | self.toggle | error;
        self.payloads = payloads(&frame, flags);
        self.toggle ^= FRAME_TOGGLE;
        Ok(())
    }

    /// The bytes of one frame, damaged as the fault says.
    fn frame(&self, mode: Mode, fault: Fault, number: u64) -> io::Result<Vec<u8>> {
        let mut frame = if mode.format == FORMAT_MJPEG {
            let jpeg = self
                .library
                .jpeg(mode.size, number)
                .map_err(io::Error::other)?;
            match fault {
                Fault::NoTables => {
                    picture::stamped(&picture::without_tables(jpeg), &self.serial, number)
                }
                _ => picture::stamped(jpeg, &self.serial, number),
            }
        } else {
            self.library.yuyv(mode.size, number).to_vec()
        };
        match fault {
            Fault::Truncate => frame.truncate(frame.len() / 2),
            Fault::Flicker if number.is_multiple_of(3) => frame.truncate(frame.len() / 2),
            Fault::Garbage => frame.iter_mut().for_each(|byte| *byte = !*byte),
            Fault::Burst if number.is_multiple_of(2) => frame.resize(BURST_BYTES, 0),
            Fault::Padded => frame.resize(frame.len() + PADDING_BYTES, 0),
            _ => {}
        }
        Ok(frame)
    }
}

/// A frame cut into payloads, each with its header; the last one ends the frame.
fn payloads(frame: &[u8], flags: u8) -> VecDeque<Vec<u8>> {
    let pieces = frame.chunks(PAYLOAD_BYTES_MAX as usize - HEADER_BYTES);
    let last = pieces.len() - 1;
    let payload = |(index, piece): (usize, &[u8])| {
        let end = if index == last { END_OF_FRAME } else { 0 };
        let mut bytes = vec![HEADER_BYTES as u8, flags | end];
        bytes.extend_from_slice(piece);
        bytes
    };
    pieces.enumerate().map(payload).collect()
}

/// The read came back without data because its time was up or a signal came.
fn is_no_data(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_hold_the_frame_and_only_the_last_ends_it() {
        let frame: Vec<u8> = (0..40_000u32).map(|n| n as u8).collect();
        let pieces = payloads(&frame, END_OF_HEADER | FRAME_TOGGLE);
        assert_eq!(
            pieces
                .iter()
                .flat_map(|piece| piece[2..].to_vec())
                .collect::<Vec<_>>(),
            frame
        );
        assert!(
            pieces
                .iter()
                .all(|piece| piece.len() <= PAYLOAD_BYTES_MAX as usize)
        );
        let ends: Vec<bool> = pieces
            .iter()
            .map(|piece| piece[1] & END_OF_FRAME != 0)
            .collect();
        assert_eq!(ends, [false, false, true]);
    }
}
