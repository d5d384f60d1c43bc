//! How fast a task runs, and how much of it is MuJoCo.

use std::time::{Duration, Instant};

use super::environment::Environment;
use super::error::Error;
use super::random::Random;
use super::spec::Task;

/// Speed of one environment on one thread, resets left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speed {
    /// Decisions per second of an undisturbed core.
    pub decisions_per_second: f64,
    /// Time of MuJoCo's part of the decisions, done alone, as a share of their whole time: what
    /// is missing to 1 is all there is to save. In 0..=1 but for noise.
    ///
    /// Clocks around MuJoCo's calls would cost more than what they are to find: the fastest take
    /// 0.8 us.
    pub mujoco_share: f64,
}

/// Decisions in a row, timed together.
const ROW: u32 = 50;

/// Steps a task with uniform actions, each for `action_repeat` control steps, for about
/// `duration`: every row of decisions is made as an agent would, and again by MuJoCo alone.
///
/// # Errors
/// Those of [`Environment::new`], [`Environment::reset`] and [`Environment::step`].
pub fn measure(
    task: &'static Task,
    action_repeat: u32,
    duration: Duration,
) -> Result<Speed, Error> {
    let begun = Instant::now();
    measure_by(task, action_repeat, duration, || begun.elapsed())
}

/// [`measure`] by any clock: `now` is the time since some moment.
fn measure_by(
    task: &'static Task,
    action_repeat: u32,
    duration: Duration,
    mut now: impl FnMut() -> Duration,
) -> Result<Speed, Error> {
    let mut environment = Environment::new(task, action_repeat, 0, 0)?;
    let mut random = Random::new(0, 1);
    let mut observation = vec![0.0; task.observations.len()];
    let episode = task.episode_steps / action_repeat;
    let row = ROW.min(episode);
    let mut actions = vec![0.0; row as usize * task.actions.len()];
    // Of every row: medians are deaf to what else the machine does.
    let (mut times, mut shares) = (Vec::new(), Vec::new());
    let mut left = 0;
    let end = now() + duration;
    while times.is_empty() || now() < end {
        if left < row {
            environment.reset(&mut observation)?;
            left = episode;
        }
        left -= row;
        // Drawn before: the draws are the policy's business.
        actions.fill_with(|| random.uniform(-1.0, 1.0));
        let start = environment.save();
        let (mut whole, mut bare) = (Duration::ZERO, Duration::ZERO);
        // Decisions after which the row began again: MuJoCo alone does not know of them.
        let mut ends = Vec::new();
        // Whole, bare, bare, whole: a machine that slows down favours neither.
        for only_mujoco in [false, true, true, false] {
            environment.restore(&start)?;
            environment.only_mujoco = only_mujoco;
            let started = now();
            for (at, action) in actions.chunks_exact(task.actions.len()).enumerate() {
                let step = environment.step(action, &mut observation)?;
                if step.terminated && ends.last().is_none_or(|last| *last < at) {
                    ends.push(at);
                }
                if ends.binary_search(&at).is_ok() {
                    environment.restore(&start)?;
                }
            }
            *if only_mujoco { &mut bare } else { &mut whole } += now() - started;
        }
        times.push(whole.as_secs_f64() / 2.0);
        shares.push(bare.as_secs_f64() / whole.as_secs_f64());
    }
    Ok(Speed { decisions_per_second: f64::from(row) / median(times), mujoco_share: median(shares) })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::super::find;
    use super::*;

    #[test]
    fn a_speed_is_that_of_the_clock() {
        let task = find("cartpole-swingup").unwrap();
        // Of each row: whole, bare, bare and whole, with a reading before and after; then the check.
        let row = [0, 4, 0, 3, 0, 3, 0, 4, 0];
        for (duration, rows) in [(10, 1), (15, 2)] {
            // The end, the first row without a check before it, and a check after each.
            let mut steps = std::iter::once(0).chain(row.into_iter().cycle());
            let (mut time, mut readings) = (Duration::ZERO, 0);
            let speed = measure_by(task, 4, Duration::from_millis(duration), || {
                time += Duration::from_millis(steps.next().unwrap());
                readings += 1;
                time
            });
            let speed = speed.unwrap();
            assert_eq!(readings, 1 + rows * row.len(), "{duration} ms");
            // 50 decisions in 4 ms.
            assert!((speed.decisions_per_second - 12_500.0).abs() < 1e-6, "{speed:?}");
            assert!((speed.mujoco_share - 0.75).abs() < 1e-12, "{speed:?}");
        }
    }

    #[test]
    fn medians_are_those_of_the_textbook() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
    }
}
