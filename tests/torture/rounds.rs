//! One round of torture: whom to strike and how, and how it is seen that each is back.
//!
//! Back means what its users need: of a capture-worker the next frame, of the gateway an answer, of
//! an infer-worker a successor that is ready, of the supervisor an answer to `status`.

use crate::SOURCES;
use crate::figures::Figures;
use crate::watch::Watch;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shm_layout::Segment;
use shm_layout::control::UnitState;
use std::time::{Duration, Instant};
use wigwag_tests::TestBox;
use wigwag_tests::client::http;
use wigwag_tests::process::is_running;
use wigwag_tests::random::Random;
use wigwag_tests::wait;

/// The units of the tortured box.
pub(super) const UNITS: [&str; 5] = [
    "capture/small",
    "capture/large",
    "infer/0",
    "infer/1",
    "gateway",
];
/// One round in so many strikes the supervisor.
const ROUNDS_PER_SUPERVISOR: u64 = 20;
/// One strike in so many stops instead of kills.
const STRIKES_PER_STOP: u64 = 12;
/// Most units struck in one round.
const VICTIMS_MAX: u64 = 3;
/// Longest pause before a round, so that a strike may come at any moment of a restart.
const PAUSE_MAX_US: u64 = 400_000;
/// Pause between two looks at whether a victim is back.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// One unit that was struck and is not back yet.
struct Victim {
    unit: &'static str,
    pid: u32,
    generation: u64,
    signal: &'static str,
    struck: Instant,
    /// Newest frame once the old process was gone.
    newest: Option<u64>,
}

/// Strikes the units of one box.
pub(super) struct Rounds<'b> {
    test_box: &'b TestBox,
    segment: &'b Segment,
    watch: &'b Watch,
    random: Random,
    http: String,
    /// Ring of each of [`SOURCES`].
    rings: Vec<usize>,
}

impl<'b> Rounds<'b> {
    pub(super) fn new(
        test_box: &'b TestBox,
        segment: &'b Segment,
        watch: &'b Watch,
        random: Random,
    ) -> Self {
        let status = test_box.status();
        let ring = |name: &&str| status.sources.iter().position(|found| found.name == *name);
        Self {
            test_box,
            segment,
            watch,
            random,
            rings: SOURCES.iter().map(|name| ring(name).unwrap()).collect(),
            http: status.http,
        }
    }

    /// One round; whether it struck the supervisor, so that there is another one now.
    pub(super) fn run(&mut self, figures: &mut Figures) -> bool {
        // Not to be safe: to strike at any moment.
        std::thread::sleep(Duration::from_micros(self.random.below(PAUSE_MAX_US)));
        if self.random.below(ROUNDS_PER_SUPERVISOR) == 0 {
            self.strike_supervisor(figures);
            return true;
        }
        let first = self.random.below(UNITS.len() as u64);
        let count = 1 + self.random.below(VICTIMS_MAX);
        let victims = (first..first + count)
            .map(|index| UNITS[index as usize % UNITS.len()])
            .filter_map(|unit| self.strike(unit))
            .collect();
        self.await_back(victims, figures);
        if self.random.below(2) == 0 {
            self.await_quiet();
        }
        false
    }

    /// Everything serves again: all units ready, frames and predictions of both sources go on.
    #[track_caller]
    pub(super) fn await_quiet(&self) {
        self.test_box.await_ready();
        for (ring, source) in self.rings.iter().zip(SOURCES) {
            let newest = self.segment.newest(*ring);
            wait::until_true(&format!("frames of {source} go on"), || {
                self.segment.newest(*ring) > newest
            });
            let slot = self.segment.predictions(*ring).unwrap();
            wait::until_true(&format!("predictions of {source} go on"), || {
                slot.latest().is_some_and(|found| found.sequence.0 > newest)
            });
        }
    }

