//! Quality of the advantages of the estimators, compared with rollouts in the rewound simulator.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `extra` | `[1, M, N, A]` | actions of M visited states, the same for all estimators |
//! | `truth` | `[M, N]` | mean of K Monte Carlo advantages (lambda = 1) from the simulator; all actions of a state are followed by the same noise |
//! | `estimate` | `[M, N]` | advantages of an estimator |

use super::subject::Subject;
use anyhow::{Context as _, Result, bail};
use daa_core::math::advantage::Discount;
use daa_envs::{State, output};
use daa_trainer::data::RolloutBatch;
use daa_trainer::estimator::{self, Context, Estimator, Extra, Simulator, extra_actions};
use daa_trainer::nn::to_vec;
use daa_trainer::run::open::load;
use daa_trainer::train::Trainer;
use serde::Serialize;
use std::path::PathBuf;
use tch::Tensor;

/// Arguments of `host-trainer diagnose`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Run whose policy is used
    run: PathBuf,
    /// Number of visited states
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    states: u32,
    /// Number of actions of each state
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(2..=1024))]
    actions: u32,
    /// Number of rollouts of each action for the true advantage
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    rollouts: u32,
    /// Decisions of each of these rollouts, after which the critic's value is added
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    truth_horizon: u32,
    /// Number of batches of the policy from which a model or Q-network is trained that the run does not have
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    batches: u32,
    /// Seed of the run; default: the first
    #[arg(long)]
    seed: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Comparison of the advantages of an estimator with the true ones.
#[derive(Clone, Debug, Serialize)]
pub struct Quality {
    /// Name of the estimator, and the number of rollouts over which its advantages are averaged.
    pub estimator: String,
    /// Correlation with the truth over all states and actions.
    pub correlation: f64,
    /// Correlation after the mean of each state is subtracted, which compares the actions of a state.
    pub correlation_within_states: f64,
    /// Mean difference.
    pub bias: f64,
    /// Root mean square difference after the mean of each state is subtracted.
    pub error_within_states: f64,
}

/// Results of a diagnosis.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The task.
    pub task: String,
    /// Standard deviation of the true advantages within a state.
    pub deviation_within_states: f64,
    /// Correlation, within states, of two independent halves of the truth, extrapolated to the whole
    /// (Spearman-Brown). The measured correlation of an estimator cannot exceed its square root.
    pub reliability: f64,
    /// One entry for each estimator.
    pub qualities: Vec<Quality>,
}

/// Diagnoses a run.
///
/// # Errors
/// When there is no such run or seed, or an environment fails.
pub fn run(args: &Args) -> Result<()> {
    let (_, trainer) = load(&args.run)?;
    let report = diagnose(&trainer, args)?;
    if args.json {
        return output::line(serde_json::to_string(&report)?);
    }
    output::line(format!(
        "{}: {} states, {} actions each; the truth is the mean of {} rollouts of {} steps",
        report.task, args.states, args.actions, args.rollouts, args.truth_horizon
    ))?;
    output::line(format!(
        "true advantages deviate by {:.4} within a state; reliability of the truth {:.2}",
        report.deviation_within_states, report.reliability
    ))?;
    output::line(format!(
        "{:<26} {:>11} {:>13} {:>9} {:>14}",
        "advantages of", "correlation", "within states", "bias", "error (within)"
    ))?;
    for quality in &report.qualities {
        output::line(format!(
            "{:<26} {:>11.3} {:>13.3} {:>9.4} {:>14.4}",
            quality.estimator,
            quality.correlation,
            quality.correlation_within_states,
            quality.bias,
            quality.error_within_states
        ))?;
    }
    Ok(())
}

