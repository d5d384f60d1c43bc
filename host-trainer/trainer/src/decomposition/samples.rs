//! What the samples of one state say about it: its mean gradient without bias, and how far off that
//! mean is.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `scores` | `[K][P]` | `grad ln pi` of the K actions of a state, the one taken first |
//! | `returns` | `[K][R]` | returns of R rollouts of each |
//!
//! K - 1 of the actions never happened: given the state they know nothing of what followed. Their mean
//! gradient is therefore free of the policy's covariances. The return of the action taken is their
//! baseline: independent of them given the state, so it removes noise and no truth.

/// One trajectory's gradients, the input of [`super::Accumulator`].
#[derive(Clone, Debug, PartialEq)]
pub struct TrajectoryGradients {
    /// `[T][P]`, estimates of the mean gradient of each state, independent of the action taken.
    pub marginal: Vec<f64>,
    /// `[T][P]`, the gradient of the action taken less `marginal`.
    pub rest: Vec<f64>,
    /// `[P]`, variance over the actions of a state, a mean over the states.
    pub within: Vec<f64>,
    /// `[P]`, variance of `marginal` about the truth, a mean over the states.
    pub marginal_error: Vec<f64>,
}

impl TrajectoryGradients {
    /// Of a trajectory that is still empty.
    #[must_use]
    pub fn new(parameters: usize, trajectory_len: usize) -> Self {
        Self {
            marginal: Vec::with_capacity(parameters * trajectory_len),
            rest: Vec::with_capacity(parameters * trajectory_len),
            within: vec![0.0; parameters],
            marginal_error: vec![0.0; parameters],
        }
    }

    /// Forgets all states.
    pub fn clear(&mut self) {
        self.marginal.clear();
        self.rest.clear();
        self.within.fill(0.0);
        self.marginal_error.fill(0.0);
    }

    /// Takes the samples of the next of `trajectory_len` states.
    ///
    /// With two rollouts and more, the noise of a Q-value (`s^2 / R`) is taken out of the variance
    /// over actions; with one it counts as the policy's.
    ///
    /// # Panics
    /// With less than three actions, or with returns or scores missing.
    pub fn push(
        &mut self,
        scores: &[f64],
        returns: &[f64],
        num_actions: usize,
        trajectory_len: usize,
    ) {
        assert!(num_actions >= 3, "the action taken and two others");
        let p = self.within.len();
        assert_eq!(scores.len(), num_actions * p, "one score for each action");
        let rollouts = returns.len() / num_actions;
        assert!(rollouts >= 1 && returns.len() == num_actions * rollouts, "the same rollouts each");
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
        // Baselined by 4: -4 and -2; mean -3, squared deviations 2, (2 / 1) / 2 = 1 for half the states.
        assert_eq!(gradients.marginal, [-3.0]);
        assert_eq!(gradients.marginal_error, [0.5]);
        assert_eq!(gradients.rest, [4.0 + 3.0]);
        // Samples 4, 4, -6: mean 2/3, sum of squares 68 - 3 (4/9) = 66 2/3, /2 = 33 1/3; less 1/3.
        assert!((gradients.within[0] - 0.5 * 33.0).abs() < 1e-12);
    }
}
