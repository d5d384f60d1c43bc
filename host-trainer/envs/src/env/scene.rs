//! Scenes for cameras: a simulation that shows everything dm_control shows. It copies the state of an
//! environment and is never stepped.

use mujoco_rs::prelude::{MjData, MjModel};

use super::Environment;
use crate::error::Error;
use crate::mujoco::model::Scenery;
use crate::mujoco::physics::Physics;
use crate::task::Task;

/// A task's simulation as cameras see it.
#[derive(Debug)]
pub struct Scene {
    task: &'static Task,
    physics: Physics,
    integration: Vec<f64>,
}

impl Scene {
    /// Loads the task's model with its lights and sky, for pictures of up to `width` x `height` pixels.
    ///
    /// # Errors
    /// Those of [`Task::model`].
    pub fn new(task: &'static Task, width: u32, height: u32) -> Result<Self, Error> {
        let mut model = task.model(Scenery::Full)?;
        // MuJoCo draws into a buffer of this size and crops larger pictures.
        let global = &mut model.vis_mut().global;
        global.offwidth = global.offwidth.max(i32::try_from(width).unwrap_or(i32::MAX));
        global.offheight = global.offheight.max(i32::try_from(height).unwrap_or(i32::MAX));
        Ok(Self { task, physics: Physics::new(model), integration: Vec::new() })
    }

    /// Copies an environment's state and the edits of its model, such as target positions.
    ///
    /// # Errors
    /// [`Error::OtherTask`]; [`Error::State`] when the two models differ.
    pub fn follow(&mut self, environment: &Environment) -> Result<(), Error> {
        if self.task.name != environment.task.name {
            return Err(Error::OtherTask {
                saved: environment.task.name.to_owned(),
                environment: self.task.name.to_owned(),
            });
        }
        let unfit = |what: String| Error::State { task: self.task.name.to_owned(), what };
        for &field in self.task.model.edited_fields() {
            let values = field.read(environment.physics.model());
            field.write(self.physics.model_mut(), &values).map_err(|expected| {
                unfit(format!("{field} has {expected} values in the scene's model"))
            })?;
        }
        environment.physics.integration_state(&mut self.integration);
        let placed = self.physics.set_integration_state(&self.integration);
        placed.map_err(|error| unfit(error.to_string()))
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &MjModel {
        self.physics.model()
    }

    /// MuJoCo's data, for a renderer.
    pub fn data_mut(&mut self) -> &mut MjData<Box<MjModel>> {
        self.physics.data_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::find;

    #[test]
    fn a_scene_shows_the_state_and_the_edits_of_its_environment() {
        // Reacher's target is an edit of the model: it differs from episode to episode.
        let task = find("reacher-hard").unwrap();
        let mut environment = Environment::new(task, 1, 3, 0).unwrap();
        let mut observation = vec![0.0; task.observations.len()];
        let mut scene = Scene::new(task, 1000, 1000).unwrap();
        assert!(scene.model().vis().global.offwidth >= 1000);
        let mut seen = Vec::new();
        for _ in 0..2 {
            environment.reset(&mut observation).unwrap();
            environment.step(&[0.5, -0.5], &mut observation).unwrap();
            scene.follow(&environment).unwrap();
            assert_eq!(scene.physics.qpos(), environment.physics.qpos());
            assert_eq!(scene.physics.geom_xpos(), environment.physics.geom_xpos());
            seen.push(scene.physics.geom_xpos().to_vec());
        }
        assert_ne!(seen[0], seen[1]);
        let mut other = Scene::new(find("cartpole-swingup").unwrap(), 10, 10).unwrap();
        assert!(other.follow(&environment).is_err());
    }
}
