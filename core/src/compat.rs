//! Old names of public items, for code that was not yet changed. To be deleted together with those uses,
//! the lines marked `compat` elsewhere in this crate, and the methods at the end.
#![allow(missing_docs)]

pub use crate::math::{activation, kernel, mlp, normaliser};
pub use crate::safety::{fallback, monitor};

pub type MlpSlice<'w> = crate::DynMlp<'w>;
pub type PolicySlice<'w> = crate::DynPolicy<'w>;

pub mod advantage {
    pub use crate::math::advantage::rollout_advantages as imagined_advantages;
    pub use crate::math::advantage::{rollout_advantage as imagined_advantage, *};
}

pub mod dynamics {
    pub use crate::model::DynTransition as TransitionSlice;
    pub use crate::model::{dynamics::*, transition::*};
}

pub mod guard {
    pub use crate::math::limit;
    pub use crate::safety::{ActuatorRange, Command, Fault, Guard, Output, Signals};
}

pub mod imagination {
    pub use crate::model::LearnedModel;
    pub use crate::model::rollout::{Model, action_advantage as imagine, all_action_advantages};
}

pub mod integer {
    pub use crate::math::WeightType;
    pub use crate::math::integer::{
        DynIntegerMlp as IntegerMlp, IntegerError, IntegerMlp as FixedIntegerMlp, Limits,
        network_words, quantise,
    };
}

pub mod ladder {
    pub use crate::safety::state::{
        Debounce as Patience, Edge, Health, Mode, Reason, StateMachine as Ladder,
    };
}

pub mod link {
    pub use crate::protocol::*;
}

pub mod planner {
    pub use crate::model::planner::*;
}

pub mod reset {
    pub use crate::protocol::ResetCause;
}

pub mod slots {
    pub use crate::update::TrialLength as Probation;
    pub use crate::update::*;
}

impl<'b> crate::image::Image<'b> {
    pub fn passport(&self) -> &crate::image::Metadata<'b> {
        self.metadata()
    }
}
