//! What cannot work is said before anything starts, in words that lead to the thing to mend.

use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use wigwag_tests::TestBox;
use wigwag_tests::binaries::workspace;
use wigwag_tests::test_box::BoxBuilder;

fn with_config(toml: &str) -> BoxBuilder {
    TestBox::builder("config").config(toml)
}

/// The start is refused with exit code `code`; the message has every one of `parts`.
#[track_caller]
fn assert_refused(builder: BoxBuilder, code: i32, parts: &[&str]) {
    let (found, log) = builder.refused();
    assert_eq!(found, code, "{log}");
    assert!(log.contains("error: "), "{log}");
    for part in parts {
        assert!(log.contains(part), "`{part}` is missing in:\n{log}");
    }
    // A unit that was started is told with its process id.
    assert!(!log.contains(" ready in "), "{log}");
}

/// Goal: a key or value that is wrong gives file, line, key, range and the nearest known key.
/// Method: one config for each kind of mistake, through the real start.
#[test]
fn mistakes_in_the_config_lead_to_their_line() {
    let file = "wigwag.toml:";
    let cases: [(&str, &[&str]); 10] = [
        (
            "[infer]\n\nworker = 2",
            &["3: ", "infer.worker", "did you mean `workers`?"],
        ),
        ("[gatway]", &["1: ", "gatway", "did you mean `gateway`?"]),
        (
            "[gateway]\njpeg_quality = 101",
            &["2: ", "gateway.jpeg_quality", "101", "1 to 100"],
        ),
        (
            "[infer]\nworkers = \"two\"",
            &["2: ", "infer.workers", "two", "0 to 15"],
        ),
        (
            "[infer]\nprofile = \"ful\"",
            &["2: ", "infer.profile", "full", "lite"],
        ),
        (
            "[gateway]\nhttp = \"here\"",
            &["2: ", "gateway.http", "here", "127.0.0.1:8080"],
        ),
        (
            "[sources.cam0]\ntype = \"webcam\"",
            &["2: ", "webcam", "v4l2", "clip", "pattern"],
        ),
        (
            "[sources.p]\ntype = \"pattern\"\nfps = 999",
            &["3: ", "sources.p.fps", "999", "240"],
        ),
        (
            "[sources.p]\ntype = \"pattern\"\nhight_px = 9",
            &["3: ", "did you mean `height_px`?"],
        ),
        ("[restart]\nlimit 5", &["2: "]),
    ];
    for (toml, parts) in cases {
        let file_and_line = format!("{file}{}", parts[0]);
        // On the command line, the addresses would win over those of the file.
        let (code, log) = with_config(toml).without_addresses().refused();
        assert_eq!(code, 78, "{toml}\n{log}");
        assert!(
            log.contains(&file_and_line),
            "`{file_and_line}` is missing:\n{toml}\n{log}"
        );
        for part in &parts[1..] {
            assert!(log.contains(part), "`{part}` is missing:\n{toml}\n{log}");
        }
    }
}

