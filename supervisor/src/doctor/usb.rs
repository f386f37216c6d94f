//! Do the cameras on one USB bus get enough of it, all at once?
//!
//! A USB 2 camera reserves bandwidth when it starts to stream, often the most that it can, whatever
//! it then sends; the next one on the same bus is refused with "no space left on device".

use super::Finding;
use std::collections::BTreeMap;
use std::path::Path;

/// What one USB 2 camera may reserve, in Mbit/s: 3 × 1024 bytes in each of 8000 microframes.
/// Source: Universal Serial Bus Specification 2.0, section 5.6.3.
const RESERVED_MBIT: f64 = 3.0 * 1024.0 * 8000.0 * 8.0 / 1e6;

/// Share of a USB 2 bus that may be reserved. Source: the same, section 5.6.4.
const RESERVABLE: f64 = 0.8;

/// Buses faster than this are not filled by cameras, in Mbit/s.
const FAST_MBIT: f64 = 5000.0;

/// One camera on USB.
#[derive(Debug, Clone, PartialEq)]
struct Camera {
    name: String,
    bus: u32,
    speed_mbit: f64,
}

pub(super) fn look() -> Vec<Finding> {
    check(&cameras(Path::new("/sys/class/video4linux")))
}

/// The USB devices behind the cameras' nodes; one device may have several nodes.
fn cameras(listed: &Path) -> Vec<Camera> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(listed).into_iter().flatten().flatten() {
        // `device` is the interface; the device is the folder above it.
        let interface = entry.path().join("device").canonicalize();
        let Some(device) = interface.ok().and_then(|i| i.parent().map(Path::to_owned)) else {
            continue;
        };
        let read = |file: &str| {
            let text = std::fs::read_to_string(device.join(file)).ok()?;
            Some(text.trim().to_owned())
        };
        let number = |file: &str| read(file)?.parse::<f64>().ok();
        if let (Some(bus), Some(speed_mbit)) = (number("busnum"), number("speed")) {
            let node = entry.file_name().to_string_lossy().into_owned();
            let camera = Camera {
                name: read("product").unwrap_or(node),
                bus: bus as u32,
                speed_mbit,
            };
            found.insert(device, camera);
        }
    }
    found.into_values().collect()
}

fn check(cameras: &[Camera]) -> Vec<Finding> {
    let mut buses: BTreeMap<u32, Vec<&Camera>> = BTreeMap::new();
    for camera in cameras
        .iter()
        .filter(|camera| camera.speed_mbit < FAST_MBIT)
    {
        buses.entry(camera.bus).or_default().push(camera);
    }
    let shared = buses.into_iter().filter(|(_, cameras)| cameras.len() > 1);
    shared
        .map(|(bus, cameras)| {
            let names: Vec<&str> = cameras.iter().map(|camera| camera.name.as_str()).collect();
            let speed = cameras.iter().map(|c| c.speed_mbit).fold(0.0, f64::max);
            let reserved: f64 = cameras
                .iter()
                .map(|c| RESERVED_MBIT.min(c.speed_mbit))
                .sum();
            let says = format!("{} share bus {bus} ({speed} Mbit/s)", names.join(" and "));
            if reserved <= speed * RESERVABLE {
                return Finding::ok("USB", says);
            }
            Finding::warn("USB", says)
                .meaning(format!(
                    "together they may reserve {reserved:.0} Mbit/s, of which the bus gives {:.0}; \
                     one of them may then not start",
                    speed * RESERVABLE
                ))
                .mend(
                    "plug one into another controller (`lsusb -t` shows them), or ask for a \
                     smaller picture or `format = \"mjpeg\"`",
                )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;
    use std::os::unix::fs::symlink;

    fn camera(name: &str, bus: u32, speed_mbit: f64) -> Camera {
        Camera {
            name: name.to_owned(),
            bus,
            speed_mbit,
        }
    }

    #[test]
    fn two_cameras_fill_one_usb_2_bus() {
        let findings = check(&[camera("A", 1, 480.0), camera("B", 1, 480.0)]);
        assert_eq!(findings[0].level, Level::Warn);
        assert!(findings[0].says.contains("A and B"), "{}", findings[0].says);
    }

    #[test]
    fn cameras_apart_or_on_a_fast_bus_are_not_told_of() {
        assert!(check(&[camera("A", 1, 480.0), camera("B", 3, 480.0)]).is_empty());
        assert!(check(&[camera("A", 2, 5000.0), camera("B", 2, 5000.0)]).is_empty());
        assert!(check(&[camera("A", 1, 480.0)]).is_empty());
    }

    #[test]
    fn two_nodes_of_one_device_are_one_camera() {
        let scratch = tempfile::tempdir().unwrap();
        let device = scratch.path().join("usb1/1-2");
        let interface = device.join("1-2:1.0");
        std::fs::create_dir_all(&interface).unwrap();
        for (file, text) in [("busnum", "1\n"), ("speed", "480\n"), ("product", "Cam\n")] {
            std::fs::write(device.join(file), text).unwrap();
        }
        let listed = scratch.path().join("video4linux");
        for node in ["video0", "video1"] {
            std::fs::create_dir_all(listed.join(node)).unwrap();
            symlink(&interface, listed.join(node).join("device")).unwrap();
        }
        assert_eq!(cameras(&listed), [camera("Cam", 1, 480.0)]);
        assert!(cameras(Path::new("/no/such/folder")).is_empty());
    }
}
