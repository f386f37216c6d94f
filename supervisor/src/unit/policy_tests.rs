//! Tests of the restart policy: the cases by name, then storms of random events in virtual time.

use super::*;
use nix::sys::signal::Signal;
use proptest::prelude::*;

const KILLED: Event = Event::Died(Death::Killed {
    signal: Signal::SIGKILL,
    core_dumped: false,
});

fn at(ms: u64) -> MonotonicNs {
    MonotonicNs(ms * 1_000_000)
}

fn policy() -> Policy {
    Policy::new(&Restart::default(), Duration::from_secs(5))
}

/// A policy with a virtual clock in milliseconds.
struct Clocked {
    policy: Policy,
    now_ms: u64,
}

impl Clocked {
    fn started() -> Self {
        let mut clocked = Self {
            policy: policy(),
            now_ms: 1_000,
        };
        assert_eq!(clocked.event(Event::Start), Action::Spawn);
        clocked
    }

    fn event(&mut self, event: Event) -> Action {
        self.policy.on_event(event, at(self.now_ms), Jitter::NONE)
    }

    fn after(&mut self, ms: u64, event: Event) -> Action {
        self.now_ms += ms;
        self.event(event)
    }

    /// Ticks until something happens, and says after how many ms.
    fn wait(&mut self) -> (u64, Action) {
        for ms in 1..200_000 {
            let action = self.after(1, Event::Tick);
            if action != Action::None {
                return (ms, action);
            }
        }
        panic!("nothing happens any more in {:?}", self.policy.state());
    }
}

#[test]
fn first_restart_is_immediate_then_waits_double_up_to_the_maximum() {
    let mut unit = Clocked::started();
    assert_eq!(unit.after(1, KILLED), Action::Spawn);
    for expected_ms in [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000] {
        assert_eq!(unit.after(1, KILLED), Action::None);
        assert_eq!(unit.wait(), (expected_ms, Action::Spawn));
    }
}

#[test]
fn healthy_time_starts_the_waits_over() {
    let mut unit = Clocked::started();
    unit.after(1, KILLED);
    unit.after(1, KILLED);
    assert_eq!(unit.wait(), (100, Action::Spawn));
    unit.after(10, Event::Ready);
    assert_eq!(
        unit.after(29_999, KILLED),
        Action::None,
        "one ms short of healthy"
    );
    assert_eq!(unit.wait(), (200, Action::Spawn));
    unit.after(10, Event::Ready);
    assert_eq!(unit.after(30_000, KILLED), Action::Spawn);
}

#[test]
fn too_many_deaths_in_the_window_give_up_with_a_slow_retry() {
    let mut unit = Clocked::started();
    let mut deaths = 0;
    while !matches!(unit.policy.state(), State::Failed { .. }) {
        deaths += 1;
        if unit.after(1, KILLED) != Action::Spawn
            && matches!(unit.policy.state(), State::Backoff { .. })
        {
            unit.wait();
        }
    }
    assert_eq!(deaths, 11, "the limit of 10 and one more");
    assert_eq!(unit.wait(), (60_000, Action::Spawn));
    assert_eq!(
        unit.after(1, KILLED),
        Action::None,
        "the retry has one chance only"
    );
    assert!(matches!(
        unit.policy.state(),
        State::Failed { retry_at: Some(_) }
    ));
    assert_eq!(unit.wait(), (60_000, Action::Spawn));
    unit.after(5, Event::Ready);
    unit.after(30_000, Event::Tick);
    assert_eq!(
        unit.after(1, KILLED),
        Action::Spawn,
        "healthy again: all is forgotten"
    );
}

#[test]
fn deaths_further_apart_than_the_window_never_give_up() {
    let mut unit = Clocked::started();
    for _ in 0..100 {
        unit.event(Event::Ready);
        if unit.after(7_000, KILLED) == Action::None {
            assert!(matches!(unit.policy.state(), State::Backoff { .. }));
            assert_eq!(unit.wait().1, Action::Spawn);
        }
    }
}

