//! How fast a task runs, and how much of its time MuJoCo takes.

use daa_envs::streams::{Purpose, stream};
use daa_envs::{Environment, Error, Task};
use rand::RngExt as _;
use std::time::Duration;

/// Speed of one environment on one thread, resets left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speed {
    /// Decisions per second of an undisturbed core.
    pub decisions_per_second: f64,
    /// Time of MuJoCo's part of the decisions, measured alone, as a share of their whole time. The
    /// rest, 1 minus this share, is all that this project's code could save. In 0 to 1, apart from
    /// noise.
    ///
    /// Clocks around the single calls of MuJoCo would cost more than the calls: the fastest take 0.8 us.
    pub mujoco_share: f64,
}

/// Decisions in a row, timed together.
const ROW: u32 = 50;

/// Steps a task with uniform actions, each for `action_repeat` control steps, for about
/// `duration`. Every row of decisions is made in full, and again by MuJoCo alone. `clock` returns the
/// time since any fixed moment.
///
/// # Errors
/// Those of [`Environment::new`], [`Environment::reset`] and [`Environment::step`].
pub fn measure(
    task: &'static Task,
    action_repeat: u32,
    duration: Duration,
    mut clock: impl FnMut() -> Duration,
) -> Result<Speed, Error> {
    let mut environment = Environment::new(task, action_repeat, 0, 0)?;
    let mut random = stream(0, Purpose::Acting, 0);
    let mut observation = vec![0.0; task.observations.len()];
    let episode = task.episode_steps / action_repeat;
    let row = ROW.min(episode);
    let mut actions = vec![0.0; row as usize * task.actions.len()];
    // One value for each row: their medians are robust against other load on the machine.
    let (mut times, mut shares) = (Vec::new(), Vec::new());
    let mut left = 0;
    let begun = clock();
    while clock() - begun < duration || times.is_empty() {
        if left < row {
            environment.reset(&mut observation)?;
            left = episode;
        }
        left -= row;
        // Drawn outside the measured time: choosing actions is not part of a decision's cost.
        actions.fill_with(|| random.random_range(-1.0..=1.0));
        let start = environment.save();
        let (mut whole, mut bare) = (Duration::ZERO, Duration::ZERO);
        // Decisions after which the row began again: MuJoCo alone does not detect terminations.
        let mut ends = Vec::new();
        // Whole, bare, bare, whole: a machine that slows down meanwhile favours neither.
        for only_mujoco in [false, true, true, false] {
            environment.restore(&start)?;
            environment.set_only_mujoco(only_mujoco);
            let started = clock();
            for (at, action) in actions.chunks_exact(task.actions.len()).enumerate() {
                let step = environment.step(action, &mut observation)?;
                if step.terminated && ends.last().is_none_or(|last| *last < at) {
                    ends.push(at);
                }
                if ends.binary_search(&at).is_ok() {
                    environment.restore(&start)?;
                }
            }
            *if only_mujoco { &mut bare } else { &mut whole } += clock() - started;
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
    use super::*;
    use daa_envs::find;

    #[test]
    fn speeds_follow_from_the_clock() {
        let task = find("cartpole-swingup").unwrap();
        // A clock that is read at the start and the end of every row, and before every round of rows:
        // a row in full takes 4 ms, one by MuJoCo alone 3 ms, everything else no time.
        let (mut now, mut reading) = (0, 0);
        let clock = || {
            // Readings of a round: the check of the duration, then start and end of four rows.
            now += match reading {
                0 => 0,
                reading => [0, 0, 4, 0, 3, 0, 3, 0, 4][(reading - 1) % 9],
            };
            reading += 1;
            Duration::from_millis(now)
        };
        let speed = measure(task, 4, Duration::from_millis(20), clock).unwrap();
        // 50 decisions in 4 ms.
        assert!((speed.decisions_per_second - 12_500.0).abs() < 1e-6);
        assert!((speed.mujoco_share - 0.75).abs() < 1e-12);
    }

    #[test]
    fn medians_are_those_of_the_textbook() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
    }
}
