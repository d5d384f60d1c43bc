//! Episodes: begun, ended, saved, restored, diverged.

use std::path::Path;

use super::{Babble, fresh};
use crate::Stepping;
use crate::replay::{self, Request};
use crate::{Environment, Error, State, all, find};

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

#[test]
fn a_restored_episode_continues_bit_for_bit() {
    for task in all() {
        let mut original = fresh(task, 3, 0);
        roll(&mut original, 1, 100);
        let json = serde_json::to_string(&original.save()).unwrap();
        let saved: State = serde_json::from_str(&json).unwrap();
        assert_eq!(saved, original.save(), "{}: JSON keeps every bit", task.name);
        // 200 more decisions pass the episode's end: the next start must be drawn alike, too.
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
fn threads_change_nothing() {
    let task = find("finger-turn_easy").unwrap();
    let alone: Vec<_> =
        (0..4).map(|stream| roll(&mut fresh(task, 1, stream), stream, 300)).collect();
    // Made on one thread, used on another.
    let together = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..4)
            .map(|stream| {
                let mut environment = fresh(task, 1, stream);
                scope.spawn(move || roll(&mut environment, stream, 300))
            })
            .collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(alone == together);
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
    // Time, two positions, two velocities. MuJoCo considers 1e10 diverged; 9e9 diverges in a step.
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
    // The environment itself continues with a new episode.
    assert!(environment.step(&[0.5], &mut observation).is_err());
    environment.reset(&mut observation).unwrap();
    environment.step(&[0.5], &mut observation).unwrap();
    assert!(!Path::new("MUJOCO_LOG.TXT").exists());
}
