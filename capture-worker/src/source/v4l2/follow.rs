//! Which node to open: the camera that the config names, or the one that was there before.
//!
//! Neighbours: `identity` lists what is plugged in; [`super`] tries the answer in its order.
//! Pure decisions; a camera that was lost is followed to whatever number it comes back under.

use super::identity::Identity;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// How long a source waits for its own camera before `auto`, or a node, may mean another one.
/// Long enough for a camera that is being replugged or is rebooting, short enough for a person
/// who plugs in a different one.
pub const OTHER_CAMERA_AFTER: Duration = Duration::from_secs(10);

/// Which camera the config means.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DeviceSpec {
    /// The first that works.
    #[default]
    Auto,
    /// The one behind this node or link.
    Node(PathBuf),
    /// The one with this name.
    Named(String),
}

impl FromStr for DeviceSpec {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let udev_link = ["/dev/v4l/by-id/", "/dev/v4l/by-path/"]
            .iter()
            .find_map(|folder| text.strip_prefix(folder));
        Ok(match text {
            "" | "auto" => Self::Auto,
            _ if udev_link.is_some() => Self::Named(udev_link.unwrap_or_default().to_owned()),
            _ if text.starts_with('/') => Self::Node(text.into()),
            _ => Self::Named(text.to_owned()),
        })
    }
}

impl std::fmt::Display for DeviceSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Node(path) => write!(f, "{}", path.display()),
            Self::Named(name) => f.write_str(name),
        }
    }
}

/// What is known when a camera is to be opened.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'p, 's> {
    /// All video nodes, by number.
    pub present: &'p [Identity],
    /// The camera that this source had.
    pub remembered: Option<&'s Identity>,
    /// What a [`DeviceSpec::Node`] leads to once links are followed.
    pub node: Option<&'s Path>,
    /// How long the source has been without a camera.
    pub lost_for: Duration,
}

/// The nodes to try, best first. Nodes that are no cameras may be among them.
#[must_use]
pub fn candidates<'p>(spec: &DeviceSpec, situation: Situation<'p, '_>) -> Vec<&'p Identity> {
    let present = situation.present;
    // A name is followed as it stands: the config says which camera, or which plug, is meant.
    if let DeviceSpec::Named(name) = spec {
        let is_called = |camera: &&Identity| camera.is_called(name);
        let mut named: Vec<&Identity> = present.iter().filter(is_called).collect();
        // Two cameras with one name: stay with the plug that it was.
        let plug = situation
            .remembered
            .and_then(|camera| camera.by_path.as_ref());
        named.sort_by_key(|camera| plug.is_some() && camera.by_path.as_ref() != plug);
        return named;
    }
    if let Some(remembered) = situation.remembered {
        let same = same_camera(remembered, present);
        if !same.is_empty() || situation.lost_for < OTHER_CAMERA_AFTER {
            return same;
        }
    }
    let is_meant = |camera: &&Identity| match spec {
        DeviceSpec::Node(path) => camera.path == situation.node.unwrap_or(path),
        DeviceSpec::Auto | DeviceSpec::Named(_) => true,
    };
    present.iter().filter(is_meant).collect()
}

/// The nodes that are the camera `wanted`; the one in the same plug first.
fn same_camera<'a>(wanted: &Identity, present: &'a [Identity]) -> Vec<&'a Identity> {
    let is_same = |camera: &&Identity| {
        if wanted.serial.is_some() {
            camera.by_id == wanted.by_id
        } else if wanted.by_path.is_some() {
            // Without a serial number the plug is all there is; the name keeps another model out.
            camera.by_path == wanted.by_path && camera.name == wanted.name
        } else {
            camera.path == wanted.path && camera.name == wanted.name
        }
    };
    let mut same: Vec<&Identity> = present.iter().filter(is_same).collect();
    same.sort_by_key(|camera| camera.by_path != wanted.by_path);
    same
}

#[cfg(test)]
mod tests {
    use super::*;

    fn camera(number: u32, serial: Option<&str>, port: &str) -> Identity {
        Identity {
            path: format!("/dev/video{number}").into(),
            number,
            name: "Webcam".into(),
            by_id: Some(format!(
                "usb-Acme_Webcam_{}-video-index0",
                serial.unwrap_or("0")
            )),
            by_path: Some(format!("pci-0-usb-0:{port}:1.0-video-index0")),
            serial: serial.map(str::to_owned),
        }
    }

