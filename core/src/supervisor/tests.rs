//! The loop on a machine whose clock, cable, actuator and watchdog are variables.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::policy::ActionLimits;
use crate::protocol::{FrameReader, Identity, Reply, Request, Transfer, encode, frame_capacity};
use crate::safety::LinearFeedback;
use crate::safety::monitor::Levels;
use crate::safety::{ActuatorRange, Command, Debounce, Fault, Guard, Mode, Monitor, Reason};
use crate::update::{Stage, TrialLength, UpdateError};
use nalgebra::SVector;
use std::collections::VecDeque;
use std::vec::Vec;

const CAPACITY: usize = frame_capacity(2);
const PERIOD: u32 = 1000;

mod promises;
mod trial;

/// action = gain x, as far as x; the plant's next x is x + action / 10.
#[derive(Clone, Debug)]
struct Proportional {
    bad: core::cell::Cell<bool>,
    calls: core::cell::Cell<u32>,
    gain: f32,
    fails_above: f32,
}

impl Proportional {
    fn new(gain: f32) -> Self {
        Self { bad: false.into(), calls: 0.into(), gain, fails_above: f32::INFINITY }
    }
}

impl Networks<2, 1> for Proportional {
    fn act(&self, observation: &SVector<f32, 2>) -> SVector<f32, 1> {
        self.calls.set(self.calls.get() + 1);
        let bad = self.bad.get() || observation[0] > self.fails_above;
        SVector::from([if bad { f32::NAN } else { self.gain * observation[0] }])
    }
    fn normalise(&self, observation: &SVector<f32, 2>) -> SVector<f32, 2> {
        *observation
    }
    fn predict(&self, z: &SVector<f32, 2>, action: &SVector<f32, 1>) -> Option<SVector<f32, 2>> {
        Some(SVector::from([z[0] + 0.1 * action[0], z[1]]))
    }
    fn network(&self, z: &SVector<f32, 2>) -> SVector<f32, 1> {
        self.act(z)
    }
}

fn settings() -> Settings<2, 1> {
    let levels = Levels { warn: 4.0, alarm: 9.0 };
    Settings {
        ranges: Guard::new([(-5.0, 5.0); 2]),
        max_age: [PERIOD / 2; 2],
        limits: [ActionLimits { low: -1.0, high: 1.0 }],
        step: [f32::INFINITY],
        actuators: [ActuatorRange { at_low: -1.0, at_high: 1.0 }],
        pace: Pace::new(PERIOD),
        debounce: Debounce { hold: 2, recover: 3, ..Debounce::default() },
        monitor: Some(Monitor::new(SVector::from([0.01, 0.01]), levels, 3)),
    }
}

type Robot = Session<Proportional, LinearFeedback<2, 1>, 2, 1, CAPACITY>;

fn feedback() -> LinearFeedback<2, 1> {
    let (target, rest) = (SVector::zeros(), SVector::from([-0.5]));
    LinearFeedback { gain: [[0.0, 0.0]], target, rest }
}

fn identity(image_checksum: u32) -> Identity {
    Identity {
        protocol: crate::protocol::PROTOCOL_VERSION,
        observations: 2,
        actions: 1,
        image_checksum,
        golden_vectors: 1,
        reset: crate::protocol::ResetCause::Power,
    }
}

fn robot(settings: Settings<2, 1>) -> Robot {
    Session::new(Supervisor::new(Proportional::new(1.0), feedback(), settings), identity(7))
}

/// Frames with the time of their arrival; everything that happened, with its time.
struct Bench {
    now: u32,
    /// Waits that may still be in vain.
    idle: u32,
    arriving: VecDeque<(u32, Vec<u8>)>,
    reader: FrameReader<CAPACITY>,
    replies: Vec<Reply<1>>,
    actions: Vec<(u32, f32)>,
    safe: Vec<u32>,
    fed: Vec<u32>,
    events: Vec<Event>,
    /// Stages that were to be kept, and the one that cannot be.
    kept: Vec<Stage>,
    lost: Option<Stage>,
    transfers: Vec<Transfer>,
    restarts: u32,
}

impl Bench {
    fn new(now: u32) -> Self {
        Self {
            now,
            idle: 0,
            arriving: VecDeque::new(),
            reader: FrameReader::new(),
            replies: Vec::new(),
            actions: Vec::new(),
            safe: Vec::new(),
            fed: Vec::new(),
            events: Vec::new(),
            kept: Vec::new(),
            lost: None,
            transfers: Vec::new(),
            restarts: 0,
        }
    }

