//! Hardware in the loop: a real or emulated microcontroller controls the simulator, and every action is compared
//! with that of the workstation, bit by bit.

use crate::link::{Link, vector};
use crate::planning;
use anyhow::{Context, Result, bail};
use daa_core::math::advantage::Discount;
use daa_core::model::planner::{Plan, Planned};
use daa_core::protocol::{PROTOCOL_VERSION, Reply, Request};
use daa_core::safety::state::Mode;
use daa_envs as task;
use daa_envs::evaluate::{Actions, Evaluation, run_episode};
use daa_formats::image::{AlignedImage, action_repeat, agent_of};
use serde::Serialize;
use std::path::PathBuf;

/// Options of the comparison.
#[derive(Clone, Debug)]
pub struct Options {
    /// The image that the microcontroller runs.
    pub image: PathBuf,
    /// FIFO or serial port that takes requests.
    pub request: PathBuf,
    /// FIFO or serial port that gives replies.
    pub reply: PathBuf,
    /// Number of episodes.
    pub episodes: usize,
    /// Episode `i` starts from stream `i` of this seed.
    pub seed: u64,
    /// Clock ticks of one instruction: 21.504 in the emulator with `-icount shift=7`, where the core
    /// runs at 168 MHz and an instruction takes 128 ns; 1 on a board, where they are cycles.
    pub ticks_per_instruction: f64,
    /// Options of the planner; with [`Plan::NONE`] the policy acts alone.
    pub plan: Plan,
}

/// One episode, controlled by the workstation and by the microcontroller.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EpisodeReport {
    /// Return with the actions of the workstation.
    pub host_return: f64,
    /// Return with the actions of the microcontroller.
    pub mcu_return: f64,
    /// Number of decisions whose actions differ in any bit.
    pub differing_actions: usize,
    /// Number of decisions in which the policy of the microcontroller did not act, because its safety state was
    /// not RUN.
    pub outside_run: usize,
    /// Number of decisions of the episode.
    pub decisions: usize,
    /// Mean number of instructions of a decision, from the decoded observation to the limited action.
    pub instructions_per_decision: f64,
}

/// Cost of one call of the network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cost {
    /// Number of instructions without those that read the clock.
    pub instructions: u64,
    /// Number of multiply-adds.
    pub multiply_adds: usize,
}

/// Results of all episodes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Results of each episode.
    pub episodes: Vec<EpisodeReport>,
    /// The policy's network alone.
    pub network: Cost,
    /// A whole decision: guard, normaliser, network, tanh, limits, guard.
    pub decision: Cost,
    /// Number of instructions of the monitor's prediction.
    pub prediction_instructions: u64,
    /// Largest number of bytes of stack in use.
    pub stack_high_water_bytes: u32,
    /// Number of golden vectors whose bits were equal at boot.
    pub golden_vectors: u32,
    /// Statistics of the planner; none where it is not used.
    pub planned: Option<Planned>,
    /// Largest number of instructions of a plan.
    pub plan_instructions: Option<u64>,
    /// Control period.
    pub period_us: u32,
}

/// Errors of an episode: of the simulator or of the link.
struct HilError(anyhow::Error);

impl From<task::Error> for HilError {
    fn from(error: task::Error) -> Self {
        Self(error.into())
    }
}

