//! A finite decision process with a softmax policy over features.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `features` | `[S][A][P]` | `ln pi(a|s)` is `features . theta` less its log-sum |
//! | `reward` | `[S][A]` | |
//! | `transition` | `[S][A][S]` | |
//! | `theta`, a gradient | `[P]` | |

use super::linear::{draw, stationary, values, visits};
use daa_trainer::decomposition::Components;
use rand::{Rng, RngExt as _};

/// The decision problem.
#[derive(Clone, Debug)]
pub struct Tabular {
    /// Number of states, S.
    pub states: usize,
    /// Number of actions, A.
    pub actions: usize,
    /// `[S][A][P]`
    pub features: Vec<f64>,
    /// `[S][A]`
    pub reward: Vec<f64>,
    /// `[S][A][S]`
    pub transition: Vec<f64>,
    /// `[S]`, distribution of the first state.
    pub start: Vec<f64>,
    /// Discount gamma.
    pub discount: f64,
}

/// A problem with a policy and all its exact values.
#[derive(Clone, Debug)]
pub struct Solved<'a> {
    problem: &'a Tabular,
    /// `[S][A]`, `pi(a|s)`.
    pub policy: Vec<f64>,
    /// `[S]`
    pub v: Vec<f64>,
    /// `[S][A]`
    pub q: Vec<f64>,
    /// `[S][S]`, transitions under the policy.
    pub chain: Vec<f64>,
    /// `[S]`, the undiscounted stationary distribution.
    pub stationary: Vec<f64>,
}

/// A state of a trajectory and the actions drawn there; the first led to the next state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The state.
    pub state: usize,
    /// The actions.
    pub actions: Vec<usize>,
}

impl Tabular {
    /// Four states in a ring, three actions (stay, go on, jump anywhere) and three parameters, small
    /// enough to solve and large enough that no component of a variance vanishes. An action happens
    /// with probability `obedience`, else the state stays: near 0 the chain forgets slowly.
    #[must_use]
    pub fn example(obedience: f64) -> Self {
        let (states, actions) = (4, 3);
        let mut problem = Self {
            states,
            actions,
            features: Vec::new(),
            reward: Vec::new(),
            transition: Vec::new(),
            start: vec![0.7, 0.1, 0.1, 0.1],
            discount: 0.5,
        };
        for s in 0..states {
            for a in 0..actions {
                let (x, is) = (s as f64, |index| f64::from(u8::from(a == index)));
                problem.features.extend([is(1), is(2), (x - 1.0) * is(0)]);
                // Rewards have opposite signs in the two halves of the ring, so that the gradients of
                // neighbouring states are similar.
                let good = if s < 2 { 1.0 } else { -1.0 };
                problem.reward.push([0.2, 0.4, -0.4, -0.2][s] + good * [2.0, -2.0, 0.5][a]);
                problem.transition.extend((0..states).map(|next| {
                    let stays = f64::from(u8::from(next == s));
                    let moves = match a {
                        0 => stays,
                        1 => f64::from(u8::from(next == (s + 1) % states)),
                        _ => 1.0 / states as f64,
                    };
                    obedience * moves + (1.0 - obedience) * stays
                }));
            }
        }
        problem
    }

    /// A contextual bandit: the same states, actions and rewards, but the next state does not depend on the
    /// action.
    #[must_use]
    pub fn bandit() -> Self {
        let mut problem = Self::example(1.0);
        let everywhere = 1.0 / problem.states as f64;
        problem.transition.iter_mut().for_each(|probability| *probability = everywhere);
        problem
    }

