//! From a sweep's file to its jobs.

use crate::study::jobs::Job;
use anyhow::{Context, Result, bail};
use daa_trainer::config::{Arguments, Config, SourceArguments, flat, parse_seeds};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use toml::{Table, Value};

/// Jobs that a plan may have.
const MOST: usize = 100_000;

/// A sweep's file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sweep {
    /// What everything starts from.
    #[serde(default)]
    preset: Option<String>,
    /// Such as `1..5`: a job trains them together.
    #[serde(default)]
    seeds: Option<String>,
    /// Seeds of one job; without it, all.
    #[serde(default)]
    seeds_per_job: Option<usize>,
    /// Values of all jobs.
    #[serde(default)]
    set: Table,
    /// Values of which every combination is a job.
    #[serde(default)]
    grid: Table,
}

/// A line of a plan: one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// Hash of the resolved configuration; the name of the run's directory.
    pub id: String,
    /// What tells it apart from the others.
    pub name: String,
    /// Preset.
    pub preset: Option<String>,
    /// Assignments, in the order in which they count.
    pub set: Vec<String>,
}

/// Of a resolved configuration: the same for the same run, whatever its threads and whoever plans it.
///
/// # Errors
/// When the configuration cannot be written as TOML.
pub fn id(config: &Config) -> Result<String> {
    let comparable = Config { threads: 0, ..config.clone() };
    let text = toml::to_string(&comparable).context("writing the configuration")?;
    let crc = crc::Crc::<u64>::new(&crc::CRC_64_XZ);
    Ok(format!("{:016x}", crc.checksum(text.as_bytes())))
}

impl Planned {
    fn arguments(&self) -> Arguments {
        let (preset, set) = (self.preset.clone(), self.set.clone());
        let sources = SourceArguments { preset, config: None, set };
        Arguments { sources, ..Arguments::default() }
    }

    fn resolve(&self) -> Result<Config> {
        self.arguments().resolve().with_context(|| format!("the job {}", self.name))
    }

    /// The job, in its directory below `out`.
    ///
    /// # Errors
    /// When this program makes another configuration of it than the one that planned it.
    pub(crate) fn job(&self, out: &Path) -> Result<Job> {
        let config = self.resolve()?;
        let found = id(&config)?;
        if found != self.id {
            bail!(
                "the job {} is {found} to this program, not {}: plan again with this version",
                self.name,
                self.id
            );
        }
        let mut arguments = self.arguments();
        arguments.run.threads = Some(1);
        Ok(Job { arm: self.name.clone(), arguments, config, directory: out.join(&self.id) })
    }
}

/// All jobs of a sweep's file.
///
/// # Errors
/// One line: what of the file is not understood, or which of its jobs is no configuration.
pub fn plan(text: &str) -> Result<Vec<Planned>> {
    let sweep: Sweep = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
        anyhow::anyhow!("line {line}: {}", error.message())
    })?;
    let seeds = parse_seeds(sweep.seeds.as_deref().unwrap_or("1")).map_err(anyhow::Error::msg)?.0;
    let per_job = sweep.seeds_per_job.unwrap_or(seeds.len());
    if per_job == 0 {
        bail!("seeds_per_job = 0: at least 1");
    }
    let (set, grid) = (flat(&sweep.set), lists(&sweep.grid)?);
    let combinations = grid.values().try_fold(1usize, |all, values| all.checked_mul(values.len()));
    let count = combinations.and_then(|all| all.checked_mul(seeds.len().div_ceil(per_job)));
    match count {
        Some(0) => bail!("a key of [grid] has no values"),
        Some(count) if count <= MOST => {}
        _ => bail!("more than {MOST} jobs: make the grid smaller"),
    }
    for key in set.keys() {
        if grid.contains_key(key) {
            bail!("{key} is in [set] and in [grid]");
        }
    }
    let assignment = |key: &str, value: &Value| match value {
        // Words need no quotes on the command line.
        Value::String(word) => format!("{key}={word}"),
        value => format!("{key}={value}"),
    };
    let common: Vec<String> = set.iter().map(|(key, value)| assignment(key, value)).collect();
    let mut points: Vec<Vec<String>> = vec![Vec::new()];
    for (key, values) in &grid {
        points = points
            .iter()
            .flat_map(|point| {
                values.iter().map(|value| {
                    let mut longer = point.clone();
                    longer.push(assignment(key, value));
                    longer
                })
            })
            .collect();
    }
    let mut jobs: Vec<Planned> = Vec::new();
    let mut known = BTreeMap::new();
    for point in points {
        for some in seeds.chunks(per_job) {
            let mut set = common.clone();
            set.extend(point.iter().cloned());
            set.push(format!("seeds={some:?}"));
            let mut name = point.join(" ");
            if per_job < seeds.len() {
                name += &format!(" seeds={some:?}");
            }
            let name =
                if name.is_empty() { "the only one".to_owned() } else { name.trim().to_owned() };
            let mut job = Planned { id: String::new(), name, preset: sweep.preset.clone(), set };
            // Values of all jobs have no effect on some of them.
            let arguments = job.arguments().without_idle();
            job.set = arguments.with_context(|| format!("the job {}", job.name))?.sources.set;
            job.id = id(&job.resolve()?)?;
            if let Some(other) = known.insert(job.id.clone(), job.name.clone()) {
                bail!(
                    "the jobs {other:?} and {:?} are the same run: what differs has no effect on them",
                    job.name
                );
            }
            jobs.push(job);
        }
    }
    Ok(jobs)
}

