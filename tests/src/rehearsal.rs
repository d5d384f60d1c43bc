//! Documented commands, run for real with a small budget.
//!
//! A page has a folder of its own, with what pages take for granted: an exported run, some images, the
//! repository's examples. Its commands are run there in order, so that one finds what another left.

use crate::pages::{Documented, blocks};
use crate::{Outcome, host_trainer, root, run, succeed, xtask};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{fs, os::unix};

/// Settings of a run that takes a second: two iterations, and everything in them.
const SMALL: [&str; 15] = [
    "decisions=512",
    "environments=2",
    "trajectory_len=128",
    "minibatch=64",
    "epochs=1",
    "actor_hidden=16",
    "critic_hidden=16",
    "transition_hidden=16",
    "reward_hidden=16",
    "model_start=0",
    "model_first_steps=4",
    "model_steps=2",
    "evaluate_every=1",
    "evaluate_episodes=1",
    "sampled_episodes=1",
];

/// A command that is not run here.
struct Exception {
    /// How it begins.
    begins: &'static [&'static str],
    /// A word that must be in it as well; empty: none.
    with: &'static str,
    /// Why.
    why: &'static str,
}

const fn exception(
    begins: &'static [&'static str],
    with: &'static str,
    why: &'static str,
) -> Exception {
    Exception { begins, with, why }
}

/// Ours, whose arguments are checked and which is then not run.
const ASKED: [Exception; 9] = [
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
const LEFT: [Exception; 15] = [
    exception(&["cargo", "clippy"], "", "`.ci/run` does"),
    exception(&["cargo", "doc"], "", "`.ci/run` does"),
    exception(
        &["cargo", "embed"],
        "",
        "needs a board; `tests/tests/firmware.rs` checks Embed.toml",
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
    exception(&["mkfifo"], "", "`tests/tests/emulator.rs` makes them"),
    exception(&["pip"], "", "changes the user's Python"),
    exception(&["probe-rs"], "", "needs a board"),
    exception(
        &["python3"],
        "",
        "needs Ray or the reference packages; `tests/tests/sweep.rs` runs the adapter",
    ),
    exception(&["qemu-system-arm"], "", "`cargo xtask emulate` starts it like this"),
    exception(&["sbatch"], "", "needs Slurm"),
    exception(&["tensorboard"], "", "stays open; `tests/tests/report.rs` reads its files back"),
];

impl Exception {
    fn covers(&self, words: &[String]) -> bool {
        begins(words, self.begins)
            && (self.with.is_empty() || words.iter().any(|word| word.contains(self.with)))
    }
}

/// What is done with a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// These, one after the other, must succeed.
    Run(Vec<Step>),
    /// This must be understood: `--help` stands behind its arguments.
    Ask(Step, &'static str),
    /// Nothing.
    Leave(&'static str),
}

/// A program of ours and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which one.
    pub program: Program,
    /// Its arguments.
    pub words: Vec<String>,
}

/// What can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// `host-trainer`.
    HostTrainer,
    /// `cargo xtask`.
    Xtask,
    /// `cp`.
    Copy,
}

impl Step {
    /// The command in a folder.
    #[must_use]
    pub fn command(&self, folder: &Path) -> Command {
        let mut command = match self.program {
            Program::HostTrainer => host_trainer(folder),
            Program::Xtask => xtask(),
            Program::Copy => Command::new("cp"),
        };
        // Where dm_control is installed, `bench env` starts Python for every task.
        command.current_dir(folder).env("DM_CONTROL_PYTHON", "/nonexistent").args(&self.words);
        command
    }
}

fn begins(words: &[String], start: &[&str]) -> bool {
    words.len() >= start.len() && words.iter().zip(start).all(|(word, wanted)| word == wanted)
}

/// The program and arguments of a command of ours; none of other people's.
#[must_use]
pub fn ours(words: &[String]) -> Option<Step> {
    let starts = [
        (&["host-trainer"][..], Program::HostTrainer),
        (&["target/release/host-trainer"], Program::HostTrainer),
        (&["cargo", "run", "--release", "-p", "host-trainer", "--"], Program::HostTrainer),
        (&["cargo", "xtask"], Program::Xtask),
        (&["cp"], Program::Copy),
    ];
    let (start, program) = starts.into_iter().find(|(start, _)| begins(words, start))?;
    Some(Step { program, words: words[start.len()..].to_vec() })
}

/// What is done with a command; none if nobody has said.
#[must_use]
pub fn fate(words: &[String]) -> Option<Fate> {
    let Some(step) = ours(words) else {
        return LEFT.iter().find(|left| left.covers(words)).map(|left| Fate::Leave(left.why));
    };
    let whole: Vec<String> = match step.program {
        Program::HostTrainer => {
            std::iter::once("host-trainer".to_owned()).chain(step.words.clone()).collect()
        }
        Program::Xtask | Program::Copy => words.to_vec(),
    };
    if begins(&whole, &["cargo", "xtask", "train"]) && whole.len() > 3 {
        // Its arguments are the trainer's.
        let train = Step { program: Program::HostTrainer, words: step.words };
        return Some(Fate::Run(cut(&train)));
    }
    if let Some(asked) = ASKED.iter().find(|asked| asked.covers(&whole)) {
        return Some(Fate::Ask(step, asked.why));
    }
    Some(Fate::Run(cut(&step)))
}

/// Exceptions that cover none of the commands: they can go.
#[must_use]
pub fn stale_exceptions(commands: &[Vec<String>]) -> Vec<&'static str> {
    let used = |exception: &&Exception| {
        let covered = |words: &Vec<String>| {
            let ours = ours(words).filter(|step| step.program == Program::HostTrainer);
            let whole = ours.map_or_else(
                || words.clone(),
                |step| std::iter::once("host-trainer".to_owned()).chain(step.words).collect(),
            );
            exception.covers(&whole)
        };
        commands.iter().any(covered)
    };
    ASKED.iter().chain(&LEFT).filter(|e| !used(e)).map(|e| e.begins[e.begins.len() - 1]).collect()
}

