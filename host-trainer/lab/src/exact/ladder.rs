//! A ladder of states with a Gaussian policy, solved exactly for any mean and standard deviation in each state.
//!
//! An action `a` leads one rung up with probability `(1 + sin(k a)) / 2`, else one down (both stay at
//! the ends), and is rewarded by `height(s) - c (a - target(s))^2`. Under `a ~ N(m, d^2)` the sine has
//! the mean `sin(k m) exp(-(k d)^2 / 2)` and the square `(m - target)^2 + d^2`: only second moments need
//! quadrature.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `height`, `target` | `[S]` | |
//! | gradient, moments | `[S]` of `[2]` | by the mean and the log-deviation of the state's policy |

use super::linear::{draw, stationary, values, visits};
use rand::{Rng, RngExt as _};
use rand_distr::{Distribution, StandardNormal};

/// The decision problem.
#[derive(Clone, Debug)]
pub struct Ladder {
    /// Reward of each rung.
    pub height: Vec<f64>,
    /// The action without cost on each rung.
    pub target: Vec<f64>,
    /// c, factor of the cost of the squared distance from that action.
    pub cost: f64,
    /// k, frequency with which the probability of going up depends on the action.
    pub steepness: f64,
    /// Discount gamma.
    pub discount: f64,
}

/// The policy in one state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gaussian {
    /// Mean.
    pub mean: f64,
    /// Logarithm of the standard deviation.
    pub log_std: f64,
}

/// A ladder with a policy and all its exact values.
#[derive(Clone, Debug)]
pub struct Balanced<'a> {
    problem: &'a Ladder,
    /// `[S]`
    pub policy: Vec<Gaussian>,
    /// `[S]`
    pub v: Vec<f64>,
    /// `[S]`, the undiscounted stationary distribution.
    pub stationary: Vec<f64>,
    chain: Vec<f64>,
}

/// Mean and variance over the actions of a state of `Q(s, a) grad ln pi(a|s)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// By the mean and by the log-deviation.
    pub mean: [f64; 2],
    /// By the mean and by the log-deviation.
    pub variance: [f64; 2],
}

impl Gaussian {
    /// `grad ln pi(a)` by the mean and by the log-deviation.
    #[must_use]
    pub fn score(self, action: f64) -> [f64; 2] {
        let deviations = (action - self.mean) * (-self.log_std).exp();
        [deviations * (-self.log_std).exp(), deviations * deviations - 1.0]
    }

    /// Draws an action.
    pub fn sample(self, rng: &mut impl Rng) -> f64 {
        let noise: f64 = StandardNormal.sample(rng);
        self.mean + self.log_std.exp() * noise
    }
}

impl Ladder {
    /// Five rungs.
    #[must_use]
    pub fn example() -> Self {
        Self {
            height: vec![0.0, 0.5, -0.5, 1.0, 2.0],
            target: vec![0.4, -0.6, 0.0, 0.8, -0.2],
            cost: 0.3,
            steepness: 1.2,
            discount: 0.9,
        }
    }

    /// Number of states, S.
    #[must_use]
    pub fn states(&self) -> usize {
        self.height.len()
    }

    /// Observation of a state: its position from -1 to 1, and the square of the position.
    #[must_use]
    pub fn observation(&self, state: usize) -> [f32; 2] {
        let place = 2.0 * state as f32 / (self.states() - 1).max(1) as f32 - 1.0;
        [place, place * place]
    }

    /// The rungs below and above.
    fn neighbours(&self, state: usize) -> (usize, usize) {
        (state.saturating_sub(1), (state + 1).min(self.states() - 1))
    }

    /// Reward of an action.
    #[must_use]
    pub fn reward(&self, state: usize, action: f64) -> f64 {
        self.height[state] - self.cost * (action - self.target[state]).powi(2)
    }

    /// Probability that an action leads up.
    #[must_use]
    pub fn up(&self, action: f64) -> f64 {
        0.5 * (1.0 + (self.steepness * action).sin())
    }

    /// Mean of [`Self::up`] over a policy's actions, and its derivatives by mean and log-deviation.
    fn mean_up(&self, policy: Gaussian) -> (f64, [f64; 2]) {
        let (k, variance) = (self.steepness, (2.0 * policy.log_std).exp());
        let damping = (-0.5 * k * k * variance).exp();
        let (sin, cos) = (k * policy.mean).sin_cos();
        (
            0.5 * (1.0 + sin * damping),
            [0.5 * k * cos * damping, -0.5 * k * k * variance * sin * damping],
        )
    }

