//! Layouts of policies in safetensors files: the tensor names that other programs use.
//!
//! | from | layers | last layer | activation | head |
//! |---|---|---|---|---|
//! | Stable-Baselines3 PPO, A2C | `mlp_extractor.policy_net.N` | `action_net` | tanh | clip |
//! | Stable-Baselines3 SAC | `actor.latent_pi.N` | `actor.mu` | relu | squash |
//! | Stable-Baselines3 TD3, DDPG | `actor.mu.N` | the last layer | relu | squash |
//! | CleanRL PPO | `actor_mean.N` | the last layer | tanh | clip |
//! | CleanRL SAC | `fcN` | `fc_mean` | relu | squash, `action_scale`, `action_bias` |
//! | CleanRL TD3, DDPG | `fcN` | `fc_mu` | relu | squash, `action_scale`, `action_bias` |
//! | this program | `actor.N` | the last layer | in the file | in the file |
//!
//! `.weight` is `[out, in]`, `.bias` is `[out]`.

use super::normaliser::Statistics;
use super::tensors::File;
use crate::steps::{Dense, Step};
use anyhow::{Context, Result, bail};
use daa_core::Activation;
use daa_core::policy::Head;

/// The tensor names of a program.
struct Layout {
    from: &'static str,
    /// Prefix of the number of a layer.
    trunk: &'static str,
    /// Name of the last layer, where it differs from the others.
    last: Option<&'static str>,
    log_std: Option<&'static str>,
    activation: Option<Activation>,
    head: Head,
    /// Names of the factor and the middle of tanh's range.
    range: Option<(&'static str, &'static str)>,
}

const CLEANRL_RANGE: Option<(&str, &str)> = Some(("action_scale", "action_bias"));

const LAYOUTS: [Layout; 7] = [
    Layout {
        from: "Stable-Baselines3 PPO or A2C",
        trunk: "mlp_extractor.policy_net.",
        last: Some("action_net"),
        log_std: Some("log_std"),
        activation: Some(Activation::Tanh),
        head: Head::Clip,
        range: None,
    },
    Layout {
        from: "Stable-Baselines3 SAC",
        trunk: "actor.latent_pi.",
        last: Some("actor.mu"),
        log_std: None,
        activation: Some(Activation::Relu),
        head: Head::Squash,
        range: None,
    },
    Layout {
        from: "Stable-Baselines3 TD3 or DDPG",
        trunk: "actor.mu.",
        last: None,
        log_std: None,
        activation: Some(Activation::Relu),
        head: Head::Squash,
        range: None,
    },
    Layout {
        from: "CleanRL PPO",
        trunk: "actor_mean.",
        last: None,
        log_std: Some("actor_logstd"),
        activation: Some(Activation::Tanh),
        head: Head::Clip,
        range: None,
    },
    Layout {
        from: "CleanRL SAC",
        trunk: "fc",
        last: Some("fc_mean"),
        log_std: None,
        activation: Some(Activation::Relu),
        head: Head::Squash,
        range: CLEANRL_RANGE,
    },
    Layout {
        from: "CleanRL TD3 or DDPG",
        trunk: "fc",
        last: Some("fc_mu"),
        log_std: None,
        activation: Some(Activation::Relu),
        head: Head::Squash,
        range: CLEANRL_RANGE,
    },
    Layout {
        from: "host-trainer",
        trunk: "actor.",
        last: None,
        log_std: Some("log_std"),
        activation: None,
        head: Head::Squash,
        range: None,
    },
];

/// The policy that was found in a file.
#[derive(Debug)]
pub(super) struct Found {
    /// The program that named the tensors.
    pub(super) from: &'static str,
    /// Steps from the normalised observation to the action.
    pub(super) steps: Vec<Step>,
    pub(super) log_std: Option<Vec<f32>>,
    /// Statistics of the normaliser, where the same file contains them.
    pub(super) statistics: Option<Statistics>,
}

/// Choices of the user that no tensor determines.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Choices {
    pub(super) activation: Option<Activation>,
    pub(super) head: Option<Head>,
}