/// The values of each key of `[grid]`, whose keys are dotted.
fn lists(grid: &Table) -> Result<BTreeMap<String, Vec<Value>>> {
    let list = |(key, value): (String, Value)| match value {
        Value::Array(values) => Ok((key, values)),
        other => bail!("{key} = {other} in [grid]: write a list of values, {key} = [{other}]"),
    };
    flat(grid).into_iter().map(list).collect()
}

/// Reads a plan, a job a line.
///
/// # Errors
/// One line that names the line.
pub fn read(text: &str) -> Result<Vec<Planned>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let mut jobs: Vec<Planned> = Vec::new();
    for (index, line) in lines {
        let job: Planned = serde_json::from_str(line)
            .map_err(|error| anyhow::anyhow!("line {}: {error}", index + 1))?;
        // It becomes the name of a folder.
        if job.id.len() != 16 || !job.id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            bail!("line {}: {:?} is no job's id", index + 1, job.id);
        }
        if jobs.iter().any(|other| other.id == job.id) {
            bail!("line {}: {} is there twice", index + 1, job.id);
        }
        jobs.push(job);
    }
    if jobs.is_empty() {
        bail!("no jobs: make a plan with host-trainer sweep plan FILE.toml");
    }
    Ok(jobs)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SWEEP: &str = r#"
        preset = "tuned"
        seeds = "1..4"
        seeds_per_job = 2
        [set]
        decisions = 4096
        [grid]
        task = ["cartpole-swingup", "cheetah-run"]
        estimator.num_actions = [4, 8, 16]
    "#;

    #[test]
    fn every_combination_is_a_job_with_an_id_of_its_own() {
        let jobs = plan(SWEEP).unwrap();
        assert_eq!(jobs.len(), 2 * 3 * 2);
        let resolved: Vec<Config> = jobs.iter().map(|job| job.resolve().unwrap()).collect();
        let wanted = |config: &&Config| {
            config.task == "cheetah-run"
                && config.estimator.num_actions == 16
                && config.seeds == [3, 4]
        };
        assert_eq!(resolved.iter().filter(wanted).count(), 1);
        assert!(resolved.iter().all(|config| config.decisions == 4096 && config.preset == "tuned"));
        let ids: std::collections::BTreeSet<_> = jobs.iter().map(|job| &job.id).collect();
        assert_eq!(ids.len(), jobs.len());
        // A plan is what it was written as.
        let lines: Vec<String> =
            jobs.iter().map(|job| serde_json::to_string(job).unwrap()).collect();
        assert_eq!(read(&lines.join("\n")).unwrap(), jobs);
    }

    #[test]
    fn an_id_follows_the_run_and_nothing_else() {
        let config = Config::default();
        let same = Config { threads: 9, ..config.clone() };
        assert_eq!(id(&config).unwrap(), id(&same).unwrap());
        let mut other = config.clone();
        other.estimator.horizon += 1;
        assert_ne!(id(&config).unwrap(), id(&other).unwrap());
        // Said in another order, or with what is the default anyhow, it is the same run.
        let a =
            plan("preset = \"tuned\"\n[set]\nestimator.horizon = 3\nupdate.epochs = 4").unwrap();
        let b = plan("preset = \"tuned\"\nseeds = \"1\"\n[set]\nupdate.epochs = 4\n[grid]\nestimator.horizon = [3]")
            .unwrap();
        assert_eq!(a[0].id, b[0].id);
    }

    #[test]
    fn what_is_wrong_with_a_sweep_is_said_in_a_line() {
        let message = |text: &str| format!("{:#}", plan(text).unwrap_err());
        assert!(message("presets = 3").contains("line 1: unknown field `presets`"));
        assert!(
            message("[set]\nestimator.horizont = 3").contains("did you mean estimator.horizon?")
        );
        assert!(message("[grid]\ntask = []").contains("no values"));
        assert!(message("[grid]\nestimator.horizon = [3, 3]").contains("are the same run"));
        assert!(
            message("[set]\nestimator.horizon = 2\n[grid]\nestimator.horizon = [3]")
                .contains("in [set] and in [grid]")
        );
        assert!(message("seeds = \"one\"").contains("\"one\" is not a seed"));
        assert!(message("seeds = \"1..4\"\nseeds_per_job = 0").contains("at least 1"));
        let many = (0..400).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
        assert!(
            message(&format!("[grid]\nupdate.epochs = [{many}]\nestimator.horizon = [{many}]"))
                .contains("100000 jobs")
        );

        let message = |text: &str| read(text).unwrap_err().to_string();
        assert!(message("").contains("no jobs"));
        assert!(message("{\"id\": 3}").contains("line 1: "));
        let line = |id: &str| format!(r#"{{"id":"{id}","name":"x","preset":null,"set":[]}}"#);
        assert!(message(&line("../../etc")).contains("no job's id"));
        let line = line("0123456789abcdef");
        assert!(
            message(&format!("{line}\n{line}")).contains("line 2: 0123456789abcdef is there twice")
        );
        // An id that this program would not give is another program's.
        let foreign = read(&line).unwrap()[0].job(Path::new("x")).unwrap_err().to_string();
        assert!(foreign.contains("plan again"), "{foreign}");
    }
}
