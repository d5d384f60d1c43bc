//! Whole tasks: against Python dm_control, saved and restored, driven to their limits.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use super::physics::Stepping;
use super::random::Random;
use super::replay::{self, Reply, Request};
use super::{Environment, Error, State, Task, all, find};

thread_local! {
    static MARGIN: Cell<f64> = const { Cell::new(1.0) };
}

/// Factor on every margin of `tolerance`: other than 1 only while a test plants a fault.
pub(super) fn planted_margin() -> f64 {
    MARGIN.get()
}

/// Greatest difference allowed between our observations and dm_control's.
const OBSERVATION_TOLERANCE: f64 = 1e-9;
/// And between the rewards.
const REWARD_TOLERANCE: f64 = 1e-12;

/// The committed recordings, and those of a whole episode of every task where
/// `DM_CONTROL_RECORDINGS` names a folder of them.
fn recordings() -> Vec<(PathBuf, Request, Reply)> {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/recordings");
    let more = std::env::var_os("DM_CONTROL_RECORDINGS").map(PathBuf::from);
    let mut paths: Vec<_> = std::iter::once(committed)
        .chain(more)
        .flat_map(|folder| std::fs::read_dir(folder).expect("recordings are in the repository"))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().is_some_and(|name| name.ends_with(".json")))
        .filter(|path| !path.to_str().unwrap().ends_with(".starts.json"))
        .collect();
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let request = replay::parse(&text).unwrap();
        let reply = serde_json::from_str(&text).unwrap();
        (path, request, reply)
    };
    paths.into_iter().map(read).collect()
}

/// Whether a replay equals the recording, or where it does not.
fn parity(reply: &Reply, recorded: &Reply) -> Result<(), String> {
    if reply.observations.len() != recorded.observations.len() {
        return Err("another number of decisions".into());
    }
    let decisions = reply.observations.iter().zip(&recorded.observations);
    for (decision, (ours, theirs)) in decisions.enumerate() {
        if ours.len() != theirs.len() {
            return Err("another number of observations".into());
        }
        for (index, (our, their)) in ours.iter().zip(theirs).enumerate() {
            let off = (our - their).abs();
            if off > OBSERVATION_TOLERANCE || off.is_nan() {
                return Err(format!("decision {decision}, observation {index}: {our} for {their}"));
            }
        }
    }
    for (decision, (our, their)) in reply.rewards.iter().zip(&recorded.rewards).enumerate() {
        let off = (our - their).abs();
        if off > REWARD_TOLERANCE || off.is_nan() {
            return Err(format!("decision {decision}, reward: {our} for {their}"));
        }
    }
    Ok(())
}

#[test]
fn recordings_of_dm_control_replay_exactly() {
    let recordings = recordings();
    assert!(!recordings.is_empty());
    for (path, request, recorded) in recordings {
        let reply = replay::run(&request, Stepping::Exact).unwrap();
        if let Err(difference) = parity(&reply, &recorded) {
            panic!("{}: {difference}", path.display());
        }
    }
}

#[test]
fn two_recordings_of_every_domain_are_committed() {
    let recordings = recordings();
    for task in all() {
        let domain = task.name.split('-').next().unwrap();
        let count = recordings
            .iter()
            .filter(|(_, request, _)| request.task.split('-').next() == Some(domain))
            .count();
        assert!(count >= 2, "{domain} has {count} recordings");
    }
}

#[test]
fn plain_steps_fail_the_parity() {
    // Where every observation is a coordinate or its velocity, plain steps show in the reward
    // only, and there only when it moves.
    const COORDINATES_ONLY: [&str; 2] = ["ball_in_cup", "point_mass"];
    for (path, request, recorded) in recordings() {
        let domain = request.task.split('-').next().unwrap();
        if !COORDINATES_ONLY.contains(&domain) {
            let reply = replay::run(&request, Stepping::Plain).unwrap();
            assert!(parity(&reply, &recorded).is_err(), "{}", path.display());
        }
    }
}

#[test]
fn a_swapped_pair_of_observations_fails_the_parity() {
    for (path, request, recorded) in recordings() {
        let mut reply = replay::run(&request, Stepping::Exact).unwrap();
        for observation in &mut reply.observations {
            observation.swap(0, 1);
        }
        assert!(parity(&reply, &recorded).is_err(), "{}", path.display());
    }
}

#[test]
fn a_wrong_margin_fails_the_parity() {
    // The rewards of the others are 0 or 1, without a margin.
    const MARGINLESS: [&str; 4] = ["ball_in_cup", "finger", "pendulum", "reacher"];
    for (path, request, recorded) in recordings() {
        let domain = request.task.split('-').next().unwrap();
        if MARGINLESS.contains(&domain) || request.task.ends_with("_sparse") {
            continue;
        }
        MARGIN.set(1.001);
        let reply = replay::run(&request, Stepping::Exact).unwrap();
        MARGIN.set(1.0);
        assert!(parity(&reply, &recorded).is_err(), "{}", path.display());
    }
}

