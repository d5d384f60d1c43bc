//! Runs grouped into arms.
//!
//! The runs of an arm have the same configuration, apart from tasks, seeds, and options that do not affect
//! learning (device, threads, evaluations).

use super::naming::{kept, names};
use super::record::{Record, find};
use super::score::Score;
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::path::PathBuf;
use toml::Table;

/// A run or a folder of runs, with the name of their arm where the user gave one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Name of the arm.
    pub name: Option<String>,
    /// Run directory, or a folder that contains some.
    pub path: PathBuf,
}

impl std::str::FromStr for Source {
    type Err = std::convert::Infallible;

    /// `PATH` or `NAME=PATH`; a path that exists is not read as a name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let whole = Self { name: None, path: PathBuf::from(text) };
        Ok(match text.split_once('=') {
            Some((name, path)) if !whole.path.exists() && !name.is_empty() => {
                Self { name: Some(name.to_owned()), path: PathBuf::from(path) }
            }
            _ => whole,
        })
    }
}

/// Runs with the same configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Arm {
    /// Name in legends and tables.
    pub name: String,
    /// The runs.
    pub records: Vec<Record>,
}

impl Arm {
    /// The runs on a task.
    pub fn of_task<'a>(&'a self, task: &'a str) -> impl Iterator<Item = &'a Record> {
        self.records.iter().filter(move |record| record.word("task") == task)
    }
}

/// The arms that are compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Study {
    /// The arms, in the order in which they were named.
    pub arms: Vec<Arm>,
    /// The tasks, in alphabetical order.
    pub tasks: Vec<String>,
    /// Keys in which the arms differ.
    pub differences: Vec<String>,
    /// Notes for the reader.
    pub notes: Vec<String>,
}

impl Study {
    /// Reads runs and groups them into arms.
    ///
    /// # Errors
    /// When a source contains no run, a file cannot be read, or no run has a score yet.
    pub fn read(sources: &[Source], score: Score) -> Result<Self> {
        let mut records: Vec<(Option<&str>, Record)> = Vec::new();
        let mut notes = Vec::new();
        for source in sources {
            for path in find(&source.path)? {
                let known =
                    |record: &Record| record.path.canonicalize().ok() == path.canonicalize().ok();
                if !records.iter().any(|(_, record)| known(record)) {
                    records.push((source.name.as_deref(), Record::read(&path, score)?));
                }
            }
        }
        let begun = |record: &Record| record.seeds.iter().any(|seed| seed.last.is_some());
        let all = records.len();
        let waiting: Vec<String> = records
            .iter()
            .filter(|(_, record)| !begun(record))
            .map(|(_, record)| record.path.display().to_string())
            .collect();
        records.retain(|(_, record)| begun(record));
        if records.is_empty() {
            bail!(
                "none of the {all} runs has a {} yet{}",
                score.words(),
                if score == Score::Mean { " (try --score training)" } else { "" }
            );
        }
        if !waiting.is_empty() {
            notes.push(format!("Left out, without a {} yet: {}.", score.words(), listed(&waiting)));
        }
        let mut study =
            Self { arms: Vec::new(), tasks: Vec::new(), differences: Vec::new(), notes };
        study.put(records);
        study.name();
        study.drop_repeats();
        study.note_progress();
        study.tasks = study.records().map(|record| record.word("task").to_owned()).collect();
        study.tasks.sort_unstable();
        study.tasks.dedup();
        Ok(study)
    }

