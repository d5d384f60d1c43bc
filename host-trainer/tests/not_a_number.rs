//! Tests of a simulator or a reward that returns NaN in the middle of a run. The error names the value, the last good
//! checkpoint remains, and after the fault is removed the resumed run writes the same bytes as an undisturbed one.
#![allow(clippy::unwrap_used)]

use daa_envs::{Attempts, Error, Names, Physics, Random, Signal, register};
use daa_envs::{Behaviour, Bound, Definition};
use daa_trainer::config::Config;
use daa_trainer::run::sinks::progress::Show;
use host_trainer::session::{Begun, Ending, Options, Resume, Session};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

const MJCF: &str = r#"<mujoco>
  <option timestep="0.02" gravity="0 0 0"/>
  <worldbody>
    <body><joint name="slide" type="slide" axis="1 0 0" damping="1"/><geom size="0.1" mass="1"/></body>
  </worldbody>
  <actuator><motor name="push" joint="slide" ctrlrange="-1 1"/></actuator>
</mujoco>"#;

/// Number of rewards, or observations, before one is NaN; a negative number means never.
static REWARDS: AtomicI64 = AtomicI64::new(-1);
static OBSERVATIONS: AtomicI64 = AtomicI64::new(-1);

/// Returns `number`, or NaN when the countdown `left` reaches 0.
fn spoilt(left: &AtomicI64, number: f64) -> f64 {
    let counted = |left| (left >= 0).then(|| left - 1);
    match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, counted) {
        Ok(0) => f64::NAN,
        _ => number,
    }
}

#[derive(Debug)]
struct Puck;

impl Definition for Puck {
    fn name(&self) -> &str {
        "spoilt-puck"
    }
    fn mjcf(&self) -> &str {
        MJCF
    }
    fn rate_hz(&self) -> f64 {
        50.0
    }
    fn episode_seconds(&self) -> f64 {
        1.0
    }
    fn bind(&self, names: &Names<'_>) -> Result<Bound, Error> {
        let slide = names.joint("slide")?.qpos;
        let observations = vec![Signal::symmetric("place", "m", 10.0)];
        Ok(Bound { observations, behaviour: Box::new(Episode { slide }) })
    }
}

#[derive(Debug)]
struct Episode {
    slide: usize,
}

impl Behaviour for Episode {
    fn start(&self, physics: &mut Physics, random: &mut Random) -> Result<(), Attempts> {
        physics.qpos_mut()[self.slide] = random.uniform(-1.0, 1.0);
        Ok(())
    }
    fn observe(&self, physics: &Physics, observation: &mut [f64]) {
        observation[0] = spoilt(&OBSERVATIONS, physics.qpos()[self.slide]);
    }
    fn reward(&self, physics: &Physics) -> f64 {
        spoilt(&REWARDS, 1.0 - physics.qpos()[self.slide].abs())
    }
}

fn train(place: &Path) -> anyhow::Result<Ending> {
    let mut config = Config {
        task: "spoilt-puck".to_owned(),
        decisions: 8 * 128,
        action_repeat: 1,
        threads: 1,
        ..Config::default()
    };
    config.estimator.kind = "single".to_owned();
    (config.rollout.num_envs, config.rollout.length) = (2, 64);
    config.update.epochs = 1;
    (config.evaluate.every, config.evaluate.episodes, config.evaluate.sampled_episodes) = (2, 1, 0);
    let options = Options {
        show: Show::Nothing,
        checkpoint_every: Duration::ZERO,
        wait_for_lock: Duration::ZERO,
    };
    match Session::begin(config, Some(place), &Resume::Here, options)? {
        Begun::Session(session) => session.run(),
        Begun::Finished(summary) => panic!("an untrained run counts as finished: {summary}"),
    }
}

#[test]
fn a_number_that_is_none_is_named_and_the_run_goes_on_from_its_last_good_checkpoint() {
    let task = register(Box::new(Puck)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let read = |run: &str, file: &str| std::fs::read(folder.path().join(run).join(file)).unwrap();
    assert!(matches!(train(&folder.path().join("sound")).unwrap(), Ending::Finished));

    let cases = [
        ("reward", &REWARDS, "the reward is NaN"),
        ("place", &OBSERVATIONS, "observation \"place\" is NaN"),
    ];
    for (name, left, words) in cases {
        let run = folder.path().join(name);
        // An iteration has 128 decisions, so the NaN occurs in the fourth iteration or in the evaluation before it.
        left.store(3 * 128 + 90, Ordering::SeqCst);
        let error = format!("{:#}", train(&run).unwrap_err());
        assert!(left.load(Ordering::SeqCst) < 0, "the fault was met");
        for part in [words, task.name, " control steps", "iteration 4", "checkpoints/"] {
            assert!(error.contains(part) && !error.contains('\n'), "{part}: {error}");
        }
        assert!(!run.join("summary.json").exists() && !run.join("policy.daa").exists());
        let metrics = String::from_utf8(read(name, "metrics.csv")).unwrap();
        assert!(metrics.lines().count() > 2 && !metrics.contains("NaN"), "{metrics}");

        assert!(matches!(train(&run).unwrap(), Ending::Finished));
        for file in ["metrics.csv", "policy.daa"] {
            assert_eq!(read(name, file), read("sound", file), "{name}: {file}");
        }
    }
}
