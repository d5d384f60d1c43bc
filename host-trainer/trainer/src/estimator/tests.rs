//! The estimators on a problem that is solved by hand.
//!
//! A state is a number `x` and a context `c`, 0 or 1. The context alternates, `x' = 0.9 x + 0.5 a`, and
//! the reward is `0.7 x + w_c a` with `w = (1, -0.5)`. The policy's mean depends on the context alone, so
//!
//! | | | |
//! |---|---|---|
//! | `V(x, c)` | `p x + v_c` | `p = 0.7 / (1 - 0.9 gamma)`, `v_c = k_c mu_c + gamma v_{1-c}` |
//! | `A(s, a)` | `k_c (a - mu_c)` | `k_c = w_c + 0.5 gamma p` |
//!
//! With `a = mu + sigma e` a single action's part of the gradient by the mean is `A (a - mu) / sigma^2 =
//! k_c e^2`: of mean `k_c` and variance `2 k_c^2`. All functions are piecewise linear, so that networks of
//! rectifiers hold them exactly.

use super::rewind::score;
use super::*;
use crate::data::{Normalisation, RolloutBatch, ScoredBatch};
use crate::gaussian::log_probs;
use crate::nn::{AdamOptions, Network, to_vec};
use crate::rollout::Branches;
use crate::settings::{CriticOptions, ModelOptions, NoiseScheme};
use crate::update::gradient_by_mean;
use daa_core::math::advantage::{Discount, End};
use daa_core::model::TransitionTarget;
use daa_core::{Activation, MlpShape};
use daa_envs::running_stats::{ObservationScale, RunningStatistics};
use daa_envs::streams::{Purpose, fill_normal, stream};
use tch::{Device, Kind, Tensor};

const GAMMA: f64 = 0.9;
const LAMBDA: f64 = 0.8;
const SIGMA: f64 = 0.1;
const PUSH: f64 = 0.5;
const REWARD: [f64; 2] = [1.0, -0.5];
/// Before the tanh.
const OUTPUT: [f64; 2] = [0.3, -0.2];
/// States of a batch; even ones have context 0.
const T: usize = 16;
const REPEATS: u64 = 1500;

fn mu(c: usize) -> f64 {
    OUTPUT[c].tanh()
}

fn p() -> f64 {
    0.7 / (1.0 - 0.9 * GAMMA)
}

/// Slope of `A` in the action, with the push that the model believes in.
fn slope(c: usize, push: f64) -> f64 {
    REWARD[c] + push * GAMMA * p()
}

fn v(c: usize) -> f64 {
    let gain = |c: usize| slope(c, PUSH) * mu(c);
    (gain(c) + GAMMA * gain(1 - c)) / (1.0 - GAMMA * GAMMA)
}

/// A network that holds a piecewise linear function: rectified combinations of the inputs with a bias,
/// then combinations of those with a bias.
fn network(rectified: &[Vec<f64>], outputs: &[Vec<f64>], log_std: Option<f64>) -> Network {
    let (input, hidden) = (rectified[0].len() - 1, rectified.len());
    let shape = MlpShape::new(input, hidden, outputs.len());
    let mut params = Vec::new();
    let mut layer = |columns: &[Vec<f64>]| {
        let inputs = columns[0].len() - 1;
        // `[in][out]`, then the bias.
        for row in 0..=inputs {
            params.extend(columns.iter().map(|column| column[row] as f32));
        }
    };
    layer(rectified);
    let pass = |i: usize| (0..=hidden).map(|j| f64::from(u8::from(i == j))).collect::<Vec<_>>();
    layer(&(0..hidden).map(pass).collect::<Vec<_>>());
    layer(outputs);
    params.extend(log_std.map(|value| value as f32));
    let extra = usize::from(log_std.is_some());
    let mut rngs = [stream(1, Purpose::Initialisation, 0)];
    let options = AdamOptions { epsilon: 1e-8 };
    let (relu, cpu) = (Activation::Relu, Device::Cpu);
    let mut network = Network::new(&mut rngs, shape, relu, 1.0, (extra, 0.0), options, cpu);
    network.set_params(&Tensor::from_slice(&params).view([1, -1]));
    network
}

/// Of `(x, c)`: both signs of `x`, and `c`.
fn state_features() -> Vec<Vec<f64>> {
    vec![vec![1.0, 0.0, 0.0], vec![-1.0, 0.0, 0.0], vec![0.0, 1.0, 0.0]]
}

/// Of `(x, c, a)`: those, both signs of `a`, and `a + 1` where the context is 1 (else 0) or 0.
fn action_features() -> Vec<Vec<f64>> {
    vec![
        vec![1.0, 0.0, 0.0, 0.0],
        vec![-1.0, 0.0, 0.0, 0.0],
        vec![0.0, 1.0, 0.0, 0.0],
        vec![0.0, 0.0, 1.0, 0.0],
        vec![0.0, 0.0, -1.0, 0.0],
        vec![0.0, 2.0, 1.0, -1.0],
        vec![0.0, -2.0, 1.0, 1.0],
    ]
}

