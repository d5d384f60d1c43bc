//! `host-trainer variance`: arguments in, Table 1 out.

use super::measure::{Size, improve, measure};
use super::plots;
use super::presets::Preset;
use super::table::{CSV_HEADER, Report, TABLE_1};
use super::window::Settings;
use crate::subject::policy_of;
use anyhow::{Context, Result, bail};
use daa_core::Activation;
use daa_envs::output;
use daa_envs::{self as task, Task};
use daa_trainer::decomposition::{Actor, Estimate};
use daa_trainer::decomposition::{Draws, stream};
use indicatif::{ProgressBar, ProgressStyle};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Instant;

/// Where the variance of the policy gradient comes from, and what would reduce it.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Task; may be given many times; default: the six of the paper's Table 1
    #[arg(long)]
    task: Vec<String>,
    /// Policy of a run or an image; default: a new one after --updates steps of gradient ascent
    #[arg(long, value_name = "RUN|IMAGE", conflicts_with_all = ["task", "updates", "hidden", "activation", "learning_rate", "update_states", "action_repeat"])]
    policy: Option<PathBuf>,
    /// Subtract the values that the run's critic gives to states, and let them go on where rollouts end
    #[arg(long)]
    critic: bool,
    /// Actions that every state has now: the verdict is about one more
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    now: u16,
    /// Sizes with a name: table-1 (the default: the paper's setting) or quick; other flags come after it
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// Steps of plain gradient ascent before the measurement [table-1: 20]
    #[arg(long, value_parser = clap::value_parser!(u16).range(..=10_000))]
    updates: Option<u16>,
    /// States of each of them, in trajectories of --trajectory-len [table-1: 5500]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    update_states: Option<u32>,
    /// Their learning rate
    #[arg(long, default_value_t = 0.1)]
    learning_rate: f64,
    /// Widths of the hidden layers of the new policy [table-1: 128]
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=4096))]
    hidden: Vec<u16>,
    /// Function between its layers: relu, leaky_relu, tanh or silu
    #[arg(long, default_value = "relu")]
    activation: String,
    /// States to measure, rounded up to whole trajectories [table-1: 10000]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    states: Option<u32>,
    /// Actions of each state, the one taken among them [table-1: 3]
    #[arg(long, value_parser = clap::value_parser!(u16).range(3..=1000))]
    actions: Option<u16>,
    /// Rollouts of each action in the rewound simulator: their mean return is its Q-value [table-1: 2]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    rollouts: Option<u16>,
    /// Decisions of a rollout [table-1: 100]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    horizon: Option<u32>,
    /// T, decisions of a trajectory [table-1: 100]
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=1000))]
    trajectory_len: Option<u32>,
    /// Discount of a decision
    #[arg(long, default_value_t = 0.99)]
    discount: f64,
    /// Control steps of a decision
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=100))]
    action_repeat: u32,
    /// delta, what one more action in every state costs, in trajectories
    #[arg(long, default_value_t = 1.0)]
    extension: f64,
    /// Seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Worker threads; 0: one for each core
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=1024))]
    threads: u16,
    /// Write components.csv, and charts of the components and of Delta_N against Delta_T, into a folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write all components, their intervals and the covariances of every lag to a file
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write the components of every parameter to a file
    #[arg(long, value_name = "FILE")]
    parameters: Option<PathBuf>,
}

/// A policy to measure, and where.
struct Subject {
    actor: Actor,
    settings: Settings,
}

