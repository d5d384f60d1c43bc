//! Results of a measurement beside Table 1 of the paper.

use super::bootstrap::{Statistic, intervals};
use super::window::Settings;
use super::{Measured, Size};
use crate::stats::Estimate;
use daa_trainer::decomposition::{Components, Verdict};
use daa_trainer::decomposition::{Draws, stream};
use std::fmt::Write as _;

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Name in a CSV file.
    pub name: &'static str,
    /// Label on a terminal.
    pub label: &'static str,
    /// Measured value.
    pub interval: Estimate,
    /// Value of the paper.
    pub paper: Option<f64>,
}

/// The column of a task in Table 1, from top to bottom.
#[derive(Clone, Copy, Debug)]
pub struct Published {
    /// The task.
    pub task: &'static str,
    /// Var_s, Var_a, marginal sum, rest sum, Markov chain, policy-dependent.
    pub components: [f64; 6],
}

/// Table 1. Its third and fourth lines are labelled without the factor 2 of Eq. 7, but they include it: the sums
/// of the lines show it.
pub const TABLE_1: [Published; 6] = [
    Published { task: "ball_in_cup-catch", components: [0.011, 0.803, 0.015, 0.015, 0.026, 0.819] },
    Published { task: "cartpole-swingup", components: [0.026, 5.003, -0.02, 0.733, 0.006, 5.736] },
    Published { task: "cheetah-run", components: [0.001, 1.606, 0.005, 0.009, 0.006, 1.615] },
    Published { task: "finger-spin", components: [0.019, 0.435, 0.007, -0.313, 0.026, 0.122] },
    Published { task: "reacher-easy", components: [0.24, 5.877, 2.029, -2.313, 2.269, 3.565] },
    Published { task: "walker-walk", components: [0.033, 11.948, 0.047, -0.163, 0.081, 11.786] },
];

impl Published {
    /// The policy-dependent share.
    #[must_use]
    pub fn policy_share(&self) -> f64 {
        let [.., chain, policy] = self.components;
        policy / (policy + chain)
    }
}

/// The measurement of a task, with intervals.
#[derive(Clone, Debug)]
pub struct Report {
    /// Settings of the measurement.
    pub settings: Settings,
    /// Size of the measurement.
    pub size: Size,
    /// Number of parameters of the policy.
    pub parameters: usize,
    /// Duration in seconds.
    pub seconds: f64,
    /// Number of simulations that diverged and were drawn again.
    pub divergences: usize,
    /// Table 1, the share, and the changes of Lemma 2.
    pub rows: Vec<Row>,
    /// Both sides of the condition, actions and states, and the difference of the two.
    pub condition: [Estimate; 3],
    /// N, number of actions of a state.
    pub now: usize,
    /// delta, cost of one more action in every state.
    pub extension: f64,
    /// Covariances by lag, from 1: marginal, rest.
    pub lags: Vec<[Estimate; 2]>,
    /// For each N, the reductions of the variance by one more action and by delta T more states, in per cent.
    pub by_actions: Vec<(usize, [Estimate; 2])>,
    /// The same over T.
    pub by_states: Vec<(usize, [Estimate; 2])>,
}

/// Resamples of the bootstrap.
const RESAMPLES: usize = 2000;
/// N of the plots.
const ACTIONS: [usize; 8] = [1, 2, 3, 4, 6, 8, 12, 16];
/// T of the plots in per cent of the measured T.
const LENGTHS: [usize; 7] = [10, 20, 50, 100, 200, 500, 1000];

/// Reductions of the variance by one more action and by `extension` T more states, in per cent.
fn gains(c: &Components, now: usize, len: usize, extension: f64) -> [f64; 2] {
    let scale = 100.0 / c.variance(now, len).abs();
    [-scale * c.delta_actions(now, len), -scale * c.delta_states(now, len, extension)]
}

