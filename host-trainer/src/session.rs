//! A run from its first decision to its image: training, evaluations, checkpoints, interrupts.

use crate::cli::record_latest;
use crate::config::Config;
use crate::evaluate::{Evaluation, Summary, evaluate};
use crate::export::export;
use crate::nn::select_device;
use crate::output;
use crate::run::checkpoint;
use crate::run::directory::{RunDirectory, write_atomically};
use crate::run::metrics::{Clock, Metrics, Phase};
use crate::run::progress::{Progress, Show};
use crate::train::Trainer;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tch::Device;

/// Time between two checkpoints. What a run computes does not depend on it.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(10);

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All decisions were taken, the image is exported.
    Finished,
    /// Somebody asked to stop; what was reached is saved.
    Interrupted,
}

/// A run in its directory.
#[derive(Debug)]
pub struct Session {
    directory: RunDirectory,
    trainer: Trainer,
    show: Show,
    stop: Arc<AtomicBool>,
}

impl Session {
    /// A new run.
    ///
    /// # Errors
    /// When the task cannot be loaded or the directory holds another run; nothing is written then.
    pub fn start(config: Config, device: Device, path: Option<&Path>, show: Show) -> Result<Self> {
        let trainer = Trainer::new(config.clone(), device)?;
        let directory = RunDirectory::create(path, &config)?;
        Self::with(directory, trainer, show)
    }

    /// An unfinished run, from its newest checkpoint.
    ///
    /// # Errors
    /// When there is no such run or it is finished.
    pub fn resume(path: &Path, show: Show) -> Result<Self> {
        let (directory, config) = RunDirectory::open(path)?;
        let device = select_device(&config.device)?;
        let mut trainer = Trainer::new(config, device)?;
        checkpoint::load(&directory, &mut trainer)?;
        if trainer.is_finished() {
            bail!("{} is finished: evaluate or export it", path.display());
        }
        directory.rewind_metrics(trainer.iteration)?;
        Self::with(directory, trainer, show)
    }

