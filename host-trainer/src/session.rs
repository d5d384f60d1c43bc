//! A run from its first decision to its image: training, evaluations, checkpoints, interrupts.

use crate::cli::record_latest;
use crate::config::Config;
use crate::evaluate::{Actions, Evaluation, Summary, evaluate};
use crate::export::export;
use crate::nn::select_device;
use crate::output;
use crate::run::checkpoint;
use crate::run::directory::{RunDirectory, write_atomically};
use crate::run::metrics::{Metrics, Times};
use crate::run::progress::{Progress, Show};
use crate::train::Trainer;
use crate::variance::advice_file::AdviceFile;
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
        let device = select_device(&config.device, config.tf32)?;
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
        let (start, mut saved, mut times) = (Instant::now(), Instant::now(), Times::default());
        let advice = AdviceFile::open(self.directory.path(), &mut self.trainer)?;
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
            advice.append(&mut self.trainer, |line| progress.say(line))?;
            for divergence in self.trainer.take_divergences() {
                let file = self.directory.save_divergence(&divergence, config.action_repeat)?;
                progress.say(&format!(
                    "{divergence}; a fresh episode was begun, the state is in {}",
                    file.display()
                ));
            }
            self.evaluate_if_due(&mut metrics)?;
            for seed in &mut metrics {
                let decisions = (config.batch() * config.num_seeds()) as f64;
                seed.decisions_per_second = decisions / seed.seconds;
            }
            if let Some(seed) = metrics.first() {
                times.add(&seed.clock.wall);
            }
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

    /// Evaluates every seed with the most probable actions and, as the papers do, with sampled ones.
    fn evaluate_if_due(&self, seeds: &mut [Metrics]) -> Result<()> {
        let config = self.trainer.config();
        let due = config.evaluate_every > 0
            && self.trainer.iteration.is_multiple_of(config.evaluate_every as u64);
        if !due {
            return Ok(());
        }
        let begun = Instant::now();
        for (seed_index, metrics) in seeds.iter_mut().enumerate() {
            let agent = self.trainer.agent(seed_index);
            let run = |actions: Actions, episodes: usize| -> Result<Option<Summary>> {
                if episodes == 0 {
                    return Ok(None);
                }
                let what = Evaluation {
                    task: self.trainer.task(),
                    action_repeat: config.action_repeat,
                    actions,
                    episodes,
                    seed: config.seeds[seed_index],
                    threads: config.num_threads(),
                };
                let returns: Vec<f64> =
                    evaluate(&agent, &what)?.iter().map(|episode| episode.total).collect();
                Ok(Some(Summary::of(&returns)))
            };
            let most_probable = run(Actions::Mean, config.evaluate_episodes)?;
            let sampled = run(Actions::Sampled, config.sampled_episodes)?;
            metrics.evaluation_return = most_probable.map(|summary| summary.mean);
            metrics.evaluation_stderr = most_probable.map(|summary| summary.standard_error);
            metrics.sampled_return = sampled.map(|summary| summary.mean);
            metrics.sampled_stderr = sampled.map(|summary| summary.standard_error);
        }
        let seconds = begun.elapsed().as_secs_f64();
        for metrics in seeds {
            metrics.clock.wall.evaluation += seconds;
            metrics.seconds += seconds;
        }
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

    /// Exports every seed, the first as the run's image, and says what came out.
    fn finished(&self, progress: &Progress, seconds: f64, times: &Times) -> Result<()> {
        let image = self.directory.image();
        let seeds = &self.trainer.config().seeds;
        let exported = export(&self.trainer, 0, &image)?;
        record_latest(&image)?;
        let mut all = vec![exported.clone()];
        for (seed_index, seed) in seeds.iter().enumerate().skip(1) {
            all.push(export(&self.trainer, seed_index, &self.directory.image_of(*seed))?);
        }
        let returns: Vec<_> = all
            .iter()
            .map(|e| serde_json::json!({ "seed": e.seed, "return": e.mean, "return_stderr": e.stderr }))
            .collect();
        let summary = serde_json::json!({
            "run_dir": self.directory.path(),
            "image": image,
            "seconds": seconds,
            "decisions": self.trainer.decisions(),
            "return": exported.mean,
            "return_stderr": exported.stderr,
            "seeds": returns,
            "seconds_by_phase": times,
        });
        write_atomically(&self.directory.summary(), format!("{summary}\n").as_bytes())?;
        if self.show == Show::Json {
            output::line(format!("{summary}"))?;
        }
        let decisions = self.trainer.decisions() as f64 * seeds.len() as f64;
        progress.say(&format!(
            "{decisions} decisions in {seconds:.1} s ({:.0}/s): return {} (mean action, 20 episodes)",
            decisions / seconds,
            match all.as_slice() {
                [one] => format!("{:.1} +- {:.1}", one.mean, one.stderr),
                _ => {
                    let each = all.iter().map(|e| format!("{:.1}", e.mean)).collect::<Vec<_>>();
                    let mean = all.iter().map(|e| e.mean).sum::<f64>() / all.len() as f64;
                    format!("{mean:.1}, of the seeds {}", each.join(", "))
                }
            }
        ));
        progress.say(&format!(
            "seconds: acting {:.1}, model {:.1}, extra actions {:.1}, policy {:.1}, evaluation {:.1}",
            times.acting, times.model, times.extra, times.policy, times.evaluation
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
