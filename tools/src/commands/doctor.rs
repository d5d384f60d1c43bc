//! `cargo xtask doctor`: shows what is installed, where, and whether it works.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use serde::Deserialize;
use tools::process;
use tools::programs::HostTrainer;
use tools::project::Project;
use tools::setup::toolchain::TARGET;
use tools::setup::{Check, emulator, mujoco, place, system, toolchain, torch};

const SET_UP: &str = "run `cargo xtask setup`";

/// Float32 products of this size that differ only in the order of summation differ by less.
const MATMUL_TOLERANCE: f64 = 1e-4;

/// Shows what is installed.
#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {}

/// One line of the table.
struct Row {
    name: &'static str,
    /// What was found, or what to do.
    found: Result<String, String>,
}

impl Row {
    /// A row for something that may be missing.
    fn new(name: &'static str, found: Option<String>, remedy: &str) -> Self {
        Self { name, found: found.ok_or_else(|| remedy.to_owned()) }
    }
}

/// What `host-trainer doctor --json` prints.
#[derive(Debug, Deserialize)]
struct Diagnosis {
    torch: String,
    cuda: bool,
    matmul_error: f64,
    mujoco: String,
}

impl Doctor {
    /// Prints the table.
    ///
    /// # Errors
    /// When something is missing, damaged, or computes wrong results.
    pub(crate) fn run(self) -> Result<()> {
        let project = Project::find()?;
        let mut rows = vec![
            program("rustc", "install Rust from https://rustup.rs"),
            program("cargo", "install Rust from https://rustup.rs"),
            program("c++", "install g++"),
            python(),
            torch_row(&project),
            mujoco_row(&project),
            models(&project),
            target(&project),
            version(emulator::QEMU, Some(emulator::path(&project)), SET_UP),
            digests(&project),
            Row { name: "CPU", found: Ok(cpu()) },
            Row { name: "NVIDIA driver", found: Ok(driver()) },
        ];
        if let Some(hint) = torch::cuda_hint(&project) {
            rows.push(Row { name: "", found: Ok(hint.into()) });
        }
        rows.extend(native_libraries(&project));
        let width = rows.iter().map(|row| row.name.len()).max().unwrap_or_default();
        for row in &rows {
            let text = match &row.found {
                Ok(text) => text.clone(),
                Err(remedy) => format!("PROBLEM: {remedy}"),
            };
            println!("{:<width$}  {text}", row.name);
        }
        match rows.iter().filter(|row| row.found.is_err()).count() {
            0 => Ok(()),
            1 => bail!("there is one problem; the line above says what to do"),
            count => bail!("there are {count} problems; the lines above say what to do"),
        }
    }
}

fn program(name: &'static str, remedy: &str) -> Row {
    version(name, process::find_program(name), remedy)
}

/// A program's version and path.
fn version(name: &'static str, path: Option<PathBuf>, remedy: &str) -> Row {
    let found = path.and_then(|path| {
        let version = process::text(Command::new(&path).arg("--version").stderr(Stdio::null()))?;
        Some(format!("{}  {}", version.lines().next().unwrap_or_default(), path.display()))
    });
    Row::new(name, found, remedy)
}

fn python() -> Row {
    let found = system::python().ok().and_then(|path| {
        let version = process::text(Command::new(&path).arg("--version"))?;
        Some(format!("{version} with pip  {}", path.display()))
    });
    let text = found.unwrap_or_else(|| "none with pip (only the set-up needs it)".into());
    Row { name: "python", found: Ok(text) }
}

fn torch_row(project: &Project) -> Row {
    let (path, users) = torch::in_force(project);
    let found = match torch::check(&path, users) {
        Ok(version) => Ok(format!("{version}  {}{}", path.display(), whose(users, "LIBTORCH"))),
        Err(error) if users => Err(format!("{error:#}")),
        Err(_) => Err(SET_UP.to_owned()),
    };
    Row { name: "torch", found }
}

fn mujoco_row(project: &Project) -> Row {
    let (path, users) = mujoco::in_force(project);
    let found = match mujoco::check(&path) {
        Ok(version) => {
            let whose = whose(users, "MUJOCO_DYNAMIC_LINK_DIR");
            Ok(format!("{version}  {}{whose}", path.display()))
        }
        Err(error) if users => Err(format!("{error:#}")),
        Err(_) => Err(SET_UP.to_owned()),
    };
    Row { name: "mujoco", found }
}

fn whose(users: bool, variable: &str) -> String {
    if users { format!(" (your {variable})") } else { String::new() }
}