/// `a x + b a + w_c a + d c + e` over the action features.
fn over_actions(x: f64, a: f64, w: [f64; 2], c: f64, constant: f64) -> Vec<f64> {
    // w_1 (gate_1 - c) + w_0 (gate_0 - (1 - c)).
    vec![x, -x, c - w[1] + w[0], a, -a, w[1], w[0], constant - w[0]]
}

struct Problem {
    actor: Network,
    critic: Network,
    q_network: Box<dyn Estimator>,
    dynamics: Box<dyn Estimator>,
    simulated_states: Box<dyn Estimator>,
    normalisation: Normalisation,
}

impl Problem {
    /// The problem with a model in which actions push with `push`.
    fn new(push: f64) -> Self {
        let mean = [0.0, 0.0, OUTPUT[1] - OUTPUT[0], OUTPUT[0]].to_vec();
        let value = [p(), -p(), v(1) - v(0), v(0)].to_vec();
        let q = over_actions(
            0.7 + GAMMA * 0.9 * p(),
            GAMMA * PUSH * p(),
            REWARD,
            GAMMA * (v(0) - v(1)),
            GAMMA * v(1),
        );
        let model = ModelOptions {
            transition_hidden: 7,
            reward_hidden: 7,
            activation: Activation::Relu,
            transition_target: TransitionTarget::Next,
            ..ModelOptions::default()
        };
        let critic = CriticOptions { hidden: 7, activation: Activation::Relu };
        let config = Config { model, critic, ..Config::default() };
        let next = [
            over_actions(0.9, push, [0.0; 2], 0.0, 0.0),
            over_actions(0.0, 0.0, [0.0; 2], -1.0, 1.0),
        ];
        let reward = [over_actions(0.7, 0.0, REWARD, 0.0, 0.0)];
        let exact = |outputs: &[&[Vec<f64>]]| -> Vec<Network> {
            outputs.iter().map(|outputs| network(&action_features(), outputs, None)).collect()
        };
        let build = |name: &str, exact: &[Network]| {
            let sizes = Sizes { observations: 2, actions: 1 };
            let setup = Setup { config: &config, sizes, device: Device::Cpu };
            let mut estimator = (find(name).unwrap().build)(&setup);
            for ((_, own), exact) in estimator.networks_mut().into_iter().zip(exact) {
                own.set_params(exact.params());
            }
            estimator
        };
        Self {
            actor: network(&state_features(), &[mean], Some(SIGMA.ln())),
            critic: network(&state_features(), &[value], None),
            q_network: build("q_network", &exact(&[&[q]])),
            dynamics: build("dynamics", &exact(&[&next, &reward])),
            simulated_states: build("simulated_states", &exact(&[&next, &reward])),
            normalisation: Normalisation {
                scales: vec![ObservationScale::new(&RunningStatistics::new(2), false, 1e6)],
                changes: vec![vec![1.0; 2]],
                reward_scales: vec![1.0],
                reward_clip: f32::MAX,
            },
        }
    }

    /// A batch of fixed states with fresh actions, whose advantages are exact.
    fn real(&self, repeat: u64) -> RolloutBatch {
        let states: Vec<f32> =
            (0..T).flat_map(|t| [(t as f32 * 0.7).sin(), (t % 2) as f32]).collect();
        let mut noise = vec![0.0; T];
        fill_normal(&mut stream(1, Purpose::Acting, repeat), &mut noise);
        let action = |t: usize| mu(t % 2) + SIGMA * f64::from(noise[t]);
        let actions: Vec<f32> = (0..T).map(|t| action(t) as f32).collect();
        let advantages: Vec<f32> =
            (0..T).map(|t| (slope(t % 2, PUSH) * (action(t) - mu(t % 2))) as f32).collect();
        let obs = Tensor::from_slice(&states).view([1, T as i64, 2]);
        RolloutBatch {
            values: self.critic.predict(&obs).squeeze_dim(2),
            obs,
            actions: Tensor::from_slice(&actions).view([1, T as i64, 1]),
            advantages: Tensor::from_slice(&advantages).view([1, T as i64]),
        }
    }

