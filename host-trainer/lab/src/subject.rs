//! The policy of a run directory or of an image.

use anyhow::{Context, Result};
use daa_envs::agent::Agent;
use daa_envs::{Task, find_near};
use daa_formats::image::{AlignedImage, action_repeat, agent_of};
use daa_trainer::run::open::load;
use std::path::Path;

/// The policy of a run directory or an image, its task, and the control steps of a decision.
///
/// # Errors
/// When the run or image cannot be read, or its task is unknown.
pub fn policy_of(what: &Path) -> Result<(Agent, &'static Task, u32)> {
    if what.is_dir() {
        let (_, trainer) = load(what)?;
        return Ok((trainer.agent(0), trainer.task(), trainer.config().action_repeat));
    }
    let file = AlignedImage::read(what)?;
    let image = file.open().with_context(|| what.display().to_string())?;
    let task = find_near(image.metadata().task, what)?;
    Ok((agent_of(&image), task, action_repeat(&image, task)?))
}
