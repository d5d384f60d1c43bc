//! A new policy beside the old one: gain -1 beside gain 1, ten ticks in shadow, twenty on trial.

use super::*;
use crate::protocol::Policies;

const PROBATION: TrialLength = TrialLength { shadow: 10, trial: 20 };
const OLD: u32 = 7;
const NEW: u32 = 8;

fn with(networks: Proportional, monitor: bool) -> Robot {
    let mut numbers = settings();
    numbers.monitor = None;
    let robot = robot(numbers.clone());
    if monitor {
        numbers.monitor = settings().monitor;
    }
    robot.with_trial(Supervisor::new(networks, feedback(), numbers), identity(NEW), PROBATION)
}

/// Which policy chose each action: the sign of action and observation, 0 while neither did.
fn signs(bench: &Bench) -> Vec<i8> {
    bench.actions.iter().map(|(_, action)| action.signum() as i8).collect()
}

fn stages(bench: &Bench) -> Vec<(u32, Stage)> {
    let stage = |event: &Event| match event {
        Event::Policy { checksum, stage } => Some((*checksum, *stage)),
        _ => None,
    };
    bench.events.iter().filter_map(stage).collect()
}

fn run(robot: &mut Robot, observations: &[f32], lost: Option<Stage>) -> Bench {
    let observations: Vec<_> = observations.iter().map(|x| Some([*x, 0.0])).collect();
    let mut bench = script(0, &observations);
    bench.lost = lost;
    play(robot, &mut bench, 0);
    bench
}

#[test]
fn shadow_then_trial_then_confirmed_and_the_actuators_follow_one_policy_at_a_time() {
    let mut robot = with(Proportional::new(-1.0), false);
    let shadow = Policies { acting: OLD, other: Some(NEW), stage: Stage::Shadow, passed: 0 };
    assert_eq!(robot.policies(), shadow);
    let bench = run(&mut robot, &[0.5; 40], None);
    // Ten ticks of the old one, all others of the new one.
    assert_eq!(signs(&bench), [[1; 10].as_slice(), &[-1; 30]].concat());
    assert_eq!(bench.kept, [Stage::Trial, Stage::Confirmed]);
    assert_eq!(stages(&bench), [(NEW, Stage::Trial), (NEW, Stage::Confirmed)]);
    assert_eq!(edges(&bench).len(), 1, "no mode changes when policies do");
    let alone = Policies { acting: NEW, other: None, stage: Stage::Confirmed, passed: 0 };
    assert_eq!(robot.policies(), alone);
    assert_eq!(bench.fed.len(), 40);
}

#[test]
fn a_bad_answer_in_shadow_rejects_it_without_any_effect() {
    let mut robot = with(Proportional { fails_above: 0.6, ..Proportional::new(-1.0) }, false);
    let mut observations = [0.5; 40];
    observations[4] = 0.7;
    let bench = run(&mut robot, &observations, None);
    assert_eq!(signs(&bench), [1; 40]);
    assert_eq!(bench.kept, [Stage::Rejected]);
    assert_eq!((edges(&bench).len(), robot.policies().acting), (1, OLD));
}

#[test]
fn a_bad_answer_on_trial_costs_one_held_tick_and_the_old_one_returns() {
    let mut robot = with(Proportional { fails_above: 0.6, ..Proportional::new(-1.0) }, false);
    let mut observations = [0.5; 40];
    observations[24] = 0.7;
    let bench = run(&mut robot, &observations, None);
    // The tick with the bad answer sends nothing.
    assert_eq!(signs(&bench), [[1; 10].as_slice(), &[-1; 14], &[1; 15]].concat());
    let fault = Reason::Action(Fault::NotFinite { channel: 0 });
    assert_eq!(
        edges(&bench)[1..],
        [(Mode::Run, Mode::Hold, fault), (Mode::Hold, Mode::Run, Reason::Recovered)]
    );
    assert_eq!(bench.kept, [Stage::Trial, Stage::Rejected]);
    assert_eq!(stages(&bench).last(), Some(&(NEW, Stage::Rejected)));
    assert_eq!(robot.policies().acting, OLD);
}

#[test]
fn its_own_monitors_alarm_ends_a_trial() {
    // 0.5 stays 0.5, whatever the policy does: not what either model predicts.
    let mut robot = with(Proportional::new(-1.0), true);
    let bench = run(&mut robot, &[0.5; 60], None);
    assert_eq!(bench.kept, [Stage::Trial, Stage::Rejected]);
    assert!(edges(&bench).iter().any(|edge| edge.2 == Reason::Monitor));
    let last = *signs(&bench).last().unwrap();
    assert_eq!((last, robot.policies().acting), (1, OLD));
}

#[test]
fn a_sensors_fault_on_trial_is_not_the_policys() {
    let mut robot = with(Proportional::new(-1.0), false);
    let mut observations = [0.5; 45];
    observations[20] = f32::NAN;
    let bench = run(&mut robot, &observations, None);
    assert_eq!(bench.kept, [Stage::Trial, Stage::Confirmed]);
    assert_eq!(robot.policies().acting, NEW);
}

#[test]
fn what_cannot_be_kept_does_not_happen() {
    let bench = run(&mut with(Proportional::new(-1.0), false), &[0.5; 40], Some(Stage::Trial));
    assert_eq!(signs(&bench), [1; 40]);
    let mut robot = with(Proportional::new(-1.0), false);
    let bench = run(&mut robot, &[0.5; 40], Some(Stage::Confirmed));
    assert_eq!(signs(&bench), [[1; 10].as_slice(), &[-1; 20], &[1; 10]].concat());
    assert_eq!(bench.kept, [Stage::Trial, Stage::Confirmed, Stage::Rejected]);
}

/// Sends requests and gives the answers to the transfers among them.
fn ask(robot: &mut Robot, bench: &mut Bench, requests: &[Request<2>]) -> Vec<Reply<1>> {
    let before = bench.replies.len();
    for request in requests {
        let now = bench.now;
        bench.arrive(now, request);
    }
    play(robot, bench, 0);
    bench.replies[before..].to_vec()
}

#[test]
fn an_image_is_taken_only_while_the_actuators_are_safe_and_not_during_a_trial() {
    let mut robot = with(Proportional::new(-1.0), false);
    let mut bench = run(&mut robot, &[0.5; 5], None);
    let commit = Request::Transfer(Transfer::Commit);
    let answers = ask(&mut robot, &mut bench, &[commit.clone(), Request::Disarm, commit.clone()]);
    let refused = |error| Reply::Transfer(Err(error));
    assert_eq!(answers[0], refused(UpdateError::NotSafe));
    assert!(matches!(answers[1], Reply::Status(status) if status.mode == Mode::Safe));
    assert_eq!(answers[2], Reply::Transfer(Ok(1)));
    assert_eq!((bench.transfers.len(), bench.restarts), (1, 1));
    // The one in shadow is gone: its memory is not its own any more.
    assert_eq!(robot.policies().other, None);

    let mut robot = with(Proportional::new(-1.0), false);
    let mut bench = run(&mut robot, &[0.5; 15], None);
    let answers = ask(&mut robot, &mut bench, &[Request::Disarm, commit]);
    assert_eq!(answers[1], refused(UpdateError::OnTrial));
    assert!(bench.transfers.is_empty() && bench.kept == [Stage::Trial]);
}