    fn numbers(spec: &str, situation: Situation<'_, '_>) -> Vec<u32> {
        let spec: DeviceSpec = spec.parse().unwrap();
        candidates(&spec, situation)
            .iter()
            .map(|camera| camera.number)
            .collect()
    }

    fn at_start(present: &[Identity]) -> Situation<'_, 'static> {
        Situation {
            present,
            remembered: None,
            node: None,
            lost_for: Duration::ZERO,
        }
    }

    #[test]
    fn specs_are_read_from_config_text() {
        let read = |text: &str| text.parse::<DeviceSpec>().unwrap();
        assert_eq!(read("auto"), DeviceSpec::Auto);
        assert_eq!(read("/dev/video3"), DeviceSpec::Node("/dev/video3".into()));
        let named = DeviceSpec::Named("usb-Acme_Webcam_1-video-index0".into());
        assert_eq!(read("usb-Acme_Webcam_1-video-index0"), named);
        assert_eq!(read("/dev/v4l/by-id/usb-Acme_Webcam_1-video-index0"), named);
    }

    #[test]
    fn auto_tries_all_in_order_and_names_find_their_camera() {
        let present = [camera(0, Some("A"), "1"), camera(2, Some("B"), "2")];
        assert_eq!(numbers("auto", at_start(&present)), [0, 2]);
        assert_eq!(numbers("B", at_start(&present)), [2]);
        assert_eq!(
            numbers("usb-Acme_Webcam_A-video-index0", at_start(&present)),
            [0]
        );
        assert_eq!(
            numbers("pci-0-usb-0:2:1.0-video-index0", at_start(&present)),
            [2]
        );
        assert_eq!(numbers("/dev/video2", at_start(&present)), [2]);
        assert_eq!(numbers("nobody", at_start(&present)), Vec::<u32>::new());
    }

    #[test]
    fn a_link_is_followed() {
        let present = [camera(4, None, "1")];
        let situation = Situation {
            node: Some(Path::new("/dev/video4")),
            ..at_start(&present)
        };
        assert_eq!(numbers("/dev/video-front", situation), [4]);
    }

    #[test]
    fn a_lost_camera_is_followed_to_another_number_and_plug_by_its_serial() {
        let before = camera(0, Some("A"), "1");
        let present = [camera(0, Some("B"), "1"), camera(5, Some("A"), "3")];
        for spec in ["auto", "/dev/video0", "A"] {
            let situation = Situation {
                remembered: Some(&before),
                ..at_start(&present)
            };
            assert_eq!(numbers(spec, situation), [5], "{spec}");
        }
    }

    #[test]
    fn a_named_plug_means_whatever_is_plugged_in_there() {
        let before = camera(0, Some("A"), "1");
        let present = [camera(2, Some("B"), "1"), camera(5, Some("A"), "3")];
        let situation = Situation {
            remembered: Some(&before),
            ..at_start(&present)
        };
        assert_eq!(numbers("pci-0-usb-0:1:1.0-video-index0", situation), [2]);
    }

    #[test]
    fn without_a_serial_the_plug_decides() {
        let before = camera(0, None, "1");
        let present = [camera(1, None, "2"), camera(7, None, "1")];
        let situation = Situation {
            remembered: Some(&before),
            ..at_start(&present)
        };
        assert_eq!(numbers("auto", situation), [7]);
    }

    #[test]
    fn of_two_cameras_with_one_serial_the_one_in_the_same_plug_comes_first() {
        let before = camera(0, Some("0001"), "2");
        let present = [camera(1, Some("0001"), "1"), camera(2, Some("0001"), "2")];
        let situation = Situation {
            remembered: Some(&before),
            ..at_start(&present)
        };
        assert_eq!(numbers("auto", situation), [2, 1]);
        assert_eq!(numbers("0001", situation), [2, 1]);
    }

    #[test]
    fn another_camera_is_taken_only_after_a_while_and_never_for_a_name() {
        let before = camera(0, Some("A"), "1");
        let present = [camera(0, Some("B"), "2")];
        let lost = |lost_for| Situation {
            remembered: Some(&before),
            lost_for,
            ..at_start(&present)
        };
        let just_before = OTHER_CAMERA_AFTER - Duration::from_millis(1);
        for spec in ["auto", "/dev/video0"] {
            assert!(numbers(spec, lost(just_before)).is_empty(), "{spec}");
            assert_eq!(numbers(spec, lost(OTHER_CAMERA_AFTER)), [0], "{spec}");
        }
        assert!(numbers("A", lost(Duration::from_secs(3600))).is_empty());
    }
}
