//! The documented commands that are not run, each with a reason.

use super::step::begins;

/// A documented command that is not run.
pub(super) struct Exception {
    /// The first words of the command.
    pub(super) begins: &'static [&'static str],
    /// A word that the command must contain as well; empty for none.
    with: &'static str,
    /// Why the command is not run.
    pub(super) why: &'static str,
}

const fn exception(
    begins: &'static [&'static str],
    with: &'static str,
    why: &'static str,
) -> Exception {
    Exception { begins, with, why }
}

/// Commands of this repository whose arguments are checked although they are not run.
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
    exception(&["cargo", "xtask", "upload"], "--port", "needs a board"),
    exception(&["host-trainer"], "cuda", "needs a GPU"),
];

/// Commands of other programs, and commands that would take minutes.
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
    /// Whether the exception applies to a command.
    pub(super) fn covers(&self, words: &[String]) -> bool {
        begins(words, self.begins)
            && (self.with.is_empty() || words.iter().any(|word| word.contains(self.with)))
    }
}
