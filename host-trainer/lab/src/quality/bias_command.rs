//! `host-trainer variance bias RUN`: what each estimator's gradient is off by, and by how much it varies.

use super::bias::{Gradients, Quality};
use super::gradient;
use super::subject::Subject;
use anyhow::Result;
use daa_envs::output;
use daa_trainer::config::Config;
use daa_trainer::decomposition::Actor;
use daa_trainer::estimator::{self, Context, Estimator, Simulator, Single};
use daa_trainer::nn::to_vec;
use daa_trainer::run::open::load;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Bias and variance of the estimators' gradients of one policy, against the mean of many gradients of the
/// actor-critic with one action a state
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The run whose policy and critic are looked at
    run: PathBuf,
    /// Gradients of each estimator
    #[arg(long, default_value_t = 125, value_parser = clap::value_parser!(u32).range(4..=1_000_000))]
    estimates: u32,
    /// States of each of them, rounded up to whole episodes
    #[arg(long, default_value_t = 2500, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    states: u32,
    /// Gradients of as many states behind the reference, for each of the others
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1000))]
    reference: u32,
    /// Names of the estimators, as in estimator.kind; default: all
    #[arg(long, value_delimiter = ',')]
    estimators: Vec<String>,
    /// Extra actions of each state, N; default: the run's
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    actions: Option<u16>,
    /// Steps behind each of them, H; default: the run's
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1000))]
    horizon: Option<u16>,
    /// Batches of the policy's own data from which a model or Q-network that the run lacks is learned
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    batches: u32,
    /// Which of the run's seeds; default: the first
    #[arg(long)]
    seed: Option<u64>,
    /// Write the table to a file
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// First line of the CSV file.
const HEADER: &str = "task,estimator,relative_bias,bias_low,bias_high,biased,relative_variance,variance_low,variance_high,estimates,states,references,actions,horizon\n";

/// Where the numbers of batches begin: above those of training and of `diagnose`.
const FIRST: u64 = 5_000_000;

/// Runs the command.
///
/// # Errors
/// When there is no such run or seed, a file cannot be written, or an environment fails.
pub fn run(args: &Args) -> Result<()> {
    let _no_grad = tch::no_grad_guard();
    let (_, trainer) = load(&args.run)?;
    let mut csv = HEADER.to_owned();
    daa_envs::output::write_file(args.csv.as_deref(), &csv)?;
    let (task, repeat) = (trainer.task(), trainer.config().action_repeat);
    let episode = task.episode_steps.div_ceil(repeat) as usize;
    // Whole episodes: then batches are independent and all alike.
    let environments = (args.states as usize).div_ceil(episode);
    let named = args.estimators.iter().map(|name| {
        let mut config = Config::default();
        config.estimator.kind.clone_from(name);
        estimator::of(&config)
    });
    let mut definitions = named.collect::<Result<Vec<_>, _>>()?;
    if definitions.is_empty() {
        definitions = estimator::all();
    }
    let mut subject = Subject::of(&trainer, args.seed, (environments, episode), &definitions)?;
    if subject.needs_learning() {
        let _ = subject.learn(args.batches)?;
    }
    let actor = Actor::of_normalised(&subject.agents[0]);
    let num_actions = args.actions.map_or(subject.config.estimator.num_actions, usize::from);
    let horizon = args.horizon.map_or(subject.config.estimator.horizon, usize::from);

    let mut found = vec![Gradients::default(); definitions.len()];
    let mut reference = Gradients::default();
    let bar = progress(u64::from(args.estimates), task.name);
    for estimate in 0..u64::from(args.estimates) {
        // Reference and estimates take turns, each on data of its own.
        for turn in 0..=u64::from(args.reference) {
            let number = FIRST + estimate * (u64::from(args.reference) + 1) + turn;
            let batch = subject.rollout.collect(&subject.agents, number)?;
            let real = subject.prepare(&batch);
            let shared = subject.context(&real, &batch.states, num_actions);
            let bootstrap_truncation = subject.config.bootstrap_truncation;
            let simulator =
                shared.simulator.map(|simulator| Simulator { bootstrap_truncation, ..simulator });
            let noise = subject.config.estimator.noise;
            let context = Context { horizon, iteration: number, noise, simulator, ..shared };
            let real_weight = subject.config.estimator.real_weight;
            let of = |estimator: &dyn Estimator| one(&actor, estimator, &context, real_weight);
            if turn > 0 {
                reference.add(of(&Single)?);
                continue;
            }
            for (estimator, gradients) in subject.estimators.iter().zip(&mut found) {
                gradients.add(of(&**estimator)?);
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();

    let states = environments * episode;
    let mut text = format!(
        "{}: {} gradients of {states} states each, N = {num_actions}, H = {horizon}; the reference is the mean of {} with one action a state\n",
        task.name,
        args.estimates,
        reference.count()
    );
    let _ = writeln!(
        text,
        "{:<18} {:>14} {:>18} {:>9} {:>18} {:>18}",
        "estimator", "relative bias", "95 %", "", "relative variance", "95 %"
    );
    let mut rows = Vec::new();
    for (definition, gradients) in definitions.iter().zip(&found) {
        let quality = gradients.against(&reference);
        let [bias, low, high] = quality.bias();
        let Quality { variance, .. } = quality;
        let ends = [variance.value - variance.error, variance.value + variance.error];
        let _ = writeln!(
            text,
            "{:<18} {bias:>14.3} {:>18} {:>9} {:>18.3} {:>18}",
            definition.name,
            format!("{low:.3} .. {high:.3}"),
            if quality.is_biased() { "biased" } else { "" },
            variance.value,
            format!("{:.3} .. {:.3}", ends[0], ends[1])
        );
        let _ = writeln!(
            csv,
            "{},{},{bias},{low},{high},{},{},{},{},{},{states},{},{num_actions},{horizon}",
            task.name,
            definition.name,
            quality.is_biased(),
            variance.value,
            ends[0],
            ends[1],
            args.estimates,
            reference.count()
        );
        rows.push(json!({
            "estimator": definition.name, "relative_bias": bias, "bias_interval": [low, high],
            "biased": quality.is_biased(), "relative_variance": variance.value,
            "variance_interval": ends,
        }));
    }
    daa_envs::output::write_file(args.csv.as_deref(), &csv)?;
    if args.json {
        let all = json!({
            "task": task.name, "estimates": args.estimates, "states": states,
            "references": reference.count(), "actions": num_actions, "horizon": horizon,
            "estimators": rows,
        });
        return output::line(all.to_string());
    }
    output::line(text.trim_end())
}

/// One gradient of one estimator.
fn one(
    actor: &Actor,
    estimator: &dyn Estimator,
    context: &Context<'_>,
    real_weight: f64,
) -> Result<Vec<f64>> {
    let scored = estimator.score(context)?;
    let wide =
        |tensor: &tch::Tensor| -> Vec<f64> { to_vec(tensor).into_iter().map(f64::from).collect() };
    let [obs, actions, advantages] = [&scored.obs, &scored.actions, &scored.advantages].map(wide);
    Ok(gradient(actor, &obs, &actions, &advantages, real_weight))
}

fn progress(len: u64, task: &str) -> ProgressBar {
    let bar = ProgressBar::new(len);
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} gradients, {eta} left");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.set_message(task.to_owned());
    bar
}
