//! The decision: a checked image, an observation, an action within its limits.

use crate::failure::Failure;
use crate::policy::{ACT, ARCHITECTURE, HIDDEN, OBS};
use crate::{machine, stack};
use core::hint::black_box;
use daa_core::guard::Guard;
use daa_core::image::{self, Image};
use daa_core::link::{Identity, Measurement, PROTOCOL_VERSION, Refusal};
use daa_core::policy::ActionLimits;
use daa_core::{Policy, SVector};

/// A policy that proved itself on this machine, between its two guards.
pub struct Controller<'b> {
    policy: Policy<'b, OBS, HIDDEN, ACT>,
    observations: Guard<OBS>,
    actions: Guard<ACT>,
    identity: Identity,
    limits: [ActionLimits; ACT],
    control_period_us: u32,
}

impl<'b> Controller<'b> {
    /// Checks the image in a flash region, whole, and replays its golden vectors for equality of
    /// bits.
    ///
    /// # Errors
    /// [`Failure::Image`], [`Failure::NoGoldenVectors`], [`Failure::Golden`].
    // Not inlined: the passport's kilobytes leave the stack before the loop starts.
    #[inline(never)]
    pub fn boot(region: &'b [u8]) -> Result<Self, Failure> {
        // By reference: each move of an image is another 5 KiB of stack.
        let image = &Image::open_region(region)?;
        image.check_architecture(&ARCHITECTURE)?;
        let policy = image.policy()?;
        let golden_vectors = image::replay(image, &policy)?;
        if golden_vectors == 0 {
            return Err(Failure::NoGoldenVectors);
        }
        let passport = image.passport();
        defmt::info!(
            "image {=u32:08x}: {=str}, preset {=str}, {=u64} decisions, {=usize} golden vectors equal",
            image.checksum(),
            passport.task,
            passport.provenance.preset,
            passport.provenance.decisions,
            golden_vectors
        );
        let mut limits = [ActionLimits { low: -1.0, high: 1.0 }; ACT];
        for (limits, signal) in limits.iter_mut().zip(&passport.actions) {
            *limits = ActionLimits { low: signal.low, high: signal.high };
        }
        let identity = Identity {
            protocol: PROTOCOL_VERSION,
            observations: ARCHITECTURE.observations,
            actions: ARCHITECTURE.actions,
            image_checksum: image.checksum(),
            golden_vectors: golden_vectors as u32,
        };
        Ok(Self {
            policy,
            observations: image.observation_guard()?,
            actions: image.action_guard()?,
            identity,
            limits,
            control_period_us: passport.control_period_us,
        })
    }

    /// What runs here.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Time between two decisions, from the passport.
    #[must_use]
    pub fn control_period_us(&self) -> u32 {
        self.control_period_us
    }

    /// Limits of the actuators, from the passport.
    #[must_use]
    pub fn limits(&self) -> &[ActionLimits; ACT] {
        &self.limits
    }

    /// Guard, policy, guard. Never panics.
    ///
    /// # Errors
    /// [`Refusal::Observation`], [`Refusal::Action`].
    #[inline(never)]
    pub fn decide(&self, observation: &SVector<f32, OBS>) -> Result<SVector<f32, ACT>, Refusal> {
        self.observations.check(observation).map_err(Refusal::Observation)?;
        self.actions.limit(&self.policy.mode(observation)).map_err(Refusal::Action)
    }

    /// The cost of a decision and of its network alone.
    ///
    /// # Errors
    /// As [`decide`](Self::decide).
    pub fn measure(&self, observation: &SVector<f32, OBS>) -> Result<Measurement, Refusal> {
        // Once before, so that what is measured never depends on what ran last.
        self.decide(observation)?;
        let z = self.policy.normalise(observation);
        let begin = machine::ticks();
        let empty = machine::ticks_since(begin);
        let begin = machine::ticks();
        black_box(self.policy.network().forward(black_box(&z)));
        let network = machine::ticks_since(begin);
        let begin = machine::ticks();
        let _ = black_box(self.decide(black_box(observation)));
        let decision = machine::ticks_since(begin);
        Ok(Measurement { empty, network, decision, stack_high_water: stack::high_water() })
    }
}
