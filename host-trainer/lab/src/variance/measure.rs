//! The measurement of variance components from groups of trajectories, on several threads.

use super::window::{Settings, Walker};
use daa_envs as task;
use daa_envs::parallel;
use daa_trainer::decomposition::{Accumulator, Actor, Components, Estimate, TrajectoryGradients};
use std::sync::{Mutex, PoisonError};

/// Size of a measurement.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Independent trajectories.
    pub trajectories: usize,
    /// Trajectories of a group; the bootstrap draws groups.
    pub group: usize,
    /// Worker threads.
    pub threads: usize,
}

impl Size {
    /// The size of a measurement of about `states` states: at least two groups of two trajectories, and groups of
    /// at most eight. Larger groups lose a smaller share to centring, more groups give better intervals.
    #[must_use]
    pub fn of(states: usize, trajectory_len: usize, threads: usize) -> Self {
        let wanted = states.div_ceil(trajectory_len).max(4);
        let group = (wanted / 12).clamp(2, 8);
        Self { trajectories: wanted.div_ceil(group) * group, group, threads }
    }
}

/// Results of a measurement.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Components of each group, means over parameters.
    pub groups: Vec<Components>,
    /// Components of each parameter, means over groups.
    pub parameters: Estimate,
    /// Number of simulations that diverged and were drawn again.
    pub divergences: usize,
}

/// Components of a group, and the number of diverged simulations.
type Group = Result<(Estimate, usize), task::Error>;

/// Measures the components of Lemma 1 of a policy. `progress` is called with the number of finished groups.
/// The result does not depend on the number of threads.
///
/// # Errors
/// The first [`task::Error`] of any trajectory.
pub fn measure(
    actor: &Actor,
    settings: Settings,
    size: Size,
    mut progress: impl FnMut(usize),
) -> Result<Measured, task::Error> {
    let groups = size.trajectories / size.group;
    let threads = size.threads.clamp(1, groups.max(1));
    let walkers: Vec<Mutex<Option<Walker>>> = (0..threads).map(|_| Mutex::new(None)).collect();
    let mut measured: Option<Measured> = None;
    for first in (0..groups).step_by(threads) {
        let results = parallel::map(threads, threads.min(groups - first), |place| {
            let mut walker = walkers[place].lock().unwrap_or_else(PoisonError::into_inner);
            one_group(actor, settings, size.group, first + place, &mut walker)
        });
        for (group, result) in (first..).zip(results) {
            let (estimate, divergences) = result?;
            let mean = estimate.mean();
            match &mut measured {
                None => {
                    let parameters = estimate;
                    measured = Some(Measured { groups: vec![mean], parameters, divergences });
                }
                Some(measured) => {
                    measured.groups.push(mean);
                    measured.parameters.add(&estimate);
                    measured.divergences += divergences;
                }
            }
            progress(group + 1);
        }
    }
    let none = || task::Error::Request("nothing was measured: ask for more states".to_owned());
    let mut measured = measured.ok_or_else(none)?;
    measured.parameters.scale(1.0 / groups as f64);
    Ok(measured)
}

fn one_group(
    actor: &Actor,
    settings: Settings,
    size: usize,
    group: usize,
    walker: &mut Option<Walker>,
) -> Group {
    let walker = match walker {
        Some(walker) => walker,
        None => walker.insert(Walker::new(settings)?),
    };
    let parameters = actor.params().len();
    let (len, actions) = (settings.trajectory_len, settings.num_actions);
    let mut accumulator = Accumulator::new(parameters, len);
    let mut gradients = TrajectoryGradients::new(parameters, len);
    let mut scores = vec![0.0; actions * parameters];
    let owners: Vec<usize> = (0..len * actions).map(|sample| sample / actions).collect();
    let mut divergences = 0;
    for member in 0..size {
        let window = walker.window(actor, (group * size + member) as u64)?;
        divergences += window.divergences;
        let pass = actor.pass(&window.observations);
        let batch = actor.scores(&pass, &owners, &window.actions);
        gradients.clear();
        for (t, returns) in window.returns.chunks_exact(actions * settings.rollouts).enumerate() {
            for (action, score) in scores.chunks_exact_mut(parameters).enumerate() {
                batch.write(t * actions + action, score);
            }
            gradients.push(&scores, returns, actions, len);
        }
        accumulator.add(&gradients);
    }
    let too_few = || task::Error::Request("a group needs two trajectories".to_owned());
    Ok((accumulator.finish().ok_or_else(too_few)?, divergences))
}

/// Plain gradient ascent on Eq. 2 with sampled returns and no baseline, as in the setting of Table 1:
/// `updates` steps of `learning_rate` with `trajectories` windows each.
///
/// # Errors
/// The first [`task::Error`] of any trajectory.
pub fn improve(
    actor: &mut Actor,
    settings: Settings,
    (updates, trajectories): (usize, usize),
    learning_rate: f64,
    threads: usize,
) -> Result<(), task::Error> {
    let walkers = (0..threads.max(1)).map(|_| Walker::new(settings).map(Mutex::new));
    let walkers = walkers.collect::<Result<Vec<_>, _>>()?;
    let count = walkers.len();
    for update in 0..updates {
        let shared: &Actor = actor;
        // The numbers of training windows are above those of the measurement.
        let number = |window: usize| (1 << 40) + (update * trajectories + window) as u64;
        let parts = parallel::map(count, count, |place| {
            let mut walker = walkers[place].lock().unwrap_or_else(PoisonError::into_inner);
            let windows = (place..trajectories).step_by(count);
            windows
                .map(|window| gradient(shared, &mut walker, number(window)))
                .collect::<Result<Vec<_>, _>>()
        });
        let parts = parts.into_iter().collect::<Result<Vec<_>, _>>()?;
        let scale = learning_rate / (trajectories * settings.trajectory_len) as f64;
        // The sum has the order of the windows, so that its bits do not depend on the number of threads.
        for window in 0..trajectories {
            let gradient = &parts[window % count][window / count];
            for (param, gradient) in actor.params_mut().iter_mut().zip(gradient) {
                *param += scale * gradient;
            }
        }
    }
    Ok(())
}

