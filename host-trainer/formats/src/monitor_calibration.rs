//! Calibration of the monitor: the prediction errors of the transition network in real episodes.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `residual` | `[D]` | root mean square of the next normalised observation minus its prediction |
//! | `scores` | `[transitions]` | of [`daa_core::safety::monitor::score`] |

use daa_core::model::DynTransition;
use daa_core::safety::monitor::{ALARM_QUANTILE, WARN_QUANTILE, score};
use daa_core::supervisor::MONITOR_DEBOUNCE;
use daa_envs::agent::Agent;
use daa_envs::evaluate::Episode;

/// Factor of the alarm level over the largest level that lasted at export. The largest level of 20 episodes alone
/// would be exceeded in about one of the next 21. In units of the error the factor is its square root.
const ALARM_MARGIN: f32 = 2.0;
/// Smallest residual and level: a model may be exact on few states and wrong on others.
const SMALLEST: f32 = 1e-6;

/// The monitor's section of an image: `[D]` residuals, the warning level and the alarm level. A transition leads
/// from a decision of an episode to the next one.
#[must_use]
pub(crate) fn levels(
    transition: &DynTransition<'_>,
    agent: &Agent,
    episodes: &[Episode],
) -> Vec<f32> {
    let size = agent.shape.input;
    let pairs: Vec<Vec<_>> =
        episodes.iter().map(|episode| predictions(transition, agent, episode)).collect();
    let mut squares = vec![0f64; size];
    for (z, predicted) in pairs.iter().flatten() {
        for (sum, (z, predicted)) in squares.iter_mut().zip(z.iter().zip(predicted)) {
            *sum += f64::from(z - predicted).powi(2);
        }
    }
    let count = pairs.iter().map(Vec::len).sum::<usize>().max(1) as f64;
    let mut section: Vec<f32> =
        squares.iter().map(|sum| ((sum / count).sqrt() as f32).max(SMALLEST)).collect();
    let of = |episode: &Vec<(Vec<f32>, Vec<f32>)>| -> Vec<f32> {
        episode.iter().map(|(z, predicted)| score(z, predicted, &section)).collect()
    };
    let episodes: Vec<Vec<f32>> = pairs.iter().map(of).collect();
    let mut scores = episodes.concat();
    scores.sort_by(f32::total_cmp);
    // The largest errors may be neighbours, as in a short recovery before a long hover. A quantile of the
    // errors would then be exceeded long enough for an alarm.
    let sustained = sustained(&episodes, usize::from(MONITOR_DEBOUNCE));
    let alarm = quantile(&scores, ALARM_QUANTILE).max(ALARM_MARGIN * sustained);
    section.extend([quantile(&scores, WARN_QUANTILE), alarm]);
    section
}

/// The largest level that `patience` consecutive scores of an episode reach. A higher alarm level would not have
/// alarmed at export.
fn sustained(episodes: &[Vec<f32>], patience: usize) -> f32 {
    let windows = episodes.iter().flat_map(|scores| scores.windows(patience));
    windows.map(|window| window.iter().copied().fold(f32::INFINITY, f32::min)).fold(0.0, f32::max)
}

/// The next normalised observation of each decision but the last, and its prediction.
fn predictions(
    transition: &DynTransition<'_>,
    agent: &Agent,
    episode: &Episode,
) -> Vec<(Vec<f32>, Vec<f32>)> {
    let (size, actions) = (agent.shape.input, agent.shape.output);
    let normalised: Vec<Vec<f32>> = episode
        .observations
        .chunks_exact(size)
        .map(|raw| {
            let mut obs = vec![0.0; size];
            agent.scale.normalise(raw, &mut obs);
            obs
        })
        .collect();
    let mut scratch = vec![0.0; transition.scratch_len()];
    let steps = normalised.iter().zip(normalised.iter().skip(1));
    let steps = steps.zip(episode.actions.chunks_exact(actions));
    steps
        .map(|((obs, next), action)| {
            let raw: Vec<f32> = action
                .iter()
                .zip(&agent.limits)
                .map(|(action, limits)| {
                    let half = 0.5 * (limits.high - limits.low);
                    (action - 0.5 * (limits.low + limits.high)) / half
                })
                .collect();
            let mut predicted = vec![0.0; size];
            transition.step(obs, &raw, &mut scratch, &mut predicted);
            (next.clone(), predicted)
        })
        .collect()
}

/// The smallest of the sorted numbers that at least the share `part` of them does not exceed.
fn quantile(sorted: &[f32], part: f64) -> f32 {
    let rank = (part * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(SMALLEST).max(SMALLEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use daa_core::model::TransitionTarget;
    use daa_core::{Activation, DynMlp, MlpShape};
    use daa_envs::running_stats::ObservationScale;

    #[test]
    fn quantiles_of_few_numbers() {
        let numbers: Vec<f32> = (1..=1000).map(|i| i as f32).collect();
        assert_eq!(quantile(&numbers, 0.99), 990.0);
        assert_eq!(quantile(&numbers, 0.999), 999.0);
        assert_eq!(quantile(&[], 0.99), SMALLEST);
    }

    #[test]
    fn an_alarm_of_the_episodes_at_export_is_above_what_lasts_in_them() {
        // Three in a row: 5, 7, 6 of the first; the neighbours across episodes do not count.
        let episodes = [vec![1.0, 5.0, 7.0, 6.0, 2.0, 9.0], vec![9.0, 9.0], vec![9.0, 1.0, 9.0]];
        assert_eq!(sustained(&episodes, 3), 5.0);
        assert_eq!(sustained(&episodes, 1), 9.0);
        assert_eq!(sustained(&episodes, 7), 0.0);
    }

    #[test]
    fn residuals_and_scores_by_hand() {
        // The network predicts no change at all: all weights 0.
        let weights = vec![0.0; MlpShape::new(2, 1, 1).params()];
        let network = DynMlp::new(MlpShape::new(2, 1, 1), &weights, Activation::Relu).unwrap();
        let target = TransitionTarget::Difference;
        let transition = DynTransition { network, target, scale: &[1.0], clip: 10.0 };
        // Normalised observation: (x - 1) / 2.
        let scale = ObservationScale {
            mean: vec![1.0],
            std: vec![2.0],
            inverse_std: vec![0.5],
            clip: 10.0,
        };
        let shape = MlpShape::new(1, 1, 1);
        let agent = Agent::new(shape, Activation::Relu, vec![0.0; shape.params() + 1], scale);
        // Changes of x: 2, 2, -2, 4; of normalised observations: 1, 1, -1, 2. RMS sqrt(7/4), scores 4/7 and 16/7.
        let episode = Episode {
            total: 0.0,
            observations: vec![1.0, 3.0, 5.0, 3.0, 7.0],
            actions: vec![0.0; 5],
            rewards: vec![0.0; 5],
        };
        let section = levels(&transition, &agent, &[episode]);
        let expected = [(7f32 / 4.0).sqrt(), 16.0 / 7.0, 16.0 / 7.0];
        for (found, expected) in section.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "{section:?}");
        }
        assert_eq!(section.len(), 3);
    }
}
