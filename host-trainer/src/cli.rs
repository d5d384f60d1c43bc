//! The command line: raw arguments in, exit code out.
//!
//! Exit codes: 0 done, 1 failed (one line on standard error says why and what to do), 2 arguments not
//! understood, 130 interrupted (what was reached is saved).

use crate::config;
use crate::export::{AlignedImage, Choice, agent_of, export_as};
use crate::integers::Dtype;
use crate::interchange;
use crate::output;
use crate::run::checkpoint::{self, Which};
use crate::run::directory::RunDirectory;
use crate::run::progress::Show;
use crate::session::{Begun, Ending, Options, Resume, Session};
use crate::train::Trainer;
use crate::{
    bench, diagnose, doctor, drive, experiment, flash, inspect, nn, render, report, sweep, variance,
};
use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use daa_envs as task;
use daa_envs::agent::Agent;
use daa_envs::evaluate::{Actions, Evaluation, Summary, evaluate, trajectories_csv};
use daa_envs::files::write_atomically;
use daa_envs::files::{RECORDED, read_text};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tch::Device;

/// Trains all-action policy gradients (DAA-PPO) on the DeepMind Control Suite and exports policies
/// for microcontrollers.
#[derive(Parser, Debug)]
#[command(name = "host-trainer", version, about, long_about = None)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// TOML of a task of your own that a run or an image was made with, where its copy in the run is gone
    #[arg(long, global = true, value_name = "TOML", hide_short_help = true)]
    task_file: Vec<PathBuf>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Train a policy and export its image; without arguments, the preset quickstart
    #[command(after_long_help = config::help(), after_help = "--help lists the keys of --set.")]
    Train(Box<TrainArgs>),
    /// Run episodes with a policy
    Evaluate(EvaluateArgs),
    /// Make an animation (.gif) or a sheet of pictures (.png) of an episode
    Render(render::Args),
    /// Put runs together: learning curves, scores and comparisons over seeds, as one page
    Report(report::Args),
    /// Write the policy image of a run, or an image in other people's formats
    Export(ExportArgs),
    /// Make an image of a policy of Stable-Baselines3 or CleanRL: safetensors or ONNX
    Import(interchange::ImportArgs),
    /// Run one of the paper's figures: every arm on every task, and a report
    Experiment(Box<experiment::Args>),
    /// Plan and run many jobs: a grid of tasks, estimators and options
    #[command(subcommand)]
    Sweep(sweep::Sweep),
    /// Hold each estimator's advantages against rollouts in the rewound simulator
    Diagnose(diagnose::Args),
    /// Show what is in a policy image
    Inspect {
        /// The image
        image: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Replay recorded actions from a saved simulator state; prints JSON
    Replay {
        /// JSON: {"task", "state", "model" (optional), "actions", "repeat"}
        file: PathBuf,
    },
    /// Drive the simulator with a microcontroller that runs an image, and compare every action
    Drive(DriveArgs),
    /// Send a new image to a microcontroller, into the slot whose policy does not act
    FlashPolicy(FlashArgs),
    /// Measure where the variance of the policy gradient comes from: states or actions
    Variance(variance::command::Args),
    /// Measure
    #[command(subcommand)]
    Bench(Bench),
    /// List the tasks
    Tasks {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Check the native libraries
    Doctor {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand, Debug)]
enum Bench {
    /// Decisions per CPU-second of the tasks, the share of MuJoCo in it, and two threads against one;
    /// beside Python dm_control where `cargo xtask record` or DM_CONTROL_PYTHON has put it
    Env {
        /// Only this task
        #[arg(long)]
        task: Option<String>,
        /// Seconds for each task
        #[arg(long, default_value_t = 2.0)]
        seconds: f64,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// CPU seconds of training by phase, on one thread, beside the time that its matrix products
    /// alone would take
    Train(Box<bench::train::Args>),
}

#[derive(Args, Debug)]
struct TrainArgs {
    #[command(flatten)]
    config: config::Arguments,
    /// Directory of the run; default: the next free one below runs/
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    /// Go on with this run, as it was begun; or auto: with an unfinished one of this configuration,
    /// never: with none. Default: with the one in --run-dir, if it is of this configuration
    #[arg(long, value_name = "RUN|auto|never")]
    resume: Option<PathBuf>,
    /// Seconds between two checkpoints; 0: after every iteration. No result depends on it
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    checkpoint_every: u64,
    /// Seconds to wait for a directory that another process holds
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait_for_lock: u64,
    /// Print one JSON object an update, and a last one with the results
    #[arg(long)]
    json: bool,
    /// Print only errors
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Args, Debug)]
struct EvaluateArgs {
    /// A run directory or an image
    #[arg(value_name = "RUN|IMAGE")]
    what: PathBuf,
    /// Number of episodes
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    episodes: u32,
    /// Seed of the starts
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Sample the actions, as in the papers, instead of taking the most probable ones
    #[arg(long)]
    sampled: bool,
    /// Worker threads; 0: one for each core
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Save every decision of every episode to this CSV file: observation, action, reward
    #[arg(long, value_name = "FILE")]
    trajectories: Option<PathBuf>,
    /// Print {"mean", "stderr", "returns"}
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct ExportArgs {
    /// The run directory; or an image, to write it in other formats
    #[arg(value_name = "RUN|IMAGE")]
    run: PathBuf,
    /// Where the image goes; default: policy.daa in the run directory
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Which of the run's seeds, or best: the one whose policy returns most; default: the first
    #[arg(long, value_name = "SEED|best")]
    seed: Option<String>,
    /// Which checkpoint: newest, best (of the evaluations during training) or an iteration
    #[arg(long, value_name = "newest|best|ITERATION", default_value = "newest")]
    checkpoint: Which,
    /// Type of the policy's weights; integers are calibrated on visited observations
    #[arg(long, value_enum, default_value_t)]
    dtype: Dtype,
    /// Leave out dynamics, reward and critic: the firmware then has no monitor and no --best-of, and a policy of
    /// 512 hidden units (with --dtype i8) fits the chip's flash
    #[arg(long)]
    policy_only: bool,
    #[command(flatten)]
    formats: interchange::Formats,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct DriveArgs {
    /// The image that the microcontroller runs
    image: PathBuf,
    /// FIFO or serial port that takes requests
    #[arg(long, value_name = "PATH")]
    request: PathBuf,
    /// FIFO or serial port that gives replies
    #[arg(long, value_name = "PATH")]
    reply: PathBuf,
    /// Number of episodes
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    episodes: u32,
    /// Seed of the starts
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Clock ticks of one instruction: 21.504 in the emulator, 1 on a board (then they are cycles)
    #[arg(long, default_value_t = 21.504)]
    ticks_per_instruction: f64,
    /// Act with the best of so many sampled actions, by their imagined advantages
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=16))]
    best_of: u8,
    /// With --best-of: the mean of all, weighted by their advantages; the lower, the more the best one
    #[arg(long, default_value_t = 0.0, value_name = "TEMPERATURE", value_parser = not_negative)]
    softmax: f32,
    /// With --best-of: begin no candidate after so many instructions; 0 is no limit
    #[arg(long, default_value_t = 0, value_name = "INSTRUCTIONS")]
    budget: u32,
    /// With --best-of: only report the advantages
    #[arg(long)]
    telemetry: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A temperature; NaN would compare with nothing.
fn not_negative(text: &str) -> Result<f32, String> {
    let value = text.parse().ok().filter(|value: &f32| value.is_finite() && *value >= 0.0);
    value.ok_or_else(|| "it is a number, 0 or above".to_owned())
}

#[derive(Args, Debug)]
struct FlashArgs {
    /// The image
    image: PathBuf,
    /// FIFO or serial port that takes requests
    #[arg(long, value_name = "PATH")]
    request: PathBuf,
    /// FIFO or serial port that gives replies
    #[arg(long, value_name = "PATH")]
    reply: PathBuf,
    /// Make the actuators safe first
    #[arg(long)]
    disarm: bool,
    /// Switch an emulated microcontroller off afterwards
    #[arg(long)]
    goodbye: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    nn::keep_freed_memory();
    nn::use_one_thread();
    let result = match nn::torch_version_error() {
        Some(error) => Err(anyhow::anyhow!(error)),
        None => cli
            .task_file
            .iter()
            .try_for_each(|file| task::load(file).map(|_| ()))
            .map_err(anyhow::Error::from)
            .and_then(|()| run(cli.command)),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Train(args) => return train(&args),
        Command::Evaluate(args) => evaluate_command(&args)?,
        Command::Render(args) => {
            let (agent, task, action_repeat) = policy_of(&args.what)?;
            render::render(&agent, task, action_repeat, &args)?;
        }
        Command::Report(args) => report::report(&args)?,
        Command::Export(args) => export_command(&args)?,
        Command::Import(args) => interchange::import(&args)?,
        Command::Experiment(args) => return experiment::run(&args),
        Command::Sweep(command) => return sweep::run(&command),
        Command::Diagnose(args) => diagnose::run(&args)?,
        Command::Inspect { image, json } => inspect::inspect(&image, json)?,
        Command::Replay { file } => replay(&file)?,
        Command::Drive(args) => drive_command(&args)?,
        Command::FlashPolicy(args) => flash_command(&args)?,
        Command::Variance(args) => variance::command::run(&args, policy_of)?,
        Command::Bench(Bench::Env { task, seconds, json }) => {
            bench_env(task.as_deref(), seconds, json)?
        }
        Command::Bench(Bench::Train(args)) => bench::train::run(&args)?,
        Command::Tasks { json } => tasks(json)?,
        Command::Doctor { json } => doctor_command(json)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn train(args: &TrainArgs) -> Result<ExitCode> {
    let show = match (args.json, args.quiet) {
        (true, _) => Show::Json,
        (false, true) => Show::Nothing,
        (false, false) => Show::Human,
    };
    let options = Options {
        show,
        checkpoint_every: Duration::from_secs(args.checkpoint_every),
        wait_for_lock: Duration::from_secs(args.wait_for_lock),
    };
    let resume = match args.resume.as_deref().map(|run| (run, run.to_str())) {
        None => Resume::Here,
        Some((_, Some("auto"))) => Resume::Auto,
        Some((_, Some("never"))) => Resume::Never,
        Some((run, _)) => {
            if args.run_dir.is_some() || !args.config.is_empty() {
                bail!(
                    "--resume {} goes on as the run was begun: leave out the other options, or name it with --run-dir",
                    run.display()
                );
            }
            return finish(Session::resume(run, options)?, show);
        }
    };
    let config = args.config.resolve()?;
    finish(Session::begin(config, args.run_dir.as_deref(), &resume, options)?, show)
}

fn finish(begun: Begun, show: Show) -> Result<ExitCode> {
    let session = match begun {
        Begun::Session(session) => session,
        Begun::Finished(summary) => {
            match show {
                Show::Json => output::line(summary)?,
                Show::Human => eprintln!("this run is finished: evaluate, render or export it"),
                Show::Nothing => {}
            }
            return Ok(ExitCode::SUCCESS);
        }
    };
    match session.run()? {
        Ending::Finished => Ok(ExitCode::SUCCESS),
        Ending::Interrupted => Ok(ExitCode::from(130)),
    }
}

/// A run's trainer, as its newest checkpoint left it.
pub(crate) fn load(path: &Path) -> Result<(RunDirectory, Trainer)> {
    load_checkpoint(path, Which::Newest)
}

/// A run's trainer, as a checkpoint left it.
fn load_checkpoint(path: &Path, which: Which) -> Result<(RunDirectory, Trainer)> {
    let (directory, config) = RunDirectory::open(path)?;
    let mut trainer = Trainer::new(config, Device::Cpu)?;
    checkpoint::load(&directory, &mut trainer, which, |line| eprintln!("{line}"))?;
    Ok((directory, trainer))
}

/// The policy of a run directory or an image, its task, and the control steps of a decision.
fn policy_of(what: &Path) -> Result<(Agent, &'static task::Task, u32)> {
    if what.is_dir() {
        let (_, trainer) = load(what)?;
        return Ok((trainer.agent(0), trainer.task(), trainer.config().action_repeat));
    }
    let file = AlignedImage::read(what)?;
    let image = file.open().with_context(|| what.display().to_string())?;
    let task = task::find_near(image.passport().task, what)?;
    Ok((agent_of(&image), task, drive::action_repeat(&image, task)?))
}

fn evaluate_command(args: &EvaluateArgs) -> Result<()> {
    let threads = match args.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let (agent, task, action_repeat) = policy_of(&args.what)?;
    let episodes = args.episodes as usize;
    let actions = if args.sampled { Actions::Sampled } else { Actions::Mean };
    let what = Evaluation { task, action_repeat, actions, episodes, seed: args.seed, threads };
    let episodes = evaluate(&agent, &what)?;
    let returns: Vec<f64> = episodes.iter().map(|episode| episode.total).collect();
    let Summary { mean, standard_error } = Summary::of(&returns);
    if let Some(file) = &args.trajectories {
        write_atomically(file, trajectories_csv(task, &episodes)?.as_bytes())?;
    }
    if args.json {
        output::line(format!(
            "{}",
            serde_json::json!({ "mean": mean, "stderr": standard_error, "returns": returns })
        ))?;
    } else {
        for (index, value) in returns.iter().enumerate() {
            output::line(format!("episode {index:>3}  {value:8.2}"))?;
        }
        output::line(format!(
            "mean return {mean:.2} +- {standard_error:.2} ({}, {} episodes, seed {})",
            task.name,
            returns.len(),
            args.seed
        ))?;
    }
    Ok(())
}

fn export_command(args: &ExportArgs) -> Result<()> {
    if args.run.is_file() {
        return convert(args);
    }
    let (directory, trainer) = load_checkpoint(&args.run, args.checkpoint)?;
    let seeds = &trainer.config().seeds;
    let seed_index = match args.seed.as_deref() {
        None => 0,
        Some("best") => best_seed(&trainer)?,
        Some(seed) => {
            let wanted = seed.parse().ok();
            let found = seeds.iter().position(|known| Some(*known) == wanted);
            found.with_context(|| {
                format!("{} has no seed {seed}, only {seeds:?} (or best)", args.run.display())
            })?
        }
    };
    let path = args.output.clone().unwrap_or_else(|| directory.image());
    let choice = Choice { weights: args.dtype.into(), policy_only: args.policy_only };
    let exported = export_as(&trainer, seed_index, &path, choice)?;
    record_latest(&path)?;
    let formats = args.formats.write(&path)?;
    if args.json {
        output::line(format!(
            "{}",
            serde_json::json!({ "image": path, "exported": exported, "formats": formats })
        ))?;
    } else {
        output::line(format!(
            "{}: {} bytes, {} golden vectors, return {:.1} +- {:.1}, core and libtorch differ by at most {:.1e}",
            path.display(),
            exported.bytes,
            exported.golden_vectors,
            exported.mean,
            exported.stderr,
            exported.largest_difference
        ))?;
        if let Some(loss) = exported.loss {
            output::line(format!(
                "floats return {:.1} +- {:.1}; actions differ by at most {:.4}, {:.4} in the mean",
                loss.float_mean, loss.float_stderr, loss.largest_action_error, loss.action_error
            ))?;
        }
        formats.iter().try_for_each(|file| output::line(file.display()))?;
    }
    Ok(())
}

/// Writes an image in other formats.
fn convert(args: &ExportArgs) -> Result<()> {
    let image = args.run.display();
    let of_a_run = args.output.is_some() || args.seed.is_some() || args.dtype != Dtype::default();
    if of_a_run || args.policy_only || args.checkpoint != Which::Newest {
        bail!(
            "{image} is an image: --output, --seed, --checkpoint, --dtype and --policy-only are for runs"
        );
    }
    if args.formats.is_empty() {
        bail!("{image} is an image already: say --onnx, --safetensors or --c-header FILE");
    }
    let formats = args.formats.write(&args.run)?;
    if args.json {
        return output::line(serde_json::json!({ "image": args.run, "formats": formats }));
    }
    formats.iter().try_for_each(|file| output::line(file.display()))
}

/// The seed whose policy has the highest mean return over 20 episodes, the same starts for all.
fn best_seed(trainer: &Trainer) -> Result<usize> {
    let config = trainer.config();
    let mut best = (0, f64::NEG_INFINITY);
    for seed_index in 0..config.num_seeds() {
        let what = Evaluation {
            task: trainer.task(),
            action_repeat: config.action_repeat,
            actions: Actions::Mean,
            episodes: 20,
            seed: config.seeds[0],
            threads: config.num_threads(),
        };
        let episodes = evaluate(&trainer.agent(seed_index), &what)?;
        let returns: Vec<f64> = episodes.iter().map(|episode| episode.total).collect();
        let mean = Summary::of(&returns).mean;
        if mean > best.1 {
            best = (seed_index, mean);
        }
    }
    Ok(best.0)
}

/// Keeps a copy of the last exported image where a firmware build looks when it is told nothing.
pub(crate) fn record_latest(image: &Path) -> Result<()> {
    let runs = Path::new("runs");
    if !runs.is_dir() {
        return Ok(());
    }
    let bytes = std::fs::read(image).with_context(|| format!("cannot read {}", image.display()))?;
    write_atomically(&runs.join("latest.daa"), &bytes)
}

fn replay(file: &Path) -> Result<()> {
    let text =
        read_text(file, RECORDED).with_context(|| format!("cannot read {}", file.display()))?;
    let named = task::replay::parse(&text).and_then(|r| task::find_near(&r.task, file));
    named.with_context(|| file.display().to_string())?;
    output::line(task::replay::replay(&text).with_context(|| file.display().to_string())?)?;
    Ok(())
}

fn flash_command(args: &FlashArgs) -> Result<()> {
    let options = flash::Options {
        image: args.image.clone(),
        request: args.request.clone(),
        reply: args.reply.clone(),
        disarm: args.disarm,
        goodbye: args.goodbye,
    };
    let bar = indicatif::ProgressBar::new(0);
    let report = flash::flash(&options, |received, len| {
        bar.set_length(u64::from(len));
        bar.set_position(u64::from(received));
    })?;
    bar.finish_and_clear();
    if args.json {
        return output::line(serde_json::to_string(&report)?);
    }
    if report.reset.is_crash() {
        output::line(format!("the microcontroller was last started by {}", report.reset))?;
    }
    output::line(format!(
        "image {:08x} runs in shadow beside {:08x}: {} bytes sent, {} were there",
        report.image,
        report.policies.acting,
        report.bytes - report.resumed_at,
        report.resumed_at
    ))
}

fn drive_command(args: &DriveArgs) -> Result<()> {
    if !(args.ticks_per_instruction.is_finite() && args.ticks_per_instruction > 0.0) {
        bail!("--ticks-per-instruction {} is not above 0", args.ticks_per_instruction);
    }
    let options = drive::Options {
        image: args.image.clone(),
        request: args.request.clone(),
        reply: args.reply.clone(),
        episodes: args.episodes as usize,
        seed: args.seed,
        ticks_per_instruction: args.ticks_per_instruction,
        plan: daa_core::planner::Plan {
            candidates: args.best_of,
            acts: !args.telemetry,
            temperature: args.softmax,
            budget: (f64::from(args.budget) * args.ticks_per_instruction) as u32,
            seed: 0,
        },
    };
    let report = drive::drive(&options, |index, episode| {
        if !args.json {
            output::line(format!(
                "episode {index:>3}  host {:8.2}  microcontroller {:8.2}  differing actions {}  instructions/decision {:.0}",
                episode.host_return,
                episode.mcu_return,
                episode.differing_actions,
                episode.instructions_per_decision
            ))?;
        }
        Ok(())
    })?;
    if args.json {
        output::line(serde_json::to_string(&report)?)?;
    }
    Ok(())
}

fn bench_env(task: Option<&str>, seconds: f64, json: bool) -> Result<()> {
    if !(seconds > 0.0 && seconds <= 3600.0) {
        bail!("--seconds {seconds} is not above 0 and at most 3600");
    }
    let tasks = match task {
        Some(name) => vec![task::find(name)?],
        None => task::all().iter().collect(),
    };
    if !json {
        output::line(format!(
            "{:<26} {:>18} {:>14} {:>13} {:>20}",
            "task", "decisions/CPU s", "inside MuJoCo", "two threads", "dm_control in Python"
        ))?;
    }
    for task in tasks {
        let report = bench::env(task, seconds)?;
        if json {
            output::line(serde_json::to_string(&report)?)?;
            continue;
        }
        let python = report.dm_control_per_cpu_second.map_or("-".to_owned(), |n| format!("{n:.0}"));
        output::line(format!(
            "{:<26} {:>18.0} {:>13.1}% {:>12.2}x {:>20}",
            report.task,
            report.decisions_per_cpu_second,
            100.0 * report.share_in_mujoco,
            report.scaling_on_two_threads,
            python
        ))?;
    }
    Ok(())
}

fn tasks(json: bool) -> Result<()> {
    if json {
        let references = |task: &task::Task| -> Vec<_> {
            let one = |r: &task::Reference| {
                serde_json::json!({
                    "method": r.method, "decisions": r.decisions, "best": r.best, "average": r.average,
                })
            };
            task.references().iter().map(one).collect()
        };
        let tasks: Vec<_> = task::all()
            .iter()
            .map(|task| {
                serde_json::json!({
                    "name": task.name, "observations": task.observations.len(), "actions": task.actions.len(),
                    "control_timestep": task.control_timestep(), "episode_steps": task.episode_steps,
                    "references": references(task),
                })
            })
            .collect();
        output::line(serde_json::to_string(&tasks)?)?;
        return Ok(());
    }
    const METHODS: [&str; 4] = ["PPO", "DAA", "states", "QAA"];
    let [a, b, c, d] = METHODS;
    output::line(format!(
        "{:<24} {:>12} {:>8} {:>13} {:>8} | {a:>5} {b:>5} {c:>6} {d:>5}  other",
        "task", "observations", "actions", "control rate", "steps"
    ))?;
    for task in task::all() {
        let known = |method: &str| task.references().iter().find(|r| r.method == method);
        let [a, b, c, d] = METHODS
            .map(|method| known(method).map_or("-".to_owned(), |r| format!("{:.0}", r.best)));
        let other = task.references().iter().find(|r| !METHODS.contains(&r.method));
        let other = other.map_or(String::new(), |r| format!("{} {:.0}", r.method, r.best));
        output::line(
            format!(
                "{:<24} {:>12} {:>8} {:>10.0} Hz {:>8} | {a:>5} {b:>5} {c:>6} {d:>5}  {other}",
                task.name,
                task.observations.len(),
                task.actions.len(),
                1.0 / task.control_timestep(),
                task.episode_steps,
            )
            .trim_end(),
        )?;
    }
    output::line(
        "\nRight of the line, published returns, best point of the mean curve: of \"On Many-Actions Policy\nGradient\" (15 seeds, 1M decisions of 4 control steps; quadruped 3M, humanoid 6M) and of CleanRL (8M).",
    )?;
    Ok(())
}

fn doctor_command(json: bool) -> Result<()> {
    let diagnosis = doctor::diagnose();
    if json {
        output::line(serde_json::to_string(&diagnosis)?)?;
    } else {
        output::line(format!(
            "libtorch {}, CUDA {}",
            diagnosis.torch,
            if diagnosis.cuda { "found" } else { "not found" }
        ))?;
        output::line(format!("matrix product: largest error {:.1e}", diagnosis.matmul_error))?;
        output::line(format!("MuJoCo {}, models: {}", diagnosis.mujoco, diagnosis.models))?;
    }
    Ok(())
}
