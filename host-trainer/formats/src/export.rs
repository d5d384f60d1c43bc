//! Export of a trained policy as an image, with three checks: `core` against the library that trained the
//! policy, the written bytes against the reader of `core`, and the file against the bytes.

use crate::golden::golden_vectors;
use crate::image::AlignedImage;
use crate::metadata::{action_signals, check_ranges, observation_signals};
use crate::monitor_calibration::levels;
use crate::quantise::{Loss, action_errors, with_integers};
use anyhow::{Context, Result, bail};
use daa_core::image::{Architecture, Contents, Metadata, Model, Provenance, Return};
use daa_core::math::WeightType;
use daa_core::model::{DynTransition, TransitionTarget};
use daa_core::{Activation, DynMlp, MlpShape};
use daa_envs::Task;
use daa_envs::agent::Agent;
use daa_envs::evaluate::{Actions, Episode, Evaluation, Summary, evaluate};
use daa_envs::files::write_atomically;
use daa_envs::streams::{Purpose, stream};
use rand::RngExt as _;
use std::path::Path;

/// Number of episodes of the mean return in the metadata.
pub(crate) const EPISODES: usize = 20;
/// Number of observations on which `core` is compared with the library that trained the policy.
const CHECKED: usize = 1000;
/// Largest difference between the two means, both within -1 to 1.
const TOLERANCE: f32 = 1e-4;

/// The commit that this program was built from.
pub(crate) const COMMIT: &str = env!("DAA_COMMIT");

/// A network: its shape and its weights, `[in][out]` and biases layer by layer.
#[derive(Clone, Debug)]
pub struct NetworkParts {
    /// Sizes.
    pub shape: MlpShape,
    /// Weights.
    pub weights: Vec<f32>,
}

/// The learned model of a policy and its critic. An image has all of these networks or none.
#[derive(Clone, Debug)]
pub struct ModelParts {
    /// Normalised observation and action to the next normalised observation, or to its change.
    pub transition: NetworkParts,
    /// Normalised observation and action to the scaled reward.
    pub reward: NetworkParts,
    /// Normalised observation to its value.
    pub critic: NetworkParts,
    /// Standard deviations of the changes of normalised observations, `[D]`.
    pub transition_scale: Vec<f32>,
}

/// The parts of a policy from which an image is made.
#[derive(Clone, Debug)]
pub struct PolicyParts {
    /// The policy: network, statistics of its observations, limits of its actions.
    pub agent: Agent,
    /// The learned model and the critic, where there are any.
    pub model: Option<ModelParts>,
    /// Activation of the model's networks.
    pub model_activation: Activation,
    /// Activation of the critic.
    pub critic_activation: Activation,
    /// What the transition network predicts.
    pub transition_target: TransitionTarget,
    /// The task that the policy was trained for.
    pub task: &'static Task,
    /// Control steps for which an action is held.
    pub action_repeat: u32,
    /// Discount of the critic.
    pub gamma: f32,
    /// Lambda of the critic's targets.
    pub lambda: f32,
    /// Factor of the rewards in the critic's units.
    pub reward_scale: f32,
    /// Preset of the run, or the program that trained the policy.
    pub preset: String,
    /// Seed of the policy, and of the episodes that the export evaluates.
    pub seed: u64,
    /// Number of decisions of its training.
    pub decisions: u64,
    /// Worker threads of the evaluation.
    pub threads: usize,
}

/// Options of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Type of the policy's weights. Integers are calibrated on the visited observations, and the return in
    /// the metadata is that of the integers.
    pub weights: WeightType,
    /// Whether the model and the critic are left out: the firmware then has no monitor and no planning, but more
    /// flash for the policy.
    pub policy_only: bool,
}

/// Results of an export.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Exported {
    /// Seed of the policy.
    pub seed: u64,
    /// Number of bytes of the image.
    pub bytes: usize,
    /// Number of golden vectors.
    pub golden_vectors: usize,
    /// Mean return of the most probable actions.
    pub mean: f64,
    /// Standard error of the mean return.
    pub stderr: f64,
    /// Largest difference between `core` and the library that trained the policy.
    pub largest_difference: f32,
    /// Loss of precision by integer weights; none for floats.
    pub loss: Option<Loss>,
}

