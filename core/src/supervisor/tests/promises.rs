//! What the controller promises, through the whole tick, at the very boundaries.

use super::*;
use core::cell::Cell;

type Controller = Supervisor<Proportional, LinearFeedback<2, 1>, 2, 1>;

fn controller(settings: Settings<2, 1>) -> Controller {
    Supervisor::new(Proportional::new(0.1), feedback(), Settings { monitor: None, ..settings })
}

/// In RUN, one period before `now`.
fn running(settings: Settings<2, 1>, now: u32) -> Controller {
    let mut controller = controller(settings);
    controller.arm();
    let before = now.wrapping_sub(PERIOD);
    controller.signals().set_all(&SVector::from([0.0, 0.0]), before);
    assert_eq!(controller.tick(before).mode, Mode::Run);
    controller.signals().clear();
    controller
}

/// Reading of one signal: its value and its age; none when it never came.
type Reading = Option<(f32, u32)>;

/// The fault of a channel; none when the reading is good.
type Verdict = Option<fn(u16) -> Fault>;

/// Every reading at and beyond a boundary of `settings()`, and the fault that it is.
fn readings() -> Vec<(Reading, Verdict)> {
    let not_finite: fn(u16) -> Fault = |channel| Fault::NotFinite { channel };
    let stale: fn(u16) -> Fault = |channel| Fault::Stale { channel };
    std::vec![
        (None, Some(|channel| Fault::Missing { channel })),
        (Some((0.0, 0)), None),
        (Some((0.0, PERIOD / 2)), None),
        (Some((0.0, PERIOD / 2 + 1)), Some(stale)),
        // A stamp of the future.
        (Some((0.0, u32::MAX)), Some(stale)),
        (Some((f32::NAN, 0)), Some(not_finite)),
        (Some((f32::INFINITY, 0)), Some(not_finite)),
        (Some((f32::NEG_INFINITY, 0)), Some(not_finite)),
        (Some(((-5f32).next_down(), 0)), Some(|channel| Fault::TooLow { channel })),
        (Some((-5.0, 0)), None),
        (Some((5.0, 0)), None),
        (Some((5f32.next_up(), 0)), Some(|channel| Fault::TooHigh { channel })),
    ]
}

/// The tick at `now` with one reading in a channel and a good one in the other.
fn tick(controller: &mut Controller, channel: usize, reading: Reading, now: u32) -> (Mode, u32) {
    controller.signals().set(1 - channel, 0.0, now);
    if let Some((value, age)) = reading {
        controller.signals().set(channel, value, now.wrapping_sub(age));
    }
    let before = controller.networks().calls.get();
    let mode = controller.tick(now).mode;
    (mode, controller.networks().calls.get() - before)
}

#[test]
fn the_policy_is_asked_only_about_readings_that_are_there_fresh_finite_and_in_range() {
    // Also where the clock wraps between reading and tick, and at the tick itself.
    for now in [5 * PERIOD, 0, 1, PERIOD / 4, u32::MAX] {
        for channel in 0..2 {
            for (reading, fault) in readings() {
                let what = std::format!("{reading:?} in channel {channel} at {now}");
                let mut controller = running(settings(), now);
                let found = tick(&mut controller, channel, reading, now);
                let Some(fault) = fault else {
                    assert_eq!(found, (Mode::Run, 1), "{what}");
                    continue;
                };
                assert_eq!(found, (Mode::Hold, 0), "{what}");
                let reason = Reason::Observation(fault(channel as u16));
                assert_eq!(controller.reason(), reason, "{what}");
                // Before its first good tick it does not move at all.
                let mut controller = self::controller(settings());
                controller.arm();
                assert_eq!(tick(&mut controller, channel, reading, now), (Mode::Safe, 0), "{what}");
            }
        }
    }
}

