//! What systemd is told, and the sockets that it passes. The other end of both protocols is made
//! here; `tests/systemd/run.sh` runs the real systemd with the real unit files.

use nix::fcntl::{FcntlArg, fcntl};
use shm_layout::control::BoxState;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Instant;
use wigwag_tests::client::multipart::MultipartStream;
use wigwag_tests::process::signal;
use wigwag_tests::{TestBox, wait};

/// Becomes the program on its command line, with open files as systemd passes them.
/// Source: sd_listen_fds(3).
pub(crate) const PASS: &str = "
import os, sys
files, names = sys.argv[1].split(','), sys.argv[2]
for place, file in enumerate(files):
    os.dup2(int(file), 3 + place)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(files)), LISTEN_FDNAMES=names)
os.execvp(sys.argv[3], sys.argv[3:])
";

/// A number of the file that the next program inherits, for as long as the test runs: systemd
/// holds its sockets over every end of the service.
pub(crate) fn inheritable(file: impl AsFd) -> String {
    // Above those that it gets there.
    fcntl(file, FcntlArg::F_DUPFD(20)).unwrap().to_string()
}

/// What comes next on the notify socket, one message a line.
fn next_word(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 4096];
    let len = socket.recv(&mut bytes).expect("systemd is told something");
    String::from_utf8(bytes[..len].to_vec())
        .unwrap()
        .trim_end()
        .to_owned()
}

/// Reads on until `wanted`; gives what came, with it.
#[track_caller]
fn words_until(socket: &UnixDatagram, wanted: &str) -> Vec<String> {
    let mut words = Vec::new();
    // The watchdog's words come for ever.
    let began = Instant::now();
    while words
        .last()
        .is_none_or(|word: &String| !word.starts_with(wanted))
    {
        assert!(
            began.elapsed() < wait::DEADLINE,
            "no `{wanted}` in {words:?}"
        );
        words.push(next_word(socket));
    }
    words
}

/// Asks whether the box works, and reads nothing yet.
#[track_caller]
fn ask(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("somebody always listens");
    stream.set_read_timeout(Some(wait::DEADLINE)).unwrap();
    let question = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(question).unwrap();
    stream
}

#[track_caller]
fn assert_answered(mut stream: TcpStream) {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

fn environment(pid: u32) -> String {
    let bytes = std::fs::read(Path::new("/proc").join(pid.to_string()).join("environ"));
    String::from_utf8_lossy(&bytes.unwrap()).into_owned()
}

/// Goal: systemd learns that the box is ready when it is, how it is doing, that its main loop
/// turns, and that it stops; workers never learn how to tell it anything.
/// Method: a socket of the test's own in `NOTIFY_SOCKET`, from the start to the stop; an infer-worker
/// that dies for the second time waits a minute for the next one.
#[test]
fn systemd_is_told_how_the_box_is_doing() {
    let builder = TestBox::builder("notify")
        .source("pattern:")
        .config("[restart]\nbackoff_min_ms = 60000\nbackoff_max_ms = 60000");
    let path = builder.scratch().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(wait::DEADLINE)).unwrap();
    let notify = format!("NOTIFY_SOCKET={}", path.display());
    let test_box = builder
        .under(&["env", &notify, "WATCHDOG_USEC=600000"])
        .build();
    test_box.spawn();

    let words = words_until(&socket, "READY=1");
    assert_eq!(test_box.status().state, BoxState::Ready, "{words:?}");
    let starting = |word: &String| word.starts_with("STATUS=starting (");
    assert!(words.iter().any(starting), "{words:?}");
    let words = words_until(&socket, "STATUS=");
    assert!(
        words.last().unwrap().starts_with("STATUS=ready | "),
        "{words:?}"
    );
    for _ in 0..3 {
        words_until(&socket, "WATCHDOG=1");
    }
    for unit in test_box.status().units {
        let environment = environment(unit.pid.unwrap());
        for variable in ["NOTIFY_SOCKET", "WATCHDOG_"] {
            assert!(
                !environment.contains(variable),
                "{} has {variable}",
                unit.name
            );
        }
    }
    let first = test_box.unit("infer/0");
    signal(first.pid.unwrap(), "KILL");
    let second = test_box.await_successor("infer/0", first.generation);
    signal(second.pid.unwrap(), "KILL");
    words_until(&socket, "STATUS=degraded (infer/0 ");
    test_box.stop();
    let words = words_until(&socket, "STOPPING=1");
    let ready = |word: &&String| *word == "READY=1";
    assert_eq!(words.iter().filter(ready).count(), 0, "told once only");
}

/// Goal: with sockets that systemd holds nobody is ever refused: not before the box starts, not
/// when all of it is killed; the next start goes on at the same address.
/// Method: connect and ask before the start, and again between a kill of everything and the next
/// start; both are answered. No other number than theirs reaches the gateway.
#[test]
fn sockets_that_systemd_passed_are_used() {
    let [http, wire] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let address = http.local_addr().unwrap().to_string();
    let files = [&http, &wire].map(inheritable).join(",");
    let test_box = TestBox::builder("passed")
        .source("pattern:")
        .under(&["python3", "-c", PASS, &files, "wigwag.socket:wigwag.socket"])
        .build();
    let early = ask(&address);
    test_box.spawn();
    let status = test_box.await_ready();
    assert_eq!(status.http, address);
    assert_eq!(status.wire, wire.local_addr().unwrap().to_string());
    assert_answered(early);
    for unit in status.units {
        let environment = environment(unit.pid.unwrap());
        assert!(!environment.contains("LISTEN_"), "{}", unit.name);
    }
    let before = MultipartStream::open(&address, "pattern0").part().sequence;

    let processes = test_box.processes();
    signal(test_box.supervisor_pid(), "STOP");
    processes.iter().for_each(|pid| signal(*pid, "KILL"));
    test_box.await_end();
    let between = ask(&address);
    test_box.spawn();

    test_box.await_ready();
    assert_answered(between);
    assert!(MultipartStream::open(&address, "pattern0").part().sequence > before);
    test_box.stop();
}

/// Goal: a socket somewhere else than configured is used, and said; one that cannot be used is an
/// error that names it.
/// Method: the config has other ports than the sockets; then a datagram socket.
#[test]
fn passed_socket_goes_before_the_configuration_if_it_can_be_used() {
    let [http, wire, other] = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let other = other.local_addr().unwrap();
    let files = [&wire, &http].map(inheritable).join(",");
    let test_box = TestBox::builder("passed_elsewhere")
        .source("pattern:")
        .argument("--http")
        .argument(&other.to_string())
        .under(&["python3", "-c", PASS, &files, "wire:http"])
        .start();
    let http = http.local_addr().unwrap().to_string();
    assert_eq!(test_box.http(), http);
    let said = format!("`gateway.http` is {other}, but systemd passed {http}, which is used");
    assert!(test_box.log().contains(&said), "{}", test_box.log());
    test_box.stop();

    let datagrams = inheritable(UdpSocket::bind("127.0.0.1:0").unwrap());
    let (code, log) = TestBox::builder("passed_wrong")
        .source("pattern:")
        .under(&["python3", "-c", PASS, &datagrams, "http"])
        .refused();
    assert_eq!(code, 78, "{log}");
    assert!(
        log.contains("cannot use socket 3 (`http`) that systemd passed"),
        "{log}"
    );
    assert!(log.contains("hint: the socket unit has two lines"), "{log}");
}
