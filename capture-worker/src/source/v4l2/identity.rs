//! Who a camera is: names that stay the same when it is plugged in again under another number.
//!
//! Neighbours: `follow` finds cameras by these names. They are computed from sysfs as udev computes
//! the links in `/dev/v4l/by-id` and `/dev/v4l/by-path`, because a box need not run udev.
//! Source: systemd, `60-persistent-v4l.rules`, `udev-builtin-usb_id.c`, `udev-builtin-path_id.c`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Most levels of sysfs that are climbed from a camera to the root.
const LEVELS_MAX: usize = 32;

/// One video node and the names of the camera behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The node, e.g. `/dev/video0`.
    pub path: PathBuf,
    /// Its number, e.g. 0.
    pub number: u32,
    /// The driver's name for the camera.
    pub name: String,
    /// What the camera is, e.g. `usb-Acme_Webcam_1234-video-index0`; USB cameras only.
    pub by_id: Option<String>,
    /// Where it is plugged in, e.g. `pci-0000:00:14.0-usb-0:2:1.0-video-index0`.
    pub by_path: Option<String>,
    /// Its serial number, if it has one.
    pub serial: Option<String>,
}

impl Identity {
    /// The name to put into a config: what the camera is, if its serial number sets it apart from
    /// the `others`; else where it is plugged in; else its node.
    #[must_use]
    pub fn stable_id(&self, others: &[Self]) -> String {
        let is_same = |other: &&Self| other.by_id == self.by_id && other.path != self.path;
        let is_unique = self.serial.is_some() && others.iter().find(is_same).is_none();
        let by_id = self.by_id.clone();
        let name = if is_unique {
            by_id
        } else {
            self.by_path.clone().or(by_id)
        };
        name.unwrap_or_else(|| self.path.display().to_string())
    }

    /// Whether `name` is one of this camera's names.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        let is = |own: &Option<String>| own.as_deref() == Some(name);
        is(&self.by_id) || is(&self.by_path) || is(&self.serial)
    }
}

/// Where sysfs and the device nodes are.
#[derive(Debug, Clone)]
pub struct Roots {
    /// `/sys`
    pub sys: PathBuf,
    /// `/dev`
    pub dev: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self {
            sys: "/sys".into(),
            dev: "/dev".into(),
        }
    }
}

/// All video nodes that exist, by number. Nodes that are no cameras are among them.
#[must_use]
pub fn list(roots: &Roots) -> Vec<Identity> {
    let class = roots.sys.join("class/video4linux");
    let Ok(entries) = std::fs::read_dir(class) else {
        return Vec::new();
    };
    let mut found: Vec<Identity> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| read(roots, &entry.path(), &entry.file_name()))
        .collect();
    found.sort_by_key(|identity| identity.number);
    found
}

/// Reads one entry of the class; `None` if it is no video node, or if its node is missing.
fn read(roots: &Roots, entry: &Path, name: &OsStr) -> Option<Identity> {
    let name = name.to_str()?;
    let number = name.strip_prefix("video")?.parse().ok()?;
    let path = roots.dev.join(name);
    if !path.exists() {
        return None;
    }
    let index = attribute(entry, "index").unwrap_or_else(|| "0".to_owned());
    // The link is missing for cameras that exist in software only.
    let device = entry.join("device").canonicalize().ok();
    let usb = device.as_deref().and_then(usb_device);
    let suffix = format!("video-index{index}");
    Some(Identity {
        path,
        number,
        name: attribute(entry, "name").unwrap_or_else(|| name.to_owned()),
        by_id: usb
            .as_deref()
            .and_then(usb_name)
            .map(|usb| format!("usb-{usb}-{suffix}")),
        by_path: device
            .as_deref()
            .and_then(plug_path)
            .map(|plug| format!("{plug}-{suffix}")),
        serial: usb.as_deref().and_then(|usb| attribute(usb, "serial")),
    })
}

/// One line of a sysfs attribute; bytes that are no UTF-8 are replaced.
fn attribute(folder: &Path, name: &str) -> Option<String> {
    let bytes = std::fs::read(folder.join(name)).ok()?;
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// The folders from `device` up to the root.
fn levels(device: &Path) -> impl Iterator<Item = &Path> {
    device.ancestors().take(LEVELS_MAX)
}

/// The USB device that an interface belongs to.
fn usb_device(device: &Path) -> Option<PathBuf> {
    levels(device)
        .find(|folder| folder.join("idVendor").exists())
        .map(Path::to_path_buf)
}

/// `vendor_model_serial` of a USB device, with the characters that udev lets stand.
fn usb_name(usb: &Path) -> Option<String> {
    let vendor = attribute(usb, "manufacturer").or_else(|| attribute(usb, "idVendor"))?;
    let model = attribute(usb, "product").or_else(|| attribute(usb, "idProduct"))?;
    let parts = [Some(vendor), Some(model), attribute(usb, "serial")];
    let parts: Vec<String> = parts
        .into_iter()
        .flatten()
        .map(|part| plain(&part))
        .collect();
    Some(parts.join("_"))
}

/// Blanks become one underscore, what is neither a letter, a digit nor one of `#+-.:=@_` too.
fn plain(text: &str) -> String {
    let joined = text.split_whitespace().collect::<Vec<_>>().join("_");
    let keep = |c: char| c.is_alphanumeric() || "#+-.:=@_".contains(c);
    joined
        .chars()
        .map(|c| if keep(c) { c } else { '_' })
        .collect()
}

/// The way from the root to the plug: the bus that the controller hangs on, then the USB port.
fn plug_path(device: &Path) -> Option<String> {
    let mut usb = None;
    for folder in levels(device) {
        let name = folder
            .file_name()
            .and_then(OsStr::to_str)
            .unwrap_or_default();
        match subsystem(folder).as_deref() {
            // `1-2.3:1.0` is port 2.3 of bus 1, configuration 1, interface 0. The bus number
            // changes from boot to boot, so udev puts 0 in its place.
            Some("usb") if usb.is_none() => {
                usb = name
                    .split_once('-')
                    .map(|(_, port)| format!("usb-0:{port}"));
            }
            Some(bus @ ("pci" | "platform")) => {
                let controller = format!("{bus}-{name}");
                return Some(match usb {
                    Some(usb) => format!("{controller}-{usb}"),
                    None => controller,
                });
            }
            _ => {}
        }
    }
    usb
}

/// The kernel subsystem of a sysfs folder.
fn subsystem(folder: &Path) -> Option<String> {
    let link = std::fs::read_link(folder.join("subsystem")).ok()?;
    Some(link.file_name()?.to_str()?.to_owned())
}

#[cfg(test)]
#[path = "identity_tests.rs"]
pub(super) mod tests;