    fn arrive(&mut self, at: u32, request: &Request<2>) {
        let mut buffer = [0; CAPACITY];
        self.arriving.push_back((at, encode(request, &mut buffer).unwrap().to_vec()));
    }
}

/// The test's script has ended.
#[derive(Debug)]
struct Over;

impl Machine<1> for Bench {
    type Error = Over;
    fn now(&self) -> u32 {
        self.now
    }
    fn plant_time(&mut self, _time_us: Option<u32>) {}
    fn receive(&mut self, bytes: &mut [u8], wait: u32) -> Result<usize, Over> {
        let Some((at, _)) = self.arriving.front() else {
            if wait > 0 {
                self.idle = self.idle.checked_sub(1).ok_or(Over)?;
            }
            self.now = self.now.wrapping_add(wait);
            return Ok(0);
        };
        let ahead = at.wrapping_sub(self.now) as i32;
        if ahead > wait as i32 {
            self.now = self.now.wrapping_add(wait);
            return Ok(0);
        }
        self.now = self.now.wrapping_add(ahead.max(0) as u32);
        let (_, frame) = self.arriving.pop_front().unwrap();
        bytes[..frame.len()].copy_from_slice(&frame);
        Ok(frame.len())
    }
    fn send(&mut self, frame: &[u8]) -> Result<(), Over> {
        let replies = frame.iter().filter_map(|byte| self.reader.push(*byte));
        self.replies.extend(replies.map(Result::unwrap));
        Ok(())
    }
    fn actuate(&mut self, command: &Command<1>) {
        self.actions.push((self.now, command.action[0]));
    }
    fn make_safe(&mut self) {
        self.safe.push(self.now);
    }
    fn feed(&mut self) {
        self.fed.push(self.now);
    }
    fn log(&mut self, _tick: u32, event: &Event) {
        self.events.push(*event);
    }
    fn goodbye(&mut self) {}
    fn cycles(&self) -> u32 {
        0
    }
    fn cycles_since(&self, _begin: u32) -> u32 {
        0
    }
    fn stack_high_water(&self) -> u32 {
        0
    }
    fn transfer(&mut self, transfer: &Transfer) -> Result<u32, UpdateError> {
        self.transfers.push(transfer.clone());
        Ok(self.transfers.len() as u32)
    }
    fn restart(&mut self) -> Result<(), Over> {
        self.restarts += 1;
        Ok(())
    }
    fn keep(&mut self, stage: Stage) -> bool {
        self.kept.push(stage);
        self.lost != Some(stage)
    }
}

/// Arms, then sends one observation a period; `None` is lost.
fn script(start: u32, observations: &[Option<[f32; 2]>]) -> Bench {
    let mut bench = Bench::new(start);
    bench.arrive(start, &Request::Hello);
    bench.arrive(start, &Request::Arm);
    for (index, observation) in (1u32..).zip(observations) {
        if let Some(observation) = observation {
            let observation = heapless::Vec::from_slice(observation).unwrap();
            let request = Request::Decide { sequence: index, observation };
            bench.arrive(start.wrapping_add(index * PERIOD), &request);
        }
    }
    bench
}

/// Runs a script to its end and then through `idle` more waits.
fn play(robot: &mut Robot, bench: &mut Bench, idle: u32) {
    bench.idle = idle;
    while robot.step(bench).is_ok() {}
}

fn edges(bench: &Bench) -> Vec<(Mode, Mode, Reason)> {
    let edge = |event: &Event| match event {
        Event::Edge(edge) => Some((edge.from, edge.to, edge.reason)),
        _ => None,
    };
    bench.events.iter().filter_map(edge).collect()
}

/// What the plant itself does under the policy: x' = 1.1 x.
fn nominal(ticks: usize) -> Vec<Option<[f32; 2]>> {
    let mut x = 0.01f32;
    (0..ticks)
        .map(|_| {
            let seen = Some([x, 0.0]);
            x += 0.1 * x;
            seen
        })
        .collect()
}

#[test]
fn a_healthy_run_has_one_edge_and_the_policys_actions_across_the_clocks_wrap() {
    for start in [0, u32::MAX - 20 * PERIOD] {
        let observations = nominal(40);
        let (mut robot, mut bench) = (robot(settings()), script(start, &observations));
        play(&mut robot, &mut bench, 0);
        assert_eq!(edges(&bench), [(Mode::Safe, Mode::Run, Reason::Recovered)]);
        let actions: Vec<f32> = bench.actions.iter().map(|(_, action)| *action).collect();
        let expected: Vec<f32> = observations.iter().map(|x| x.unwrap()[0]).collect();
        assert_eq!(actions, expected);
        let status = robot.supervisor().status();
        assert_eq!((status.timing.ticks, status.timing.late, status.timing.worst), (40, 0, 0));
        // Each tick fed the watchdog once.
        assert_eq!(bench.fed.len(), 40);
    }
}

