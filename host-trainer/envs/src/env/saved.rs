//! Episodes restored from saved states.

use std::collections::BTreeMap;

use super::Environment;
use crate::error::Error;
use crate::random::Random;
use crate::state::{State, field::Field};

impl Environment {
    /// Restores an episode saved by this or another environment of the task.
    ///
    /// # Errors
    /// [`Error::OtherTask`], [`Error::Size`], [`Error::NotFinite`], [`Error::State`] with the
    /// environment unchanged; [`Error::Diverged`] when MuJoCo considers the state diverged.
    pub fn restore(&mut self, state: &State) -> Result<(), Error> {
        if state.task != self.task.name {
            return Err(Error::OtherTask {
                saved: state.task.clone(),
                environment: self.task.name.to_owned(),
            });
        }
        if let Some(step) = state.step
            && step >= self.task.episode_steps
        {
            let steps = self.task.episode_steps;
            return Err(self.unfit(format!("control step {step} is not in an episode of {steps}")));
        }
        let edited = self.task.model.edited_fields();
        if !state.model.keys().eq(edited) {
            return Err(self.unfit("its edited model arrays are not those of the task".into()));
        }
        self.check_place(&state.integration, &state.model)?;
        self.step = state.step;
        self.random = Random::restore(state.random);
        self.place(&state.integration, &state.model)
    }

    fn unfit(&self, what: String) -> Error {
        Error::State { task: self.task.name.to_owned(), what }
    }

    /// Checks that a state has the simulation's sizes and finite numbers.
    pub(crate) fn check_place(
        &self,
        integration: &[f64],
        edits: &BTreeMap<Field, Vec<f64>>,
    ) -> Result<(), Error> {
        self.check_size("the state", integration.len(), self.physics.integration_size())?;
        self.check_finite("the state", integration)?;
        for (field, values) in edits {
            let expected = field.read(self.physics.model()).len();
            self.check_size(field.name(), values.len(), expected)?;
            self.check_finite(field.name(), values)?;
        }
        Ok(())
    }

    /// Sets the simulation to a state that [`Self::check_place`] has accepted.
    pub(crate) fn place(
        &mut self,
        integration: &[f64],
        edits: &BTreeMap<Field, Vec<f64>>,
    ) -> Result<(), Error> {
        for (field, values) in edits {
            let written = field.write(self.physics.model_mut(), values);
            debug_assert!(written.is_ok(), "sizes were checked");
        }
        let placed = self.physics.set_integration_state(integration);
        placed.map_err(|error| self.unfit(error.to_string()))?;
        self.trace.cut();
        match self.physics.divergence() {
            None => Ok(()),
            Some(warning) => Err(self.diverged(warning, 0)),
        }
    }
}