fn diagnose(trainer: &Trainer, args: &Args) -> Result<Report> {
    let _no_grad = tch::no_grad_guard();
    let (environments, len) = (trainer.config().rollout.num_envs, trainer.config().rollout.length);
    let with_actions: Vec<_> =
        estimator::all().into_iter().filter(|known| known.extra == Extra::Actions).collect();
    let mut subject = Subject::of(trainer, args.seed, (environments, len), &with_actions)?;
    let batch = subject.learn(args.batches)?;
    let (states, num_actions) = (args.states as usize, args.actions as usize);
    if states > batch.states.len() {
        bail!(
            "--states {states} is more than the number of states in a batch of this run, {}",
            batch.states.len()
        );
    }
    // The states are spread evenly over the batch and its episodes.
    let rows: Vec<usize> = (0..states).map(|i| i * batch.states.len() / states).collect();
    let whole = subject.prepare(&batch);
    let index: Vec<i64> = rows.iter().map(|row| *row as i64).collect();
    let index = Tensor::from_slice(&index);
    let [obs, actions, advantages, values] =
        [&whole.obs, &whole.actions, &whole.advantages, &whole.values]
            .map(|tensor| tensor.index_select(1, &index));
    let real = RolloutBatch { obs, actions, advantages, values };
    let visited: Vec<State> = rows.iter().map(|row| batch.states[*row].clone()).collect();

    let context = subject.context(&real, &visited, num_actions);
    let extra = extra_actions(&context, &subject.actor.predict(&real.obs).tanh());
    let mut estimators = subject.estimators.iter();
    let rewind =
        estimators.find(|known| known.definition().rewinds).context("no estimator rewinds")?;
    // The differences between the actions of a state are small beside the noise that follows the actions.
    let common = context.simulator.map(|simulator| Simulator { common_noise: true, ..simulator });
    let common = Context { simulator: common, ..context };
    let truth = truth(&common, &**rewind, &extra, args)?;
    let mut estimates = Vec::new();
    for estimator in &subject.estimators {
        let definition = estimator.definition();
        let once = widened(&estimator.advantages(&context, &extra)?);
        if !definition.has_horizon {
            estimates.push((definition.name.to_owned(), once));
            continue;
        }
        estimates.push((format!("{}, one rollout", definition.name), once));
        let many = averaged(&context, &**estimator, &extra, args.rollouts)?;
        estimates.push((format!("{}, mean of many", definition.name), many));
    }
    let mean: Vec<f64> = truth.iter().map(|(a, b)| 0.5 * (a + b)).collect();
    let mut qualities: Vec<Quality> = estimates
        .iter()
        .map(|(name, estimate)| quality(name, estimate, &mean, num_actions))
        .collect();
    qualities.push(real_actions(&context, &**rewind, &real, args)?);
    let halves: (Vec<f64>, Vec<f64>) = truth.into_iter().unzip();
    let half = correlation(&centred(&halves.0, num_actions), &centred(&halves.1, num_actions));
    Ok(Report {
        task: subject.config.task.clone(),
        deviation_within_states: root_mean_square(&centred(&mean, num_actions)),
        reliability: 2.0 * half / (1.0 + half),
        qualities,
    })
}

fn widened(tensor: &Tensor) -> Vec<f64> {
    to_vec(tensor).into_iter().map(f64::from).collect()
}

/// The mean of an estimate over `rollouts` draws of the noise that follows the actions. Its remaining difference
/// from the truth is bias.
fn averaged(
    context: &Context<'_>,
    estimator: &dyn Estimator,
    extra: &Tensor,
    rollouts: u32,
) -> Result<Vec<f64>> {
    let mut sum = Vec::new();
    for number in 0..rollouts {
        let iteration = 4_000_000 + u64::from(number);
        let context = Context { iteration, ..*context };
        let drawn = widened(&estimator.advantages(&context, extra)?);
        sum.resize(drawn.len(), 0.0);
        sum.iter_mut().zip(drawn).for_each(|(sum, value)| *sum += value / f64::from(rollouts));
    }
    Ok(sum)
}

