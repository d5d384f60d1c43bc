//! The networks of an image as a safetensors file, with the names and the order of PyTorch.
//!
//! | tensor | shape | meaning |
//! |---|---|---|
//! | `actor.0`, `.2`, `.4` `.weight` | `[out, in]` | the policy, with the layer numbers of `nn.Sequential` |
//! | `actor.….bias` | `[out]` | |
//! | `log_std` | `[ACT]` | logarithm of the standard deviation of raw actions |
//! | `observation.mean`, `.deviation` | `[OBS]` | normaliser |
//! | `observation.clip` | `[1]` | largest magnitude of a normalised observation |
//! | `observation.low`, `.high` | `[OBS]` | ranges of valid readings |
//! | `action.low`, `.high` | `[ACT]` | commands of raw actions -1 and 1 |
//! | `transition.…`, `reward.…`, `critic.…` | | the other networks, where the image has them |
//! | `transition.scale` | `[OBS]` | units of the transition network's outputs |

use crate::format::Format;
use crate::layers::layers;
use crate::provenance;
use anyhow::{Context, Result};
use daa_core::MlpShape;
use daa_core::image::{Image, Section};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use std::collections::HashMap;

/// Networks and statistics as a safetensors file.
pub(super) const FORMAT: Format = Format {
    flag: "safetensors",
    help: "Also write the networks and statistics as a safetensors file, with PyTorch's names and order",
    bytes: safetensors,
};

/// Named tensors that are collected for the file.
#[derive(Default)]
struct Tensors(Vec<(String, Vec<usize>, Vec<u8>)>);

impl Tensors {
    fn add(&mut self, name: impl Into<String>, shape: &[usize], values: &[f32]) {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.0.push((name.into(), shape.to_vec(), bytes));
    }

    fn network(&mut self, name: &str, shape: MlpShape, params: &[f32]) {
        for (i, layer) in layers(shape, params).iter().enumerate() {
            let name = format!("{name}.{}", 2 * i);
            let weights = layer.transposed();
            self.add(format!("{name}.weight"), &[layer.outputs, layer.inputs], &weights);
            self.add(format!("{name}.bias"), &[layer.outputs], layer.bias);
        }
    }
}

/// The bytes of the file.
///
/// # Errors
/// When the safetensors crate refuses the tensors.
fn safetensors(image: &Image<'_>) -> Result<Vec<u8>> {
    let (metadata, architecture) = (image.metadata(), image.architecture());
    let mut tensors = Tensors::default();
    tensors.network("actor", architecture.policy(), image.policy_weights());
    tensors.add("log_std", &[image.log_std().len()], image.log_std());
    let signals = &metadata.observations;
    let each: [(&str, Vec<f32>); 4] = [
        ("observation.mean", signals.iter().map(|signal| signal.mean).collect()),
        ("observation.deviation", signals.iter().map(|signal| signal.deviation).collect()),
        ("observation.low", signals.iter().map(|signal| signal.low).collect()),
        ("observation.high", signals.iter().map(|signal| signal.high).collect()),
    ];
    let actions = &metadata.actions;
    let limits: [(&str, Vec<f32>); 2] = [
        ("action.low", actions.iter().map(|signal| signal.low).collect()),
        ("action.high", actions.iter().map(|signal| signal.high).collect()),
    ];
    for (name, values) in each.iter().chain(&limits) {
        tensors.add(*name, &[values.len()], values);
    }
    tensors.add("observation.clip", &[1], &[metadata.observation_clip]);
    if architecture.has_model() {
        tensors.network("transition", architecture.transition(), image.transition_weights());
        tensors.add("transition.scale", &[signals.len()], image.transition_scale());
        tensors.network("reward", architecture.reward(), image.section(Section::Reward));
        tensors.network("critic", architecture.critic(), image.section(Section::Critic));
    }
    let views = tensors
        .0
        .iter()
        .map(|(name, shape, bytes)| Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)));
    let views: Vec<_> = views.collect::<Result<_, safetensors::SafeTensorError>>()?;
    let about = provenance::of(image).into_iter().map(|(key, value)| (key.to_owned(), value));
    // Readers of PyTorch's weights require this entry.
    let format = ("format".to_owned(), "pt".to_owned());
    let about: HashMap<String, String> = about.chain([format]).collect();
    safetensors::serialize(views, Some(about)).context("the tensors cannot be written")
}
