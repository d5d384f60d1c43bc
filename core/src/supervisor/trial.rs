//! The trial of a new policy beside the old policy: in shadow, on trial, confirmed or rejected.
//!
//! | stage | acting policy | confirmed by | rejected by |
//! |---|---|---|---|
//! | shadow | the old policy | enough actions that pass the guards of the new policy | the first action that does not |
//! | trial | the new policy | enough ticks in RUN | the first fault: a refused action, an alarm of the monitor, too many late ticks, or actuators that are forced safe for any reason except a disarm request |
//!
//! The supervisor that takes over continues with the same readings, phase, mode and last command.

use super::events::Event;
use super::machine::Machine;
use super::networks::Networks;
use super::tick::Supervisor;
use crate::protocol::{Identity, Policies};
use crate::safety::Fallback;
use crate::safety::state::{Mode, Reason};
use crate::update::{Stage, TrialLength};
use core::mem::swap;
use nalgebra::SVector;

/// The policy that does not act, and the stage of the new policy.
#[derive(Clone, Debug)]
pub(super) struct Trial<B, F, const OBS: usize, const ACT: usize> {
    supervisor: Supervisor<B, F, OBS, ACT>,
    identity: Identity,
    /// [`Stage::Shadow`] or [`Stage::Trial`].
    stage: Stage,
    /// Number of ticks that the new policy has passed in this stage.
    passed: u32,
    length: TrialLength,
}

/// What a tick means for the new policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Nothing,
    Pass,
    Fail,
}

impl<B, F, const OBS: usize, const ACT: usize> Trial<B, F, OBS, ACT>
where
    B: Networks<OBS, ACT>,
    F: Fallback<OBS, ACT>,
{
    pub(super) fn new(
        supervisor: Supervisor<B, F, OBS, ACT>,
        identity: Identity,
        length: TrialLength,
    ) -> Self {
        Self { supervisor, identity, stage: Stage::Shadow, passed: 0, length }
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage
    }

    pub(super) fn policies(&self, acting: &Identity) -> Policies {
        let (other, stage, passed) = (self.identity.image_checksum, self.stage, self.passed);
        Policies { acting: acting.image_checksum, other: Some(other), stage, passed }
    }

    /// Judges a tick in which `acting` acted on `observed`. Returns false at the end of the trial: the new
    /// policy was confirmed and acts, or it was rejected and the old policy acts.
    pub(super) fn watch<M: Machine<ACT>>(
        &mut self,
        acting: &mut Supervisor<B, F, OBS, ACT>,
        identity: &mut Identity,
        observed: Option<&SVector<f32, OBS>>,
        machine: &mut M,
    ) -> bool {
        let trial = self.stage == Stage::Trial;
        match if trial { on_trial(acting) } else { self.in_shadow(acting.mode(), observed) } {
            Verdict::Nothing => return true,
            Verdict::Pass => self.passed = self.passed.saturating_add(1),
            Verdict::Fail => return self.reject(acting, identity, machine),
        }
        let enough = if trial { self.length.trial } else { self.length.shadow };
        if self.passed < enough || acting.mode() != Mode::Run {
            return true;
        }
        let next = if trial { Stage::Confirmed } else { Stage::Trial };
        if !machine.keep(next) {
            return self.reject(acting, identity, machine);
        }
        if trial {
            let checksum = identity.image_checksum;
            acting.note(Event::Policy { checksum, stage: next });
            return false;
        }
        self.change_places(acting, identity);
        (self.stage, self.passed) = (next, 0);
        acting.note(Event::Policy { checksum: identity.image_checksum, stage: next });
        true
    }

    fn in_shadow(&self, mode: Mode, observed: Option<&SVector<f32, OBS>>) -> Verdict {
        match observed {
            Some(observed) if mode == Mode::Run => match self.supervisor.decide(observed) {
                Ok(_) => Verdict::Pass,
                Err(_) => Verdict::Fail,
            },
            _ => Verdict::Nothing,
        }
    }

    fn reject<M: Machine<ACT>>(
        &mut self,
        acting: &mut Supervisor<B, F, OBS, ACT>,
        identity: &mut Identity,
        machine: &mut M,
    ) -> bool {
        let mut checksum = self.identity.image_checksum;
        if self.stage == Stage::Trial {
            checksum = identity.image_checksum;
            self.change_places(acting, identity);
        }
        // A failure to store the stage is harmless: an image on trial that was not confirmed never acts again.
        let _ = machine.keep(Stage::Rejected);
        acting.note(Event::Policy { checksum, stage: Stage::Rejected });
        false
    }

    fn change_places(&mut self, acting: &mut Supervisor<B, F, OBS, ACT>, identity: &mut Identity) {
        self.supervisor.take_over(acting);
        swap(&mut self.supervisor, acting);
        swap(&mut self.identity, identity);
    }
}

fn on_trial<B, F, const OBS: usize, const ACT: usize>(
    acting: &Supervisor<B, F, OBS, ACT>,
) -> Verdict
where
    B: Networks<OBS, ACT>,
    F: Fallback<OBS, ACT>,
{
    let own = matches!(acting.reason(), Reason::Action(_) | Reason::Monitor | Reason::Late);
    match acting.mode() {
        Mode::Run => Verdict::Pass,
        Mode::Safe if acting.reason() != Reason::Disarmed => Verdict::Fail,
        _ if own => Verdict::Fail,
        _ => Verdict::Nothing,
    }
}
