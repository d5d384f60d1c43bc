//! `cargo xtask faults`: the fault campaign's tables, written into `docs/faults.md`.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::emulate::existing;
use crate::host::HostTrainer;
use crate::project::Project;
use crate::report::{Step, say};
use crate::run;
use crate::setup;
use crate::setup::place::{self, explain};

/// Tasks that a policy learns in a minute.
const TASKS: [&str; 3] = ["cartpole-swingup", "cartpole-balance", "reacher-easy"];

/// Everything between these two lines of the page is written by this command.
const BEGIN: &str = "<!-- tables: `cargo xtask faults` -->";
const END: &str = "<!-- end of the tables -->";

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Images [default: three tasks are trained with the quickstart preset]
    images: Vec<PathBuf>,
    /// Episodes for each fault
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    episodes: u32,
    /// Print the tables and leave the page as it is
    #[arg(long)]
    print: bool,
}

/// Trains what is missing, injects every fault and writes the page.
///
/// # Errors
/// When something does not build, train or run; the page is left as it is then.
pub(crate) fn run(project: &Project, arguments: &Arguments) -> Result<()> {
    setup::quietly(project)?;
    let folder = place::temporary(&std::env::temp_dir(), "daa-faults")?;
    let tables = tables(project, arguments, &folder);
    place::remove(&folder)?;
    let tables = tables?;
    if arguments.print {
        print!("{tables}");
        return Ok(());
    }
    let page = project.root().join("docs/faults.md");
    let text = fs::read_to_string(&page).map_err(|error| explain(error, &page))?;
    let text = replace(&text, &tables)
        .with_context(|| format!("{} has lost the lines around its tables", page.display()))?;
    place::write(&page, text)?;
    say(format!("wrote {}", project.shorten(&page)));
    Ok(())
}

fn tables(project: &Project, arguments: &Arguments, folder: &std::path::Path) -> Result<String> {
    let images = if arguments.images.is_empty() {
        TASKS.iter().map(|task| train(project, folder, task)).collect::<Result<Vec<_>>>()?
    } else {
        arguments.images.iter().map(|image| existing(image)).collect::<Result<_>>()?
    };
    let mut cargo = run::cargo(project.root());
    cargo.args(["run", "--quiet", "--release", "--package", "firmware-sim", "--"]);
    cargo.args(images).args(["--episodes", &arguments.episodes.to_string()]);
    cargo.stdin(Stdio::null());
    let step = Step::spinner("injecting faults");
    let output = run::output(&mut cargo)?;
    if !output.status.success() {
        bail!("{}", run::last_line(&output.stderr).trim_start_matches("error: "));
    }
    step.done();
    String::from_utf8(output.stdout).context("firmware-sim printed no text")
}

fn train(project: &Project, folder: &std::path::Path, task: &str) -> Result<PathBuf> {
    let host = HostTrainer::build(project)?;
    let run_dir = folder.join(task);
    let mut command = host.command(project);
    command.args(["train", "--preset", "quickstart", "--quiet", "--task", task, "--run-dir"]);
    command.arg(&run_dir).stdin(Stdio::null());
    let step = Step::spinner(format!("training {task}"));
    let output = run::output(&mut command)?;
    if !output.status.success() {
        bail!("{}", run::last_line(&output.stderr).trim_start_matches("error: "));
    }
    step.done();
    Ok(run_dir.join("policy.daa"))
}

/// The page with other tables, if it has a place for them.
fn replace(page: &str, tables: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", tables.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_between_the_two_lines_is_replaced() {
        let page = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let once = replace(&page, "new\n").unwrap();
        assert_eq!(once, format!("a\n{BEGIN}\n\nnew\n\n{END}\nb\n"));
        assert_eq!(replace(&once, "new").unwrap(), once);
        assert_eq!(replace("a\nb\n", "new"), None);
    }
}
