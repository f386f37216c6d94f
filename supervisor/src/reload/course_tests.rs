//! Every course of a reload under virtual time: it ends, as a whole or not at all.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

const TRIAL: Duration = Duration::from_secs(30);

fn at(s: u64) -> MonotonicNs {
    MonotonicNs(s * 1_000_000_000)
}

fn serves(_: usize) -> Standing {
    Standing::Serves
}

fn pending(_: usize) -> Standing {
    Standing::Pending
}

fn failed(unit: usize) -> impl Fn(usize) -> Standing {
    move |other| {
        if other == unit {
            Standing::Failed("it died".to_owned())
        } else {
            Standing::Serves
        }
    }
}

fn reverts(units: &[usize]) -> Vec<Action> {
    units.iter().copied().map(Action::Revert).collect()
}

#[test]
fn first_worker_tries_a_new_model_alone_and_the_rest_follows() {
    let (mut course, actions) = Course::start(&[1, 2], &[0, 3], TRIAL);
    assert_eq!(actions, [Action::Change(1)]);
    assert_eq!(course.step(at(1), pending), []);
    assert_eq!(course.phase(), &Phase::Trial { until: None });
    assert_eq!(course.step(at(2), serves), []);
    assert_eq!(course.step(at(31), serves), [], "the trial runs");
    assert_eq!(course.step(at(32), pending), [], "it may be hanging");
    let others = [2, 0, 3].map(Action::Change);
    assert_eq!(course.step(at(33), serves), others);
    assert_eq!(course.step(at(34), pending), []);
    assert!(!course.is_over());
    assert_eq!(course.step(at(35), serves), []);
    assert_eq!(course.phase(), &Phase::Applied);
}

#[test]
fn without_a_new_model_nothing_is_tried() {
    let (mut course, actions) = Course::start(&[], &[0, 3], TRIAL);
    assert_eq!(actions, [0, 3].map(Action::Change));
    assert_eq!(course.step(at(1), serves), []);
    assert_eq!(course.phase(), &Phase::Applied);
    let (mut course, actions) = Course::start(&[], &[], TRIAL);
    assert_eq!(actions, []);
    course.step(at(1), serves);
    assert_eq!(course.phase(), &Phase::Applied, "nothing takes a process");
}

#[test]
fn no_trial_time_means_to_get_ready_only() {
    let (mut course, _) = Course::start(&[1], &[], Duration::ZERO);
    assert_eq!(course.step(at(1), pending), []);
    assert_eq!(course.step(at(2), serves), []);
    assert_eq!(course.phase(), &Phase::Applied);
}

#[test]
fn failure_in_the_trial_touches_nobody_else() {
    let (mut course, _) = Course::start(&[1, 2], &[0, 3], TRIAL);
    course.step(at(1), serves);
    assert_eq!(course.step(at(2), failed(1)), reverts(&[1]));
    assert_eq!(course.problem(), Some("it died"));
    assert_eq!(course.step(at(3), pending), []);
    assert_eq!(course.phase(), &Phase::Reverting);
    assert_eq!(course.step(at(4), serves), []);
    assert_eq!(course.phase(), &Phase::Reverted);
    assert!(course.stuck().is_empty());
}

#[test]
fn failure_of_anyone_takes_everything_back() {
    for unit in [0, 1, 2, 3] {
        let (mut course, _) = Course::start(&[1, 2], &[0, 3], Duration::ZERO);
        course.step(at(1), serves);
        let back = course.step(at(2), failed(unit));
        assert_eq!(back, reverts(&[1, 2, 0, 3]), "{unit}");
        course.step(at(3), failed(3));
        assert_eq!(course.phase(), &Phase::Reverted);
        assert_eq!(
            course.stuck(),
            [(3, "it died".to_owned())],
            "said, not hidden"
        );
    }
}

proptest! {
    /// Whatever units do: what was changed is in force or brought back, each is told once, and the
    /// course ends once nobody is pending any more.
    #[test]
    fn course_ends_as_a_whole_or_not_at_all(
        infer in 0..4_usize,
        others in 0..3_usize,
        trial_s in 0..3_u64,
        steps in proptest::collection::vec(proptest::collection::vec(0..8_u8, 6), 0..12),
    ) {
        let (infer, others): (Vec<_>, Vec<_>) =
            ((0..infer).collect(), (infer..infer + others).collect());
        let all: BTreeSet<usize> = infer.iter().chain(&others).copied().collect();
        let (mut course, mut actions) =
            Course::start(&infer, &others, Duration::from_secs(trial_s));
        let (mut changed, mut reverted) = (BTreeSet::new(), BTreeSet::new());
        let calm = std::iter::repeat_n(vec![7; 6], 8);
        for (now, units) in steps.into_iter().chain(calm).enumerate() {
            for action in actions {
                let (Action::Change(unit) | Action::Revert(unit)) = action;
                let told = match action {
                    Action::Change(_) => &mut changed,
                    Action::Revert(_) => &mut reverted,
                };
                prop_assert!(told.insert(unit), "{action:?} twice");
            }
            let was_over = course.is_over();
            actions = course.step(at(now as u64), |unit| match units[unit] {
                0 => Standing::Failed("it died".to_owned()),
                1..4 => Standing::Pending,
                _ => Standing::Serves,
            });
            prop_assert!(!was_over || actions.is_empty(), "it goes on after its end");
        }
        match course.phase() {
            Phase::Applied => {
                prop_assert_eq!(changed, all);
                prop_assert!(reverted.is_empty());
            }
            Phase::Reverted => {
                prop_assert_eq!(&reverted, &changed);
                prop_assert!(course.problem().is_some());
            }
            phase => prop_assert!(false, "it hangs in {phase:?}"),
        }
    }
}
