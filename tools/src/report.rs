//! What the user sees while something takes long: all of it on standard error, so that standard
//! output stays clean for results.

use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

/// Prints one line of progress.
pub(crate) fn say(line: impl AsRef<str>) {
    eprintln!("{}", line.as_ref());
}

/// One step under way: a bar or a spinner on a terminal, a line at its start and end elsewhere.
pub(crate) struct Step {
    bar: ProgressBar,
    label: String,
    start: Instant,
}

impl Step {
    /// Begins a step that will handle `bytes` bytes.
    pub(crate) fn bytes(label: impl Into<String>, bytes: u64) -> Self {
        let bar = ProgressBar::new(bytes);
        let template = "  {msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        let label = label.into();
        Self::begin(bar, format!("{label} ({})", HumanBytes(bytes)))
    }

    /// Begins a step whose length is not known.
    pub(crate) fn spinner(label: impl Into<String>) -> Self {
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(Duration::from_millis(120));
        Self::begin(bar, label.into())
    }

    fn begin(bar: ProgressBar, label: String) -> Self {
        if bar.is_hidden() {
            say(format!("  {label} …"));
        }
        bar.set_message(label.clone());
        Self { bar, label, start: Instant::now() }
    }

    /// Moves the bar to `bytes`.
    pub(crate) fn set(&self, bytes: u64) {
        self.bar.set_position(bytes);
    }

    /// Moves the bar on by `bytes`.
    pub(crate) fn advance(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    /// Ends the step and says how long it took, if that was noticeable.
    pub(crate) fn done(self) {
        self.bar.finish_and_clear();
        let seconds = self.start.elapsed().as_secs_f64();
        if seconds >= 0.5 {
            say(format!("  {}: {seconds:.1} s", self.label));
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if !self.bar.is_finished() {
            self.bar.finish_and_clear();
        }
    }
}