    /// Gradients by the mean in context 0 and 1, summed over states, of many independent batches.
    fn gradients(
        &self,
        num_actions: usize,
        horizon: usize,
        noise: NoiseScheme,
        score: impl Fn(&Self, &Context<'_>) -> ScoredBatch,
    ) -> Vec<[f64; 2]> {
        let gradient = |repeat: u64| {
            let real = self.real(repeat);
            let context = Context {
                actor: &self.actor,
                critic: &self.critic,
                real: &real,
                normalisation: &self.normalisation,
                simulator: None,
                discount: Discount { gamma: GAMMA as f32, lambda: LAMBDA as f32 },
                num_actions,
                horizon,
                noise,
                seeds: &[1],
                iteration: repeat,
                threads: 1,
            };
            let scored = score(self, &context);
            // Of the loss, whose minus is the objective.
            let by_mean = -gradient_by_mean(&self.actor, &scored);
            let contexts = scored.obs.select(2, 1);
            let of = |c: f64| {
                (by_mean.squeeze_dim(2) * contexts.eq(c)).sum(Kind::Double).double_value(&[])
            };
            [of(0.0), of(1.0)]
        };
        (0..REPEATS).map(gradient).collect()
    }
}

/// Mean, variance, and standard error of the mean.
fn moments(values: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    let values: Vec<f64> = values.collect();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, variance, (variance / count).sqrt())
}

/// Holds the mean gradient against the closed form in each context.
fn unbiased(name: &str, gradients: &[[f64; 2]], expected: impl Fn(usize) -> f64) {
    for c in 0..2 {
        let (mean, _, error) = moments(gradients.iter().map(|g| g[c]));
        let off = (mean - expected(c)).abs();
        assert!(
            off < 4.0 * error,
            "{name}, context {c}: {mean} for {}, error {error}",
            expected(c)
        );
    }
}

/// The objective's gradient by the mean in a context: half of the states have it.
fn truth(c: usize) -> f64 {
    0.5 * slope(c, PUSH)
}

fn single(_: &Problem, context: &Context<'_>) -> ScoredBatch {
    Single.score(context).unwrap()
}

fn q_network(problem: &Problem, context: &Context<'_>) -> ScoredBatch {
    problem.q_network.score(context).unwrap()
}

fn dynamics(problem: &Problem, context: &Context<'_>) -> ScoredBatch {
    problem.dynamics.score(context).unwrap()
}

fn simulated_states(problem: &Problem, context: &Context<'_>) -> ScoredBatch {
    problem.simulated_states.score(context).unwrap()
}

/// What the simulator would answer, rewound: the problem itself, rolled out by hand.
fn rewind(problem: &Problem, context: &Context<'_>) -> ScoredBatch {
    let real = context.real;
    let mean = problem.actor.predict(&real.obs).tanh();
    let extra = extra_actions(context, &mean);
    let (states, actions) = (to_vec(&real.obs), to_vec(&extra));
    let mut noise = stream(1, Purpose::Rewinding, context.iteration);
    let mut branches = Branches::default();
    for (branch, first) in actions.iter().enumerate() {
        let row = branch / context.num_actions;
        let (mut x, mut c) = (f64::from(states[2 * row]), row % 2);
        let mut a = f64::from(*first);
        for h in 0..context.horizon {
            branches.rewards.push((0.7 * x + REWARD[c] * a) as f32);
            (x, c) = (0.9 * x + PUSH * a, 1 - c);
            branches.next_observations.extend([x as f32, c as f32]);
            let last = h + 1 == context.horizon;
            branches.ends.push(if last { End::Truncated } else { End::Continues });
            let mut e = [0.0];
            fill_normal(&mut noise, &mut e);
            a = mu(c) + SIGMA * f64::from(e[0]);
        }
        branches.lens.push(context.horizon);
    }
    let advantages = score(context, &branches, actions.len());
    let advantages = Tensor::from_slice(&advantages).view(&extra.size()[..3]);
    let actions = Tensor::cat(&[&real.actions.unsqueeze(2), &extra], 2);
    let advantages = Tensor::cat(&[&real.advantages.unsqueeze(2), &advantages], 2);
    let log_probs = log_probs(&actions, &mean, &problem.actor.extra());
    ScoredBatch { obs: real.obs.shallow_clone(), actions, log_probs, advantages }
}

#[test]
fn with_exact_values_every_estimators_mean_gradient_is_the_true_one() {
    let problem = Problem::new(PUSH);
    let run = |n, h, of: fn(&Problem, &Context<'_>) -> ScoredBatch| {
        problem.gradients(n, h, NoiseScheme::Independent, of)
    };
    unbiased("single", &run(1, 1, single), truth);
    unbiased("q_network", &run(4, 1, q_network), truth);
    unbiased("rewind", &run(4, 5, rewind), truth);
    unbiased("dynamics", &run(4, 5, dynamics), truth);
    // Half of the simulated states have each context, too.
    unbiased("simulated_states", &run(4, 5, simulated_states), truth);
    for noise in [NoiseScheme::Antithetic, NoiseScheme::Sobol] {
        unbiased("dynamics", &problem.gradients(4, 3, noise, dynamics), truth);
    }
}

