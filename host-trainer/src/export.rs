//! From a trained seed to a policy image that has been checked three times: `core` against libtorch,
//! the written bytes against `core`'s reader, and the file against the bytes.

use crate::agent::Agent;
use crate::config::Config;
use crate::evaluate::{Actions, Episode, Evaluation, Summary, evaluate};
use crate::files;
use crate::integers::{Loss, action_errors, with_integers};
use crate::monitor::levels;
use crate::nn::to_vec;
use crate::random::{Purpose, stream};
use crate::run::directory::write_atomically;
use crate::statistics::ObservationScale;
use crate::task::Task;
use crate::train::Trainer;
use anyhow::{Context, Result, bail};
use daa_core::dynamics::TransitionSlice;
use daa_core::image::{
    ActionSignal, Architecture, Contents, Image, MAX_ACTIONS, MAX_OBSERVATIONS, Model,
    ObservationSignal, Passport, Provenance, Return,
};
use daa_core::integer::WeightType;
use daa_core::policy::ActionLimits;
use daa_core::{MlpShape, MlpSlice};
use rand::RngExt as _;
use std::path::Path;
use tch::Tensor;

/// Episodes behind the return in the passport.
pub(crate) const EPISODES: usize = 20;
/// Golden vectors of visited observations; those of the limits come on top.
const GOLDEN_VISITED: usize = 32;
/// Observations on which `core` is held against libtorch.
const CHECKED: usize = 1000;
/// Largest difference between the two means, both within -1 to 1.
const TOLERANCE: f32 = 1e-4;

/// What goes into an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Type of the policy's weights. Integers are calibrated on the visited observations, and the return in
    /// the passport is theirs.
    pub weights: WeightType,
    /// Leave the model and the critic out: no monitor, no planning, but flash for a wide policy.
    pub policy_only: bool,
}

/// What was exported.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Exported {
    /// Seed of the policy.
    pub seed: u64,
    /// Bytes of the image.
    pub bytes: usize,
    /// Golden vectors in it.
    pub golden_vectors: usize,
    /// Mean return of the most probable actions.
    pub mean: f64,
    /// Its standard error.
    pub stderr: f64,
    /// Largest difference between `core` and libtorch.
    pub largest_difference: f32,
    /// What integer weights cost; none for floats.
    pub loss: Option<Loss>,
}

/// Writes the image of one seed of a trainer to `path`.
///
/// # Errors
/// Refuses weights that are not finite, observations outside their declared ranges, and a file that
/// does not read back; nothing is written then.
pub fn export(trainer: &Trainer, seed_index: usize, path: &Path) -> Result<Exported> {
    export_as(trainer, seed_index, path, Choice::default())
}

/// [`export()`] of a part, or with integer weights.
///
/// # Errors
/// As [`export()`], and when the policy cannot have integer weights.
pub fn export_as(
    trainer: &Trainer,
    seed_index: usize,
    path: &Path,
    Choice { weights, policy_only }: Choice,
) -> Result<Exported> {
    let config = trainer.config();
    let seed = *config.seeds.get(seed_index).context("no such seed in this run")?;
    let mut agent = trainer.agent(seed_index);
    if let Some(at) = agent.weights.iter().position(|weight| !weight.is_finite()) {
        bail!("weight {at} of the policy is {}: nothing was exported", agent.weights[at]);
    }
    let what = Evaluation {
        task: trainer.task(),
        action_repeat: config.action_repeat,
        actions: Actions::Mean,
        episodes: EPISODES,
        seed,
        threads: config.num_threads(),
    };
    let episodes = evaluate(&agent, &what)?;
    let returns: Vec<f64> = episodes.iter().map(|episode| episode.total).collect();
    let mut summary = Summary::of(&returns);
    let visited: Vec<f32> =
        episodes.iter().flat_map(|episode: &Episode| episode.observations.clone()).collect();
    check_ranges(trainer.task(), &visited)?;

    let largest_difference = compare_with_libtorch(trainer, seed_index, &agent, &visited)?;
    let mut loss = None;
    if weights != WeightType::F32 {
        let integers = with_integers(&agent, weights, &visited)?;
        let (largest_action_error, action_error) = action_errors(&agent, &integers, &visited)?;
        let (float_mean, float_stderr) = (summary.mean, summary.standard_error);
        loss = Some(Loss { float_mean, float_stderr, largest_action_error, action_error });
        agent = integers;
        let totals: Vec<f64> = evaluate(&agent, &what)?.iter().map(|e| e.total).collect();
        summary = Summary::of(&totals);
    }
    let golden = golden_vectors(trainer.task(), &agent, &visited)?;
    let passport = passport(trainer, &agent, seed_index, summary)?;
    // The reward network goes with the transition network, and the critic with both: an image has all or none.
    let networks = trainer
        .model
        .as_ref()
        .filter(|_| !policy_only)
        .map(|model| (model.transition(seed_index), model.reward(seed_index)));
    let image = build(trainer, seed_index, &agent, &passport, networks, (&golden, &episodes))?;
    write_atomically(path, &image)?;
    read_back(path, &image)?;
    let pair = agent.shape.input + agent.shape.output;
    Ok(Exported {
        seed,
        bytes: image.len(),
        golden_vectors: golden.len() / pair,
        mean: summary.mean,
        stderr: summary.standard_error,
        largest_difference,
        loss,
    })
}

