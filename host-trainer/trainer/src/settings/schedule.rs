//! `[rollout]`, `[evaluate]` and `[advise]`: how much is collected, and what is measured during a run.

use serde::{Deserialize, Serialize};

crate::options! {
    /// The batch that is collected in each iteration.
    RolloutOptions {
        /// Environments of each seed
        num_envs: usize = 8, 1..=4096;
        /// Decisions of each environment in each iteration; a batch has rollout.num_envs * rollout.length states
        length: usize = 256, 1..=1 << 20;
    }
}

crate::options! {
    /// Evaluations during a run and at its end.
    EvaluateOptions {
        /// Iterations between two evaluations (0: only at the end)
        every: usize = 5;
        /// Episodes of an evaluation with the most probable actions
        episodes: usize = 10, 1..=100_000;
        /// Episodes of an evaluation with sampled actions, as in the papers (0: none)
        sampled_episodes: usize = 4, 0..=100_000;
    }
}

/// The unit in which the cost of an extra action is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionCost {
    /// Decisions of the environment.
    Decisions,
    /// Measured seconds on this machine.
    Seconds,
}

crate::options! {
    /// The advice on more actions or more states, and the number of actions chosen by it.
    AdviseOptions {
        /// Iterations between two verdicts in advice.csv on more actions or more states (0: none; with advise.auto, every 5)
        every: usize = 0, 0..=1 << 24;
        /// Unit of an extra action's cost: decisions (of the environment: 0 except with rewind) or seconds (measured)
        cost: ActionCost = ActionCost::Decisions;
        /// Choose N by the verdicts, starting from estimator.num_actions; with cost = "seconds" no two runs are the same
        auto: bool = false;
        /// Smallest N that may be chosen
        min_actions: usize = 1, 1..=1024;
        /// Largest N that may be chosen
        max_actions: usize = 32, 1..=1024;
    }
}
