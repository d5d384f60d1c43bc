//! `[update]`, `[ppo]`, `[trpo]` and `[normalise]`: how actor and critic learn from a batch.

use super::options::{AboveZero, NotNegative, SIZE};

crate::options! {
    /// The update of actor and critic.
    UpdateOptions {
        /// Update: the algorithm that improves the actor
        kind: String = "ppo".to_owned();
        /// Epochs over a batch; the actor of a2c makes one, that of trpo one step
        epochs: usize = 10, 1..=1000;
        /// States of each minibatch; must divide rollout.num_envs * rollout.length
        minibatch_size: usize = 64, SIZE;
        /// Learning rate of actor and critic
        learning_rate: f64 = 1e-3, AboveZero;
        /// Lower the learning rate linearly to 0 over the run
        anneal_learning_rate: bool = true;
        /// Epsilon of Adam for actor and critic
        adam_epsilon: f64 = 1e-5, AboveZero;
        /// Largest norm of a network's gradient (0: no limit)
        max_grad_norm: f64 = 0.5, NotNegative;
        /// Weight of the value loss
        value_coefficient: f64 = 0.5, NotNegative;
        /// Weight of the entropy bonus
        entropy_coefficient: f64 = 0.0, NotNegative;
    }
}

impl UpdateOptions {
    /// Largest norm of a network's gradient, if it is limited.
    #[must_use]
    pub fn max_norm(&self) -> Option<f64> {
        (self.max_grad_norm > 0.0).then_some(self.max_grad_norm)
    }
}

crate::options! {
    /// PPO's surrogate. `value_clip` is the critic's with every update.
    PpoOptions {
        /// Clip of the probability ratio
        clip: f64 = 0.2, AboveZero;
        /// Clip of a value's change in one update, for every kind of update (0: no clip)
        value_clip: f64 = 0.0, NotNegative;
        /// Largest random shift of an action's mean during the update, as in robust policy optimisation (0: none)
        rpo_alpha: f64 = 0.0, NotNegative;
    }
}

crate::options! {
    /// The natural-gradient step of `update.kind = "trpo"`.
    TrpoOptions {
        /// KL divergence of a step
        max_kl: f64 = 0.01, AboveZero;
        /// Number added to the diagonal of the Fisher matrix
        damping: f64 = 0.1, NotNegative;
        /// Steps of the conjugate gradient
        cg_steps: usize = 10, 1..=1000;
    }
}

crate::options! {
    /// What is brought to a common scale.
    NormaliseOptions {
        /// Bring the advantages of a minibatch, over all its states and actions, to mean 0 and standard deviation 1
        advantages: bool = true;
        /// Normalise observations by their running mean and standard deviation
        observations: bool = true;
        /// Divide rewards by the running standard deviation of the discounted return
        rewards: bool = true;
        /// Largest magnitude of a normalised observation
        observation_clip: f32 = 10.0, AboveZero;
    }
}