/// Every visited observation must pass the guard that the image will carry.
pub(crate) fn check_ranges(task: &Task, visited: &[f32]) -> Result<()> {
    let signals = &task.observations;
    for observation in visited.chunks_exact(signals.len()) {
        for (value, signal) in observation.iter().zip(signals) {
            if !(signal.low as f32..=signal.high as f32).contains(value) {
                let (name, low, high) = (&signal.name, signal.low, signal.high);
                bail!(
                    "{name} was seen at {value}, outside its declared range {low} to {high}: nothing was exported"
                );
            }
        }
    }
    Ok(())
}

/// Largest difference between the means that `core` and libtorch compute on [`CHECKED`]
/// observations: visited ones and, for a tenth, any that the guard would pass.
fn compare_with_libtorch(
    trainer: &Trainer,
    seed_index: usize,
    agent: &Agent,
    visited: &[f32],
) -> Result<f32> {
    let (observations, actions) = (agent.shape.input, agent.shape.output);
    let mut rng = stream(trainer.config().seeds[seed_index], Purpose::Export, 0);
    let rows = visited.len() / observations;
    let mut chosen = Vec::with_capacity(CHECKED * observations);
    for i in 0..CHECKED {
        if i % 10 == 0 {
            let signals = trainer.task().observations.iter();
            chosen.extend(
                signals.map(|signal| rng.random_range(signal.low as f32..=signal.high as f32)),
            );
        } else {
            let row = rng.random_range(0..rows);
            chosen.extend_from_slice(&visited[row * observations..(row + 1) * observations]);
        }
    }
    let mut z = vec![0.0; chosen.len()];
    let each = chosen.chunks_exact(observations).zip(z.chunks_exact_mut(observations));
    each.for_each(|(raw, z)| agent.scale.normalise(raw, z));
    // All seeds go through the network together; the others' outputs are not looked at.
    let seeds = trainer.config().num_seeds() as i64;
    let z =
        Tensor::from_slice(&z).view([1, CHECKED as i64, observations as i64]).repeat([seeds, 1, 1]);
    let theirs = to_vec(
        &trainer
            .actor
            .predict(&z.to_device(trainer.actor.params().device()))
            .tanh()
            .get(seed_index as i64),
    );

    let mut inverse = vec![0.0; observations];
    let policy = agent.policy(&mut inverse).context("the policy does not fit its parts")?;
    let (mut scratch, mut ours) = (vec![0.0; policy.scratch_len()], vec![0.0; actions]);
    let mut largest = 0f32;
    for (raw, theirs) in chosen.chunks_exact(observations).zip(theirs.chunks_exact(actions)) {
        policy.mean(raw, &mut scratch, &mut ours);
        for (ours, theirs) in ours.iter().zip(theirs) {
            largest = largest.max((ours - theirs).abs());
        }
    }
    if largest.is_nan() || largest > TOLERANCE {
        bail!(
            "core and libtorch differ by {largest} on the policy's mean (at most {TOLERANCE} is allowed): nothing was exported"
        );
    }
    Ok(largest)
}

