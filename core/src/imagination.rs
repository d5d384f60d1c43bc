//! From one state, N actions, H steps through a model: the Q-values of actions that were not taken
//! (paper, Sec. 4 and Fig. 2c).
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `state` | `[OBS]` | normalised observation of the real state |
//! | `actions` | `[N][ACT]` | raw actions to be valued |
//! | `noise` | `[N][H - 1][ACT]` | standard normal noise of the actions that follow |
//! | `advantages` | `[N]` | result; adding `V(state)` gives Q-values |

use crate::advantage::{Discount, imagined_advantage};
use crate::{Mlp, Policy, dynamics::Dynamics};
use nalgebra::SVector;

/// Everything imagination asks of a model.
pub trait Model<const OBS: usize, const ACT: usize> {
    /// Next state and reward of a raw action.
    fn step(&self, state: &SVector<f32, OBS>, raw: &SVector<f32, ACT>) -> (SVector<f32, OBS>, f32);
    /// `V(state)`.
    fn value(&self, state: &SVector<f32, OBS>) -> f32;
    /// The policy's raw action in `state` for standard normal `noise`.
    fn act(&self, state: &SVector<f32, OBS>, noise: &SVector<f32, ACT>) -> SVector<f32, ACT>;
}

/// The learned model: an image's dynamics, critic and policy.
#[derive(Clone, Debug)]
pub struct LearnedModel<
    'w,
    const OBS: usize,
    const ACT: usize,
    const IN: usize,
    const PH: usize,
    const TH: usize,
    const RH: usize,
    const CH: usize,
> {
    /// Transition and reward.
    pub dynamics: Dynamics<'w, OBS, ACT, IN, TH, RH>,
    /// State values.
    pub critic: Mlp<'w, OBS, CH, 1>,
    /// Follow-up actions.
    pub policy: Policy<'w, OBS, PH, ACT>,
}

impl<
    const OBS: usize,
    const ACT: usize,
    const IN: usize,
    const PH: usize,
    const TH: usize,
    const RH: usize,
    const CH: usize,
> Model<OBS, ACT> for LearnedModel<'_, OBS, ACT, IN, PH, TH, RH, CH>
{
    fn step(&self, state: &SVector<f32, OBS>, raw: &SVector<f32, ACT>) -> (SVector<f32, OBS>, f32) {
        self.dynamics.step(state, raw)
    }

    fn value(&self, state: &SVector<f32, OBS>) -> f32 {
        self.critic.forward(state)[0]
    }

    fn act(&self, state: &SVector<f32, OBS>, noise: &SVector<f32, ACT>) -> SVector<f32, ACT> {
        self.policy.sample(state, noise)
    }
}

/// Advantage of one raw action: `H` steps through the model, the first with `action`, the others
/// with the policy's own. Never panics. Cost: `H` times dynamics, critic and policy.
pub fn imagine<const H: usize, const OBS: usize, const ACT: usize>(
    model: &impl Model<OBS, ACT>,
    state: &SVector<f32, OBS>,
    action: &SVector<f32, ACT>,
    noise: impl IntoIterator<Item = SVector<f32, ACT>>,
    discount: Discount,
) -> f32 {
    const { assert!(H > 0, "an imagined trajectory has at least one step") };
    let first_value = model.value(state);
    let (mut rewards, mut next_values) = ([0.0; H], [0.0; H]);
    let (mut state, mut action) = (*state, *action);
    let mut noise = noise.into_iter();
    for (h, (reward, value)) in rewards.iter_mut().zip(&mut next_values).enumerate() {
        (state, *reward) = model.step(&state, &action);
        *value = model.value(&state);
        if h + 1 < H {
            action = model.act(&state, &noise.next().unwrap_or_else(SVector::zeros));
        }
    }
    // `imagined_advantage` wants [H + 1] values; an array of that length cannot be named here.
    let first = imagined_advantage(&rewards[..1], &[first_value, next_values[0]], discount);
    let rest = imagined_advantage(&rewards[1..], &next_values, discount);
    first + discount.gamma * discount.lambda * rest
}

