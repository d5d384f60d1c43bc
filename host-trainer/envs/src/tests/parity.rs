//! Recorded episodes of Python dm_control, replayed.

use std::path::PathBuf;

use super::{MARGIN, recorded};
use crate::Stepping;
use crate::all;
use crate::replay::{self, Reply, Request};

/// Greatest difference allowed between our observations and dm_control's.
const OBSERVATION_TOLERANCE: f64 = 1e-9;
/// And between the rewards.
const REWARD_TOLERANCE: f64 = 1e-12;

/// The recorded episodes.
fn recordings() -> Vec<(PathBuf, Request, Reply)> {
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let request = replay::parse(&text).unwrap();
        let reply = serde_json::from_str(&text).unwrap();
        (path, request, reply)
    };
    recorded("").into_iter().map(read).collect()
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
        let rewards = recorded.rewards.iter().copied();
        let (least, most) =
            (rewards.clone().fold(f64::INFINITY, f64::min), rewards.fold(0.0, f64::max));
        assert!(least + 1e-3 < most, "{}: the reward never changes", path.display());
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
    for (path, request, recorded) in recordings() {
        let reply = replay::run(&request, Stepping::Plain).unwrap();
        assert!(parity(&reply, &recorded).is_err(), "{}", path.display());
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
