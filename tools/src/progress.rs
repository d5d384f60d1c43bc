//! Progress for the user, all of it on standard error: standard output carries only results.

use std::time::{Duration, Instant};

use indicatif::ProgressBar;

/// Prints one line of progress.
pub fn say(line: impl AsRef<str>) {
    eprintln!("{}", line.as_ref());
}

/// A step under way: a spinner on a terminal, elsewhere one line at its start and one at its end.
pub struct Step {
    spinner: ProgressBar,
    label: String,
    start: Instant,
}

impl Step {
    /// Begins a step.
    pub fn new(label: impl Into<String>) -> Self {
        let (spinner, label) = (ProgressBar::new_spinner(), label.into());
        spinner.enable_steady_tick(Duration::from_millis(120));
        if spinner.is_hidden() {
            say(format!("  {label} …"));
        }
        spinner.set_message(label.clone());
        Self { spinner, label, start: Instant::now() }
    }

    /// Ends the step and prints how long it took, if that was half a second or more.
    pub fn done(self) {
        self.spinner.finish_and_clear();
        let seconds = self.start.elapsed().as_secs_f64();
        if seconds >= 0.5 {
            say(format!("  {}: {seconds:.1} s", self.label));
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if !self.spinner.is_finished() {
            self.spinner.finish_and_clear();
        }
    }
}