#[test]
fn the_variance_falls_with_n_as_lemma_1_says() {
    let problem = Problem::new(PUSH);
    // States are fixed and values exact, so all variance is the policy's: E Var_a / (T K), of which
    // half the states have a context. A sample variance of kurtosis kappa varies by
    // sqrt((kappa - 1) / R); the sum of T K squares of normals is nearly normal.
    let check = |name: &str, gradients: &[[f64; 2]], extra: usize, later: f64| {
        for c in 0..2 {
            let (k, other) = (slope(c, PUSH), slope(1 - c, PUSH));
            let later = later * other * other;
            let actions = extra as f64 + 1.0;
            let per_state = (2.0 * k * k * actions + extra as f64 * later) / (actions * actions);
            let expected = 0.5 * per_state / T as f64;
            let (_, variance, _) = moments(gradients.iter().map(|g| g[c]));
            let off = (variance / expected - 1.0).abs();
            let bound = 4.5 * ((2.0 + 12.0 / (0.5 * T as f64 * actions)) / REPEATS as f64).sqrt();
            assert!(off < bound, "{name}, N = {extra}, context {c}: {variance} for {expected}");
        }
    };
    let run = |n, h, of: fn(&Problem, &Context<'_>) -> ScoredBatch| {
        problem.gradients(n, h, NoiseScheme::Independent, of)
    };
    check("single", &run(1, 1, single), 0, 0.0);
    for n in [1, 3, 7] {
        check("q_network", &run(n, 1, q_network), n, 0.0);
        check("dynamics", &run(n, 1, dynamics), n, 0.0);
        // One step more adds the next action's noise, shortened by gamma lambda.
        let shortened = (GAMMA * LAMBDA).powi(2);
        check("dynamics", &run(n, 2, dynamics), n, shortened);
        check("rewind", &run(n, 2, rewind), n, shortened);
    }
}

#[test]
fn a_wrong_model_shows_its_bias() {
    // The model believes in a push of 0.3: with H = 1 slopes are those of 0.3, to the digit.
    let wrong = Problem::new(0.3);
    let gradients = wrong.gradients(4, 1, NoiseScheme::Independent, dynamics);
    let believed = |c: usize| 0.5 * (slope(c, PUSH) + 4.0 * slope(c, 0.3)) / 5.0;
    unbiased("dynamics", &gradients, believed);
    for c in 0..2 {
        let (mean, _, error) = moments(gradients.iter().map(|g| g[c]));
        assert!((mean - truth(c)).abs() > 10.0 * error, "context {c}: {mean}, error {error}");
    }
    // The simulator and the Q-network do not believe in it.
    unbiased("rewind", &wrong.gradients(4, 2, NoiseScheme::Independent, rewind), truth);
    unbiased("q_network", &wrong.gradients(4, 1, NoiseScheme::Independent, q_network), truth);
}

#[test]
fn opposite_pairs_cancel_the_critics_error_and_sobol_points_do_better_still() {
    // A critic that is off by 1 everywhere adds e / sigma to every action's part: it cancels in pairs.
    let mut problem = Problem::new(PUSH);
    let off = [p(), -p(), v(1) - v(0), v(0) + 1.0].to_vec();
    problem.critic = network(&state_features(), &[off], None);
    let variance = |noise| {
        let gradients = problem.gradients(8, 1, noise, q_network);
        moments(gradients.iter().map(|g| g[0])).1
    };
    let independent = variance(NoiseScheme::Independent);
    let antithetic = variance(NoiseScheme::Antithetic);
    let sobol = variance(NoiseScheme::Sobol);
    // 100 (1 / sigma^2) beside 2 k^2 (about 24): 8/9 of the actions are freed of it.
    assert!(antithetic < 0.5 * independent, "{antithetic} {independent}");
    assert!(sobol < 0.7 * independent, "{sobol} {independent}");
}

#[test]
fn log_probabilities_are_cores() {
    tch::manual_seed(5);
    let cpu = (Kind::Float, Device::Cpu);
    let (actions, mean) = (Tensor::randn([2, 7, 3, 4], cpu), Tensor::randn([2, 7, 4], cpu));
    let log_std = Tensor::randn([2, 4], cpu) * 0.5;
    let ours = log_probs(&actions, &mean, &log_std);
    for s in 0..2 {
        for t in 0..7 {
            for k in 0..3 {
                let action = to_vec(&actions.get(s).get(t).get(k));
                let expected = daa_core::policy::log_prob(
                    &action,
                    &to_vec(&mean.get(s).get(t)),
                    &to_vec(&log_std.get(s)),
                );
                let value = ours.double_value(&[s, t, k]);
                assert!((value - f64::from(expected)).abs() < 1e-4, "{value} {expected}");
            }
        }
    }
}