fn models(project: &Project) -> Row {
    let suite = project.deps().join("dm_control/suite");
    let models = fs::read_dir(&suite).map(|entries| {
        entries
            .flatten()
            .filter(|entry| entry.path().extension().is_some_and(|e| e == "xml"))
            .count()
    });
    let found = models.ok().filter(|count| *count > 0);
    let found = found.map(|count| format!("{count} models  {}", suite.display()));
    Row::new("dm_control", found, SET_UP)
}

fn target(project: &Project) -> Row {
    let rustc = toolchain::wrapper_path(project);
    let found = toolchain::has_target(&rustc, project).then(|| {
        let version = process::text(Command::new(&rustc).arg("--version")).unwrap_or_default();
        format!("{version}  {}", rustc.display())
    });
    Row::new(TARGET, found, SET_UP)
}

/// Compares every fetched file with the digest taken when it was installed.
fn digests(project: &Project) -> Row {
    let folders = place::verify_all(&project.deps(), Check::Full);
    let damaged = folders.iter().find_map(|(_, damaged)| damaged.as_deref());
    let found = match damaged {
        None => Ok(format!("every file of {} folders has its digest", folders.len())),
        Some(file) => Err(format!("{} is damaged: {SET_UP}", project.shorten(file))),
    };
    Row { name: "files in .deps", found }
}

/// Model name, number of cores and the vector instructions by which numeric libraries choose their kernels.
fn cpu() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let name = name.map_or("unknown", |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{name}, {cores} cores, {}", features().join(" "))
}

#[cfg(target_arch = "x86_64")]
fn features() -> Vec<&'static str> {
    let mut found = Vec::new();
    macro_rules! look {
        ($($name:tt)*) => {
            $(if std::arch::is_x86_feature_detected!($name) {
                found.push($name);
            })*
        };
    }
    look!("sse4.2" "avx" "avx2" "fma" "avx512f" "avx512bw" "avx512vl" "avx512vnni" "avx512bf16");
    found
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> Vec<&'static str> {
    vec![std::env::consts::ARCH]
}

fn driver() -> String {
    let text = fs::read_to_string("/proc/driver/nvidia/version").unwrap_or_default();
    match text.lines().next() {
        Some(line) => line.trim_start_matches("NVRM version: ").to_owned(),
        None if torch::gpu_seen() => "seen".into(),
        None => "none: networks run on the CPU".into(),
    }
}

/// What `host-trainer doctor` reports about the libraries that it is linked with.
fn native_libraries(project: &Project) -> Vec<Row> {
    let Some(host) = HostTrainer::find(project) else {
        let remedy = "not built: run `cargo build --release -p host-trainer`";
        return vec![Row { name: "matrix product", found: Err(remedy.into()) }];
    };
    let output = process::output(host.command(project).args(["doctor", "--json"]));
    let diagnosis = output.map_err(|error| error.to_string()).and_then(|output| {
        serde_json::from_slice::<Diagnosis>(&output.stdout)
            .map_err(|_| process::last_line(&output.stderr))
    });
    match diagnosis {
        Err(error) => {
            let remedy =
                format!("host-trainer does not start ({error}); {SET_UP} and build it again");
            vec![Row { name: "host-trainer", found: Err(remedy) }]
        }
        Ok(diagnosis) => {
            let cuda = if diagnosis.cuda { "found" } else { "not found" };
            let linked = format!("torch {}, MuJoCo {}", diagnosis.torch, diagnosis.mujoco);
            vec![
                Row {
                    name: "host-trainer",
                    found: Ok(format!("{linked}  {}", host.path().display())),
                },
                Row { name: "CUDA", found: Ok(cuda.into()) },
                Row { name: "matrix product", found: matmul(diagnosis.matmul_error) },
            ]
        }
    }
}

fn matmul(error: f64) -> Result<String, String> {
    // In this form a NaN is a failure.
    if error < MATMUL_TOLERANCE {
        Ok(format!("correct, largest error {error:.1e}"))
    } else {
        Err(format!("wrong, largest error {error:.1e}: remove .deps/torch and {SET_UP}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_matrix_product_is_found_even_if_it_is_nan() {
        assert!(matmul(2e-6).is_ok());
        assert!(matmul(0.5).is_err());
        assert!(matmul(f64::NAN).is_err());
    }

    #[test]
    fn further_fields_of_the_diagnosis_are_ignored() {
        let text = r#"{"torch":"2.11.0","cuda":false,"cuda_devices":0,"matmul_error":3e-7,
                       "mujoco":"3.17.0","models":"x"}"#;
        let diagnosis: Diagnosis = serde_json::from_str(text).unwrap();
        assert!(!diagnosis.cuda && diagnosis.torch == "2.11.0" && diagnosis.mujoco == "3.17.0");
        assert!(diagnosis.matmul_error < MATMUL_TOLERANCE);
    }
}
