//! What an exported file says about itself, as names and values.

use daa_core::image::Image;
use daa_core::policy::Head;
use std::collections::BTreeMap;

/// The activation's name, as `--activation` takes it.
pub(super) fn activation_name(image: &Image<'_>) -> String {
    name(image.architecture().policy_activation)
}

/// A unit variant's name in snake case, as serde writes it.
fn name(activation: daa_core::Activation) -> String {
    serde_json::to_value(activation)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// The head's name, as `--head` takes it.
pub(super) fn head_name(head: Head) -> &'static str {
    match head {
        Head::Squash => "squash",
        Head::Clip => "clip",
    }
}

/// Task, rate, signals, normaliser's clip, functions, and where the weights come from.
pub(super) fn of(image: &Image<'_>) -> BTreeMap<&'static str, String> {
    let passport = image.passport();
    let provenance = &passport.provenance;
    let mut all = BTreeMap::from([
        ("task", passport.task.to_owned()),
        ("control_period_us", passport.control_period_us.to_string()),
        ("observation_clip", passport.observation_clip.to_string()),
        ("activation", activation_name(image)),
        ("head", head_name(image.architecture().policy_head).to_owned()),
        ("preset", provenance.preset.to_owned()),
        ("seed", provenance.seed.to_string()),
        ("decisions", provenance.decisions.to_string()),
        ("commit", provenance.commit.to_owned()),
        ("image_crc32", format!("{:08x}", image.checksum())),
    ]);
    let observations: Vec<_> = passport.observations.iter().map(|signal| signal.name).collect();
    let actions: Vec<_> = passport.actions.iter().map(|signal| signal.name).collect();
    all.insert("observations", observations.join(","));
    all.insert("actions", actions.join(","));
    if let Some(evaluation) = &provenance.evaluation {
        all.insert("return_mean", evaluation.mean.to_string());
        all.insert("return_standard_error", evaluation.standard_error.to_string());
        all.insert("return_episodes", evaluation.episodes.to_string());
    }
    all
}
