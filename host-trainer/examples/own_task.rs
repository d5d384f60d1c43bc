//! Example of a custom task in Rust, trained for a minute: a puck on a rail follows a moving target.
//!
//! ```sh
//! cargo run --release -p host-trainer --example own_task
//! ```
//!
//! A task file in TOML cannot express this target, because it moves with the simulation's time.

use daa_envs::evaluate::{Actions, Evaluation, Summary, evaluate};
use daa_envs::reward::{Sigmoid, tolerance};
use daa_envs::{
    Attempts, Behaviour, Bound, Definition, Error, Joint, Names, Physics, Random, Signal, register,
};
use daa_trainer::config::{Sources, resolve};
use daa_trainer::nn;
use daa_trainer::train::Trainer;
use tch::Device;

const MJCF: &str = r#"
<mujoco model="follow">
  <option timestep="0.01" integrator="implicitfast"/>
  <worldbody>
    <body name="puck">
      <joint name="rail" type="slide" axis="1 0 0" range="-1 1" limited="true" damping="0.1"/>
      <geom type="sphere" size="0.05" mass="0.1"/>
    </body>
  </worldbody>
  <actuator>
    <motor name="push" joint="rail" ctrlrange="-0.5 0.5" ctrllimited="true"/>
  </actuator>
</mujoco>
"#;

/// The definition of the task, independent of the compiled model.
#[derive(Debug)]
struct Follow;

impl Definition for Follow {
    fn name(&self) -> &str {
        "follow"
    }

    fn mjcf(&self) -> &str {
        MJCF
    }

    fn rate_hz(&self) -> f64 {
        25.0
    }

    fn episode_seconds(&self) -> f64 {
        8.0
    }

    fn terminates(&self) -> bool {
        false
    }

    fn bind(&self, names: &Names<'_>) -> Result<Bound, Error> {
        Ok(Bound {
            observations: vec![
                Signal::symmetric("position", "m", 1.1),
                Signal::symmetric("velocity", "m/s", 10.0),
                Signal::direction("phase_sin"),
                Signal::direction("phase_cos"),
            ],
            behaviour: Box::new(Episode { rail: names.joint("rail")? }),
        })
    }
}

/// The behaviour of the task in a compiled model. It holds indices only; everything that changes, time included, is in
/// the simulation, so episodes can be saved and rewound.
#[derive(Debug)]
struct Episode {
    rail: Joint,
}

/// Phase of the target's oscillation, in radians.
fn phase(physics: &Physics) -> f64 {
    1.5 * physics.time()
}

impl Behaviour for Episode {
    fn start(&self, physics: &mut Physics, random: &mut Random) -> Result<(), Attempts> {
        physics.qpos_mut()[self.rail.qpos] = random.uniform(-0.8, 0.8);
        Ok(())
    }

    fn observe(&self, physics: &Physics, observation: &mut [f64]) {
        let (sin, cos) = phase(physics).sin_cos();
        observation.copy_from_slice(&[
            physics.qpos()[self.rail.qpos],
            physics.qvel()[self.rail.dof],
            sin,
            cos,
        ]);
    }

    fn reward(&self, physics: &Physics) -> f64 {
        let target = 0.6 * phase(physics).sin();
        let distance = (physics.qpos()[self.rail.qpos] - target).abs();
        tolerance(distance, (0.0, 0.02), 0.5, Sigmoid::DEFAULT)
    }
}

fn main() -> anyhow::Result<()> {
    nn::use_one_thread();
    let decisions = std::env::args().nth(1).unwrap_or_else(|| "30720".to_owned());
    let task = register(Box::new(Follow))?;
    // From here on, the custom task is used like a task of the suite.
    let config = resolve(&Sources {
        preset: Some("tuned".to_owned()),
        set: vec![format!("task={}", task.name), format!("decisions={decisions}")],
        ..Sources::default()
    })?;
    let mut trainer = Trainer::new(config, Device::Cpu)?;
    let before = mean_return(&trainer)?;
    while !trainer.is_finished() {
        trainer.iterate()?;
    }
    let most = task.episode_steps;
    println!("return of {most}: {before:.1} untrained, {:.1} after", mean_return(&trainer)?);
    Ok(())
}

/// Mean return of the mean actions over ten episodes.
fn mean_return(trainer: &Trainer) -> anyhow::Result<f64> {
    let what = Evaluation {
        task: trainer.task(),
        action_repeat: trainer.config().action_repeat,
        actions: Actions::Mean,
        episodes: 10,
        seed: 1,
        threads: 1,
    };
    let episodes = evaluate(&trainer.agent(0), &what)?;
    let returns: Vec<f64> = episodes.iter().map(|episode| episode.total).collect();
    Ok(Summary::of(&returns).mean)
}
