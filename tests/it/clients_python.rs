//! The Python package as users have it: installed by pip, and watching and pushing by itself while
//! the gateway dies. Its own tests, with boxes that misbehave, are run here as well.

use crate::auth::guarded_box;
use crate::clients::run;
use serde_json::Value;
use std::io::{BufRead, BufReader, Lines};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use wigwag_tests::process::signal;
use wigwag_tests::{TestBox, binaries, demo, wait};

/// Debian's Python, which sees Debian's OpenCV.
const PYTHON: &str = "/usr/bin/python3";

/// Frames of a hold that may still be recognised as what was before it.
const SETTLE_FRAMES: usize = 4;

fn package() -> PathBuf {
    binaries::workspace().join("net-gateway/clients/python")
}

/// A program that uses the package where it lies. It gets host and port of the wire protocol, then
/// `arguments`, and is ended with its test.
struct Program {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Program {
    fn start(test_box: &TestBox, script: &str, arguments: &[&str]) -> Self {
        let wire = test_box.wire();
        let (host, port) = wire.rsplit_once(':').unwrap();
        let mut child = Command::new("timeout")
            .args([&wait::DEADLINE.as_secs().to_string(), PYTHON])
            .args(["-B", "-c", script, host, port])
            .args(arguments)
            .env("PYTHONPATH", package())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next line, in words.
    fn next(&mut self) -> Option<Vec<String>> {
        let line = self.lines.next()?.unwrap();
        Some(line.split(' ').map(str::to_owned).collect())
    }

    #[track_caller]
    fn succeeds(mut self) {
        let end = self.child.wait().unwrap();
        assert!(end.success(), "{end}");
    }
}

/// Goal: the package holds what it promises also with boxes that no real one can be made to be.
/// Method: its own tests, none left out.
#[test]
fn python_package_passes_its_own_tests() {
    let folder = package();
    let (folder, tests) = (folder.to_str().unwrap(), folder.join("tests"));
    let arguments = [
        "-B",
        "-W",
        "error::ResourceWarning",
        "-m",
        "unittest",
        "discover",
        "-s",
        tests.to_str().unwrap(),
        "-t",
        folder,
    ];
    let output = run(PYTHON, "python3-opencv openssl", &arguments);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("\nOK"), "{told}");
    assert!(!told.contains("skipped"), "{told}");
}

/// Goal: pip installs the package without a network, and its commands show and push.
/// Method: a copy into a fresh virtual environment; both commands against a box with a clip and a
/// pushed source.
#[test]
fn python_package_installs_and_its_commands_work() {
    let builder = TestBox::builder("python_install");
    let clip = demo::write_clip(builder.scratch(), demo::THUMB_UP);
    let clip = clip.to_str().unwrap().to_owned();
    let toml = format!(
        "[sources.cam0]\ntype = \"clip\"\npath = \"{clip}\"\nfps = 15\n\
         [sources.phone]\ntype = \"push\"\n[infer]\nworkers = 1"
    );
    let test_box = builder.config(&toml).start();
    let (copy, venv) = (
        test_box.scratch().join("package"),
        test_box.scratch().join("venv"),
    );
    // Building leaves files behind; the checkout is not the place for them.
    let (from, to) = (package(), copy.to_str().unwrap());
    run("cp", "coreutils", &["-r", from.to_str().unwrap(), to]);
    let packages = "python3-venv python3-setuptools python3-wheel";
    let new = ["-m", "venv", "--system-site-packages"];
    run(
        PYTHON,
        packages,
        &[&new[..], &[venv.to_str().unwrap()]].concat(),
    );
    let program = |name: &str| venv.join("bin").join(name).to_str().unwrap().to_owned();
    let offline = [
        "install",
        "--no-index",
        "--no-build-isolation",
        "--no-deps",
        to,
    ];
    run(&program("pip"), packages, &offline);

    let wire = test_box.wire();
    let view = ["cam0", "--box", &wire, "--text", "--count", "5"];
    let output = run(&program("wigwag-view"), "", &view);
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(told.lines().count(), 5, "{told}");
    assert!(told.contains("Thumb_Up"), "{told}");

    let push = [
        &clip, "--source", "phone", "--box", &wire, "--each", "--json",
    ];
    let output = run(&program("wigwag-push"), "", &push);
    let told = String::from_utf8_lossy(&output.stdout);
    let seen: Vec<Value> = told
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let numbers = seen.iter().map(|line| line["number"].as_u64().unwrap());
    assert!(numbers.eq(0..demo::THUMB_UP.len() as u64), "{told}");
    let last = &seen[seen.len() - 1];
    assert_eq!(last["hands"][0]["gesture"], "Thumb_Up", "{told}");
    assert_eq!(last["source"], "phone");
    test_box.stop();
}

/// Goal: a program that watches goes on by itself after the gateway was killed, at the newest frame
/// and never at an older one.
#[test]
fn watch_goes_on_after_the_gateway_was_killed() {
    const SCRIPT: &str = "import sys, wigwag
later = 0
with wigwag.watch('pattern0', host=sys.argv[1], port=int(sys.argv[2])) as stream:
    for item in stream:
        if isinstance(item, wigwag.Frame):
            print(item.sequence, stream.connections, flush=True)
            later += stream.connections > 1
            if later == 20: break";
    let test_box = TestBox::start("python_watch");
    let mut program = Program::start(&test_box, SCRIPT, &[]);
    let mut seen = vec![program.next().unwrap()];
    signal(test_box.pid("gateway"), "KILL");
    seen.extend(std::iter::from_fn(|| program.next()));
    program.succeeds();
    let sequences: Vec<u64> = seen.iter().map(|words| words[0].parse().unwrap()).collect();
    // A new connection may begin with the frame that the old one ended with.
    assert!(sequences.is_sorted(), "{sequences:?}");
    assert!(test_box.unit("gateway").generation > 1);
    test_box.stop();
}

/// Goal: a box with a certificate of its own is known by its fingerprint or by the certificate; any
/// other is refused before a word is said, and so is a program that speaks no TLS.
/// Method: watch and push by both, over a killed gateway; then a wrong fingerprint, and none.
#[test]
fn python_knows_the_boxs_own_certificate() {
    const SCRIPT: &str = "import itertools, sys, wigwag
from wigwag.frame_sources import open_source
host, port, fingerprint, certificate, clip = sys.argv[1], int(sys.argv[2]), *sys.argv[3:]
with wigwag.watch('hall', host=host, port=port, fingerprint=fingerprint) as stream:
    for item in stream:
        print(type(item).__name__, flush=True)
        if stream.connections > 1 and isinstance(item, wigwag.Frame): break
frames = itertools.cycle(open_source(clip).frames)
for seen in wigwag.push(frames, 'phone', host='localhost', port=port, ca_file=certificate):
    if seen.hands: break
print(seen.hands[0].gesture)
for how in ({'fingerprint': '00' * 32}, {'tls': True}, {}):
    try: next(wigwag.watch(host=host, port=port, **how))
    except wigwag.WigwagError as error: print(type(error).__name__, error)";
    let builder = TestBox::builder("python_tls");
    let clip = demo::write_clip(builder.scratch(), demo::THUMB_UP);
    let toml = "[sources.hall]\ntype = \"pattern\"\n[sources.phone]\ntype = \"push\"\n\
                [infer]\nworkers = 1\n[tls]\nenabled = true";
    let test_box = builder.config(toml).start();
    let fingerprint = test_box.status().tls.unwrap().fingerprint;
    let folder = test_box.state_dir().join("wigwag");
    let folder = folder.join(test_box.instance()).join("tls");
    let certificate = folder.join("certificate.pem");
    let files = [certificate.to_str().unwrap(), clip.to_str().unwrap()];
    let arguments = [&[&*fingerprint][..], &files[..]].concat();
    let mut program = Program::start(&test_box, SCRIPT, &arguments);
    assert!(program.next().is_some());
    signal(test_box.pid("gateway"), "KILL");
    let told: Vec<String> = std::iter::from_fn(|| program.next())
        .map(|words| words.join(" "))
        .skip_while(|line| line != "Thumb_Up")
        .collect();
    program.succeeds();
    let errors = ["CertificateError", "CertificateError", "RefusedError"];
    assert_eq!(told.len(), 1 + errors.len(), "{told:?}");
    for (line, error) in told[1..].iter().zip(errors) {
        assert!(line.starts_with(error), "{told:?}");
    }
    assert!(
        told[1].contains(&fingerprint),
        "it says what it found: {told:?}"
    );
    assert!(told[3].contains("TLS"), "{told:?}");
    test_box.stop();
}

/// Goal: the clients get in with a token, and have its roles; with a wrong one they are told.
/// Method: a token counts also on the machine itself. The package and both commands with the tokens of a box; the commands find theirs in the
/// environment and in a file.
#[test]
fn python_gets_in_with_a_token() {
    const SCRIPT: &str = "import sys, wigwag
host, port, clip, watches, pushes = sys.argv[1], int(sys.argv[2]), *sys.argv[3:]
where = dict(host=host, port=port)
print(wigwag.snapshot(token=watches, **where).source)
print(next(wigwag.push([open(clip, 'rb').read()], 'own', token=pushes, **where)).number)
try: next(wigwag.watch(token='wrong', **where))
except wigwag.TokenError as error: print(error.code)
try: next(wigwag.push([b''], 'own', token=watches, **where))
except wigwag.TokenError as error: print(error.code)";
    let (test_box, [watches, pushes, _]) = guarded_box("python_token");
    let picture = test_box.scratch().join("hand.jpg");
    std::fs::write(&picture, &demo::frames()[demo::THUMB_UP.start]).unwrap();
    let picture = picture.to_str().unwrap();
    let mut program = Program::start(&test_box, SCRIPT, &[picture, &watches, &pushes]);
    let told: Vec<String> = std::iter::from_fn(|| program.next())
        .map(|words| words.join(" "))
        .collect();
    program.succeeds();
    assert_eq!(told, ["test", "0", "10", "11"]);

    let wire = test_box.wire();
    let command = |module: &str, arguments: &[&str]| {
        let mut command = Command::new("timeout");
        command
            .args([&wait::DEADLINE.as_secs().to_string(), PYTHON])
            .args(["-B", "-m", module, "--box", &wire])
            .args(arguments)
            .env("PYTHONPATH", package());
        command
    };
    let mut view = command("wigwag.commands.view", &["--text", "--count", "1"]);
    let seen = view.env("WIGWAG_TOKEN", &watches).output().unwrap();
    assert!(seen.status.success(), "{seen:?}");
    let file = test_box.scratch().join("token");
    std::fs::write(&file, &pushes).unwrap();
    let arguments = [
        picture,
        "--source",
        "own",
        "--token-file",
        file.to_str().unwrap(),
    ];
    let pushed = command("wigwag.commands.push", &arguments)
        .output()
        .unwrap();
    assert!(pushed.status.success(), "{pushed:?}");
    let refused = view.env("WIGWAG_TOKEN", "wrong").output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8_lossy(&refused.stderr);
    let is_told = told.starts_with("error: ") && told.contains("hint: `supervisor token NAME");
    assert!(is_told, "{told}");
    test_box.stop();
}

/// Goal: a program that pushes gets each prediction under the frame's own number, and goes on by
/// itself after the gateway was killed.
/// Method: the demo clip again and again; where a gesture is held, what comes back is the gesture of
/// the frame of that number. After the kill the whole clip passes once more.
#[test]
fn push_names_its_frames_and_goes_on_after_the_gateway_was_killed() {
    const SCRIPT: &str = "import itertools, sys, wigwag
from wigwag.frame_sources import open_source
clip = list(open_source(sys.argv[3]).frames)
later = 0
frames = itertools.cycle(clip)
where = dict(host=sys.argv[1], port=int(sys.argv[2]))
with wigwag.push(frames, 'phone', in_flight=1, **where) as predictions:
    for seen in predictions:
        gesture = seen.hands[0].gesture if seen.hands else '-'
        print(seen.number, seen.sequence, gesture, predictions.connections, flush=True)
        later += predictions.connections > 1
        if later == len(clip): break";
    // Two gestures, one right behind the other.
    const PART: std::ops::Range<usize> = 172..224;
    let builder = TestBox::builder("python_push");
    let clip = demo::write_clip(builder.scratch(), PART);
    let toml = "[sources.phone]\ntype = \"push\"\nmax_fps = 240\n[infer]\nworkers = 1";
    let test_box = builder.config(toml).start();
    let mut program = Program::start(&test_box, SCRIPT, &[clip.to_str().unwrap()]);
    let mut seen = vec![program.next().unwrap()];
    signal(test_box.pid("gateway"), "KILL");
    seen.extend(std::iter::from_fn(|| program.next()));
    program.succeeds();

    let labels = &demo::labels()[PART];
    let numbers: Vec<usize> = seen.iter().map(|words| words[0].parse().unwrap()).collect();
    let sequences: Vec<u64> = seen.iter().map(|words| words[1].parse().unwrap()).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{seen:?}");
    assert!(sequences.is_sorted_by(|a, b| a < b), "{seen:?}");
    let mut compared = 0;
    for (words, number) in seen.iter().zip(&numbers) {
        let place = number % labels.len();
        let is_settled = place >= SETTLE_FRAMES
            && labels[place - SETTLE_FRAMES..=place]
                .iter()
                .all(|label| label.gesture == labels[place].gesture && label.is_hold());
        if is_settled {
            assert_eq!(Some(&*words[2]), labels[place].expected(), "{words:?}");
            compared += 1;
        }
    }
    assert!(compared > labels.len() / 2, "{compared} of {}", seen.len());
    assert_eq!(seen[seen.len() - 1][3], "2", "connections");
    test_box.stop();
}
