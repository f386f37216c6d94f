//! TLS: everything is served under it, by the box's own certificate or a given one that may change;
//! whoever comes without it, with an old version or with a bad file is told.

mod files;

use crate::clients::run;
use crate::reload::text;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use wigwag_tests::client::multipart::{MultipartStream, is_jpeg};
use wigwag_tests::client::wire::{FRAMES, Message, WireClient};
use wigwag_tests::client::{http, tls};
use wigwag_tests::{TestBox, wait};

/// Debian's Python, whose `ssl` is OpenSSL.
const PYTHON: &str = "/usr/bin/python3";

const OWN: &str = "[sources.cam]\ntype = \"pattern\"\n[infer]\nworkers = 1\n[tls]\nenabled = true";

/// The files of the box's own certificate.
fn own_files(test_box: &TestBox) -> [PathBuf; 2] {
    let folder = test_box.state_dir().join("wigwag");
    let folder = folder.join(test_box.instance()).join("tls");
    ["certificate.pem", "key.pem"].map(|name| folder.join(name))
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

/// The sequence of each frame that a viewer over TLS gets, while it is connected.
fn watch(test_box: &TestBox) -> Receiver<u64> {
    let connection = tls::connect(&test_box.http()).unwrap();
    tls::stream(connection, "cam").into_sequences()
}

#[track_caller]
fn see_a_new_frame(test_box: &TestBox, viewer: &Receiver<u64>) {
    let newest = test_box.newest("cam");
    let goes_on = "the stream goes on";
    while viewer.recv_timeout(wait::DEADLINE).expect(goes_on) <= newest {}
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
