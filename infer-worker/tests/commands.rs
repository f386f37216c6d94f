//! The commands for people, through the real binary.

use infer_worker::image::{Picture, decode_file, mjpeg::Clip};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A frame of the demo clip in the middle of the gesture `Victory`.
const VICTORY_FRAME: usize = 130;

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn infer_worker(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_infer-worker"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("start")
}

fn manifest() -> String {
    project("models/manifest.toml")
        .canonicalize()
        .expect("path")
        .display()
        .to_string()
}

fn frame() -> Vec<u8> {
    let path = project("capture-worker/demo/demo-640x480-15fps.mjpeg");
    let clip = fs::read(path).expect("clip");
    Clip::new(&clip).nth(VICTORY_FRAME).expect("frame").to_vec()
}

fn to_png(jpeg: &[u8]) -> Vec<u8> {
    let mut picture = Picture::default();
    decode_file(jpeg, &mut picture).expect("decode");
    let mut bytes = Vec::new();
    let (width, height) = (picture.width_px as u32, picture.height_px as u32);
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().expect("header");
    writer.write_image_data(&picture.pixels).expect("data");
    writer.finish().expect("end");
    bytes
}

#[test]
fn predict_answers_good_images_and_names_bad_ones() {
    let folder = tempfile::tempdir().expect("folder");
    let jpeg = frame();
    fs::write(folder.path().join("hand.jpg"), &jpeg).expect("write");
    fs::write(folder.path().join("hand.png"), to_png(&jpeg)).expect("write");
    fs::write(folder.path().join("cut.jpg"), &jpeg[..jpeg.len() / 2]).expect("write");
    fs::write(folder.path().join("words.txt"), "no image").expect("write");

    let manifest = manifest();
    let images = [
        "hand.jpg",
        "cut.jpg",
        "nowhere.jpg",
        "words.txt",
        "hand.png",
    ];
    let arguments = [&["predict", "--manifest", &manifest], &images[..]].concat();
    let output = infer_worker(&arguments, folder.path());

    assert_eq!(output.status.code(), Some(69));
    let stdout = String::from_utf8(output.stdout).expect("text");
    let lines: Vec<Value> = stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("json"))
        .collect();
    let sources: Vec<&str> = lines
        .iter()
        .filter_map(|line| line["source"].as_str())
        .collect();
    assert_eq!(sources, ["hand.jpg", "hand.png"]);
    for line in &lines {
        assert_eq!(line["hands"].as_array().map(Vec::len), Some(1), "{line}");
        assert_eq!(line["hands"][0]["gesture"], "Victory");
        assert_eq!(line["hands"][0]["handedness"], "Right");
        assert_eq!(
            line["hands"][0]["landmarks"].as_array().map(Vec::len),
            Some(21)
        );
    }

    let stderr = String::from_utf8(output.stderr).expect("text");
    let told: Vec<&str> = stderr
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect();
    assert_eq!(told.len(), 3, "{stderr}");
    for (line, image) in told.iter().zip(["cut.jpg", "nowhere.jpg", "words.txt"]) {
        assert!(line.contains(image), "{line}");
    }
    assert_eq!(
        stderr
            .lines()
            .filter(|line| line.starts_with("hint: "))
            .count(),
        3,
        "{stderr}"
    );
}

#[test]
fn check_model_tells_what_a_start_would_load() {
    let manifest = manifest();
    let arguments = [
        "check-model",
        "--manifest",
        &manifest,
        "--profile",
        "lite",
        "--json",
    ];
    let output = infer_worker(&arguments, Path::new("/"));
    assert!(output.status.success());
    let told: Value = serde_json::from_slice(&output.stdout).expect("json");
    assert_eq!(told["name"], "mediapipe-hands");
    assert_eq!(told["profile"], "lite");
    assert_eq!(told["labels"].as_array().map(Vec::len), Some(8));
    assert_eq!(told["sha256"].as_str().map(str::len), Some(64));
}

#[test]
fn check_model_of_an_unknown_profile_is_a_config_error() {
    let manifest = manifest();
    let output = infer_worker(
        &["check-model", "--manifest", &manifest, "--profile", "x"],
        Path::new("/"),
    );
    assert_eq!(output.status.code(), Some(78));
    let stderr = String::from_utf8(output.stderr).expect("text");
    assert!(
        stderr.starts_with("error: wrong model manifest"),
        "{stderr}"
    );
    assert!(stderr.contains("\nhint: "), "{stderr}");
}