impl File<'_> {
    /// Names `{trunk}{N}` of the layers in their order.
    fn trunk(&self, layout: &Layout) -> Vec<String> {
        let number = |name: &str| -> Option<u32> {
            name.strip_prefix(layout.trunk)?.strip_suffix(".weight")?.parse().ok()
        };
        let mut numbers: Vec<u32> = self.names().into_iter().filter_map(number).collect();
        numbers.sort_unstable();
        numbers.iter().map(|number| format!("{}{number}", layout.trunk)).collect()
    }

    /// The policy, read with the first layout that fits the names of the tensors.
    ///
    /// # Errors
    /// Names what the file lacks, or the tensors that it has where no layout fits.
    pub(super) fn policy(&self, choices: Choices) -> Result<Found> {
        for layout in &LAYOUTS {
            let mut layers = self.trunk(layout);
            if layers.is_empty() {
                continue;
            }
            if let Some(last) = layout.last {
                if !self.names().contains(&format!("{last}.weight").as_str()) {
                    continue;
                }
                layers.push(last.to_owned());
            }
            return self.by(layout, &layers, choices).context(layout.from);
        }
        let mut names = self.names();
        names.sort_unstable();
        let more = if names.len() > 8 { ", …" } else { "" };
        names.truncate(8);
        bail!(
            "no known policy has tensors with these names: {}{more} (docs/formats.md lists the known ones)",
            names.join(", ")
        )
    }

    fn by(&self, layout: &Layout, layers: &[String], choices: Choices) -> Result<Found> {
        let told = |key: &str| {
            let value = self.about(key)?;
            serde_json::from_value(serde_json::Value::String(value.to_owned())).ok()
        };
        let activation = choices.activation.or(layout.activation).or_else(|| told("activation"));
        let activation =
            activation.context("the file does not name the activation: add --activation")?;
        let head = match (choices.head, self.about("head")) {
            (Some(head), _) => head,
            (None, Some("clip")) if layout.activation.is_none() => Head::Clip,
            (None, _) => layout.head,
        };
        let mut steps = Vec::new();
        for (i, layer) in layers.iter().enumerate() {
            if i > 0 {
                steps.push(Step::Function(activation));
            }
            steps.push(Step::Dense(self.dense(layer)?));
        }
        if head == Head::Squash {
            steps.push(Step::Function(Activation::Tanh));
        }
        if let Some((scale, bias)) = layout.range
            && let (Some(scale), Some(bias)) = (self.vector(scale)?, self.vector(bias)?)
        {
            steps.extend([Step::Scale(scale), Step::Shift(bias)]);
        }
        let log_std = match layout.log_std {
            Some(name) => self.vector(name)?,
            None => None,
        };
        let log_std = log_std.map(|values| values.into_iter().map(|v| v as f32).collect());
        Ok(Found { from: layout.from, steps, log_std, statistics: Statistics::in_file(self)? })
    }

    fn dense(&self, layer: &str) -> Result<Dense> {
        let (shape, weights) =
            self.tensor(&format!("{layer}.weight"))?.context("the layer has no weights")?;
        let [outputs, inputs] = shape[..] else {
            bail!(
                "tensor {layer}.weight has shape {shape:?}, not [out, in], so it is not a linear layer"
            );
        };
        let bias = self.vector(&format!("{layer}.bias"))?.unwrap_or_else(|| vec![0.0; outputs]);
        if inputs == 0 || outputs == 0 || bias.len() != outputs {
            bail!("tensor {layer}.bias has {} numbers for {outputs} outputs", bias.len());
        }
        let columns = 0..inputs;
        let weights =
            columns.flat_map(|i| weights.iter().skip(i).step_by(inputs)).map(|w| *w as f32);
        let bias = bias.into_iter().map(|bias| bias as f32).collect();
        let dense = Dense { inputs, outputs, weights: weights.collect(), bias };
        if !dense.weights.iter().chain(&dense.bias).all(|value| value.is_finite()) {
            bail!("a weight of {layer} is too large for float32");
        }
        Ok(dense)
    }
}
