//! An imported policy in the form of an image: normaliser, three layers, head and limits.
//!
//! Steps before the first layer become mean, standard deviation and clip. Unequal hidden layers are padded with
//! units that are always 0: every activation maps 0 to 0, and adding a zero changes no sum. Steps after the last
//! layer become the head and the limits; where the range of the policy is not -1 to 1, it is folded into the
//! layer.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `weights` | `[PARAMS + ACT]` | padded network, then `log_std` |

use crate::steps::{Dense, Step, check_widths, element};
use anyhow::{Context, Result, bail};
use daa_core::image::MAX_HIDDEN;
use daa_core::policy::{ActionLimits, Head};
use daa_core::{Activation, MlpShape};
use daa_envs::agent::Agent;
use daa_envs::running_stats::ObservationScale;

/// Logarithm of the standard deviation where a file has none: almost no noise.
const NO_NOISE: f32 = -20.0;
/// Largest distance from -1 or 1 that counts as rounding.
const SNAP: f64 = 1e-6;

/// The policy as an agent, and the hidden widths of its file.
///
/// # Errors
/// One line that names what does not fit.
pub(crate) fn fit(
    steps: &[Step],
    (observations, actions): (usize, usize),
    log_std: Option<&[f32]>,
) -> Result<(Agent, [usize; 2])> {
    let width = check_widths(steps, observations)?;
    let [first, second, third] = three_layers(steps)?;
    if width != actions {
        bail!("the policy gives {width} actions, but the task takes {actions}");
    }
    let scale = scale(&steps[..first.at], observations)?;
    let activation = activation(&steps[first.at + 1..second.at], &steps[second.at + 1..third.at])?;
    let range = Range::of(&steps[third.at + 1..], actions)?;

    let widths = [first.dense.outputs, second.dense.outputs];
    let hidden = widths[0].max(widths[1]);
    if hidden > MAX_HIDDEN {
        bail!("a hidden layer has {hidden} units, but an image has at most {MAX_HIDDEN}");
    }
    let shape = MlpShape::new(observations, hidden, actions);
    let last = range.fold(third.dense);
    let mut weights = Vec::with_capacity(shape.params() + actions);
    for (dense, (inputs, outputs)) in
        [first.dense, second.dense, &last].into_iter().zip(shape.layers())
    {
        pad(dense, inputs, outputs, &mut weights);
    }
    let log_std = match log_std {
        Some(log_std) if log_std.len() != actions => {
            bail!("the policy has {} standard deviations for {actions} actions", log_std.len());
        }
        Some(log_std) => log_std.to_vec(),
        None => vec![NO_NOISE; actions],
    };
    weights.extend(log_std.iter().enumerate().map(|(i, log_std)| range.log_std(i, *log_std)));
    if let Some(at) = weights.iter().position(|weight| !weight.is_finite()) {
        bail!("weight {at} is {}", weights[at]);
    }
    let mut agent = Agent::new(shape, activation, weights, scale);
    agent.head = range.head;
    agent.limits = range.limits();
    Ok((agent, widths))
}

/// A layer and its index among the steps.
#[derive(Clone, Copy)]
struct At<'a> {
    at: usize,
    dense: &'a Dense,
}

fn three_layers(steps: &[Step]) -> Result<[At<'_>; 3]> {
    let layers: Vec<_> = steps
        .iter()
        .enumerate()
        .filter_map(|(at, step)| match step {
            Step::Dense(dense) => Some(At { at, dense }),
            _ => None,
        })
        .collect();
    <[At<'_>; 3]>::try_from(layers).map_err(|layers| {
        let hidden = layers.len().saturating_sub(1);
        anyhow::anyhow!("the policy has {hidden} hidden layers, but an image has two")
    })
}

