//! `host-trainer export`.

use crate::parts::export_seed;
use anyhow::{Context, Result, bail};
use daa_envs::evaluate::{Actions, Evaluation, Summary, evaluate};
use daa_envs::output;
use daa_formats::export::{Choice, record_latest};
use daa_formats::quantise::Dtype;
use daa_formats::{FORMATS, Format, write_formats};
use daa_trainer::run::checkpoint::Which;
use daa_trainer::run::open::load_checkpoint;
use daa_trainer::train::Trainer;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Write the policy image of a run, or write an image in formats of other programs
#[derive(clap::Args, Debug)]
pub(crate) struct Export {
    /// Run directory; or an image, which is then written in other formats
    #[arg(value_name = "RUN|IMAGE")]
    run: PathBuf,
    /// File of the image; default: policy.daa in the run directory
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Seed whose policy is exported, or best: the seed with the highest mean return; default: the first seed
    #[arg(long, value_name = "SEED|best")]
    seed: Option<String>,
    /// Checkpoint: newest, best (by the evaluations during training) or the number of an iteration
    #[arg(long, value_name = "newest|best|ITERATION", default_value = "newest")]
    checkpoint: Which,
    /// Type of the policy's weights; integers are calibrated on visited observations
    #[arg(long, value_enum, default_value_t)]
    dtype: Dtype,
    /// Leave out dynamics, reward and critic. The firmware then has no monitor and no --best-of, and a policy of
    /// 512 hidden units (with --dtype i8) fits into the microcontroller's flash
    #[arg(long)]
    policy_only: bool,
    #[command(flatten)]
    formats: OtherFormats,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Export {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let args = &self;
        if args.run.is_file() {
            convert(args)?;
            return Ok(ExitCode::SUCCESS);
        }
        let (directory, trainer) = load_checkpoint(&args.run, args.checkpoint)?;
        let seeds = &trainer.config().seeds;
        let seed_index = match args.seed.as_deref() {
            None => 0,
            Some("best") => best_seed(&trainer)?,
            Some(seed) => {
                let wanted = seed.parse().ok();
                let found = seeds.iter().position(|known| Some(*known) == wanted);
                found.with_context(|| {
                    format!("{} has no seed {seed}, only {seeds:?} (or best)", args.run.display())
                })?
            }
        };
        let path = args.output.clone().unwrap_or_else(|| directory.image());
        let choice = Choice { weights: args.dtype.into(), policy_only: args.policy_only };
        let exported = export_seed(&trainer, seed_index, &path, choice)?;
        record_latest(&path)?;
        let formats = args.formats.write(&path)?;
        if args.json {
            output::line(format!(
                "{}",
                serde_json::json!({ "image": path, "exported": exported, "formats": formats })
            ))?;
        } else {
            output::line(format!(
                "{}: {} bytes, {} golden vectors, return {:.1} +- {:.1}, core and libtorch differ by at most {:.1e}",
                path.display(),
                exported.bytes,
                exported.golden_vectors,
                exported.mean,
                exported.stderr,
                exported.largest_difference
            ))?;
            if let Some(loss) = exported.loss {
                output::line(format!(
                    "floats return {:.1} +- {:.1}; actions differ by at most {:.4}, {:.4} in the mean",
                    loss.float_mean,
                    loss.float_stderr,
                    loss.largest_action_error,
                    loss.action_error
                ))?;
            }
            formats.iter().try_for_each(|file| output::line(file.display()))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Files in formats of other programs: an option for each format of [`FORMATS`].
#[derive(Debug, Default)]
struct OtherFormats(Vec<(Format, PathBuf)>);

impl clap::Args for OtherFormats {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.args(FORMATS.iter().map(|format| {
            let file = clap::value_parser!(PathBuf);
            clap::Arg::new(format.flag)
                .long(format.flag)
                .value_name("FILE")
                .value_parser(file)
                .help(format.help)
        }))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for OtherFormats {
    fn from_arg_matches(matches: &clap::ArgMatches) -> Result<Self, clap::Error> {
        let mut formats = Self::default();
        formats.update_from_arg_matches(matches)?;
        Ok(formats)
    }

    fn update_from_arg_matches(&mut self, matches: &clap::ArgMatches) -> Result<(), clap::Error> {
        let file = |format: &Format| matches.get_one::<PathBuf>(format.flag).cloned();
        self.0 = FORMATS.iter().filter_map(|format| Some((*format, file(format)?))).collect();
        Ok(())
    }
}

impl OtherFormats {
    /// Writes the image at `path` in the formats that were asked for, and returns the files.
    fn write(&self, path: &Path) -> Result<Vec<PathBuf>> {
        write_formats(path, &self.0)?;
        Ok(self.0.iter().map(|(_, file)| file.clone()).collect())
    }
}

/// Writes an image in other formats.
fn convert(args: &Export) -> Result<()> {
    let image = args.run.display();
    let of_a_run = args.output.is_some() || args.seed.is_some() || args.dtype != Dtype::default();
    if of_a_run || args.policy_only || args.checkpoint != Which::Newest {
        bail!(
            "{image} is an image: --output, --seed, --checkpoint, --dtype and --policy-only are for runs"
        );
    }
    if args.formats.0.is_empty() {
        let flags = FORMATS
            .iter()
            .map(|format| format!("--{} FILE", format.flag))
            .collect::<Vec<_>>()
            .join(", ");
        bail!("{image} is an image already: name another format with one of {flags}");
    }
    let formats = args.formats.write(&args.run)?;
    if args.json {
        return output::line(serde_json::json!({ "image": args.run, "formats": formats }));
    }
    formats.iter().try_for_each(|file| output::line(file.display()))
}

/// The seed whose policy has the highest mean return over 20 episodes, the same starts for all.
fn best_seed(trainer: &Trainer) -> Result<usize> {
    let config = trainer.config();
    let mut best = (0, f64::NEG_INFINITY);
    for seed_index in 0..config.num_seeds() {
        let what = Evaluation {
            task: trainer.task(),
            action_repeat: config.action_repeat,
            actions: Actions::Mean,
            episodes: 20,
            seed: config.seeds[0],
            threads: config.num_threads(),
        };
        let episodes = evaluate(&trainer.agent(seed_index), &what)?;
        let returns: Vec<f64> = episodes.iter().map(|episode| episode.total).collect();
        let mean = Summary::of(&returns).mean;
        if mean > best.1 {
            best = (seed_index, mean);
        }
    }
    Ok(best.0)
}
