//! The image's networks, with the sizes that this firmware was built for.

use crate::machine;
use crate::policy::{ACT, ARCHITECTURE, HIDDEN, OBS};
use core::cell::Cell;
use daa_core::image::{Image, ImageError};
use daa_core::math::advantage::Discount;
use daa_core::model::{LearnedModel, Plan, Planned, Transition, choose};
use daa_core::{Policy, SVector, supervisor};

/// Width of the transition network; 1 when the image has none, since no array is empty.
const TRANSITION: usize = width(ARCHITECTURE.transition_hidden);
/// Likewise.
const REWARD: usize = width(ARCHITECTURE.reward_hidden);
/// Likewise.
const CRITIC: usize = width(ARCHITECTURE.critic_hidden);

const fn width(hidden: u16) -> usize {
    if hidden == 0 { 1 } else { hidden as usize }
}

type Model<'b> = LearnedModel<'b, OBS, ACT, { OBS + ACT }, HIDDEN, TRANSITION, REWARD, CRITIC>;

/// A policy and what predicts its consequences.
#[derive(Clone, Debug)]
pub struct Networks<'b> {
    policy: Policy<'b, OBS, HIDDEN, ACT>,
    transition: Option<Transition<'b, OBS, { OBS + ACT }, TRANSITION>>,
    model: Option<Model<'b>>,
    discount: Discount,
    plan: Plan,
    planned: Cell<Planned>,
}

impl<'b> Networks<'b> {
    /// The networks of an image.
    ///
    /// # Errors
    /// [`ImageError`] when the image has other sizes than this firmware.
    pub fn new(image: &Image<'b>) -> Result<Self, ImageError> {
        let metadata = image.metadata();
        Ok(Self {
            policy: image.policy()?,
            transition: image.transition()?,
            model: image.learned_model()?,
            discount: Discount { gamma: metadata.gamma, lambda: metadata.lambda },
            plan: Plan::NONE,
            planned: Cell::default(),
        })
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &Policy<'b, OBS, HIDDEN, ACT> {
        &self.policy
    }

    /// The raw action that the plan wants; none without a model or a plan.
    #[inline(never)]
    fn choose(&self, z: &SVector<f32, OBS>) -> Option<SVector<f32, ACT>> {
        let model = self.model.as_ref().filter(|_| self.plan.candidates > 0)?;
        let mut last = machine::ticks();
        let lap = || {
            let spent = machine::ticks_since(last);
            last = machine::ticks();
            spent
        };
        let choice = choose(model, z, &self.plan, self.discount, lap);
        let mut planned = self.planned.get();
        planned.add(&choice);
        self.planned.set(planned);
        Some(choice.action)
    }
}

impl supervisor::Networks<OBS, ACT> for Networks<'_> {
    #[inline(never)]
    fn act(&self, observation: &SVector<f32, OBS>) -> SVector<f32, ACT> {
        #[cfg(feature = "planted")]
        planted(observation);
        if self.plan.acts
            && let Some(raw) = self.choose(&self.policy.normalise(observation))
        {
            return self.policy.command(&raw);
        }
        self.policy.mode(observation)
    }

    fn normalise(&self, observation: &SVector<f32, OBS>) -> SVector<f32, OBS> {
        self.policy.normalise(observation)
    }

    #[inline(never)]
    fn predict(
        &self,
        z: &SVector<f32, OBS>,
        action: &SVector<f32, ACT>,
    ) -> Option<SVector<f32, OBS>> {
        if !self.plan.acts {
            // A report, for which the actuators need not wait.
            let _ = self.choose(z);
        }
        self.transition.as_ref().map(|transition| transition.step(z, action))
    }

    fn network(&self, z: &SVector<f32, OBS>) -> SVector<f32, ACT> {
        self.policy.network().forward(z)
    }

    fn plan(&mut self, plan: Plan) -> Option<Planned> {
        self.plan = plan;
        self.planned.set(Planned::default());
        self.planned()
    }

    fn planned(&self) -> Option<Planned> {
        self.model.as_ref().map(|_| self.planned.get())
    }
}

/// What no policy does, for the tests that must notice it: panics when the first signal
/// is above 2, hangs when it is below -2, and reads where nothing is when it is above 2.3.
#[cfg(feature = "planted")]
fn planted(observation: &SVector<f32, OBS>) {
    let first = core::hint::black_box(observation[0]);
    if first > 2.3 {
        // SAFETY: none: that the processor refuses it is the point.
        unsafe { core::ptr::with_exposed_provenance::<u32>(0xF000_0000).read_volatile() };
    }
    let number = if first > 2.0 { OBS } else { 0 };
    core::hint::black_box(observation.as_slice()[core::hint::black_box(number)]);
    while first < -2.0 {
        core::hint::spin_loop();
    }
}
