//! TLS: everything is served under it, by the box's own certificate or a given one that may change;
//! whoever comes without it, with an old version or with a bad file is told.

use crate::clients::run;
use crate::reload::{reload, text};
use shm_layout::control::BoxState;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::channel;
use wigwag_tests::client::multipart::{MultipartStream, is_jpeg};
use wigwag_tests::client::wire::{FRAMES, Message, WireClient};
use wigwag_tests::client::{http, tls};
use wigwag_tests::process::signal;
use wigwag_tests::{TestBox, binaries, wait};

/// Debian's Python, whose `ssl` is OpenSSL.
const PYTHON: &str = "/usr/bin/python3";

const OWN: &str = "[sources.cam]\ntype = \"pattern\"\n[infer]\nworkers = 1\n[tls]\nenabled = true";

/// The files of the box's own certificate.
fn own_files(test_box: &TestBox) -> [PathBuf; 2] {
    let folder = test_box.state_dir().join("wigwag");
    let folder = folder.join(test_box.instance()).join("tls");
    ["certificate.pem", "key.pem"].map(|name| folder.join(name))
}

/// Makes a certificate for localhost beside `folder/name.key`.
fn make(folder: &Path, name: &str) -> [PathBuf; 2] {
    let files = ["pem", "key"].map(|end| folder.join(format!("{name}.{end}")));
    let output = Command::new(binaries::path("net-gateway"))
        .args(["certificate", "--make-for", "localhost", "--certificate"])
        .arg(&files[0])
        .arg("--key")
        .arg(&files[1])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    files
}

/// A box whose certificate lies in its folder.
fn box_with_given(name: &str) -> (TestBox, [PathBuf; 2]) {
    let builder = TestBox::builder(name);
    let files = make(builder.scratch(), "given");
    let config = "certificate = \"given.pem\"\nkey = \"given.key\"";
    (builder.config(&format!("{OWN}\n{config}")).start(), files)
}

fn port(address: &str) -> &str {
    address.rsplit(':').next().unwrap()
}

fn counted(test_box: &TestBox, reason: &str) -> f64 {
    let connection = tls::connect(&test_box.http()).unwrap();
    let mut metrics = String::new();
    let (_, mut body) = tls::get(connection, "/metrics");
    body.read_to_string(&mut metrics).unwrap();
    let name = format!("wigwag_tls_failures_total{{reason=\"{reason}\"}} ");
    let found = metrics.lines().find_map(|line| line.strip_prefix(&name));
    found.unwrap().parse().unwrap()
}

