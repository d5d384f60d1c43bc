//! How fast a task runs, and how much of it is MuJoCo.

use std::time::{Duration, Instant};

use super::environment::Environment;
use super::error::Error;
use super::random::Random;
use super::spec::Task;

/// Speed of one environment on one thread, resets included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speed {
    /// Decisions per second of the thread's CPU time.
    pub decisions_per_second: f64,
    /// Share of the time spent inside MuJoCo, in 0..=1: what is left is ours to save.
    pub mujoco_share: f64,
}

/// Decisions between two looks at the clock.
const STRIDE: u32 = 25;

/// Steps a task with uniform actions, each for `action_repeat` control steps, for about
/// `duration`.
///
/// # Errors
/// Those of [`Environment::new`], [`Environment::reset`] and [`Environment::step`].
pub fn measure(
    task: &'static Task,
    action_repeat: u32,
    duration: Duration,
) -> Result<Speed, Error> {
    let mut environment = Environment::new(task, action_repeat, 0, 0)?;
    let mut random = Random::new(0, 1);
    let mut observation = vec![0.0; task.observations.len()];
    let mut action = vec![0.0; task.actions.len()];
    environment.reset(&mut observation)?;
    let mut run = |duration: Duration, metered: bool| -> Result<(f64, f64), Error> {
        environment.set_metering(metered);
        let (begun, cpu) = (Instant::now(), cpu_time());
        let mut decisions = 0;
        while begun.elapsed() < duration {
            for _ in 0..STRIDE {
                action.fill_with(|| random.uniform(-1.0, 1.0));
                if environment.step(&action, &mut observation)?.truncated {
                    environment.reset(&mut observation)?;
                }
            }
            decisions += STRIDE;
        }
        let wall = begun.elapsed();
        let used = cpu_time().zip(cpu).map_or(wall, |(now, then)| now.saturating_sub(then));
        let share = environment.metered().as_secs_f64() / wall.as_secs_f64();
        Ok((f64::from(decisions) / used.as_secs_f64(), share))
    };
    // Reading the clock around each call costs: once for the speed, once for the share.
    let (decisions_per_second, _) = run(duration / 2, false)?;
    let (_, mujoco_share) = run(duration / 2, true)?;
    Ok(Speed { decisions_per_second, mujoco_share })
}

/// CPU time of this thread, where the kernel tells.
fn cpu_time() -> Option<Duration> {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = statistics.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::super::find;
    use super::*;

    #[test]
    fn a_measured_speed_is_plausible() {
        let task = find("cartpole-swingup").unwrap();
        let speed = measure(task, 4, Duration::from_millis(200)).unwrap();
        assert!(speed.decisions_per_second > 10.0);
        assert!((0.1..=1.0).contains(&speed.mujoco_share), "{}", speed.mujoco_share);
    }
}
