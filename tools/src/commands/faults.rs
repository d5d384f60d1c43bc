//! `cargo xtask faults`: injects faults into the firmware's control loop and writes the tables of `docs/faults.md`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tools::files::{self, existing, explain};
use tools::process;
use tools::programs::{self, HostTrainer};
use tools::progress::{Step, say};
use tools::project::Project;
use tools::setup;

/// Tasks that take a minute to learn.
const TASKS: [&str; 3] = ["cartpole-swingup", "cartpole-balance", "reacher-easy"];

/// The command replaces everything between these two lines of the page.
const BEGIN: &str = "<!-- tables: `cargo xtask faults` -->";
const END: &str = "<!-- end of the tables -->";

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Faults {
    /// Images [default: train three tasks with the quickstart preset]
    images: Vec<PathBuf>,
    /// Episodes for each fault
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    episodes: u32,
    /// Print the tables and leave the page as it is
    #[arg(long)]
    print: bool,
}

impl Faults {
    /// Trains what is missing, injects every fault and writes the page.
    ///
    /// # Errors
    /// When a program does not build or fails; the page is then left as it is.
    pub(crate) fn run(self) -> Result<()> {
        let project = Project::find()?;
        setup::quietly(&project)?;
        let folder = files::temporary(&std::env::temp_dir(), "daa-faults")?;
        let tables = self.tables(&project, &folder);
        files::remove(&folder)?;
        let tables = tables?;
        if self.print {
            print!("{tables}");
            return Ok(());
        }
        let page = project.root().join("docs/faults.md");
        let text = fs::read_to_string(&page).map_err(|error| explain(error, &page))?;
        let text = replace(&text, &tables)
            .with_context(|| format!("{} lacks the lines around its tables", page.display()))?;
        files::write(&page, text)?;
        say(format!("wrote {}", project.shorten(&page)));
        Ok(())
    }

    fn tables(&self, project: &Project, folder: &Path) -> Result<String> {
        let images = if self.images.is_empty() {
            TASKS.iter().map(|task| train(project, folder, task)).collect::<Result<Vec<_>>>()?
        } else {
            self.images.iter().map(|image| existing(image)).collect::<Result<_>>()?
        };
        let mut simulation = Command::new(programs::build(project, "firmware-sim")?);
        simulation.current_dir(project.root()).args(images);
        simulation.args(["--episodes", &self.episodes.to_string()]);
        let step = Step::new("injecting faults");
        let tables = process::succeed(&mut simulation, "")?;
        step.done();
        String::from_utf8(tables).context("firmware-sim printed something else than text")
    }
}

fn train(project: &Project, folder: &Path, task: &str) -> Result<PathBuf> {
    let host = HostTrainer::build(project)?;
    let run_dir = folder.join(task);
    let mut command = host.command(project);
    command.args(["train", "--preset", "quickstart", "--quiet", "--task", task, "--run-dir"]);
    command.arg(&run_dir);
    let step = Step::new(format!("training {task}"));
    process::succeed(&mut command, "")?;
    step.done();
    Ok(run_dir.join("policy.daa"))
}

/// Returns the page with other tables; none if it lacks the two lines.
fn replace(page: &str, tables: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", tables.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_between_the_two_lines_is_replaced() {
        let page = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let once = replace(&page, "new\n").unwrap();
        assert_eq!(once, format!("a\n{BEGIN}\n\nnew\n\n{END}\nb\n"));
        assert_eq!(replace(&once, "new").unwrap(), once);
        assert_eq!(replace("a\nb\n", "new"), None);
    }
}
