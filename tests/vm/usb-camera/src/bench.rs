//! The test bench: which camera is in which port, and the socket on which orders arrive.
//!
//! Neighbours: `command.rs` reads the orders; `port.rs` and `device.rs` are the cameras.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::command::{self, Command};
use crate::control::Control;
use crate::descriptors::{FORMAT_MJPEG, SIZES_PX};
use crate::device::{Device, Shared, with_state};
use crate::picture::Library;
use crate::port;

/// A client that sends no order within this time is left, so that it cannot keep others out.
const ORDER_WITHIN: Duration = Duration::from_secs(5);

/// A plugged camera: its cable, its state, its thread.
struct Plugged {
    cable: UnixStream,
    shared: Shared,
    thread: JoinHandle<()>,
}

/// All cameras.
#[derive(Default)]
pub struct Bench {
    library: Arc<Library>,
    plugged: BTreeMap<u32, Plugged>,
}

impl Bench {
    /// Takes orders on a new socket at `path`, one line and one answer (`ok …` or `error …`) per
    /// connection, for as long as the process lives.
    ///
    /// # Errors
    ///
    /// The listener's; a client's own fault is told to the client.
    pub fn serve(mut self, path: &Path) -> io::Result<()> {
        let listener = UnixListener::bind(path)?;
        for client in listener.incoming() {
            if let Err(error) = self.serve_client(client?) {
                eprintln!("usb-camera: client lost: {error}");
            }
        }
        Ok(())
    }

    fn serve_client(&mut self, mut client: UnixStream) -> io::Result<()> {
        client.set_read_timeout(Some(ORDER_WITHIN))?;
        let mut line = String::new();
        BufReader::new(&client).read_line(&mut line)?;
        let answer = match command::parse(&line) {
            Ok(order) => self.carry_out(order),
            Err(error) => Err(error.to_string()),
        };
        match answer {
            Ok(text) => writeln!(client, "ok {text}"),
            Err(text) => writeln!(client, "error {text}"),
        }
    }

    fn carry_out(&mut self, order: Command) -> Result<String, String> {
        match order {
            Command::Plug {
                port,
                serial,
                product,
            } => self.plug(port, &serial, &product),
            Command::Unplug { port } => self.unplug(port),
            Command::Fault { port, fault } => {
                with_state(self.shared(port)?, |state| state.fault = fault);
                Ok(fault.name().to_owned())
            }
            Command::Status { port } => {
                let state = with_state(self.shared(port)?, |state| *state);
                let (width_px, height_px) = SIZES_PX[state.mode.size];
                let format = if state.mode.format == FORMAT_MJPEG {
                    "MJPG"
                } else {
                    "YUYV"
                };
                let interval = state.mode.interval_100ns;
                Ok(format!(
                    "frames={} format={format} width={width_px} height={height_px} \
                     interval_100ns={interval} fault={}",
                    state.frames,
                    state.fault.name()
                ))
            }
        }
    }

    fn shared(&self, port: u32) -> Result<&Shared, String> {
        let plugged = self.plugged.get(&port);
        plugged
            .map(|camera| &camera.shared)
            .ok_or_else(|| format!("port {port} has no camera"))
    }

    fn plug(&mut self, port: u32, serial: &str, product: &str) -> Result<String, String> {
        if self.plugged.contains_key(&port) {
            return Err(format!("port {port} has a camera already"));
        }
        let plugged = self.start(port, serial, product);
        let plugged = plugged.map_err(|error| format!("port {port}: {error}"))?;
        self.plugged.insert(port, plugged);
        Ok(format!("port {port}"))
    }

    fn start(&self, port: u32, serial: &str, product: &str) -> io::Result<Plugged> {
        let cable = port::attach(port)?;
        let control = Control::new(product, serial);
        let device = Device::new(
            cable.try_clone()?,
            control,
            serial,
            Arc::clone(&self.library),
        );
        let shared = device.shared();
        let thread = thread::spawn(move || {
            if let Err(error) = device.run() {
                eprintln!("usb-camera: port {port}: {error}");
            }
        });
        Ok(Plugged {
            cable,
            shared,
            thread,
        })
    }

    fn unplug(&mut self, port: u32) -> Result<String, String> {
        let camera = self
            .plugged
            .remove(&port)
            .ok_or(format!("port {port} has no camera"))?;
        camera
            .cable
            .shutdown(Shutdown::Both)
            .map_err(|error| error.to_string())?;
        let ended = camera.thread.join();
        ended.map_err(|_| format!("port {port}: the camera's thread panicked"))?;
        Ok(format!("port {port}"))
    }
}
