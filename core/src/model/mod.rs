//! The learned model: predictions, rollouts, and the choice of an action by them.
//!
//! | module | content |
//! |---|---|
//! | [`transition`] | predicts the next observation |
//! | [`dynamics`] | predicts the next observation and the reward |
//! | [`rollout`] | N actions, H steps through a model, and their advantages |
//! | [`learned`] | the model of an image, to roll out |
//! | [`planner`] | the best of N actions by their advantages |

pub mod dynamics;
pub mod learned;
pub mod planner;
pub mod rollout;
pub mod transition;

pub use dynamics::{DynDynamics, Dynamics};
pub use learned::{DynLearnedModel, LearnedModel, LearnedModelInner};
pub use planner::{Choice, Plan, Planned, choose};
pub use rollout::{Model, action_advantage, all_action_advantages};
pub use transition::{DynTransition, Transition, TransitionTarget};
