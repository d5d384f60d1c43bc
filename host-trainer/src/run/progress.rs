//! What a person or a script sees of a run: a bar on a terminal, lines elsewhere, JSON on request.

use super::metrics::{Metrics, mean};
use crate::output;
use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// How a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// Bar or lines.
    Human,
    /// One object an iteration, on standard output.
    Json,
    /// Nothing.
    Nothing,
}

/// Shows a run's iterations.
#[derive(Debug)]
pub struct Progress {
    show: Show,
    bar: Option<ProgressBar>,
    evaluation: Option<f64>,
}

impl Progress {
    /// For a run of `decisions`, of which `done` are behind it.
    #[must_use]
    pub fn new(show: Show, decisions: u64, done: u64) -> Self {
        let bar = (show == Show::Human && std::io::stderr().is_terminal()).then(|| {
            let style = "{bar:28} {percent:>3} %  {msg}  {eta} left";
            let style = ProgressStyle::with_template(style)
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::new(decisions).with_style(style).with_position(done);
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { show, bar, evaluation: None }
    }

    /// After an iteration: the metrics of every seed.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn update(&mut self, seeds: &[Metrics]) -> Result<()> {
        self.evaluation = mean(seeds, |metrics| metrics.evaluation_return).or(self.evaluation);
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
                bar.set_message(self.line(seeds));
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

    /// Prints a line for people without disturbing the bar.
    pub fn say(&self, line: &str) {
        match (self.show, &self.bar) {
            (Show::Human, Some(bar)) => bar.suspend(|| eprintln!("{line}")),
            (Show::Human, None) => eprintln!("{line}"),
            _ => {}
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
