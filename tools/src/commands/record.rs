//! `cargo xtask record`: records episodes of Python dm_control, with which the simulator is tested.

use std::env;
use std::process::Command;

use anyhow::Result;
use tools::process;
use tools::project::Project;
use tools::setup::pip::RECORD;
use tools::setup::place::{Hold, Place};
use tools::setup::system;

/// What to record.
#[derive(Debug, clap::Args)]
pub(crate) struct Record {
    /// Arguments of tools/record_dm_control.py: OUT_DIR [TASK…], or --short OUT_DIR; without any, whole
    /// episodes and initial states of every task go to .deps/recordings, where the tests look
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    script: Vec<String>,
}

impl Record {
    /// Installs dm_control into `.deps/python`, unless it is there, and runs the script.
    ///
    /// # Errors
    /// When dm_control cannot be installed or the script fails.
    pub(crate) fn run(self) -> Result<()> {
        let project = Project::find()?;
        let deps = project.deps();
        let place = Place { parent: &deps, name: "python", origin: RECORD.origin() };
        {
            let _hold = Hold::on(&deps)?;
            if !place.is_current() {
                place.install(|dir| RECORD.install(&project, dir))?;
            }
        }
        let mut script = Command::new(system::python()?);
        script.env("PYTHONPATH", place.path()).env("PYTHONDONTWRITEBYTECODE", "1");
        script.arg(project.root().join("tools/record_dm_control.py"));
        if self.script.is_empty() {
            script.arg(deps.join("recordings"));
        } else {
            script.args(&self.script);
        }
        if env::var_os("MUJOCO_GL").is_none() {
            // Nothing is rendered, and a machine without a display cannot.
            script.env("MUJOCO_GL", "disable");
        }
        process::interactive(&mut script, "the recording")
    }
}
