//! `import`: somebody else's policy becomes an image, held against the file that it came from.

mod fit;
mod layouts;
mod normaliser;

use crate::export::{EPISODES, PolicyParts, build, read_back, record_latest};
use crate::golden::golden_vectors;
use crate::metadata::check_ranges;
use crate::steps::{self, Step};
use crate::{onnx, provenance};
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use daa_core::Activation;
use daa_core::dynamics::TransitionTarget;
use daa_core::policy::Head;
use daa_envs::agent::Agent;
use daa_envs::evaluate::{Actions, Evaluation, Summary, evaluate};
use daa_envs::files;
use daa_envs::files::write_atomically;
use daa_envs::output;
use daa_envs::{self as task, Task};
pub(crate) use fit::fit;
use layouts::{Choices, File, Found};
use normaliser::Statistics;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// No file with two hidden layers of the largest width, and a critic beside them, is larger.
const LARGEST_FILE: u64 = 256 << 20;
/// Largest difference between an action and the one that the file's own steps give in double precision;
/// actions are within -1 to 1.
const TOLERANCE: f64 = 1e-4;

/// Units of a policy's actions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Units {
    /// -1 to 1, whatever the actuator's range
    #[default]
    Normalised,
    /// The actuators' own, as dm_control's action_spec tells them
    Actuator,
}

/// What to import.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// A safetensors or ONNX file
    file: PathBuf,
    /// The task that the policy was trained for
    #[arg(long, value_name = "TASK")]
    task: String,
    /// Where the image goes; default: beside the file, as .daa
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Statistics of the observations (VecNormalize, NormalizeObservation): JSON or safetensors;
    /// default: those in the file, if it has any
    #[arg(long, value_name = "FILE")]
    normaliser: Option<PathBuf>,
    /// Largest magnitude of a normalised observation; default: the statistics' own, else 10
    #[arg(long, value_name = "NUMBER", requires = "normaliser")]
    clip_obs: Option<f64>,
    /// Function behind the hidden layers: relu, leaky_relu, tanh, silu; default: the program's own
    #[arg(long, value_name = "NAME", value_parser = activation)]
    activation: Option<Activation>,
    /// What is behind the last layer: squash (tanh) or clip; default: the algorithm's own
    #[arg(long, value_name = "NAME", value_parser = head)]
    head: Option<Head>,
    /// Units of the policy's actions
    #[arg(long, value_enum, default_value_t)]
    actions: Units,
    /// Which of the task's observations, counted from 0, each input of the policy is; default: in turn
    #[arg(long, value_name = "N,N,…", value_delimiter = ',')]
    observation_order: Option<Vec<usize>>,
    /// Control steps for which the policy holds an action
    #[arg(long, value_name = "STEPS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    action_repeat: u32,
    /// The ONNX file's output that is the action; default: its first
    #[arg(long, value_name = "NAME")]
    onnx_output: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn activation(name: &str) -> Result<Activation, String> {
    serde_json::from_value(serde_json::Value::String(name.to_owned()))
        .map_err(|_| "one of relu, leaky_relu, tanh, silu".to_owned())
}

fn head(name: &str) -> Result<Head, String> {
    [Head::Squash, Head::Clip]
        .into_iter()
        .find(|head| provenance::head_name(*head) == name)
        .ok_or_else(|| "squash or clip".to_owned())
}

