//! The learned model of an image: dynamics, critic and policy.

use super::dynamics::DynamicsInner;
use super::rollout::Model;
use crate::math::mlp::MlpInner;
use crate::math::sizes::{Fixed, MlpShape, Sizes, Vector as _};
use crate::policy::PolicyInner;

/// A learned model, the dynamics, critic and policy of an image: [`LearnedModel`] or
/// [`DynLearnedModel`]. `P`, `T`, `R` and `C` are the sizes of the policy, the transition network, the
/// reward network and the critic.
#[derive(Clone, Copy, Debug)]
pub struct LearnedModelInner<'w, P: Sizes, T: Sizes, R, C> {
    /// Transition and reward.
    pub dynamics: DynamicsInner<'w, T, R>,
    /// State values.
    pub critic: MlpInner<'w, C>,
    /// Actions that follow the first one.
    pub policy: PolicyInner<'w, P>,
}

/// A learned model whose sizes are known at compile time. `IN` is `OBS + ACT`; `PH`, `TH`, `RH` and `CH`
/// are the hidden widths of policy, transition, reward and critic.
pub type LearnedModel<
    'w,
    const OBS: usize,
    const ACT: usize,
    const IN: usize,
    const PH: usize,
    const TH: usize,
    const RH: usize,
    const CH: usize,
> = LearnedModelInner<
    'w,
    Fixed<OBS, PH, ACT>,
    Fixed<IN, TH, OBS>,
    Fixed<IN, RH, 1>,
    Fixed<OBS, CH, 1>,
>;

/// A learned model whose sizes are known only at run time.
pub type DynLearnedModel<'w> = LearnedModelInner<'w, MlpShape, MlpShape, MlpShape, MlpShape>;

impl<P, T, R, C> Model for LearnedModelInner<'_, P, T, R, C>
where
    P: Sizes,
    T: Sizes<Output = P::Input>,
    R: Sizes<Input = T::Input>,
    C: Sizes<Input = P::Input>,
{
    type Obs = P::Input;
    type Action = P::Output;

    fn step(&self, obs: &P::Input, raw: &P::Output) -> (P::Input, f32) {
        self.dynamics.predict(obs.as_slice(), raw.as_slice())
    }

    fn value(&self, obs: &P::Input) -> f32 {
        self.critic.outputs(obs).as_slice().first().copied().unwrap_or(f32::NAN)
    }

    fn act(&self, obs: &P::Input, noise: &P::Output) -> P::Output {
        self.policy.sample(obs, noise)
    }

    fn zero_action(&self) -> P::Output {
        self.policy.sizes().output()
    }
}