/// A library that calls itself ONNX Runtime of this version, and has nothing else in it.
fn stub(folder: &Path, version: &str) -> String {
    let source = format!(
        "static const char *version(void) {{ return \"{version}\"; }}\n\
         static const void *api(unsigned wanted) {{ return 0; }}\n\
         static const struct {{ const void *(*api)(unsigned); const char *(*version)(void); }} base = \
         {{ api, version }};\n\
         const void *OrtGetApiBase(void) {{ return &base; }}\n"
    );
    fs::write(folder.join("stub.c"), source).expect("write");
    let library = folder.join("libonnxruntime.so");
    let made = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(folder.join("stub.c"))
        .status();
    assert!(made.expect("cc, which the build needs too").success());
    library.display().to_string()
}

/// Goal: a library that cannot be used is told in one line with what to do, and never a crash.
/// Method: one that is not there, a file that is none, another library, and one that is too old; named
/// by option and by the environment.
#[test]
fn check_model_names_a_library_that_cannot_be_used() {
    let folder = tempfile::tempdir().expect("folder");
    let maps = fs::read_to_string("/proc/self/maps").expect("maps");
    let path = |line: &str| line.split_whitespace().nth(5).map(str::to_owned);
    let is_libc = |path: &String| path.contains("/libc.so") || path.contains("/libc-");
    let libc = maps.lines().filter_map(path).find(is_libc).expect("libc");
    let text = folder.path().join("words.so").display().to_string();
    fs::write(&text, "no library").expect("write");
    let cases = [
        ("/no/such/libonnxruntime.so", "No such file"),
        (text.as_str(), "file too short"),
        (libc.as_str(), "it is another library"),
        (
            &stub(folder.path(), "1.16.3"),
            "expected version 1.17 or newer, found 1.16.3",
        ),
    ];
    let manifest = manifest();
    for (library, part) in cases {
        for by_option in [true, false] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_infer-worker"));
            command.args([
                "check-model",
                "--manifest",
                &manifest,
                "--backend",
                "onnxruntime",
            ]);
            if by_option {
                command.args(["--onnxruntime-library", library]);
                command.env("ORT_DYLIB_PATH", "/no/other.so");
            } else {
                command.env("ORT_DYLIB_PATH", library);
            }
            let output = command.output().expect("start");
            let stderr = String::from_utf8(output.stderr).expect("text");
            assert_eq!(output.status.code(), Some(78), "{stderr}");
            let begins = format!("error: cannot use the ONNX Runtime library `{library}`: ");
            let same = fs::canonicalize(library)
                .map_or(library.to_owned(), |path| path.display().to_string());
            let or = format!("error: cannot use the ONNX Runtime library `{same}`: ");
            assert!(
                stderr.starts_with(&begins) || stderr.starts_with(&or),
                "{stderr}"
            );
            assert!(stderr.contains(part), "{stderr}");
            assert!(
                stderr.contains("\nhint: install ONNX Runtime 1.17"),
                "{stderr}"
            );
            assert_eq!(stderr.lines().count(), 2, "{stderr}");
        }
    }
}

#[test]
fn wrong_arguments_are_a_usage_error() {
    let output = infer_worker(&["predict", "--max-hands", "5", "x.jpg"], Path::new("/"));
    assert_eq!(output.status.code(), Some(64));
}