#[test]
fn permanent_exit_is_not_tried_again_until_asked() {
    for code in [64, 76, 78] {
        let mut unit = Clocked::started();
        assert_eq!(
            unit.after(1, Event::Died(Death::Exited(code))),
            Action::None
        );
        assert_eq!(unit.policy.state(), State::Failed { retry_at: None });
        assert_eq!(unit.after(10_000_000, Event::Tick), Action::None);
        assert_eq!(unit.after(1, Event::Restart), Action::Spawn);
    }
}

#[test]
fn unasked_clean_exit_counts_as_a_death() {
    let mut unit = Clocked::started();
    unit.event(Event::Ready);
    assert_eq!(unit.after(1, Event::Died(Death::Exited(0))), Action::Spawn);
    assert_eq!(unit.after(1, Event::Died(Death::Exited(0))), Action::None);
    assert_eq!(unit.wait(), (100, Action::Spawn));
}

#[test]
fn stalled_process_is_aborted_then_killed_and_its_death_counts() {
    let mut unit = Clocked::started();
    unit.event(Event::Ready);
    assert_eq!(unit.after(1, Event::Stalled), Action::Abort);
    assert_eq!(
        unit.after(1, Event::Stalled),
        Action::None,
        "once is enough"
    );
    assert_eq!(unit.wait(), (1_999, Action::Kill));
    assert_eq!(unit.after(1, KILLED), Action::Spawn);
    unit.after(1, Event::Stalled);
    assert_eq!(unit.after(1, KILLED), Action::None);
    assert_eq!(unit.wait(), (100, Action::Spawn));
}

#[test]
fn stop_drains_then_kills_at_the_deadline_and_stays_down() {
    let mut unit = Clocked::started();
    unit.event(Event::Ready);
    assert_eq!(unit.event(Event::Stop), Action::Drain);
    assert_eq!(unit.wait(), (5_000, Action::Kill));
    assert_eq!(unit.event(KILLED), Action::None);
    assert_eq!(unit.policy.state(), State::Down);
    assert_eq!(unit.after(1_000_000, Event::Tick), Action::None);
}

#[test]
fn stop_while_waiting_to_restart_ends_the_wait() {
    let mut unit = Clocked::started();
    unit.after(1, KILLED);
    unit.after(1, KILLED);
    assert!(matches!(unit.policy.state(), State::Backoff { .. }));
    assert_eq!(unit.event(Event::Stop), Action::None);
    assert_eq!(unit.policy.state(), State::Down);
}

#[test]
fn retired_unit_goes_on_but_is_not_started_again() {
    let mut unit = Clocked::started();
    unit.event(Event::Ready);
    assert_eq!(unit.event(Event::Retire), Action::None);
    assert!(matches!(unit.policy.state(), State::Ready { .. }));
    assert_eq!(unit.after(1, KILLED), Action::None);
    assert_eq!(unit.policy.state(), State::Down);
    assert_eq!(unit.after(100_000, Event::Tick), Action::None);
    let mut waiting = Clocked::started();
    waiting.after(1, KILLED);
    waiting.after(1, KILLED);
    assert_eq!(waiting.event(Event::Retire), Action::None);
    assert_eq!(waiting.policy.state(), State::Down);
    let mut replaced = Clocked::started();
    assert_eq!(replaced.event(Event::Restart), Action::Drain);
    replaced.event(Event::Retire);
    assert_eq!(
        replaced.after(1, Event::Died(Death::Exited(0))),
        Action::None
    );
    assert_eq!(replaced.policy.state(), State::Down);
}

#[test]
fn asked_restart_drains_and_starts_without_counting_a_death() {
    let mut unit = Clocked::started();
    for _ in 0..100 {
        unit.after(1, Event::Ready);
        assert_eq!(unit.after(1, Event::Restart), Action::Drain);
        assert_eq!(unit.after(1, Event::Died(Death::Exited(0))), Action::Spawn);
    }
}

