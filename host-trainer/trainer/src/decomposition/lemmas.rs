//! Lemma 1, Lemma 2, Theorem 1, its general form and Corollary 1, as functions of the variance components.
//!
//! All of them are linear in the components, so a result for each parameter also holds for the mean over parameters.
//!
//! | paper | this module |
//! |---|---|
//! | N, T, delta | `num_actions`, `trajectory_len`, `extension` |
//! | `Var_s[E_a grad J]`, `E_s Var_a[grad J]` | `state_variance`, `action_variance` |
//! | `alpha_t`, `alpha^e_t` (Eq. 21, 22) | `marginal_covariance[t - 1]`, `rest_covariance[t - 1]` |
//! | `Delta_N`, `Delta_T` (Eq. 8, 26) | [`Components::delta_actions`], [`Components::delta_states`] |
//! | Eq. 30, Theorem 1, Corollary 1 | [`Components::condition`], [`Components::theorem_1`], [`corollary_1`] |

/// The components of the variance of a policy gradient (Lemma 1), for one sample.
///
/// `m(s)` is the mean over actions of the samples `g(s, a)` at a state. Covariances at lags beyond the ends of the
/// vectors count as zero. The paper assumes this for all lags from T on: [`Self::up_to`] makes that assumption, and
/// longer vectors avoid it.
///
/// ```
/// use daa_trainer::decomposition::Components;
/// let c = Components {
///     state_variance: 1.0,
///     action_variance: 6.0,
///     marginal_covariance: vec![0.5],
///     rest_covariance: vec![-1.0],
/// };
/// // T = 2: the lag of 1 has the weight 2 (T - 1) / T = 1.
/// assert_eq!(c.markov_chain(2), 1.0 + 0.5);
/// assert_eq!(c.policy_dependent(2), 6.0 - 1.0);
/// // (1.5 + 5 / N) / T
/// assert_eq!(c.variance(1, 2), 3.25);
/// assert_eq!(c.variance(2, 2), 2.0);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Components {
    /// `Var_s[m(s)]`.
    pub state_variance: f64,
    /// `E_s Var_a[g(s, a)]`.
    pub action_variance: f64,
    /// `Cov[m(s_0), m(s_t)]` for t = 1, 2, ...
    pub marginal_covariance: Vec<f64>,
    /// `E_s0 Cov[g(s_0, a_0), m(s_t) | s_0]` for t = 1, 2, ...: the effect of the action taken on later gradients,
    /// given `s_0`. The covariance over states *and* actions is this plus the marginal covariance.
    pub rest_covariance: Vec<f64>,
}

/// The two sides of the condition: how much the next unit of budget reduces the variance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Condition {
    /// Reduction by more actions per state (left-hand side).
    pub actions: f64,
    /// Reduction by more states (right-hand side).
    pub states: f64,
}

/// The better use of the next unit of budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// One more action in every state.
    MoreActions,
    /// A longer trajectory; also if both reductions are equal, because states need neither rewinding nor a model.
    MoreStates,
}

impl Condition {
    /// Reduction by actions minus reduction by states, in the units of the condition.
    #[must_use]
    pub fn margin(self) -> f64 {
        self.actions - self.states
    }

    /// The verdict of the condition.
    #[must_use]
    pub fn verdict(self) -> Verdict {
        if self.actions > self.states { Verdict::MoreActions } else { Verdict::MoreStates }
    }
}

/// `sum_t weight(t) covariance_t` over the lags of the vector below `end`.
fn sum(covariance: &[f64], end: f64, weight: impl Fn(f64) -> f64) -> f64 {
    let lags = (1..).map(f64::from as fn(u32) -> f64).take_while(|lag| *lag < end);
    covariance.iter().zip(lags).map(|(covariance, lag)| weight(lag) * covariance).sum()
}

impl Components {
    /// The components with covariances from lag `lags + 1` on set to zero.
    #[must_use]
    pub fn up_to(&self, lags: usize) -> Self {
        let mut short = self.clone();
        short.marginal_covariance.truncate(lags);
        short.rest_covariance.truncate(lags);
        short
    }

