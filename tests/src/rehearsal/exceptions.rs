//! The commands that are not run, each with the reason.

use super::step::begins;

/// A command that is not run here.
pub(super) struct Exception {
    /// How it begins.
    pub(super) begins: &'static [&'static str],
    /// A word that must be in it as well; empty: none.
    with: &'static str,
    /// Why.
    pub(super) why: &'static str,
}

const fn exception(
    begins: &'static [&'static str],
    with: &'static str,
    why: &'static str,
) -> Exception {
    Exception { begins, with, why }
}

/// Ours, whose arguments are checked and which is then not run.
pub(super) const ASKED: [Exception; 9] = [
    exception(&["cargo", "xtask", "setup"], "", "fetches gigabytes"),
    exception(&["cargo", "xtask", "test"], "", "is what runs this"),
    exception(&["cargo", "xtask", "train"], "", "its training is run without the set-up around it"),
    exception(&["cargo", "xtask", "record"], "", "a Python environment of its own"),
    exception(&["cargo", "xtask", "faults"], "", "a campaign of minutes, written into the page"),
    exception(
        &["cargo", "xtask", "fuzz"],
        "",
        "half a minute a target; `cargo xtask test` runs it",
    ),
    exception(&["cargo", "xtask", "bench"], "", "minutes, written into the page"),
    exception(&["cargo", "xtask", "flash-policy"], "--port", "needs a board"),
    exception(&["host-trainer"], "cuda", "needs a GPU"),
];

/// Other people's programs, and what would take minutes.
pub(super) const LEFT: [Exception; 15] = [
    exception(&["cargo", "clippy"], "", "`.ci/run` does"),
    exception(&["cargo", "doc"], "", "`.ci/run` does"),
    exception(
        &["cargo", "embed"],
        "",
        "needs a board; `tests/tests/chip/firmware.rs` checks Embed.toml",
    ),
    exception(&["cargo", "fmt"], "", "`.ci/run` does"),
    exception(&["cargo", "install"], "", "fetches and compiles for half an hour"),
    exception(
        &["cargo", "run"],
        "--example",
        "trains for a while; the example is compiled with the tests",
    ),
    exception(&["cargo", "run"], "fuzz-seeds", "writes into the repository"),
    exception(&["cargo", "test"], "", "a test that runs tests; the files it names are checked"),
    exception(&["mkfifo"], "", "`tests/tests/chip/emulator.rs` makes them"),
    exception(&["pip"], "", "changes the user's Python"),
    exception(&["probe-rs"], "", "needs a board"),
    exception(
        &["python3"],
        "",
        "needs Ray or the reference packages; `tests/tests/training/sweep.rs` runs the adapter",
    ),
    exception(&["qemu-system-arm"], "", "`cargo xtask emulate` starts it like this"),
    exception(&["sbatch"], "", "needs Slurm"),
    exception(
        &["tensorboard"],
        "",
        "stays open; `tests/tests/command_line/report.rs` reads its files back",
    ),
];

impl Exception {
    /// Whether a command is one of these.
    pub(super) fn covers(&self, words: &[String]) -> bool {
        begins(words, self.begins)
            && (self.with.is_empty() || words.iter().any(|word| word.contains(self.with)))
    }
}