#[test]
fn without_ranges_and_ages_the_same_readings_are_taken() {
    let ranges = Guard::new([(f32::NEG_INFINITY, f32::INFINITY); 2]);
    let careless = Settings { ranges, max_age: [u32::MAX; 2], ..settings() };
    for channel in 0..2 {
        for (reading, _) in readings() {
            let mut controller = running(careless.clone(), 7 * PERIOD);
            let found = tick(&mut controller, channel, reading, 7 * PERIOD);
            // What is no number is none in any range.
            let usable = reading.is_some_and(|(value, _)| value.is_finite());
            let expected = if usable { (Mode::Run, 1) } else { (Mode::Hold, 0) };
            assert_eq!(found, expected, "{reading:?}");
        }
    }
}

/// Answers what it is told to.
#[derive(Debug)]
struct Puppet(Cell<[f32; 2]>);

impl Networks<1, 2> for Puppet {
    fn act(&self, _: &SVector<f32, 1>) -> SVector<f32, 2> {
        self.0.get().into()
    }
    fn normalise(&self, observation: &SVector<f32, 1>) -> SVector<f32, 1> {
        *observation
    }
    fn predict(&self, _: &SVector<f32, 1>, _: &SVector<f32, 2>) -> Option<SVector<f32, 1>> {
        None
    }
    fn network(&self, _: &SVector<f32, 1>) -> SVector<f32, 2> {
        self.0.get().into()
    }
}

/// What the actuators are told when the policy answers zeros, and then this.
fn second(answer: [f32; 2], step: f32) -> Actuation<2> {
    let settings = Settings {
        ranges: Guard::new([(-1.0, 1.0)]),
        max_age: [PERIOD],
        limits: [ActionLimits { low: -1.0, high: 1.0 }; 2],
        step: [step; 2],
        actuators: [ActuatorRange { at_low: 1000.0, at_high: 2000.0 }; 2],
        pace: Pace::new(PERIOD),
        debounce: Debounce::default(),
        monitor: None,
    };
    let no_command = |_: Option<&SVector<f32, 1>>| None;
    let mut controller = Supervisor::new(Puppet([0.0; 2].into()), no_command, settings);
    controller.arm();
    controller.signals().set(0, 0.0, 0);
    let zero = Command { action: [0.0; 2].into(), drive: [1500.0; 2].into() };
    assert_eq!(controller.tick(0).actuation, Actuation::Follow(zero));
    controller.networks().0.set(answer);
    controller.signals().set(0, 0.0, PERIOD);
    let outcome = controller.tick(PERIOD);
    assert_eq!(outcome.good, outcome.actuation != Actuation::Keep);
    outcome.actuation
}

#[test]
fn outputs_are_finite_limited_not_too_fast_and_mapped_and_one_bad_channel_refuses_all() {
    // Answer, action and drive without a limit of speed, action and drive with steps of a quarter.
    let grid = [
        ((-1f32).next_down(), -1.0, 1000.0, -0.25, 1375.0),
        (-1.0, -1.0, 1000.0, -0.25, 1375.0),
        (-0.25, -0.25, 1375.0, -0.25, 1375.0),
        (0.0, 0.0, 1500.0, 0.0, 1500.0),
        (0.125, 0.125, 1562.5, 0.125, 1562.5),
        (1.0, 1.0, 2000.0, 0.25, 1625.0),
        (1f32.next_up(), 1.0, 2000.0, 0.25, 1625.0),
    ];
    for (a, action_a, drive_a, slow_a, slow_drive_a) in grid {
        for (b, action_b, drive_b, slow_b, slow_drive_b) in grid {
            let fast =
                Command { action: [action_a, action_b].into(), drive: [drive_a, drive_b].into() };
            assert_eq!(second([a, b], f32::INFINITY), Actuation::Follow(fast));
            let action = [slow_a, slow_b].into();
            let slow = Command { action, drive: [slow_drive_a, slow_drive_b].into() };
            assert_eq!(second([a, b], 0.25), Actuation::Follow(slow));
        }
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for answer in [[a, bad], [bad, a], [bad, bad]] {
                assert_eq!(second(answer, f32::INFINITY), Actuation::Keep, "{answer:?}");
            }
        }
    }
}

/// What can happen between two ticks.
#[derive(Clone, Copy, Debug)]
enum Input {
    Good,
    BadObservation,
    BadAction,
    Silence,
    Disarm,
    Arm,
}