    /// The mean of each component over parameters.
    ///
    /// ```
    /// use daa_trainer::decomposition::Components;
    /// let of = |x: f64| Components { state_variance: x, marginal_covariance: vec![2.0 * x], ..Components::default() };
    /// let mean = Components::mean(&[of(1.0), of(3.0)]);
    /// assert_eq!((mean.state_variance, mean.marginal_covariance[0]), (2.0, 4.0));
    /// ```
    #[must_use]
    pub fn mean(parameters: &[Self]) -> Self {
        let count = parameters.len().max(1) as f64;
        let mean = |value: &dyn Fn(&Self) -> f64| parameters.iter().map(value).sum::<f64>() / count;
        let lags = |of: fn(&Self) -> &[f64]| {
            let longest = parameters.iter().map(|c| of(c).len()).max().unwrap_or(0);
            let at = |lag: usize| mean(&|c| of(c).get(lag).copied().unwrap_or(0.0));
            (0..longest).map(at).collect()
        };
        Self {
            state_variance: mean(&|c| c.state_variance),
            action_variance: mean(&|c| c.action_variance),
            marginal_covariance: lags(|c| &c.marginal_covariance),
            rest_covariance: lags(|c| &c.rest_covariance),
        }
    }

    /// `2 sum (T - t) / T alpha_t`: the third line of Table 1.
    #[must_use]
    pub fn marginal_sum(&self, trajectory_len: usize) -> f64 {
        let len = trajectory_len as f64;
        2.0 * sum(&self.marginal_covariance, len, |lag| (len - lag) / len)
    }

    /// `2 sum (T - t) / T alpha^e_t`: the fourth line of Table 1.
    #[must_use]
    pub fn rest_sum(&self, trajectory_len: usize) -> f64 {
        let len = trajectory_len as f64;
        2.0 * sum(&self.rest_covariance, len, |lag| (len - lag) / len)
    }

    /// Variance of the underlying Markov chain, times T: only more states reduce this part.
    #[must_use]
    pub fn markov_chain(&self, trajectory_len: usize) -> f64 {
        self.state_variance + self.marginal_sum(trajectory_len)
    }

    /// Policy-dependent variance with one action per state, times T: more actions reduce this part.
    #[must_use]
    pub fn policy_dependent(&self, trajectory_len: usize) -> f64 {
        self.action_variance + self.rest_sum(trajectory_len)
    }

    /// The policy-dependent share of a single-action estimator's variance.
    #[must_use]
    pub fn policy_share(&self, trajectory_len: usize) -> f64 {
        let policy = self.policy_dependent(trajectory_len);
        policy / (policy + self.markov_chain(trajectory_len))
    }

    /// Variance of the estimator of Eq. 3 (Lemma 1):
    /// `(markov_chain + policy_dependent / N) / T`.
    #[must_use]
    pub fn variance(&self, num_actions: usize, trajectory_len: usize) -> f64 {
        let policy = self.policy_dependent(trajectory_len) / num_actions as f64;
        (self.markov_chain(trajectory_len) + policy) / trajectory_len as f64
    }

    /// Change of the variance with one more action per state (Lemma 2, `Delta_N`): at most 0 unless the
    /// policy-dependent variance is negative. Equal to `variance(N + 1, T) - variance(N, T)`.
    ///
    /// ```
    /// use daa_trainer::decomposition::Components;
    /// let c = Components { action_variance: 6.0, ..Components::default() };
    /// assert_eq!(c.delta_actions(1, 2), -6.0 / (2.0 * (1.0 + 1.0)));
    /// assert_eq!(c.delta_actions(2, 2), -6.0 / (2.0 * (4.0 + 2.0)));
    /// ```
    #[must_use]
    pub fn delta_actions(&self, num_actions: usize, trajectory_len: usize) -> f64 {
        let n = num_actions as f64;
        -self.policy_dependent(trajectory_len) / (trajectory_len as f64 * (n * n + n))
    }

    /// Change of the variance with a trajectory of T + delta T states (Lemma 2, `Delta_T`), the
    /// covariances from lag T on included:
    ///
    /// ```text
    /// -delta / T' (Var + 2 sum_{t<T} (1 - t/T - t/T') Cov_t - 2/delta sum_{T<=t<T'} (T' - t)/T' Cov_t),
    /// T' = T + delta T,  Var = Var_s + Var_a / N,  Cov_t = alpha_t + alpha^e_t / N.
    /// ```
    ///
    /// ```
    /// use daa_trainer::decomposition::Components;
    /// let c = Components {
    ///     state_variance: 1.0,
    ///     action_variance: 6.0,
    ///     marginal_covariance: vec![0.5, 0.25],
    ///     ..Components::default()
    /// };
    /// // From T = 2 to 4, N = 2: (4 + 0.5) / 2 to (4 + 2 (3/4 0.5 + 2/4 0.25)) / 4.
    /// assert_eq!(c.delta_states(2, 2, 1.0), 5.0 / 4.0 - 4.5 / 2.0);
    /// // The paper's Eq. 27 takes the lag of 2 for zero.
    /// assert_eq!(c.up_to(1).delta_states(2, 2, 1.0), 4.75 / 4.0 - 4.5 / 2.0);
    /// ```
    #[must_use]
    pub fn delta_states(&self, num_actions: usize, trajectory_len: usize, extension: f64) -> f64 {
        let (n, long) = (num_actions as f64, trajectory_len as f64 * (1.0 + extension));
        let (state, action) = self.extended(trajectory_len, extension);
        -extension / long * (state + action / n)
    }