/// Observations spread over the visited ones, then the limits: all low, all high, and in turns.
pub(crate) fn golden_vectors(task: &Task, agent: &Agent, visited: &[f32]) -> Result<Vec<f32>> {
    let (observations, actions) = (agent.shape.input, agent.shape.output);
    let rows = visited.len() / observations;
    let spread = (0..GOLDEN_VISITED).map(|i| {
        let row = i * (rows - 1) / (GOLDEN_VISITED - 1);
        visited[row * observations..(row + 1) * observations].to_vec()
    });
    let signals = &task.observations;
    let limits = [[false, false], [true, true], [false, true], [true, false]].map(|high| {
        let side = |(i, signal): (usize, &crate::task::Signal)| {
            (if high[i % 2] { signal.high } else { signal.low }) as f32
        };
        signals.iter().enumerate().map(side).collect::<Vec<f32>>()
    });
    let mut inverse = vec![0.0; observations];
    let policy = agent.policy(&mut inverse).context("the policy does not fit its parts")?;
    let (mut scratch, mut action) = (vec![0.0; policy.scratch_len()], vec![0.0; actions]);
    let mut golden = Vec::new();
    for observation in spread.chain(limits) {
        policy.mode(&observation, &mut scratch, &mut action);
        golden.extend_from_slice(&observation);
        golden.extend_from_slice(&action);
    }
    Ok(golden)
}

/// A task's observations with their statistics.
pub(crate) fn observation_signals<'a>(
    task: &'a Task,
    scale: &ObservationScale,
) -> Result<heapless::Vec<ObservationSignal<'a>, MAX_OBSERVATIONS>> {
    let unit = |unit: &'static str| if unit == "1" { "" } else { unit };
    let mut observations = heapless::Vec::new();
    for (signal, (mean, deviation)) in
        task.observations.iter().zip(scale.mean.iter().zip(&scale.deviation))
    {
        let signal = ObservationSignal {
            name: &signal.name,
            unit: unit(signal.unit),
            low: signal.low as f32,
            high: signal.high as f32,
            mean: *mean,
            deviation: *deviation,
        };
        if observations.push(signal).is_err() {
            bail!("{} has more than {MAX_OBSERVATIONS} observations", task.name);
        }
    }
    Ok(observations)
}

/// A task's actions in normalised control: the environment, or the firmware's board, maps it to the
/// actuator.
pub(crate) fn action_signals<'a>(
    task: &'a Task,
    limits: &[ActionLimits],
) -> Result<heapless::Vec<ActionSignal<'a>, MAX_ACTIONS>> {
    let mut actions = heapless::Vec::new();
    for (signal, ActionLimits { low, high }) in task.actions.iter().zip(limits) {
        let signal = ActionSignal { name: &signal.name, unit: "", low: *low, high: *high };
        if actions.push(signal).is_err() {
            bail!("{} has more than {MAX_ACTIONS} actions", task.name);
        }
    }
    Ok(actions)
}

fn passport<'a>(
    trainer: &'a Trainer,
    agent: &Agent,
    seed_index: usize,
    summary: Summary,
) -> Result<Passport<'a>> {
    let (config, task): (&Config, _) = (trainer.config(), trainer.task());
    let period = task.control_timestep() * f64::from(config.action_repeat) * 1e6;
    Ok(Passport {
        task: task.name,
        control_period_us: period.round() as u32,
        observation_clip: agent.scale.clip,
        gamma: config.gamma,
        lambda: config.lambda,
        reward_scale: trainer.units().reward_scales[seed_index],
        observations: observation_signals(task, &agent.scale)?,
        actions: action_signals(task, &agent.limits)?,
        provenance: Provenance {
            commit: env!("DAA_COMMIT"),
            preset: &config.preset,
            seed: config.seeds[seed_index],
            decisions: trainer.decisions(),
            evaluation: Some(Return {
                mean: summary.mean as f32,
                standard_error: summary.standard_error as f32,
                episodes: EPISODES as u32,
            }),
        },
    })
}

/// A network's shape and its weights.
type Weights = (MlpShape, Vec<f32>);