    fn with(directory: RunDirectory, trainer: Trainer, show: Show) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        ctrlc::set_handler(move || {
            // The second time nobody wants to wait for the end of an iteration.
            if asked.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
        })
        .context("cannot watch for Ctrl-C")?;
        Ok(Self { directory, trainer, show, stop })
    }

    /// Trains until all decisions are taken or somebody asks to stop, and exports the first seed.
    ///
    /// # Errors
    /// When an environment fails, a loss is not finite, or the disk is full. The message names the
    /// last checkpoint.
    pub fn run(mut self) -> Result<Ending> {
        let config = self.trainer.config().clone();
        let mut progress = Progress::new(self.show, config.decisions, self.trainer.decisions());
        let place = self.directory.path().display().to_string();
        progress.say(&format!(
            "{}: {} with {}, run directory {place}",
            config.task,
            config.preset,
            seeds(&config)
        ));
        let (start, mut saved, mut times) = (Instant::now(), Instant::now(), Clock::default());
        while !self.trainer.is_finished() {
            if self.stop.load(Ordering::SeqCst) {
                return self.interrupted(&progress);
            }
            let mut metrics = self.trainer.iterate().map_err(|error| {
                anyhow::anyhow!(
                    "{error} (the last good checkpoint, if any, is in {})",
                    self.directory.checkpoints().display()
                )
            })?;
            for divergence in self.trainer.take_divergences() {
                let file = self.directory.save_divergence(&divergence, config.action_repeat)?;
                progress.say(&format!(
                    "{divergence}; a fresh episode was begun, the state is in {}",
                    file.display()
                ));
            }
            self.evaluate_if_due(&mut metrics)?;
            metrics.decisions_per_second =
                (config.batch() * config.num_seeds()) as f64 / metrics.seconds;
            times.add(&metrics.clock);
            self.directory.append(&metrics)?;
            progress.update(&metrics)?;
            if self.trainer.iteration == 1 || saved.elapsed() > CHECKPOINT_EVERY {
                checkpoint::save(&self.directory, &self.trainer)?;
                saved = Instant::now();
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        progress.finish();
        checkpoint::save(&self.directory, &self.trainer)?;
        self.finished(&progress, seconds, &times)?;
        Ok(Ending::Finished)
    }

    fn evaluate_if_due(&self, metrics: &mut Metrics) -> Result<()> {
        let config = self.trainer.config();
        let due = config.evaluate_every > 0
            && self.trainer.iteration.is_multiple_of(config.evaluate_every as u64);
        if !due {
            return Ok(());
        }
        let begun = Instant::now();
        let mut clock = metrics.clock;
        let returns: Vec<f64> = clock.time(Phase::Evaluation, || -> Result<Vec<f64>> {
            let mut returns = Vec::new();
            for (seed_index, seed) in config.seeds.iter().enumerate() {
                let what = Evaluation {
                    task: self.trainer.task(),
                    action_repeat: config.action_repeat,
                    episodes: config.evaluate_episodes,
                    seed: *seed,
                    threads: config.num_threads(),
                };
                let episodes = evaluate(&self.trainer.agent(seed_index), &what)?;
                returns.extend(episodes.iter().map(|episode| episode.total));
            }
            Ok(returns)
        })?;
        let summary = Summary::of(&returns);
        metrics.clock = clock;
        metrics.seconds += begun.elapsed().as_secs_f64();
        metrics.evaluation_return = Some(summary.mean);
        metrics.evaluation_stderr = Some(summary.standard_error);
        Ok(())
    }

    fn interrupted(&self, progress: &Progress) -> Result<Ending> {
        progress.finish();
        let place = self.directory.path().display();
        if self.trainer.decisions() == 0 {
            progress.say("interrupted before the first update: nothing to keep");
            return Ok(Ending::Interrupted);
        }
        checkpoint::save(&self.directory, &self.trainer)?;
        eprintln!(
            "interrupted after {} of {} decisions; saved. Go on: host-trainer train --resume {place}; use what there is: host-trainer export {place}",
            self.trainer.decisions(),
            self.trainer.config().decisions
        );
        Ok(Ending::Interrupted)
    }

    fn finished(&self, progress: &Progress, seconds: f64, times: &Clock) -> Result<()> {
        let image = self.directory.image();
        let exported = export(&self.trainer, 0, &image)?;
        record_latest(&image)?;
        let summary = serde_json::json!({
            "run_dir": self.directory.path(),
            "image": image,
            "seconds": seconds,
            "decisions": self.trainer.decisions(),
            "return": exported.mean,
            "return_stderr": exported.stderr,
            "seconds_by_phase": times,
        });
        write_atomically(&self.directory.summary(), format!("{summary}\n").as_bytes())?;
        if self.show == Show::Json {
            output::line(format!("{summary}"))?;
        }
        let decisions = self.trainer.decisions();
        progress.say(&format!(
            "{decisions} decisions in {seconds:.1} s ({:.0}/s): return {:.1} +- {:.1} (mean action, 20 episodes)",
            decisions as f64 * self.trainer.config().num_seeds() as f64 / seconds, exported.mean, exported.stderr
        ));
        progress.say(&format!(
            "seconds: acting {:.1}, model {:.1}, imagination {:.1}, policy {:.1}, evaluation {:.1}",
            times.acting, times.model, times.imagination, times.policy, times.evaluation
        ));
        progress.say(&format!(
            "image {} ({} bytes); look into it: host-trainer inspect {}",
            image.display(),
            exported.bytes,
            image.display()
        ));
        Ok(())
    }
}

fn seeds(config: &Config) -> String {
    match config.seeds.as_slice() {
        [seed] => format!("seed {seed}"),
        seeds => format!("{} seeds", seeds.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::{Error, replay};
    use crate::train::tests::{blow_up, small};

    #[test]
    fn a_run_goes_on_after_a_divergence_and_saves_its_state() {
        let folder = tempfile::tempdir().unwrap();
        let mut trainer = small();
        trainer.iterate().unwrap();
        blow_up(&mut trainer, &[1]);
        let directory =
            RunDirectory::create(Some(&folder.path().join("run")), trainer.config()).unwrap();
        let place = directory.path().to_owned();
        let session = Session::with(directory, trainer, Show::Nothing).unwrap();
        assert_eq!(session.run().unwrap(), Ending::Finished);
        // The file is a request of `replay`, and what it replays is the divergence.
        let text = std::fs::read_to_string(place.join("diverged/0.json")).unwrap();
        let error = replay::replay(&text).unwrap_err();
        assert!(matches!(error, Error::Diverged(_)), "{error}");
        assert!(!place.join("diverged/1.json").exists());
        assert!(place.join("policy.daa").exists());
    }
}
