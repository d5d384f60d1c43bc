//! The jobs of a study, made from its definition or read from the lines of a plan.

use super::definition::{Definition, Point};
use super::job::Job;
use anyhow::{Context, Result, bail};
use daa_trainer::config::{Arguments, ConfigError, SourceArguments, assigned};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

/// Values from the command line. They replace those of the definition.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Preset, file, assignments and flags, for all jobs.
    pub arguments: Arguments,
    /// Tasks; where there are none, those of the definition.
    pub tasks: Vec<String>,
}

/// How the run directories of a study are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directories {
    /// `TASK/NAME`, for studies whose points are few and have names.
    ByName,
    /// Hash of the configuration: the same run has the same directory in every plan.
    ById,
}

/// The jobs of a study, no two of which are the same run.
#[derive(Debug)]
pub struct Plan {
    /// The jobs, in the order in which they are started.
    pub jobs: Vec<Job>,
}

/// A job as a line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Hash of the resolved configuration; the name of the run directory.
    pub id: String,
    /// Words that distinguish the job from the others.
    pub name: String,
    /// Preset.
    pub preset: Option<String>,
    /// `key=value` assignments, the weakest first.
    pub set: Vec<String>,
}

impl Plan {
    /// The jobs of a definition with values from the command line, in directories below `out`. Paths of task
    /// files in the definition are relative to `folder`, the folder of its file.
    ///
    /// # Errors
    /// One line: a job whose configuration is impossible, two jobs that are the same run, or a value that was
    /// asked for and has an effect on no job.
    pub fn new(
        definition: &Definition,
        folder: &Path,
        given: &Given,
        out: &Path,
        directories: Directories,
    ) -> Result<Self> {
        let tasks = if given.tasks.is_empty() { &definition.tasks } else { &given.tasks };
        let mut flags = given.arguments.clone();
        let one = flags.run.seed.take().map(|seed| vec![seed]);
        let seeds = match one.or(flags.run.seeds.take().map(|seeds| seeds.0)) {
            Some(seeds) => seeds,
            None => definition.seed_list()?,
        };
        let per_job = definition.seeds_per_job.unwrap_or(seeds.len());
        if per_job == 0 {
            bail!("seeds_per_job = 0: at least 1");
        }
        let seed_groups: Vec<&[u64]> = seeds.chunks(per_job).collect();
        let preset = flags.sources.preset.clone().or_else(|| definition.preset.clone());
        let mut plan = Self { jobs: Vec::new() };
        let mut known = BTreeMap::new();
        for point in definition.points(tasks, seed_groups.len())? {
            for seeds in &seed_groups {
                let mut name = point.name.clone();
                if seed_groups.len() > 1 {
                    name = format!("{name} seeds={seeds:?}").trim().to_owned();
                }
                if name.is_empty() {
                    "the only one".clone_into(&mut name);
                }
                let set = assignments(&point, seeds, folder, &flags);
                let config = flags.sources.config.clone();
                let sources = SourceArguments { preset: preset.clone(), config, set };
                let mut job = Job::new(name, sources, out)?;
                let task = &job.config.task;
                if directories == Directories::ByName {
                    job.directory = out.join(task).join(slug(&job.name));
                }
                let run = job.config.effective().to_string();
                if let Some(other) = known.insert(run, job.name.clone()) {
                    bail!(
                        "the jobs {other:?} and {:?} are the same run on {task}: the values in which they \
                         differ have no effect on them, or are replaced by --set or a flag",
                        job.name
                    );
                }
                plan.jobs.push(job);
            }
        }
        plan.check_directories()?;
        plan.check_effects(&flags.assignments())?;
        Ok(plan)
    }

    /// The jobs of the lines of a plan, in directories below `out`. Paths of task files are relative to
    /// `folder`, the folder of the plan's file.
    ///
    /// # Errors
    /// Those of [`Line::job`].
    pub fn of_lines(lines: &[Line], folder: &Path, out: &Path) -> Result<Self> {
        let jobs = lines.iter().map(|line| line.job(folder, out)).collect::<Result<_>>()?;
        Ok(Self { jobs })
    }

    /// The jobs as lines of a plan. Paths of task files are absolute in them.
    pub fn lines(&self) -> impl Iterator<Item = Line> {
        self.jobs.iter().map(|job| Line {
            id: job.id.clone(),
            name: job.name.clone(),
            preset: job.arguments.sources.preset.clone(),
            set: job.arguments.sources.set.clone(),
        })
    }

    /// Notes about jobs whose decisions are rounded up to whole iterations, each once.
    #[must_use]
    pub fn rounding(&self) -> Vec<String> {
        let mut seen = HashSet::new();
        let notes = self.jobs.iter().filter_map(|job| job.config.rounding());
        notes.filter(|note| seen.insert(note.clone())).collect()
    }