/// The activation of both hidden layers.
fn activation(first: &[Step], second: &[Step]) -> Result<Activation> {
    match (first, second) {
        ([Step::Function(first)], [Step::Function(second)]) if first == second => Ok(*first),
        ([Step::Function(first)], [Step::Function(second)]) => {
            bail!("the hidden layers have different functions, {first:?} and {second:?}")
        }
        _ => bail!("a hidden layer is not followed by exactly one activation function"),
    }
}

/// Mean, standard deviation and clip of the steps before the first layer.
fn scale(steps: &[Step], observations: usize) -> Result<ObservationScale> {
    // normalised = (observation - mean) / std, in double precision until all steps are read.
    let (mut mean, mut std) = (vec![0f64; observations], vec![1f64; observations]);
    let mut clip = None;
    for step in steps {
        if clip.is_some() {
            bail!("observations are changed after they were clipped, before the first layer");
        }
        for i in 0..observations {
            match step {
                Step::Shift(values) => mean[i] -= std[i] * element(values, i),
                Step::Scale(values) => std[i] /= element(values, i),
                Step::Divide(values) => std[i] *= element(values, i),
                Step::Clamp { low, high } => {
                    let (low, high) = (element(low, i), element(high, i));
                    if -low != high || clip.is_some_and(|clip| clip != high) {
                        bail!(
                            "observations are clipped to {low}..{high}: one clip, -c..c, fits all"
                        );
                    }
                    clip = Some(high);
                }
                _ => bail!("observations go through a function before the first layer"),
            }
        }
    }
    let clip = clip.unwrap_or(f64::INFINITY).min(f64::from(f32::MAX)) as f32;
    let (mean, std): (Vec<f32>, Vec<f32>) = (narrow(&mean), narrow(&std));
    let mut inverse_std = vec![0.0; observations];
    daa_core::Normaliser::new(&mean, &std, clip, &mut inverse_std)
        .context("the steps before the first layer are not a normaliser")?;
    Ok(ObservationScale { mean, std, inverse_std, clip })
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|value| *value as f32).collect()
}

/// Appends a layer, padded with zeros to the width of the image's layer.
fn pad(dense: &Dense, inputs: usize, outputs: usize, weights: &mut Vec<f32>) {
    for row in dense.weights.chunks_exact(dense.outputs) {
        weights.extend_from_slice(row);
        weights.resize(weights.len() + outputs - dense.outputs, 0.0);
    }
    weights.resize(weights.len() + (inputs - dense.inputs) * outputs, 0.0);
    weights.extend_from_slice(&dense.bias);
    weights.resize(weights.len() + outputs - dense.outputs, 0.0);
}

/// The steps after the last layer: `command = shift + scale * clamp(head(y), low, high)`.
struct Range {
    head: Head,
    /// One number for each action, `[ACT]`.
    low: Vec<f64>,
    high: Vec<f64>,
    scale: Vec<f64>,
    shift: Vec<f64>,
}

impl Range {
    fn of(steps: &[Step], actions: usize) -> Result<Self> {
        let (head, steps) = match steps {
            [Step::Function(Activation::Tanh), rest @ ..] => (Head::Squash, rest),
            rest => (Head::Clip, rest),
        };
        let widest = if head == Head::Squash { 1.0 } else { f64::INFINITY };
        let mut range = Self {
            head,
            low: vec![-widest; actions],
            high: vec![widest; actions],
            scale: vec![1.0; actions],
            shift: vec![0.0; actions],
        };
        for step in steps {
            for i in 0..actions {
                range.take(step, i)?;
            }
        }
        for (i, (low, high)) in range.low.iter().zip(&range.high).enumerate() {
            if !(low.is_finite() && high.is_finite() && low < high) {
                bail!("action {i} is not limited to a range");
            }
            if head == Head::Squash && (*low > SNAP - 1.0 || *high < 1.0 - SNAP) {
                bail!(
                    "action {i} is cut off after its tanh: the policy's range is larger than the task's"
                );
            }
        }
        Ok(range)
    }

