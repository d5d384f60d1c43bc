//! The firmware's planner on the workstation: the same functions on an image's networks, whose widths are
//! known at run time only. The bits are those of the microcontroller.

use anyhow::{Result, bail};
use daa_core::advantage::Discount;
use daa_core::dynamics::TransitionSlice;
use daa_core::guard::limit;
use daa_core::image::{Image, Section};
use daa_core::imagination::Model;
use daa_core::integer::WeightType;
use daa_core::planner::{Plan, Planned, choose};
use daa_core::{MlpSlice, SVector};

/// An image's dynamics, critic and policy.
#[derive(Clone, Copy, Debug)]
pub struct SliceModel<'w> {
    transition: TransitionSlice<'w>,
    reward: MlpSlice<'w>,
    critic: MlpSlice<'w>,
    policy: MlpSlice<'w>,
    log_std: &'w [f32],
}

impl<'w> SliceModel<'w> {
    /// The model of an image.
    ///
    /// # Errors
    /// When it has none, or its policy has integer weights.
    pub fn new(image: &Image<'w>) -> Result<Self> {
        let architecture = image.architecture();
        if !architecture.has_model() {
            bail!(
                "the image has no dynamics and critic to plan with: train with estimator=dynamics and export without --policy-only"
            );
        }
        if architecture.policy_weights != WeightType::F32 {
            bail!("planning is held against the workstation with float weights only");
        }
        let activation = architecture.model_activation;
        let (policy, _) = image.policy_weights().split_at(architecture.policy().params());
        Ok(Self {
            transition: TransitionSlice {
                network: MlpSlice::new(
                    architecture.transition(),
                    image.transition_weights(),
                    activation,
                )?,
                target: architecture.transition_target,
                scale: image.transition_scale(),
                clip: image.passport().observation_clip,
            },
            reward: MlpSlice::new(
                architecture.reward(),
                image.section(Section::Reward),
                activation,
            )?,
            critic: MlpSlice::new(
                architecture.critic(),
                image.section(Section::Critic),
                architecture.critic_activation,
            )?,
            policy: MlpSlice::new(architecture.policy(), policy, architecture.policy_activation)?,
            log_std: image.log_std(),
        })
    }

    fn forward(network: &MlpSlice<'_>, x: &[f32], y: &mut [f32]) {
        let mut scratch = vec![0.0; 2 * network.shape().hidden];
        network.forward(x, &mut scratch, y);
    }
}

impl<const OBS: usize, const ACT: usize> Model<OBS, ACT> for SliceModel<'_> {
    fn step(&self, z: &SVector<f32, OBS>, raw: &SVector<f32, ACT>) -> (SVector<f32, OBS>, f32) {
        let (mut next, mut reward) = (SVector::<f32, OBS>::zeros(), [0.0]);
        let mut scratch = vec![0.0; self.transition.scratch_len()];
        self.transition.step(z.as_slice(), raw.as_slice(), &mut scratch, next.as_mut_slice());
        let action = raw.iter().map(|raw| limit(*raw, -1.0, 1.0));
        let input: Vec<f32> = z.iter().copied().chain(action).collect();
        Self::forward(&self.reward, &input, &mut reward);
        (next, reward[0])
    }

    fn value(&self, z: &SVector<f32, OBS>) -> f32 {
        let mut value = [0.0];
        Self::forward(&self.critic, z.as_slice(), &mut value);
        value[0]
    }

    fn act(&self, z: &SVector<f32, OBS>, noise: &SVector<f32, ACT>) -> SVector<f32, ACT> {
        let mut action = SVector::<f32, ACT>::zeros();
        Self::forward(&self.policy, z.as_slice(), action.as_mut_slice());
        for ((action, log_std), noise) in action.iter_mut().zip(self.log_std).zip(noise) {
            *action = libm::tanhf(*action) + libm::expf(*log_std) * noise;
        }
        action
    }
}

/// Plans in a normalised state and writes the raw action.
///
/// # Errors
/// When no task of the suite has these sizes.
pub fn plan(
    model: &SliceModel<'_>,
    z: &[f32],
    plan: &Plan,
    discount: Discount,
    planned: &mut Planned,
    action: &mut [f32],
) -> Result<()> {
    macro_rules! sizes {
        ($(($obs:literal, $act:literal))*) => {
            match (z.len(), action.len()) {
                $(($obs, $act) => {
                    let z = SVector::<f32, $obs>::from_column_slice(z);
                    let choice = choose::<$obs, $act>(model, &z, plan, discount, || 0);
                    planned.add(&choice);
                    action.copy_from_slice(choice.action.as_slice());
                    Ok(())
                })*
                (obs, act) => bail!("add the sizes ({obs}, {act}) to the planner's list"),
            }
        };
    }
    sizes!((3, 1)(4, 2)(5, 1)(6, 1)(6, 2)(8, 1)(8, 2)(9, 2)(11, 1)(12, 2)(17, 6)(24, 6)(67, 21)(
        78, 12
    ))
}