fn events() -> impl Strategy<Value = Vec<(Event, u64, u64)>> {
    let death = prop_oneof![
        6 => Just(Death::Killed { signal: Signal::SIGSEGV, core_dumped: true }),
        2 => Just(Death::Exited(69)),
        1 => Just(Death::Exited(0)),
        1 => Just(Death::Exited(78)),
        1 => Just(Death::NotStarted),
    ];
    let event = prop_oneof![
        1 => Just(Event::Start),
        4 => Just(Event::Ready),
        6 => death.prop_map(Event::Died),
        1 => Just(Event::Stalled),
        1 => Just(Event::Stop),
        1 => Just(Event::Retire),
        1 => Just(Event::Restart),
        8 => Just(Event::Tick),
    ];
    let step_ms = prop_oneof![0..10_u64, 90..110_u64, 1_000..8_000_u64, 29_000..90_000_u64];
    prop::collection::vec((event, step_ms, any::<u64>()), 1..400)
}

/// What the shell around the policy knows: whether a process runs.
#[derive(Default)]
struct Shell {
    runs: bool,
    spawns: Vec<u64>,
}

impl Shell {
    fn carry_out(&mut self, action: Action, now_ms: u64) {
        if action == Action::Spawn {
            assert!(!self.runs, "a second process of the same unit");
            self.runs = true;
            self.spawns.push(now_ms);
        }
        if matches!(action, Action::Drain | Action::Abort | Action::Kill) {
            assert!(self.runs, "{action:?} without a process");
        }
    }
}

proptest! {
    /// Whatever happens: never two processes, never a signal to none, and a state that agrees.
    #[test]
    fn state_and_process_always_agree(events in events()) {
        let mut policy = policy();
        let mut shell = Shell::default();
        let mut now_ms = 1_000;
        for (event, step_ms, random) in events {
            now_ms += step_ms;
            // A process can only say something, or die, while it runs.
            let needs_process = matches!(event, Event::Ready | Event::Died(_) | Event::Stalled);
            if needs_process && !shell.runs {
                continue;
            }
            if matches!(event, Event::Died(_)) {
                shell.runs = false;
            }
            let action = policy.on_event(event, at(now_ms), Jitter::from_random(random));
            shell.carry_out(action, now_ms);
            let has_process = matches!(
                policy.state(),
                State::Starting { .. } | State::Ready { .. } | State::Stopping { .. }
            );
            prop_assert_eq!(has_process, shell.runs, "{:?}", policy.state());
        }
    }

    /// A unit that dies whenever it can is started at most limit + 1 times in any window.
    #[test]
    fn storm_of_deaths_is_bounded(lives_ms in prop::collection::vec(0..3_000_u64, 1..300),
                                  random in any::<u64>()) {
        let limits = Restart::default();
        let mut policy = policy();
        let mut shell = Shell::default();
        let mut now_ms = 1_000;
        shell.carry_out(policy.on_event(Event::Start, at(now_ms), Jitter::NONE), now_ms);
        for life_ms in lives_ms {
            while !shell.runs {
                now_ms += 100;
                let action = policy.on_event(Event::Tick, at(now_ms), Jitter::NONE);
                shell.carry_out(action, now_ms);
            }
            policy.on_event(Event::Ready, at(now_ms), Jitter::NONE);
            now_ms += life_ms;
            shell.runs = false;
            let action = policy.on_event(KILLED, at(now_ms), Jitter::from_random(random));
            shell.carry_out(action, now_ms);
        }
        let window_ms = limits.window_s * 1_000;
        for (index, start) in shell.spawns.iter().enumerate() {
            let within = shell.spawns[index..].iter().take_while(|s| **s - start < window_ms);
            prop_assert!(within.count() <= limits.limit as usize + 2);
        }
    }

    /// A unit that somebody wants always comes back by itself, unless its exit said never.
    #[test]
    fn wanted_unit_always_comes_back(events in events()) {
        let mut policy = policy();
        let mut now_ms = 1_000;
        policy.on_event(Event::Start, at(now_ms), Jitter::NONE);
        for (event, step_ms, random) in events {
            now_ms += step_ms;
            if !matches!(event, Event::Stop | Event::Retire | Event::Died(Death::Exited(78))) {
                policy.on_event(event, at(now_ms), Jitter::from_random(random));
            }
        }
        let waits = matches!(policy.state(), State::Backoff { .. } | State::Failed { .. });
        if waits {
            let action = policy.on_event(Event::Tick, at(now_ms + 72_001), Jitter::NONE);
            prop_assert_eq!(action, Action::Spawn, "{:?}", policy.state());
        }
    }
}