    fn take(&mut self, step: &Step, i: usize) -> Result<()> {
        let scale = |factor: f64| {
            if factor > 0.0 && factor.is_finite() {
                return Ok(factor);
            }
            bail!("action {i} is multiplied by {factor}, which is not positive");
        };
        match step {
            Step::Shift(values) => self.shift[i] += element(values, i),
            Step::Scale(values) => {
                self.scale[i] *= scale(element(values, i))?;
                self.shift[i] *= element(values, i);
            }
            Step::Divide(values) => {
                self.scale[i] /= scale(element(values, i))?;
                self.shift[i] /= element(values, i);
            }
            Step::Clamp { low, high } => {
                let before = |limit: f64| (limit - self.shift[i]) / self.scale[i];
                let (low, high) = (before(element(low, i)), before(element(high, i)));
                self.low[i] = self.low[i].max(low);
                self.high[i] = self.high[i].min(high);
            }
            _ => bail!("the last layer is followed by a function that is not a single tanh"),
        }
        Ok(())
    }

    /// Middle and half width of the range of the network's output.
    fn middle(&self, i: usize) -> (f64, f64) {
        match self.head {
            Head::Squash => (0.0, 1.0),
            Head::Clip => (0.5 * (self.low[i] + self.high[i]), 0.5 * (self.high[i] - self.low[i])),
        }
    }

    /// The last layer scaled to the range -1 to 1; its bits are unchanged where it has that range.
    fn fold(&self, dense: &Dense) -> Dense {
        let mut folded = dense.clone();
        for i in 0..dense.outputs {
            let (centre, half) = self.middle(i);
            for weight in folded.weights.iter_mut().skip(i).step_by(dense.outputs) {
                *weight = (f64::from(*weight) / half) as f32;
            }
            folded.bias[i] = ((f64::from(dense.bias[i]) - centre) / half) as f32;
        }
        folded
    }

    fn log_std(&self, i: usize, log_std: f32) -> f32 {
        (f64::from(log_std) - self.middle(i).1.ln()) as f32
    }

