//! `host-trainer tasks`.

use anyhow::Result;
use daa_envs as task;
use daa_envs::output;
use std::process::ExitCode;

/// List the tasks
#[derive(clap::Args, Debug)]
pub(crate) struct Tasks {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Tasks {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<ExitCode> {
        tasks(self.json)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn tasks(json: bool) -> Result<()> {
    if json {
        let references = |task: &task::Task| -> Vec<_> {
            let one = |r: &task::Reference| {
                serde_json::json!({
                    "method": r.method, "decisions": r.decisions, "best": r.best, "average": r.average,
                })
            };
            task.references().iter().map(one).collect()
        };
        let tasks: Vec<_> = task::all()
            .iter()
            .map(|task| {
                serde_json::json!({
                    "name": task.name, "observations": task.observations.len(), "actions": task.actions.len(),
                    "control_timestep": task.control_timestep(), "episode_steps": task.episode_steps,
                    "references": references(task),
                })
            })
            .collect();
        output::line(serde_json::to_string(&tasks)?)?;
        return Ok(());
    }
    const METHODS: [&str; 4] = ["PPO", "DAA", "states", "QAA"];
    let [a, b, c, d] = METHODS;
    output::line(format!(
        "{:<24} {:>12} {:>8} {:>13} {:>8} | {a:>5} {b:>5} {c:>6} {d:>5}  other",
        "task", "observations", "actions", "control rate", "steps"
    ))?;
    for task in task::all() {
        let known = |method: &str| task.references().iter().find(|r| r.method == method);
        let [a, b, c, d] = METHODS
            .map(|method| known(method).map_or("-".to_owned(), |r| format!("{:.0}", r.best)));
        let other = task.references().iter().find(|r| !METHODS.contains(&r.method));
        let other = other.map_or(String::new(), |r| format!("{} {:.0}", r.method, r.best));
        output::line(
            format!(
                "{:<24} {:>12} {:>8} {:>10.0} Hz {:>8} | {a:>5} {b:>5} {c:>6} {d:>5}  {other}",
                task.name,
                task.observations.len(),
                task.actions.len(),
                1.0 / task.control_timestep(),
                task.episode_steps,
            )
            .trim_end(),
        )?;
    }
    output::line(
        "\nRight of the line, published returns, best point of the mean curve: of \"On Many-Actions Policy\nGradient\" (15 seeds, 1M decisions of 4 control steps; quadruped 3M, humanoid 6M) and of CleanRL (8M).",
    )?;
    Ok(())
}