/// The image's bytes; `core` has read them back. `networks` are transition and reward.
fn build(
    trainer: &Trainer,
    seed_index: usize,
    agent: &Agent,
    passport: &Passport<'_>,
    networks: Option<(Weights, Weights)>,
    (golden, episodes): (&[f32], &[Episode]),
) -> Result<Vec<u8>> {
    let config = trainer.config();
    let size = |size: usize, what: &str| {
        u16::try_from(size).with_context(|| format!("{what} is too large for an image"))
    };
    let units = trainer.units();
    let model_size = |size: usize| if networks.is_some() { size } else { 0 };
    let reward_hidden = networks.as_ref().map_or(0, |(_, (reward, _))| reward.hidden);
    let architecture = Architecture {
        observations: size(agent.shape.input, "the number of observations")?,
        actions: size(agent.shape.output, "the number of actions")?,
        policy_hidden: size(config.actor_hidden, "actor_hidden")?,
        transition_hidden: size(model_size(config.transition_hidden), "transition_hidden")?,
        reward_hidden: size(reward_hidden, "reward_hidden")?,
        critic_hidden: size(model_size(config.critic_hidden), "critic_hidden")?,
        policy_activation: config.activation,
        model_activation: config.model_activation,
        critic_activation: config.activation,
        transition_target: config.transition_target,
        policy_weights: agent.weight_type,
        policy_head: agent.head,
    };
    let critic = trainer.critic.seed_params(seed_index);
    let monitor = match &networks {
        Some(((shape, transition), _)) => {
            let network = MlpSlice::new(*shape, transition, architecture.model_activation)?;
            let (target, clip) = (architecture.transition_target, agent.scale.clip);
            let scale = &units.changes[seed_index];
            levels(&TransitionSlice { network, target, scale, clip }, agent, episodes)
        }
        None => Vec::new(),
    };
    let model = networks.as_ref().map(|((_, transition), (_, reward))| Model {
        transition_scale: &units.changes[seed_index],
        transition,
        reward,
        critic: &critic,
        monitor: &monitor,
    });
    let contents =
        Contents { architecture, metadata: passport, policy: &agent.weights, model, golden };
    // Words, not bytes: the image is used in place and must be aligned.
    let mut words = vec![0u32; contents.capacity().div_ceil(4)];
    let buffer = bytemuck::cast_slice_mut(&mut words);
    let len = daa_core::image::write(&contents, buffer).context("nothing was exported")?;
    Ok(buffer[..len].to_vec())
}

/// The file, read again, must be the image.
pub(crate) fn read_back(path: &Path, written: &[u8]) -> Result<()> {
    let file = AlignedImage::read(path)?;
    if file.bytes() != written {
        bail!("{} does not read back as it was written", path.display());
    }
    file.open().map(|_| ()).with_context(|| path.display().to_string())
}

/// Bytes of an image file, aligned so that weights can be used in place.
#[derive(Clone, Debug)]
pub struct AlignedImage {
    words: Vec<u32>,
    len: usize,
}

/// No image that a header could declare for networks of the largest sizes is larger.
const LARGEST_FILE: u64 = 512 << 20;

impl AlignedImage {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read or is far too large.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = files::read(path, LARGEST_FILE)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self::copy(&bytes))
    }

    /// Copies bytes to where they are aligned.
    #[must_use]
    pub fn copy(bytes: &[u8]) -> Self {
        let mut words = vec![0u32; bytes.len().div_ceil(4)];
        bytemuck::cast_slice_mut(&mut words)[..bytes.len()].copy_from_slice(bytes);
        Self { words, len: bytes.len() }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }

    /// The image in them.
    ///
    /// # Errors
    /// [`daa_core::image::ImageError`].
    pub fn open(&self) -> Result<Image<'_>, daa_core::image::ImageError> {
        Image::open(self.bytes())
    }
}

/// The policy of an image, to act with on the workstation.
#[must_use]
pub fn agent_of(image: &Image<'_>) -> Agent {
    let passport = image.passport();
    let scale = crate::statistics::ObservationScale {
        mean: passport.observations.iter().map(|signal| signal.mean).collect(),
        deviation: passport.observations.iter().map(|signal| signal.deviation).collect(),
        inverse_deviation: passport
            .observations
            .iter()
            .map(|signal| 1.0 / signal.deviation)
            .collect(),
        clip: passport.observation_clip,
    };
    let architecture = image.architecture();
    let weights = image.policy_weights().to_vec();
    let mut agent =
        Agent::new(architecture.policy(), architecture.policy_activation, weights, scale);
    agent.weight_type = architecture.policy_weights;
    agent.head = architecture.policy_head;
    agent.limits = passport
        .actions
        .iter()
        .map(|signal| daa_core::policy::ActionLimits { low: signal.low, high: signal.high })
        .collect();
    agent
}

