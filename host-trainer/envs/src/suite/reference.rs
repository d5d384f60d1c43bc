//! Published returns of the tasks.
//!
//! - "PPO", "DAA" (there: MBMA), "states" (PPO on model-simulated states; MBPO) and "QAA" (QMA):
//!   On Many-Actions Policy Gradient (ICML 2023), 15 seeds, best point and average of the mean curve
//!   over 1M decisions (quadruped 3M, humanoid 6M; best point only).
//! - "RPO", "CleanRL PPO": CleanRL's published runs, at most 8M decisions.

use crate::task::Reference;

/// Best point and average of the four methods' mean curves.
const fn icml(decisions: u32, returns: [(f64, Option<f64>); 4]) -> [Reference; 4] {
    let [ppo, daa, states, qaa] = returns;
    const fn reference(
        method: &'static str,
        decisions: u32,
        (best, average): (f64, Option<f64>),
    ) -> Reference {
        Reference { method, decisions, best, average }
    }
    [
        reference("PPO", decisions, ppo),
        reference("DAA", decisions, daa),
        reference("states", decisions, states),
        reference("QAA", decisions, qaa),
    ]
}

/// Best points and averages of the four methods, and the best point of one of CleanRL's.
const fn whole(
    [ppo, daa, states, qaa]: [(f64, f64); 4],
    (method, best): (&'static str, f64),
) -> [Reference; 5] {
    const fn both((best, average): (f64, f64)) -> (f64, Option<f64>) {
        (best, Some(average))
    }
    let [ppo, daa, states, qaa] = icml(1_000_000, [both(ppo), both(daa), both(states), both(qaa)]);
    [ppo, daa, states, qaa, Reference { method, decisions: 8_000_000, best, average: None }]
}

/// Best points of three methods, for a task whose averages are not published.
const fn best(decisions: u32, ppo: f64, daa: f64, states: f64) -> [Reference; 3] {
    let [ppo, daa, states, _] =
        icml(decisions, [(ppo, None), (daa, None), (states, None), (f64::NAN, None)]);
    [ppo, daa, states]
}

/// Published returns of a task; empty where none are known.
#[rustfmt::skip] // One line a task.
pub(super) fn returns(task: &str) -> &'static [Reference] {
    match task {
        "acrobot-swingup" => const { &whole([(47., 32.), (59., 40.), (56., 31.), (34., 17.)], ("RPO", 43.)) },
        "ball_in_cup-catch" => const { &whole([(948., 831.), (974., 898.), (969., 888.), (934., 770.)], ("RPO", 940.)) },
        "cartpole-swingup" => const { &whole([(736., 617.), (828., 707.), (825., 702.), (802., 677.)], ("RPO", 613.)) },
        "cartpole-two_poles" => const { &whole([(308., 253.), (575., 388.), (435., 317.), (315., 248.)], ("RPO", 218.)) },
        "cartpole-three_poles" => const { &whole([(229., 199.), (229., 202.), (261., 221.), (262., 211.)], ("RPO", 160.)) },
        "cheetah-run" => const { &whole([(283., 185.), (507., 316.), (473., 284.), (201., 135.)], ("RPO", 566.)) },
        "finger-spin" => const { &whole([(391., 280.), (350., 266.), (305., 248.), (359., 245.)], ("RPO", 849.)) },
        "finger-turn_easy" => const { &whole([(396., 213.), (368., 206.), (318., 184.), (296., 176.)], ("RPO", 451.)) },
        "point_mass-easy" => const { &whole([(895., 839.), (910., 866.), (909., 867.), (467., 106.)], ("RPO", 654.)) },
        "reacher-easy" => const { &whole([(885., 649.), (968., 815.), (854., 729.), (472., 316.)], ("CleanRL PPO", 773.)) },
        "reacher-hard" => const { &whole([(601., 385.), (767., 606.), (892., 722.), (488., 361.)], ("CleanRL PPO", 638.)) },
        "walker-stand" => const { &whole([(914., 737.), (955., 839.), (944., 815.), (854., 654.)], ("RPO", 735.)) },
        "walker-walk" => const { &whole([(514., 377.), (892., 686.), (720., 576.), (500., 340.)], ("RPO", 787.)) },
        "walker-run" => const { &whole([(203., 152.), (331., 251.), (233., 190.), (208., 141.)], ("RPO", 392.)) },
        "quadruped-walk" => const { &best(3_000_000, 667., 677., 590.) },
        "quadruped-run" => const { &best(3_000_000, 455., 468., 460.) },
        "humanoid-stand" => const { &best(6_000_000, 189., 214., 203.) },
        "humanoid-walk" => const { &best(6_000_000, 178., 210., 198.) },
        _ => &[],
    }
}
