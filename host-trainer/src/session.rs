//! A training run from its first decision to its image: iterations, evaluations, checkpoints, interruption.

use crate::parts::export_seed;
use anyhow::{Context, Result, bail};
use daa_envs::evaluate::{Actions, Evaluation, Summary, evaluate};
use daa_envs::files::write_atomically;
use daa_envs::output;
use daa_formats::export::{Choice, record_latest};
use daa_trainer::config::Config;
use daa_trainer::metrics::{Best, Metrics, Phase, Times, mean};
use daa_trainer::nn::select_device;
use daa_trainer::run::checkpoint::{self, Which};
use daa_trainer::run::directory::RunDirectory;
use daa_trainer::run::lock::{Lock, Owner};
use daa_trainer::run::sinks::advice::AdviceFile;
use daa_trainer::run::sinks::events::Events;
use daa_trainer::run::sinks::progress::{Progress, Show};
use daa_trainer::train::Trainer;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Options that affect how a run executes (output, checkpoints, waiting) but not its results.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Output during the run.
    pub show: Show,
    /// Time between two checkpoints.
    pub checkpoint_every: Duration,
    /// Longest time to wait for the lock of a run directory that another process holds.
    pub wait_for_lock: Duration,
}

/// What to do about a run that already exists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Resume {
    /// Resume the run in `--run-dir` if it has the same configuration.
    #[default]
    Here,
    /// Resume the run in `--run-dir` or, without that option, the newest unfinished run of the same
    /// configuration below `runs/`.
    Auto,
    /// Leave the existing run unchanged and return an error.
    Never,
}

/// The result of [`Session::begin`]: a run to train, or a run that is already finished.
#[derive(Debug)]
pub enum Begun {
    /// The run is not finished: train it with [`run`](Session::run).
    Session(Box<Session>),
    /// The run was finished before; the text of its `summary.json`.
    Finished(String),
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All decisions were taken and the image was exported.
    Finished,
    /// Ctrl-C or SIGTERM stopped the run; its state is saved in a checkpoint.
    Interrupted,
}

/// A training run in its directory.
#[derive(Debug)]
pub struct Session {
    directory: RunDirectory,
    trainer: Trainer,
    options: Options,
    stop: Arc<AtomicBool>,
    /// Released when the session ends.
    _lock: Lock,
}

/// The flag that Ctrl-C and SIGTERM set. All sessions of a process share one flag, because a process can install
/// only one handler.
///
/// # Errors
/// When the signal handler cannot be installed.
fn interruption() -> Result<Arc<AtomicBool>> {
    static ASKED: Mutex<Option<Arc<AtomicBool>>> = Mutex::new(None);
    let mut slot = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(asked) = &*slot {
        return Ok(Arc::clone(asked));
    }
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        // A second signal ends the process before the end of the iteration.
        if asked.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    })
    .context("cannot install the handler of Ctrl-C")?;
    *slot = Some(Arc::clone(&stop));
    Ok(stop)
}

impl Session {
    /// Starts a new run in `path`, or in a new folder below `runs/`. If the directory already holds a run, resumes
    /// it from its newest checkpoint, if `resume` permits.
    ///
    /// # Errors
    /// When the task cannot be loaded, another process holds the lock, or the directory holds other files or a run
    /// of another configuration; the message names the first differing key. An existing run is unchanged then.
    pub fn begin(
        config: Config,
        path: Option<&Path>,
        resume: &Resume,
        options: Options,
    ) -> Result<Begun> {
        config.fits_memory()?;
        let device = select_device(&config.device, config.tf32)?;
        let trainer = Trainer::new(config.clone(), device)?;
        let unfinished = match (resume, path) {
            (Resume::Auto, None) => RunDirectory::unfinished(&config),
            _ => None,
        };
        let directory = match unfinished {
            Some(directory) => directory,
            None => RunDirectory::claim(path, &config)?,
        };
        let place = directory.path().display().to_string();
        if directory.holds_run() {
            let (_, found) = RunDirectory::open(directory.path())?;
            if *resume == Resume::Never {
                bail!(
                    "{place} already holds a run: choose another --run-dir, or leave out --resume never"
                );
            }
            if let Some((key, there, here)) = found.differences(&config).first() {
                bail!(
                    "{place} holds a run with {key} = {there}, not {here}: choose another --run-dir, or resume it with its recorded configuration: host-trainer train --resume {place}"
                );
            }
        }
        Self::go_on(directory, trainer, options)
    }

