//! Import of a policy that another program trained: it becomes an image, and the actions of the image are
//! compared with those of the file.

mod fit;
mod layouts;
mod normaliser;
mod tensors;

use crate::export::{EPISODES, PolicyParts, build, read_back, record_latest};
use crate::golden::golden_vectors;
use crate::metadata::check_ranges;
use crate::steps::{self, Step};
use crate::{onnx, provenance};
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use daa_core::Activation;
use daa_core::model::TransitionTarget;
use daa_core::policy::Head;
use daa_envs::agent::Agent;
use daa_envs::evaluate::{Actions, Evaluation, Summary, evaluate};
use daa_envs::files;
use daa_envs::files::write_atomically;
use daa_envs::{self as task, Task};
pub(crate) use fit::fit;
use layouts::{Choices, Found};
use normaliser::Statistics;
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};
use tensors::File;

/// Largest file in bytes: more than two hidden layers of the largest width and a critic need.
const LARGEST_FILE: u64 = 256 << 20;
/// Largest difference between an action of the image and the action that the steps of the file give in double
/// precision. Actions are within -1 to 1.
const TOLERANCE: f64 = 1e-4;

/// Units of the actions of a policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Units {
    /// -1 to 1, whatever the range of the actuator
    #[default]
    Normalised,
    /// The units of the actuators, as dm_control's action_spec gives them
    Actuator,
}

/// Options of an import.
#[derive(Clone, Debug)]
pub struct Options {
    /// The safetensors or ONNX file.
    pub file: PathBuf,
    /// Name of the task that the policy was trained for.
    pub task: String,
    /// File of the image; none: beside the policy's file, as `.daa`.
    pub output: Option<PathBuf>,
    /// JSON or safetensors file with statistics of the observations; none: the statistics in the policy's file.
    pub normaliser: Option<PathBuf>,
    /// Largest magnitude of a normalised observation; none: the clip of the statistics, else 10.
    pub clip_obs: Option<f64>,
    /// Activation of the hidden layers; none: the one that the program which wrote the file uses.
    pub activation: Option<Activation>,
    /// Function after the last layer; none: the one that the algorithm uses.
    pub head: Option<Head>,
    /// Units of the actions.
    pub actions: Units,
    /// Index of the task's observation for each input of the policy; none: the order of the task.
    pub observation_order: Option<Vec<usize>>,
    /// Control steps for which the policy holds an action.
    pub action_repeat: u32,
    /// Name of the ONNX output that is the action; none: the first output.
    pub onnx_output: Option<String>,
}

/// What was imported.
#[derive(Clone, Debug, Serialize)]
pub struct Imported {
    image: PathBuf,
    from: String,
    /// Observations, the two hidden layers of the file, actions.
    sizes: [usize; 4],
    activation: Activation,
    head: &'static str,
    normalised: bool,
    bytes: usize,
    golden_vectors: usize,
    mean: f64,
    stderr: f64,
    largest_difference: f64,
}

impl fmt::Display for Imported {
    /// Two lines for a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, sizes: [observations, first, second, actions], activation, head, .. } =
            self;
        writeln!(
            f,
            "{}: from {from}, {observations}-{first}-{second}-{actions}, {activation:?}, head {head}{}",
            self.image.display(),
            if self.normalised { "" } else { ", observations as they are" }
        )?;
        write!(
            f,
            "{} bytes, {} golden vectors, return {:.1} +- {:.1}; actions differ from the file's by at most {:.1e}",
            self.bytes, self.golden_vectors, self.mean, self.stderr, self.largest_difference
        )
    }
}

/// Makes an image of a policy that another program trained.
///
/// # Errors
/// One line that names what cannot be read or does not fit; nothing is written then.
pub fn import(options: &Options) -> Result<Imported> {
    let task = task::find(&options.task)?;
    let path = options.output.clone().unwrap_or_else(|| options.file.with_extension("daa"));
    if path == options.file {
        bail!("{} would be overwritten: name the file of the image with --output", path.display());
    }
    let found = read(options).with_context(|| options.file.display().to_string())?;
    let imported = convert(options, task, found, &path)?;
    record_latest(&path)?;
    Ok(imported)
}

/// The bytes of a file that has at most [`LARGEST_FILE`] bytes.
fn bytes_of(path: &Path) -> Result<Vec<u8>> {
    files::read(path, LARGEST_FILE).context("the file cannot be read")
}

fn read(options: &Options) -> Result<Found> {
    let bytes = bytes_of(&options.file)?;
    if bytes.starts_with(b"PK\x03\x04") {
        bail!(
            "a PyTorch or Stable-Baselines3 archive holds code: save its tensors as safetensors (docs/formats.md shows how)"
        );
    }
    let choices = Choices { activation: options.activation, head: options.head };
    // A safetensors file begins with eight bytes of length and then JSON, an ONNX file with its IR version.
    let mut found = match (bytes.get(8), bytes.first()) {
        (Some(b'{'), _) => {
            if options.onnx_output.is_some() {
                bail!("--onnx-output is for ONNX files");
            }
            File::read(&bytes)?.policy(choices)?
        }
        (_, Some(0x08)) => {
            if choices.activation.is_some() || choices.head.is_some() {
                bail!(
                    "an ONNX file contains its activation and head: leave out --activation and --head"
                );
            }
            let graph =
                onnx::Graph::read(&bytes).context("the file is not a complete ONNX file")?;
            Found {
                from: "ONNX",
                steps: onnx::chain(&graph, options.onnx_output.as_deref())?,
                log_std: onnx::log_std(&graph),
                statistics: None,
            }
        }
        _ => bail!("the file is neither a safetensors nor an ONNX file"),
    };
    if let Some(file) = &options.normaliser {
        let statistics = bytes_of(file)
            .and_then(|bytes| Statistics::read(&bytes))
            .with_context(|| format!("statistics {}", file.display()))?;
        found.statistics = Some(statistics.clipped_at(options.clip_obs));
    }
    Ok(found)
}

