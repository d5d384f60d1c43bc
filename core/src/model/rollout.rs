//! Model rollouts: N actions from one state, H steps each through a model, give the Q-values of actions
//! that were not taken (paper, Sec. 4 and Fig. 2c).
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `obs` | `[OBS]` | normalised observation of the real state |
//! | `actions` | `[N][ACT]` | raw actions to evaluate |
//! | `noise` | `[N][H - 1][ACT]` | standard normal noise of the actions that follow |
//! | `advantages` | `[N]` | result; adding `V(obs)` gives Q-values |

use crate::math::advantage::{Discount, rollout_advantage};
use crate::math::sizes::Vector;

/// What a model rollout needs to know about states, values and actions.
pub trait Model {
    /// `[OBS]`: a normalised observation.
    type Obs: Vector;
    /// `[ACT]`: a raw action, or noise.
    type Action: Vector;

    /// Next state and reward of a raw action.
    fn step(&self, obs: &Self::Obs, raw: &Self::Action) -> (Self::Obs, f32);
    /// `V(obs)`.
    fn value(&self, obs: &Self::Obs) -> f32;
    /// The policy's raw action in `obs` for standard normal `noise`.
    fn act(&self, obs: &Self::Obs, noise: &Self::Action) -> Self::Action;
    /// `[ACT]` zeros.
    fn zero_action(&self) -> Self::Action;
}

/// Advantage of one raw action: `H` steps through the model, the first with `action`, the others with
/// the policy's own actions for `noise`, which is zero when it runs out. Never panics. Cost: `H` times
/// dynamics, critic and policy.
pub fn action_advantage<const H: usize, M: Model>(
    model: &M,
    obs: &M::Obs,
    action: &M::Action,
    noise: impl IntoIterator<Item = M::Action>,
    discount: Discount,
) -> f32 {
    const { assert!(H > 0, "a model rollout has at least one step") };
    let first_value = model.value(obs);
    let (mut rewards, mut next_values) = ([0.0; H], [0.0; H]);
    let (mut obs, mut action) = (obs.clone(), action.clone());
    let mut noise = noise.into_iter();
    for (h, (reward, value)) in rewards.iter_mut().zip(&mut next_values).enumerate() {
        (obs, *reward) = model.step(&obs, &action);
        *value = model.value(&obs);
        if h + 1 < H {
            action = model.act(&obs, &noise.next().unwrap_or_else(|| model.zero_action()));
        }
    }
    // `rollout_advantage` takes [H + 1] values; an array of that length cannot be written here.
    let first = rollout_advantage(&rewards[..1], &[first_value, next_values[0]], discount);
    let rest = rollout_advantage(&rewards[1..], &next_values, discount);
    first + discount.gamma * discount.lambda * rest
}

/// Writes the advantages of `N` actions into `advantages`; `noise` yields `N * (H - 1)` vectors,
/// rollout after rollout, and counts as zero when it runs out.
pub fn all_action_advantages<const H: usize, M: Model>(
    model: &M,
    obs: &M::Obs,
    actions: &[M::Action],
    noise: impl IntoIterator<Item = M::Action>,
    discount: Discount,
    advantages: &mut [f32],
) {
    let mut noise = noise.into_iter();
    for (action, advantage) in actions.iter().zip(advantages) {
        let follow_up = core::iter::from_fn(|| noise.next()).take(H - 1);
        *advantage = action_advantage::<H, M>(model, obs, action, follow_up, discount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::advantage::{End, gae};
    use nalgebra::SVector;
    use std::vec::Vec;

    /// A nonlinear environment that is its own perfect model.
    struct Pendulum;

    impl Model for Pendulum {
        type Obs = SVector<f32, 2>;
        type Action = SVector<f32, 1>;

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
        fn zero_action(&self) -> SVector<f32, 1> {
            SVector::zeros()
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
        all_action_advantages::<T, _>(
            &Pendulum,
            &start,
            &[first_action],
            follow_up,
            DISCOUNT,
            &mut imagined,
        );
        assert!((imagined[0] - real[0]).abs() < 1e-5, "{} {}", imagined[0], real[0]);
        // The comparison can fail: another first action has another advantage.
        let other = action_advantage::<T, _>(
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
        all_action_advantages::<1, _>(&Pendulum, &state, &actions, [], DISCOUNT, &mut advantages);
        for (action, advantage) in actions.iter().zip(advantages) {
            let (next, reward) = Pendulum.step(&state, action);
            let expected = reward + 0.97 * Pendulum.value(&next) - Pendulum.value(&state);
            assert!((advantage - expected).abs() < 1e-6);
        }
    }
}
