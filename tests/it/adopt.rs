//! SIGKILL of the supervisor: nothing that it started notices, and the next one goes on with it.
//! Also a host that stands still: nobody is blamed for that.

use shm_layout::control::{BoxStatus, UnitState, UnitStatus};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::Duration;
use wigwag_tests::TestBox;
use wigwag_tests::client::multipart::MultipartStream;
use wigwag_tests::process::{is_running, signal};
use wigwag_tests::wait;

const UNITS: [&str; 3] = ["infer/0", "capture/pattern0", "gateway"];

/// The sequence of each frame that a viewer gets, while it is connected.
fn watch(address: &str) -> Receiver<u64> {
    MultipartStream::open(address, "pattern0").into_sequences()
}

/// Reads on until a sequence above `enough`; it only ever rises. Gives the last one.
#[track_caller]
fn follow(viewer: &Receiver<u64>, mut newest: u64, enough: u64) -> u64 {
    while newest <= enough {
        let seen = viewer.recv_timeout(wait::DEADLINE);
        let seen = seen.expect("the viewer stays connected");
        assert!(seen > newest, "{seen} came after {newest}");
        newest = seen;
    }
    newest
}

/// Connects again and again until told to stop; gives the number of connections and each refusal.
fn connect_again_and_again(address: String) -> (Arc<AtomicBool>, JoinHandle<(u32, Vec<String>)>) {
    let done = Arc::new(AtomicBool::new(false));
    let is_done = Arc::clone(&done);
    let clients = std::thread::spawn(move || {
        let (mut connected, mut refused) = (0, Vec::new());
        while !is_done.load(Ordering::Relaxed) {
            match TcpStream::connect(&address) {
                Ok(_) => connected += 1,
                Err(error) => refused.push(error.to_string()),
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        (connected, refused)
    });
    (done, clients)
}

fn kill_supervisor(test_box: &TestBox) {
    signal(test_box.supervisor_pid(), "KILL");
    test_box.await_end();
}

/// Kills every process of the box; the supervisor has no time to start anything again.
fn kill_everything(test_box: &TestBox) {
    let processes = test_box.processes();
    signal(test_box.supervisor_pid(), "STOP");
    processes.iter().for_each(|pid| signal(*pid, "KILL"));
    test_box.await_end();
    wait::until_true("they are dead", || test_box.processes().is_empty());
}

fn unit<'s>(status: &'s BoxStatus, name: &str) -> &'s UnitStatus {
    let found = status.units.iter().find(|unit| unit.name == name);
    found.expect("there is such a unit")
}

/// Goal: a killed supervisor takes nothing with it, and the next one replaces the workers one by
/// one under the same addresses, without a sequence that goes back or a client that is refused.
/// Method: a viewer and a loop of connects over the kill, the time without a supervisor, the new
/// start and every replacement.
#[test]
fn killed_supervisor_is_succeeded_without_a_gap() {
    let test_box = TestBox::start("adopt");
    let before = test_box.status();
    let old = test_box.processes();
    let viewer = watch(&before.http);
    let (done, clients) = connect_again_and_again(before.http.clone());
    let newest = follow(&viewer, 0, 10);

    kill_supervisor(&test_box);
    let newest = follow(&viewer, newest, newest + 30);
    test_box.spawn();

    let after = wait::until("every worker is replaced", || {
        let status = test_box.try_status()?;
        let missing = status.units.iter().filter(|u| u.state != UnitState::Ready);
        assert!(missing.count() <= 1, "missing at once: {:?}", status.units);
        let is_new = |name: &&str| {
            let (old, new) = (unit(&before, name), unit(&status, name));
            let is_next = new.generation == old.generation + 1 && new.pid != old.pid;
            is_next && new.state == UnitState::Ready
        };
        UNITS.iter().all(is_new).then_some(status)
    });
    assert_eq!((&after.http, &after.wire), (&before.http, &before.wire));
    // The viewer's connection ended with its gateway; it saw nothing go back until then.
    let last = viewer.iter().fold(newest, |newest, seen| {
        assert!(seen > newest, "{seen} came after {newest}");
        seen
    });
    let again = MultipartStream::open(&before.http, "pattern0").part();
    assert!(
        again.sequence >= last,
        "{} came after {last}",
        again.sequence
    );
    done.store(true, Ordering::Relaxed);
    let (connected, refused) = clients.join().expect("the clients' thread ends");
    assert!(
        connected > 10 && refused.is_empty(),
        "{connected} {refused:?}"
    );
    test_box.await_ready();
    assert!(!old.iter().any(|pid| is_running(*pid)), "old processes");
    assert_eq!(test_box.processes().len(), 1 + 3);
    let published = |status| unit(status, UNITS[1]).counters["published"];
    assert!(
        published(&after) > published(&before),
        "counters start anew"
    );
    test_box.stop();
}