#[test]
fn without_arming_nothing_ever_moves() {
    let mut bench = script(0, &nominal(20));
    bench.arriving.remove(1);
    play(&mut robot(settings()), &mut bench, 0);
    assert!(bench.actions.is_empty() && edges(&bench).is_empty());
    assert!(matches!(bench.replies.last(), Some(Reply::Refused { .. })));
}

#[test]
fn every_kind_of_bad_observation_is_held_then_made_safe_and_stays_so() {
    let bad = [
        ([f32::NAN, 0.0], Fault::NotFinite { channel: 0 }),
        ([0.0, f32::INFINITY], Fault::NotFinite { channel: 1 }),
        ([5f32.next_up(), 0.0], Fault::TooHigh { channel: 0 }),
        ([0.0, (-5f32).next_down()], Fault::TooLow { channel: 1 }),
    ];
    for (bad, fault) in bad {
        let mut observations = nominal(20);
        observations[5..12].fill(Some(bad));
        let (mut robot, mut bench) = (robot(settings()), script(0, &observations));
        play(&mut robot, &mut bench, 0);
        assert_eq!(
            edges(&bench),
            [
                (Mode::Safe, Mode::Run, Reason::Recovered),
                (Mode::Run, Mode::Hold, Reason::Observation(fault)),
                (Mode::Hold, Mode::Safe, Reason::NoFallback),
            ]
        );
        // No command after the last good observation, although good ones came again.
        assert_eq!(bench.actions.len(), 5);
        assert_eq!(bench.safe.first(), Some(&(8 * PERIOD)));
        assert!(bench.actions.iter().all(|(_, action)| action.is_finite()));
        // While held, the watchdog was not fed.
        assert!(!bench.fed.contains(&(6 * PERIOD)) && bench.fed.contains(&(5 * PERIOD)));
    }
}

#[test]
fn a_lost_observation_is_held_over_and_a_silent_link_ends_safe() {
    let mut observations = nominal(20);
    observations[7] = None;
    let (mut robot, mut bench) = (self::robot(settings()), script(0, &observations));
    play(&mut robot, &mut bench, 6);
    let lost = Reason::Observation(Fault::Stale { channel: 0 });
    let gone = Reason::Observation(Fault::Missing { channel: 0 });
    assert_eq!(
        edges(&bench)[1..3],
        [(Mode::Run, Mode::Hold, lost), (Mode::Hold, Mode::Run, Reason::Recovered),]
    );
    let tail = edges(&bench)[3..].to_vec();
    assert_eq!(tail, [(Mode::Run, Mode::Hold, lost), (Mode::Hold, Mode::Safe, Reason::NoFallback)]);
    assert_ne!(lost, gone);
    // Two ticks are held, a grace late each; the third is safe.
    assert_eq!(bench.safe.first(), Some(&(20 * PERIOD + 3 * (PERIOD + PERIOD / 4))));
}

#[test]
fn a_policy_that_gives_no_number_falls_back_and_returns_after_clean_ticks() {
    // The plant of the script does not obey the fallback: a monitor would not let the policy return.
    let mut robot = robot(Settings { monitor: None, ..settings() });
    let mut bench = script(0, &nominal(14));
    for _ in 0..100 {
        if robot.step(&mut bench).is_err() {
            break;
        }
        robot.supervisor().networks().bad.set((4..8).contains(&(bench.now / PERIOD)));
    }
    let bad = Reason::Action(Fault::NotFinite { channel: 0 });
    assert_eq!(
        edges(&bench)[1..3],
        [(Mode::Run, Mode::Hold, bad), (Mode::Hold, Mode::Fallback, bad),]
    );
    assert_eq!(edges(&bench)[3..], [(Mode::Fallback, Mode::Run, Reason::Recovered)]);
    assert!(bench.actions.iter().any(|(_, action)| *action == -0.5), "{:?}", bench.actions);
    assert!(bench.safe.is_empty());
}

