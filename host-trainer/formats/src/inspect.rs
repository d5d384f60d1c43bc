//! The metadata of an image, and statistics of its sections.

use crate::image::AlignedImage;
use anyhow::{Context, Result};
use daa_core::image::{Image, Section};
use daa_envs::output;
use serde::Serialize;
use std::fmt::Write;
use std::path::Path;

/// Statistics of the numbers of a section.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SectionReport {
    /// Name of the section.
    pub name: String,
    /// Count of numbers.
    pub numbers: usize,
    /// Number of bytes.
    pub bytes: usize,
    /// Multiply-adds of one forward pass; none for sections that are not networks.
    pub multiply_adds: Option<usize>,
    /// Mean of the numbers.
    pub mean: f64,
    /// Standard deviation of the numbers.
    pub deviation: f64,
    /// Largest magnitude.
    pub largest: f32,
}

/// The output of `host-trainer inspect`.
#[derive(Clone, Debug, Serialize)]
pub struct Report<'a> {
    /// Number of bytes of the file.
    pub bytes: usize,
    /// CRC-32, as eight hexadecimal digits.
    pub checksum: String,
    /// Hash of the architecture, as eight hexadecimal digits.
    pub architecture_hash: String,
    /// Sizes: observations, actions, and hidden widths of policy, transition, reward, critic.
    pub sizes: [u16; 6],
    /// Number of golden vectors.
    pub golden_vectors: usize,
    /// Metadata.
    pub metadata: &'a daa_core::image::Metadata<'a>,
    /// The sections that the image has.
    pub sections: Vec<SectionReport>,
}

fn section(image: &Image<'_>, section: Section) -> Option<SectionReport> {
    let numbers = image.section(section);
    if numbers.is_empty() {
        return None;
    }
    let architecture = image.architecture();
    let whole = numbers.len();
    // Of integer weights only the standard deviations are floats.
    let integers = !image.policy_integers().is_empty() && section == Section::Policy;
    let numbers = if integers { image.log_std() } else { numbers };
    let count = numbers.len() as f64;
    let mean = numbers.iter().map(|n| f64::from(*n)).sum::<f64>() / count;
    let variance = numbers.iter().map(|n| (f64::from(*n) - mean).powi(2)).sum::<f64>() / count;
    let shape = match section {
        Section::Policy => Some(architecture.policy()),
        Section::Transition => Some(architecture.transition()),
        Section::Reward => Some(architecture.reward()),
        Section::Critic => Some(architecture.critic()),
        Section::Monitor | Section::Golden => None,
    };
    Some(SectionReport {
        name: section.to_string(),
        numbers: whole,
        bytes: 4 * whole,
        multiply_adds: shape.map(daa_core::MlpShape::multiply_adds),
        mean,
        deviation: variance.sqrt(),
        largest: numbers.iter().fold(0.0, |largest, n| n.abs().max(largest)),
    })
}

/// Inspects an image.
#[must_use]
pub fn report<'a>(image: &'a Image<'a>) -> Report<'a> {
    let architecture = image.architecture();
    Report {
        bytes: image.total_len(),
        checksum: format!("{:08x}", image.checksum()),
        architecture_hash: format!("{:08x}", architecture.hash()),
        sizes: [
            architecture.observations,
            architecture.actions,
            architecture.policy_hidden,
            architecture.transition_hidden,
            architecture.reward_hidden,
            architecture.critic_hidden,
        ],
        golden_vectors: image.golden().len(),
        metadata: image.metadata(),
        sections: Section::ALL.into_iter().filter_map(|s| section(image, s)).collect(),
    }
}

/// The report as text.
#[must_use]
pub fn text(report: &Report<'_>) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_text(report, &mut text);
    text
}

fn write_text(report: &Report<'_>, out: &mut String) -> std::fmt::Result {
    let metadata = report.metadata;
    let provenance = &metadata.provenance;
    writeln!(
        out,
        "{}, one decision every {} ms",
        metadata.task,
        f64::from(metadata.control_period_us) / 1e3
    )?;
    let commit = if provenance.commit.is_empty() { "unknown" } else { provenance.commit };
    let (preset, seed, decisions) = (provenance.preset, provenance.seed, provenance.decisions);
    writeln!(
        out,
        "from      preset {preset}, seed {seed}, {decisions} decisions, commit {commit}"
    )?;
    if let Some(evaluation) = &provenance.evaluation {
        let (mean, error, episodes) =
            (evaluation.mean, evaluation.standard_error, evaluation.episodes);
        writeln!(
            out,
            "return    {mean:.1} +- {error:.1} ({episodes} episodes, most probable actions)"
        )?;
    }
    writeln!(
        out,
        "file      {} bytes, CRC-32 {}, architecture {}",
        report.bytes, report.checksum, report.architecture_hash
    )?;
    let [observations, actions, policy, transition, reward, critic] = report.sizes;
    let input = observations + actions;
    writeln!(out, "policy    {observations}-{policy}-{policy}-{actions}")?;
    if transition > 0 {
        writeln!(
            out,
            "dynamics  {input}-{transition}-{transition}-{observations}, reward {input}-{reward}-{reward}-1, critic {observations}-{critic}-{critic}-1"
        )?;
    }
    writeln!(out, "golden    {} observation/action pairs", report.golden_vectors)?;
    writeln!(
        out,
        "\n{:<24} {:>8} {:>10} {:>10} {:>10} {:>10}",
        "observation", "unit", "low", "high", "mean", "deviation"
    )?;
    for s in &metadata.observations {
        writeln!(
            out,
            "{:<24} {:>8} {:>10.4} {:>10.4} {:>10.4} {:>10.4}",
            s.name, s.unit, s.low, s.high, s.mean, s.deviation
        )?;
    }
    writeln!(out, "{:<24} {:>8} {:>10} {:>10}", "action", "", "", "")?;
    for s in &metadata.actions {
        writeln!(out, "{:<24} {:>8} {:>10.4} {:>10.4}", s.name, s.unit, s.low, s.high)?;
    }
    writeln!(
        out,
        "\n{:<16} {:>9} {:>9} {:>14} {:>10} {:>10} {:>10}",
        "section", "numbers", "bytes", "multiply-adds", "mean", "deviation", "largest"
    )?;
    for s in &report.sections {
        let operations = s.multiply_adds.map_or_else(String::new, |n| n.to_string());
        writeln!(
            out,
            "{:<16} {:>9} {:>9} {operations:>14} {:>10.4} {:>10.4} {:>10.4}",
            s.name, s.numbers, s.bytes, s.mean, s.deviation, s.largest
        )?;
    }
    Ok(())
}

/// Prints an image.
///
/// # Errors
/// When the file cannot be read or is not an image, with the cause.
pub fn inspect(path: &Path, json: bool) -> Result<()> {
    let file = AlignedImage::read(path)?;
    let image = file.open().with_context(|| path.display().to_string())?;
    let report = report(&image);
    if json {
        output::line(serde_json::to_string(&report)?)?;
    } else {
        output::print(&text(&report))?;
    }
    Ok(())
}