    /// Strikes a unit if it has a process just now.
    fn strike(&mut self, unit: &'static str) -> Option<Victim> {
        let status = self.test_box.status();
        let found = status.units.into_iter().find(|found| found.name == unit);
        let (found, signal) = (found.unwrap(), self.signal());
        let pid = found
            .pid
            .filter(|pid| self.test_box.processes().contains(pid))?;
        let struck = Instant::now();
        send(pid, signal)?;
        Some(Victim {
            unit,
            pid,
            generation: found.generation,
            signal,
            struck,
            newest: None,
        })
    }

    fn signal(&mut self) -> &'static str {
        if self.random.below(STRIKES_PER_STOP) == 0 {
            "STOP"
        } else {
            "KILL"
        }
    }

    #[track_caller]
    fn await_back(&self, mut victims: Vec<Victim>, figures: &mut Figures) {
        let started = Instant::now();
        while !victims.is_empty() {
            victims.retain_mut(|victim| {
                let is_back = self.is_back(victim);
                if is_back {
                    figures.note(victim.unit, victim.signal, victim.struck.elapsed());
                }
                !is_back
            });
            let missing: Vec<&str> = victims.iter().map(|victim| victim.unit).collect();
            assert!(started.elapsed() < wait::DEADLINE, "not back: {missing:?}");
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn is_back(&self, victim: &mut Victim) -> bool {
        if is_running(victim.pid) {
            return false;
        }
        match victim.unit.split_once('/') {
            Some(("capture", source)) => {
                let index = SOURCES.iter().position(|name| *name == source).unwrap();
                let newest = self.segment.newest(self.rings[index]);
                newest > *victim.newest.get_or_insert(newest)
            }
            Some(_) => self.test_box.status().units.iter().any(|unit| {
                unit.name == victim.unit
                    && unit.generation > victim.generation
                    && unit.state == UnitState::Ready
            }),
            None => http::try_get(&self.http, "/healthz").is_ok_and(|reply| reply.status == 200),
        }
    }

    /// SIGKILL of the supervisor, half of the time of a worker too while there is none, then a new
    /// start, as systemd would do it. It replaces every worker; that must not end anything else.
    fn strike_supervisor(&mut self, figures: &mut Figures) {
        let before = self.test_box.await_ready();
        let struck = Instant::now();
        send(self.test_box.supervisor_pid(), "KILL").expect("the supervisor is there");
        self.test_box.await_end();
        let newest = self.segment.newest(self.rings[0]);
        if self.random.below(2) == 0 {
            let index = self.random.below(before.units.len() as u64) as usize;
            let pid = before.units[index].pid.unwrap();
            if self.test_box.processes().contains(&pid) {
                self.watch.may_refuse(before.units[index].name == "gateway");
                send(pid, "KILL");
            }
        } else {
            wait::until_true("frames go on without a supervisor", || {
                self.segment.newest(self.rings[0]) > newest
            });
        }
        self.test_box.spawn();
        wait::until("the next supervisor answers", || self.test_box.try_status());
        self.watch.may_refuse(false);
        figures.note("supervisor", "KILL", struck.elapsed());
        self.test_box
            .await_status("every worker is replaced", |status| {
                let is_replaced = |unit: &&shm_layout::control::UnitStatus| {
                    unit.state == UnitState::Ready
                        && before
                            .units
                            .iter()
                            .any(|old| old.name == unit.name && unit.generation > old.generation)
                };
                (status.units.iter().filter(is_replaced).count() == UNITS.len()).then_some(())
            });
        self.await_quiet();
        assert!(
            self.segment.newest(self.rings[0]) > newest,
            "the next supervisor made another segment"
        );
    }
}

/// `None` if the process is gone already.
fn send(pid: u32, signal: &str) -> Option<()> {
    let signal = match signal {
        "STOP" => Signal::SIGSTOP,
        _ => Signal::SIGKILL,
    };
    kill(Pid::from_raw(i32::try_from(pid).ok()?), signal).ok()
}
