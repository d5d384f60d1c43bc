//! The image's networks, with the sizes that this firmware was built for.

use crate::machine;
use crate::policy::{ACT, ARCHITECTURE, HIDDEN, OBS};
use core::cell::Cell;
use daa_core::image::{Image, ImageError};
use daa_core::math::advantage::Discount;
use daa_core::model::{LearnedModel, Plan, Planned, Transition, choose};
use daa_core::{Policy, SVector, supervisor};

/// Width of the transition network; 1 when the image has no transition network, since a width of 0 is not
/// allowed.
const TRANSITION: usize = width(ARCHITECTURE.transition_hidden);
/// Width of the reward network; 1 when the image has no reward network.
const REWARD: usize = width(ARCHITECTURE.reward_hidden);
/// Width of the critic; 1 when the image has no critic.
const CRITIC: usize = width(ARCHITECTURE.critic_hidden);

const fn width(hidden: u16) -> usize {
    if hidden == 0 { 1 } else { hidden as usize }
}

type Model<'b> = LearnedModel<'b, OBS, ACT, { OBS + ACT }, HIDDEN, TRANSITION, REWARD, CRITIC>;

/// A policy, and the model that predicts the consequences of its actions.
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

    /// The raw action of the planner; `None` without a model or a plan.
    #[inline(never)]
    fn choose(&self, obs: &SVector<f32, OBS>) -> Option<SVector<f32, ACT>> {
        let model = self.model.as_ref().filter(|_| self.plan.candidates > 0)?;
        let mut last = machine::ticks();
        let lap = || {
            let spent = machine::ticks_since(last);
            last = machine::ticks();
            spent
        };
        let choice = choose(model, obs, &self.plan, self.discount, lap);
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
        obs: &SVector<f32, OBS>,
        action: &SVector<f32, ACT>,
    ) -> Option<SVector<f32, OBS>> {
        if !self.plan.acts {
            // Plan for the statistics only, after the actuators got their command.
            let _ = self.choose(obs);
        }
        self.transition.as_ref().map(|transition| transition.step(obs, action))
    }

    fn network(&self, obs: &SVector<f32, OBS>) -> SVector<f32, ACT> {
        self.policy.network().forward(obs)
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

/// Faults for the tests that must notice them: panics when the first signal is above 2, hangs when it is
/// below -2, and reads an invalid address when it is above 2.3.
#[cfg(feature = "planted")]
fn planted(observation: &SVector<f32, OBS>) {
    let first = core::hint::black_box(observation[0]);
    if first > 2.3 {
        // SAFETY: none: the processor must refuse this access.
        unsafe { core::ptr::with_exposed_provenance::<u32>(0xF000_0000).read_volatile() };
    }
    let number = if first > 2.0 { OBS } else { 0 };
    core::hint::black_box(observation.as_slice()[core::hint::black_box(number)]);
    while first < -2.0 {
        core::hint::spin_loop();
    }
}
