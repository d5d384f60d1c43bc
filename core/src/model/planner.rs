//! The best of N actions by the advantages of model rollouts: the controller uses the estimator that
//! trained the policy.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `obs` | `[OBS]` | normalised observation |
//! | `actions` | `[N][ACT]` | raw actions: the policy's mean, then samples of the policy |
//! | `advantages` | `[N]` | [`action_advantage`] of each, [`HORIZON`] steps, followed by the policy's means |
//!
//! The samples are a function of the seed and of the bits of `obs`: every call with the same seed and
//! observation, on every machine, gives the same samples.

use super::rollout::{Model, action_advantage};
use crate::math::advantage::Discount;
use crate::math::limit;
use crate::math::random::SplitMix64;
use crate::math::sizes::Vector as _;
use serde::{Deserialize, Serialize};

/// Steps of a model rollout, the horizon of preset `tuned`.
pub const HORIZON: usize = 5;
/// Largest number of actions that can be compared.
pub const MAX_CANDIDATES: usize = 16;

/// How to plan.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Plan {
    /// Number of actions to compare, including the policy's mean; 0 switches planning off.
    pub candidates: u8,
    /// Whether the controller acts by the plan; otherwise it only counts plans.
    pub acts: bool,
    /// 0 takes the best action; a positive temperature takes the mean of all actions, weighted with
    /// `exp(advantage / temperature)`.
    pub temperature: f32,
    /// Clock ticks after which no further candidate is started; 0 sets no limit.
    pub budget: u32,
    /// Seed of the samples.
    pub seed: u32,
}

impl Plan {
    /// A plan that switches planning off.
    pub const NONE: Self =
        Self { candidates: 0, acts: false, temperature: 0.0, budget: 0, seed: 0 };
}

/// The result of planning; `A` is an action.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice<A> {
    /// The raw action.
    pub action: A,
    /// Number of candidates that were compared before the budget was spent.
    pub done: u8,
    /// Index of the candidate with the largest advantage; the first of equal ones.
    pub best: u8,
    /// Advantages of the compared candidates.
    pub advantages: [f32; MAX_CANDIDATES],
    /// Clock ticks that planning took.
    pub spent: u32,
}

/// Statistics of planning, as reported to the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Planned {
    /// Number of plans.
    pub decisions: u32,
    /// Number of plans that chose another action than the policy's mean.
    pub changed: u32,
    /// Smallest number of candidates of a plan.
    pub fewest: u8,
    /// Number of candidates of the last plan.
    pub last: u8,
    /// Advantage of the policy's mean in the last plan.
    pub own: f32,
    /// Advantage of the best action in the last plan.
    pub best: f32,
    /// Largest number of clock ticks that a plan took.
    pub most: u32,
}

impl Planned {
    /// Counts a plan.
    pub fn add<A>(&mut self, choice: &Choice<A>) {
        let first = self.decisions == 0;
        self.decisions = self.decisions.saturating_add(1);
        self.changed = self.changed.saturating_add(u32::from(choice.best > 0));
        self.fewest = if first { choice.done } else { self.fewest.min(choice.done) };
        self.last = choice.done;
        let advantage = |i: u8| choice.advantages.get(usize::from(i)).copied().unwrap_or(0.0);
        (self.own, self.best) = (advantage(0), advantage(choice.best));
        self.most = self.most.max(choice.spent);
    }
}

