//! A fault campaign: every fault in several episodes with one image, and the results as a table.

use crate::episode::{self, Outcome, Run};
use crate::fault::Fault;
use anyhow::{Context, Result};
use daa_envs as task;
use daa_envs::evaluate::{Actions, Evaluation, Summary};
use daa_formats::image::action_repeat;
use daa_formats::image::{AlignedImage, agent_of};
use serde::Serialize;
use std::path::Path;

/// Observations before a fault begins, so that the fault meets a robot in motion.
pub const ONSET: u32 = 100;
/// Seed of the starts, which no episode of the export used.
const START_SEED: u64 = 0x00FA_0175;

/// One row of the table: a fault and its consequences in every episode.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Name of the injected fault.
    pub fault: String,
    /// Observations before the fault began.
    pub onset: u32,
    /// Results of each episode.
    pub outcomes: Vec<Outcome>,
}

/// All rows of one image.
#[derive(Clone, Debug, Serialize)]
pub struct Campaign {
    /// The image's task.
    pub task: String,
    /// CRC-32 of the image.
    pub image: String,
    /// Whether the image has a monitor of prediction errors.
    pub monitor: bool,
    /// One row for each fault; the first row has no fault.
    pub rows: Vec<Row>,
}

/// Faults by name: what happens to the signals of a task, and the number of flipped weights.
fn faults(deviation: &[f32]) -> Vec<(String, Fault, u32)> {
    let mut faults = vec![("none".to_owned(), Fault::None, 0)];
    let mut add = |name: String, fault| faults.push((name, fault, 0));
    for probability in [0.01, 0.05, 0.1, 0.25, 0.5] {
        add(format!("dropped {:.0} %", 100.0 * probability), Fault::Drop { probability });
    }
    add("dropped all".into(), Fault::Drop { probability: 1.0 });
    for ticks in [1, 2, 4] {
        add(format!("delayed by {ticks}"), Fault::Delay { ticks });
    }
    add("frozen, all signals".into(), Fault::Freeze { channel: None });
    let last = deviation.len() as u16 - 1;
    for channel in [0, last] {
        add(format!("frozen, signal {channel}"), Fault::Freeze { channel: Some(channel) });
        let offset = deviation[usize::from(channel)];
        add(format!("biased by a deviation, signal {channel}"), Fault::Bias { channel, offset });
    }
    add("NaN, 10 %".into(), Fault::NotANumber { channel: 0, probability: 0.1 });
    add("NaN, always".into(), Fault::NotANumber { channel: 0, probability: 1.0 });
    add("bit flips, 10 % of the observations".into(), Fault::BitFlip { probability: 0.1 });
    for part in [-0.02, 0.02] {
        add(format!("clock {:+.0} %", 100.0 * part), Fault::ClockSkew { part });
    }
    for count in [1, 16] {
        faults.push((format!("weight bits flipped: {count}"), Fault::None, count));
    }
    faults
}

/// Runs a campaign with `episodes` episodes of each fault.
///
/// # Errors
/// When the image is refused or does not fit its task, or the simulator fails.
pub fn run(path: &Path, episodes: usize, monitor: bool) -> Result<Campaign> {
    let file = AlignedImage::read(path)?;
    let image = file.open().with_context(|| path.display().to_string())?;
    let passport = image.metadata();
    let task = task::find_near(passport.task, path)?;
    let what = Evaluation {
        task,
        action_repeat: action_repeat(&image, task)?,
        actions: Actions::Mean,
        episodes,
        seed: START_SEED,
        threads: 1,
    };
    let agent = agent_of(&image);
    let deviation: Vec<f32> = passport.observations.iter().map(|s| s.deviation).collect();
    let mut rows = Vec::new();
    for (name, fault, flipped_weights) in faults(&deviation) {
        // A damaged policy is damaged from the first decision.
        let onset = if flipped_weights > 0 { 0 } else { ONSET };
        let outcome = |episode: usize| {
            let seed = episode as u64;
            let run = Run { fault, flipped_weights, onset, seed, episode, monitor };
            episode::run(&image, &agent, &what, run)
        };
        let outcomes = (0..episodes).map(outcome).collect::<Result<_>>()?;
        rows.push(Row { fault: name, onset, outcomes });
    }
    Ok(Campaign {
        task: passport.task.to_owned(),
        image: format!("{:08x}", image.checksum()),
        monitor: monitor && image.monitor_levels().is_some(),
        rows,
    })
}

impl Campaign {
    /// The table, in Markdown.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = format!(
            "### {}, image {}\n\n| fault | return | largest action | left RUN | monitor warned | monitor fell back | SAFE | ticks to SAFE |\n|---|---|---|---|---|---|---|---|\n",
            self.task, self.image
        );
        for row in &self.rows {
            let of = |event: fn(&Outcome) -> Option<u32>| delays(row, event);
            let totals: Vec<f64> = row.outcomes.iter().map(|outcome| outcome.total).collect();
            let Summary { mean, standard_error } = Summary::of(&totals);
            let largest = row.outcomes.iter().fold(0f32, |most, o| most.max(o.largest_action));
            let departures = row.outcomes.iter().map(|o| f64::from(o.departures)).sum::<f64>();
            let (warned, alarmed) = (of(|o| o.warned), of(|o| o.alarmed));
            let safe = of(|o| o.safe);
            text += &format!(
                "| {} | {mean:.0} ± {standard_error:.0} | {largest:.3} | {:.1} | {} | {} | {} | {} |\n",
                row.fault,
                departures / row.outcomes.len().max(1) as f64,
                with_delay(&warned, row.outcomes.len()),
                with_delay(&alarmed, row.outcomes.len()),
                share(&safe, row.outcomes.len()),
                median(&safe).map_or_else(|| "-".into(), |delay| delay.to_string()),
            );
        }
        text
    }
}

/// Decisions from the begin of the fault to an event, sorted; episodes without the event are left out.
fn delays(row: &Row, event: fn(&Outcome) -> Option<u32>) -> Vec<i64> {
    // The fault begins with the observation after the first `onset` observations.
    let after = |at: u32| i64::from(at) - i64::from(row.onset);
    let mut delays: Vec<i64> = row.outcomes.iter().filter_map(event).map(after).collect();
    delays.sort_unstable();
    delays
}

fn median(sorted: &[i64]) -> Option<i64> {
    sorted.get(sorted.len() / 2).copied()
}

fn share(delays: &[i64], episodes: usize) -> String {
    format!("{} of {episodes}", delays.len())
}

fn with_delay(delays: &[i64], episodes: usize) -> String {
    match median(delays) {
        Some(delay) => format!("{}, after {delay}", share(delays, episodes)),
        None => share(delays, episodes),
    }
}
