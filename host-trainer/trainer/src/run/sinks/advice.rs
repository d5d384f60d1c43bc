//! Output of the advisor: `advice.csv` in the run directory, and lines on the terminal.

use crate::advisor::advice::{Advice, FILE};
use crate::train::Trainer;
use anyhow::{Context, Result};
use daa_envs::files::write_atomically;
use daa_envs::files::{RECORDED, read_text};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The file of advice; without an advisor nothing is written.
#[derive(Debug)]
pub struct AdviceFile {
    path: Option<PathBuf>,
}

impl AdviceFile {
    /// Creates the file of a new run, or reopens that of a resumed run: removes the lines of iterations that the
    /// run repeats, and gives the trainer the last chosen number of actions, N.
    ///
    /// # Errors
    /// When the file cannot be read or written, or is missing although the run chooses N.
    pub fn open(folder: &Path, trainer: &mut Trainer) -> Result<Self> {
        let iteration = trainer.iteration;
        let Some(advisor) = &mut trainer.advisor else { return Ok(Self { path: None }) };
        let path = folder.join(FILE);
        let mut text = Advice::COLUMNS.join(",") + "\n";
        // Lost advice does not change the run, so the file may start anew; a lost choice of N would change it.
        if iteration > 0 && (path.exists() || advisor.chosen().is_some()) {
            let found = read_text(&path, RECORDED).with_context(|| {
                format!("cannot read {}, which holds the chosen number of actions", path.display())
            })?;
            for line in found.lines().skip(1) {
                let cells: Vec<&str> = line.split(',').collect();
                let numbers = (cells[0].parse::<u64>(), cells.last().map(|cell| cell.parse()));
                let (Ok(number), Some(Ok(chosen))) = numbers else { continue };
                // A killed process may leave an incomplete line.
                if number <= iteration && cells.len() == Advice::COLUMNS.len() {
                    advisor.resume(chosen);
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
        write_atomically(&path, text.as_bytes())?;
        Ok(Self { path: Some(path) })
    }

    /// Appends the new advice to the file, and passes it to `say`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn append(&self, trainer: &mut Trainer, say: impl Fn(&str)) -> Result<()> {
        let (Some(path), Some(advisor)) = (&self.path, &mut trainer.advisor) else { return Ok(()) };
        let said = advisor.take();
        if said.is_empty() {
            return Ok(());
        }
        said.iter().for_each(|advice| say(&advice.words()));
        let lines: String = said.iter().map(|advice| advice.csv() + "\n").collect();
        File::options()
            .append(true)
            .open(path)
            .and_then(|mut file| file.write_all(lines.as_bytes()))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}
