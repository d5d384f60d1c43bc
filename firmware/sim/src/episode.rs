//! One episode through the firmware's loop.

use crate::brain::Brain;
use crate::fault::{Fault, Injector};
use crate::plant::{End, Plant};
use anyhow::{Result, bail};
use daa_core::image::{Image, MAX_ACTIONS, MAX_OBSERVATIONS};
use daa_core::math::random::SplitMix64;
use daa_core::protocol::{Identity, PROTOCOL_VERSION, ResetCause, frame_capacity};
use daa_core::safety::{ActuatorRange, Mode, Reason, Rest};
use daa_core::supervisor::{Event, Session, Settings, Supervisor};
use daa_envs::agent::Agent;
use daa_envs::evaluate::{Evaluation, episode_environment};
use serde::Serialize;

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Fault between robot and controller.
    pub fault: Fault,
    /// Bits to flip in the policy's weights after the image was checked.
    pub flipped_weights: u32,
    /// Observations before the fault begins.
    pub onset: u32,
    /// Seed of the fault.
    pub seed: u64,
    /// Seed of the start.
    pub episode: usize,
    /// Whether the monitor of prediction errors is switched on.
    pub monitor: bool,
}

/// Results of an episode. Decisions are counted from its start.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// Undiscounted sum of rewards.
    pub total: f64,
    /// Largest magnitude of any action that reached an actuator.
    pub largest_action: f32,
    /// First decision at which the monitor began to warn.
    pub warned: Option<u32>,
    /// First decision at which the monitor's alarm led to FALLBACK.
    pub alarmed: Option<u32>,
    /// First decision in HOLD.
    pub held: Option<u32>,
    /// First decision in FALLBACK, for any reason.
    pub fell_back: Option<u32>,
    /// First decision in SAFE.
    pub safe: Option<u32>,
    /// Number of times the safety state machine left RUN after the first decision.
    pub departures: u32,
    /// Control ticks.
    pub ticks: u32,
    /// Control ticks that were late.
    pub late: u32,
    /// Number of times the watchdog was fed.
    pub fed: u32,
}

/// Flips random bits of an agent's network.
fn flip(agent: &mut Agent, count: u32, seed: u64) {
    let mut random = SplitMix64::new(seed);
    for _ in 0..count {
        let at = random.below(agent.shape.params());
        let bit = random.below(32);
        if let Some(weight) = agent.weights.get_mut(at) {
            *weight = f32::from_bits(weight.to_bits() ^ 1 << bit);
        }
    }
}

/// Runs an episode of a task of any size.
///
/// # Errors
/// When image and task do not fit, or the simulator fails.
pub fn run(image: &Image<'_>, agent: &Agent, what: &Evaluation, run: Run) -> Result<Outcome> {
    let (signals, actions) = (what.task.observations.len(), what.task.actions.len());
    if (agent.shape.input, agent.shape.output) != (signals, actions) {
        bail!(
            "the image has {} observations and {} actions, its task {signals} and {actions}",
            agent.shape.input,
            agent.shape.output
        );
    }
    let mut agent = agent.clone();
    flip(&mut agent, run.flipped_weights, run.seed);
    let mut inverse = vec![0.0; signals];
    let brain = Brain::new(image, &agent, &mut inverse)?;
    let period_us = image.metadata().control_period_us;
    // The simulated actuators take actions without a conversion.
    let actuators = [ActuatorRange { at_low: 0.0, at_high: 1.0 }; MAX_ACTIONS];
    let mut settings =
        Settings::<MAX_OBSERVATIONS, MAX_ACTIONS>::padded(image, period_us, actuators);
    settings.monitor = settings.monitor.filter(|_| run.monitor);
    let identity = Identity {
        protocol: PROTOCOL_VERSION,
        observations: signals as u16,
        actions: actions as u16,
        image_checksum: image.checksum(),
        golden_vectors: 0,
        reset: ResetCause::Power,
    };
    let fallback = Rest::in_the_middle(&settings.limits);
    let supervisor = Supervisor::new(brain, fallback, settings);
    let mut session =
        Session::<_, _, MAX_OBSERVATIONS, MAX_ACTIONS, { frame_capacity(MAX_OBSERVATIONS) }>::new(
            supervisor, identity,
        );

    let (environment, observation) = episode_environment(what, run.episode)?;
    let injector = Injector::new(run.fault, run.onset, run.seed);
    let mut plant = Plant::new(environment, observation, actions, injector, period_us);
    match session.run(&mut plant) {
        Err(End::Episode) => {}
        Err(End::Plant(error)) => bail!(error),
        Ok(never) => match never {},
    }
    let first = |wanted: &dyn Fn(&Event) -> bool| {
        plant.events.iter().find(|(_, event)| wanted(event)).map(|(decision, _)| *decision)
    };
    let to = |mode: Mode| first(&|event| matches!(event, Event::Edge(edge) if edge.to == mode));
    let left = |event: &Event| matches!(event, Event::Edge(edge) if edge.from == Mode::Run);
    let timing = session.supervisor().status().timing;
    Ok(Outcome {
        total: plant.total,
        largest_action: plant.largest,
        warned: first(&|event| matches!(event, Event::Warning { .. })),
        alarmed: first(
            &|event| matches!(event, Event::Edge(edge) if edge.reason == Reason::Monitor),
        ),
        held: to(Mode::Hold),
        fell_back: to(Mode::Fallback),
        safe: to(Mode::Safe),
        departures: plant.events.iter().filter(|(_, event)| left(event)).count() as u32,
        ticks: timing.ticks,
        late: timing.late,
        fed: plant.fed,
    })
}
