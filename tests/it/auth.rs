//! Only those allowed: who comes from elsewhere shows a token or logs in, and has the roles of that;
//! on this machine everything is open.
//!
//! The boxes listen on loopback alone. That somebody comes from elsewhere is what a proxy says that
//! the box trusts, or does not say, which counts the same.

use crate::reload::{PATTERN, reload, text};
use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};
use wigwag_tests::client::http::Reply;
use wigwag_tests::client::multipart::is_jpeg;
use wigwag_tests::client::wire::{Message, WireClient};
use wigwag_tests::{TestBox, process, wait};

/// The box trusts a proxy on this machine, so nobody is local who is not said to be.
const PROXIED: &str = "[gateway]\ntrusted_proxies = [\"127.0.0.1\"]\n";
/// What that proxy says.
const ELSEWHERE: &str = "X-Forwarded-For: 192.0.2.7";

/// Runs `supervisor token NAME --roles ROLES`, which writes into the config; gives the token.
#[track_caller]
fn new_token(test_box: &TestBox, name: &str, roles: &str) -> String {
    let config = test_box.scratch().join("wigwag.toml");
    let config = config.to_str().unwrap();
    let made = test_box.run(&["token", name, "--roles", roles, "--config", config]);
    assert!(made.status.success(), "{}", text(&made));
    let printed = String::from_utf8(made.stdout).unwrap();
    printed.lines().next().unwrap().to_owned()
}

/// A box behind a proxy, which knows a token for each of the roles.
pub(crate) fn guarded_box(name: &str) -> (TestBox, [String; 3]) {
    let test_box = TestBox::builder(name)
        .config(&format!(
            "{PATTERN}[sources.own]\ntype = \"push\"\n{PROXIED}"
        ))
        .build();
    let tokens = ["watch", "push", "control"].map(|role| new_token(&test_box, role, role));
    test_box.spawn();
    test_box.await_ready();
    (test_box, tokens)
}

