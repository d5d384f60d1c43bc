//! A verdict of the advisor, as a sentence and as a line of `advice.csv`.

use crate::decomposition::{Uncertain, Verdict};
use crate::number::number;

/// Name of the file in a run directory.
pub const FILE: &str = "advice.csv";

/// One verdict of the advisor for one seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Advice {
    /// Iteration of the verdict; the first iteration is 1.
    pub iteration: u64,
    /// Decisions of the seed after the iteration.
    pub decisions: u64,
    /// Seed of the policy.
    pub seed: u64,
    /// Extra actions per state in this iteration, N.
    pub num_actions: usize,
    /// Cost of one more action in every state, delta, relative to the current cost of a state.
    pub extension: f64,
    /// Reduction of the variance by one more action per state, in percent of the variance (LHS).
    pub actions: Uncertain,
    /// Reduction of the variance by more states for the same cost, in percent of the variance (RHS).
    pub states: Uncertain,
    /// `actions` minus `states`, in percent of the variance.
    pub margin: Uncertain,
    /// Policy-dependent share of the current variance, in percent.
    pub policy_share: Uncertain,
    /// Extra actions per state from the next iteration on; equal to `num_actions` if the configuration fixes N.
    pub chosen: usize,
    /// Time that the measurement took, in seconds. The file leaves it out, so that equal runs write equal files.
    pub seconds: f64,
}

impl Advice {
    /// The columns of [`FILE`], in order.
    pub const COLUMNS: [&str; 15] = [
        "iteration",
        "seed",
        "decisions",
        "num_actions",
        "delta",
        "actions",
        "actions_error",
        "states",
        "states_error",
        "margin",
        "margin_error",
        "policy_share",
        "policy_share_error",
        "verdict",
        "chosen",
    ];

    /// The verdict, without regard to its uncertainty.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.margin.value > 0.0 { Verdict::MoreActions } else { Verdict::MoreStates }
    }

    /// The verdict as text: "in doubt", "more actions" or "more states".
    #[must_use]
    pub fn answer(&self) -> &'static str {
        match (self.margin.is_in_doubt(), self.verdict()) {
            (true, _) => "in doubt",
            (false, Verdict::MoreActions) => "more actions",
            (false, Verdict::MoreStates) => "more states",
        }
    }

    /// A line of [`FILE`], without the line end.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut cells = [self.iteration, self.seed, self.decisions].map(|n| n.to_string()).to_vec();
        cells.extend([self.num_actions.to_string(), self.extension.to_string()]);
        for uncertain in [self.actions, self.states, self.margin, self.policy_share] {
            cells.extend([uncertain.value, uncertain.error].map(|x| x.to_string()));
        }
        cells.extend([self.answer().to_owned(), self.chosen.to_string()]);
        cells.join(",")
    }

    /// The verdict as a sentence for the terminal.
    #[must_use]
    pub fn words(&self) -> String {
        let sign = if self.verdict() == Verdict::MoreActions { ">=" } else { "<" };
        let side = |x: Uncertain| format!("{} +- {}", number(x.value), number(x.error));
        let chosen = match self.chosen {
            chosen if chosen == self.num_actions => String::new(),
            chosen => format!(", N {} -> {chosen}", self.num_actions),
        };
        format!(
            "advice of seed {}, {}: LHS {} {sign} RHS {} (% of the variance; N = {}, delta = {}){chosen}, in {:.2} s",
            self.seed,
            self.answer(),
            side(self.actions),
            side(self.states),
            self.num_actions,
            number(self.extension),
            self.seconds
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(margin: f64) -> Advice {
        let of = |value: f64, error: f64| Uncertain { value, error };
        Advice {
            iteration: 10,
            decisions: 20_480,
            seed: 3,
            num_actions: 8,
            extension: 0.25,
            actions: of(3.1, 0.4),
            states: of(1.2, 0.2),
            margin: of(margin, 0.5),
            policy_share: of(80.0, 2.0),
            chosen: 16,
            seconds: 0.05,
        }
    }

    #[test]
    fn the_words_are_those_of_the_numbers() {
        assert_eq!(
            advice(1.9).words(),
            "advice of seed 3, more actions: LHS 3.10 +- 0.400 >= RHS 1.20 +- 0.200 (% of the variance; N = 8, delta = 0.250), N 8 -> 16, in 0.05 s"
        );
        assert!(advice(-1.9).words().contains("more states: LHS 3.10 +- 0.400 < RHS"));
        assert!(advice(0.3).words().contains("in doubt: LHS"));
        assert_eq!(advice(f64::NAN).answer(), "in doubt");
    }

    #[test]
    fn a_line_has_a_cell_for_every_column() {
        let line = advice(1.9).csv();
        let cells: Vec<_> = line.split(',').collect();
        assert_eq!(cells.len(), Advice::COLUMNS.len());
        assert_eq!((cells[0], cells[3], cells[13], cells[14]), ("10", "8", "more actions", "16"));
    }
}
