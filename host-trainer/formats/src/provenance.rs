//! The metadata of exported files, as names and values.

use daa_core::image::Image;
use daa_core::policy::Head;
use std::collections::BTreeMap;

/// The name of the activation, a value of `--activation`.
pub(super) fn activation_name(image: &Image<'_>) -> String {
    name(image.architecture().policy_activation)
}

/// The name of an activation in snake case, as serde writes it.
fn name(activation: daa_core::Activation) -> String {
    serde_json::to_value(activation)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// The name of the head, a value of `--head`.
pub(super) fn head_name(head: Head) -> &'static str {
    match head {
        Head::Squash => "squash",
        Head::Clip => "clip",
    }
}

/// Task, control period, signals, clip of the normaliser, functions, and origin of the weights.
pub(super) fn of(image: &Image<'_>) -> BTreeMap<&'static str, String> {
    let metadata = image.metadata();
    let provenance = &metadata.provenance;
    let mut all = BTreeMap::from([
        ("task", metadata.task.to_owned()),
        ("control_period_us", metadata.control_period_us.to_string()),
        ("observation_clip", metadata.observation_clip.to_string()),
        ("activation", activation_name(image)),
        ("head", head_name(image.architecture().policy_head).to_owned()),
        ("preset", provenance.preset.to_owned()),
        ("seed", provenance.seed.to_string()),
        ("decisions", provenance.decisions.to_string()),
        ("commit", provenance.commit.to_owned()),
        ("image_crc32", format!("{:08x}", image.checksum())),
    ]);
    let observations: Vec<_> = metadata.observations.iter().map(|signal| signal.name).collect();
    let actions: Vec<_> = metadata.actions.iter().map(|signal| signal.name).collect();
    all.insert("observations", observations.join(","));
    all.insert("actions", actions.join(","));
    if let Some(evaluation) = &provenance.evaluation {
        all.insert("return_mean", evaluation.mean.to_string());
        all.insert("return_standard_error", evaluation.standard_error.to_string());
        all.insert("return_episodes", evaluation.episodes.to_string());
    }
    all
}
