//! Reader of `metrics.csv` and `times.csv`.

use super::score::{Score, SeedRecord};
use crate::csv_file::{CsvFile, Row};
use anyhow::{Result, bail};
use std::collections::BTreeMap;

/// Scores and times of a run.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    /// The scores of each seed.
    pub(super) seeds: BTreeMap<u64, SeedRecord>,
    /// Seconds of each phase.
    pub(super) phases: Vec<(String, f64)>,
    /// Seconds of all iterations.
    pub(super) seconds: f64,
}

impl Metrics {
    /// Reads `metrics.csv`. `known` are the seeds of the run; a file without a column `seed` is of the first.
    ///
    /// # Errors
    /// One line that names the line of the file and its column.
    pub(super) fn parse(text: &str, score: Score, known: &[u64]) -> Result<Self> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let file = CsvFile::parse(text)?;
        if !file.has("decisions") {
            bail!("line 1: no column decisions");
        }
        file.check()?;
        let mut metrics = Self { phases: phases(&file), ..Self::default() };
        // Every seed's line has the times of all seeds together.
        let mut timed = None;
        for row in file.rows() {
            let seed = match file.has("seed") {
                true => row.number("seed")?,
                false => known.first().copied().unwrap_or(0),
            };
            let decisions: u64 = row.number("decisions")?;
            let record = metrics.seeds.entry(seed).or_insert_with(|| SeedRecord {
                seed,
                decisions: 0,
                curve: Vec::new(),
                last: None,
            });
            // Of a line that was written twice the last one counts.
            record.curve.retain(|(x, _)| *x < decisions as f64);
            record.decisions = decisions;
            if let Some(value) = optional(row, score.column())? {
                record.curve.push((decisions as f64, value));
            }
            record.last = record.curve.last().map(|(_, value)| *value);
            let moment = if file.has("iteration") { row.number("iteration")? } else { decisions };
            if timed.is_none_or(|timed| moment > timed) {
                timed = Some(moment);
                metrics.add_times(row)?;
            }
        }
        Ok(metrics)
    }

    /// Takes the times of `times.csv`.
    ///
    /// # Errors
    /// One line that names the line of the file and its column.
    pub(super) fn take_times(&mut self, text: &str) -> Result<()> {
        let file = CsvFile::parse(text)?;
        self.phases = phases(&file);
        file.rows().try_for_each(|row| self.add_times(row))
    }

    fn add_times(&mut self, row: Row<'_>) -> Result<()> {
        for (phase, sum) in &mut self.phases {
            *sum += optional(row, &format!("{PHASE}{phase}"))?.unwrap_or(0.0);
        }
        self.seconds += optional(row, "seconds")?.unwrap_or(0.0);
        Ok(())
    }
}

/// First part of the names of columns with the seconds of a phase.
const PHASE: &str = "seconds_";

/// All phases that a file has columns for, without seconds yet.
fn phases(file: &CsvFile) -> Vec<(String, f64)> {
    let names = file.columns().into_iter().filter_map(|column| column.strip_prefix(PHASE));
    names.map(|name| (name.to_owned(), 0.0)).collect()
}

/// The number in a cell; none where the column is missing, the cell is empty, or the number not finite.
fn optional(row: Row<'_>, column: &str) -> Result<Option<f64>> {
    match row.get(column) {
        None | Some("") => Ok(None),
        Some(_) => Ok(Some(row.number(column)?).filter(|value: &f64| value.is_finite())),
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
        // The times of an iteration count once, not once for each seed.
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
        assert_eq!(error, "line 2: \"long\" under seconds is not a number");
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