#[cfg(test)]
mod tests {
    use super::*;
    use daa_core::image::Section;
    use tch::Device;

    fn trainer() -> Trainer {
        let config = Config {
            environments: 2,
            trajectory_len: 64,
            decisions: 128,
            model_start: 0,
            model_steps: 2,
            model_first_steps: 2,
            epochs: 1,
            ..Config::default()
        };
        let mut trainer = Trainer::new(config, Device::Cpu).unwrap();
        trainer.iterate().unwrap();
        trainer
    }

    #[test]
    fn an_export_reads_back_and_acts_like_the_trainer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.daa");
        let trainer = trainer();
        let exported = export(&trainer, 0, &path).unwrap();
        let file = AlignedImage::read(&path).unwrap();
        let image = file.open().unwrap();
        assert_eq!(image.golden().len(), exported.golden_vectors);
        assert_eq!(exported.golden_vectors, 36);
        assert_eq!(agent_of(&image), trainer.agent(0));
        assert_eq!(image.section(Section::Critic), trainer.critic.seed_params(0));
        let levels = image.monitor_levels().unwrap();
        assert!(levels.alarm >= levels.warn && levels.warn > 1.0, "{levels:?}");
        // The microcontroller's types compute the golden actions to the bit.
        let policy = image.policy::<5, 64, 1>().unwrap();
        assert_eq!(daa_core::image::replay(&image, &policy), Ok(36));
        assert!(exported.largest_difference < 1e-5);
    }

    #[test]
    fn a_policy_without_its_model_is_the_same_policy_in_a_smaller_image() {
        let folder = tempfile::tempdir().unwrap();
        let (whole, alone) = (folder.path().join("whole.daa"), folder.path().join("alone.daa"));
        let trainer = trainer();
        let with = export(&trainer, 0, &whole).unwrap();
        let choice = Choice { policy_only: true, ..Choice::default() };
        let without = export_as(&trainer, 0, &alone, choice).unwrap();
        let (whole, alone) =
            (AlignedImage::read(&whole).unwrap(), AlignedImage::read(&alone).unwrap());
        let (whole, alone) = (whole.open().unwrap(), alone.open().unwrap());
        assert_eq!(agent_of(&alone), agent_of(&whole));
        assert_eq!(alone.section(Section::Golden), whole.section(Section::Golden));
        for section in [Section::Transition, Section::Reward, Section::Critic, Section::Monitor] {
            assert!(alone.section(section).is_empty() && !whole.section(section).is_empty());
        }
        let left_out = [Section::Transition, Section::Reward, Section::Critic, Section::Monitor]
            .map(|section| 4 * whole.section(section).len());
        assert_eq!(with.bytes - without.bytes, left_out.iter().sum::<usize>());
    }

    #[test]
    fn what_is_not_finite_is_not_exported() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.daa");
        for spoil in [f64::NAN, f64::INFINITY] {
            let trainer = trainer();
            let _ = trainer.actor.params().get(0).get(7).fill_(spoil);
            let error = export(&trainer, 0, &path).unwrap_err().to_string();
            assert!(
                error.contains("weight 7") && error.contains("nothing was exported"),
                "{error}"
            );
            let trainer = self::trainer();
            let _ = trainer.critic.params().get(0).get(7).fill_(spoil);
            assert!(export(&trainer, 0, &path).is_err());
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_policy_that_core_computes_differently_is_not_exported() {
        let trainer = trainer();
        let sound = trainer.agent(0);
        let visited: Vec<f32> = (0..500).map(|i| (i as f32).sin()).collect();
        assert!(compare_with_libtorch(&trainer, 0, &sound, &visited).is_ok());
        // Transposed layers are what the comparison is there to find: the first one, of 5 rows and 64 columns, read
        // as if it were the other way round, and the square one behind it and its biases.
        for (at, rows, columns) in [(0, 5, 64), (5 * 64 + 64, 64, 64)] {
            let mut agent = sound.clone();
            for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |c| (row, c))) {
                agent.weights[at + column * rows + row] =
                    sound.weights[at + row * columns + column];
            }
            let error = compare_with_libtorch(&trainer, 0, &agent, &visited).unwrap_err();
            assert!(error.to_string().contains("core and libtorch differ"), "{error}");
        }
    }
}