/// An action of a policy that is none: uniform or bang-bang, held for a random while.
struct Babble {
    random: Random,
    action: Vec<f64>,
    left: u32,
}

impl Babble {
    fn new(task: &Task, seed: u64) -> Self {
        Self { random: Random::new(seed, 99), action: vec![0.0; task.actions.len()], left: 0 }
    }

    fn act(&mut self) -> &[f64] {
        if self.left == 0 {
            let bang = self.random.uniform(0.0, 1.0) < 0.7;
            self.left = self.random.uniform(1.0, 30.0) as u32;
            for value in &mut self.action {
                *value = self.random.uniform(-1.0, 1.0);
                if bang {
                    *value = value.signum();
                }
            }
        }
        self.left -= 1;
        &self.action
    }
}

/// Observations and rewards, as bits, of some decisions.
fn roll(environment: &mut Environment, seed: u64, decisions: usize) -> Vec<u64> {
    let mut babble = Babble::new(environment.task(), seed);
    let mut observation = vec![0.0; environment.task().observations.len()];
    let mut bits = Vec::new();
    for _ in 0..decisions {
        let step = environment.step(babble.act(), &mut observation).unwrap();
        bits.extend(observation.iter().map(|value| value.to_bits()));
        bits.push(step.reward.to_bits());
        if step.truncated {
            environment.reset(&mut observation).unwrap();
            bits.extend(observation.iter().map(|value| value.to_bits()));
        }
    }
    bits
}

fn fresh(task: &'static Task, seed: u64, stream: u64) -> Environment {
    let mut environment = Environment::new(task, 4, seed, stream).unwrap();
    let mut observation = vec![0.0; task.observations.len()];
    environment.reset(&mut observation).unwrap();
    environment
}

#[test]
fn a_restored_episode_goes_on_bit_for_bit() {
    for task in all() {
        let mut original = fresh(task, 3, 0);
        roll(&mut original, 1, 100);
        let json = serde_json::to_string(&original.save()).unwrap();
        let saved: State = serde_json::from_str(&json).unwrap();
        assert_eq!(saved, original.save(), "{}: JSON keeps every bit", task.name);
        // 200 decisions more pass the episode's end: the next start is drawn alike, too.
        let expected = roll(&mut original, 2, 200);
        original.restore(&saved).unwrap();
        assert!(roll(&mut original, 2, 200) == expected, "{}: same object", task.name);
        let mut other = fresh(task, 8, 5);
        roll(&mut other, 4, 33);
        other.restore(&saved).unwrap();
        assert!(roll(&mut other, 2, 200) == expected, "{}: other object", task.name);

        // The negative control: positions and velocities alone are not the whole state.
        let mut partial = saved.clone();
        partial.random.position += 2;
        other.restore(&partial).unwrap();
        assert!(roll(&mut other, 2, 200) != expected, "{}: another stream", task.name);
    }
}

#[test]
fn episodes_depend_on_seed_and_stream_only() {
    let task = find("cartpole-swingup").unwrap();
    let first = roll(&mut fresh(task, 1, 0), 1, 300);
    assert!(first == roll(&mut fresh(task, 1, 0), 1, 300));
    assert!(first != roll(&mut fresh(task, 1, 1), 1, 300));
    assert!(first != roll(&mut fresh(task, 2, 0), 1, 300));
}

#[test]
fn an_episode_ends_when_its_time_is_up() {
    let task = find("cartpole-swingup").unwrap();
    let mut environment = Environment::new(task, 3, 1, 0).unwrap();
    let mut observation = [0.0; 5];
    let unready = environment.step(&[0.0], &mut observation);
    assert!(matches!(unready, Err(Error::NoEpisode { .. })));
    environment.reset(&mut observation).unwrap();
    // 333 decisions of 3 control steps, and one of the single step that is left.
    for decision in 0..334 {
        let step = environment.step(&[0.0], &mut observation).unwrap();
        assert!(!step.terminated);
        assert_eq!(step.truncated, decision == 333);
        assert!((0.0..=if step.truncated { 1.0 } else { 3.0 }).contains(&step.reward));
    }
    let over = environment.step(&[0.0], &mut observation);
    assert!(matches!(over, Err(Error::NoEpisode { .. })));
}

#[test]
fn bad_actions_are_refused_and_large_ones_clipped() {
    let task = find("cartpole-swingup").unwrap();
    let mut environment = fresh(task, 1, 0);
    let saved = environment.save();
    let mut observation = [0.0; 5];
    for bad in [f64::NAN, f64::INFINITY] {
        let error = environment.step(&[bad], &mut observation).unwrap_err();
        assert!(error.to_string().contains("action \"slide\""), "{error}");
    }
    assert!(environment.step(&[0.0, 0.0], &mut observation).is_err());
    assert!(environment.step(&[0.0], &mut [0.0; 4]).is_err());
    assert_eq!(environment.save(), saved, "refused steps change nothing");
    let large = environment.step(&[1e300], &mut observation).unwrap();
    environment.restore(&saved).unwrap();
    assert_eq!(environment.step(&[1.0], &mut observation).unwrap(), large);
    assert!(Environment::new(task, 0, 1, 0).is_err());
}

