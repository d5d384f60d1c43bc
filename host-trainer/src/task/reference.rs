//! Published returns of the tasks.
//!
//! - "PPO" and "MBMA": On Many-Actions Policy Gradient (ICML 2023), 15 seeds, best point and
//!   average of the mean curve over 1M decisions (quadruped 3M, humanoid 6M).
//! - "RPO", "CleanRL PPO": CleanRL's published runs, at most 8M decisions.

use super::spec::Reference;

const fn icml(method: &'static str, decisions: u32, best: f64, average: Option<f64>) -> Reference {
    Reference { method, decisions, best, average }
}

const fn ppo(best: f64, average: f64) -> Reference {
    icml("PPO", 1_000_000, best, Some(average))
}

const fn mbma(best: f64, average: f64) -> Reference {
    icml("MBMA", 1_000_000, best, Some(average))
}

const fn rpo(best: f64) -> Reference {
    icml("RPO", 8_000_000, best, None)
}

const fn cleanrl(best: f64) -> Reference {
    icml("CleanRL PPO", 8_000_000, best, None)
}

/// Published returns of a task; none where nothing is known.
pub(super) fn returns(task: &str) -> &'static [Reference] {
    match task {
        "acrobot-swingup" => const { &[ppo(47., 32.), mbma(59., 40.), rpo(43.)] },
        "ball_in_cup-catch" => const { &[ppo(948., 831.), mbma(974., 898.), rpo(940.)] },
        "cartpole-swingup" => const { &[ppo(736., 617.), mbma(828., 707.), rpo(613.)] },
        "cartpole-two_poles" => const { &[ppo(308., 253.), mbma(575., 388.), rpo(218.)] },
        "cartpole-three_poles" => const { &[ppo(229., 199.), mbma(229., 202.), rpo(160.)] },
        "cheetah-run" => const { &[ppo(283., 185.), mbma(507., 316.), rpo(566.)] },
        "finger-spin" => const { &[ppo(391., 280.), mbma(350., 266.), rpo(849.)] },
        "finger-turn_easy" => const { &[ppo(396., 213.), mbma(368., 206.), rpo(451.)] },
        "point_mass-easy" => const { &[ppo(895., 839.), mbma(910., 866.), rpo(654.)] },
        "reacher-easy" => const { &[ppo(885., 649.), mbma(968., 815.), cleanrl(773.)] },
        "reacher-hard" => const { &[ppo(601., 385.), mbma(767., 606.), cleanrl(638.)] },
        "walker-stand" => const { &[ppo(914., 737.), mbma(955., 839.), rpo(735.)] },
        "walker-walk" => const { &[ppo(514., 377.), mbma(892., 686.), rpo(787.)] },
        "walker-run" => const { &[ppo(203., 152.), mbma(331., 251.), rpo(392.)] },
        "quadruped-walk" => {
            const { &[icml("PPO", 3_000_000, 667., None), icml("MBMA", 3_000_000, 677., None)] }
        }
        "quadruped-run" => {
            const { &[icml("PPO", 3_000_000, 455., None), icml("MBMA", 3_000_000, 468., None)] }
        }
        "humanoid-stand" => {
            const { &[icml("PPO", 6_000_000, 189., None), icml("MBMA", 6_000_000, 214., None)] }
        }
        "humanoid-walk" => {
            const { &[icml("PPO", 6_000_000, 178., None), icml("MBMA", 6_000_000, 210., None)] }
        }
        _ => &[],
    }
}