/// Goal: `check-config` shows what is in force and where it came from, and finds the same errors.
/// Method: a good file, the reference file, and a bad file.
#[test]
fn check_config_shows_what_is_in_force() {
    let test_box = with_config("[infer]\nmax_hands = 3").build();
    let file = test_box.scratch().join("wigwag.toml");
    let output = test_box.run(&["check-config", "--config", file.to_str().unwrap()]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let line = text
        .lines()
        .find(|line| line.contains("max_hands"))
        .unwrap();
    assert!(
        line.contains('3') && line.contains("wigwag.toml:2"),
        "{line}"
    );
    let line = text
        .lines()
        .find(|line| line.contains("jpeg_quality"))
        .unwrap();
    assert!(line.contains("80") && line.contains("default"), "{line}");

    let reference = workspace().join("supervisor/wigwag.toml");
    let output = test_box.run(&["check-config", "--config", reference.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");

    std::fs::write(&file, "[infer]\nmax_hands = 5").unwrap();
    let output = test_box.run(&["check-config", "--config", file.to_str().unwrap()]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{text}");
    assert!(
        text.contains("wigwag.toml:2") && text.contains("1 to 4"),
        "{text}"
    );
}

/// Goal: a backend whose library cannot be used is an error where it is asked for, not in a worker.
/// Method: a path without a file, through the real start, `check-config` and `doctor`.
#[test]
fn missing_library_of_the_backend_is_said_before_anything_starts() {
    let toml = "[infer]\nbackend = \"onnxruntime\"\nonnxruntime_library = \"none.so\"\n";
    // A path is relative to the file's folder, so that its folder stands in the message.
    let parts = ["/none.so`", "No such file", "hint: ", "backend = \"tract\""];
    assert_refused(with_config(toml), 78, &parts);
    let test_box = with_config(toml).build();
    let file = test_box.scratch().join("wigwag.toml");
    for (verb, code) in [("check-config", 78), ("doctor", 69)] {
        let output = test_box.run(&[verb, "--config", file.to_str().unwrap()]);
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(parts[0]) && said.contains(parts[1]), "{said}");
    }
}

/// A folder with the models, in which each file can be replaced.
fn models(folder: &Path) -> PathBuf {
    for entry in std::fs::read_dir(workspace().join("models")).unwrap() {
        let entry = entry.unwrap();
        symlink(entry.path(), folder.join(entry.file_name())).unwrap();
    }
    folder.join("manifest.toml")
}

fn replace(path: &Path, bytes: &[u8]) {
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// Goal: a model file that is missing, cut off, changed or of another shape is named before
/// anything starts, with what was expected and what was found.
/// Method: a copy of the models for each, with one file spoiled.
#[test]
fn spoiled_model_is_named_before_anything_starts() {
    const FILE: &str = "hand_landmark_full.onnx";
    const SHA256: &str = "4799a958fbf8a41878f807973dee88c6ece4f0da3001e2775349d39f127adcab";
    type Spoil = fn(&Path);
    const OTHER_FILE: &str = "palm_detection_full.onnx";
    const OTHER_SHA256: &str = "8637df7172e2e2cdb30441f3252ad1b1b9ecf8496b9f9bf885e07757aeffe3d7";
    let cases: [(&str, Spoil, &[&str]); 5] = [
        (
            "missing",
            |folder| std::fs::remove_file(folder.join(FILE)).unwrap(),
            &[FILE],
        ),
        (
            "cut off",
            |folder| {
                let bytes = std::fs::read(folder.join(FILE)).unwrap();
                replace(&folder.join(FILE), &bytes[..bytes.len() / 2]);
            },
            &[FILE, SHA256],
        ),
        (
            "one bit changed",
            |folder| {
                let mut bytes = std::fs::read(folder.join(FILE)).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                replace(&folder.join(FILE), &bytes);
            },
            &[FILE, SHA256],
        ),
        (
            "of another shape",
            |folder| {
                replace(
                    &folder.join(FILE),
                    &std::fs::read(folder.join(OTHER_FILE)).unwrap(),
                );
                let path = folder.join("manifest.toml");
                let text = std::fs::read_to_string(&path).unwrap();
                replace(&path, text.replace(SHA256, OTHER_SHA256).as_bytes());
            },
            &[FILE, "[1, 224, 224, 3]", "[1, 192, 192, 3]"],
        ),
        (
            "without a manifest",
            |folder| std::fs::remove_file(folder.join("manifest.toml")).unwrap(),
            &["manifest.toml"],
        ),
    ];
    for (what, spoil, parts) in cases {
        let folder = TempDir::new().unwrap();
        let manifest = models(folder.path());
        spoil(folder.path());
        println!("{what}");
        let toml = format!("[infer]\nmanifest = \"{}\"", manifest.display());
        assert_refused(with_config(&toml).source("pattern:"), 78, parts);
    }
}

/// Goal: a profile that the manifest does not have is named, with those that it has.
/// Method: a copy of the models whose manifest lacks `lite`.
#[test]
fn profile_that_the_manifest_lacks_is_named() {
    let folder = TempDir::new().unwrap();
    let manifest = models(folder.path());
    let text = std::fs::read_to_string(&manifest).unwrap();
    replace(
        &manifest,
        text.replace("[profiles.lite]", "[profiles.small]")
            .as_bytes(),
    );
    let toml = format!(
        "[infer]\nmanifest = \"{}\"\nprofile = \"lite\"",
        manifest.display()
    );
    assert_refused(
        with_config(&toml).source("pattern:"),
        78,
        &["lite", "full", "small"],
    );
}

/// Goal: a port in use is named, with the way to another.
/// Method: hold one, then ask for it: for the page, and for the wire protocol.
#[test]
fn port_in_use_is_named() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();
    for (option, key) in [("--http", "gateway.http"), ("--wire", "gateway.wire")] {
        let builder = TestBox::builder("port").source("pattern:").argument(option);
        assert_refused(builder.argument(&address), 69, &[&address, key, "hint: "]);
    }
}

/// Goal: a source on the command line that cannot be is named.
/// Method: a wrong type, and a clip that does not exist.
#[test]
fn wrong_source_on_the_command_line_is_named() {
    let builder = |source| TestBox::builder("source").source(source);
    assert_refused(builder("rtsp:camera"), 78, &["--source", "rtsp", "v4l2"]);
}