#[test]
fn eval_counts_by_class_and_draws_the_matrix() {
    let folder = tempfile::tempdir().expect("folder");
    let write = |class: &str, name: &str, bytes: &[u8]| {
        let class = folder.path().join("pictures").join(class);
        fs::create_dir_all(&class).expect("folder");
        fs::write(class.join(name), bytes).expect("write");
    };
    write("peace", "hand.jpg", &frame());
    write("peace", "hand.png", &to_png(&frame()));
    write("fist", "no-fist.jpg", &frame());
    write("fist", "broken.jpg", &frame()[..2000]);
    write("fist", "notes.txt", b"not a picture");

    let manifest = manifest();
    let arguments = ["eval", "--manifest", &manifest, "--gestures", "wigwag"];
    let output = infer_worker(
        &[
            &arguments[..],
            &["--json", "--picture", "matrix.png", "pictures"],
        ]
        .concat(),
        folder.path(),
    );
    assert_eq!(output.status.code(), Some(69), "one picture is broken");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("broken.jpg") && !told.contains("notes.txt"),
        "{told}"
    );
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let class = |index: usize| &report["classes"][index];
    assert_eq!(class(0)["class"], "fist");
    assert_eq!(
        (&class(0)["pictures"], &class(0)["recall"]),
        (&1.into(), &0.0.into())
    );
    assert_eq!(
        (&class(1)["pictures"], &class(1)["recall"]),
        (&2.into(), &1.0.into())
    );
    let labels: Vec<&str> = report["labels"]
        .as_array()
        .expect("labels")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let peace = labels
        .iter()
        .position(|label| *label == "peace")
        .expect("peace");
    assert_eq!(report["matrix"][0][peace], 1);
    assert_eq!(report["matrix"][1][peace], 2);
    let picture = fs::read(folder.path().join("matrix.png")).expect("matrix");
    let mut decoded = Picture::default();
    decode_file(&picture, &mut decoded).expect("a PNG");

    // With room all around a picture, its hand is far from the upper left corner.
    let output = infer_worker(
        &[&arguments[..], &["--json", "--margin", "0.8", "pictures"]].concat(),
        folder.path(),
    );
    let wide: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(wide["classes"][1]["recall_in_all"], 1.0, "{wide}");

    let output = infer_worker(&["eval", "--manifest", &manifest, "."], folder.path());
    assert_eq!(output.status.code(), Some(69));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("nothing to evaluate in `.`"), "{told}");
}

/// Goal: whoever labels a clip by hand learns which gestures began in it, and which should not have.
/// Method: the demo clip with written labels that lack one of its gestures and want another.
#[test]
fn eval_compares_the_events_of_a_clip_with_what_was_written_down() {
    let folder = tempfile::tempdir().expect("folder");
    let clip = folder.path().join("clips/desk");
    fs::create_dir_all(&clip).expect("folder");
    let demo = project("capture-worker/demo/demo-640x480-15fps.mjpeg");
    fs::copy(demo, clip.join("clip.mjpeg")).expect("copy");
    // Open_Palm is shown from 1.8 to 3.8 s; then the fist, of which nothing is said.
    let labels = r#"{"fps": 15, "gestures": [
        {"gesture": "palm", "from_s": 1.8, "to_s": 3.8},
        {"gesture": "Victory", "from_s": 9.5, "to_s": 11}]}"#;
    fs::write(clip.join("labels.json"), labels).expect("write");
    let manifest = manifest();
    let eval = |more: &[&str]| {
        let arguments = [&["eval", "--manifest", &manifest][..], more, &["clips"]].concat();
        infer_worker(&arguments, folder.path())
    };
    let output = eval(&["--json", "--picture", "clips.png"]);
    assert!(output.status.success());
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let desk = &report["clips"][0];
    assert_eq!(
        (&desk["shown"], &desk["begun"]),
        (&2.into(), &1.into()),
        "{desk}"
    );
    assert_eq!(desk["missed"][0]["gesture"], "Victory");
    assert_eq!(desk["false"][0]["gesture"], "Closed_Fist");
    assert_eq!(desk["false"].as_array().map(Vec::len), Some(6), "{desk}");
    let a_minute = desk["false_per_minute"].as_f64().expect("number");
    assert!(
        (a_minute - 6.0 / (272.0 / 15.0 / 60.0)).abs() < 0.1,
        "{a_minute}"
    );
    assert_eq!(
        report["events"]["false_per_minute"],
        desk["false_per_minute"]
    );
    let picture = fs::read(folder.path().join("clips.png")).expect("picture");
    let mut decoded = Picture::default();
    decode_file(&picture, &mut decoded).expect("a PNG");

    // The rules of the box count: a hold that nobody keeps begins nothing.
    let mut rules = shm_layout::control::SteadySettings::default();
    rules.gestures.min_hold_ms = 5000;
    let rules = serde_json::to_string(&rules).expect("JSON");
    let output = eval(&["--steady", &rules]);
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(
        text.contains("\nevents       0.00 false ones a minute"),
        "{text}"
    );
    assert!(text.contains("-palm@28 -Victory@144"), "{text}");

    fs::write(
        clip.join("labels.json"),
        r#"{"fps": 15, "gestures": [{"gesture": "x"}]}"#,
    )
    .expect("write");
    let output = eval(&[]);
    assert_eq!(output.status.code(), Some(69));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("labels.json`: ") && told.contains("missing field `from_s`"),
        "{told}"
    );
}