impl Report {
    /// Estimates for everything that is reported of a measurement.
    #[must_use]
    pub fn new(
        measured: &Measured,
        settings: Settings,
        size: Size,
        (now, extension): (usize, f64),
        beside_paper: bool,
        seconds: f64,
    ) -> Self {
        let len = settings.trajectory_len;
        let gain = |c: &Components| gains(c, now, len, extension);
        let named: [(&str, &str, Statistic<'_>); 12] = [
            ("state_variance", "Var_s[E_a grad J]", &|c| c.state_variance),
            ("action_variance", "E_s Var_a[grad J]", &|c| c.action_variance),
            ("marginal_sum", "2 sum (T-t)/T Cov[E_a, E_a]", &|c| c.marginal_sum(len)),
            ("rest_sum", "2 sum (T-t)/T E_s Cov", &|c| c.rest_sum(len)),
            ("markov_chain", "Markov chain", &|c| c.markov_chain(len)),
            ("policy_dependent", "policy-dependent", &|c| c.policy_dependent(len)),
            ("policy_share", "policy-dependent share", &|c| c.policy_share(len)),
            ("delta_actions", "Delta_N, one action more", &|c| c.delta_actions(now, len)),
            ("delta_states", "Delta_T, delta T states more", &|c| {
                c.delta_states(now, len, extension)
            }),
            ("percent_actions", "% less with an action more", &|c| gain(c)[0]),
            ("percent_states", "% less with delta T states", &|c| gain(c)[1]),
            ("percent_margin", "the difference", &|c| gain(c)[0] - gain(c)[1]),
        ];
        let sides: [Statistic<'_>; 3] = [
            &|c| c.condition(now, len, extension).actions,
            &|c| c.condition(now, len, extension).states,
            &|c| c.condition(now, len, extension).margin(),
        ];
        let at_lag = |lag: usize, rest: bool| {
            move |c: &Components| {
                if rest { c.rest_covariance[lag] } else { c.marginal_covariance[lag] }
            }
        };
        let by_lag: Vec<_> =
            (0..len - 1).flat_map(|lag| [at_lag(lag, false), at_lag(lag, true)]).collect();
        let mut statistics: Vec<Statistic<'_>> = named.iter().map(|named| named.2).collect();
        statistics.extend(sides);
        statistics.extend(by_lag.iter().map(|statistic| statistic as Statistic<'_>));
        // (N, T) of the plots: over N at the measured T, over T at the N of now.
        let lengths = LENGTHS.map(|percent| (percent * len / 100).max(2));
        let settings_of_plots: Vec<(usize, usize)> =
            ACTIONS.map(|n| (n, len)).into_iter().chain(lengths.map(|t| (now, t))).collect();
        let of_plots: Vec<_> = settings_of_plots
            .iter()
            .flat_map(|&(n, t)| {
                [0, 1].map(|side| move |c: &Components| gains(c, n, t, extension)[side])
            })
            .collect();
        statistics.extend(of_plots.iter().map(|statistic| statistic as Statistic<'_>));
        let mut rng = stream(settings.seed, Draws::Bootstrap, 0);
        let all = intervals(&mut rng, &measured.groups, RESAMPLES, &statistics);
        let (rows, rest) = all.split_at(named.len());
        let (condition, rest) = rest.split_at(sides.len());
        let (lags, plots) = rest.split_at(by_lag.len());
        let (over_actions, over_states) = plots.split_at(2 * ACTIONS.len());
        let pairs = |at: &[usize], intervals: &[Estimate]| -> Vec<(usize, [Estimate; 2])> {
            let pairs = intervals.chunks_exact(2).map(|pair| [pair[0], pair[1]]);
            at.iter().copied().zip(pairs).collect()
        };
        // The paper measured neither trained policies nor policies with a baseline.
        let published = TABLE_1
            .iter()
            .find(|published| published.task == settings.task.name)
            .filter(|_| beside_paper);
        let paper = |row: usize| {
            let published = published?;
            published.components.get(row).copied().or((row == 6).then(|| published.policy_share()))
        };
        let row =
            |(at, (named, interval)): (usize, (&(&'static str, &'static str, _), &Estimate))| Row {
                name: named.0,
                label: named.1,
                interval: *interval,
                paper: paper(at),
            };
        Self {
            settings,
            size,
            parameters: measured.parameters.state_variance.len(),
            seconds,
            divergences: measured.divergences,
            rows: named.iter().zip(rows).enumerate().map(row).collect(),
            condition: [condition[0], condition[1], condition[2]],
            now,
            extension,
            lags: lags.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect(),
            by_actions: pairs(&ACTIONS, over_actions),
            by_states: pairs(&lengths, over_states),
        }
    }

    /// States measured.
    #[must_use]
    pub fn states(&self) -> usize {
        self.size.trajectories * self.settings.trajectory_len
    }

    /// The better use of the next unit of budget, and whether the interval contains both answers.
    #[must_use]
    pub fn verdict(&self) -> (Verdict, bool) {
        let margin = self.condition[2];
        let verdict = if margin.value > 0.0 { Verdict::MoreActions } else { Verdict::MoreStates };
        (verdict, margin.contains(0.0))
    }

    /// The table for a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let s = &self.settings;
        let mut text = format!(
            "{}: {} states in {} trajectories ({} groups), {} actions a state, {} rollouts of {} decisions, {} parameters, {:.0} s\n",
            s.task.name,
            self.states(),
            self.size.trajectories,
            self.size.trajectories / self.size.group,
            s.num_actions,
            s.rollouts,
            s.horizon,
            self.parameters,
            self.seconds
        );
        if self.divergences > 0 {
            let _ =
                writeln!(text, "{} simulations diverged and were drawn again", self.divergences);
        }
        if s.rollouts == 1 {
            text += "one rollout: the noise of the values counts as variance over actions\n";
        }
        if self.size.trajectories / self.size.group < 10 {
            text += "fewer than ten groups: the intervals are too narrow; measure more states\n";
        }
        let _ = writeln!(text, "  {:<29} {:>11}  {:^25} {:>9}", "", "measured", "95 %", "paper");
        for row in &self.rows {
            let [low, high] = row.interval.ends();
            let paper = row.paper.map_or(String::new(), |paper| format!("{paper:.3}"));
            let range = format!("{} .. {}", number(low), number(high));
            let _ = writeln!(
                text,
                "  {:<29} {:>11}  {:^25} {:>9}",
                row.label,
                number(row.interval.value),
                range,
                paper
            );
        }
        let half = |side: Estimate| number(side.half_width());
        let [actions, states, _] = self.condition;
        let (verdict, doubt) = self.verdict();
        let (name, sign) = match verdict {
            Verdict::MoreActions => ("more actions", ">"),
            Verdict::MoreStates => ("more states", "<="),
        };
        let _ = writeln!(
            text,
            "  {name}{} (N = {}, delta = {}): {} +- {} {sign} {} +- {}",
            if doubt { ", in doubt" } else { "" },
            self.now,
            self.extension,
            number(actions.value),
            half(actions),
            number(states.value),
            half(states)
        );
        text
    }

    /// Lines of a CSV file with the columns [`CSV_COLUMNS`].
    #[must_use]
    pub(super) fn csv_lines(&self) -> Vec<Vec<String>> {
        let s = &self.settings;
        let how = [
            self.states(),
            self.size.trajectories,
            self.size.trajectories / self.size.group,
            s.trajectory_len,
            s.num_actions,
            s.rollouts,
            s.horizon,
        ];
        let mut lines = Vec::new();
        let mut line = |name: &str, at: &str, estimate: &Estimate, paper: Option<f64>| {
            let mut cells = vec![s.task.name.to_owned(), name.to_owned(), at.to_owned()];
            let [low, high] = estimate.ends();
            cells.extend([estimate.value, low, high].map(|number| number.to_string()));
            cells.push(paper.map_or(String::new(), |paper| paper.to_string()));
            cells.extend(how.map(|number| number.to_string()));
            cells.push(s.seed.to_string());
            lines.push(cells);
        };
        for row in &self.rows {
            line(row.name, "", &row.interval, row.paper);
        }
        for (name, side) in ["condition_actions", "condition_states", "condition_margin"]
            .into_iter()
            .zip(&self.condition)
        {
            line(name, "", side, None);
        }
        for (kind, rows) in [("n", &self.by_actions), ("t", &self.by_states)] {
            for (at, [actions, states]) in rows {
                line(&format!("percent_actions_{kind}"), &at.to_string(), actions, None);
                line(&format!("percent_states_{kind}"), &at.to_string(), states, None);
            }
        }
        for (lag, [marginal, rest]) in (1..).zip(&self.lags) {
            line("marginal_covariance", &format!("{lag}"), marginal, None);
            line("rest_covariance", &format!("{lag}"), rest, None);
        }
        lines
    }
}

/// Columns of `components.csv`.
pub(super) const CSV_COLUMNS: [&str; 15] = [
    "task",
    "component",
    "at",
    "estimate",
    "low",
    "high",
    "paper",
    "states",
    "trajectories",
    "groups",
    "trajectory_len",
    "actions",
    "rollouts",
    "horizon",
    "seed",
];

/// A number with four digits.
fn number(value: f64) -> String {
    if value != 0.0 && !(1e-3..1e4).contains(&value.abs()) {
        format!("{value:.2e}")
    } else {
        format!("{value:.4}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_lines_add_up_without_a_factor_of_2() {
        for Published { task, components: [state, action, marginal, rest, chain, policy] } in
            TABLE_1
        {
            // Three decimals, a sum of two.
            assert!((state + marginal - chain).abs() < 1.6e-3, "{task}");
            assert!((action + rest - policy).abs() < 1.6e-3, "{task}");
        }
        let [.., reacher, _] = TABLE_1;
        assert!(
            (reacher.components[0] + 2.0 * reacher.components[2] - reacher.components[4]).abs()
                > 1.0
        );
    }

    #[test]
    fn shares_are_those_of_the_paper() {
        let shares = TABLE_1.map(|published| (100.0 * published.policy_share()).round());
        assert_eq!(shares, [97.0, 100.0, 100.0, 82.0, 61.0, 99.0]);
    }
}