#[test]
fn a_plant_that_does_not_do_what_was_predicted_warns_then_falls_back_and_recovers() {
    let mut observations = nominal(12);
    // From here on each step is 0.5 from where the model wants it, and then it obeys again.
    for i in 0..6 {
        observations.push(Some([if i % 2 == 0 { 1.0 } else { -1.0 }, 0.0]));
    }
    let mut x = 0.5f32;
    for _ in 0..8 {
        observations.push(Some([x, 0.0]));
        x -= 0.05;
    }
    let (mut robot, mut bench) = (robot(settings()), script(0, &observations));
    play(&mut robot, &mut bench, 0);
    assert!(
        matches!(bench.events[1], Event::Warning { score } if score > 9.0),
        "{:?}",
        bench.events
    );
    assert_eq!(
        edges(&bench)[1..3],
        [
            (Mode::Run, Mode::Fallback, Reason::Monitor),
            (Mode::Fallback, Mode::Run, Reason::Recovered),
        ]
    );
    // Negative control: without a model the fault is not noticed.
    let blind = Settings { monitor: None, ..settings() };
    let (mut robot, mut bench) = (self::robot(blind), script(0, &observations));
    play(&mut robot, &mut bench, 0);
    assert_eq!(edges(&bench).len(), 1);
}

#[test]
fn after_a_stall_there_is_one_step_with_the_newest_observation() {
    let mut robot = robot(settings());
    let mut bench = script(0, &nominal(30));
    while bench.now < 10 * PERIOD {
        robot.step(&mut bench).unwrap();
    }
    let before = bench.actions.len();
    // Somebody else held the processor for six periods; the link went on collecting.
    bench.now += 6 * PERIOD;
    robot.step(&mut bench).unwrap();
    while bench.now <= 16 * PERIOD + PERIOD / 2 {
        robot.step(&mut bench).unwrap();
    }
    let steps: Vec<u32> = bench.actions[before..].iter().map(|(at, _)| *at).collect();
    assert!(steps.windows(2).all(|pair| pair[1] - pair[0] >= PERIOD - PERIOD / 4), "{steps:?}");
    // The last tick before was the ninth; the next sees the newest of what came meanwhile.
    assert_eq!(bench.actions[before], (16 * PERIOD, nominal(30)[15].unwrap()[0]));
    let timing = robot.supervisor().status().timing;
    assert_eq!((timing.late, timing.missed, timing.worst), (1, 6, 6 * PERIOD), "{timing:?}");
}

#[test]
fn many_late_ticks_fall_back() {
    let late_ticks = |stall: u32| {
        let mut robot = robot(Settings { monitor: None, ..settings() });
        let mut bench = script(u32::MAX - 9 * PERIOD, &nominal(40));
        let mut ticks = 0;
        while ticks < 24 && robot.step(&mut bench).is_ok() {
            let now = robot.supervisor().status().timing.ticks;
            if now > ticks {
                // Somebody else has the processor after every tick.
                bench.now = bench.now.wrapping_add(stall);
            }
            ticks = now;
        }
        (edges(&bench), robot.supervisor().status().timing.late)
    };
    let (edges, late) = late_ticks(PERIOD + PERIOD / 2 + 1);
    assert_eq!(edges[1], (Mode::Run, Mode::Fallback, Reason::Late), "{edges:?}");
    assert!(late > 4);
    assert_eq!(late_ticks(PERIOD / 2), (edges[..1].to_vec(), 0));
}

#[test]
fn a_goodbye_is_safe_at_once_and_only_arming_leads_back() {
    let mut robot = robot(settings());
    let mut bench = script(0, &nominal(5));
    bench.arrive(5 * PERIOD + 10, &Request::Goodbye);
    for i in 6..9u32 {
        let observation = heapless::Vec::from_slice(&[0.1, 0.0]).unwrap();
        bench.arrive(i * PERIOD, &Request::Decide { sequence: i, observation });
    }
    play(&mut robot, &mut bench, 0);
    assert_eq!(bench.actions.len(), 5);
    assert_eq!(bench.safe.first(), Some(&(5 * PERIOD + 10)));
    assert_eq!(edges(&bench)[1], (Mode::Run, Mode::Safe, Reason::Disarmed));
    bench.arrive(9 * PERIOD, &Request::Arm);
    let observation = heapless::Vec::from_slice(&[0.1, 0.0]).unwrap();
    bench.arrive(10 * PERIOD, &Request::Decide { sequence: 10, observation });
    play(&mut robot, &mut bench, 0);
    assert_eq!(bench.actions.len(), 6);
}

#[test]
fn damaged_and_repeated_messages_are_refused_and_noted() {
    let mut robot = robot(settings());
    let mut bench = script(0, &nominal(3));
    bench.arriving[3].1[4] ^= 0x10;
    let again = bench.arriving[4].clone();
    bench.arriving.push_back((again.0 + 1, again.1));
    play(&mut robot, &mut bench, 0);
    let refused =
        bench.events.iter().filter(|event| matches!(event, Event::Refused { .. })).count();
    assert_eq!(refused, 2, "{:?}", bench.events);
}