/// Writes the advantages of `N` actions into `advantages`; `noise` yields `N * (H - 1)` vectors,
/// trajectory after trajectory, and zeros when it runs out.
pub fn all_action_advantages<const H: usize, const OBS: usize, const ACT: usize>(
    model: &impl Model<OBS, ACT>,
    state: &SVector<f32, OBS>,
    actions: &[SVector<f32, ACT>],
    noise: impl IntoIterator<Item = SVector<f32, ACT>>,
    discount: Discount,
    advantages: &mut [f32],
) {
    let mut noise = noise.into_iter();
    for (action, advantage) in actions.iter().zip(advantages) {
        let follow_up = core::iter::from_fn(|| noise.next()).take(H - 1);
        *advantage = imagine::<H, OBS, ACT>(model, state, action, follow_up, discount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advantage::{End, gae};
    use std::vec::Vec;

    /// A nonlinear environment that is its own perfect model.
    struct Pendulum;

    impl Model<2, 1> for Pendulum {
        fn step(&self, s: &SVector<f32, 2>, raw: &SVector<f32, 1>) -> (SVector<f32, 2>, f32) {
            let speed = 0.97 * s[1] + 0.3 * libm::sinf(s[0]) + 0.2 * raw[0].clamp(-1.0, 1.0);
            let next = SVector::from([s[0] + 0.1 * speed, speed]);
            (next, libm::cosf(next[0]) - 0.01 * raw[0] * raw[0])
        }
        fn value(&self, s: &SVector<f32, 2>) -> f32 {
            3.0 * libm::cosf(s[0]) + 0.2 * s[1]
        }
        fn act(&self, s: &SVector<f32, 2>, noise: &SVector<f32, 1>) -> SVector<f32, 1> {
            SVector::from([libm::tanhf(-s[0] - 0.5 * s[1]) + 0.4 * noise[0]])
        }
    }

    const T: usize = 12;
    const DISCOUNT: Discount = Discount { gamma: 0.97, lambda: 0.9 };

    #[test]
    fn through_a_perfect_model_one_action_and_a_full_horizon_are_gae_on_the_real_trajectory() {
        let noise: Vec<SVector<f32, 1>> =
            (0..T).map(|t| SVector::from([libm::sinf(7.0 * t as f32)])).collect();
        let start = SVector::from([2.5, -0.3]);
        let (mut state, mut rewards, mut values, mut next_values) =
            (start, Vec::new(), Vec::new(), Vec::new());
        let mut first_action = SVector::zeros();
        for (t, noise) in noise.iter().enumerate() {
            let action = Pendulum.act(&state, noise);
            if t == 0 {
                first_action = action;
            }
            values.push(Pendulum.value(&state));
            let (next, reward) = Pendulum.step(&state, &action);
            rewards.push(reward);
            next_values.push(Pendulum.value(&next));
            state = next;
        }
        let mut ends = [End::Continues; T];
        ends[T - 1] = End::Truncated;
        let mut real = [0.0; T];
        gae(&rewards, &values, &next_values, &ends, DISCOUNT, &mut real);

        let mut imagined = [0.0];
        let follow_up = noise.iter().skip(1).copied();
        all_action_advantages::<T, 2, 1>(
            &Pendulum,
            &start,
            &[first_action],
            follow_up,
            DISCOUNT,
            &mut imagined,
        );
        assert!((imagined[0] - real[0]).abs() < 1e-5, "{} {}", imagined[0], real[0]);
        // The comparison can fail: another first action has another advantage.
        let other = imagine::<T, 2, 1>(
            &Pendulum,
            &start,
            &SVector::from([1.0]),
            noise.iter().skip(1).copied(),
            DISCOUNT,
        );
        assert!((other - real[0]).abs() > 1e-2);
    }

    #[test]
    fn one_step_is_the_temporal_difference_of_each_action() {
        let state = SVector::from([0.4, 1.0]);
        let actions = [SVector::from([-0.5]), SVector::from([0.5])];
        let mut advantages = [0.0; 2];
        all_action_advantages::<1, 2, 1>(
            &Pendulum,
            &state,
            &actions,
            [],
            DISCOUNT,
            &mut advantages,
        );
        for (action, advantage) in actions.iter().zip(advantages) {
            let (next, reward) = Pendulum.step(&state, action);
            let expected = reward + 0.97 * Pendulum.value(&next) - Pendulum.value(&state);
            assert!((advantage - expected).abs() < 1e-6);
        }
    }
}
