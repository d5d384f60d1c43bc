//! What a person or a script sees of a run: a bar on a terminal, lines elsewhere, JSON on request.

use super::metrics::Metrics;
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

    /// After an iteration.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn update(&mut self, metrics: &Metrics) -> Result<()> {
        self.evaluation = metrics.evaluation_return.or(self.evaluation);
        match (self.show, &self.bar) {
            (Show::Json, _) => output::line(serde_json::to_string(metrics)?)?,
            (Show::Human, Some(bar)) => {
                bar.set_position(metrics.decisions);
                bar.set_message(self.line(metrics));
            }
            (Show::Human, None) => {
                eprintln!("{:>8} decisions  {}", metrics.decisions, self.line(metrics))
            }
            (Show::Nothing, _) => {}
        }
        Ok(())
    }

    fn line(&self, metrics: &Metrics) -> String {
        let number =
            |value: Option<f64>| value.map_or("    -".to_owned(), |value| format!("{value:5.0}"));
        format!(
            "return {} (sampled) {} (mean action)  {:.0} decisions/s",
            number(metrics.episode_return),
            number(self.evaluation),
            metrics.decisions_per_second,
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