/// Writes the image of a policy to `path`. `means` computes the policy's means `[rows, A]`, within -1 to 1, of
/// normalised observations `[rows, D]` with the library that trained the policy.
///
/// # Errors
/// Refuses weights that are not finite, observations outside their declared ranges, a policy that `core`
/// computes differently from `means` or that cannot have the chosen weights, and a file that does not read
/// back; nothing is written then.
pub fn export(
    parts: &PolicyParts,
    means: impl Fn(&[f32]) -> Vec<f32>,
    path: &Path,
    Choice { weights, policy_only }: Choice,
) -> Result<Exported> {
    let mut agent = parts.agent.clone();
    if let Some(at) = agent.weights.iter().position(|weight| !weight.is_finite()) {
        bail!("weight {at} of the policy is {}: nothing was exported", agent.weights[at]);
    }
    let what = Evaluation {
        task: parts.task,
        action_repeat: parts.action_repeat,
        actions: Actions::Mean,
        episodes: EPISODES,
        seed: parts.seed,
        threads: parts.threads,
    };
    let episodes = evaluate(&agent, &what)?;
    let returns: Vec<f64> = episodes.iter().map(|episode| episode.total).collect();
    let mut summary = Summary::of(&returns);
    let visited: Vec<f32> =
        episodes.iter().flat_map(|episode: &Episode| episode.observations.clone()).collect();
    check_ranges(parts.task, &visited)?;

    let largest_difference = compare(parts, &agent, means, &visited)?;
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
    let golden = golden_vectors(parts.task, &agent, &visited)?;
    let model = parts.model.as_ref().filter(|_| !policy_only);
    let image = build(parts, &agent, model, summary, (&golden, &episodes))?;
    write_atomically(path, &image)?;
    read_back(path, &image)?;
    Ok(Exported {
        seed: parts.seed,
        bytes: image.len(),
        golden_vectors: golden.len() / (agent.shape.input + agent.shape.output),
        mean: summary.mean,
        stderr: summary.standard_error,
        largest_difference,
        loss,
    })
}

/// Largest difference between the means of `core` and those of `means` on 1000 observations. A tenth of
/// them are drawn from the declared ranges, the others were visited.
///
/// # Errors
/// When the largest difference is above the tolerance.
pub fn compare(
    parts: &PolicyParts,
    agent: &Agent,
    means: impl Fn(&[f32]) -> Vec<f32>,
    visited: &[f32],
) -> Result<f32> {
    let (observations, actions) = (agent.shape.input, agent.shape.output);
    let mut rng = stream(parts.seed, Purpose::Export, 0);
    let rows = visited.len() / observations;
    let mut chosen = Vec::with_capacity(CHECKED * observations);
    for i in 0..CHECKED {
        if i % 10 == 0 {
            let signals = parts.task.observations.iter();
            chosen.extend(
                signals.map(|signal| rng.random_range(signal.low as f32..=signal.high as f32)),
            );
        } else {
            let row = rng.random_range(0..rows);
            chosen.extend_from_slice(&visited[row * observations..(row + 1) * observations]);
        }
    }
    let mut normalised = vec![0.0; chosen.len()];
    let each = chosen.chunks_exact(observations).zip(normalised.chunks_exact_mut(observations));
    each.for_each(|(raw, normalised)| agent.scale.normalise(raw, normalised));
    let theirs = means(&normalised);

    let mut inverse = vec![0.0; observations];
    let policy = agent.policy(&mut inverse).context("the policy does not fit its parts")?;
    let (mut scratch, mut ours) = (vec![0.0; policy.scratch_len()], vec![0.0; actions]);
    let mut largest = 0f32;
    for (raw, theirs) in chosen.chunks_exact(observations).zip(theirs.chunks_exact(actions)) {
        policy.mean(raw, &mut scratch, &mut ours);
        for (ours, theirs) in ours.iter().zip(theirs) {
            let difference = (ours - theirs).abs();
            if difference.is_nan() {
                bail!(
                    "core or libtorch computes a mean that is not a number: nothing was exported"
                );
            }
            largest = largest.max(difference);
        }
    }
    if largest > TOLERANCE {
        bail!(
            "core and libtorch differ by {largest} on the policy's mean (at most {TOLERANCE} is allowed): nothing was exported"
        );
    }
    Ok(largest)
}

