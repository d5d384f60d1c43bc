//! `host-trainer variance`: arguments in, Table 1 out.

use super::measure::{Size, improve, measure};
use super::plots;
use super::settings::{Flags, PRESETS, VarianceConfig};
use super::table::{CSV_HEADER, Report};
use super::window::Settings;
use crate::subject::policy_of;
use anyhow::{Context, Result, bail};
use daa_envs::output;
use daa_envs::{self as task, Task};
use daa_trainer::config::{ConfigError, SourceArguments, assigned};
use daa_trainer::decomposition::{Actor, Draws, Estimate, stream};
use indicatif::{ProgressBar, ProgressStyle};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Instant;

/// Where the variance of the policy gradient comes from, and what would reduce it.
#[derive(clap::Args, Debug)]
#[command(after_long_help = help())]
pub struct Args {
    /// Policy of a run or an image; default: a new one, after some steps of gradient ascent
    #[arg(long, value_name = "RUN|IMAGE")]
    policy: Option<PathBuf>,
    /// Subtract the critic's values of the states, and add them where rollouts end
    #[arg(long)]
    critic: bool,
    #[command(flatten)]
    sources: SourceArguments,
    #[command(flatten)]
    flags: Flags,
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

/// The presets and the keys of `--set`.
fn help() -> String {
    daa_trainer::config::help::<VarianceConfig>(&PRESETS)
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
    if args.critic && args.policy.is_none() {
        bail!("--critic needs --policy RUN: a new policy has no critic");
    }
    let config = configuration(args)?;
    let threads = config.num_threads();
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

/// The options of the measurement. With a given policy, an option of a new one is refused.
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

/// A new policy after some updates.
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