    /// Number of parameters, P.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.features.len() / (self.states * self.actions)
    }

    fn features_of(&self, state: usize, action: usize) -> &[f64] {
        let p = self.parameters();
        &self.features[(state * self.actions + action) * p..][..p]
    }

    /// Solves the problem for the policy of `theta [P]`.
    #[must_use]
    pub fn solve(&self, theta: &[f64]) -> Solved<'_> {
        let (s_count, a_count) = (self.states, self.actions);
        let mut policy = Vec::with_capacity(s_count * a_count);
        for s in 0..s_count {
            let weights: Vec<f64> =
                (0..a_count).map(|a| dot(self.features_of(s, a), theta).exp()).collect();
            let sum: f64 = weights.iter().sum();
            policy.extend(weights.iter().map(|weight| weight / sum));
        }
        let over_actions = |s: usize, value: &dyn Fn(usize) -> f64| -> f64 {
            (0..a_count).map(|a| policy[s * a_count + a] * value(s * a_count + a)).sum()
        };
        let reward: Vec<f64> =
            (0..s_count).map(|s| over_actions(s, &|sa| self.reward[sa])).collect();
        let chain: Vec<f64> = (0..s_count * s_count)
            .map(|i| over_actions(i / s_count, &|sa| self.transition[sa * s_count + i % s_count]))
            .collect();
        let v = values(&chain, &reward, self.discount);
        let next = |sa: usize| dot(&self.transition[sa * s_count..][..s_count], &v);
        let q =
            (0..s_count * a_count).map(|sa| self.reward[sa] + self.discount * next(sa)).collect();
        let stationary = stationary(&chain, s_count);
        Solved { problem: self, policy, v, q, chain, stationary }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl Solved<'_> {
    /// Expected discounted return of an episode from the start.
    #[must_use]
    pub fn objective(&self) -> f64 {
        dot(&self.problem.start, &self.v)
    }

    /// `grad ln pi(a|s)`, `[P]`.
    #[must_use]
    pub fn score(&self, state: usize, action: usize) -> Vec<f64> {
        let mut score = self.problem.features_of(state, action).to_vec();
        for a in 0..self.problem.actions {
            let probability = self.policy[state * self.problem.actions + a];
            for (score, feature) in score.iter_mut().zip(self.problem.features_of(state, a)) {
                *score -= probability * feature;
            }
        }
        score
    }

    /// `Q(s, a) grad ln pi(a|s)`, `[P]`: the gradient of one sample.
    #[must_use]
    pub fn sample(&self, state: usize, action: usize) -> Vec<f64> {
        let q = self.q[state * self.problem.actions + action];
        self.score(state, action).iter().map(|score| q * score).collect()
    }

    /// The mean of [`Self::sample`] over the actions of a state, `[P]`.
    #[must_use]
    pub fn marginal(&self, state: usize) -> Vec<f64> {
        let mut mean = vec![0.0; self.problem.parameters()];
        for a in 0..self.problem.actions {
            let probability = self.policy[state * self.problem.actions + a];
            let sample = self.sample(state, a);
            mean.iter_mut().zip(&sample).for_each(|(mean, x)| *mean += probability * x);
        }
        mean
    }

    fn weighted(&self, weights: &[f64]) -> Vec<f64> {
        let mut sum = vec![0.0; self.problem.parameters()];
        for (s, weight) in weights.iter().enumerate() {
            let marginal = self.marginal(s);
            sum.iter_mut().zip(&marginal).for_each(|(sum, x)| *sum += weight * x);
        }
        sum
    }

    /// The gradient of [`Self::objective`]: samples weighted by their discounted visits (Eq. 1).
    #[must_use]
    pub fn gradient(&self) -> Vec<f64> {
        self.weighted(&visits(&self.chain, &self.problem.start, self.problem.discount))
    }

    /// The mean of the estimator of Eq. 3 on a stationary trajectory, every step with weight 1.
    #[must_use]
    pub fn stationary_gradient(&self) -> Vec<f64> {
        self.weighted(&self.stationary)
    }

    /// The components of Lemma 1 for each parameter, with covariances up to `lags`.
    #[must_use]
    pub fn components(&self, lags: usize) -> Vec<Components> {
        let (states, actions) = (self.problem.states, self.problem.actions);
        let marginals: Vec<Vec<f64>> = (0..states).map(|s| self.marginal(s)).collect();
        let samples: Vec<Vec<f64>> =
            (0..states * actions).map(|sa| self.sample(sa / actions, sa % actions)).collect();
        let one = |p: usize| {
            let state = |s: usize| marginals[s][p];
            let over_states = |f: &dyn Fn(usize) -> f64| -> f64 {
                (0..states).map(|s| self.stationary[s] * f(s)).sum()
            };
            let within = |s: usize, f: &dyn Fn(usize) -> f64| -> f64 {
                (0..actions)
                    .map(|a| s * actions + a)
                    .map(|sa| self.policy[sa] * (samples[sa][p] - state(s)) * f(sa))
                    .sum()
            };
            let mean = over_states(&state);
            let mut components = Components {
                state_variance: over_states(&|s| (state(s) - mean).powi(2)),
                action_variance: over_states(&|s| within(s, &|sa| samples[sa][p] - state(s))),
                marginal_covariance: Vec::with_capacity(lags),
                rest_covariance: Vec::with_capacity(lags),
            };
            // What is expected of the marginal gradient `lag - 1` steps after each state.
            let mut ahead: Vec<f64> = (0..states).map(state).collect();
            for _ in 0..lags {
                let next = |row: &[f64]| dot(row, &ahead);
                let after_state = |s: usize| next(&self.chain[s * states..][..states]);
                let after_action =
                    |sa: usize| next(&self.problem.transition[sa * states..][..states]);
                let marginal = over_states(&|s| (state(s) - mean) * after_state(s));
                components.marginal_covariance.push(marginal);
                components.rest_covariance.push(over_states(&|s| within(s, &after_action)));
                ahead = (0..states).map(after_state).collect();
            }
            components
        };
        (0..self.problem.parameters()).map(one).collect()
    }

    /// A stationary trajectory of `len` states with `num_actions` actions each.
    pub fn trajectory(&self, rng: &mut impl Rng, len: usize, num_actions: usize) -> Vec<Visit> {
        let (states, actions) = (self.problem.states, self.problem.actions);
        let mut state = draw(rng.random(), &self.stationary);
        let mut trajectory = Vec::with_capacity(len);
        for _ in 0..len {
            let policy = &self.policy[state * actions..][..actions];
            let drawn: Vec<usize> = (0..num_actions).map(|_| draw(rng.random(), policy)).collect();
            let row = (state * actions + drawn[0]) * states;
            let next = draw(rng.random(), &self.problem.transition[row..][..states]);
            trajectory.push(Visit { state, actions: drawn });
            state = next;
        }
        trajectory
    }

    /// One estimate of the gradient as in Eq. 3, with exact Q-values, `[P]`.
    pub fn estimate(&self, rng: &mut impl Rng, len: usize, num_actions: usize) -> Vec<f64> {
        let mut sum = vec![0.0; self.problem.parameters()];
        for visit in self.trajectory(rng, len, num_actions) {
            for action in visit.actions {
                let sample = self.sample(visit.state, action);
                sum.iter_mut().zip(&sample).for_each(|(sum, x)| *sum += x);
            }
        }
        let count = (len * num_actions) as f64;
        sum.iter().map(|sum| sum / count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    const THETA: [f64; 3] = [0.4, -0.3, 0.8];

    /// Largest violation of Q = r + gamma P V and V = sum pi Q.
    fn bellman_residual(solved: &Solved<'_>) -> f64 {
        let problem = solved.problem;
        let mut worst = 0.0f64;
        for s in 0..problem.states {
            let mut v = 0.0;
            for a in 0..problem.actions {
                let sa = s * problem.actions + a;
                let mut q = problem.reward[sa];
                for next in 0..problem.states {
                    let probability = problem.transition[sa * problem.states + next];
                    q += problem.discount * probability * solved.v[next];
                }
                worst = worst.max((q - solved.q[sa]).abs());
                v += solved.policy[sa] * q;
            }
            worst = worst.max((v - solved.v[s]).abs());
        }
        worst
    }

    #[test]
    fn values_obey_bellmans_equation() {
        for problem in [Tabular::example(1.0), Tabular::example(0.1), Tabular::bandit()] {
            let mut solved = problem.solve(&THETA);
            assert!(bellman_residual(&solved) < 1e-12);
            solved.v[2] += 1e-3;
            assert!(bellman_residual(&solved) > 1e-4, "a wrong value goes unnoticed");
        }
    }

    #[test]
    fn the_stationary_distribution_stays() {
        let problem = Tabular::example(0.9);
        let solved = problem.solve(&THETA);
        for next in 0..problem.states {
            let after: f64 = (0..problem.states)
                .map(|s| solved.stationary[s] * solved.chain[s * problem.states + next])
                .sum();
            assert!((after - solved.stationary[next]).abs() < 1e-12);
        }
    }

    #[test]
    fn the_gradient_is_that_of_the_objective() {
        let problem = Tabular::example(0.9);
        let gradient = problem.solve(&THETA).gradient();
        let h = 1e-5;
        for p in 0..3 {
            let at = |shift: f64| {
                let mut theta = THETA;
                theta[p] += shift;
                problem.solve(&theta).objective()
            };
            let difference = (at(h) - at(-h)) / (2.0 * h);
            assert!((difference - gradient[p]).abs() < 1e-8, "{p}: {difference} {gradient:?}");
        }
        // The stationary weights are another vector: the check can tell.
        let other = problem.solve(&THETA).stationary_gradient();
        assert!((other[0] - gradient[0]).abs() > 1e-2);
    }

    #[test]
    fn sampled_trajectories_have_the_exact_means() {
        let problem = Tabular::example(0.9);
        let solved = problem.solve(&THETA);
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let count = 20_000;
        let (mut mean, mut visits) = ([0.0; 3], [0.0; 4]);
        for _ in 0..count {
            let estimate = solved.estimate(&mut rng, 5, 2);
            mean.iter_mut().zip(&estimate).for_each(|(mean, x)| *mean += x / f64::from(count));
            let last = solved.trajectory(&mut rng, 5, 1)[4].state;
            visits[last] += 1.0 / f64::from(count);
        }
        let lags = 5;
        for (p, components) in solved.components(lags).iter().enumerate() {
            let error = (components.variance(2, 5) / f64::from(count)).sqrt();
            let exact = solved.stationary_gradient()[p];
            assert!((mean[p] - exact).abs() < 4.0 * error, "{p}: {} {exact} +- {error}", mean[p]);
        }
        for (visits, exact) in visits.iter().zip(&solved.stationary) {
            assert!((visits - exact).abs() < 4.0 * (exact / f64::from(count)).sqrt());
        }
    }

    #[test]
    fn components_add_up_to_a_variance_counted_over_all_trajectories() {
        // Every trajectory of two states with one action each, by enumeration.
        let problem = Tabular::example(0.9);
        let solved = problem.solve(&THETA);
        let (states, actions) = (problem.states, problem.actions);
        for (p, components) in solved.components(1).iter().enumerate() {
            let (mut first, mut second) = (0.0, 0.0);
            for sa in 0..states * actions {
                for next in 0..states * actions {
                    let probability = solved.stationary[sa / actions]
                        * solved.policy[sa]
                        * problem.transition[sa * states + next / actions]
                        * solved.policy[next];
                    let sample = |sa: usize| solved.sample(sa / actions, sa % actions)[p];
                    let estimate = (sample(sa) + sample(next)) / 2.0;
                    first += probability * estimate;
                    second += probability * estimate * estimate;
                }
            }
            let (counted, formula) = (second - first * first, components.variance(1, 2));
            assert!((counted - formula).abs() < 1e-12 * counted.max(1.0), "{counted} {formula}");
            assert!((counted - components.variance(1, 1)).abs() > 1e-3, "the lag went unnoticed");
        }
    }

    #[test]
    fn a_bandit_has_no_covariances() {
        let problem = Tabular::bandit();
        for components in problem.solve(&THETA).components(3) {
            let covariances =
                components.marginal_covariance.iter().chain(&components.rest_covariance);
            assert!(
                covariances.clone().count() == 6 && covariances.clone().all(|c| c.abs() < 1e-12)
            );
        }
        let example = Tabular::example(0.9);
        assert!(example.solve(&THETA).components(1)[0].rest_covariance[0].abs() > 1e-3);
    }
}