    fn check_directories(&self) -> Result<()> {
        let mut seen = HashSet::new();
        match self.jobs.iter().find(|job| !seen.insert(&job.directory)) {
            Some(job) => bail!(
                "two jobs have the directory {}: give the arms names that differ in letters or digits",
                job.directory.display()
            ),
            None => Ok(()),
        }
    }

    /// Checks that each value that was asked for has an effect on some job.
    fn check_effects(&self, assignments: &[String]) -> Result<()> {
        let set = assignments.to_vec();
        let asked = SourceArguments { set, ..SourceArguments::default() };
        for (key, value) in assigned(&asked.sources(&[]))? {
            let because = |job: &Job| job.config.without_effect(&key);
            if self.jobs.iter().all(|job| because(job).is_some())
                && let Some(because) = self.jobs.first().and_then(because)
            {
                let value = value.to_string();
                return Err(ConfigError::NoEffect { key, value, because }.into());
            }
        }
        Ok(())
    }
}

/// All assignments of a job, the weakest first.
fn assignments(point: &Point, seeds: &[u64], folder: &Path, flags: &Arguments) -> Vec<String> {
    let mut set = vec![format!("seeds={seeds:?}")];
    set.extend(point.set.iter().map(|assignment| anchored(assignment, folder)));
    set.extend(flags.assignments().iter().map(|assignment| anchored(assignment, Path::new(""))));
    set
}

/// The same assignment with an absolute path where it names a task file. The file is looked for in `folder`,
/// then in the working directory.
fn anchored(assignment: &str, folder: &Path) -> String {
    let path = assignment.split_once('=').filter(|(key, _)| key.trim() == "task");
    let path = path.map(|(_, path)| path.trim()).filter(|path| path.ends_with(".toml"));
    let found = path.and_then(|path| {
        let places = [folder.join(path), PathBuf::from(path)];
        places.into_iter().find(|place| place.is_file())?.canonicalize().ok()
    });
    found.map_or_else(|| assignment.to_owned(), |path| format!("task={}", path.display()))
}

/// The name of a folder: letters and digits of a job's name in lower case, with hyphens between the words.
fn slug(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-").to_lowercase()
}

impl Line {
    /// The job of the line.
    ///
    /// # Errors
    /// One line: the configuration is impossible, or another one than when the plan was made.
    pub fn job(&self, folder: &Path, out: &Path) -> Result<Job> {
        let set = self.set.iter().map(|assignment| anchored(assignment, folder)).collect();
        let sources = SourceArguments { preset: self.preset.clone(), config: None, set };
        let job = Job::new(self.name.clone(), sources, out)?;
        if job.id != self.id {
            bail!(
                "the job {} has the configuration {} to this version of the program, not {}: plan again",
                self.name,
                job.id,
                self.id
            );
        }
        Ok(job)
    }
}

