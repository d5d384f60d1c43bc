//! `host-trainer variance`: measures the components of Table 1.

use super::measure::{Size, improve, measure};
use super::plots;
use super::settings::{Flags, PRESETS, VarianceConfig};
use super::table::{CSV_COLUMNS, Report};
use super::window::Settings;
use crate::csv_file;
use crate::subject::policy_of;
use anyhow::{Context, Result, bail};
use daa_envs::output;
use daa_envs::{self as task, Task};
use daa_trainer::config::{ConfigError, SourceArguments, assigned};
use daa_trainer::decomposition::{Actor, Draws, Estimate, stream};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::PathBuf;
use std::time::Instant;

/// Measure the variance that states and actions contribute to the policy gradient, and what would reduce it
#[derive(clap::Args, Debug)]
#[command(after_long_help = help())]
pub struct Args {
    /// Run or image whose policy is measured; default: a new policy, after some steps of gradient ascent
    #[arg(long, value_name = "RUN|IMAGE")]
    policy: Option<PathBuf>,
    /// Subtract the critic's value of each state from its returns, and add the value of each rollout's last state
    #[arg(long)]
    critic: bool,
    #[command(flatten)]
    sources: SourceArguments,
    #[command(flatten)]
    flags: Flags,
    /// Folder for components.csv and charts of the components and of Delta_N and Delta_T
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// CSV file of all components and the covariances of every lag, with intervals
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// CSV file of the components of every parameter
    #[arg(long, value_name = "FILE")]
    parameters: Option<PathBuf>,
}

/// The presets and the keys of `--set`.
fn help() -> String {
    daa_trainer::config::help::<VarianceConfig>(&PRESETS)
}

/// A policy with the settings of its measurement.
struct Subject {
    actor: Actor,
    settings: Settings,
}

/// Runs the command.
///
/// # Errors
/// When an argument does not fit the task, a file cannot be read or written, or a simulation fails.
pub fn run(args: &Args) -> Result<()> {
    if args.critic && args.policy.is_none() {
        bail!("--critic needs --policy RUN: a new policy has no critic");
    }
    let config = configuration(args)?;
    let threads = config.num_threads();
    let columns = |columns: &[&str]| columns.iter().map(|name| (*name).to_owned()).collect();
    let mut csv: Vec<Vec<String>> = vec![columns(&CSV_COLUMNS)];
    let mut parameters: Vec<Vec<String>> = vec![columns(&PARAMETER_COLUMNS)];
    if let Some(folder) = &args.out {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
    }
    // A file that cannot be written is reported before the measurement.
    let table = args.out.as_ref().map(|folder| folder.join("components.csv"));
    let tables = [args.csv.as_deref(), table.as_deref()];
    let write = |csv: &[Vec<String>], parameters: &[Vec<String>]| -> Result<()> {
        let text = csv_file::text(csv);
        tables.iter().try_for_each(|path| output::write_file(*path, &text))?;
        output::write_file(args.parameters.as_deref(), &csv_file::text(parameters))
    };
    write(&csv, &parameters)?;
    let mut reports = Vec::new();
    let mut one = |subject: &dyn Fn() -> Result<Subject>| -> Result<()> {
        let begin = Instant::now();
        let Subject { actor, settings } = subject()?;
        let size = Size::of(config.measure.states, settings.trajectory_len, threads);
        let bar = progress(settings.task.name, size);
        let measured = measure(&actor, settings, size, |done| bar.set_position(done as u64))?;
        bar.finish_and_clear();
        let seconds = begin.elapsed().as_secs_f64();
        let beside_paper = args.policy.is_none();
        let report = Report::new(
            &measured,
            settings,
            size,
            (config.measure.now, config.measure.extension),
            beside_paper,
            seconds,
        );
        output::line(report.text())?;
        csv.extend(report.csv_lines());
        parameters.extend(by_parameter(settings, &measured.parameters));
        // The files are written after every task, so that an interrupted measurement keeps the finished tasks.
        write(&csv, &parameters)?;
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
            let settings = settings(&config, task, action_repeat)?;
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
        None => config.tasks.iter().try_for_each(|task| one(&|| fresh(&config, task))),
    }
}

/// The options of the measurement. With --policy, the options of a new policy are refused.
fn configuration(args: &Args) -> Result<VarianceConfig, ConfigError> {
    let sources = args.sources.sources(&args.flags.assignments());
    let config = VarianceConfig::resolve(&sources)?;
    if args.policy.is_some() {
        for (key, value) in assigned(&sources)? {
            if let Some(because) = VarianceConfig::without_effect(&key) {
                let (value, because) = (value.to_string(), because.to_owned());
                return Err(ConfigError::NoEffect { key, value, because });
            }
        }
    }
    Ok(config)
}

fn settings(config: &VarianceConfig, task: &'static Task, action_repeat: u32) -> Result<Settings> {
    let measure = &config.measure;
    let settings = Settings {
        task,
        action_repeat,
        trajectory_len: measure.trajectory_length,
        num_actions: measure.actions,
        rollouts: measure.rollouts,
        horizon: measure.horizon,
        discount: config.gamma,
        seed: config.seed,
    };
    if task.terminates() {
        bail!(
            "episodes of {} can end early, and windows of trajectories cannot: leave out [[terminate]]",
            task.name
        );
    }
    let episode = settings.episode();
    for (key, value) in
        [("trajectory_length", measure.trajectory_length), ("horizon", measure.horizon)]
    {
        if value > episode {
            bail!(
                "measure.{key} = {value} is more than the {episode} decisions of an episode of {}",
                task.name
            );
        }
    }
    Ok(settings)
}

/// A new policy after the steps of gradient ascent.
fn fresh(config: &VarianceConfig, task: &str) -> Result<Subject> {
    let settings = settings(config, task::find(task)?, config.action_repeat)?;
    let policy = &config.new_policy;
    let mut sizes = vec![settings.task.observations.len()];
    sizes.extend(policy.hidden.iter().map(|width| usize::from(*width)));
    sizes.push(settings.task.actions.len());
    let mut rng = stream(config.seed, Draws::Weights, 0);
    let mut actor = Actor::new(&mut rng, sizes, policy.activation, HEAD_GAIN);
    let trajectories = policy.update_states.div_ceil(settings.trajectory_len);
    let work = (policy.updates, trajectories);
    improve(&mut actor, settings, work, policy.learning_rate, config.num_threads())?;
    Ok(Subject { actor, settings })
}

/// As in the released code of the paper, the last layer is small: the first actions are noise around 0.
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

/// Columns of the file of `--parameters`.
const PARAMETER_COLUMNS: [&str; 8] = [
    "task",
    "parameter",
    "state_variance",
    "action_variance",
    "marginal_sum",
    "rest_sum",
    "markov_chain",
    "policy_dependent",
];

fn by_parameter(settings: Settings, estimate: &Estimate) -> Vec<Vec<String>> {
    let len = settings.trajectory_len;
    let line = |parameter: usize| {
        let c = estimate.parameter(parameter);
        let numbers = [
            c.state_variance,
            c.action_variance,
            c.marginal_sum(len),
            c.rest_sum(len),
            c.markov_chain(len),
            c.policy_dependent(len),
        ];
        let mut cells = vec![settings.task.name.to_owned(), parameter.to_string()];
        cells.extend(numbers.map(|number| number.to_string()));
        cells
    };
    (0..estimate.state_variance.len()).map(line).collect()
}
