//! An image with random weights, so that the firmware builds and boots without a trained policy.

use daa_core::image::{
    ActionSignal, Architecture, Contents, ImageError, Metadata, ObservationSignal, Provenance,
    write,
};
use daa_core::math::WeightType;
use daa_core::model::TransitionTarget;
use daa_core::policy::{ActionLimits, Head};
use daa_core::{Activation, Policy, SVector};

const OBS: usize = 5;
const HIDDEN: usize = 64;
const ACT: usize = 1;
const GOLDEN_VECTORS: usize = 32;

/// Name, unit and largest magnitude of each observation of cartpole swingup.
const OBSERVATIONS: [(&str, &str, f32); OBS] = [
    ("cart_position", "m", 2.5),
    ("pole_1_cos", "1", 1.001),
    ("pole_1_sin", "1", 1.001),
    ("cart_velocity", "m/s", 15.0),
    ("pole_1_velocity", "rad/s", 100.0),
];

/// A linear congruential generator: uniform in `-1..1`, the same in every build.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }
}

/// The bytes of the image: the sizes of the default task, 0 decisions of training, golden vectors all over
/// the observations' ranges.
pub(crate) fn image() -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let architecture = Architecture {
        observations: OBS as u16,
        actions: ACT as u16,
        policy_hidden: HIDDEN as u16,
        transition_hidden: 0,
        reward_hidden: 0,
        critic_hidden: 0,
        policy_activation: Activation::LeakyRelu,
        model_activation: Activation::LeakyRelu,
        critic_activation: Activation::LeakyRelu,
        transition_target: TransitionTarget::Next,
        policy_weights: WeightType::F32,
        policy_head: Head::Squash,
    };
    let metadata = metadata();
    let mut noise = Noise(1);
    let mut weights = Vec::new();
    for (inputs, outputs) in architecture.policy().layers() {
        let bound = 1.0 / (inputs as f32).sqrt();
        weights.extend((0..inputs * outputs + outputs).map(|_| bound * noise.next()));
    }
    weights.resize(weights.len() + ACT, 0.0);
    let golden = golden(&metadata, &weights, &mut noise)?;
    let contents = Contents {
        architecture,
        metadata: &metadata,
        policy: &weights,
        model: None,
        golden: &golden,
    };
    let mut words = vec![0u32; contents.capacity().div_ceil(4)];
    let buffer: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
    let len = write(&contents, buffer)?;
    Ok(buffer[..len].to_vec())
}

fn metadata() -> Metadata<'static> {
    let signal = |(name, unit, bound): (&'static str, &'static str, f32)| ObservationSignal {
        name,
        unit,
        low: -bound,
        high: bound,
        mean: 0.0,
        // The standard deviation of a uniform distribution over the range.
        deviation: bound / 3f32.sqrt(),
    };
    Metadata {
        task: "cartpole-swingup",
        control_period_us: 40_000,
        observation_clip: 10.0,
        gamma: 0.99,
        lambda: 0.95,
        reward_scale: 1.0,
        observations: OBSERVATIONS.map(signal).into_iter().collect(),
        actions: [ActionSignal { name: "slide", unit: "1", low: -1.0, high: 1.0 }]
            .into_iter()
            .collect(),
        provenance: Provenance {
            commit: "",
            preset: "untrained",
            seed: 0,
            decisions: 0,
            evaluation: None,
        },
    }
}

fn golden(
    metadata: &Metadata<'_>,
    weights: &[f32],
    noise: &mut Noise,
) -> Result<Vec<f32>, ImageError> {
    let deviation =
        SVector::from_iterator(metadata.observations.iter().map(|signal| signal.deviation));
    let limits = [ActionLimits { low: -1.0, high: 1.0 }; ACT];
    let policy = Policy::<OBS, HIDDEN, ACT>::new(
        weights,
        Activation::LeakyRelu,
        SVector::zeros(),
        &deviation,
        metadata.observation_clip,
        limits,
    )?;
    let mut golden = Vec::new();
    for _ in 0..GOLDEN_VECTORS {
        let observation: SVector<f32, OBS> =
            SVector::from_iterator(OBSERVATIONS.iter().map(|(_, _, bound)| bound * noise.next()));
        golden.extend_from_slice(observation.as_slice());
        golden.extend_from_slice(policy.mode(&observation).as_slice());
    }
    Ok(golden)
}
