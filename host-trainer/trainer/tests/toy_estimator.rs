//! An estimator and an update of another crate, through the public interface: they are trained with, a run
//! with them is resumed to the same bytes, and their names are known to the configuration.
#![allow(clippy::unwrap_used)]

use daa_envs::Error;
use daa_trainer::config::{Config, Sources, resolve};
use daa_trainer::estimator::{self, Context, Estimator, Extra, Lesson, Memory};
use daa_trainer::metrics::Metrics;
use daa_trainer::nn::to_vec;
use daa_trainer::run::checkpoint::{self, Which};
use daa_trainer::run::directory::RunDirectory;
use daa_trainer::train::Trainer;
use daa_trainer::update::{self, Candidates, Gain, learn_in_epochs};
use daa_trainer::world_model::ModelError;
use std::sync::Once;
use tch::{Device, Kind, Tensor};

/// Prefers small actions, more so with every batch.
#[derive(Debug, Default)]
struct Cautious {
    batches: u8,
}

static CAUTIOUS: estimator::Definition = estimator::Definition {
    name: "cautious",
    report_name: "cautious {}",
    help: "extra actions, the better the smaller they are",
    extra: Extra::Actions,
    has_horizon: false,
    has_model: false,
    replays: false,
    rewinds: false,
    memory: |config, sizes| vec![Memory::of_extra(config, sizes.actions + 1)],
    build: |_| Box::new(Cautious::default()),
};

impl Estimator for Cautious {
    fn definition(&self) -> &'static estimator::Definition {
        &CAUTIOUS
    }

    fn learn(&mut self, _: &Lesson<'_>) -> Vec<ModelError> {
        self.batches += 1;
        Vec::new()
    }

    fn advantages(&self, _: &Context<'_>, extra: &Tensor) -> Result<Tensor, Error> {
        let size = extra.square().sum_dim_intlist(&[3i64][..], false, Kind::Float);
        Ok(size * -f64::from(self.batches))
    }

    fn save(&self) -> Vec<u8> {
        vec![self.batches]
    }

    fn restore(&mut self, bytes: &[u8]) -> bool {
        let [batches] = bytes else { return false };
        self.batches = *batches;
        true
    }
}

/// Three epochs on the surrogate without a clip.
static UNCLIPPED: update::Definition = update::Definition {
    name: "unclipped",
    report_name: "unclipped",
    help: "three epochs on the surrogate without a clip",
    without_effect: &[("trpo", "is not trpo")],
    improve: |actor, lesson| learn_in_epochs(actor, lesson, 3, gain),
};

fn gain(Candidates { ratio, advantages, weights, .. }: &Candidates<'_>) -> Gain {
    let value = *ratio * *advantages * *weights;
    Gain { by_log_prob: value.shallow_clone(), value }
}

fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        estimator::register(&CAUTIOUS).unwrap();
        update::register(&UNCLIPPED).unwrap();
    });
}

fn config(estimator: &str, update: &str) -> Config {
    register();
    let names = [format!("estimator.kind={estimator}"), format!("update.kind={update}")];
    let sizes = ["decisions=512", "rollout.num_envs=2", "rollout.length=64", "update.epochs=2"];
    let set = names.into_iter().chain(sizes.map(str::to_owned)).collect();
    resolve(&Sources { set, ..Sources::default() }).unwrap()
}

/// Metrics of all iterations, and the actor's weights after the last one.
fn train(trainer: &mut Trainer) -> (Vec<Metrics>, Vec<f32>) {
    let mut metrics = Vec::new();
    while !trainer.is_finished() {
        metrics.extend(trainer.iterate().unwrap());
    }
    (metrics, to_vec(trainer.actor.params()))
}

fn trained(estimator: &str, update: &str) -> (Vec<Metrics>, Vec<f32>) {
    train(&mut Trainer::new(config(estimator, update), Device::Cpu).unwrap())
}

#[test]
fn a_registered_estimator_and_update_are_trained_with() {
    let (single, toy) = (trained("single", "ppo"), trained("cautious", "ppo"));
    assert_eq!(toy.0.len(), 4);
    assert_eq!(single.0[0].episode_return, toy.0[0].episode_return);
    assert!(single.0.iter().zip(&toy.0).all(|(a, b)| a.policy_loss != b.policy_loss));
    assert!(toy.0.iter().all(|metrics| metrics.num_actions == 4 && metrics.horizon == 0));
    assert!(toy.0.iter().all(|metrics| metrics.extra_advantage_correlation.is_some()));
    let unclipped = trained("cautious", "unclipped");
    assert!(unclipped.1 != toy.1, "the update is another one");
    assert!(
        unclipped.1 == trained("cautious", "unclipped").1,
        "the same run gives the same weights"
    );
}

#[test]
fn a_run_with_them_is_resumed_to_the_same_bytes() {
    let config = || config("cautious", "unclipped");
    let folder = tempfile::tempdir().unwrap();
    let directory = RunDirectory::claim(Some(&folder.path().join("run")), &config()).unwrap();
    directory.begin(&config()).unwrap();
    let mut whole = Trainer::new(config(), Device::Cpu).unwrap();
    whole.iterate().unwrap();
    whole.iterate().unwrap();
    checkpoint::save(&directory, &whole).unwrap();
    let mut resumed = Trainer::new(config(), Device::Cpu).unwrap();
    checkpoint::load(&directory, &mut resumed, Which::Newest, |line| panic!("{line}")).unwrap();
    let cells = |(metrics, weights): (Vec<Metrics>, Vec<f32>)| {
        (metrics.iter().map(Metrics::cells).collect::<Vec<_>>(), weights)
    };
    assert!(cells(train(&mut whole)) == cells(train(&mut resumed)));
}

#[test]
fn an_unknown_name_is_refused_with_the_nearest_one() {
    register();
    for (set, words) in [
        ("estimator.kind=cautios", ["estimator.kind = \"cautios\"", "did you mean cautious?"]),
        ("update.kind=unclip", ["update.kind = \"unclip\"", "did you mean unclipped?"]),
    ] {
        let set = vec![set.to_owned()];
        let error = resolve(&Sources { set, ..Sources::default() }).unwrap_err().to_string();
        assert!(words.iter().all(|words| error.contains(words)), "{error}");
    }
    assert!(estimator::register(&CAUTIOUS).is_err(), "the name is taken");
}
