//! The planner of the firmware on the workstation: the same functions on the networks of an image, whose sizes are
//! known at run time. The bits equal those of the microcontroller.

use anyhow::{Context, Result};
use daa_core::DynPolicy;
use daa_core::image::Image;
use daa_core::math::DynVector;
use daa_core::math::advantage::Discount;
use daa_core::model::{DynLearnedModel, Plan, Planned, choose};

/// The dynamics and the critic of an image, with its policy.
///
/// # Errors
/// When the image has only a policy.
pub fn model<'w>(image: &Image<'w>, policy: DynPolicy<'w>) -> Result<DynLearnedModel<'w>> {
    image.dyn_learned_model(policy)?.context(
        "the image has no dynamics and critic for planning: train with --estimator dynamics and export without --policy-only",
    )
}

/// Plans for the normalised observation `obs`, of any length that an image can have, and writes the raw
/// action.
pub fn plan(
    model: &DynLearnedModel<'_>,
    obs: &[f32],
    plan: &Plan,
    discount: Discount,
    planned: &mut Planned,
    action: &mut [f32],
) {
    let obs: DynVector = obs.iter().copied().collect();
    let choice = choose(model, &obs, plan, discount, || 0);
    planned.add(&choice);
    action.copy_from_slice(&choice.action);
}

#[cfg(test)]
mod tests {
    use super::*;
    use daa_core::math::{DynMlp, Mlp, MlpShape, Normaliser};
    use daa_core::model::{
        DynDynamics, DynTransition, Dynamics, LearnedModel, LearnedModelInner, TransitionTarget,
    };
    use daa_core::policy::ActionLimits;
    use daa_core::{Activation, Policy, SVector};

    /// No task of the suite has seven observations and three actions.
    const OBS: usize = 7;
    const ACT: usize = 3;
    const IN: usize = OBS + ACT;
    const CLIP: f32 = 4.0;
    const LIMITS: [ActionLimits; ACT] = [ActionLimits { low: -1.0, high: 1.0 }; ACT];

    /// Weights of both signs, different for every network.
    fn weights(shape: MlpShape, more: usize, seed: f32) -> Vec<f32> {
        (0..shape.params() + more).map(|i| (seed + 1.7 * i as f32).sin() * 0.6).collect()
    }

    #[test]
    fn sizes_of_no_task_of_the_suite_are_planned_for_with_the_bits_of_the_firmware() {
        let shapes = [
            MlpShape::new(OBS, 5, ACT),
            MlpShape::new(IN, 6, OBS),
            MlpShape::new(IN, 4, 1),
            MlpShape::new(OBS, 8, 1),
        ];
        let [policy, transition, reward, critic] = [(0, ACT), (1, 0), (2, 0), (3, 0)]
            .map(|(network, more)| weights(shapes[network], more, network as f32));
        let (mean, std, scale) = ([0.1; OBS], [0.5; OBS], [0.3; OBS]);
        let (activation, target) = (Activation::Silu, TransitionTarget::Difference);

        let fixed: LearnedModel<'_, OBS, ACT, IN, 5, 6, 4, 8> = LearnedModelInner {
            dynamics: Dynamics::new(
                (&transition, &reward),
                activation,
                target,
                SVector::from(scale),
                CLIP,
            )
            .unwrap(),
            critic: Mlp::new(&critic, activation).unwrap(),
            policy: Policy::new(
                &policy,
                Activation::Tanh,
                SVector::from(mean),
                &SVector::from(std),
                CLIP,
                LIMITS,
            )
            .unwrap(),
        };

        let (network, log_std) = policy.split_at(shapes[0].params());
        let network = DynMlp::new(shapes[0], network, Activation::Tanh).unwrap();
        let mut inverse = [0.0; OBS];
        let normaliser = Normaliser::new(&mean, &std, CLIP, &mut inverse).unwrap();
        let dynamic = DynLearnedModel {
            dynamics: DynDynamics {
                transition: DynTransition {
                    network: DynMlp::new(shapes[1], &transition, activation).unwrap(),
                    target,
                    scale: &scale,
                    clip: CLIP,
                },
                reward: DynMlp::new(shapes[2], &reward, activation).unwrap(),
            },
            critic: DynMlp::new(shapes[3], &critic, activation).unwrap(),
            policy: DynPolicy::new(network, log_std, normaliser, &LIMITS).unwrap(),
        };

        let discount = Discount { gamma: 0.97, lambda: 0.9 };
        let mut planned = Planned::default();
        for (i, temperature) in [0.0, 0.5, 0.0, 0.1, 0.0].into_iter().enumerate() {
            let how = Plan { candidates: 16, acts: true, temperature, budget: 0, seed: 7 };
            let obs: [f32; OBS] = std::array::from_fn(|k| ((i + 3 * k) as f32).cos());
            let there = choose(&fixed, &SVector::from(obs), &how, discount, || 0);
            let mut here = [0.0; ACT];
            plan(&dynamic, &obs, &how, discount, &mut planned, &mut here);
            assert_eq!(there.action, SVector::from(here));
        }
        assert_eq!((planned.decisions, planned.fewest), (5, 16));
        assert!(planned.changed > 0, "a sample is better than the policy's mean at least once");
    }
}