const INPUTS: [Input; 6] = [
    Input::Good,
    Input::BadObservation,
    Input::BadAction,
    Input::Silence,
    Input::Disarm,
    Input::Arm,
];

fn feed(controller: &mut Controller, input: Input, now: u32) -> Outcome<1> {
    controller.networks().bad.set(matches!(input, Input::BadAction));
    match input {
        Input::Disarm => controller.disarm(),
        Input::Arm => controller.arm(),
        Input::Good | Input::BadObservation | Input::BadAction | Input::Silence => {}
    }
    if !matches!(input, Input::Silence) {
        let bad = matches!(input, Input::BadObservation);
        controller.signals().set_all(&SVector::from([if bad { f32::NAN } else { 0.5 }, 0.0]), now);
    }
    controller.tick(now)
}

#[test]
fn whatever_happens_only_arming_leads_out_of_safe_and_every_edge_is_told_once() {
    let short = Debounce { hold: 1, fallback: 2, resume: 1, recover: 2, arm: 1 };
    let debounce = Settings { debounce: short, ..settings() };
    let depth = 7;
    let mut seen = std::collections::BTreeSet::new();
    for number in 0..INPUTS.len().pow(depth) {
        let mut controller = controller(debounce.clone());
        let (mut rest, mut may_run) = (number, false);
        for i in 0..depth {
            let input = INPUTS[rest % INPUTS.len()];
            rest /= INPUTS.len();
            let before = controller.mode();
            may_run |= before == Mode::Safe && matches!(input, Input::Arm);
            let outcome = feed(&mut controller, input, i * PERIOD);
            let after = controller.mode();
            let told: Vec<_> = core::iter::from_fn(|| controller.event()).collect();
            if before == after {
                assert_eq!(told, [], "{number}");
            } else {
                let [(_, Event::Edge(edge))] = told[..] else { panic!("{number}: {told:?}") };
                assert_eq!((edge.from, edge.to), (before, after), "{number}");
                seen.insert(std::format!("{before:?} {after:?} {:?}", edge.reason));
            }
            assert!(before != Mode::Safe || after == Mode::Safe || may_run, "{number}");
            assert_eq!(after == Mode::Safe, outcome.actuation == Actuation::Safe, "{number}");
            may_run &= after == Mode::Safe;
        }
    }
    // Nothing was left out: every edge that these inputs can cause, with every reason.
    let missing = [
        "Run Hold Observation(NotFinite { channel: 0 })",
        "Run Hold Observation(Stale { channel: 0 })",
        "Run Hold Action(NotFinite { channel: 0 })",
        "Run Safe Disarmed",
        "Hold Run Recovered",
        "Hold Fallback Action(NotFinite { channel: 0 })",
        "Hold Safe NoFallback",
        "Hold Safe Disarmed",
        "Fallback Run Recovered",
        "Fallback Safe NoFallback",
        "Fallback Safe FallbackExpired",
        "Fallback Safe Disarmed",
        "Safe Run Recovered",
    ]
    .into_iter()
    .filter(|edge| !seen.remove(*edge))
    .collect::<Vec<_>>();
    assert!(missing.is_empty() && seen.is_empty(), "missing {missing:?}, unexpected {seen:?}");
}

#[test]
fn a_log_that_is_not_read_changes_nothing_and_its_losses_are_counted() {
    let (mut read, mut unread) = (controller(settings()), controller(settings()));
    let mut told = 0;
    for controller in [&mut read, &mut unread] {
        controller.arm();
    }
    // Two edges for every two ticks.
    for i in 0..100 {
        let input = if i % 2 == 0 { Input::Good } else { Input::BadObservation };
        let (a, b) = (feed(&mut read, input, i * PERIOD), feed(&mut unread, input, i * PERIOD));
        assert_eq!(a, b);
        told += core::iter::from_fn(|| read.event()).count();
    }
    assert_eq!((told, read.status().dropped_events), (100, 0));
    assert_eq!(unread.status().dropped_events, 100 - EVENTS as u32);
    assert_eq!(core::iter::from_fn(|| unread.event()).count(), EVENTS);
}