/// The sum over a window of `Q grad ln pi`.
fn gradient(actor: &Actor, walker: &mut Walker, index: u64) -> Result<Vec<f64>, task::Error> {
    let window = walker.path(actor, index)?;
    let owners: Vec<usize> = (0..window.returns.len()).collect();
    let pass = actor.pass(&window.observations);
    let scores = actor.scores(&pass, &owners, &window.actions);
    let (mut sum, mut score) = (vec![0.0; actor.params().len()], vec![0.0; actor.params().len()]);
    for (t, q) in window.returns.iter().enumerate() {
        scores.write(t, &mut score);
        sum.iter_mut().zip(&score).for_each(|(sum, score)| *sum += q * score);
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use daa_core::Activation;
    use daa_trainer::decomposition::{Draws, stream};

    fn settings() -> Settings {
        Settings {
            task: task::find("cartpole-swingup").unwrap(),
            action_repeat: 4,
            trajectory_len: 6,
            num_actions: 3,
            rollouts: 2,
            horizon: 3,
            discount: 0.9,
            seed: 3,
        }
    }

    fn actor() -> Actor {
        Actor::new(&mut stream(1, Draws::Weights, 0), vec![5, 8, 1], Activation::Relu, 0.5)
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let run = |threads| {
            let size = Size { trajectories: 10, group: 2, threads };
            let mut actor = actor();
            improve(&mut actor, settings(), (2, 3), 0.1, threads).unwrap();
            let measured = measure(&actor, settings(), size, |_| ()).unwrap();
            (actor.params().to_vec(), measured.groups, measured.parameters)
        };
        let one = run(1);
        assert_eq!(one, run(3));
        assert_eq!(one.1.len(), 5);
        assert_ne!(one.0, actor().params());
    }

    /// The sum over a window of the gradients of the actions taken, each with its first return.
    fn taken(actor: &Actor, window: &crate::variance::Window, settings: Settings) -> Vec<f64> {
        let owners: Vec<usize> = (0..settings.trajectory_len).collect();
        let actions: Vec<f64> =
            window.actions.iter().step_by(settings.num_actions).copied().collect();
        let pass = actor.pass(&window.observations);
        let scores = actor.scores(&pass, &owners, &actions);
        let (mut sum, mut score) =
            (vec![0.0; actor.params().len()], vec![0.0; actor.params().len()]);
        for t in owners.iter().copied() {
            scores.write(t, &mut score);
            let q = window.returns[t * settings.num_actions * settings.rollouts];
            sum.iter_mut().zip(&score).for_each(|(sum, score)| *sum += q * score);
        }
        sum
    }

    #[test]
    fn the_components_predict_the_variance_of_whole_estimates() {
        // The variance of single-action gradients counted over the simulator's trajectories, which no
        // part of the decomposition enters, against Lemma 1. One decision's reward as the value:
        // without noise in it both are of the same thing.
        let settings = Settings { rollouts: 1, horizon: 1, ..settings() };
        let size = Size { trajectories: 600, group: 4, threads: 2 };
        let actor = actor();
        let measured = measure(&actor, settings, size, |_| ()).unwrap();
        let mut walker = Walker::new(settings).unwrap();
        let sums: Vec<Vec<f64>> = (0..600)
            .map(|index| taken(&actor, &walker.window(&actor, index).unwrap(), settings))
            .collect();
        // Both use the same groups, so that differences between groups cancel.
        let counted = |group: &[Vec<f64>]| -> f64 {
            let n = group.len() as f64;
            let p = group[0].len();
            let variance = |i: usize| {
                let mean = group.iter().map(|x| x[i]).sum::<f64>() / n;
                group.iter().map(|x| (x[i] - mean).powi(2)).sum::<f64>() / (n - 1.0)
            };
            (0..p).map(variance).sum::<f64>() / p as f64 / 36.0
        };
        let counted: Vec<f64> = sums.chunks_exact(4).map(counted).collect();
        let off = |prediction: &dyn Fn(&Components) -> f64| {
            let differences: Vec<f64> = counted
                .iter()
                .zip(&measured.groups)
                .map(|(counted, group)| counted - prediction(group))
                .collect();
            let n = differences.len() as f64;
            let mean = differences.iter().sum::<f64>() / n;
            let squares: f64 = differences.iter().map(|x| (x - mean).powi(2)).sum();
            mean.abs() / (squares / (n - 1.0) / n).sqrt()
        };
        let exact = off(&|group| group.variance(1, 6));
        assert!(exact < 3.0, "{exact} standard errors");
        // The control: the formula for two actions a state differs.
        let two_actions = off(&|group| group.variance(2, 6));
        assert!(two_actions > 4.0, "{two_actions} standard errors");
    }
}