    /// The brackets of `Delta_T` over the marginal and over the action-dependent components.
    fn extended(&self, trajectory_len: usize, extension: f64) -> (f64, f64) {
        let short = trajectory_len as f64;
        let long = short * (1.0 + extension);
        let weight = |lag: f64| {
            if lag < short {
                1.0 - lag / short - lag / long
            } else {
                -(long - lag) / long / extension
            }
        };
        let bracket = |covariance: &[f64]| 2.0 * sum(covariance, long, weight);
        (
            self.state_variance + bracket(&self.marginal_covariance),
            self.action_variance + bracket(&self.rest_covariance),
        )
    }

    /// The general condition for any N and delta (Eq. 30, including lags from T on): more actions reduce the variance
    /// more than states when `actions` exceeds `states`. Both are `T' / delta` times a change of the variance.
    ///
    /// ```
    /// use daa_trainer::decomposition::{Components, Verdict};
    /// let c = Components { state_variance: 1.0, action_variance: 6.0, ..Components::default() };
    /// // N = 1, delta = 1/2: (1 - 1/2) / (1/2 (1 + 1)) = 1/2 of 6, against 1.
    /// let condition = c.condition(1, 10, 0.5);
    /// assert_eq!((condition.actions, condition.states), (3.0, 1.0));
    /// assert_eq!(condition.verdict(), Verdict::MoreActions);
    /// ```
    #[must_use]
    pub fn condition(
        &self,
        num_actions: usize,
        trajectory_len: usize,
        extension: f64,
    ) -> Condition {
        let n = num_actions as f64;
        let (state, action) = self.extended(trajectory_len, extension);
        // The coefficient of the variance and those of the covariances, before terms are collected:
        // (1 + delta) / (delta (N^2 + N)) times the policy's part, less the long trajectory's / N.
        let gain = (1.0 + extension) / (extension * (n * n + n));
        let actions = gain * self.policy_dependent(trajectory_len) - action / n;
        Condition { actions, states: state }
    }

    /// Theorem 1, as in the paper: N = 1, delta = 1, and zero covariances from lag T on.
    ///
    /// ```
    /// use daa_trainer::decomposition::Components;
    /// let c = Components {
    ///     state_variance: 0.5,
    ///     action_variance: 9.0,
    ///     marginal_covariance: vec![0.25],
    ///     rest_covariance: vec![3.75],
    /// };
    /// // T = 2: t/T Cov_t = (0.25 + 3.75) / 2, against 0.5 + 2 (1/2) 0.25; the coefficient of E_s Var_a is 0.
    /// let condition = c.theorem_1(2);
    /// assert_eq!((condition.actions, condition.states), (2.0, 0.75));
    /// assert_eq!(condition.margin(), c.condition(1, 2, 1.0).margin());
    /// ```
    #[must_use]
    pub fn theorem_1(&self, trajectory_len: usize) -> Condition {
        let len = trajectory_len as f64;
        let weighted = |covariance: &[f64]| sum(covariance, len, |lag| lag / len);
        Condition {
            actions: weighted(&self.marginal_covariance) + weighted(&self.rest_covariance),
            states: self.markov_chain(trajectory_len),
        }
    }
}

