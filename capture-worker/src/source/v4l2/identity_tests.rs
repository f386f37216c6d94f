//! Tests of the names of cameras, on a tree like that of sysfs.

use super::*;
use std::fs::{create_dir_all, write};
use std::os::unix::fs::symlink;
use tempfile::TempDir;

/// A sysfs tree and device folder that live as long as the value.
struct Tree {
    root: TempDir,
}

impl Tree {
    fn new() -> Self {
        let tree = Self {
            root: tempfile::tempdir().unwrap(),
        };
        for folder in [
            "sys/class/video4linux",
            "sys/bus/usb",
            "sys/bus/pci",
            "sys/bus/platform",
        ] {
            create_dir_all(tree.root.path().join(folder)).unwrap();
        }
        create_dir_all(tree.root.path().join("dev")).unwrap();
        tree
    }

    fn roots(&self) -> Roots {
        Roots {
            sys: self.root.path().join("sys"),
            dev: self.root.path().join("dev"),
        }
    }

    /// Makes a device folder that belongs to a bus.
    fn device(&self, path: &str, bus: &str, attributes: &[(&str, &[u8])]) {
        let folder = self.root.path().join("sys/devices").join(path);
        create_dir_all(&folder).unwrap();
        symlink(
            self.root.path().join("sys/bus").join(bus),
            folder.join("subsystem"),
        )
        .unwrap();
        for (name, value) in attributes {
            write(folder.join(name), value).unwrap();
        }
    }

    /// Makes a video node of a device.
    fn node(&self, number: u32, device: &str, name: &[u8], index: &str) {
        let entry = self
            .root
            .path()
            .join(format!("sys/class/video4linux/video{number}"));
        create_dir_all(&entry).unwrap();
        write(entry.join("name"), name).unwrap();
        write(entry.join("index"), index).unwrap();
        symlink(
            self.root.path().join("sys/devices").join(device),
            entry.join("device"),
        )
        .unwrap();
        write(self.root.path().join(format!("dev/video{number}")), b"").unwrap();
    }

    /// A USB webcam in a port of a PCI controller.
    fn webcam(&self, port: &str, serial: Option<&str>) -> String {
        let usb = format!("pci0000:00/0000:00:14.0/usb1/{port}");
        let mut attributes: Vec<(&str, &[u8])> = vec![
            ("idVendor", b"046d\n"),
            ("idProduct", b"0825\n"),
            ("manufacturer", b"Acme  Inc.\n"),
            ("product", b"Web/Cam \xC3\xBC\n"),
        ];
        attributes.extend(serial.map(|serial| ("serial", serial.as_bytes())));
        self.device("pci0000:00/0000:00:14.0", "pci", &[]);
        self.device(
            "pci0000:00/0000:00:14.0/usb1",
            "usb",
            &[("idVendor", b"1d6b\n")],
        );
        self.device(&usb, "usb", &attributes);
        let interface = format!("{usb}/{port}:1.0");
        self.device(&interface, "usb", &[]);
        interface
    }
}

#[test]
fn a_usb_camera_has_the_names_that_udev_gives() {
    let tree = Tree::new();
    let device = tree.webcam("1-2", Some("SN 0042\n"));
    tree.node(4, &device, b"Webcam: Webcam\n", "0");
    let camera = list(&tree.roots()).remove(0);
    assert_eq!(camera.path, tree.roots().dev.join("video4"));
    assert_eq!(camera.name, "Webcam: Webcam");
    assert_eq!(
        camera.by_id.as_deref(),
        Some("usb-Acme_Inc._Web_Cam_ü_SN_0042-video-index0")
    );
    assert_eq!(
        camera.by_path.as_deref(),
        Some("pci-0000:00:14.0-usb-0:2:1.0-video-index0")
    );
    assert_eq!(camera.serial.as_deref(), Some("SN 0042"));
    assert_eq!(camera.stable_id(&[]), camera.by_id.clone().unwrap());
    assert!(camera.is_called("SN 0042") && !camera.is_called("") && !camera.is_called("Webcam"));
}

#[test]
fn names_do_not_change_with_the_number_or_the_bus() {
    let (first, second) = (Tree::new(), Tree::new());
    let device = first.webcam("1-2.3", None);
    first.node(0, &device, b"Webcam\n", "0");
    let device = second.webcam("3-2.3", None);
    second.node(9, &device, b"Webcam\n", "0");
    let (before, after) = (
        list(&first.roots()).remove(0),
        list(&second.roots()).remove(0),
    );
    assert_eq!(
        before.by_path.as_deref(),
        Some("pci-0000:00:14.0-usb-0:2.3:1.0-video-index0")
    );
    assert_eq!((before.by_id, before.by_path), (after.by_id, after.by_path));
}

#[test]
fn without_a_serial_of_its_own_a_camera_is_named_by_its_plug() {
    for (number, port, serial) in [
        (0, "1-1", None),
        (1, "1-2", Some("1")),
        (2, "1-3", Some("1")),
    ] {
        let tree = Tree::new();
        let device = tree.webcam(port, serial);
        tree.node(number, &device, b"Webcam", "0");
        let camera = list(&tree.roots()).remove(0);
        let twin = Identity {
            path: "/dev/video77".into(),
            ..camera.clone()
        };
        assert_eq!(
            Some(camera.stable_id(&[camera.clone(), twin])),
            camera.by_path,
            "{port}"
        );
    }
}

#[test]
fn nodes_are_sorted_by_number_and_others_are_left_out() {
    let tree = Tree::new();
    let device = tree.webcam("1-2", None);
    for number in [10, 9, 2] {
        tree.node(
            number,
            &device,
            b"Webcam",
            if number == 10 { "1" } else { "0" },
        );
    }
    // A radio, a node that this container does not have, and names of no node at all.
    for entry in ["radio0", "video77", "video", "videox", "video-1"] {
        create_dir_all(tree.roots().sys.join("class/video4linux").join(entry)).unwrap();
    }
    let numbers: Vec<u32> = list(&tree.roots())
        .iter()
        .map(|camera| camera.number)
        .collect();
    assert_eq!(numbers, [2, 9, 10]);
    assert!(
        list(&tree.roots())[2]
            .by_id
            .as_ref()
            .unwrap()
            .ends_with("-video-index1")
    );
}

#[test]
fn a_platform_camera_and_a_name_cut_inside_a_character() {
    let tree = Tree::new();
    tree.device("platform/vivid.0", "platform", &[]);
    tree.node(0, "platform/vivid.0", b"Pr\xC3\xBCfstation \xC3\n", "0");
    let camera = list(&tree.roots()).remove(0);
    assert_eq!(camera.name, "Prüfstation \u{FFFD}");
    assert_eq!(
        camera.by_path.as_deref(),
        Some("platform-vivid.0-video-index0")
    );
    assert_eq!((camera.by_id.clone(), camera.serial.clone()), (None, None));
    assert_eq!(camera.stable_id(&[]), "platform-vivid.0-video-index0");
}

#[test]
fn a_camera_without_a_device_is_known_by_its_node() {
    let tree = Tree::new();
    let entry = tree.roots().sys.join("class/video4linux/video3");
    create_dir_all(&entry).unwrap();
    write(tree.roots().dev.join("video3"), b"").unwrap();
    let camera = list(&tree.roots()).remove(0);
    assert_eq!(camera.name, "video3");
    assert_eq!(camera.stable_id(&[]), camera.path.display().to_string());
}

#[test]
fn no_sysfs_means_no_cameras() {
    let roots = Roots {
        sys: "/nowhere".into(),
        dev: "/dev".into(),
    };
    assert!(list(&roots).is_empty());
}