/// What became of a file.
#[derive(Clone, Debug, Serialize)]
struct Imported {
    image: PathBuf,
    from: String,
    /// Observations, the two hidden layers as they came, actions.
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

/// Imports a policy.
///
/// # Errors
/// One line that names what cannot be read or does not fit; nothing is written then.
pub fn import(args: &Args) -> Result<()> {
    let task = task::find(&args.task)?;
    let path = args.output.clone().unwrap_or_else(|| args.file.with_extension("daa"));
    if path == args.file {
        bail!("{} would be overwritten: say where the image goes with --output", path.display());
    }
    let found = read(args).with_context(|| args.file.display().to_string())?;
    let imported = convert(args, task, found, &path)?;
    record_latest(&path)?;
    if args.json {
        return output::line(serde_json::to_string(&imported)?);
    }
    let Imported { from, sizes: [observations, first, second, actions], activation, head, .. } =
        &imported;
    output::line(format!(
        "{}: from {from}, {observations}-{first}-{second}-{actions}, {activation:?}, head {head}{}",
        path.display(),
        if imported.normalised { "" } else { ", observations as they are" }
    ))?;
    output::line(format!(
        "{} bytes, {} golden vectors, return {:.1} +- {:.1}; actions differ from the file's by at most {:.1e}",
        imported.bytes,
        imported.golden_vectors,
        imported.mean,
        imported.stderr,
        imported.largest_difference
    ))
}

/// A file's bytes, unless it is far too large.
fn bytes_of(path: &Path) -> Result<Vec<u8>> {
    files::read(path, LARGEST_FILE).context("cannot be read")
}

fn read(args: &Args) -> Result<Found> {
    let bytes = bytes_of(&args.file)?;
    if bytes.starts_with(b"PK\x03\x04") {
        bail!(
            "a PyTorch or Stable-Baselines3 archive holds code: save its tensors as safetensors (docs/interchange.md shows how)"
        );
    }
    let choices = Choices { activation: args.activation, head: args.head };
    // A safetensors file is eight bytes of length, then JSON; an ONNX file begins with its IR version.
    let mut found = match (bytes.get(8), bytes.first()) {
        (Some(b'{'), _) => {
            if args.onnx_output.is_some() {
                bail!("--onnx-output is for ONNX files");
            }
            File::read(&bytes)?.policy(choices)?
        }
        (_, Some(0x08)) => {
            if choices.activation.is_some() || choices.head.is_some() {
                bail!("an ONNX file says itself what --activation and --head would");
            }
            let graph = onnx::Graph::read(&bytes).context("no whole ONNX file")?;
            Found {
                from: "ONNX",
                steps: onnx::chain(&graph, args.onnx_output.as_deref())?,
                log_std: onnx::log_std(&graph),
                statistics: None,
            }
        }
        _ => bail!("is neither a safetensors nor an ONNX file"),
    };
    if let Some(file) = &args.normaliser {
        let statistics = bytes_of(file)
            .and_then(|bytes| Statistics::read(&bytes))
            .with_context(|| format!("statistics {}", file.display()))?;
        found.statistics = Some(statistics.clipped_at(args.clip_obs));
    }
    Ok(found)
}

fn convert(args: &Args, task: &'static Task, found: Found, path: &Path) -> Result<Imported> {
    let file = || args.file.display().to_string();
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
    if let Some(order) = &args.observation_order {
        steps::reorder(&mut chain, order).context("--observation-order")?;
    }
    if args.actions == Units::Actuator {
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
    let (actions, action_repeat) = (Actions::Mean, args.action_repeat);
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

/// Largest difference between `core`'s actions and those of the file's own steps, in double precision:
/// on visited observations and on the corners and the inside of the declared ranges.
fn compare(agent: &Agent, chain: &[Step], task: &Task, visited: &[f32]) -> Result<f64> {
    let observations = task.observations.len();
    let rows = visited.len() / observations;
    let stride = (rows / 900).max(1);
    let mut asked: Vec<Vec<f32>> =
        visited.chunks_exact(observations).step_by(stride).map(<[f32]>::to_vec).collect();
    for i in 0..100 {
        // A lattice that fills the box evenly, whatever its dimension.
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
                    "an action differs by {difference:.1e} from the file's own (at most {TOLERANCE} is allowed): float32 is not enough for this policy"
                );
            }
            largest = largest.max(difference);
        }
    }
    Ok(largest)
}