/// Reads the lines of a plan.
///
/// # Errors
/// One line that names the line of the first mistake.
pub fn read(text: &str) -> Result<Vec<Line>> {
    let mut jobs: Vec<Line> = Vec::new();
    let mut seen = HashSet::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let number = index + 1;
        let job: Line =
            serde_json::from_str(line).with_context(|| format!("line {number} is not a job"))?;
        // The id becomes the name of a folder.
        if job.id.len() != 16 || !job.id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            bail!("line {number}: {:?} is not the id of a job: 16 hexadecimal digits", job.id);
        }
        if !seen.insert(job.id.clone()) {
            bail!("line {number}: the job {} is in the plan twice", job.id);
        }
        jobs.push(job);
    }
    if jobs.is_empty() {
        bail!("the plan has no jobs: make one with host-trainer sweep plan FILE.toml");
    }
    Ok(jobs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::job::id;
    use daa_trainer::config::Config;

    const SWEEP: &str = r#"
        preset = "tuned"
        seeds = "1..4"
        seeds_per_job = 2
        [set]
        decisions = 4096
        model.start = 0
        [grid]
        task = ["cartpole-swingup", "cheetah-run"]
        estimator.num_actions = [4, 8, 16]
    "#;

    fn plan(text: &str, directories: Directories) -> Result<Plan> {
        let place = Path::new("x");
        Plan::new(&Definition::parse(text)?, place, &Given::default(), place, directories)
    }

    fn by_id(text: &str) -> Result<Plan> {
        plan(text, Directories::ById)
    }

    #[test]
    fn every_combination_is_a_job_with_its_own_id() {
        let plan = by_id(SWEEP).unwrap();
        assert_eq!(plan.jobs.len(), 2 * 3 * 2);
        let configs = || plan.jobs.iter().map(|job| &job.config);
        let wanted = |config: &&Config| {
            config.task == "cheetah-run"
                && config.estimator.num_actions == 16
                && config.seeds == [3, 4]
        };
        assert_eq!(configs().filter(wanted).count(), 1);
        assert!(configs().all(|config| config.decisions == 4096 && config.preset == "tuned"));
        let lines: Vec<Line> = plan.lines().collect();
        let ids: std::collections::BTreeSet<_> = lines.iter().map(|line| &line.id).collect();
        assert_eq!(ids.len(), lines.len());
        // The lines are read as they were written.
        let text: Vec<String> =
            lines.iter().map(|line| serde_json::to_string(line).unwrap()).collect();
        assert_eq!(read(&text.join("\n")).unwrap(), lines);
        let again = Plan::of_lines(&lines, Path::new("y"), Path::new("z")).unwrap();
        assert_eq!(again.jobs[3].directory, Path::new("z").join(&lines[3].id));
    }

    #[test]
    fn an_id_depends_on_the_run_and_on_nothing_else() {
        let config = Config::default();
        let same = Config { threads: 9, ..config.clone() };
        assert_eq!(id(&config).unwrap(), id(&same).unwrap());
        let mut other = config.clone();
        other.estimator.horizon += 1;
        assert_ne!(id(&config).unwrap(), id(&other).unwrap());
        // Another order, or a value that is the default, makes the same run.
        let of = |text: &str| by_id(text).unwrap().jobs[0].id.clone();
        let a = of("preset = \"tuned\"\n[set]\nestimator.horizon = 3\nupdate.epochs = 4");
        let b = of(
            "preset = \"tuned\"\nseeds = \"1\"\n[set]\nupdate.epochs = 4\n[grid]\nestimator.horizon = [3]",
        );
        assert_eq!(a, b);
    }

    #[test]
    fn mistakes_in_a_study_are_named_in_one_line() {
        let message = |text: &str| format!("{:#}", by_id(text).unwrap_err());
        assert!(message("presets = 3").contains("line 1: unknown field `presets`"));
        assert!(message("[set]\nhorizont = 3").contains("did you mean estimator.horizon?"));
        assert!(message("[set]\nhorizon = 3").contains("horizon is now estimator.horizon"));
        assert!(message("[grid]\ntask = []").contains("no values"));
        assert!(message("[grid]\nestimator.horizon = [3, 3]").contains("are the same run"));
        let both = message("[set]\ngamma = 0.9\n[grid]\ngamma = [0.8]");
        assert!(both.contains("gamma is in [set] and in [grid]"));
        assert!(message("seeds = \"one\"").contains("\"one\""));
        assert!(message("seeds = \"1..4\"\nseeds_per_job = 0").contains("at least 1"));
        let many = (0..400).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
        let many = message(&format!("[grid]\nupdate.epochs = [{many}]\nhorizon = [{many}]"));
        assert!(many.contains("100000 jobs"));
        let twice = message("tasks = [\"cartpole-swingup\", \"cartpole-swingup\"]");
        assert!(twice.contains("are the same run on cartpole-swingup"), "{twice}");
        let alike = "[[arms]]\nname = 'a b'\n[[arms]]\nname = 'A-B'\nset.gamma = 0.5";
        let alike = plan(alike, Directories::ByName).unwrap_err().to_string();
        assert!(alike.contains("x/cartpole-swingup/a-b"), "{alike}");
    }

    #[test]
    fn mistakes_in_a_plan_are_named_in_one_line() {
        let message = |text: &str| format!("{:#}", read(text).unwrap_err());
        assert!(message("").contains("no jobs"));
        assert!(message("{\"id\": 3}").contains("line 1 is not a job: "));
        let line = |id: &str| format!(r#"{{"id":"{id}","name":"x","preset":null,"set":[]}}"#);
        assert!(message(&line("../../etc")).contains("is not the id of a job"));
        let line = line("0123456789abcdef");
        let twice = message(&format!("{line}\n{line}"));
        assert!(twice.contains("line 2: the job 0123456789abcdef is in the plan twice"));
        // An id that this version would not give was given by another one.
        let place = Path::new("x");
        let refused =
            |line: &str| format!("{:#}", read(line).unwrap()[0].job(place, place).unwrap_err());
        assert!(refused(&line).contains("plan again"));
        let old = refused(&line.replace("[]", "[\"num_actions=4\"]"));
        assert!(old.contains("num_actions is now estimator.num_actions"), "{old}");
    }

    #[test]
    fn a_task_file_is_found_beside_the_file_of_the_study() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("t.toml"), "").unwrap();
        let found = anchored("task=t.toml", folder.path());
        let path = folder.path().canonicalize().unwrap().join("t.toml");
        assert_eq!(found, format!("task={}", path.display()));
        assert_eq!(anchored("task=u.toml", folder.path()), "task=u.toml");
        assert_eq!(anchored("task=cheetah-run", folder.path()), "task=cheetah-run");
        assert_eq!(anchored("gamma=0.9", folder.path()), "gamma=0.9");
    }
}