/// Goal: with TLS turned on and nothing else, the clients that people have get pictures; one that
/// knows the certificate needs to ignore nothing.
/// Method: curl with the box's certificate as its root, ffmpeg, Python's ssl with the wire protocol;
/// the fingerprint in status and log is the one that is shown, and stays over a restart.
#[test]
fn existing_clients_are_served_by_the_boxs_own_certificate() {
    const SCRIPT: &str = "import socket, ssl, struct, sys
context = ssl.create_default_context(cafile=sys.argv[2])
with socket.create_connection(('localhost', int(sys.argv[1])), 60) as plain, \
     context.wrap_socket(plain, server_hostname='localhost') as box:
    stream = box.makefile('rwb')
    stream.write(bytes.fromhex('00000006010100000300'))
    stream.flush()
    kinds = set()
    while not {16, 17, 18} <= kinds:
        length, version, kind, _ = struct.unpack('>IBBH', stream.read(8))
        body = stream.read(length - 4)
        assert kind != 17 or body[24:26] == b'\\xff\\xd8', body[:40]
        kinds.add(kind)
print(box.version())";
    let test_box = TestBox::builder("tls_own").config(OWN).start();
    let status = test_box.status();
    let [certificate, key] = own_files(&test_box);
    let mode = std::fs::metadata(&key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the key is its owner's");
    let shown = tls::fingerprint_at(&status.http);
    assert_eq!(status.tls.unwrap().fingerprint, shown);
    test_box.await_log(&shown);
    let root = certificate.to_str().unwrap();
    let url = |path: &str| format!("https://localhost:{}{path}", port(&status.http));

    let snapshot = test_box.scratch().join("now.jpg");
    let (file, snapshot_url) = (snapshot.to_str().unwrap(), url("/snapshot/cam"));
    let arguments = ["-sS", "--cacert", root, "-o", file, &snapshot_url];
    run("curl", "curl", &arguments);
    assert!(is_jpeg(&std::fs::read(&snapshot).unwrap()));
    let ffmpeg = run(
        "ffmpeg",
        "ffmpeg",
        &[
            "-v",
            "error",
            "-tls_verify",
            "1",
            "-ca_file",
            root,
            "-i",
            &url("/stream/cam"),
            "-frames:v",
            "20",
            "-f",
            "framecrc",
            "-",
        ],
    );
    let pictures = String::from_utf8_lossy(&ffmpeg.stdout);
    let pictures = pictures.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(pictures.count(), 20);
    let wire = port(&status.wire);
    let python = run(PYTHON, "python3", &["-c", SCRIPT, wire, root]);
    assert_eq!(text(&python), "TLSv1.3\n");

    test_box.stop();
    test_box.spawn();
    test_box.await_ready();
    assert_eq!(tls::fingerprint_at(&test_box.http()), shown, "it is kept");
    test_box.stop();
}

/// Goal: whoever cannot be served is told in words that it understands.
/// Method: a browser's request without TLS, a program's, TLS 1.1, and TLS where there is none.
#[test]
fn who_begins_otherwise_is_told() {
    const OLD: &str = "import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
context.set_ciphers('ALL:@SECLEVEL=0')
context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, sys.argv[2])
plain = socket.create_connection(('127.0.0.1', int(sys.argv[1])), 60)
try:
    print(context.wrap_socket(plain).version())
except ssl.SSLError as error:
    print(error.reason)";
    let test_box = TestBox::builder("tls_told").config(OWN).start();
    let http = test_box.http();
    let reply = http::get(&http, "/stream/cam?fps=5");
    assert_eq!(reply.status, 307);
    let there = format!("https://{http}/stream/cam?fps=5");
    assert_eq!(reply.header("location"), Some(there.as_str()));
    let mut program = WireClient::subscribe(&test_box.wire(), FRAMES, "cam");
    let told = program.message();
    assert!(matches!(told, Message::Error { code: 13, .. }), "{told:?}");
    assert_eq!(program.next_message(), None, "it is ended");
    let python = |version: &str| {
        let arguments = ["-Wignore", "-c", OLD, port(&http), version];
        text(&run(PYTHON, "python3", &arguments))
    };
    assert_eq!(python("TLSv1_2"), "TLSv1.2\n");
    let refused = python("TLSv1_1");
    assert!(refused.contains("_ALERT_"), "an old version: {refused}");
    assert_eq!(counted(&test_box, "failed"), 1.0);
    assert_eq!(counted(&test_box, "plain_client"), 2.0);
    test_box.stop();

    let plain = TestBox::start("tls_off");
    assert!(tls::connect(&plain.http()).is_err());
    plain.await_log("a client speaks TLS to a listener without it");
    assert_eq!(plain.status().tls, None);
    plain.stop();
}

/// A viewer over TLS in a thread of its own; it ends with its connection.
fn watch(test_box: &TestBox) -> std::sync::mpsc::Receiver<u64> {
    let connection = tls::connect(&test_box.http()).unwrap();
    let mut stream = tls::stream(connection, "cam");
    let (seen, sequences) = channel();
    std::thread::spawn(move || {
        while let Some(part) = stream.next_part() {
            if seen.send(part.sequence).is_err() {
                return;
            }
        }
    });
    sequences
}

#[track_caller]
fn see_a_new_frame(test_box: &TestBox, viewer: &std::sync::mpsc::Receiver<u64>) {
    let newest = test_box.newest("cam");
    let goes_on = "the stream goes on";
    while viewer.recv_timeout(wait::DEADLINE).expect(goes_on) <= newest {}
}

/// Goal: whoever renews certificates replaces two files and does nothing else; a replacement that
/// cannot be used hurts nobody, and who asks is told why.
/// Method: a stream over all of it; other files, then damaged ones, then another certificate's key.
#[test]
fn changed_certificate_is_taken_by_new_connections_and_a_bad_one_is_not() {
    let (test_box, [certificate, key]) = box_with_given("tls_changed");
    let (first, gateway) = (
        tls::fingerprint_at(&test_box.http()),
        test_box.pid("gateway"),
    );
    let viewer = watch(&test_box);
    let others = make(&test_box.scratch(), "others");
    std::fs::rename(&others[0], &certificate).unwrap();
    std::fs::rename(&others[1], &key).unwrap();
    let second = wait::until("another certificate is shown", || {
        let shown = tls::fingerprint_at(&test_box.http());
        (shown != first).then_some(shown)
    });
    test_box.await_status("the status tells it", |status| {
        (status.tls.as_ref()?.fingerprint == second).then_some(())
    });
    see_a_new_frame(&test_box, &viewer);

    let good = std::fs::read(&key).unwrap();
    let third = make(&test_box.scratch(), "third");
    let strange = std::fs::read(&third[1]).unwrap();
    for (bytes, why) in [
        (b"no key".to_vec(), "has no private key"),
        (strange, "does not belong to the certificate"),
    ] {
        std::fs::write(&key, bytes).unwrap();
        let output = test_box.run(&["reload"]);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(78), "{said}");
        assert!(said.contains("error: ") && said.contains(why), "{said}");
        assert!(said.contains("hint: "), "{said}");
        test_box.await_log("the changed certificate is not taken");
        assert_eq!(tls::fingerprint_at(&test_box.http()), second);
    }
    std::fs::write(&key, good).unwrap();
    let output = test_box.run(&["reload"]);
    assert!(output.status.success(), "{output:?}");
    see_a_new_frame(&test_box, &viewer);
    assert_eq!(test_box.pid("gateway"), gateway, "nothing was restarted");
    test_box.stop();
}