/// Compares actions for the normalised observation `obs`. `lap` returns the clock ticks since its last
/// call; its first answer is not counted. Never panics. Cost: for each candidate one policy and
/// [`action_advantage`].
pub fn choose<M: Model>(
    model: &M,
    obs: &M::Obs,
    plan: &Plan,
    discount: Discount,
    mut lap: impl FnMut() -> u32,
) -> Choice<M::Action> {
    lap();
    let mut random = SplitMix64::new(u64::from(plan.seed));
    for x in obs.as_slice() {
        random.absorb(u64::from(x.to_bits()));
    }
    let mut actions: [M::Action; MAX_CANDIDATES] = core::array::from_fn(|_| model.zero_action());
    let mut advantages = [0.0; MAX_CANDIDATES];
    let (mut done, mut best, mut highest, mut spent) = (0u8, 0u8, f32::NEG_INFINITY, 0u32);
    let slots = actions.iter_mut().zip(&mut advantages).take(usize::from(plan.candidates));
    for (i, (action, advantage)) in (0u8..).zip(slots) {
        let mut noise = model.zero_action();
        if i > 0 {
            if plan.budget > 0 && spent >= plan.budget {
                break;
            }
            noise.as_mut_slice().iter_mut().for_each(|noise| *noise = random.normal());
        }
        *action = model.act(obs, &noise);
        action.as_mut_slice().iter_mut().for_each(|raw| *raw = limit(*raw, -1.0, 1.0));
        *advantage = action_advantage::<HORIZON, M>(model, obs, action, [], discount);
        if *advantage > highest {
            (best, highest) = (i, *advantage);
        }
        done = i + 1;
        spent = spent.saturating_add(lap());
    }
    let mut action = model.zero_action();
    if done == 0 {
        action = model.act(obs, &action);
    } else if plan.temperature > 0.0 {
        let mut weights = 0.0;
        for (candidate, advantage) in actions.iter().zip(&advantages).take(usize::from(done)) {
            let weight = libm::expf((advantage - highest) / plan.temperature);
            weights += weight;
            for (action, candidate) in action.as_mut_slice().iter_mut().zip(candidate.as_slice()) {
                *action += candidate * weight;
            }
        }
        action.as_mut_slice().iter_mut().for_each(|action| *action /= weights);
    } else if let Some(chosen) = actions.get(usize::from(best)) {
        action = chosen.clone();
    }
    Choice { action, done, best, advantages, spent }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::RefCell;
    use nalgebra::SVector;
    use std::vec::Vec;

    /// s' = s + a, reward `sign * s'^2`, value 0, a policy with mean 0 and standard deviation 1.
    struct Line {
        sign: f32,
        acted: RefCell<Vec<f32>>,
    }

    impl Model for Line {
        type Obs = SVector<f32, 1>;
        type Action = SVector<f32, 1>;

        fn step(&self, s: &SVector<f32, 1>, raw: &SVector<f32, 1>) -> (SVector<f32, 1>, f32) {
            let next = s + raw;
            (next, self.sign * next[0] * next[0])
        }
        fn value(&self, _: &SVector<f32, 1>) -> f32 {
            0.0
        }
        fn act(&self, _: &SVector<f32, 1>, noise: &SVector<f32, 1>) -> SVector<f32, 1> {
            self.acted.borrow_mut().push(noise[0]);
            *noise
        }
        fn zero_action(&self) -> SVector<f32, 1> {
            SVector::zeros()
        }
    }

    const DISCOUNT: Discount = Discount { gamma: 0.5, lambda: 1.0 };
    const PLAN: Plan = Plan { candidates: 16, acts: true, temperature: 0.0, budget: 0, seed: 3 };

    fn line(sign: f32) -> Line {
        Line { sign, acted: RefCell::default() }
    }

    fn decide(sign: f32, s: f32, plan: &Plan) -> Choice<SVector<f32, 1>> {
        choose(&line(sign), &SVector::from([s]), plan, DISCOUNT, || 10)
    }

    /// The sampled actions: the first action of every rollout.
    fn sampled(s: f32) -> Vec<f32> {
        let line = line(-1.0);
        choose(&line, &SVector::from([s]), &PLAN, DISCOUNT, || 0);
        let acted = line.acted.into_inner();
        acted.chunks(HORIZON).map(|each| each[0].clamp(-1.0, 1.0)).collect()
    }

    #[test]
    fn the_best_action_of_a_line_is_the_one_that_ends_nearest_to_zero() {
        for s in [0.5, -0.3, 0.8] {
            let actions = sampled(s);
            assert_eq!((actions.len(), actions[0]), (16, 0.0));
            let nearest =
                actions.iter().copied().min_by(|a, b| (s + a).abs().total_cmp(&(s + b).abs()));
            let choice = decide(-1.0, s, &PLAN);
            assert_eq!(Some(choice.action[0]), nearest);
            assert!((s + choice.action[0]).abs() < 0.25, "sixteen samples come near");
            // Five equal rewards, discounted by a half each: 1.9375 of them.
            for (action, advantage) in actions.iter().zip(choice.advantages) {
                assert!((advantage + 1.9375 * (s + action) * (s + action)).abs() < 1e-5);
            }
            // With a reward of the wrong sign the state runs away, which the checks above would refuse.
            let wrong = decide(1.0, s, &PLAN);
            assert_ne!(wrong.action, choice.action);
            assert!((s + wrong.action[0]).abs() > (s + choice.action[0]).abs() + 0.5);
        }
    }

    #[test]
    fn the_budget_ends_it_and_says_so() {
        for (budget, done) in [(0, 16), (1, 1), (10, 1), (11, 2), (45, 5), (1000, 16)] {
            let choice = decide(-1.0, 0.5, &Plan { budget, ..PLAN });
            assert_eq!((choice.done, choice.spent), (done, 10 * u32::from(done)), "{budget}");
            assert!(
                choice.best < done
                    && choice.advantages[usize::from(done)..].iter().all(|a| *a == 0.0)
            );
        }
        // One candidate is the policy alone.
        assert_eq!(decide(-1.0, 0.5, &Plan { budget: 1, ..PLAN }).action[0], 0.0);
        assert_eq!(decide(-1.0, 0.5, &Plan { candidates: 0, ..PLAN }).done, 0);
        assert_eq!(decide(-1.0, 0.5, &Plan { candidates: 255, ..PLAN }).done, 16);
    }

    #[test]
    fn a_temperature_weighs_and_a_cold_one_takes_the_best() {
        let best = decide(-1.0, 0.5, &PLAN).action[0];
        let at = |temperature| decide(-1.0, 0.5, &Plan { temperature, ..PLAN }).action[0];
        assert!((at(1e-4) - best).abs() < 1e-3);
        let (actions, all) = (sampled(0.5), decide(-1.0, 0.5, &PLAN));
        let weights: Vec<f64> =
            all.advantages.iter().map(|a| libm::exp(f64::from(*a) / 0.7)).collect();
        let mean: f64 = actions.iter().zip(&weights).map(|(a, w)| f64::from(*a) * w).sum();
        assert!((f64::from(at(0.7)) - mean / weights.iter().sum::<f64>()).abs() < 1e-5);
    }

    #[test]
    fn samples_depend_on_seed_and_observation() {
        assert_ne!(sampled(0.5), sampled(0.5f32.next_up()));
        assert_eq!(sampled(0.5), sampled(0.5));
        let other = decide(-1.0, 0.5, &Plan { seed: 4, ..PLAN });
        assert_ne!(other.advantages, decide(-1.0, 0.5, &PLAN).advantages);
    }

    #[test]
    fn plans_are_counted() {
        let mut planned = Planned::default();
        planned.add(&decide(-1.0, 0.5, &PLAN));
        planned.add(&decide(-1.0, 0.0, &Plan { budget: 25, ..PLAN }));
        assert_eq!((planned.decisions, planned.changed), (2, 1));
        assert_eq!((planned.fewest, planned.last, planned.most), (3, 3, 160));
        assert_eq!((planned.own, planned.best), (0.0, 0.0));
    }
}