fn convert(options: &Options, task: &'static Task, found: Found, path: &Path) -> Result<Imported> {
    let file = || options.file.display().to_string();
    let observations = task.observations.len();
    let mut chain = Vec::new();
    let mut normalised = found.from == "ONNX";
    if let Some(statistics) = &found.statistics {
        if statistics.len() != observations {
            let (len, task) = (statistics.len(), task.name);
            bail!("the statistics are of {len} observations, but {task} has {observations}");
        }
        chain.extend(statistics.steps());
        normalised = true;
    }
    chain.extend(found.steps);
    if let Some(order) = &options.observation_order {
        steps::reorder(&mut chain, order).context("--observation-order")?;
    }
    if options.actions == Units::Actuator {
        let each = |value: fn(f64, f64) -> f64| -> Vec<f64> {
            task.actions.iter().map(|signal| value(signal.low, signal.high)).collect()
        };
        chain.push(Step::Shift(each(|low, high| -0.5 * (low + high))));
        chain.push(Step::Divide(each(|low, high| 0.5 * (high - low))));
    }
    chain.push(Step::Clamp { low: vec![-1.0], high: vec![1.0] });
    let sizes = (observations, task.actions.len());
    let (agent, [first, second]) =
        fit(&chain, sizes, found.log_std.as_deref()).with_context(file)?;
    let activation = agent.activation;

    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (actions, action_repeat) = (Actions::Mean, options.action_repeat);
    let what = Evaluation { task, action_repeat, actions, episodes: EPISODES, seed: 1, threads };
    let episodes = evaluate(&agent, &what)?;
    let returns: Vec<f64> = episodes.iter().map(|episode| episode.total).collect();
    let summary = Summary::of(&returns);
    let visited: Vec<f32> =
        episodes.iter().flat_map(|episode| episode.observations.iter().copied()).collect();
    check_ranges(task, &visited)?;
    let golden = golden_vectors(task, &agent, &visited)?;
    let largest_difference = compare(&agent, &chain, task, &visited).with_context(file)?;
    let parts = PolicyParts {
        agent,
        model: None,
        // An imported image has no model and no critic: these are the values of a format without them.
        model_activation: activation,
        critic_activation: activation,
        transition_target: TransitionTarget::Next,
        task,
        action_repeat,
        gamma: 1.0,
        lambda: 1.0,
        reward_scale: 1.0,
        preset: found.from.to_owned(),
        seed: 0,
        decisions: 0,
        threads,
    };
    let agent = &parts.agent;
    let image = build(&parts, agent, None, summary, (&golden, &episodes))
        .context("nothing was imported")?;
    write_atomically(path, &image)?;
    read_back(path, &image)?;
    Ok(Imported {
        image: path.to_owned(),
        from: found.from.to_owned(),
        sizes: [sizes.0, first, second, sizes.1],
        activation: agent.activation,
        head: provenance::head_name(agent.head),
        normalised,
        bytes: image.len(),
        golden_vectors: golden.len() / (sizes.0 + sizes.1),
        mean: summary.mean,
        stderr: summary.standard_error,
        largest_difference,
    })
}

/// Largest difference between the actions of the image, computed by `core`, and those of the file's steps in
/// double precision: on visited observations, and on observations spread over the declared ranges.
fn compare(agent: &Agent, chain: &[Step], task: &Task, visited: &[f32]) -> Result<f64> {
    let observations = task.observations.len();
    let rows = visited.len() / observations;
    let stride = (rows / 900).max(1);
    let mut asked: Vec<Vec<f32>> =
        visited.chunks_exact(observations).step_by(stride).map(<[f32]>::to_vec).collect();
    for i in 0..100 {
        // A lattice that fills the box of all ranges evenly in any dimension.
        let place = |d: usize| (f64::from(i) * (d as f64 + 2.0).sqrt()).fract();
        let signals = task.observations.iter().enumerate();
        asked.push(signals.map(|(d, s)| (s.low + place(d) * (s.high - s.low)) as f32).collect());
    }
    let mut inverse = vec![0.0; observations];
    let policy = agent.policy(&mut inverse)?;
    let (mut scratch, mut ours) = (vec![0.0; policy.scratch_len()], vec![0.0; agent.shape.output]);
    let mut largest = 0f64;
    for observation in &asked {
        policy.mode(observation, &mut scratch, &mut ours);
        let wide: Vec<f64> = observation.iter().map(|x| f64::from(*x)).collect();
        for (ours, theirs) in ours.iter().zip(steps::compute(chain, &wide)) {
            let difference = (f64::from(*ours) - theirs).abs();
            if difference.is_nan() || difference > TOLERANCE {
                bail!(
                    "an action differs by {difference:.1e} from the action of the file (at most {TOLERANCE} is allowed): float32 is not precise enough for this policy"
                );
            }
            largest = largest.max(difference);
        }
    }
    Ok(largest)
}
