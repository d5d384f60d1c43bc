//! Progress output of a run: a progress bar on a terminal, lines elsewhere, JSON on request.

use crate::metrics::{Metrics, Phase, Times, mean};
use anyhow::Result;
use daa_envs::output;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// Form of the progress output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// A progress bar on a terminal, lines elsewhere, on standard error.
    Human,
    /// One JSON object per iteration and seed, on standard output.
    Json,
    /// No output.
    Nothing,
}

/// Prints the iterations of a run.
#[derive(Debug)]
pub struct Progress {
    show: Show,
    bar: Option<ProgressBar>,
    evaluation: Option<f64>,
    /// Returns of the evaluations, or of training where the run has no evaluations.
    returns: Vec<f64>,
    times: Times,
}

/// Width of the sparkline in characters.
const COLUMNS: usize = 32;

/// Returns a sparkline: one block character per value, scaled from the lowest value to the highest. Neighbours
/// are averaged if there are more than `columns` values.
fn sparkline(values: &[f64], columns: usize) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let columns = columns.min(values.len());
    let mean = |column: usize| {
        let range = column * values.len() / columns..(column + 1) * values.len() / columns;
        values[range.clone()].iter().sum::<f64>() / range.len() as f64
    };
    let means: Vec<f64> = (0..columns).map(mean).collect();
    let lowest = means.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let block = |value: &f64| {
        let height = if highest > lowest { (value - lowest) / (highest - lowest) } else { 0.0 };
        BLOCKS[((height * 8.0) as usize).min(7)]
    };
    means.iter().map(block).collect()
}

impl Progress {
    /// Returns the output for a run of `decisions` decisions in total, of which `done` are already taken.
    #[must_use]
    pub fn new(show: Show, decisions: u64, done: u64) -> Self {
        let bar = (show == Show::Human && std::io::stderr().is_terminal()).then(|| {
            let style = "{bar:32} {percent:>3} %  {eta} left\n{msg}";
            let style = ProgressStyle::with_template(style)
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::new(decisions).with_style(style).with_position(done);
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { show, bar, evaluation: None, returns: Vec::new(), times: Times::default() }
    }

    /// Shows an iteration: the metrics of every seed.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn update(&mut self, seeds: &[Metrics]) -> Result<()> {
        let evaluation = mean(seeds, |metrics| metrics.evaluation_return);
        self.evaluation = evaluation.or(self.evaluation);
        let seen = match self.evaluation {
            Some(_) => evaluation,
            None => mean(seeds, |metrics| metrics.episode_return),
        };
        self.returns.extend(seen.filter(|value| value.is_finite()));
        if let Some(first) = seeds.first() {
            self.times.add(&first.clock.wall);
        }
        let Some(decisions) = seeds.first().map(|metrics| metrics.decisions) else {
            return Ok(());
        };
        match (self.show, &self.bar) {
            (Show::Json, _) => {
                for metrics in seeds {
                    output::line(serde_json::to_string(metrics)?)?;
                }
            }
            (Show::Human, Some(bar)) => {
                bar.set_position(decisions);
                let curve = sparkline(&self.returns, COLUMNS);
                bar.set_message(format!(
                    "{curve:<COLUMNS$} {}\n{}",
                    self.line(seeds),
                    self.phases()
                ));
            }
            (Show::Human, None) => eprintln!("{decisions:>8} decisions  {}", self.line(seeds)),
            (Show::Nothing, _) => {}
        }
        Ok(())
    }

    fn line(&self, seeds: &[Metrics]) -> String {
        let number =
            |value: Option<f64>| value.map_or("    -".to_owned(), |value| format!("{value:5.0}"));
        format!(
            "return {} (sampled) {} (mean action)  {:.0} decisions/s",
            number(mean(seeds, |metrics| metrics.episode_return)),
            number(self.evaluation),
            seeds.first().map_or(0.0, |metrics| metrics.decisions_per_second),
        )
    }

    /// Share of each phase in the time so far, in percent.
    fn phases(&self) -> String {
        let times = &self.times;
        let phases: Vec<_> =
            Phase::ALL.iter().map(|phase| (phase.words(), times.of(*phase))).collect();
        let all = phases.iter().map(|(_, seconds)| seconds).sum::<f64>().max(1e-9);
        let shown = phases.iter().filter(|(_, seconds)| seconds / all >= 0.005);
        let each = shown.map(|(name, seconds)| format!("{name} {:.0} %", 100.0 * seconds / all));
        each.collect::<Vec<_>>().join("  ")
    }

    /// Prints a message to standard error without disturbing the progress bar; prints nothing in the other forms.
    pub fn say(&self, line: &str) {
        match (self.show, &self.bar) {
            (Show::Human, Some(bar)) => bar.suspend(|| eprintln!("{line}")),
            (Show::Human, None) => eprintln!("{line}"),
            _ => {}
        }
    }

    /// Removes the progress bar.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparkline_goes_from_the_lowest_to_the_highest_block() {
        assert_eq!(sparkline(&[0.0, 4.0, 8.0], 8), "▁▅█");
        // Two values per column: means 1, 5, 9.
        assert_eq!(sparkline(&[0.0, 2.0, 4.0, 6.0, 8.0, 10.0], 3), "▁▅█");
        assert_eq!(sparkline(&[3.0, 3.0], 8), "▁▁");
        assert_eq!(sparkline(&[], 8), "");
    }

    #[test]
    fn phases_are_shares_of_all_the_time() {
        let mut progress = Progress::new(Show::Nothing, 10, 0);
        let mut metrics = Metrics::default();
        metrics.clock.wall.model = 3.0;
        metrics.clock.wall.policy = 1.0;
        progress.update(&[metrics]).unwrap();
        assert_eq!(progress.phases(), "model 75 %  policy 25 %");
    }
}
