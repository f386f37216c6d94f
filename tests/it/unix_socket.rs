//! A Unix socket for a reverse proxy: served as HTTP is, kept over deaths, left to nobody.

use crate::clients::run;
use crate::reload::{reload, text};
use crate::systemd::{PASS, inheritable};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use wigwag_tests::client::multipart::is_jpeg;
use wigwag_tests::process::signal;
use wigwag_tests::{TestBox, wait};

/// The box's config with that path and mode.
fn config(path: &str, mode: &str) -> String {
    format!(
        "[sources.cam]\ntype = \"pattern\"\n[infer]\nworkers = 1\n[gateway]\nhttp_unix = \
         \"{path}\"\nhttp_unix_mode = \"{mode}\""
    )
}

/// What curl gets at a path; `None` while nobody listens.
fn get(socket: &Path, path: &str, headers: &[&str]) -> Option<Vec<u8>> {
    let mut command = std::process::Command::new("curl");
    command.args(["-sS", "--fail", "--max-time", "60", "--unix-socket"]);
    command.arg(socket);
    for header in headers {
        command.args(["-H", header]);
    }
    let output = command
        .arg(format!("http://localhost{path}"))
        .output()
        .unwrap();
    output.status.success().then_some(output.stdout)
}

/// Goal: a proxy on this machine gets everything that HTTP clients get, and what it says of its own
/// clients is believed; its socket goes with the box.
#[test]
fn proxy_is_served_and_believed() {
    let test_box = TestBox::builder("unix")
        .config(&config("p.sock", "620"))
        // The proxy's client is not on this machine.
        .config("allow_anonymous = [\"watch\"]")
        .start();
    let socket = test_box.scratch().join("p.sock");
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o620);
    let status = test_box.status().http_unix.unwrap();
    assert_eq!(Path::new(&status), socket);
    assert!(is_jpeg(&get(&socket, "/snapshot/cam", &[]).unwrap()));

    let url = "http://localhost/stream/cam";
    let mut viewer = std::process::Command::new("curl")
        .args(["-sS", "-o", "/dev/null", "-H", "X-Forwarded-For: 9.8.7.6"])
        .arg("--unix-socket")
        .arg(&socket)
        .arg(url)
        .spawn()
        .unwrap();
    wait::until_true("the proxy's client is listed by its own address", || {
        let clients = test_box.http_get("/api/v1/clients").json();
        let client = &clients["clients"][0];
        client["address"] == "9.8.7.6" && client["frames"].as_u64() > Some(3)
    });
    viewer.kill().unwrap();
    viewer.wait().unwrap();
    test_box.stop();
    assert!(!socket.exists());
}

/// Goal: the path works after a SIGKILL of the supervisor, of all of the box, and after a reload that
/// moves it; another program's socket is left alone.
#[test]
fn path_outlasts_deaths_and_moves_with_the_config() {
    let test_box = TestBox::builder("unix_kill")
        .config(&config("p.sock", "600"))
        .start();
    let socket = test_box.scratch().join("p.sock");
    signal(test_box.supervisor_pid(), "KILL");
    test_box.await_end();
    assert!(
        get(&socket, "/healthz", &[]).is_some(),
        "the gateway goes on"
    );
    test_box.spawn();
    test_box.await_ready();
    assert!(get(&socket, "/healthz", &[]).is_some(), "and is taken over");

    let pids = ["gateway", "infer/0", "capture/cam"].map(|unit| test_box.pid(unit));
    signal(test_box.supervisor_pid(), "KILL");
    test_box.await_end();
    pids.into_iter().for_each(|pid| signal(pid, "KILL"));
    wait::until_true("nobody listens", || get(&socket, "/healthz", &[]).is_none());
    assert!(socket.exists(), "nobody removed it");
    test_box.spawn();
    test_box.await_ready();
    assert!(get(&socket, "/healthz", &[]).is_some());

    reload(&test_box, &config("p.sock", "660"));
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    reload(&test_box, &config("q.sock", "660"));
    let moved = test_box.scratch().join("q.sock");
    wait::until_true("the new path is served", || {
        get(&moved, "/healthz", &[]).is_some()
    });
    wait::until_true("the old one is gone", || !socket.exists());

    let other = TestBox::builder("unix_other")
        .config(&config(moved.to_str().unwrap(), "600"))
        .build();
    other.spawn();
    assert_eq!(other.await_end().code(), Some(69));
    assert!(
        other.log().contains("cannot listen at `"),
        "{}",
        other.log()
    );
    assert!(
        get(&moved, "/healthz", &[]).is_some(),
        "it is the first box's"
    );
    test_box.stop();
    assert!(!moved.exists());
}

/// Goal: a path that systemd listens at is served, beside addresses of the box's own, and stays
/// systemd's.
#[test]
fn path_that_systemd_passed_is_served() {
    let builder = TestBox::builder("unix_passed").source("pattern:");
    let socket = builder.scratch().join("systemd.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let file = inheritable(&listener);
    let test_box = builder
        .under(&["python3", "-c", PASS, &file, "wigwag.socket"])
        .start();
    assert!(get(&socket, "/healthz", &[]).is_some());
    assert_eq!(
        test_box.status().http_unix.map(PathBuf::from),
        Some(socket.clone())
    );
    assert_eq!(test_box.http_get("/healthz").status, 200);
    test_box.stop();
    assert!(socket.exists(), "it is systemd's");
}

/// Goal: a proxy that does not say for whom it asks opens the box to nobody, and is told so; one that
/// asks for this machine itself has all that is open here.
#[test]
fn proxy_has_to_say_for_whom_it_asks() {
    let test_box = TestBox::builder("unix_refuse")
        .config(&config("p.sock", "600"))
        .start();
    let socket = test_box.scratch().join("p.sock");
    let silent = ["-sS", "--unix-socket", socket.to_str().unwrap()];
    let url = "http://x/api/v1/status";
    let refused = text(&run("curl", "curl", &[&silent[..], &[url]].concat()));
    assert!(refused.starts_with("{\"error\":"), "{refused}");
    assert!(refused.contains("X-Forwarded-For"), "{refused}");
    let here = ["X-Forwarded-For: 127.0.0.1"];
    assert!(get(&socket, "/api/v1/status", &here).is_some());
    let there = ["X-Forwarded-For: 192.0.2.7"];
    assert!(get(&socket, "/api/v1/status", &there).is_none());
    test_box.stop();
}