/// Goal: if nobody comes back, the workers end and leave no segment.
/// Method: a short grace; after it neither a process nor the name is there.
#[test]
fn workers_that_nobody_adopts_leave_nothing() {
    let test_box = TestBox::builder("abandoned")
        .source("pattern:")
        .config("[restart]\norphan_grace_ms = 300")
        .start();
    let segment = test_box.segment().path();
    kill_supervisor(&test_box);
    wait::until_true("the last worker ends", || test_box.processes().is_empty());
    assert!(!segment.exists(), "the segment is left");
}

/// Goal: sequences go on even if every process was killed at once.
/// Method: SIGKILL of them all, then a new start.
#[test]
fn sequences_go_on_after_everything_was_killed() {
    let test_box = TestBox::start("all_killed");
    let before = test_box.newest("pattern0");
    kill_everything(&test_box);
    test_box.spawn();
    let http = test_box.await_ready().http;
    let first = MultipartStream::open(&http, "pattern0").part().sequence;
    assert!(first > before, "{first} came after {before}");
    assert_eq!(test_box.processes().len(), 1 + 3);
    test_box.stop();
}

/// Goal: a segment that is not what the new supervisor would make is never believed.
/// Method: after a kill of everything, one of other sources, cut off, scribbled; each time the
/// box gets ready, says why it begins anew, and leaves nothing.
#[test]
fn segment_that_does_not_fit_is_replaced() {
    let source = |name: &str| format!("[sources.{name}]\ntype = \"pattern\"");
    for (damage, why) in [
        ("sources", "it has other sources"),
        ("cut", "is not usable: recorded length"),
        ("scribble", "is not usable: layout"),
    ] {
        let test_box = TestBox::builder("misfit").config(&source("one")).start();
        kill_everything(&test_box);
        let path = test_box.segment().path();
        match damage {
            "sources" => {
                let config = test_box.scratch().join("wigwag.toml");
                std::fs::write(config, source("two")).unwrap();
            }
            "cut" => {
                let file = std::fs::File::options().write(true).open(&path).unwrap();
                file.set_len(8192).unwrap();
            }
            _ => {
                let mut bytes = std::fs::read(&path).unwrap();
                bytes[8..64].fill(0xa5);
                std::fs::write(&path, bytes).unwrap();
            }
        }
        test_box.spawn();
        test_box.await_ready();
        assert!(test_box.log().contains(why), "{damage}");
        test_box.stop();
    }
}

/// Goal: a start that fails leaves the workers of the killed supervisor to the next one.
/// Method: the first successor's port is in use, the second's is not; it goes on.
#[test]
fn failed_start_takes_nothing_from_the_next_one() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = |http: &str| format!("[gateway]\nhttp = \"{http}\"\nwire = \"127.0.0.1:0\"");
    let test_box = TestBox::builder("adopt_failed")
        .source("pattern:")
        .without_addresses()
        .config(&config("127.0.0.1:0"))
        .start();
    let before = test_box.newest("pattern0");
    kill_supervisor(&test_box);
    let path = test_box.scratch().join("wigwag.toml");
    std::fs::write(&path, config(&taken.local_addr().unwrap().to_string())).unwrap();
    test_box.spawn();
    assert_eq!(test_box.await_end().code(), Some(69));
    std::fs::write(&path, config("127.0.0.1:0")).unwrap();
    test_box.spawn();
    test_box.await_ready();
    assert!(test_box.newest("pattern0") > before, "it began anew");
    test_box.stop();
}

/// Goal: a host that stood still restarts nobody.
/// Method: SIGSTOP of every process of the box for several times the watchdog's limit, then
/// SIGCONT of all; pids and generations are the same once the viewer has gone on.
#[test]
fn host_that_stands_still_restarts_nobody() {
    let test_box = TestBox::builder("standstill")
        .source("pattern:")
        .config("[watchdog]\ncapture_ms = 1000\ninfer_ms = 2000\ngateway_ms = 1000")
        .start();
    let viewer = watch(&test_box.http());
    let newest = follow(&viewer, 0, 5);
    let facts = || {
        let units = test_box.status().units.into_iter();
        let facts = units.map(|unit| (unit.name, unit.pid, unit.generation));
        facts.collect::<Vec<_>>()
    };
    let before = facts();
    // The one that blames goes on first, when everybody else is still silent.
    let supervisor = test_box.supervisor_pid();
    let mut processes = test_box.processes();
    processes.sort_by_key(|pid| *pid != supervisor);

    processes.iter().for_each(|pid| signal(*pid, "STOP"));
    // How long the host stands still is what is tested.
    std::thread::sleep(Duration::from_secs(5));
    processes.iter().for_each(|pid| signal(*pid, "CONT"));

    test_box.await_log("the supervisor stood still for a while");
    follow(&viewer, newest, test_box.newest("pattern0") + 30);
    assert_eq!(facts(), before);
    test_box.stop();
}
