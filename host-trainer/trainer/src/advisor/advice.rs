//! One piece of advice, in words and as a line of a file.

use crate::decomposition::{Uncertain, Verdict};
use crate::number::number;

/// Name of the file in a run directory.
pub const FILE: &str = "advice.csv";

/// One verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Advice {
    /// Number of the iteration; the first is 1.
    pub iteration: u64,
    /// Decisions of the seed after the iteration.
    pub decisions: u64,
    /// The seed.
    pub seed: u64,
    /// Extra actions of each state in this iteration, N.
    pub num_actions: usize,
    /// delta: cost of one more action in every state, in states as they are now.
    pub extension: f64,
    /// Reduction of the variance by one more action, in per cent of the variance.
    pub actions: Uncertain,
    /// Reduction of the variance by states of the same cost, in per cent.
    pub states: Uncertain,
    /// Difference of the two reductions.
    pub margin: Uncertain,
    /// The policy-dependent share of the variance, in per cent.
    pub policy_share: Uncertain,
    /// N from the next iteration on; unchanged unless the advice chooses it.
    pub chosen: usize,
    /// Seconds that the measurement took. They are not in the file, which is the same in every run.
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

    /// The verdict.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.margin.value > 0.0 { Verdict::MoreActions } else { Verdict::MoreStates }
    }

    /// The verdict in words.
    #[must_use]
    pub fn answer(&self) -> &'static str {
        match (self.margin.is_in_doubt(), self.verdict()) {
            (true, _) => "in doubt",
            (false, Verdict::MoreActions) => "more actions",
            (false, Verdict::MoreStates) => "more states",
        }
    }

    /// A line of [`FILE`], without its line end.
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

    /// A line for the terminal.
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
