//! Estimates from the samples of one state: its mean gradient, without bias, and the variance of that mean.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `scores` | `[K][P]` | `grad ln pi` of the K actions of a state, the one taken first |
//! | `returns` | `[K][R]` | returns of R rollouts of each action |
//!
//! K - 1 of the actions were not taken, so given the state they are independent of the rest of the trajectory, and
//! their mean gradient is free of the policy's covariances. The return of the action taken is their baseline: given the
//! state it is independent of them, so it reduces noise without adding a bias.

/// The gradients of one trajectory, the input of [`super::Accumulator`].
#[derive(Clone, Debug, PartialEq)]
pub struct TrajectoryGradients {
    /// Estimate of the mean gradient of each state, independent of the action taken, `[T][P]`.
    pub marginal: Vec<f64>,
    /// Gradient of the action taken minus `marginal`, `[T][P]`.
    pub rest: Vec<f64>,
    /// Variance over the actions of a state, as a mean over the states, `[P]`.
    pub within: Vec<f64>,
    /// Variance of the error of `marginal`, as a mean over the states, `[P]`.
    pub marginal_error: Vec<f64>,
}

impl TrajectoryGradients {
    /// Returns the gradients of a trajectory without states.
    #[must_use]
    pub fn new(parameters: usize, trajectory_len: usize) -> Self {
        Self {
            marginal: Vec::with_capacity(parameters * trajectory_len),
            rest: Vec::with_capacity(parameters * trajectory_len),
            within: vec![0.0; parameters],
            marginal_error: vec![0.0; parameters],
        }
    }

    /// Removes all states.
    pub fn clear(&mut self) {
        self.marginal.clear();
        self.rest.clear();
        self.within.fill(0.0);
        self.marginal_error.fill(0.0);
    }

    /// Adds the samples of the next of `trajectory_len` states.
    ///
    /// With two or more rollouts, the noise of a Q-value (`s^2 / R`) is subtracted from the variance over actions; with
    /// one rollout it counts as variance of the policy.
    ///
    /// # Panics
    /// With fewer than three actions, or if returns or scores are missing.
    pub fn push(
        &mut self,
        scores: &[f64],
        returns: &[f64],
        num_actions: usize,
        trajectory_len: usize,
    ) {
        assert!(num_actions >= 3, "a state has the action taken and at least two extra actions");
        let p = self.within.len();
        assert_eq!(scores.len(), num_actions * p, "every action has one score");
        let rollouts = returns.len() / num_actions;
        assert!(
            rollouts >= 1 && returns.len() == num_actions * rollouts,
            "every action has the same number of rollouts"
        );
        let q: Vec<f64> = returns
            .chunks_exact(rollouts)
            .map(|r| r.iter().sum::<f64>() / rollouts as f64)
            .collect();
        let noise = returns.chunks_exact(rollouts).zip(&q).map(|(returns, q)| {
            let squares: f64 = returns.iter().map(|r| (r - q).powi(2)).sum();
            if rollouts > 1 { squares / (rollouts * (rollouts - 1)) as f64 } else { 0.0 }
        });
        let noise: Vec<f64> = noise.collect();
        let (k, extras, share) =
            (num_actions as f64, num_actions as f64 - 1.0, 1.0 / trajectory_len as f64);
        for i in 0..p {
            let score = |action: usize| scores[action * p + i];
            let sample = |action: usize| q[action] * score(action);
            let advantage = |action: usize| (q[action] - q[0]) * score(action);
            let marginal = (1..num_actions).map(advantage).sum::<f64>() / extras;
            let squares: f64 =
                (1..num_actions).map(|action| (advantage(action) - marginal).powi(2)).sum();
            self.marginal_error[i] += share * squares / (extras - 1.0) / extras;
            let mean = (0..num_actions).map(sample).sum::<f64>() / k;
            let squares: f64 = (0..num_actions).map(|action| (sample(action) - mean).powi(2)).sum();
            let of_rollouts: f64 =
                (0..num_actions).map(|action| noise[action] * score(action).powi(2)).sum();
            self.within[i] += share * (squares / (k - 1.0) - of_rollouts / k);
            self.marginal.push(marginal);
            self.rest.push(sample(0) - marginal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_with_three_actions_is_that_of_hand_calculation() {
        // Scores 1, 2, -1; returns (3, 5), (2, 2), (6, 6): q = 4, 2, 6, noise 1, 0, 0.
        let mut gradients = TrajectoryGradients::new(1, 2);
        gradients.push(&[1.0, 2.0, -1.0], &[3.0, 5.0, 2.0, 2.0, 6.0, 6.0], 3, 2);
        // Minus the baseline 4: -4 and -2; mean -3, squared deviations 2, (2 / 1) / 2 = 1 for half the states.
        assert_eq!(gradients.marginal, [-3.0]);
        assert_eq!(gradients.marginal_error, [0.5]);
        assert_eq!(gradients.rest, [4.0 + 3.0]);
        // Samples 4, 4, -6: mean 2/3, sum of squares 68 - 3 (4/9) = 66 2/3, /2 = 33 1/3; minus 1/3.
        assert!((gradients.within[0] - 0.5 * 33.0).abs() < 1e-12);
    }
}