/// Corollary 1, for a contextual bandit: more actions reduce the variance more than states when
/// `Var_s / E_s Var_a` is below `(1 - delta N) / (delta (N^2 + N))`. `actions` is the bound and `states` the ratio.
///
/// ```
/// use daa_trainer::decomposition::{Verdict, corollary_1};
/// // N = 1, an action at half the cost of a state: the bound is (1 - 1/2) / (1/2 * 2) = 1/2.
/// assert_eq!(corollary_1(1.0, 4.0, 1, 0.5).actions, 0.5);
/// assert_eq!(corollary_1(1.0, 4.0, 1, 0.5).verdict(), Verdict::MoreActions);
/// assert_eq!(corollary_1(3.0, 4.0, 1, 0.5).verdict(), Verdict::MoreStates);
/// // The second action would have to be cheaper: (1 - 1) / (1/2 * 6) = 0.
/// assert_eq!(corollary_1(1.0, 4.0, 2, 0.5).verdict(), Verdict::MoreStates);
/// // An action that costs what a state costs never pays, even where all states are alike.
/// assert_eq!(corollary_1(0.0, 4.0, 1, 1.0).verdict(), Verdict::MoreStates);
/// ```
#[must_use]
pub fn corollary_1(
    state_variance: f64,
    action_variance: f64,
    num_actions: usize,
    extension: f64,
) -> Condition {
    let n = num_actions as f64;
    Condition {
        actions: (1.0 - extension * n) / (extension * (n * n + n)),
        states: state_variance / action_variance,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn components() -> impl Strategy<Value = Components> {
        let lags = || prop::collection::vec(-1.0..1.0f64, 12);
        (0.0..3.0f64, 0.0..9.0f64, lags(), lags()).prop_map(|(state, action, marginal, rest)| {
            Components {
                state_variance: state,
                action_variance: action,
                marginal_covariance: marginal,
                rest_covariance: rest,
            }
        })
    }

    proptest! {
        #[test]
        fn deltas_are_differences_of_variances(c in components(), n in 1usize..6, len in 1usize..5, times in 1usize..5) {
            let (now, more) = (c.variance(n, len), c.variance(n + 1, len));
            prop_assert!((more - now - c.delta_actions(n, len)).abs() < 1e-12);
            // delta = times / len, so that the number of additional states is an integer.
            let extension = times as f64 / len as f64;
            let longer = c.variance(n, len + times);
            prop_assert!((longer - now - c.delta_states(n, len, extension)).abs() < 1e-12);
        }

        #[test]
        fn the_condition_is_the_comparison_of_the_deltas(c in components(), n in 1usize..6, len in 1usize..9, extension in 0.05..3.0f64) {
            let scale = len as f64 * (1.0 + extension) / extension;
            let difference = c.delta_states(n, len, extension) - c.delta_actions(n, len);
            let margin = c.condition(n, len, extension).margin();
            prop_assert!((margin - scale * difference).abs() < 1e-9 * (1.0 + margin.abs()));
        }

        #[test]
        fn the_condition_has_the_coefficients_of_equation_30(c in components(), n in 1usize..6, len in 1usize..9, extension in 0.05..3.0f64) {
            let (nf, t, d) = (n as f64, len as f64, extension);
            let c = c.up_to(len - 1);
            let mut actions = (1.0 - d * nf) / (d * (nf * nf + nf)) * c.action_variance;
            let mut states = c.state_variance;
            for lag in 1..len {
                let l = lag as f64;
                let numerator = (1.0 + d - d * nf - d * d * nf) * t - (1.0 - 2.0 * d * nf - d * d * nf) * l;
                let denominator = (d * t + d * d * t) * (nf * nf + nf);
                actions += 2.0 * numerator / denominator * c.rest_covariance[lag - 1];
                states += 2.0 * ((t - l) / t - l / (t + d * t)) * c.marginal_covariance[lag - 1];
            }
            let condition = c.condition(n, len, extension);
            prop_assert!((condition.actions - actions).abs() < 1e-9, "{} {actions}", condition.actions);
            prop_assert!((condition.states - states).abs() < 1e-9);
        }

        #[test]
        fn theorem_1_is_the_condition_without_late_lags(c in components(), len in 1usize..9) {
            let margin = c.up_to(len - 1).condition(1, len, 1.0).margin();
            prop_assert!((c.theorem_1(len).margin() - margin).abs() < 1e-9);
        }

        #[test]
        fn bandits_never_want_actions_that_cost_as_much_as_states(state in 0.0..9.0f64, action in 1e-3..9.0f64, n in 1usize..50, extension in 1.0..20.0f64) {
            prop_assert_eq!(corollary_1(state, action, n, extension).verdict(), Verdict::MoreStates);
            let c = Components { state_variance: state, action_variance: action, ..Components::default() };
            prop_assert_eq!(c.condition(n, 7, extension).verdict(), Verdict::MoreStates);
        }

        #[test]
        fn the_corollary_is_the_condition_of_a_bandit(state in 0.0..9.0f64, action in 1e-3..9.0f64, n in 1usize..9, extension in 0.01..1.0f64) {
            let c = Components { state_variance: state, action_variance: action, ..Components::default() };
            let corollary = corollary_1(state, action, n, extension);
            let condition = c.condition(n, 7, extension);
            prop_assert!((corollary.margin() * action - condition.margin()).abs() < 1e-9 * (1.0 + condition.margin().abs()));
        }
    }
}