/// Arguments with a value put in, or changed where it is there.
struct Budget(Vec<String>);

impl Budget {
    fn has(&self, flag: &str) -> bool {
        self.0.iter().any(|word| word == flag)
    }

    fn set(&mut self, flag: &str, value: &str) -> &mut Self {
        match self.0.iter().position(|word| word == flag) {
            Some(at) if at + 1 < self.0.len() => self.0[at + 1] = value.to_owned(),
            _ => self.0.extend([flag.to_owned(), value.to_owned()]),
        }
        self
    }

    fn all(&mut self, pairs: &[(&str, &str)]) -> &mut Self {
        for (flag, value) in pairs {
            self.set(flag, value);
        }
        self
    }

    /// Small settings; those of the command come after them and win, but for the number of decisions.
    fn small(&mut self, at: usize) -> &mut Self {
        let decisions = SMALL[0];
        self.0.iter_mut().filter(|word| word.starts_with("decisions=")).for_each(|word| {
            decisions.clone_into(word);
        });
        if self.has("--decisions") {
            self.set("--decisions", &decisions["decisions=".len()..]);
        }
        let settings = SMALL.iter().flat_map(|setting| ["--set", setting]).map(str::to_owned);
        let _ = self.0.splice(at..at, settings);
        self
    }
}

/// A command with its budget cut.
fn cut(step: &Step) -> Vec<Step> {
    let mut budget = Budget(step.words.clone());
    let words: Vec<&str> = step.words.iter().map(String::as_str).collect();
    match (step.program, &words[..]) {
        (Program::Xtask, ["emulate", ..]) => {
            budget.set("--episodes", "1");
        }
        (Program::Copy | Program::Xtask, _) => {}
        // Goes on as it was begun.
        (_, ["train", ..]) if budget.has("--resume") => {}
        (_, ["train", ..]) => {
            budget.small(1).0.push("-q".to_owned());
        }
        (_, ["bench", "train", ..]) => {
            budget.small(2).set("--iterations", "1");
        }
        (_, ["bench", "env", ..]) => {
            budget.set("--seconds", "0.05");
            if !budget.has("--task") {
                budget.set("--task", "cartpole-swingup");
            }
        }
        (_, ["evaluate", ..]) => {
            budget.set("--episodes", "2");
        }
        (_, ["render", ..]) => {
            budget.all(&[("--frames", "2"), ("--width", "64"), ("--height", "48")]);
        }
        (_, ["report", ..]) if budget.has("--at") => {
            budget.set("--at", "256");
        }
        (_, ["diagnose", ..]) => {
            budget.all(&[("--states", "2"), ("--actions", "2"), ("--rollouts", "2")]);
            budget.all(&[("--truth-horizon", "5"), ("--batches", "1")]);
        }
        (_, ["variance", "bias", ..]) => {
            budget.all(&[("--estimates", "4"), ("--states", "250"), ("--reference", "1")]);
            budget.all(&[("--batches", "1"), ("--actions", "1"), ("--horizon", "1")]);
            if !budget.has("--estimators") {
                budget.set("--estimators", "single,q_network");
            }
        }
        (_, ["variance", ..]) => {
            budget.all(&[("--states", "300"), ("--rollouts", "1"), ("--horizon", "3")]);
            budget.all(&[("--trajectory-len", "25"), ("--actions", "3")]);
            if !budget.has("--policy") {
                budget.all(&[("--updates", "1"), ("--update-states", "50")]);
            }
        }
        // The whole as a plan, one task and seed of it for real.
        (_, ["experiment", _, ..]) if !budget.has("--plan") => {
            let mut plan = step.clone();
            plan.words.push("--plan".to_owned());
            budget.small(2).all(&[("--seeds", "1"), ("--task", "cheetah-run")]);
            return vec![plan, Step { program: step.program, words: budget.0 }];
        }
        _ => {}
    }
    vec![Step { program: step.program, words: budget.0 }]
}

