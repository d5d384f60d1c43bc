//! Pictures and animations of policies, encoded for a page without other files.

use super::runs::{Record, Study};
use crate::render;
use anyhow::{Context, Result};
use daa_envs as task;
use daa_envs::files;
use daa_formats::image::{AlignedImage, agent_of};
use std::fs;
use std::path::{Path, PathBuf};

/// A picture with its caption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Names of task and arm.
    pub caption: String,
    /// The picture as a `data:` address.
    pub address: String,
}

/// Largest picture in bytes: a page with many larger ones would open slowly.
const LARGEST: u64 = 4 << 20;

/// Name of the animation that is kept in a run directory.
const NAME: &str = "policy.gif";

/// A picture for each arm and task whose runs have one. With `make`, pictures that are missing or older than
/// the policy are drawn from `policy.daa` and kept in the run directories.
///
/// # Errors
/// When a picture cannot be drawn or read.
pub fn collect(study: &Study, make: bool) -> Result<Vec<Picture>> {
    let mut pictures = Vec::new();
    for task in &study.tasks {
        for arm in &study.arms {
            if make && let Some(record) = arm.of_task(task).find(|record| has_policy(record)) {
                draw(record)?;
            }
            let Some(file) = arm.of_task(task).find_map(picture) else { continue };
            let bytes = files::read(&file, files::RECORDED)
                .with_context(|| format!("cannot read {}", file.display()))?;
            let kind = if file.extension().is_some_and(|e| e == "gif") { "gif" } else { "png" };
            pictures.push(Picture {
                caption: format!("{task}, {}", arm.name),
                address: format!("data:image/{kind};base64,{}", base64(&bytes)),
            });
        }
    }
    Ok(pictures)
}

fn has_policy(record: &Record) -> bool {
    record.path.join("policy.daa").is_file()
}

/// The animation of a run, else the first of its pictures by name.
fn picture(record: &Record) -> Option<PathBuf> {
    let small = |path: &Path| fs::metadata(path).is_ok_and(|m| m.is_file() && m.len() <= LARGEST);
    let animation = record.path.join(NAME);
    if small(&animation) {
        return Some(animation);
    }
    let entries = fs::read_dir(&record.path).ok()?.filter_map(Result::ok);
    let mut pictures: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "gif" || e == "png") && small(path))
        .collect();
    pictures.sort_unstable();
    pictures.into_iter().next()
}

fn draw(record: &Record) -> Result<()> {
    let (policy, output) = (record.path.join("policy.daa"), record.path.join(NAME));
    let changed = |path: &Path| fs::metadata(path).and_then(|m| m.modified()).ok();
    if changed(&output).is_some_and(|drawn| Some(drawn) >= changed(&policy)) {
        return Ok(());
    }
    let file = AlignedImage::read(&policy)?;
    let image = file.open().with_context(|| policy.display().to_string())?;
    let task = task::find_near(image.metadata().task, &policy)?;
    let repeat = daa_formats::image::action_repeat(&image, task)?;
    let options =
        render::Options { output, episodes: 1, seed: 1, width: 208, height: 156, frames: Some(40) };
    render::render(&agent_of(&image), task, repeat, &options)
}

/// Base64 by RFC 4648.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |place: usize| u32::from(chunk.get(place).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let six = (bits >> (18 - 6 * place)) & 63;
            text.push(if place <= chunk.len() { char::from(ALPHABET[six as usize]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        // RFC 4648, section 10.
        let texts = ["", "f", "fo", "foo", "foob", "fooba", "foobar"];
        let expected = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        assert_eq!(texts.map(|text| base64(text.as_bytes())), expected);
        assert_eq!(base64(&[0xff, 0xef, 0xfe]), "/+/+");
    }
}