/// The bytes of the image, after `core` has read them successfully.
pub(crate) fn build(
    parts: &PolicyParts,
    agent: &Agent,
    model: Option<&ModelParts>,
    summary: Summary,
    (golden, episodes): (&[f32], &[Episode]),
) -> Result<Vec<u8>> {
    let size = |size: usize, what: &str| {
        u16::try_from(size).with_context(|| format!("{what} is too large for an image"))
    };
    let hidden = |part: fn(&ModelParts) -> &NetworkParts| model.map_or(0, |m| part(m).shape.hidden);
    let architecture = Architecture {
        observations: size(agent.shape.input, "the number of observations")?,
        actions: size(agent.shape.output, "the number of actions")?,
        policy_hidden: size(agent.shape.hidden, "the actor's hidden width")?,
        transition_hidden: size(
            hidden(|m| &m.transition),
            "the transition network's hidden width",
        )?,
        reward_hidden: size(hidden(|m| &m.reward), "the reward network's hidden width")?,
        critic_hidden: size(hidden(|m| &m.critic), "the critic's hidden width")?,
        policy_activation: agent.activation,
        model_activation: parts.model_activation,
        critic_activation: parts.critic_activation,
        transition_target: parts.transition_target,
        policy_weights: agent.weight_type,
        policy_head: agent.head,
    };
    let period = parts.task.control_timestep() * f64::from(parts.action_repeat) * 1e6;
    let metadata = Metadata {
        task: parts.task.name,
        control_period_us: period.round() as u32,
        observation_clip: agent.scale.clip,
        gamma: parts.gamma,
        lambda: parts.lambda,
        reward_scale: parts.reward_scale,
        observations: observation_signals(parts.task, &agent.scale)?,
        actions: action_signals(parts.task, &agent.limits)?,
        provenance: Provenance {
            commit: COMMIT,
            preset: &parts.preset,
            seed: parts.seed,
            decisions: parts.decisions,
            evaluation: Some(Return {
                mean: summary.mean as f32,
                standard_error: summary.standard_error as f32,
                episodes: EPISODES as u32,
            }),
        },
    };
    let monitor = match model {
        Some(ModelParts { transition, transition_scale, .. }) => {
            let network =
                DynMlp::new(transition.shape, &transition.weights, parts.model_activation)?;
            let (target, clip) = (parts.transition_target, agent.scale.clip);
            levels(
                &DynTransition { network, target, scale: transition_scale, clip },
                agent,
                episodes,
            )
        }
        None => Vec::new(),
    };
    let model = model.map(|model| Model {
        transition_scale: &model.transition_scale,
        transition: &model.transition.weights,
        reward: &model.reward.weights,
        critic: &model.critic.weights,
        monitor: &monitor,
    });
    let contents =
        Contents { architecture, metadata: &metadata, policy: &agent.weights, model, golden };
    // The buffer consists of words, because the image is used in place and must be aligned.
    let mut words = vec![0u32; contents.capacity().div_ceil(4)];
    let buffer = bytemuck::cast_slice_mut(&mut words);
    let len = daa_core::image::write(&contents, buffer).context("nothing was exported")?;
    Ok(buffer[..len].to_vec())
}

/// Copies the last exported image to the default path of firmware builds.
///
/// # Errors
/// When the image cannot be read or the copy cannot be written.
pub fn record_latest(image: &Path) -> Result<()> {
    let runs = Path::new("runs");
    if !runs.is_dir() {
        return Ok(());
    }
    let bytes = std::fs::read(image).with_context(|| format!("cannot read {}", image.display()))?;
    write_atomically(&runs.join("latest.daa"), &bytes)
}

/// Checks that the file contains the bytes of the image.
pub(crate) fn read_back(path: &Path, written: &[u8]) -> Result<()> {
    let file = AlignedImage::read(path)?;
    if file.bytes() != written {
        bail!("{} does not read back as it was written", path.display());
    }
    file.open().map(|_| ()).with_context(|| path.display().to_string())
}
