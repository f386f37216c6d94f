//! `supervisor doctor` finds what will prevent a start or hurt later, and says how to mend it.

use serde_json::Value;
use std::net::TcpListener;
use wigwag_tests::TestBox;

/// Addresses that are free whatever else runs on this machine.
const FREE: [&str; 4] = ["--http", "127.0.0.1:0", "--wire", "127.0.0.1:0"];

/// Exit code and findings of `doctor --json` with these options.
fn examine(test_box: &TestBox, options: &[&str]) -> (i32, Vec<Value>) {
    let output = test_box.run(&[&["doctor", "--json"], options].concat());
    let findings = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("no JSON ({error}): {output:?}"));
    (output.status.code().unwrap(), findings)
}

/// What the findings of a level say, one line each.
fn said(findings: &[Value], level: &str) -> String {
    let of_level = findings.iter().filter(|finding| finding["level"] == level);
    of_level
        .map(|finding| format!("{}: {}\n", finding["check"], finding["says"]))
        .collect()
}

/// Goal: where nothing prevents the start, the doctor says so and exits with 0; a start agrees.
/// Method: examine, for programs and for people; then start a box with the same options.
#[test]
fn machine_that_can_run_a_box_is_found_fit() {
    let test_box = TestBox::builder("fit").source("pattern:").build();
    let options = [&FREE[..], &["--source", "pattern:"]].concat();
    let (code, findings) = examine(&test_box, &options);
    assert_eq!((code, said(&findings, "fail").as_str()), (0, ""));
    for check in ["programs", "models", "source", "shared memory", "port"] {
        assert!(
            said(&findings, "ok").contains(check),
            "`{check}` is missing: {findings:#?}"
        );
    }
    let output = test_box.run(&[&["doctor"], &options[..]].concat());
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text.contains("ok    models"), "{text}");
    test_box.assert_nothing_left();
    test_box.spawn();
    test_box.await_ready();
    test_box.stop();
}

/// Goal: a port in use is named with the process that has it, and comes first.
/// Method: this test takes a port and has it examined.
#[test]
fn port_in_use_is_named_with_its_holder() {
    let test_box = TestBox::builder("taken").build();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let options = ["--source", "pattern:", "--http", &address];
    let (code, findings) = examine(&test_box, &[&options[..], &FREE[2..]].concat());
    assert_eq!(code, 69);
    assert_eq!(findings[0]["level"], "fail", "problems come first");
    let says = findings[0]["says"].as_str().unwrap();
    let holder = format!("(pid {})", std::process::id());
    assert!(says.contains(&address) && says.contains(&holder), "{says}");
    assert!(findings[0]["mend"].as_str().unwrap().contains("--http"));
    test_box.assert_nothing_left();
}

/// Goal: what the start would refuse, the doctor finds, each with its own finding.
/// Method: a wrong key, a missing clip, a manifest that is not there.
#[test]
fn what_the_start_would_refuse_is_found() {
    let test_box = TestBox::builder("unfit").build();
    let file = test_box.scratch().join("wigwag.toml");
    let path = file.to_str().unwrap();
    for (toml, check, part) in [
        ("[infer]\nworker = 2\n", "config", "wigwag.toml:2"),
        (
            "[sources.a]\ntype = \"clip\"\npath = \"none.mjpeg\"\n",
            "source",
            "none.mjpeg",
        ),
        ("[infer]\nmanifest = \"none.toml\"\n", "models", "none.toml"),
    ] {
        std::fs::write(&file, toml).unwrap();
        let (code, findings) = examine(&test_box, &[&["--config", path], &FREE[..]].concat());
        let fails = said(&findings, "fail");
        assert_eq!((code, fails.lines().count()), (69, 1), "{fails}");
        assert!(fails.contains(check) && fails.contains(part), "{fails}");
    }
    test_box.assert_nothing_left();
}

/// Goal: a running box is left alone, and its ports are its own.
/// Method: examine with the addresses of a box that runs; it goes on undisturbed.
#[test]
fn running_box_is_not_taken_for_a_stranger() {
    let test_box = TestBox::start("own_ports");
    let (http, wire) = (test_box.http(), test_box.wire());
    let (code, findings) = examine(&test_box, &["--http", &http, "--wire", &wire]);
    assert_eq!(code, 0, "{findings:#?}");
    let fine = said(&findings, "ok");
    let supervisor = format!("pid {}", test_box.supervisor_pid());
    assert!(fine.contains(&supervisor), "{fine}");
    assert_eq!(fine.matches("the running box's").count(), 2, "{fine}");
    test_box.stop();
}