/// Goal: a gateway that has to start while its certificate cannot be used serves what goes without
/// one, people are told, and clients are back as soon as the files are mended.
/// Method: with a damaged key, a successor does not take over from a gateway that has the certificate;
/// after that one was killed, the next one is ready, a proxy at the Unix socket is served, who comes
/// with TLS is not, and status, health and plain HTTP say so; with the key back, nobody restarts
/// anything.
#[test]
fn gateway_without_its_certificate_serves_what_it_can_and_takes_it_when_it_is_mended() {
    let builder = TestBox::builder("tls_locked");
    let [_, key] = make(builder.scratch(), "given");
    let socket = builder.scratch().join("http.sock");
    let config = format!(
        "certificate = \"given.pem\"\nkey = \"given.key\"\n[gateway]\nhttp_unix = \"{}\"",
        socket.display()
    );
    let test_box = builder.config(&format!("{OWN}\n{config}")).start();
    let (fingerprint, before) = (
        tls::fingerprint_at(&test_box.http()),
        test_box.unit("gateway"),
    );
    let good = std::fs::read(&key).unwrap();
    std::fs::write(&key, "no key").unwrap();
    test_box.await_status("the status says what is wrong", |status| {
        let told = &status.tls_problem.as_ref()?.problem;
        (told.contains("has no private key") && status.tls.is_some()).then_some(())
    });
    assert_eq!(test_box.status().state, BoxState::Ready, "it serves on");
    assert!(!test_box.run(&["restart", "gateway"]).status.success());
    assert_eq!(tls::fingerprint_at(&test_box.http()), fingerprint);

    signal(before.pid.unwrap(), "KILL");
    let locked = test_box.await_successor("gateway", before.generation);
    test_box.await_status("the box is degraded for want of a certificate", |status| {
        let is_locked = status.tls.is_none() && status.tls_problem.is_some();
        (is_locked && status.state == BoxState::Degraded).then_some(())
    });
    let told = text(&test_box.run(&["status"]));
    assert!(
        told.contains("has no private key") && told.contains("hint: "),
        "{told}"
    );
    let path = socket.to_str().unwrap();
    let arguments = ["-sS", "--unix-socket", path, "http://localhost/readyz"];
    let reasons = text(&run("curl", "curl", &arguments));
    assert!(reasons.contains("no certificate"), "{reasons}");
    assert!(tls::connect(&test_box.http()).is_err());
    let plain = test_box.http_get("/");
    assert_eq!(plain.status, 503);

    std::fs::write(&key, good).unwrap();
    test_box.await_ready();
    assert_eq!(tls::fingerprint_at(&test_box.http()), fingerprint);
    assert_eq!(test_box.pid("gateway"), locked.pid.unwrap());
    test_box.stop();
}

/// Goal: TLS is turned on, and the box gets a further name, without a stop.
/// Method: by reload; then curl needs to ignore nothing, and what needs no login on this machine is
/// there by the new name as by the address.
#[test]
fn reload_turns_tls_on_and_adds_a_name() {
    const OFF: &str = "[sources.cam]\ntype = \"pattern\"\n[infer]\nworkers = 1\n";
    let test_box = TestBox::builder("tls_reload").config(OFF).start();
    let before = test_box.http_get("/healthz");
    assert_eq!(before.status, 200);
    let told = reload(&test_box, OWN);
    assert!(told.contains("replaced (tls.enabled)"), "{told}");
    let first = tls::fingerprint_at(&test_box.http());
    let told = reload(&test_box, &format!("{OWN}\nnames = [\"cams.example\"]"));
    assert!(told.contains("replaced (tls.names)"), "{told}");
    wait::until_true("the certificate with the name is shown", || {
        tls::fingerprint_at(&test_box.http()) != first
    });
    let [certificate, _] = own_files(&test_box);
    let port = port(&test_box.http()).to_owned();
    let connect_to = format!("cams.example:{port}:127.0.0.1:{port}");
    let url = format!("https://cams.example:{port}/api/v1/session");
    let root = certificate.to_str().unwrap();
    let arguments = ["-sS", "--cacert", root, "--connect-to", &connect_to, &url];
    let session = text(&run("curl", "curl", &arguments));
    assert!(session.contains("\"watch\""), "{session}");
    test_box.stop();
}