    /// Resumes the run in `path` with the configuration that it was started with.
    ///
    /// # Errors
    /// When `path` is not a run directory, another process holds the lock, or no checkpoint is complete.
    pub fn resume(path: &Path, options: Options) -> Result<Begun> {
        let (directory, config) = RunDirectory::open(path)?;
        config.fits_memory()?;
        let device = select_device(&config.device, config.tf32)?;
        Self::go_on(directory, Trainer::new(config, device)?, options)
    }

    fn go_on(directory: RunDirectory, mut trainer: Trainer, options: Options) -> Result<Begun> {
        let lock = Lock::take(&directory.lock(), options.wait_for_lock)?;
        let say = |line: &str| {
            if options.show != Show::Nothing {
                eprintln!("{line}");
            }
        };
        if let Some(Owner { pid, host, .. }) = &lock.previous {
            say(&format!("taking over from process {pid} on {host}, which no longer runs"));
        }
        if directory.is_finished() {
            let place = directory.summary();
            let summary = std::fs::read_to_string(&place)
                .with_context(|| format!("cannot read {}", place.display()))?;
            return Ok(Begun::Finished(summary.trim_end().to_owned()));
        }
        directory.remove_leftovers();
        if checkpoint::exists(&directory)? {
            // A damaged checkpoint is reported even where only errors are shown.
            checkpoint::load(&directory, &mut trainer, Which::Newest, |line| eprintln!("{line}"))?;
            checkpoint::discard_after(&directory, trainer.iteration);
            directory.rewind_metrics(trainer.iteration)?;
            let (done, all) = (trainer.decisions(), trainer.config().decisions);
            say(&format!("continuing after {done} of {all} decisions"));
        } else {
            directory.begin(trainer.config())?;
        }
        Ok(Begun::Session(Box::new(Self::with(directory, trainer, options, lock)?)))
    }

    fn with(
        directory: RunDirectory,
        trainer: Trainer,
        options: Options,
        lock: Lock,
    ) -> Result<Self> {
        let stop = interruption()?;
        stop.store(false, Ordering::SeqCst);
        Ok(Self { directory, trainer, options, stop, _lock: lock })
    }

    /// Trains until all decisions are taken or a signal asks to stop. A finished run exports an image for every
    /// seed.
    ///
    /// # Errors
    /// When an environment fails, a loss is not finite, or the disk is full. The message names the
    /// last checkpoint.
    pub fn run(mut self) -> Result<Ending> {
        let config = self.trainer.config().clone();
        let mut progress =
            Progress::new(self.options.show, config.decisions, self.trainer.decisions());
        let place = self.directory.path().display().to_string();
        progress.say(&format!(
            "{}: {} with {}, run directory {place}",
            config.task,
            config.preset,
            seeds(&config)
        ));
        if let Some(note) = config.rounding().filter(|_| self.trainer.iteration == 0) {
            progress.say(&note);
        }
        let (mut saved, mut times) = (Instant::now(), Times::default());
        let mut events = Events::open(&self.directory, self.trainer.decisions())?;
        let advice = AdviceFile::open(self.directory.path(), &mut self.trainer)?;
        while !self.trainer.is_finished() {
            if self.stop.load(Ordering::SeqCst) {
                return self.interrupted(&progress);
            }
            let iteration = self.trainer.iteration + 1;
            let mut metrics =
                self.trainer.iterate().map_err(|error| self.kept(iteration, &error.into()))?;
            advice.append(&mut self.trainer, |line| progress.say(line))?;
            for divergence in self.trainer.take_divergences() {
                let file = self.directory.save_divergence(&divergence, config.action_repeat)?;
                progress.say(&format!(
                    "{divergence}; a fresh episode was begun, the state is in {}",
                    file.display()
                ));
            }
            self.evaluate_if_due(&mut metrics).map_err(|error| self.kept(iteration, &error))?;
            for seed in &mut metrics {
                let decisions = (config.batch() * config.num_seeds()) as f64;
                seed.decisions_per_second = decisions / seed.seconds;
            }
            if let Some(seed) = metrics.first() {
                times.add(&seed.clock.wall);
            }
            self.directory.append(&metrics)?;
            events.append(&metrics)?;
            progress.update(&metrics)?;
            let best = self.note_best(&metrics);
            if best
                || self.trainer.iteration == 1
                || saved.elapsed() >= self.options.checkpoint_every
            {
                checkpoint::save(&self.directory, &self.trainer)?;
                saved = Instant::now();
            }
        }
        progress.finish();
        checkpoint::save(&self.directory, &self.trainer)?;
        let seconds = self.directory.seconds();
        self.finished(&progress, seconds, &times)?;
        Ok(Ending::Finished)
    }