/// Two independent halves of the truth of every action.
fn truth(
    context: &Context<'_>,
    rewind: &dyn Estimator,
    extra: &Tensor,
    args: &Args,
) -> Result<Vec<(f64, f64)>> {
    let mut halves = vec![(0.0, 0.0); extra.numel() / extra.size()[3] as usize];
    let rollouts = args.rollouts.next_multiple_of(2);
    let share = 2.0 / f64::from(rollouts);
    for number in 0..rollouts {
        let context = monte_carlo(context, number, args);
        let advantages = to_vec(&rewind.advantages(&context, extra)?);
        for (half, advantage) in halves.iter_mut().zip(advantages) {
            let half = if number % 2 == 0 { &mut half.0 } else { &mut half.1 };
            *half += f64::from(advantage) * share;
        }
    }
    Ok(halves)
}

/// The same options with lambda = 1, another horizon and separate noise.
fn monte_carlo<'a>(context: &Context<'a>, number: u32, args: &Args) -> Context<'a> {
    Context {
        discount: Discount { lambda: 1.0, ..context.discount },
        horizon: args.truth_horizon as usize,
        iteration: 3_000_000 + u64::from(number),
        ..*context
    }
}

/// Comparison of the GAE of the actions taken with their true advantages. Each state has one of them.
fn real_actions(
    context: &Context<'_>,
    rewind: &dyn Estimator,
    real: &RolloutBatch,
    args: &Args,
) -> Result<Quality> {
    let context = Context { num_actions: 1, ..*context };
    let truth = truth(&context, rewind, &real.actions.unsqueeze(2), args)?;
    let truth: Vec<f64> = truth.iter().map(|(a, b)| 0.5 * (a + b)).collect();
    let estimate: Vec<f64> = to_vec(&real.advantages).into_iter().map(f64::from).collect();
    let whole = quality("single (GAE, real action)", &estimate, &truth, 1);
    Ok(Quality { correlation_within_states: f64::NAN, error_within_states: f64::NAN, ..whole })
}

fn quality(estimator: &str, estimate: &[f64], truth: &[f64], actions: usize) -> Quality {
    let difference: Vec<f64> = estimate.iter().zip(truth).map(|(a, b)| a - b).collect();
    let (a, b) = (centred(estimate, actions), centred(truth, actions));
    Quality {
        estimator: estimator.to_owned(),
        correlation: correlation(estimate, truth),
        correlation_within_states: correlation(&a, &b),
        bias: difference.iter().sum::<f64>() / difference.len() as f64,
        error_within_states: root_mean_square(&centred(&difference, actions)),
    }
}

/// Subtracts from each state's values their mean over its actions.
fn centred(values: &[f64], actions: usize) -> Vec<f64> {
    let state = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / actions as f64;
        values.iter().map(|value| value - mean).collect::<Vec<_>>()
    };
    values.chunks_exact(actions).flat_map(state).collect()
}

fn root_mean_square(values: &[f64]) -> f64 {
    (values.iter().map(|value| value * value).sum::<f64>() / values.len() as f64).sqrt()
}

/// Pearson's correlation coefficient; NaN where one of the lists is constant.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (centred(a, a.len()), centred(b, b.len()));
    let product: f64 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
    product / (a.len() as f64 * root_mean_square(&a) * root_mean_square(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qualities_are_those_of_a_hand_computation() {
        // Two states with two actions. Estimates are the truth plus 1, so the bias is 1 and the other errors are 0.
        let truth = [0.0, 2.0, 10.0, 6.0];
        let estimate = truth.map(|a| a + 1.0);
        let perfect = quality("x", &estimate, &truth, 2);
        assert!((perfect.correlation - 1.0).abs() < 1e-12);
        assert_eq!((perfect.bias, perfect.error_within_states), (1.0, 0.0));
        // The states are right and the actions in the wrong order: the correlation is high, but not within states.
        let swapped = quality("x", &[2.0, 0.0, 6.0, 10.0], &truth, 2);
        assert!(swapped.correlation > 0.6, "{}", swapped.correlation);
        assert!((swapped.correlation_within_states + 1.0).abs() < 1e-12);
        // Differences 2, -2, -4, 4: mean square 10.
        assert!((swapped.error_within_states - 10f64.sqrt()).abs() < 1e-12);
    }
}
