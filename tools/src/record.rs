//! `cargo xtask record`: recordings of Python dm_control that the simulator is tested against.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::project::Project;
use crate::report::Step;
use crate::run;
use crate::setup::place::{Hold, Place};
use crate::setup::system::{self, PIP};
use crate::setup::wheels::{DM_CONTROL, MUJOCO};

/// What to record.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Arguments of tools/record_dm_control.py: OUT_DIR [TASK…], or --short OUT_DIR; without any,
    /// whole episodes and starts of every task go to .deps/recordings, where the tests look
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    script: Vec<String>,
}

/// Makes an environment with dm_control if there is none yet, and runs the script in it.
///
/// # Errors
/// When the environment cannot be made or the script fails.
pub(crate) fn run(project: &Project, arguments: &Arguments) -> Result<()> {
    let deps = project.deps();
    let packages = [
        format!("{}=={}", DM_CONTROL.package, DM_CONTROL.version),
        format!("{}=={}", MUJOCO.package, MUJOCO.version),
        "numpy".to_owned(),
    ];
    let place = Place { parent: &deps, name: "python", origin: packages.join("\n") };
    {
        let _hold = Hold::on(&deps)?;
        if !place.is_current() {
            system::ensure(&PIP)?;
            place.install(|dir| make_environment(dir, &packages))?;
        }
    }
    let mut script = Command::new(place.path().join("bin/python"));
    script.arg(project.root().join("tools/record_dm_control.py"));
    if arguments.script.is_empty() {
        script.arg(deps.join("recordings"));
    } else {
        script.args(&arguments.script);
    }
    script.env("PYTHONDONTWRITEBYTECODE", "1");
    if env::var_os("MUJOCO_GL").is_none() {
        // Nothing is drawn, and a machine without a display has nothing to draw with.
        script.env("MUJOCO_GL", "disable");
    }
    run::interactive(&mut script, "the recording")
}

fn make_environment(dir: &Path, packages: &[String]) -> Result<()> {
    let step = Step::spinner("making a Python environment with dm_control");
    let mut venv = Command::new(system::python()?);
    venv.args(["-m", "venv"]).arg(dir).stdin(Stdio::null());
    let made = run::output(&mut venv)?;
    if !made.status.success() {
        bail!(
            "python3 cannot make an environment ({}); on Debian: `sudo apt-get install python3-venv`",
            run::last_line(&[made.stdout, made.stderr].concat())
        );
    }
    let mut pip = Command::new(dir.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir"]);
    pip.args(packages).stdin(Stdio::null());
    let installed = run::output(&mut pip)?;
    if !installed.status.success() {
        bail!("pip could not install dm_control: {}", run::last_line(&installed.stderr));
    }
    step.done();
    Ok(())
}
