//! Integer weights of a trained policy: calibrated on visited observations, and compared with the float weights.

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use daa_core::DynMlp;
use daa_core::math::{
    WeightType,
    integer::{Limits, network_words, quantise},
};
use daa_envs::agent::Agent;

/// Factor of the representable magnitude over the largest visited magnitude.
const MARGIN: f32 = 1.1;

/// Type of the weights of an exported policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Dtype {
    /// Floats with the bits of the trainer
    #[default]
    F32,
    /// 8 bits: a quarter of the flash
    I8,
    /// 16 bits: the fastest with the firmware's feature `asm`
    I16,
}

impl From<Dtype> for WeightType {
    fn from(dtype: Dtype) -> Self {
        match dtype {
            Dtype::F32 => Self::F32,
            Dtype::I8 => Self::I8,
            Dtype::I16 => Self::I16,
        }
    }
}

/// Loss of precision by integer weights.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Loss {
    /// Mean return of the float weights over the same episodes.
    pub float_mean: f64,
    /// Standard error of this return.
    pub float_stderr: f64,
    /// Largest difference of an action, within -1 to 1, on the visited observations.
    pub largest_action_error: f32,
    /// Root mean square of the differences.
    pub action_error: f32,
}

/// The agent with weights of this type, calibrated on `visited` observations `[rows, D]`.
///
/// # Errors
/// When the network cannot have such weights.
pub fn with_integers(agent: &Agent, kind: WeightType, visited: &[f32]) -> Result<Agent> {
    let limits = calibrate(agent, visited)?;
    let (shape, params) = (agent.shape, agent.shape.params());
    let mut words = vec![0u32; network_words(kind, shape)];
    quantise(shape, kind, agent.activation, &agent.weights[..params], &limits, &mut words)
        .context("the policy cannot have integer weights: nothing was exported")?;
    let mut weights: Vec<f32> = bytemuck::cast_slice(&words).to_vec();
    weights.extend_from_slice(&agent.weights[params..]);
    Ok(Agent { weights, weight_type: kind, ..agent.clone() })
}

/// Largest magnitudes of normalised observations and of hidden units.
fn calibrate(agent: &Agent, visited: &[f32]) -> Result<Limits> {
    let shape = agent.shape;
    let network = DynMlp::new(shape, &agent.weights[..shape.params()], agent.activation)?;
    let (mut z, mut y) = (vec![0.0; shape.input], vec![0.0; shape.output]);
    let mut scratch = vec![0.0; 2 * shape.hidden];
    let mut largest = [0f32; 3];
    let raise = |most: &mut f32, values: &[f32]| {
        *most = values.iter().fold(*most, |most, value| most.max(value.abs()));
    };
    for observation in visited.chunks_exact(shape.input) {
        agent.scale.normalise(observation, &mut z);
        network.forward(&z, &mut scratch, &mut y);
        let (first, second) = scratch.split_at(shape.hidden);
        for (most, values) in largest.iter_mut().zip([&z[..], first, second]) {
            raise(most, values);
        }
    }
    if largest.iter().any(|most| !most.is_finite()) {
        bail!("a hidden unit is not finite: nothing was exported");
    }
    // A layer that was never active still needs a scale.
    let [input, first, second] = largest.map(|most| MARGIN * most.max(1e-3));
    Ok(Limits { input: input.min(agent.scale.clip), hidden: [first, second] })
}

/// Largest difference and root mean square difference of two agents' means.
///
/// # Errors
/// When an agent's parts do not fit each other.
pub fn action_errors(a: &Agent, b: &Agent, visited: &[f32]) -> Result<(f32, f32)> {
    let sizes = (a.shape.input, a.shape.output);
    let (mut inverse_a, mut inverse_b) = (vec![0.0; a.shape.input], vec![0.0; b.shape.input]);
    let (a, b) = (a.policy(&mut inverse_a)?, b.policy(&mut inverse_b)?);
    let (mut scratch_a, mut scratch_b) = (vec![0.0; a.scratch_len()], vec![0.0; b.scratch_len()]);
    let (inputs, outputs) = sizes;
    let (mut mean_a, mut mean_b) = (vec![0.0; outputs], vec![0.0; outputs]);
    let (mut largest, mut squares, mut count) = (0f32, 0f64, 0usize);
    for observation in visited.chunks_exact(inputs) {
        a.mean(observation, &mut scratch_a, &mut mean_a);
        b.mean(observation, &mut scratch_b, &mut mean_b);
        for (a, b) in mean_a.iter().zip(&mean_b) {
            largest = largest.max((a - b).abs());
            squares += f64::from(a - b).powi(2);
            count += 1;
        }
    }
    Ok((largest, (squares / count.max(1) as f64).sqrt() as f32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use daa_core::{Activation, MlpShape};
    use daa_envs::running_stats::ObservationScale;

    fn agent(activation: Activation) -> Agent {
        let shape = MlpShape::new(3, 8, 2);
        let weights = (0..shape.params() + 2).map(|i| (i as f32 * 0.7).sin()).collect();
        let scale = ObservationScale {
            mean: vec![0.0; 3],
            std: vec![2.0; 3],
            inverse_std: vec![0.5; 3],
            clip: 10.0,
        };
        Agent::new(shape, activation, weights, scale)
    }

    #[test]
    fn integers_act_nearly_like_the_floats_they_were_made_of() {
        let float = agent(Activation::Relu);
        let visited: Vec<f32> = (0..600).map(|i| 3.0 * (i as f32 * 1.3).cos()).collect();
        for (kind, bound) in [(WeightType::I8, 0.05), (WeightType::I16, 0.005)] {
            let integer = with_integers(&float, kind, &visited).unwrap();
            let (largest, mean) = action_errors(&float, &integer, &visited).unwrap();
            assert!(0.0 < mean && mean <= largest && largest < bound, "{kind:?}: {largest}");
        }
        assert_eq!(action_errors(&float, &float, &visited).unwrap(), (0.0, 0.0));
        // A calibration on too small magnitudes saturates most visited observations.
        let little: Vec<f32> = visited.iter().map(|x| x * 0.01).collect();
        let blind = with_integers(&float, WeightType::I16, &little).unwrap();
        assert!(action_errors(&float, &blind, &visited).unwrap().0 > 0.1);
    }

    #[test]
    fn a_network_that_cannot_have_integers_is_refused() {
        let error = with_integers(&agent(Activation::Tanh), WeightType::I8, &[0.0; 3]).unwrap_err();
        assert!(format!("{error:#}").contains("relu"), "{error:#}");
    }
}