    /// The error of an iteration, with the checkpoint from which the run can be resumed.
    fn kept(&self, iteration: u64, error: &anyhow::Error) -> anyhow::Error {
        let kept = match checkpoint::newest(&self.directory) {
            Ok(Some(place)) => format!(
                "the last good checkpoint is {}: the same command resumes from it",
                place.display()
            ),
            Ok(None) => "there is no checkpoint yet".to_owned(),
            Err(unreadable) => format!("{unreadable:#}"),
        };
        anyhow::anyhow!("{error:#} (iteration {iteration}; {kept})")
    }

    /// Whether this evaluation, a mean over the seeds, is better than all earlier ones; if so, records it.
    fn note_best(&mut self, metrics: &[Metrics]) -> bool {
        let Some(mean) = mean(metrics, |seed| seed.evaluation_return) else { return false };
        let better = self.trainer.best.is_none_or(|best| mean > best.mean);
        if better {
            self.trainer.best = Some(Best { iteration: self.trainer.iteration, mean });
        }
        better
    }

    /// Evaluates every seed with the most probable actions and, as in the papers, with sampled actions.
    fn evaluate_if_due(&self, seeds: &mut [Metrics]) -> Result<()> {
        let config = self.trainer.config();
        let due = config.evaluate.every > 0
            && self.trainer.iteration.is_multiple_of(config.evaluate.every as u64);
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
            let most_probable = run(Actions::Mean, config.evaluate.episodes)?;
            let sampled = run(Actions::Sampled, config.evaluate.sampled_episodes)?;
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
            progress.say("interrupted before the first update: no checkpoint was written");
            return Ok(Ending::Interrupted);
        }
        checkpoint::save(&self.directory, &self.trainer)?;
        eprintln!(
            "interrupted after {} of {} decisions; saved. To resume: host-trainer train --resume {place}; to export the policy: host-trainer export {place}",
            self.trainer.decisions(),
            self.trainer.config().decisions
        );
        Ok(Ending::Interrupted)
    }

    /// Exports an image for every seed, the first seed's as the run's image, writes the summary and prints it.
    fn finished(&self, progress: &Progress, seconds: f64, times: &Times) -> Result<()> {
        let image = self.directory.image();
        let seeds = &self.trainer.config().seeds;
        let exported = export_seed(&self.trainer, 0, &image, Choice::default())?;
        record_latest(&image)?;
        let mut all = vec![exported.clone()];
        for (seed_index, seed) in seeds.iter().enumerate().skip(1) {
            all.push(export_seed(
                &self.trainer,
                seed_index,
                &self.directory.image_of(*seed),
                Choice::default(),
            )?);
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
        if self.options.show == Show::Json {
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
                    format!("{mean:.1}, per seed {}", each.join(", "))
                }
            }
        ));
        let phases = Phase::ALL.iter();
        let each = phases.map(|phase| format!("{} {:.1}", phase.words(), times.of(*phase)));
        progress.say(&format!("seconds: {}", each.collect::<Vec<_>>().join(", ")));
        progress.say(&format!(
            "image {} ({} bytes); to inspect it: host-trainer inspect {}",
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
    use daa_envs::{Error, replay};
    use daa_trainer::testing::{blow_up, small};

    #[test]
    fn a_run_goes_on_after_a_divergence_and_saves_its_state() {
        let folder = tempfile::tempdir().unwrap();
        let mut trainer = small();
        trainer.iterate().unwrap();
        blow_up(&mut trainer, &[1]);
        let place = folder.path().join("run");
        let directory = RunDirectory::claim(Some(&place), trainer.config()).unwrap();
        directory.begin(trainer.config()).unwrap();
        let lock = Lock::take(&directory.lock(), Duration::ZERO).unwrap();
        let options = Options {
            show: Show::Nothing,
            checkpoint_every: Duration::ZERO,
            wait_for_lock: Duration::ZERO,
        };
        let session = Session::with(directory, trainer, options, lock).unwrap();
        assert_eq!(session.run().unwrap(), Ending::Finished);
        // The file is a request of `replay` that reproduces the divergence.
        let text = std::fs::read_to_string(place.join("diverged/0.json")).unwrap();
        let error = replay::replay(&text).unwrap_err();
        assert!(matches!(error, Error::Diverged(_)), "{error}");
        assert!(!place.join("diverged/1.json").exists());
        assert!(place.join("policy.daa").exists());
    }
}
