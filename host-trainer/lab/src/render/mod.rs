//! Animations and sheets of frames of episodes, rendered without a screen.

mod film;

use anyhow::{Result, anyhow, bail};
use daa_envs::agent::Agent;
use daa_envs::evaluate::{Actions, Evaluation, watch};
use daa_envs::files::write_atomically;
use daa_envs::output;
use daa_envs::{Scene, Task};
use film::{Film, Format};
use indicatif::{ProgressBar, ProgressStyle};
use mujoco_rs::prelude::{MjModel, MjvCamera};
use mujoco_rs::renderer::{MjRenderer, RendererError};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Largest number of frames per second of simulated time.
const RATE: f64 = 25.0;

/// Hundredths of a second for which an animation shows the last frame of an episode.
const REST: u16 = 100;

/// Options of an animation or a sheet of pictures.
#[derive(Clone, Debug)]
pub struct Options {
    /// File to write: `.gif` for an animation, `.png` for a sheet of frames.
    pub output: PathBuf,
    /// Number of episodes, one after the other.
    pub episodes: u32,
    /// Seed of the initial states.
    pub seed: u64,
    /// Width of a frame in pixels.
    pub width: u32,
    /// Height of a frame in pixels.
    pub height: u32,
    /// Largest number of frames of an episode; none: 120 in a `.gif`, 12 in a `.png`.
    pub frames: Option<u32>,
}

/// Runs episodes with the most probable actions of an agent and writes frames of them.
///
/// # Errors
/// One line: an unknown file format, no OpenGL on this machine, or a file that cannot be written.
pub fn render(
    agent: &Agent,
    task: &'static Task,
    action_repeat: u32,
    options: &Options,
) -> Result<()> {
    let format = Format::of(&options.output)?;
    check_folder(&options.output)?;
    let what = Evaluation {
        task,
        action_repeat,
        actions: Actions::Mean,
        episodes: options.episodes as usize,
        seed: options.seed,
        threads: 1,
    };
    let most = options.frames.unwrap_or(format.frames()) as usize;
    let schedule = schedule(task, action_repeat, most);
    let total = schedule.len() * what.episodes;
    let mut film = Film::new(format, [options.width, options.height], total)?;
    let mut scene = Scene::new(task, options.width, options.height)?;
    let mut renderer = MjRenderer::builder()
        .width(options.width)
        .height(options.height)
        .camera(camera(scene.model()))
        .build(scene.model())
        .map_err(no_graphics)?;
    let bar = bar(total);
    let mut returns = Vec::with_capacity(what.episodes);
    for index in 0..what.episodes {
        let mut coming = schedule.iter().peekable();
        let mut moment = 0;
        let episode = watch(agent, &what, index, |environment| {
            if let Some(shot) = coming.next_if(|shot| shot.moment == moment) {
                scene.follow(environment)?;
                let drawn = renderer.sync_data(scene.data_mut()).and_then(|()| renderer.render());
                drawn.map_err(|error| anyhow!("cannot draw: {error}"))?;
                film.add(renderer.rgb_flat().unwrap_or_default(), shot.hold)?;
                bar.inc(1);
            }
            moment += 1;
            anyhow::Ok(())
        })?;
        returns.push(format!("{:.2}", episode.total));
    }
    bar.finish_and_clear();
    let bytes = film.finish()?;
    write_atomically(&options.output, &bytes)?;
    output::line(format!(
        "{}: {total} frames of {}x{} ({}, seed {}, return {}), {} KiB",
        options.output.display(),
        options.width,
        options.height,
        task.name,
        options.seed,
        returns.join(", "),
        bytes.len().div_ceil(1024)
    ))?;
    Ok(())
}

/// Checks that the folder of the file exists, so that a mistake is found before the work.
fn check_folder(file: &Path) -> Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() => {
            bail!("cannot write {}: there is no folder {}", file.display(), folder.display())
        }
        _ => Ok(()),
    }
}

fn no_graphics(error: RendererError) -> anyhow::Error {
    let reason = match error {
        RendererError::GlutinError(error) => error.to_string(),
        other => other.to_string(),
    };
    let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    anyhow!(
        "pictures need OpenGL without a screen, which is not to be had here ({reason}): \
         `apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri`"
    )
}

/// The first camera of the task, as in dm_control; a task without cameras has one that follows its first body.
fn camera(model: &MjModel) -> MjvCamera {
    if model.ncam() > 0 {
        return MjvCamera::new_fixed(0);
    }
    let mut camera = MjvCamera::new_free(model);
    if model.nbody() > 1 {
        camera.track(1);
    }
    camera
}

fn bar(frames: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:28} {pos}/{len} frames  {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(frames as u64).with_style(style)
}

/// A frame to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shot {
    /// Decisions before the frame.
    moment: usize,
    /// Hundredths of a second until the next frame.
    hold: u16,
}

/// The frames of an episode: at most [`RATE`] per second and at most `most`, including the first and the last
/// state.
fn schedule(task: &Task, action_repeat: u32, most: usize) -> Vec<Shot> {
    let step = task.control_timestep();
    let decisions = task.episode_steps.div_ceil(action_repeat) as usize;
    let by_rate = (f64::from(task.episode_steps) * step * RATE).round() as usize;
    let intervals = most.saturating_sub(1).min(decisions).min(by_rate);
    let moment = |frame: usize| (2 * frame * decisions + intervals) / (2 * intervals.max(1));
    // The end of the episode may shorten its last decision.
    let hundredths = |moment: usize| {
        let steps = (moment * action_repeat as usize).min(task.episode_steps as usize);
        (100.0 * steps as f64 * step).round() as u16
    };
    let shot = |frame: usize| {
        let (moment, next) = (moment(frame), moment(frame + 1));
        let hold =
            if frame == intervals { REST } else { hundredths(next).abs_diff(hundredths(moment)) };
        Shot { moment, hold }
    };
    (0..=intervals).map(shot).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use daa_envs as task;

    #[test]
    fn frames_span_the_episode_at_its_own_speed() {
        // 1000 steps of 0.01 s, 4 a decision: 250 decisions in 10 s.
        let task = task::find("cartpole-swingup").unwrap();
        for (most, frames) in [(10_000, 251), (120, 120), (2, 2), (1, 1)] {
            let shots = schedule(task, 4, most);
            assert_eq!(shots.len(), frames);
            assert_eq!(shots[0].moment, 0);
            assert!(shots.is_sorted_by_key(|shot| shot.moment));
            let last = shots.last().unwrap();
            assert_eq!(last.hold, REST);
            if frames > 1 {
                assert_eq!(last.moment, 250);
                let played: u32 = shots[..frames - 1].iter().map(|s| u32::from(s.hold)).sum();
                assert_eq!(played, 1000);
            }
        }
        // One decision a step: every fourth is drawn.
        let shots = schedule(task, 1, 10_000);
        assert!(shots.windows(2).all(|pair| pair[1].moment - pair[0].moment == 4));
        // 1000 = 142 * 7 + 6: the last decision ends early, on time.
        let shots = schedule(task, 7, 10_000);
        assert_eq!(shots.len(), 144);
        assert_eq!(shots[142].hold, 6);
    }
}
