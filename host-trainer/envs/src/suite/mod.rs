//! The DeepMind Control Suite: one file for each domain, and what the domains share.
//!
//! A new domain is one new file, which implements `Domain` for its tasks and [`crate::Behaviour`] for
//! their episodes, and one line in the list of [`all`].

mod acrobot;
mod ball_in_cup;
mod cartpole;
mod cheetah;
mod domain;
mod finger;
mod humanoid;
mod model;
mod pendulum;
mod point_mass;
mod quadruped;
mod reacher;
mod reference;
pub mod reward;
pub(crate) mod start;
mod walker;

use std::sync::LazyLock;

use crate::task::Task;

pub use model::{SUITE_DIR_VARIABLE, suite_dir};

/// Every task of the suite, in alphabetical order.
#[must_use]
pub fn all() -> &'static [Task] {
    static TASKS: LazyLock<Vec<Task>> = LazyLock::new(|| {
        let mut tasks = [
            acrobot::tasks(),
            ball_in_cup::tasks(),
            cartpole::tasks(),
            cheetah::tasks(),
            finger::tasks(),
            humanoid::tasks(),
            pendulum::tasks(),
            point_mass::tasks(),
            quadruped::tasks(),
            reacher::tasks(),
            walker::tasks(),
        ]
        .concat();
        tasks.sort_by_key(|task| task.name);
        tasks
    });
    &TASKS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mujoco::model::Scenery;
    use crate::registry::find;

    #[test]
    fn published_returns_are_of_known_tasks() {
        let known = all().iter().filter(|task| !task.references().is_empty());
        assert_eq!(known.count(), 18, "a name in the table is misspelt");
    }

    #[test]
    fn scenery_is_all_that_the_sky_changes() {
        let task = find("walker-walk").unwrap();
        let (bare, full) = (task.model(Scenery::Bare).unwrap(), task.model(Scenery::Full).unwrap());
        assert_eq!(
            (bare.nq(), bare.nbody(), bare.ngeom()),
            (full.nq(), full.nbody(), full.ngeom())
        );
        assert!(bare.ntexdata() * 10 < full.ntexdata());
    }

    #[test]
    fn every_task_is_well_formed() {
        for task in all() {
            assert!(task.physics_steps >= 1 && task.episode_steps == 1000);
            for signals in [&task.observations, &task.actions] {
                let mut names: Vec<_> = signals.iter().map(|signal| &signal.name).collect();
                names.sort();
                names.dedup();
                assert_eq!(names.len(), signals.len(), "{}: names repeat", task.name);
                for signal in signals {
                    assert!(signal.low < signal.high, "{} {}", task.name, signal.name);
                    assert!(signal.low.is_finite() && signal.high.is_finite());
                }
            }
        }
    }
}
