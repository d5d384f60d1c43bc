//! The scores of the seeds of a run.

/// The return that is the score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Score {
    /// Evaluation with the most probable actions
    #[default]
    Mean,
    /// Evaluation with sampled actions, as in the papers
    Sampled,
    /// Training episodes
    Training,
}

impl Score {
    /// Column in `metrics.csv`.
    pub(super) fn column(self) -> &'static str {
        match self {
            Self::Mean => "evaluation_return",
            Self::Sampled => "sampled_return",
            Self::Training => "episode_return",
        }
    }

    /// Description in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Mean => "return of the most probable actions",
            Self::Sampled => "return of sampled actions",
            Self::Training => "return of training episodes",
        }
    }
}

/// One seed of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedRecord {
    /// The seed.
    pub seed: u64,
    /// Decisions until now.
    pub decisions: u64,
    /// Pairs of decisions and score, in increasing order of decisions.
    pub curve: Vec<(f64, f64)>,
    /// The score after the last update.
    pub last: Option<f64>,
}