/// An exported run with its image, made once a test process, and beside it one of another seed.
fn exported() -> &'static Path {
    static RUN: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, run_dir) = RUN.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for seed in ["1", "2"] {
            let words = ["train", "--seed", seed].map(str::to_owned).to_vec();
            for step in cut(&Step { program: Program::HostTrainer, words }) {
                let _ = succeed(&mut step.command(folder.path()));
            }
        }
        let run_dir = folder.path().join("runs/cartpole-swingup-quickstart-1");
        (folder, run_dir)
    });
    run_dir
}

/// A folder in which a page's commands can be run.
#[must_use]
pub fn folder(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (here, run_dir) = (folder.path(), exported());
    fs::create_dir(here.join("runs")).expect("the disk has room");
    for name in ["cartpole-swingup-quickstart-1", "a", "b"] {
        let copy =
            Command::new("cp").arg("-r").arg(run_dir).arg(here.join("runs").join(name)).status();
        assert!(copy.expect("cp runs").success());
    }
    let another = run_dir.with_file_name("cartpole-swingup-quickstart-2");
    let images = [("runs/latest.daa", run_dir), ("policy.daa", run_dir), ("old.daa", run_dir)];
    for (name, run_dir) in images.into_iter().chain([("new.daa", another.as_path())]) {
        fs::copy(run_dir.join("policy.daa"), here.join(name)).expect("the disk has room");
    }
    for name in ["examples", "tools", "firmware", "docs"] {
        unix::fs::symlink(root().join(name), here.join(name)).expect("links can be made");
    }
    let statistics = "{\"mean\": [0, 0, 0, 0, 0], \"var\": [1, 1, 1, 1, 1]}";
    fs::write(here.join("rms.json"), statistics).expect("the disk has room");
    // A block whose first line is a comment with a file's name is that file.
    for block in blocks(text) {
        let name = block.lines.first().and_then(|line| line.strip_prefix("# "));
        if let Some(name) = name.filter(|name| name.ends_with(".toml") && !name.contains(' ')) {
            fs::write(here.join(name), small_file(&block.lines)).expect("the disk has room");
        }
    }
    folder
}

/// A page's file with the budget cut: its `[set]` or `decisions`, if it has one.
fn small_file(lines: &[&str]) -> String {
    let keep = |line: &&&str| !line.starts_with("decisions");
    let mut text = String::new();
    for line in lines.iter().filter(keep) {
        text += if line.starts_with("seeds = ") { "seeds = \"1..2\"" } else { line };
        text.push('\n');
        if *line == "[set]" || line.starts_with("[set] ") {
            text += &(SMALL.join("\n") + "\n");
        }
    }
    text
}

/// The standard output of a part of a command.
fn succeed_in(found: &Documented, command: &mut Command) -> Result<String, String> {
    let Outcome { code, stdout, stderr } = run(command);
    if code == 0 && !stderr.contains("panicked") {
        return Ok(stdout);
    }
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    Err(format!("{found}\n  as {}\n  {code}: {stdout}{stderr}", words.join(" ")))
}

/// Runs a step of a command in its page's folder; what is wrong with the result.
///
/// # Errors
/// The program's own words, or the file that it did not write.
pub fn rehearse(found: &Documented, step: &Step, folder: &Path) -> Result<(), String> {
    let here = found.folder.as_ref().map_or_else(|| folder.to_owned(), |name| folder.join(name));
    let mut step = step.clone();
    if step.program == Program::Xtask {
        let sent = step.words[0] == "flash-policy";
        for (at, word) in step.words.iter_mut().enumerate().filter(|(_, w)| w.ends_with(".daa")) {
            let _ = succeed_in(found, host_trainer(&here).arg("inspect").arg(&*word))?;
            // The firmware is built once, not for every image of every page.
            if !(sent && at == 1) {
                *word = exported().join("policy.daa").display().to_string();
            }
        }
    }
    let stdout = succeed_in(found, &mut step.command(&here))?;
    if let Some(output) = &found.output {
        fs::write(here.join(output), stdout).map_err(|error| format!("{found}: {error}"))?;
    }
    let files = ["-o", "--output", "--csv", "--svg", "--markdown", "--onnx", "--c-header", "--out"];
    for (flag, file) in step.words.iter().zip(step.words.iter().skip(1)) {
        let plan = step.words.iter().any(|word| word == "--plan");
        if files.contains(&flag.as_str()) && !plan && !here.join(file).exists() {
            return Err(format!("{found}: wrote no {file}"));
        }
    }
    Ok(())
}