/// What curl gets; the status is its last line.
fn curl(arguments: &[&str]) -> (u16, Vec<u8>) {
    let output = Command::new("curl")
        .args(["-sS", "-m", "60", "-w", "\n%{http_code}"])
        .args(arguments)
        .output()
        .unwrap();
    let end = output
        .stdout
        .iter()
        .rposition(|byte| *byte == b'\n')
        .unwrap();
    let status = String::from_utf8_lossy(&output.stdout[end + 1..]).into_owned();
    (status.parse().unwrap(), output.stdout[..end].to_vec())
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

/// Goal: a listener that others reach needs somebody who is allowed in, or the start is refused with
/// the commands that mend it.
#[test]
fn box_that_others_reach_does_not_start_open_to_nobody() {
    for key in ["http", "wire"] {
        let toml = format!("{PATTERN}[gateway]\n{key} = \"0.0.0.0:0\"\n");
        let (code, log) = TestBox::builder("open_door")
            .config(&toml)
            .without_addresses()
            .refused();
        assert_eq!(code, 78, "{log}");
        for part in [
            &*format!("wigwag.toml:4: `gateway.{key}` is 0.0.0.0:0"),
            "supervisor token NAME --config ",
            "supervisor password NAME --config ",
            "allow_anonymous = [\"watch\"]",
        ] {
            assert!(log.contains(part), "`{part}` is missing in:\n{log}");
        }
    }
    let test_box = TestBox::builder("closed_door")
        .config("[gateway]\nhttp = \"[::]:8080\"")
        .build();
    let path = test_box.scratch().join("wigwag.toml");
    let config = path.to_str().unwrap();
    let check = || test_box.run(&["check-config", "--config", config]);
    assert_eq!(check().status.code(), Some(78));
    // The very command of the hint mends it.
    new_token(&test_box, "door", "watch");
    assert!(check().status.success(), "{}", text(&check()));
}

/// Goal: tokens and passwords get into a config that keeps every other line, and are right at once.
#[test]
fn credentials_are_written_into_the_config_beside_everything_else() {
    let toml = format!("# My box.\n{PATTERN}{PROXIED}# The end.\n");
    let test_box = TestBox::builder("credentials").config(&toml).build();
    let path = test_box.scratch().join("wigwag.toml");
    let token = new_token(&test_box, "door", "watch,push");
    let mut asked = test_box
        .command(&["password", "ann", "--config", path.to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    asked
        .stdin
        .take()
        .unwrap()
        .write_all(b"correct horse\n")
        .unwrap();
    let output = asked.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let written = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = written.lines().collect();
    assert!(toml.lines().all(|line| lines.contains(&line)), "{written}");
    assert!(!written.contains(&token) && !written.contains("correct horse"));
    let short = test_box.run(&["password", "bob"]);
    assert_eq!(short.status.code(), Some(64), "{}", text(&short));

    test_box.spawn();
    test_box.await_ready();
    let url = format!("http://{}/snapshot/test", test_box.http());
    assert_eq!(curl(&["-o", "/dev/null", &url]).0, 401);
    for user in ["ann:correct horse", &format!("any:{token}")] {
        let (status, body) = curl(&["-u", user, &url]);
        assert_eq!(status, 200, "{user}");
        assert!(is_jpeg(&body));
    }
    assert_eq!(curl(&["-u", "ann:wrong horse", &url]).0, 401);
    let log = test_box.log();
    assert!(!log.contains(&token) && !log.contains("horse"), "{log}");
    test_box.stop();
}

/// Goal: real clients get in with a token in the ways that they have.
/// Method: curl with Bearer, ffmpeg with name and token in the address, as VLC and OpenCV do it.
#[test]
fn existing_clients_get_in_with_a_token() {
    let (test_box, [watch, ..]) = guarded_box("auth_clients");
    let address = test_box.http();
    let url = format!("http://{address}/snapshot/test");
    assert_eq!(curl(&["-H", ELSEWHERE, &url]).0, 401);
    let (status, body) = curl(&["-H", ELSEWHERE, "-H", &bearer(&watch), &url]);
    assert_eq!((status, is_jpeg(&body)), (200, true));
    let (status, body) = curl(&["-H", ELSEWHERE, &format!("{url}?token={watch}")]);
    assert_eq!(status, 400, "{}", String::from_utf8_lossy(&body));

    let stream = format!("http://viewer:{watch}@{address}/stream/test");
    let arguments = [
        "-v",
        "error",
        "-i",
        &stream,
        "-frames:v",
        "10",
        "-f",
        "null",
        "-",
    ];
    crate::clients::run("ffmpeg", "ffmpeg", &arguments);
    let wrong = format!("http://viewer:wigwag_wrong@{address}/stream/test");
    let refused = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-i",
            &wrong,
            "-frames:v",
            "1",
            "-f",
            "null",
            "-",
        ])
        .output()
        .unwrap();
    assert!(
        !refused.status.success() && text(&refused).contains("401"),
        "{refused:?}"
    );
    test_box.stop();
}

/// Goal: a role allows what it is for and nothing else, over HTTP and the wire protocol.
#[test]
fn roles_allow_what_they_are_for() {
    let (test_box, [watch, push, control]) = guarded_box("roles");
    let address = test_box.http();
    let status = |method: &str, path: &str, token: &str| {
        let url = format!("http://{address}{path}");
        let header = bearer(token);
        let out = ["-o", "/dev/null", "-m", "2"];
        let arguments = ["-X", method, "-H", ELSEWHERE, "-H", &header, &url];
        curl(&[&out[..], &arguments[..]].concat()).0
    };
    for (method, path, token, expected) in [
        ("GET", "/metrics", &watch, 200),
        ("GET", "/metrics", &push, 403),
        ("GET", "/api/v1/clients", &watch, 403),
        ("GET", "/api/v1/clients", &control, 200),
        ("POST", "/api/v1/reload", &watch, 403),
        ("GET", "/healthz", &watch, 200),
    ] {
        assert_eq!(status(method, path, token), expected, "{method} {path}");
    }
    let with = |token: &str| {
        let mut client = WireClient::connect(&test_box.wire());
        client.send(1, 4, token.as_bytes()).unwrap();
        client
    };
    let code = |mut client: WireClient, kind: u8, body: &[u8]| {
        client.send(1, kind, body).unwrap();
        match client.next_message() {
            Some(Message::Error { code, .. }) => code,
            Some(Message::Welcome(_)) => 0,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code(with(&watch), 1, b"\x03\0"), 0);
    assert_eq!(code(with(&push), 1, b"\x03\0"), 11);
    assert_eq!(code(with(&push), 2, b"\x02\x03own"), 0);
    assert_eq!(code(with(&watch), 2, b"\x02\x03own"), 11);
    assert_eq!(code(with("wigwag_wrong"), 1, b"\x03\0"), 10);
    test_box.stop();
}

/// Goal: whoever may control restarts units, reloads and disconnects; the box says how it goes.
#[test]
fn control_restarts_reloads_and_disconnects() {
    let (test_box, [.., control]) = guarded_box("control");
    let address = test_box.http();
    let order = |method: &str, path: &str| -> Reply {
        let url = format!("http://{address}{path}");
        let header = bearer(&control);
        let (status, body) = curl(&["-X", method, "-H", ELSEWHERE, "-H", &header, &url]);
        Reply {
            status,
            headers: Vec::new(),
            body,
        }
    };
    let before = test_box.unit("capture/test").generation;
    assert_eq!(
        order("POST", "/api/v1/restart?unit=capture/test").status,
        202
    );
    test_box.await_successor("capture/test", before);
    let unknown = order("POST", "/api/v1/restart?unit=capture/none");
    assert_eq!(unknown.status, 404);
    assert!(
        unknown.json()["hint"]
            .as_str()
            .unwrap()
            .contains("capture/test")
    );
    assert_eq!(order("POST", "/api/v1/restart").status, 400);

    assert_eq!(order("POST", "/api/v1/reload").status, 202);
    test_box.await_status("the reload is over", |status| {
        status
            .reload
            .as_ref()
            .filter(|reload| reload.state.is_final())
            .map(|_| ())
    });

    let mut client = WireClient::subscribe(&test_box.wire(), 1, "test");
    assert!(matches!(client.next_message(), Some(Message::Welcome(_))));
    let clients = order("GET", "/api/v1/clients").json();
    let id = clients["clients"][0]["id"].as_u64().unwrap();
    assert_eq!(
        order("DELETE", &format!("/api/v1/clients/{id}")).status,
        200
    );
    while client.next_message().is_some() {}
    test_box.stop();
}

/// Goal: a token that is taken out of the config ends what is open on it, while the box runs on.
#[test]
fn revoked_token_ends_its_streams() {
    let (test_box, [watch, ..]) = guarded_box("revoked");
    let address = test_box.http();
    let path = test_box.scratch().join("stream");
    let mut viewer = Command::new("curl")
        .args([
            "-sS",
            "-m",
            "60",
            "-H",
            ELSEWHERE,
            "-H",
            &bearer(&watch),
            "-o",
        ])
        .arg(&path)
        .arg(format!("http://{address}/stream/test"))
        .spawn()
        .unwrap();
    wait::until_true("the stream comes", || {
        fs::metadata(&path).is_ok_and(|file| file.len() > 100_000)
    });
    let processes = test_box.pid("capture/test");
    let told = reload(
        &test_box,
        &format!("{PATTERN}[sources.own]\ntype = \"push\"\n{PROXIED}"),
    );
    assert!(told.contains("access.watch"), "{told}");
    viewer.wait().unwrap();
    assert_eq!(
        test_box.pid("capture/test"),
        processes,
        "nothing else was touched"
    );
    let url = format!("http://{address}/snapshot/test");
    assert_eq!(curl(&["-H", ELSEWHERE, "-H", &bearer(&watch), &url]).0, 401);
    test_box.stop();
}

/// Goal: a login survives the death of the gateway, and one that was ended does not come back.
#[test]
fn login_outlives_the_gateway_until_it_is_ended() {
    let (test_box, [watch, ..]) = guarded_box("logins");
    let address = test_box.http();
    let jar = test_box.scratch().join("cookies");
    let jar = jar.to_str().unwrap();
    let url = |path: &str| format!("http://{address}{path}");
    let form = format!("password={watch}");
    let login = ["-c", jar, "-d", "name=", "-d", &form];
    assert_eq!(curl(&[&login[..], &[&*url("/login")]].concat()).0, 303);
    let page = || curl(&["-b", jar, &url("/")]).0;
    assert_eq!(page(), 200);
    let die = || {
        let before = test_box.unit("gateway");
        process::signal(before.pid.unwrap(), "KILL");
        test_box.await_successor("gateway", before.generation);
    };
    die();
    assert_eq!(page(), 200);
    assert_eq!(curl(&["-b", jar, "-X", "POST", &url("/logout")]).0, 303);
    assert_eq!(page(), 303, "back to the login");
    die();
    assert_eq!(page(), 303);
    let log: Output = test_box.run(&["status", "--json"]);
    assert!(!text(&log).contains(&watch));
    test_box.stop();
}