/// Runs the command.
///
/// # Errors
/// When an argument does not fit the task, a file cannot be read or written, or a simulation fails.
pub fn run(args: &Args) -> Result<()> {
    let threads = match usize::from(args.threads) {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    if args.critic && args.policy.is_none() {
        bail!("--critic needs --policy RUN: a new policy has no critic");
    }
    if !(args.extension.is_finite() && args.extension > 0.0) {
        bail!("--extension {} is not above 0", args.extension);
    }
    if !(0.0..=1.0).contains(&args.discount) {
        bail!("--discount {} is not between 0 and 1", args.discount);
    }
    if !(args.learning_rate.is_finite() && args.learning_rate >= 0.0) {
        bail!("--learning-rate {} is not a number from 0", args.learning_rate);
    }
    let preset = Preset::find(args.preset.as_deref())?;
    let tasks: Vec<&str> = match args.task.as_slice() {
        [] => TABLE_1.iter().map(|published| published.task).collect(),
        tasks => tasks.iter().map(String::as_str).collect(),
    };
    let (mut csv, mut parameters) = (CSV_HEADER.to_owned(), PARAMETERS_HEADER.to_owned());
    if let Some(folder) = &args.out {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
    }
    // A file that cannot be written is better known before the measurement than after it.
    let table = args.out.as_ref().map(|folder| folder.join("components.csv"));
    let tables = [args.csv.as_deref(), table.as_deref()];
    tables.iter().try_for_each(|path| output::write_file(*path, &csv))?;
    output::write_file(args.parameters.as_deref(), &parameters)?;
    let mut reports = Vec::new();
    let mut one = |subject: &dyn Fn() -> Result<Subject>| -> Result<()> {
        let begin = Instant::now();
        let Subject { actor, settings } = subject()?;
        let size = Size::of(
            args.states.unwrap_or(preset.states) as usize,
            settings.trajectory_len,
            threads,
        );
        let bar = progress(settings.task.name, size);
        let measured = measure(&actor, settings, size, |done| bar.set_position(done as u64))?;
        bar.finish_and_clear();
        let seconds = begin.elapsed().as_secs_f64();
        let beside_paper = args.policy.is_none();
        let report = Report::new(
            &measured,
            settings,
            size,
            (usize::from(args.now), args.extension),
            beside_paper,
            seconds,
        );
        output::line(report.text())?;
        csv += &report.csv();
        parameters += &by_parameter(settings, &measured.parameters);
        // After every task: hours of measurement are not lost with the last one.
        tables.iter().try_for_each(|path| output::write_file(*path, &csv))?;
        output::write_file(args.parameters.as_deref(), &parameters)?;
        let Some(folder) = &args.out else { return Ok(()) };
        for (name, chart) in plots::deltas(&report) {
            output::write_file(Some(&folder.join(name)), &chart.svg(true))?;
        }
        reports.push(report);
        let chart = plots::components(&reports);
        output::write_file(Some(&folder.join("components.svg")), &chart.svg(true))
    };
    match &args.policy {
        Some(path) => one(&|| {
            let (agent, task, action_repeat) = policy_of(path)?;
            let settings = settings(args, preset, task, action_repeat)?;
            let actor = Actor::of(&agent);
            if !args.critic {
                return Ok(Subject { actor, settings });
            }
            if !path.is_dir() {
                bail!("--critic needs a run: the image {} has no critic", path.display());
            }
            let (_, trainer) = daa_trainer::run::open::load(path)?;
            Ok(Subject { actor: actor.with_critic(super::critic_of(&trainer, 0)), settings })
        }),
        None => tasks.iter().try_for_each(|task| one(&|| fresh(args, preset, task, threads))),
    }
}

fn settings(
    args: &Args,
    preset: &Preset,
    task: &'static Task,
    action_repeat: u32,
) -> Result<Settings> {
    let trajectory_len = args.trajectory_len.unwrap_or(preset.trajectory_len);
    let horizon = args.horizon.unwrap_or(preset.horizon);
    let settings = Settings {
        task,
        action_repeat,
        trajectory_len: trajectory_len as usize,
        num_actions: usize::from(args.actions.unwrap_or(preset.actions)),
        rollouts: usize::from(args.rollouts.unwrap_or(preset.rollouts)),
        horizon: horizon as usize,
        discount: args.discount,
        seed: args.seed,
    };
    if task.terminates() {
        bail!(
            "episodes of {} can end early, and windows of trajectories cannot: leave out [[terminate]]",
            task.name
        );
    }
    let episode = settings.episode();
    for (flag, value) in [("trajectory-len", trajectory_len), ("horizon", horizon)] {
        if value as usize > episode {
            bail!(
                "--{flag} {value} is more than the {episode} decisions of an episode of {}",
                task.name
            );
        }
    }
    Ok(settings)
}

/// A new policy after some updates.
fn fresh(args: &Args, preset: &Preset, task: &str, threads: usize) -> Result<Subject> {
    let settings = settings(args, preset, task::find(task)?, args.action_repeat)?;
    let activation = match args.activation.as_str() {
        "relu" => Activation::Relu,
        "leaky_relu" => Activation::LeakyRelu,
        "tanh" => Activation::Tanh,
        "silu" => Activation::Silu,
        other => bail!("--activation {other} is none of relu, leaky_relu, tanh, silu"),
    };
    let mut sizes = vec![settings.task.observations.len()];
    let hidden = if args.hidden.is_empty() { preset.hidden } else { &args.hidden };
    sizes.extend(hidden.iter().map(|width| usize::from(*width)));
    sizes.push(settings.task.actions.len());
    let mut rng = stream(args.seed, Draws::Weights, 0);
    let mut actor = Actor::new(&mut rng, sizes, activation, HEAD_GAIN);
    let trajectories = (args.update_states.unwrap_or(preset.update_states) as usize)
        .div_ceil(settings.trajectory_len);
    let work = (usize::from(args.updates.unwrap_or(preset.updates)), trajectories);
    improve(&mut actor, settings, work, args.learning_rate, threads)?;
    Ok(Subject { actor, settings })
}

/// As in the released code: the first actions are noise around 0.
const HEAD_GAIN: f32 = 0.01;

fn progress(task: &str, size: Size) -> ProgressBar {
    let bar = ProgressBar::new((size.trajectories / size.group) as u64);
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} groups, {eta} left");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.set_message(task.to_owned());
    bar
}

const PARAMETERS_HEADER: &str = "task,parameter,state_variance,action_variance,marginal_sum,rest_sum,markov_chain,policy_dependent\n";

fn by_parameter(settings: Settings, estimate: &Estimate) -> String {
    let len = settings.trajectory_len;
    let mut text = String::new();
    for parameter in 0..estimate.state_variance.len() {
        let c = estimate.parameter(parameter);
        let _ = writeln!(
            text,
            "{},{parameter},{},{},{},{},{},{}",
            settings.task.name,
            c.state_variance,
            c.action_variance,
            c.marginal_sum(len),
            c.rest_sum(len),
            c.markov_chain(len),
            c.policy_dependent(len)
        );
    }
    text
}
