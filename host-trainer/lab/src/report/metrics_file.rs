//! `metrics.csv`: by column name, leniently.

use super::record::{Score, SeedRecord};
use anyhow::{Context, Result, anyhow, bail};
use std::collections::BTreeMap;

/// What `metrics.csv` says.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    /// By seed.
    pub(super) seeds: BTreeMap<u64, SeedRecord>,
    /// Seconds by phase.
    pub(super) phases: Vec<(String, f64)>,
    /// Seconds of all iterations.
    pub(super) seconds: f64,
}

impl Metrics {
    /// Reads it; `known` are the run's seeds, of which the first is meant where no column says.
    pub(super) fn parse(text: &str, score: Score, known: &[u64]) -> Result<Self> {
        let mut lines = text.lines().enumerate();
        let Some((_, header)) = lines.next() else { return Ok(Self::default()) };
        let columns: Vec<&str> = header.split(',').map(str::trim).collect();
        let column = |name: &str| columns.iter().position(|column| *column == name);
        let decisions = column("decisions").context("line 1: no column decisions")?;
        let (seed, score) = (column("seed"), column(score.column()));
        let iteration = column("iteration");
        let phases: Vec<(usize, String)> = columns
            .iter()
            .enumerate()
            .filter_map(|(place, name)| Some((place, name.strip_prefix("seconds_")?.to_owned())))
            .collect();
        let mut metrics = Self {
            phases: phases.iter().map(|(_, name)| (name.clone(), 0.0)).collect(),
            ..Self::default()
        };
        // Times stand in the line of every seed, and are those of all seeds together.
        let mut timed = None;
        let last = text.lines().count();
        for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let number = index + 1;
            let cells: Vec<&str> = line.split(',').map(str::trim).collect();
            if cells.len() != columns.len() {
                // Cut off in the middle of writing; what is whole is used.
                if number == last && cells.len() < columns.len() {
                    break;
                }
                bail!("line {number}: {} cells, not {}", cells.len(), columns.len());
            }
            let read = |place: usize| -> Result<Option<f64>> {
                let cell = cells[place];
                if cell.is_empty() {
                    return Ok(None);
                }
                let value: f64 = cell.parse().map_err(|_| {
                    anyhow!("line {number}: {:?} under {} is no number", cell, columns[place])
                })?;
                Ok(value.is_finite().then_some(value))
            };
            let whole = |place: usize| -> Result<u64> {
                cells[place].parse().map_err(|_| {
                    anyhow!(
                        "line {number}: {:?} under {} is no whole number",
                        cells[place],
                        columns[place]
                    )
                })
            };
            let seed = match seed {
                Some(place) => whole(place)?,
                None => known.first().copied().unwrap_or(0),
            };
            let done = whole(decisions)?;
            let record = metrics.seeds.entry(seed).or_insert_with(|| SeedRecord {
                seed,
                decisions: 0,
                curve: Vec::new(),
                last: None,
            });
            // A line written twice counts once, as it was written last.
            record.curve.retain(|(x, _)| *x < done as f64);
            record.decisions = done;
            if let Some(value) = score.map(read).transpose()?.flatten() {
                record.curve.push((done as f64, value));
            }
            record.last = record.curve.last().map(|(_, value)| *value);
            let moment = iteration.map(whole).transpose()?.unwrap_or(done);
            if timed.is_none_or(|timed| moment > timed) {
                timed = Some(moment);
                for ((place, _), (_, sum)) in phases.iter().zip(&mut metrics.phases) {
                    *sum += read(*place)?.unwrap_or(0.0);
                }
                if let Some(place) = column("seconds") {
                    metrics.seconds += read(place)?.unwrap_or(0.0);
                }
            }
        }
        Ok(metrics)
    }
}

impl Metrics {
    /// Takes the times of `times.csv`.
    pub(super) fn take_times(&mut self, text: &str) -> Result<()> {
        let mut lines = text.lines();
        let columns: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
        let phases: Vec<(usize, &str)> = columns
            .iter()
            .enumerate()
            .filter_map(|(place, name)| Some((place, name.strip_prefix("seconds_")?)))
            .collect();
        let whole = columns.iter().position(|column| *column == "seconds");
        self.phases = phases.iter().map(|(_, name)| ((*name).to_owned(), 0.0)).collect();
        for (index, line) in lines.enumerate() {
            let cells: Vec<&str> = line.split(',').collect();
            if cells.len() != columns.len() {
                // Cut off in the middle of writing.
                continue;
            }
            let read = |place: usize| -> Result<f64> {
                let cell = cells[place];
                cell.parse().map_err(|_| {
                    anyhow!("line {}: {cell:?} under {} is no number", index + 2, columns[place])
                })
            };
            for ((place, _), (_, sum)) in phases.iter().zip(&mut self.phases) {
                *sum += read(*place)?;
            }
            self.seconds += whole.map_or(Ok(0.0), read)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Metrics> {
        Metrics::parse(text, Score::Mean, &[7])
    }

    #[test]
    fn cells_are_found_by_the_name_of_their_column() {
        let text = "decisions,extra,seed,iteration,evaluation_return,seconds_acting,seconds\n\
                    10,x,1,1,,0.5,2\n10,x,2,1,5,0.5,2\n20,x,1,2,3.5,0.25,1\n20,x,2,2,NaN,0.25,1\n";
        let metrics = parse(text).unwrap();
        assert_eq!(metrics.seeds[&1].curve, [(20.0, 3.5)]);
        assert_eq!((metrics.seeds[&2].last, metrics.seeds[&2].decisions), (Some(5.0), 20));
        // Every iteration's times once, not once a seed.
        assert_eq!(
            (metrics.phases[0].clone(), metrics.seconds),
            (("acting".to_owned(), 0.75), 3.0)
        );
    }

    #[test]
    fn times_are_summed_by_phase() {
        let mut metrics = parse("decisions,evaluation_return\n10,1\n").unwrap();
        let text = "iteration,seconds,seconds_model\n1,2,0.5\n2,3,0.25\n3,1";
        metrics.take_times(text).unwrap();
        assert_eq!(
            (metrics.seconds, metrics.phases.clone()),
            (5.0, vec![("model".to_owned(), 0.75)])
        );
        let error = metrics.take_times("seconds\nlong\n").unwrap_err().to_string();
        assert_eq!(error, "line 2: \"long\" under seconds is no number");
    }

    #[test]
    fn files_of_one_seed_cut_lines_and_lines_written_again_are_read() {
        let text = "iteration,decisions,evaluation_return\n1,10,1\n2,20,2\n3,30,3\n2,20,4\n3,3";
        let metrics = parse(text).unwrap();
        assert_eq!(metrics.seeds.keys().collect::<Vec<_>>(), [&7]);
        assert_eq!(metrics.seeds[&7].curve, [(10.0, 1.0), (20.0, 4.0)]);
        assert!(parse("").unwrap().seeds.is_empty());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let message = |text: &str| parse(text).unwrap_err().to_string();
        assert_eq!(message("a,b\n"), "line 1: no column decisions");
        assert_eq!(message("decisions,b\n1\n2,2\n"), "line 2: 1 cells, not 2");
        assert!(
            message("decisions,evaluation_return\nten,2\n")
                .contains("line 2: \"ten\" under decisions")
        );
        assert!(
            message("decisions,evaluation_return\n1,high\n")
                .contains("\"high\" under evaluation_return")
        );
    }
}