    /// Commands at the ends of the range.
    fn limits(&self) -> Vec<ActionLimits> {
        let snap = |value: f64| match value {
            near if (near - 1.0).abs() < SNAP => 1.0,
            near if (near + 1.0).abs() < SNAP => -1.0,
            other => other as f32,
        };
        let limit = |i: usize, end: f64| snap(self.shift[i] + self.scale[i] * end);
        (0..self.low.len())
            .map(|i| ActionLimits { low: limit(i, self.low[i]), high: limit(i, self.high[i]) })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::compute;

    fn dense(inputs: usize, outputs: usize, phase: f32) -> Step {
        let numbers = |count: usize, phase: f32| -> Vec<f32> {
            (0..count).map(|i| (i as f32 * 1.1 + phase).sin()).collect()
        };
        let (weights, bias) = (numbers(inputs * outputs, phase), numbers(outputs, phase + 3.0));
        Step::Dense(Dense { inputs, outputs, weights, bias })
    }

    /// Three observations, hidden layers of 5 and 4, two actions; `before` and `after` them.
    fn policy(before: &[Step], after: &[Step]) -> Vec<Step> {
        let function = || Step::Function(Activation::Tanh);
        let layers = [dense(3, 5, 0.0), function(), dense(5, 4, 1.0), function(), dense(4, 2, 2.0)];
        before.iter().cloned().chain(layers).chain(after.iter().cloned()).collect()
    }

    fn clamp(low: f64, high: f64) -> Step {
        Step::Clamp { low: vec![low], high: vec![high] }
    }

    #[test]
    fn what_is_before_and_behind_the_layers_is_folded_without_a_difference() {
        let before = [
            Step::Shift(vec![0.5, -1.0, 2.0]),
            Step::Scale(vec![2.0]),
            Step::Divide(vec![4.0, 1.0, 0.5]),
            clamp(-1.5, 1.5),
        ];
        // Clipped to -0.5..2 in its own units, then brought to -0.9..0.1 and -0.2..0.3.
        let after = [clamp(-0.5, 2.0), Step::Scale(vec![0.4, 0.2]), Step::Shift(vec![-0.7, -0.1])];
        let squash = [
            Step::Function(Activation::Tanh),
            Step::Divide(vec![2.0, 4.0]),
            Step::Shift(vec![0.25, 0.0]),
            clamp(-1.0, 1.0),
        ];
        for (after, head) in [(&after[..], Head::Clip), (&squash[..], Head::Squash)] {
            let steps = policy(&before, after);
            let (agent, widths) = fit(&steps, (3, 2), Some(&[-1.0, -2.0])).unwrap();
            assert_eq!((agent.head, widths, agent.shape.hidden), (head, [5, 4], 5));
            let mut inverse = [0.0; 3];
            let policy = agent.policy(&mut inverse).unwrap();
            let (mut scratch, mut ours) = (vec![0.0; policy.scratch_len()], [0.0; 2]);
            for i in 0..200 {
                let x = [0, 1, 2].map(|d| 3.0 * (i as f32 * 0.37 + d as f32).sin());
                policy.mode(&x, &mut scratch, &mut ours);
                for (ours, theirs) in ours.iter().zip(compute(&steps, &x.map(f64::from))) {
                    assert!((f64::from(*ours) - theirs).abs() < 2e-6, "{ours} {theirs}");
                }
            }
        }
        // Half the range of -0.5..2 is 1.25: a deviation of 1 in it is 1/1.25 of raw actions.
        let (agent, _) = fit(&policy(&before, &after), (3, 2), Some(&[0.0, 0.0])).unwrap();
        let log_std = agent.weights[agent.shape.params()];
        assert!((log_std - (1.0f32 / 1.25).ln()).abs() < 1e-6);
        let expected = ActionLimits { low: -0.9, high: 0.1 };
        assert!((agent.limits[0].low - expected.low).abs() < 1e-6);
        assert!((agent.limits[0].high - expected.high).abs() < 1e-6);
    }

    #[test]
    fn what_no_image_can_do_is_refused_with_the_cause() {
        let refused = |steps: &[Step], words: &str| {
            let error = format!("{:#}", fit(steps, (3, 2), None).unwrap_err());
            assert!(error.contains(words), "no {words:?} in {error:?}");
        };
        let end = clamp(-1.0, 1.0);
        let tanh = Step::Function(Activation::Tanh);
        let with = |before: &[Step], after: &[Step]| policy(before, after);
        assert!(fit(&with(&[], std::slice::from_ref(&end)), (3, 2), None).is_ok());
        refused(&with(&[], &[]), "not limited");
        refused(&with(&[], &[Step::Scale(vec![-1.0]), end.clone()]), "not positive");
        refused(&with(&[], &[tanh.clone(), clamp(-0.5, 1.0)]), "cut off after its tanh");
        refused(&with(&[], &[end.clone(), tanh.clone()]), "not a single tanh");
        refused(&with(&[clamp(-1.0, 2.0)], std::slice::from_ref(&end)), "one clip");
        refused(
            &with(&[end.clone(), Step::Scale(vec![2.0])], std::slice::from_ref(&end)),
            "after they were clipped",
        );
        refused(
            &with(&[Step::Scale(vec![-2.0])], std::slice::from_ref(&end)),
            "standard deviation 0 of the normaliser is not positive",
        );
        refused(&with(&[tanh], std::slice::from_ref(&end)), "function before the first layer");
        refused(&with(&[Step::Shift(vec![0.0; 4])], std::slice::from_ref(&end)), "4 numbers");
        let mut other = with(&[], std::slice::from_ref(&end));
        other[1] = Step::Function(Activation::Relu);
        refused(&other, "different functions");
        other.remove(1);
        refused(&other, "not followed by exactly one activation");
    }
}
