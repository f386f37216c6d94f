//! The socket into which a camera is plugged: a port of the kernel's virtual host controller.
//!
//! Neighbours: `command.rs` plugs cameras in through here; `device.rs` serves the other end. The
//! kernel takes one end of a socket pair by its descriptor number, so nothing goes over a network.
//!
//! Source: Linux `Documentation/ABI/testing/sysfs-platform-usbip-vudc` and
//! `drivers/usb/usbip/vhci_sysfs.c` (`attach_store`: port, socket, device number, speed).

use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

/// Ports 0 to 7 are the controller's high-speed ports.
pub const PORTS: u32 = 8;

const ATTACH: &str = "/sys/devices/platform/vhci_hcd.0/attach";
const HIGH_SPEED: u32 = 3;
/// A port takes a moment to become free after its last camera; past this it is an error.
const FREE_WITHIN: Duration = Duration::from_secs(20);
const EBUSY: i32 = 16;

/// Plugs a device into `port` and gives its end of the cable.
///
/// # Errors
///
/// `NotFound` where `vhci-hcd` is not loaded; the kernel's error where it refuses, `EBUSY` where
/// the port stays taken.
pub fn attach(port: u32) -> io::Result<UnixStream> {
    let (kernel_end, device_end) = UnixStream::pair()?;
    let request = format!(
        "{port} {} {} {HIGH_SPEED}",
        kernel_end.as_raw_fd(),
        0x1_0000 + port + 1
    );
    let deadline = Instant::now() + FREE_WITHIN;
    loop {
        match fs::write(ATTACH, &request) {
            Ok(()) => return Ok(device_end),
            Err(error) if error.raw_os_error() == Some(EBUSY) && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(50));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let text = format!("{ATTACH} is missing: the kernel module vhci-hcd is not loaded");
                return Err(io::Error::new(io::ErrorKind::NotFound, text));
            }
            Err(error) => return Err(error),
        }
    }
}
