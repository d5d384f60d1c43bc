//! Documented commands, run for real with a small budget.
//!
//! A page has a folder of its own, with what pages take for granted: an exported run, some images, the
//! repository's examples. Its commands are run there in order, so that one finds what another left.

mod budget;

mod exceptions;

mod step;

pub use step::{Program, Step, ours};

use crate::pages::{Documented, blocks};
use crate::{Outcome, host_trainer, root, run, succeed};
use budget::{cut, small_file};
use exceptions::{ASKED, Exception, LEFT};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{fs, os::unix};
use step::begins;

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
            let ours = exported().join("policy.daa");
            if fs::read(here.join(&*word)).ok() != fs::read(&ours).ok() {
                let _ = succeed_in(found, host_trainer(&here).arg("inspect").arg(&*word))?;
            }
            // The firmware is built once, not for every image of every page.
            if !(sent && at == 1) {
                *word = ours.display().to_string();
            }
        }
    }
    let stdout = match succeed_in(found, &mut step.command(&here)) {
        Err(fault) if step.words[0] == "render" && fault.contains("apt-get install libegl1") => {
            eprintln!("left out: {found}: this machine has no OpenGL");
            return Ok(());
        }
        outcome => outcome?,
    };
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