    /// All runs.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.arms.iter().flat_map(|arm| &arm.records)
    }

    /// Puts each run into the arm of its name, or of its configuration.
    fn put(&mut self, records: Vec<(Option<&str>, Record)>) {
        let mut unnamed: Vec<(Table, usize)> = Vec::new();
        for (name, record) in records {
            let key = kept(&record.config);
            let place = match name {
                Some(name) => self.arms.iter().position(|arm| arm.name == name),
                None => unnamed.iter().find(|(known, _)| *known == key).map(|(_, place)| *place),
            };
            match place {
                Some(place) => self.arms[place].records.push(record),
                None => {
                    if name.is_none() {
                        unnamed.push((key, self.arms.len()));
                    }
                    let name = name.unwrap_or_default().to_owned();
                    self.arms.push(Arm { name, records: vec![record] });
                }
            }
        }
    }

    /// Names the arms that have no name yet by the keys that tell them apart.
    fn name(&mut self) {
        let first: Vec<&Record> = self.arms.iter().map(|arm| &arm.records[0]).collect();
        let (names, differences) = names(&first);
        self.differences = differences;
        let mut taken: Vec<String> = self.arms.iter().map(|arm| arm.name.clone()).collect();
        for (arm, name) in self.arms.iter_mut().zip(names) {
            if arm.name.is_empty() {
                let free = |name: &String| !taken.contains(name);
                let numbered = (2..).map(|number| format!("{name} ({number})"));
                arm.name =
                    std::iter::once(name.clone()).chain(numbered).find(free).unwrap_or_default();
                taken.push(arm.name.clone());
            } else if arm.records.iter().any(|r| kept(&r.config) != kept(&arm.records[0].config)) {
                self.notes.push(format!("{} holds runs of different configurations.", arm.name));
            }
        }
    }

    /// Removes all but the longest of several runs with the same configuration, task and seed, which are not
    /// independent samples.
    fn drop_repeats(&mut self) {
        for arm in &mut self.arms {
            let mut best: BTreeMap<(String, u64), (u64, usize)> = BTreeMap::new();
            for (place, record) in arm.records.iter().enumerate() {
                for seed in &record.seeds {
                    let key = (record.word("task").to_owned(), seed.seed);
                    let known = best.entry(key).or_insert((seed.decisions, place));
                    if seed.decisions > known.0 {
                        *known = (seed.decisions, place);
                    }
                }
            }
            for (place, record) in arm.records.iter_mut().enumerate() {
                let task = record.word("task").to_owned();
                let (kept, dropped): (Vec<_>, Vec<_>) =
                    std::mem::take(&mut record.seeds).into_iter().partition(|seed| {
                        best.get(&(task.clone(), seed.seed)).is_some_and(|b| b.1 == place)
                    });
                record.seeds = kept;
                for seed in dropped {
                    self.notes.push(format!(
                        "Seed {} of {} ({task}) was run twice; {} is left out.",
                        seed.seed,
                        arm.name,
                        record.path.display()
                    ));
                }
            }
            arm.records.retain(|record| !record.seeds.is_empty());
        }
    }

    fn note_progress(&mut self) {
        let unfinished: Vec<String> = self
            .records()
            .filter(|record| !record.finished)
            .map(|record| {
                let done = record.seeds.iter().map(|seed| seed.decisions).min().unwrap_or(0);
                let planned = record.planned().map_or(String::new(), |all| format!(" of {all}"));
                format!("{} ({done}{planned} decisions)", record.path.display())
            })
            .collect();
        if !unfinished.is_empty() {
            self.notes.push(format!("Not finished: {}.", listed(&unfinished)));
        }
    }
}