#[test]
fn a_diverged_simulation_is_named_and_replayable() {
    let task = find("cartpole-swingup").unwrap();
    let mut environment = fresh(task, 6, 2);
    roll(&mut environment, 1, 10);
    let mut broken = environment.save();
    // Time, two positions, two velocities. MuJoCo takes 1e10 for a blow-up; 9e9 leads to one.
    broken.integration[4] = 1e11;
    let refused = environment.restore(&broken).unwrap_err().to_string();
    assert!(refused.contains("BADQVEL"), "{refused}");
    broken.integration[4] = 9e9;
    let mut observation = [0.0; 5];
    environment.restore(&broken).unwrap();
    let error = environment.step(&[0.5], &mut observation).unwrap_err();
    let text = error.to_string();
    for part in ["cartpole-swingup", "seed 6", "stream 2", "control step 40", "BADQACC"] {
        assert!(text.contains(part), "{text}");
    }
    let Error::Diverged(divergence) = error else {
        panic!("{text}");
    };
    let request = Request::of_divergence(&divergence, 4);
    let again = replay::run(&request, Stepping::Exact);
    assert!(matches!(again, Err(Error::Diverged(_))));
    // The environment itself goes on with a fresh episode.
    assert!(environment.step(&[0.5], &mut observation).is_err());
    environment.reset(&mut observation).unwrap();
    environment.step(&[0.5], &mut observation).unwrap();
    assert!(!Path::new("MUJOCO_LOG.TXT").exists());
}

#[test]
fn a_wrong_request_is_refused_with_its_cause() {
    let good = r#"{"task": "cartpole-swingup", "state": STATE, "actions": [[0.1]], "repeat": 4}"#;
    let state = fresh(find("cartpole-swingup").unwrap(), 1, 0).save();
    let good = good.replace("STATE", &format!("{:?}", state.integration));
    assert!(replay::replay(&good).is_ok());
    let cases = [
        ("cartpole-swingup", "cartpole-swing", "did you mean cartpole-swingup?"),
        ("\"repeat\": 4", "\"repeat\": 0", "action repeat"),
        ("\"repeat\": 4", "\"repeat\": -1", "invalid value"),
        ("\"repeat\": 4", "\"repeat\": 4, \"modle\": {}", "did you mean \"model\"?"),
        (
            "\"repeat\": 4",
            "\"repeat\": 4, \"model\": {\"geom_pose\": []}",
            "did you mean \"geom_pos\"?",
        ),
        (
            "\"repeat\": 4",
            "\"repeat\": 4, \"model\": {\"geom_pos\": [1.0]}",
            "geom_pos has 1 values",
        ),
        ("[[0.1]]", "[[0.1, 0.2]]", "the action has 2 values, but the task has 1"),
        ("[[0.1]]", "[[1e999]]", "number out of range"),
        ("[[0.1]]", "[[null]]", "invalid type"),
        ("\"state\": [", "\"state\": [0.0, ", "the state has"),
    ];
    for (from, to, cause) in cases {
        let text = replay::replay(&good.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(text.contains(cause), "{to}: {text}");
        assert!(!text.contains('\n'), "one line: {text}");
    }
}

#[test]
fn replies_hold_17_significant_digits() {
    let reply = Reply {
        observations: vec![vec![0.1, -1.0 / 3.0], vec![1e-300, 0.0]],
        rewards: vec![1.0, 0.1 + 0.2],
    };
    let json = reply.to_json();
    assert!(json.contains("3.0000000000000004e-1"), "{json}");
    assert_eq!(serde_json::from_str::<Reply>(&json).unwrap(), reply);
}

/// Drives every task to its limits and returns, for each signal, the extremes seen.
fn extremes(task: &'static Task, episodes: u64) -> Vec<(f64, f64)> {
    let mut environment = Environment::new(task, 1, 17, 0).unwrap();
    let mut observation = vec![0.0; task.observations.len()];
    let mut seen = vec![(f64::INFINITY, f64::NEG_INFINITY); task.observations.len()];
    for episode in 0..episodes {
        environment.reset(&mut observation).unwrap();
        let mut babble = Babble::new(task, episode);
        let mut over = false;
        while !over {
            for (range, value) in seen.iter_mut().zip(&observation) {
                *range = (range.0.min(*value), range.1.max(*value));
            }
            over = environment.step(babble.act(), &mut observation).unwrap().truncated;
        }
    }
    seen
}

#[test]
fn healthy_observations_stay_in_their_declared_ranges() {
    for task in all() {
        for (signal, (low, high)) in task.observations.iter().zip(extremes(task, 3)) {
            assert!(
                signal.low <= low && high <= signal.high,
                "{} {}: {low}..{high} leaves {}..{}",
                task.name,
                signal.name,
                signal.low,
                signal.high
            );
            // A range nobody comes near would guard nothing.
            let used = low.abs().max(high.abs()) / signal.low.abs().max(signal.high.abs());
            assert!(used > 1e-3, "{} {}: only {used} is used", task.name, signal.name);
        }
    }
}