/// Goal: a box that cannot have its certificate does not start, and says what to do.
#[test]
fn start_without_a_usable_certificate_is_refused() {
    for (keys, error) in [
        (
            "certificate = \"none.pem\"\nkey = \"a.key\"",
            "cannot read `",
        ),
        (
            "certificate = \"a.pem\"\nkey = \"b.key\"",
            "b.key` does not belong to the certificate `",
        ),
        (
            "certificate = \"a.pem\"",
            "a.pem` has no private key without a passphrase in PEM form",
        ),
        (
            "certificate = \"a.key\"\nkey = \"a.key\"",
            "a.key` has no certificate in PEM form",
        ),
        (
            "key = \"a.key\"",
            "`tls.key` is given without `tls.certificate`",
        ),
    ] {
        let builder = TestBox::builder("tls_refused").config(&format!("{OWN}\n{keys}"));
        make(builder.scratch(), "a");
        make(builder.scratch(), "b");
        let test_box = builder.build();
        test_box.spawn();
        assert_eq!(test_box.await_end().code(), Some(78), "{keys}");
        let log = test_box.log();
        assert!(log.contains("error: ") && log.contains(error), "{log}");
        assert!(log.contains("hint: "), "{log}");
        test_box.assert_nothing_left();
    }
}

/// Goal: clients that begin and never finish take places, not for ever, and delay nobody.
/// Method: as many as there are connections, while a stream runs; later there is room again.
#[test]
fn stalled_handshakes_hurt_nobody_else() {
    let config = format!("[gateway]\nmax_clients = 2\n{OWN}");
    let test_box = TestBox::builder("tls_stall").config(&config).start();
    let viewer = watch(&test_box);
    let http = test_box.http();
    let stall = |first: &[u8]| {
        let mut stream = TcpStream::connect(&http).unwrap();
        // It is closed at once when there is no room.
        let _closed = stream.write_all(first);
        stream
    };
    let hello = [0x16, 3, 1, 2, 0, 1, 0];
    let stalled: Vec<TcpStream> = (0..80)
        .map(|number| stall(&hello[..number % hello.len()]))
        .collect();
    see_a_new_frame(&test_box, &viewer);
    assert!(tls::connect(&http).is_err(), "all places are taken");
    see_a_new_frame(&test_box, &viewer);
    let again = wait::until("there is room again", || tls::connect(&http).ok());
    drop(again);
    see_a_new_frame(&test_box, &viewer);
    assert!(counted(&test_box, "timeout") >= 60.0);
    drop(stalled);
    test_box.stop();
}

/// Goal: newest wins under TLS as without it: what a client has not read does not pile up.
/// Method: a client with little room reads nothing while a hundred large frames pass; what then
/// comes is a handful of old frames and, right behind them, a new one.
#[test]
fn client_that_reads_late_gets_the_newest_frame() {
    let large = "[sources.cam]\ntype = \"pattern\"\nwidth_px = 1280\nheight_px = 720\n[infer]\n\
                 workers = 1\n[tls]\nenabled = true";
    let test_box = TestBox::builder("tls_late").config(large).start();
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    let address: std::net::SocketAddr = test_box.http().parse().unwrap();
    socket.connect(&address.into()).unwrap();
    let connection = tls::over(socket.into()).unwrap();
    let mut stream: MultipartStream = tls::stream(connection, "cam");
    let first = stream.part().sequence;
    let until = test_box.newest("cam") + 100;
    wait::until_true("a hundred frames pass", || test_box.newest("cam") > until);
    let newest = test_box.newest("cam");
    let old = std::iter::from_fn(|| stream.next_part()).take_while(|part| part.sequence < newest);
    let old: Vec<u64> = old.map(|part| part.sequence).collect();
    assert!(old.len() <= 4, "{old:?} after {first}, before {newest}");
    test_box.stop();
}
