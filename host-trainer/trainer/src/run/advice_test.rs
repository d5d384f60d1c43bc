//! Tests of the advisor inside a training run.

use super::sinks::advice::AdviceFile;
use crate::advisor::advice::{Advice, FILE};
use crate::config::{ActionCost, Config, NoiseScheme};
use crate::nn::to_vec;
use crate::train::Trainer;
use tch::Device;

fn config() -> Config {
    Config { decisions: 768, ..crate::testing::small().config().clone() }
}

/// Runs a training to its end and returns the actor's parameters and all advice.
fn train(config: Config) -> (Vec<f32>, Vec<Advice>) {
    let mut trainer = Trainer::new(config, Device::Cpu).unwrap();
    let mut said = Vec::new();
    while !trainer.is_finished() {
        trainer.iterate().unwrap();
        said.extend(trainer.advisor.iter_mut().flat_map(crate::advisor::Advisor::take));
    }
    said.iter_mut().for_each(|advice| advice.seconds = 0.0);
    (to_vec(trainer.actor.params()), said)
}

#[test]
fn advice_changes_nothing_and_is_the_same_every_time() {
    let (weights, nothing) = train(config());
    assert!(nothing.is_empty());
    let mut advised = config();
    advised.advise.every = 2;
    let (same, said) = train(advised.clone());
    assert_eq!(weights, same);
    assert_eq!(
        said.iter().map(|a| (a.iteration, a.decisions)).collect::<Vec<_>>(),
        [(2, 256), (4, 512), (6, 768)]
    );
    assert_eq!(train(advised).1, said);
    // Extra actions are free here, so a budget of zero buys no states.
    assert!(said.iter().all(|a| a.extension == 0.0 && a.states.value == 0.0 && a.chosen == 2));
}

#[test]
fn every_seed_gets_the_advice_that_it_gets_alone() {
    let of = |seeds: Vec<u64>| {
        let mut config = Config { seeds, ..config() };
        config.advise.every = 3;
        train(config).1
    };
    let (both, alone) = (of(vec![4, 9]), of(vec![9]));
    assert_eq!((both.len(), alone.len()), (4, 2));
    let numbers = |a: &Advice| [a.actions.value, a.actions.error, a.margin.value];
    for (both, alone) in both.iter().filter(|a| a.seed == 9).zip(&alone) {
        for (both, alone) in numbers(both).into_iter().zip(numbers(alone)) {
            assert!((both - alone).abs() < 1e-3 * (1.0 + alone.abs()), "{both} {alone}");
        }
    }
}

#[test]
fn rewound_actions_cost_decisions() {
    let mut config = config();
    (config.estimator.kind, config.advise.every) = ("rewind".to_owned(), 6);
    let (_, said) = train(config);
    // A state costs 1 decision and its two extra actions 2 decisions each. One more action costs 2 of 1 + 4.
    assert_eq!(said.iter().map(|a| a.extension).collect::<Vec<_>>(), [0.4]);
    let states = said[0].states.value;
    assert!(states > 5.0 && states < 60.0, "{states}");
}

fn auto() -> Config {
    let mut config = Config { decisions: 1280, ..config() };
    (config.advise.auto, config.advise.every, config.advise.max_actions) = (true, 1, 8);
    config.estimator.noise = NoiseScheme::Independent;
    config
}

#[test]
fn the_number_of_actions_is_chosen_within_its_bounds_and_used() {
    let mut trainer = Trainer::new(auto(), Device::Cpu).unwrap();
    let (mut now, mut moved) = (2, false);
    while !trainer.is_finished() {
        let metrics = trainer.iterate().unwrap();
        assert_eq!(metrics[0].num_actions, now, "the chosen number of actions is used");
        for advice in trainer.advisor.iter_mut().flat_map(crate::advisor::Advisor::take) {
            assert!((1..=8).contains(&advice.chosen));
            assert_eq!(advice.num_actions, now);
            moved |= advice.chosen != now;
            now = advice.chosen;
        }
    }
    assert!(
        moved,
        "the number of actions never changed although actions are free and remove noise"
    );
}

#[test]
fn a_run_goes_on_with_the_number_that_was_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let mut trainer = Trainer::new(auto(), Device::Cpu).unwrap();
    let file = AdviceFile::open(folder.path(), &mut trainer).unwrap();
    let mut chosen = Vec::new();
    while !trainer.is_finished() {
        trainer.iterate().unwrap();
        file.append(&mut trainer, |_| ()).unwrap();
        chosen.push(trainer.advisor.as_ref().unwrap().chosen().unwrap());
    }
    let place = folder.path().join(FILE);
    let whole = std::fs::read_to_string(&place).unwrap();
    assert_eq!(whole.lines().count(), 1 + chosen.len());
    // The process is killed in the middle of a line, with a checkpoint after every iteration.
    for after in 1..chosen.len() {
        std::fs::write(&place, &whole[..whole.len() - 3]).unwrap();
        let mut again = Trainer::new(auto(), Device::Cpu).unwrap();
        again.iteration = after as u64;
        AdviceFile::open(folder.path(), &mut again).unwrap();
        assert_eq!(again.advisor.unwrap().chosen(), Some(chosen[after - 1]));
        assert_eq!(std::fs::read_to_string(&place).unwrap().lines().count(), 1 + after);
    }
    // A new run starts a new file.
    AdviceFile::open(folder.path(), &mut Trainer::new(auto(), Device::Cpu).unwrap()).unwrap();
    assert_eq!(std::fs::read_to_string(&place).unwrap().lines().count(), 1);
}

#[test]
fn what_no_advice_can_be_given_on_is_refused() {
    let refused = |change: &dyn Fn(&mut Config)| {
        let mut config = auto();
        change(&mut config);
        config.check().unwrap_err().to_string()
    };
    assert!(refused(&|c| c.estimator.kind = "single".to_owned()).contains("rewind, q_network"));
    assert!(refused(&|c| c.seeds = vec![1, 2]).contains("one seed a run"));
    assert!(refused(&|c| c.estimator.ramp_fraction = 0.5).contains("ramp_fraction = 0.5"));
    assert!(refused(&|c| c.estimator.num_actions = 9).contains("num_actions = 9 is impossible"));
    assert!(refused(&|c| c.advise.min_actions = 4).contains("min_actions to advise.max_actions"));
    assert!(refused(&|c| c.rollout.length = 8).contains("rollout.length = 8"));
    let mut fine = auto();
    fine.advise.cost = ActionCost::Seconds;
    fine.check().unwrap();
    let mut single = config();
    single.estimator.kind = "single".to_owned();
    single.check().unwrap();
}
