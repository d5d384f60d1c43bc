//! One run of a study: its configuration, its directory, and the command that trains it.

use crate::csv_file::CsvFile;
use anyhow::{Context, Result, bail};
use daa_trainer::config::{Arguments, Config, SourceArguments};
use daa_trainer::run::directory::RunDirectory;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One run of a study.
#[derive(Debug)]
pub struct Job {
    /// Words that distinguish the job from the others, such as the name of its arm.
    pub name: String,
    /// Hash of the configuration, see [`id`].
    pub id: String,
    /// Arguments of `host-trainer train`.
    pub arguments: Arguments,
    /// The configuration that the arguments resolve to.
    pub config: Config,
    /// The run directory.
    pub directory: PathBuf,
}

/// Hash of a configuration as 16 hexadecimal digits: equal for the same run, whatever its threads.
///
/// # Errors
/// When the configuration cannot be written as TOML.
pub fn id(config: &Config) -> Result<String> {
    let comparable = Config { threads: 0, ..config.clone() };
    let text = toml::to_string(&comparable).context("cannot write the configuration")?;
    let crc = crc::Crc::<u64>::new(&crc::CRC_64_XZ);
    Ok(format!("{:016x}", crc.checksum(text.as_bytes())))
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config { task, seeds, decisions, .. } = &self.config;
        let (name, place) = (&self.name, self.directory.display());
        write!(f, "{task}, {name}: {} seeds of {decisions} decisions in {place}", seeds.len())
    }
}

impl Job {
    /// A job in a directory below `out` that is called like the job's id. The jobs of a study share assignments;
    /// those without an effect on this job are dropped. The jobs also share the cores, so a job has one thread
    /// unless `sources` set another number.
    ///
    /// # Errors
    /// One line that names the job, and what is wrong with its configuration.
    pub(super) fn new(name: String, sources: SourceArguments, out: &Path) -> Result<Self> {
        let arguments = Arguments { sources, ..Arguments::default() };
        let resolved = arguments.without_idle().and_then(|arguments| {
            let config = arguments.resolve()?;
            // The task has one name, wherever its file lies.
            let task = config.find_task()?.name.to_owned();
            Ok((arguments, Config { task, ..config }))
        });
        let (mut arguments, config) = resolved.with_context(|| format!("the job {name}"))?;
        if !arguments.sources.set.iter().any(|assignment| assignment.starts_with("threads=")) {
            arguments.run.threads = Some(1);
        }
        let id = id(&config)?;
        Ok(Self { name, arguments, config, directory: out.join(&id), id })
    }

    /// Whether the run is finished.
    ///
    /// # Errors
    /// When the directory holds a run of another configuration.
    pub fn is_finished(&self) -> Result<bool> {
        if !self.directory.join("config.toml").exists() {
            return Ok(false);
        }
        let (directory, found) = RunDirectory::open(&self.directory)?;
        if let Some((key, ..)) = found.differences(&self.config).first() {
            bail!(
                "{} holds a run with another {key}: choose another --out, or delete it",
                self.directory.display()
            );
        }
        Ok(directory.is_finished())
    }

    /// The command that starts the run, or resumes it.
    ///
    /// # Errors
    /// When the path of this program is unknown.
    pub fn command(&self) -> Result<Command> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let mut command = Command::new(program);
        command.arg("train").arg("--quiet").stdin(Stdio::null()).stdout(Stdio::null());
        if let Some(preset) = &self.arguments.sources.preset {
            command.args(["--preset", preset]);
        }
        if let Some(file) = &self.arguments.sources.config {
            command.arg("--config").arg(file);
        }
        for assignment in self.arguments.assignments() {
            command.args(["--set", &assignment]);
        }
        command.arg("--run-dir").arg(&self.directory);
        Ok(command)
    }

    /// Decisions of all seeds in the finished run.
    #[must_use]
    pub fn decisions(&self) -> u64 {
        self.config.decisions * self.config.num_seeds() as u64
    }

    /// Decisions of all seeds until now, by the last line of `metrics.csv`.
    #[must_use]
    pub fn decisions_done(&self) -> u64 {
        let text = std::fs::read_to_string(self.directory.join("metrics.csv")).unwrap_or_default();
        let ends = [text.lines().next(), text.lines().next_back()];
        let ends = ends.map(Option::unwrap_or_default).join("\n");
        let file = CsvFile::parse(&ends).unwrap_or_default();
        let last = file.rows().last().and_then(|row| row.get("decisions")?.parse().ok());
        last.unwrap_or(0).min(self.config.decisions) * self.config.num_seeds() as u64
    }
}