/// Runs whole episodes.
///
/// # Errors
/// When the image is refused, the microcontroller runs another image, refuses an observation or closes the
/// connection, or the simulator fails.
pub fn run(
    options: &Options,
    mut shown: impl FnMut(usize, &EpisodeReport) -> Result<()>,
) -> Result<Report> {
    let file = AlignedImage::read(&options.image)?;
    let image = file.open().with_context(|| options.image.display().to_string())?;
    let metadata = image.metadata();
    let task = task::find_near(metadata.task, &options.image)?;
    let agent = agent_of(&image);
    let action_repeat = action_repeat(&image, task)?;
    let what = Evaluation {
        task,
        action_repeat,
        actions: Actions::Mean,
        episodes: options.episodes,
        seed: options.seed,
        threads: 1,
    };

    let mut link = Link::open(&options.request, &options.reply)?;
    let identity = link.hello()?;
    if identity.protocol != PROTOCOL_VERSION {
        bail!(
            "the firmware speaks protocol {}, this program {PROTOCOL_VERSION}: build it again",
            identity.protocol
        );
    }
    if identity.image_checksum != image.checksum() {
        bail!(
            "the microcontroller runs image {:08x}, not {:08x}: flash this one",
            identity.image_checksum,
            image.checksum()
        );
    }
    link.arm()?;
    let mut inverse = vec![0.0; agent.shape.input];
    let policy = agent.policy(&mut inverse)?;
    let model = match options.plan.candidates {
        0 => None,
        _ => Some(planning::model(&image, policy)?),
    };
    let discount = Discount { gamma: metadata.gamma, lambda: metadata.lambda };
    let middle: Vec<f32> = metadata.observations.iter().map(|signal| signal.mean).collect();
    let measured = link.measure(&middle)?;
    let instructions = |ticks: u32| {
        (f64::from(ticks.saturating_sub(measured.empty)) / options.ticks_per_instruction).round()
    };

    if model.is_some() {
        link.plan(&Request::Plan(options.plan))?;
    }
    let mut here = Planned::default();
    let mut z = vec![0.0; agent.shape.input];
    let (mut scratch, mut sequence) = (vec![0.0; policy.scratch_len()], 0u32);
    let mut episodes = Vec::new();
    for index in 0..options.episodes {
        let mut on_host = |observation: &[f32], action: &mut [f32]| {
            match &model {
                Some(model) if options.plan.acts => {
                    agent.scale.normalise(observation, &mut z);
                    let (plan, here) = (&options.plan, &mut here);
                    planning::plan(model, &z, plan, discount, here, action);
                    policy.command(action);
                }
                _ => policy.mode(observation, &mut scratch, action),
            }
            Ok::<(), HilError>(())
        };
        let host = run_episode(&what, index, &mut on_host).map_err(|HilError(error)| error)?;
        let (mut differing, mut outside_run, mut spent) = (0, 0, 0.0);
        if index > 0 {
            link.begin_again()?;
        }
        let mcu = run_episode(&what, index, |observation, action| {
            on_host(observation, action)?;
            sequence = sequence.wrapping_add(1);
            let request =
                Request::Decide { sequence, observation: vector(observation).map_err(HilError)? };
            match link.ask(&request).map_err(HilError)? {
                Reply::Action { sequence: of, action: theirs, ticks, mode }
                    if of == sequence && theirs.len() == action.len() =>
                {
                    differing += usize::from(
                        theirs.iter().zip(&*action).any(|(a, b)| a.to_bits() != b.to_bits()),
                    );
                    outside_run += usize::from(mode != Mode::Run);
                    spent += instructions(ticks);
                    action.copy_from_slice(&theirs);
                    Ok(())
                }
                Reply::Refused { reason, .. } => {
                    Err(HilError(anyhow::anyhow!("the microcontroller refused: {reason}")))
                }
                other => Err(HilError(anyhow::anyhow!("an unexpected reply to Decide: {other:?}"))),
            }
        })
        .map_err(|HilError(error)| error)?;
        let decisions = mcu.actions.len() / agent.shape.output;
        let report = EpisodeReport {
            host_return: host.total,
            mcu_return: mcu.total,
            differing_actions: differing,
            outside_run,
            decisions,
            instructions_per_decision: spent / decisions as f64,
        };
        shown(index, &report)?;
        episodes.push(report);
    }
    let planned = match model {
        Some(_) => Some(link.plan(&Request::Planned)?),
        None => None,
    };
    let last = link.measure(&middle)?;
    link.send(&Request::Goodbye)?;
    let multiply_adds = image.architecture().policy().multiply_adds();
    let cost = |ticks: u32| Cost { instructions: instructions(ticks) as u64, multiply_adds };
    Ok(Report {
        episodes,
        network: cost(measured.network),
        decision: cost(measured.decision),
        prediction_instructions: instructions(measured.prediction) as u64,
        stack_high_water_bytes: last.stack_high_water,
        golden_vectors: identity.golden_vectors,
        planned,
        plan_instructions: planned
            .map(|planned| (f64::from(planned.most) / options.ticks_per_instruction) as u64),
        period_us: metadata.control_period_us,
    })
}