fn listed(words: &[String]) -> String {
    const SHOWN: usize = 6;
    let mut text = words[..words.len().min(SHOWN)].join(", ");
    if words.len() > SHOWN {
        text.push_str(&format!(" and {} more", words.len() - SHOWN));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::score::SeedRecord;
    use super::*;
    use daa_trainer::config::{Config, flat};

    fn record(path: &str, config: &str, seeds: &[(u64, u64)]) -> Record {
        let mut table = flat(&Table::try_from(Config::default()).unwrap());
        table.extend(flat(&config.parse::<Table>().unwrap()));
        let seed = |(seed, decisions): &(u64, u64)| SeedRecord {
            seed: *seed,
            decisions: *decisions,
            curve: vec![(*decisions as f64, 1.0)],
            last: Some(1.0),
        };
        Record {
            path: path.into(),
            config: table,
            seeds: seeds.iter().map(seed).collect(),
            phases: vec![],
            seconds: 0.0,
            timed_decisions: 0,
            finished: true,
        }
    }

    fn study(records: Vec<(Option<&str>, Record)>) -> Study {
        let mut study = Study { arms: vec![], tasks: vec![], differences: vec![], notes: vec![] };
        study.put(records);
        study.name();
        study.drop_repeats();
        study
    }

    fn names(configs: &[&str]) -> Vec<String> {
        let records =
            configs.iter().map(|config| (None, record("r", config, &[(1, 10)]))).collect();
        study(records).arms.into_iter().map(|arm| arm.name).collect()
    }

    #[test]
    fn arms_are_named_by_the_fewest_keys_that_tell_them_apart() {
        assert_eq!(names(&["ppo.clip = 0.1"]), ["DAA-PPO"]);
        assert_eq!(
            names(&["estimator.kind = 'single'\nppo.clip = 0.3", "ppo.clip = 0.1"]),
            ["PPO", "DAA-PPO"]
        );
        assert_eq!(
            names(&[
                "estimator.kind = 'single'",
                "estimator.num_actions = 4",
                "estimator.num_actions = 16"
            ]),
            ["PPO", "DAA-PPO, N = 4", "DAA-PPO, N = 16"]
        );
        let same = [
            "estimator.kind = 'single'\nestimator.horizon = 2",
            "estimator.kind = 'single'\nestimator.horizon = 3",
        ];
        assert_eq!(names(&same), ["PPO", "PPO (2)"]);
        assert_eq!(
            names(&["ppo.clip = 0.1", "ppo.clip = 0.3"]),
            ["ppo.clip = 0.1", "ppo.clip = 0.3"]
        );
        assert_eq!(
            names(&["update.kind = 'trpo'", "estimator.kind = 'q_network'"]),
            ["DAA-TRPO", "QAA-PPO"]
        );
    }

    #[test]
    fn tasks_seeds_and_devices_make_no_arm_and_anything_else_does() {
        let runs = [
            "task = 'walker-walk'",
            "seeds = [3]",
            "device = 'cuda'",
            "evaluate.every = 1",
            "gamma = 0.9",
        ];
        let records =
            runs.iter().map(|config| (None, record(config, config, &[(config.len() as u64, 1)])));
        let study = study(records.collect());
        assert_eq!(study.arms.iter().map(|arm| arm.records.len()).collect::<Vec<_>>(), [4, 1]);
        assert_eq!(study.differences, ["gamma"]);
    }

    #[test]
    fn a_seed_that_was_run_twice_counts_once() {
        let records = vec![
            (None, record("short", "", &[(1, 10), (2, 10)])),
            (None, record("long", "", &[(1, 20)])),
            (None, record("other", "task = 'walker-walk'", &[(1, 5)])),
        ];
        let study = study(records);
        let seeds: Vec<_> = study
            .records()
            .flat_map(|r| r.seeds.iter().map(|s| (r.path.to_str().unwrap(), s.seed)))
            .collect();
        assert_eq!(seeds, [("short", 2), ("long", 1), ("other", 1)]);
        assert!(study.notes[0].contains("Seed 1") && study.notes[0].contains("short is left out"));
    }

    #[test]
    fn given_names_win() {
        let records = vec![
            (Some("ours"), record("a", "", &[(1, 1)])),
            (Some("ours"), record("b", "ppo.clip = 0.9", &[(2, 1)])),
            (None, record("c", "estimator.kind = 'single'", &[(1, 1)])),
        ];
        let study = study(records);
        let names: Vec<_> = study.arms.iter().map(|arm| arm.name.as_str()).collect();
        assert_eq!(names, ["ours", "PPO"]);
        assert_eq!(study.notes, ["ours holds runs of different configurations."]);
    }
}
