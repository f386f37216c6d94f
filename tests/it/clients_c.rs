//! The example client in C, written from the protocol's byte table alone: it watches and pushes, and
//! goes on after the gateway was killed.

use crate::auth::guarded_box;
use crate::clients::run;
use crate::predictions::box_with_a_thumb;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use wigwag_tests::process::signal;
use wigwag_tests::{TestBox, binaries, demo, wait};

/// Compiles it as its README says, and warnings are errors.
fn compile(test_box: &TestBox) -> String {
    let source = binaries::workspace().join("net-gateway/clients/c/wigwag.c");
    let program = test_box.scratch().join("wigwag");
    let (source, program) = (source.to_str().unwrap(), program.to_str().unwrap());
    let how = [
        "-std=c11",
        "-O2",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-pedantic",
    ];
    let files = ["-o", program, source];
    run("cc", "build-essential", &[&how[..], &files[..]].concat());
    program.to_owned()
}

/// Host and port, as the program wants them.
fn address(test_box: &TestBox) -> [String; 2] {
    let wire = test_box.wire();
    let (host, port) = wire.rsplit_once(':').unwrap();
    [host.to_owned(), port.to_owned()]
}

/// Goal: what was written from the document alone sees frames and gestures, also after the gateway
/// was killed.
/// Method: kill it while the program watches; it tells later frames, never earlier ones, and the
/// gesture that is to be seen.
#[test]
fn c_example_watches_and_goes_on_after_the_gateway_was_killed() {
    let test_box = box_with_a_thumb("c_watch");
    let [host, port] = address(&test_box);
    let mut program = Command::new("timeout")
        .arg(wait::DEADLINE.as_secs().to_string())
        .arg(compile(&test_box))
        .args(["watch", &host, &port, "cam0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let (mut sequences, mut welcomes, mut later) = (Vec::<u64>::new(), 0, 0);
    let mut thumbs_later = 0;
    while later < 10 || thumbs_later == 0 {
        let line = lines.next().expect("the program goes on").unwrap();
        let (kind, rest) = line.split_once(' ').unwrap();
        match kind {
            "welcome" => welcomes += 1,
            "frame" => {
                let words: Vec<&str> = rest.split(' ').collect();
                assert_eq!(words[2], "640x480", "{line}");
                sequences.push(words[0].parse().unwrap());
                later += usize::from(welcomes > 1);
                if sequences.len() == 3 {
                    signal(test_box.pid("gateway"), "KILL");
                }
            }
            "prediction" => {
                let (sequence, json) = rest.split_once(' ').unwrap();
                let json: Value = serde_json::from_str(json).unwrap();
                assert_eq!(json["sequence"].to_string(), sequence, "{line}");
                let is_thumb = json["hands"][0]["gesture"] == "Thumb_Up";
                thumbs_later += usize::from(welcomes > 1 && is_thumb);
            }
            _ => {}
        }
    }
    assert!(sequences.is_sorted(), "{sequences:?}");
    signal(program.id(), "TERM");
    program.wait().unwrap();
    test_box.stop();
}

/// Goal: it gets in with a token, and is told that another one is wrong.
#[test]
fn c_example_gets_in_with_a_token() {
    let (test_box, [watches, ..]) = guarded_box("c_token");
    let program = compile(&test_box);
    let [host, port] = address(&test_box);
    let command = || {
        let mut command = Command::new("timeout");
        command.args([&*wait::DEADLINE.as_secs().to_string(), &program]);
        command.args(["watch", &host, &port]).stdout(Stdio::piped());
        command
    };
    let refused = command().env("WIGWAG_TOKEN", "wrong").output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8_lossy(&refused.stdout);
    assert!(told.starts_with("error 10 "), "{told}");
    let mut watching = command().env("WIGWAG_TOKEN", &watches).spawn().unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().starts_with("frame ")));
    signal(watching.id(), "TERM");
    watching.wait().unwrap();
    test_box.stop();
}

/// Goal: it pushes pictures, and gets each one's gesture under the picture's own number; what it asks
/// for in vain ends it with the reason.
#[test]
fn c_example_pushes_pictures() {
    let toml = "[sources.phone]\ntype = \"push\"\n[infer]\nworkers = 1";
    let test_box = TestBox::builder("c_push").config(toml).start();
    let program = compile(&test_box);
    let [host, port] = address(&test_box);
    let clip = &demo::frames()[demo::THUMB_UP];
    let files: Vec<String> = (0..10)
        .map(|number| {
            let path = test_box.scratch().join(format!("{number}.jpg"));
            std::fs::write(&path, &clip[number]).unwrap();
            path.to_str().unwrap().to_owned()
        })
        .collect();
    let mut arguments = vec!["push", &*host, &*port, "phone"];
    arguments.extend(files.iter().map(String::as_str));
    let output = run(&program, "build-essential", &arguments);
    let told = String::from_utf8_lossy(&output.stdout);
    let predicted: Vec<(u64, Value)> = told
        .lines()
        .filter_map(|line| line.strip_prefix("predicted ")?.split_once(' '))
        .map(|(number, json)| (number.parse().unwrap(), serde_json::from_str(json).unwrap()))
        .collect();
    assert!(
        predicted.iter().map(|(number, _)| *number).eq(0..10),
        "{told}"
    );
    let last = &predicted[9].1;
    assert_eq!(last["hands"][0]["gesture"], "Thumb_Up", "{told}");

    let refused = Command::new("timeout")
        .args([&*wait::DEADLINE.as_secs().to_string(), &program])
        .args(["watch", &host, &port, "nobody"])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8_lossy(&refused.stdout);
    assert!(
        told.starts_with("error 5 ") && told.contains("nobody"),
        "{told}"
    );
    test_box.stop();
}
