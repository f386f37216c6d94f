//! Kill -9, or a hang, of any worker: the others go on, viewers stay connected, the successor
//! carries on where its predecessor was, and nothing is leaked.

use shm_layout::control::UnitState;
use std::sync::mpsc::{Receiver, channel};
use wigwag_tests::TestBox;
use wigwag_tests::client::events::EventStream;
use wigwag_tests::client::http;
use wigwag_tests::client::multipart::MultipartStream;
use wigwag_tests::process::signal;
use wigwag_tests::random::Random;
use wigwag_tests::wait;

/// Sources of these boxes: one whose frames are made, one whose frames are read from a file.
const SOURCES: [&str; 2] = ["pattern0", "clip0"];

fn two_sources(name: &str) -> TestBox {
    TestBox::builder(name)
        .source("pattern:")
        .source("clip:")
        .start()
}

/// A viewer in a thread of its own: the sequence of each frame that it sees over one connection.
/// The channel ends with the connection.
fn watch(test_box: &TestBox, source: &str) -> Receiver<u64> {
    let mut stream = MultipartStream::open(&test_box.http(), source);
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

/// The same for the predictions of a source: (sequence, generation of the infer-worker).
fn watch_predictions(test_box: &TestBox, source: &str) -> Receiver<(u64, u64)> {
    let path = format!("/api/v1/events?source={source}&only=predictions");
    let mut stream = EventStream::open(&test_box.http(), &path);
    let (seen, predictions) = channel();
    std::thread::spawn(move || {
        while let Some(event) = stream.next_event() {
            let number = |name: &str| event.data[name].as_u64().unwrap();
            if seen
                .send((number("sequence"), number("generation")))
                .is_err()
            {
                return;
            }
        }
    });
    predictions
}

/// Reads on until `enough`, and makes sure that the sequence only ever rises.
#[track_caller]
fn follow<T: Copy>(
    viewer: &Receiver<T>,
    sequence: impl Fn(T) -> u64,
    newest: &mut u64,
    enough: impl Fn(T) -> bool,
) {
    loop {
        let seen = viewer
            .recv_timeout(wait::DEADLINE)
            .expect("the viewer stays connected");
        assert!(
            sequence(seen) > *newest,
            "{} came after {newest}",
            sequence(seen)
        );
        *newest = sequence(seen);
        if enough(seen) {
            return;
        }
    }
}

/// Process ids and generations of all units but one.
fn others(test_box: &TestBox, killed: &str) -> Vec<(String, Option<u32>, u64)> {
    let units = test_box.status().units.into_iter();
    units
        .filter(|unit| unit.name != killed)
        .map(|unit| (unit.name, unit.pid, unit.generation))
        .collect()
}

/// Goal: a killed capture-worker costs its viewers a moment, not their connection.
/// Method: kill the one and then the other source's worker under a viewer of each; both viewers
/// see the sequence go on beyond where it was when the successor got ready, and nobody else was
/// restarted.
#[test]
fn viewers_stay_connected_over_a_killed_capture_worker() {
    let test_box = two_sources("kill_capture");
    let viewers = SOURCES.map(|source| watch(&test_box, source));
    let mut newest = [0; 2];
    for source in SOURCES {
        let name = format!("capture/{source}");
        let victim = test_box.unit(&name);
        let bystanders = others(&test_box, &name);

        signal(victim.pid.unwrap(), "KILL");

        let heir = test_box.await_successor(&name, victim.generation);
        assert_ne!(heir.pid, victim.pid);
        assert_eq!(heir.generation, victim.generation + 1);
        assert_eq!(heir.restarts, victim.restarts + 1);
        assert_eq!(heir.last_death.as_deref(), Some("SIGKILL"));
        assert_eq!(others(&test_box, &name), bystanders);
        for (index, watched) in SOURCES.into_iter().enumerate() {
            let now = test_box.newest(watched);
            follow(
                &viewers[index],
                |seq| seq,
                &mut newest[index],
                |seq| seq > now + 5,
            );
        }
    }
    test_box.stop();
}

/// Goal: a killed infer-worker costs predictions for a moment, and no viewer anything.
/// Method: kill it under a viewer and a reader of events; the same connections go on, predictions
/// come from the next generation, and none comes twice or goes back.
#[test]
fn predictions_go_on_over_a_killed_infer_worker() {
    let test_box = two_sources("kill_infer");
    let viewer = watch(&test_box, SOURCES[0]);
    let reader = watch_predictions(&test_box, SOURCES[0]);
    let (mut frame, mut predicted) = (0, 0);
    follow(&reader, |seen| seen.0, &mut predicted, |_| true);
    let victim = test_box.unit("infer/0");
    let bystanders = others(&test_box, "infer/0");

    signal(victim.pid.unwrap(), "KILL");

    let heir = test_box.await_successor("infer/0", victim.generation);
    assert_ne!(heir.pid, victim.pid);
    assert_eq!(others(&test_box, "infer/0"), bystanders);
    let successor = |seen: (u64, u64)| seen.1 == heir.generation;
    follow(&reader, |seen| seen.0, &mut predicted, successor);
    let now = test_box.newest(SOURCES[0]);
    follow(
        &viewer,
        |sequence| sequence,
        &mut frame,
        |sequence| sequence > now,
    );
    test_box.stop();
}

/// Goal: a killed gateway is back before a client that comes meanwhile is refused, and neither
/// cameras nor inference notice.
/// Method: kill it and ask at once, again and again until the successor is ready: no connection is
/// refused. A viewer that connects again goes on at a later frame.
#[test]
fn clients_find_the_gateway_again_after_it_was_killed() {
    let test_box = two_sources("kill_gateway");
    let address = test_box.http();
    let before = MultipartStream::open(&address, SOURCES[0]).part().sequence;
    let victim = test_box.unit("gateway");
    let bystanders = others(&test_box, "gateway");

    signal(victim.pid.unwrap(), "KILL");

    wait::until_true("the next generation answers", || {
        match http::try_get(&address, "/api/v1/status") {
            Ok(reply) if reply.status == 200 => {
                let status = reply.json();
                let units = status["units"].as_array().unwrap();
                let gateway = units.iter().find(|unit| unit["name"] == "gateway").unwrap();
                gateway["generation"].as_u64() > Some(victim.generation)
            }
            Ok(_) => false,
            // A connection of the dead one may break, but somebody always listens.
            Err(ureq::Error::Io(error)) => {
                assert_ne!(error.kind(), std::io::ErrorKind::ConnectionRefused);
                false
            }
            Err(error) => panic!("{error}"),
        }
    });
    assert_eq!(others(&test_box, "gateway"), bystanders);
    assert!(MultipartStream::open(&address, SOURCES[0]).part().sequence > before);
    test_box.stop();
}

/// Goal: kills at any moment, one after the other, leak nothing and never turn a sequence back.
/// Method: 20 kills of a random worker, each as soon as the one before is ready again, under
/// viewers that stay connected as long as the gateway lives; then a stop that leaves nothing.
#[test]
fn twenty_kills_in_a_row_leak_nothing() {
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let test_box = TestBox::builder("kill_storm")
        .source("pattern:320x240@60")
        .config("[restart]\nlimit = 1000\nbackoff_min_ms = 0")
        .start();
    let mut viewer = watch(&test_box, "pattern0");
    let mut newest = 0;
    for _ in 0..20 {
        let name = ["capture/pattern0", "infer/0", "gateway"][random.below(3) as usize];
        let victim = test_box.unit(name);
        signal(victim.pid.unwrap(), "KILL");
        test_box.await_successor(name, victim.generation);
        if name == "gateway" {
            viewer = watch(&test_box, "pattern0");
        }
        let now = test_box.newest("pattern0");
        follow(
            &viewer,
            |sequence| sequence,
            &mut newest,
            |sequence| sequence > now,
        );
    }
    test_box.await_ready();
    assert_eq!(
        test_box.processes().len(),
        1 + 3,
        "the supervisor and three workers"
    );
    test_box.stop();
}

/// Goal: a worker that hangs is noticed and replaced, whichever it is.
/// Method: stop all three at once; each is succeeded, and the box gets ready again.
#[test]
fn hung_workers_are_replaced() {
    let test_box = TestBox::builder("hang")
        .source("pattern:")
        .config("[watchdog]\ncapture_ms = 500\ninfer_ms = 1000\ngateway_ms = 500")
        .start();
    let victims = ["capture/pattern0", "infer/0", "gateway"].map(|name| test_box.unit(name));

    for victim in &victims {
        signal(victim.pid.unwrap(), "STOP");
    }

    for victim in &victims {
        let heir = test_box.await_successor(&victim.name, victim.generation);
        assert_ne!(heir.pid, victim.pid);
        assert!(heir.last_death.is_some());
    }
    test_box.await_ready();
    test_box.stop();
}

/// Goal: a unit that keeps dying is given up, in plain sight, and everything else goes on.
/// Method: allow two deaths and kill the infer-worker until it is `failed`; `/readyz` names it,
/// the viewer's sequence goes on, and `restart` brings it back.
#[test]
fn unit_that_keeps_dying_is_given_up_and_the_others_go_on() {
    let test_box = TestBox::builder("give_up")
        .source("pattern:")
        .config("[restart]\nlimit = 2\nbackoff_min_ms = 0\nretry_s = 3600")
        .start();
    let viewer = watch(&test_box, "pattern0");
    let failed = wait::until("infer/0 is given up", || {
        let unit = test_box.unit("infer/0");
        match (unit.state, unit.pid) {
            (UnitState::Failed, _) => return Some(unit),
            (UnitState::Ready, Some(pid)) => signal(pid, "KILL"),
            _ => {}
        }
        // Only one death for each generation.
        test_box.await_unit("infer/0 moves on", |now| {
            now.name == unit.name && (now.generation, now.state) != (unit.generation, unit.state)
        });
        None
    });
    assert!(
        failed.retry_in_ms.is_some(),
        "it is not said when it is tried again"
    );
    // The supervisor knows first; the gateway is told a moment later.
    let reply = wait::until("/readyz says that something is missing", || {
        let reply = test_box.http_get("/readyz");
        (reply.status == 503).then_some(reply)
    });
    assert!(reply.text().contains("infer/0"), "{}", reply.text());
    let now = test_box.newest("pattern0");
    follow(
        &viewer,
        |sequence| sequence,
        &mut 0,
        |sequence| sequence > now + 5,
    );

    let output = test_box.run(&["restart", "infer/0"]);

    assert!(output.status.success(), "{output:?}");
    test_box.await_ready();
    test_box.stop();
}