    /// Draws the next state.
    pub fn step(&self, rng: &mut impl Rng, state: usize, action: f64) -> usize {
        let (down, up) = self.neighbours(state);
        if rng.random::<f64>() < self.up(action) { up } else { down }
    }

    /// Solves the problem for a policy, one [`Gaussian`] a state.
    ///
    /// # Panics
    /// When the number of policies is not the number of states.
    #[must_use]
    pub fn solve(&self, policy: &[Gaussian]) -> Balanced<'_> {
        let states = self.states();
        assert_eq!(policy.len(), states, "one Gaussian for each state");
        let (mut chain, mut reward) = (vec![0.0; states * states], Vec::with_capacity(states));
        for (s, gaussian) in policy.iter().enumerate() {
            let (down, up) = self.neighbours(s);
            let (probability, _) = self.mean_up(*gaussian);
            chain[s * states + up] += probability;
            chain[s * states + down] += 1.0 - probability;
            let variance = (2.0 * gaussian.log_std).exp();
            reward.push(self.reward(s, gaussian.mean) - self.cost * variance);
        }
        let v = values(&chain, &reward, self.discount);
        let stationary = stationary(&chain, states);
        Balanced { problem: self, policy: policy.to_vec(), v, stationary, chain }
    }
}

impl Balanced<'_> {
    /// Value of an action.
    #[must_use]
    pub fn q(&self, state: usize, action: f64) -> f64 {
        let (down, up) = self.problem.neighbours(state);
        let odds = self.problem.up(action);
        let next = odds * self.v[up] + (1.0 - odds) * self.v[down];
        self.problem.reward(state, action) + self.problem.discount * next
    }

    /// Expected discounted return from a distribution over states.
    #[must_use]
    pub fn objective(&self, start: &[f64]) -> f64 {
        start.iter().zip(&self.v).map(|(p, v)| p * v).sum()
    }

    /// `grad E_a Q(s, a)`: the mean of `Q grad ln pi` over the actions of a state.
    #[must_use]
    pub fn state_gradient(&self, state: usize) -> [f64; 2] {
        let (problem, policy) = (self.problem, self.policy[state]);
        let (down, up) = problem.neighbours(state);
        let rise = problem.discount * (self.v[up] - self.v[down]);
        let (_, [by_mean, by_log_std]) = problem.mean_up(policy);
        [
            rise * by_mean - 2.0 * problem.cost * (policy.mean - problem.target[state]),
            rise * by_log_std - 2.0 * problem.cost * (2.0 * policy.log_std).exp(),
        ]
    }

    /// The mean over `weights [S]` of [`Self::state_gradient`], state by state: with
    /// [`Self::stationary`] what an estimator on a stationary trajectory has as its mean, with
    /// [`Self::visits`] the gradient of [`Self::objective`].
    #[must_use]
    pub fn gradient(&self, weights: &[f64]) -> Vec<[f64; 2]> {
        let scaled = |(s, weight): (usize, &f64)| self.state_gradient(s).map(|x| weight * x);
        weights.iter().enumerate().map(scaled).collect()
    }

    /// Expected discounted visits of each state from a start.
    #[must_use]
    pub fn visits(&self, start: &[f64]) -> Vec<f64> {
        visits(&self.chain, start, self.problem.discount)
    }

    /// Mean and variance of one action's `(Q - baseline) grad ln pi`, by quadrature (the trapezoidal
    /// rule, whose error for a Gaussian is far below rounding).
    #[must_use]
    pub fn moments(&self, state: usize, baseline: f64) -> Moments {
        let policy = self.policy[state];
        let (mut mean, mut square) = ([0.0; 2], [0.0; 2]);
        let width = 1.0 / 64.0;
        for i in -640..=640 {
            let noise = f64::from(i) * width;
            let weight = width * (-0.5 * noise * noise).exp() / (2.0 * std::f64::consts::PI).sqrt();
            let action = policy.mean + policy.log_std.exp() * noise;
            let q = self.q(state, action) - baseline;
            for ((mean, square), score) in
                mean.iter_mut().zip(&mut square).zip(policy.score(action))
            {
                *mean += weight * q * score;
                *square += weight * (q * score).powi(2);
            }
        }
        Moments { mean, variance: [square[0] - mean[0].powi(2), square[1] - mean[1].powi(2)] }
    }

    /// A stationary trajectory: states, and the actions that led from each to the next.
    pub fn trajectory(&self, rng: &mut impl Rng, len: usize) -> Vec<(usize, f64)> {
        let mut state = draw(rng.random(), &self.stationary);
        let mut trajectory = Vec::with_capacity(len);
        for _ in 0..len {
            let action = self.policy[state].sample(rng);
            trajectory.push((state, action));
            state = self.problem.step(rng, state, action);
        }
        trajectory
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    fn policy() -> Vec<Gaussian> {
        let gaussian = |s: i32| {
            let x = f64::from(s);
            Gaussian { mean: 0.5 - 0.3 * x, log_std: -0.7 + 0.2 * x }
        };
        (0..5).map(gaussian).collect()
    }

    #[test]
    fn values_obey_bellmans_equation() {
        let problem = Ladder::example();
        let solved = problem.solve(&policy());
        // E_a Q by quadrature is V: not how V was found.
        for (s, gaussian) in policy().iter().enumerate() {
            let width = 1.0 / 64.0;
            let mean: f64 = (-640..=640)
                .map(|i| f64::from(i) * width)
                .map(|noise| {
                    let density = (-0.5 * noise * noise).exp() / std::f64::consts::TAU.sqrt();
                    let action = gaussian.mean + gaussian.log_std.exp() * noise;
                    width * density * solved.q(s, action)
                })
                .sum();
            assert!((mean - solved.v[s]).abs() < 1e-10, "{s}: {mean} {}", solved.v[s]);
        }
    }

    #[test]
    fn the_gradient_is_that_of_the_objective() {
        let problem = Ladder::example();
        let start = [0.5, 0.2, 0.1, 0.1, 0.1];
        let solved = problem.solve(&policy());
        let gradient = solved.gradient(&solved.visits(&start));
        let h = 1e-5;
        for (s, gradient) in gradient.iter().enumerate() {
            for (which, exact) in gradient.iter().enumerate() {
                let at = |shift: f64| {
                    let mut policy = policy();
                    if which == 0 {
                        policy[s].mean += shift;
                    } else {
                        policy[s].log_std += shift;
                    }
                    problem.solve(&policy).objective(&start)
                };
                let difference = (at(h) - at(-h)) / (2.0 * h);
                assert!((difference - exact).abs() < 1e-7, "{s} {which}: {difference} {exact}");
            }
        }
    }

    #[test]
    fn moments_have_the_closed_forms_mean_with_any_baseline() {
        let problem = Ladder::example();
        let solved = problem.solve(&policy());
        for s in 0..problem.states() {
            let exact = solved.state_gradient(s);
            let (plain, advantage) = (solved.moments(s, 0.0), solved.moments(s, solved.v[s]));
            for (i, exact) in exact.iter().enumerate() {
                assert!((plain.mean[i] - exact).abs() < 1e-10);
                assert!((advantage.mean[i] - exact).abs() < 1e-10);
                assert!(advantage.variance[i] > 0.0 && plain.variance[i] != advantage.variance[i]);
            }
        }
    }

    #[test]
    fn samples_have_the_exact_moments_and_a_wrong_model_is_biased() {
        let problem = Ladder::example();
        let solved = problem.solve(&policy());
        let wrong = Ladder { steepness: 0.6, ..problem.clone() };
        let wrong = wrong.solve(&policy());
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let (state, count) = (3, 40_000);
        let exact = solved.moments(state, 0.0);
        let (mut mean, mut biased) = ([0.0; 2], [0.0; 2]);
        for _ in 0..count {
            let action = solved.policy[state].sample(&mut rng);
            let score = solved.policy[state].score(action);
            for i in 0..2 {
                mean[i] += solved.q(state, action) * score[i] / f64::from(count);
                biased[i] += wrong.q(state, action) * score[i] / f64::from(count);
            }
        }
        let error = exact.variance.map(|variance| (variance / f64::from(count)).sqrt());
        for i in 0..2 {
            assert!((mean[i] - exact.mean[i]).abs() < 4.0 * error[i]);
        }
        assert!((biased[0] - exact.mean[0]).abs() > 8.0 * error[0]);
    }

    #[test]
    fn trajectories_visit_states_as_often_as_the_stationary_distribution_says() {
        let problem = Ladder::example();
        let solved = problem.solve(&policy());
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let count = 20_000;
        let mut visits = [0.0; 5];
        for _ in 0..count {
            visits[solved.trajectory(&mut rng, 4)[3].0] += 1.0 / f64::from(count);
        }
        for (visits, exact) in visits.iter().zip(&solved.stationary) {
            assert!((visits - exact).abs() < 4.0 * (exact / f64::from(count)).sqrt());
        }
    }
}
