//! Trajectories through the learned dynamics model.

use super::context::Context;
use crate::nn::{Reader, Shard, data_of_shard, parallel, shards, to_vec};
use crate::world_model::{WorldModel, WorldReader};
use daa_core::math::advantage::rollout_advantages;
use daa_envs::streams::{Purpose, fill_normal, stream};
use tch::{Device, Tensor};

/// Trajectories of one piece of work on a CPU: their activations stay in its cache.
const ROWS_ON_CPU: usize = 1024;
/// On a GPU few large pieces cost less than many small ones.
const ROWS_ON_GPU: usize = 1 << 18;

/// States of the model, one action in each, and its advantage.
pub(super) struct Simulated {
    /// Normalised observations, `[S, N T, D]`.
    pub obs: Tensor,
    /// Raw actions, `[S, N T, A]`.
    pub actions: Tensor,
    /// `[S, N T]`.
    pub advantages: Tensor,
}

/// Some states of some seeds: `rows` is N times their number.
struct Piece {
    shard: Shard,
    index: usize,
    readers: Readers,
    /// `[S, rows, D]`
    obs: Tensor,
    /// `[S, rows, A]`
    first: Tensor,
    /// `[S, rows, 1]`
    values: Tensor,
}

/// Networks that one thread reads.
struct Readers {
    actor: Reader,
    critic: Reader,
    model: WorldReader,
}

/// Advantages `[S, T, N]` of extra raw actions `[S, T, N, A]`.
pub(super) fn advantages(model: &WorldModel, context: &Context<'_>, extra: &Tensor) -> Tensor {
    let size = &extra.size()[..3];
    let discount = context.discount;
    let parts = each(model, context, extra, context.horizon, |piece, noise| {
        vec![unroll(&piece.readers, &piece.obs, &piece.first, &piece.values, noise, discount)]
    });
    parts[0].view(size)
}

/// The states `[S, T N]` that the extra actions `[S, T, N, A]` lead to, an action of the policy
/// in each, and that action's advantage over H steps more.
pub(super) fn states(model: &WorldModel, context: &Context<'_>, extra: &Tensor) -> Simulated {
    let discount = context.discount;
    let parts = each(model, context, extra, context.horizon + 1, |piece, noise| {
        let readers = &piece.readers;
        let (obs, _) = readers.model.step(&piece.obs, &piece.first);
        let values = readers.critic.predict(&obs);
        let actions = readers.act(&obs, &noise.get(0));
        let rest = noise.narrow(0, 1, noise.size()[0] - 1);
        let advantages = unroll(readers, &obs, &actions, &values, &rest, discount);
        vec![obs, actions, advantages]
    });
    let mut parts = parts.into_iter();
    let mut part = || parts.next().unwrap_or_default();
    Simulated { obs: part(), actions: part(), advantages: part() }
}

/// Does `work` on every piece with the noise of `steps - 1` actions, and joins the results
/// along states and seeds. The result does not depend on the number of threads: noise belongs to
/// (seed, iteration, piece).
fn each(
    model: &WorldModel,
    context: &Context<'_>,
    extra: &Tensor,
    steps: usize,
    work: impl Fn(&Piece, &Tensor) -> Vec<Tensor> + Sync,
) -> Vec<Tensor> {
    let states = extra.size()[1] as usize;
    let device = extra.device();
    let rows = if device == Device::Cpu { ROWS_ON_CPU } else { ROWS_ON_GPU };
    let len = (rows / context.num_actions).clamp(1, states);
    let shards = shards(context.seeds.len(), device);
    let pieces = shards.iter().flat_map(|shard| {
        (0..states.div_ceil(len)).map(|index| piece(model, context, extra, shard, index, len))
    });
    let (seeds, iteration) = (context.seeds, context.iteration);
    let threads = if device == Device::Cpu { context.threads } else { 1 };
    let results = parallel(pieces.collect(), threads, |piece| {
        let _no_grad = tch::no_grad_guard();
        let noise = noise(&piece, &seeds[piece.shard.clone()], iteration, steps - 1);
        work(&piece, &noise)
    });
    // Pieces along the states, then shards along the seeds.
    let joined: Vec<Vec<Tensor>> =
        results.chunks(states.div_ceil(len)).map(|pieces| join(pieces, 1)).collect();
    join(&joined, 0)
}

fn piece(
    model: &WorldModel,
    context: &Context<'_>,
    extra: &Tensor,
    shard: &Shard,
    index: usize,
    len: usize,
) -> Piece {
    let states = extra.size()[1] as usize;
    let (first, count) = ((index * len) as i64, len.min(states - index * len) as i64);
    let cut = |tensor: &Tensor| data_of_shard(tensor, shard).narrow(1, first, count);
    let repeat = |tensor: Tensor| {
        tensor.repeat_interleave_self_int(context.num_actions as i64, 1, None::<i64>)
    };
    let real = context.real;
    Piece {
        shard: shard.clone(),
        index,
        readers: Readers {
            actor: context.actor.reader(shard).with_bf16(model.bf16()),
            critic: context.critic.reader(shard).with_bf16(model.bf16()),
            model: model.reader(
                shard,
                &context.normalisation.changes,
                context.normalisation.observation_clip(),
            ),
        },
        obs: repeat(cut(&real.obs)),
        first: cut(extra).flatten(1, 2),
        values: repeat(cut(&real.values).unsqueeze(2)),
    }
}

impl Readers {
    /// Sampled raw actions `[S, rows, A]` in states `[S, rows, D]`.
    fn act(&self, obs: &Tensor, noise: &Tensor) -> Tensor {
        let std = self.actor.extra().exp().unsqueeze(1);
        self.actor.predict(obs).tanh().addcmul(noise, &std)
    }
}

/// Tensors of the same place in each list, joined.
fn join(lists: &[Vec<Tensor>], dimension: i64) -> Vec<Tensor> {
    let width = lists.first().map_or(0, Vec::len);
    let at = |i: usize| lists.iter().map(|list| list[i].shallow_clone()).collect::<Vec<_>>();
    (0..width).map(|i| Tensor::cat(&at(i), dimension)).collect()
}

/// Noise `[steps, S, rows, A]` of a piece.
fn noise(piece: &Piece, seeds: &[u64], iteration: u64, steps: usize) -> Tensor {
    let size = piece.first.size();
    let block = (size[1] * size[2]) as usize;
    let mut noise = vec![0.0; steps * seeds.len() * block];
    for (s, seed) in seeds.iter().enumerate() {
        let number = (iteration << 20) | piece.index as u64;
        let mut rng = stream(*seed, Purpose::Imagination, number);
        for step in 0..steps {
            let start = (step * seeds.len() + s) * block;
            fill_normal(&mut rng, &mut noise[start..start + block]);
        }
    }
    Tensor::from_slice(&noise)
        .view([steps as i64, size[0], size[1], size[2]])
        .to_device(piece.first.device())
}

/// Advantages `[S, rows]` of first actions `[S, rows, A]` in states `[S, rows, D]` of value
/// `[S, rows, 1]`, over as many steps as there is noise for, and one.
fn unroll(
    readers: &Readers,
    obs: &Tensor,
    first: &Tensor,
    values: &Tensor,
    noise: &Tensor,
    discount: daa_core::math::advantage::Discount,
) -> Tensor {
    let more = noise.size()[0];
    let (mut obs, mut raw) = (obs.shallow_clone(), first.shallow_clone());
    let (mut rewards, mut values) = (Vec::new(), vec![values.shallow_clone()]);
    for h in 0..=more {
        let (next, reward) = readers.model.step(&obs, &raw);
        obs = next;
        rewards.push(reward);
        values.push(readers.critic.predict(&obs));
        if h < more {
            raw = readers.act(&obs, &noise.get(h));
        }
    }
    let size = obs.size();
    let (rewards, values) = (to_vec(&Tensor::cat(&rewards, 2)), to_vec(&Tensor::cat(&values, 2)));
    let mut advantages = vec![0.0; (size[0] * size[1]) as usize];
    rollout_advantages(&rewards, &values, more as usize + 1, discount, &mut advantages);
    Tensor::from_slice(&advantages).view([size[0], size[1]]).to_device(obs.device())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Normalisation, RolloutBatch};
    use crate::estimator::extra_actions;
    use crate::nn::{AdamOptions, Network};
    use crate::settings::{Config, ModelOptions, NoiseScheme};
    use daa_core::math::advantage::Discount;
    use daa_core::model::{Dynamics, TransitionTarget};
    use daa_core::model::{LearnedModel, all_action_advantages};
    use daa_core::policy::ActionLimits;
    use daa_core::{Activation, Mlp, MlpShape, Policy, SVector};
    use daa_envs::running_stats::{ObservationScale, RunningStatistics};
    use tch::Kind;

    const SEEDS: [u64; 2] = [1, 2];
    const H: usize = 4;
    const N: usize = 6;
    const STATES: i64 = 700;
    const DISCOUNT: Discount = Discount { gamma: 0.97, lambda: 0.9 };

    struct Fixture {
        actor: Network,
        critic: Network,
        model: WorldModel,
        normalisation: Normalisation,
        real: RolloutBatch,
    }

    fn fixture(target: TransitionTarget) -> Fixture {
        tch::manual_seed(9);
        let mut config = Config { seeds: SEEDS.to_vec(), ..Config::default() };
        config.model = ModelOptions {
            transition_hidden: 5,
            reward_hidden: 5,
            transition_target: target,
            ..ModelOptions::default()
        };
        let network = |index: u64, hidden: usize, output: usize, extra: usize| {
            let mut rngs: Vec<_> =
                SEEDS.iter().map(|seed| stream(*seed, Purpose::Initialisation, index)).collect();
            let shape = MlpShape::new(3, hidden, output);
            let options = AdamOptions { epsilon: 1e-8 };
            Network::new(
                &mut rngs,
                shape,
                Activation::Tanh,
                1.0,
                (extra, -0.5),
                options,
                Device::Cpu,
            )
        };
        let (actor, critic) = (network(0, 6, 2, 2), network(1, 7, 1, 0));
        let obs = Tensor::randn([2, STATES, 3], (Kind::Float, Device::Cpu));
        let real = RolloutBatch {
            actions: Tensor::zeros([2, STATES, 2], (Kind::Float, Device::Cpu)),
            advantages: Tensor::zeros([2, STATES], (Kind::Float, Device::Cpu)),
            values: critic.predict(&obs).squeeze_dim(2),
            obs,
        };
        let model = WorldModel::new(&config, 3, 2, Device::Cpu);
        let scale = ObservationScale::new(&RunningStatistics::new(3), false, 3.0);
        let normalisation = Normalisation {
            scales: vec![scale; 2],
            changes: vec![vec![0.5, 1.0, 2.0]; 2],
            reward_scales: vec![1.0; 2],
            reward_clip: f32::MAX,
        };
        Fixture { actor, critic, model, normalisation, real }
    }

    fn context(fixture: &Fixture, threads: usize) -> Context<'_> {
        Context {
            actor: &fixture.actor,
            critic: &fixture.critic,
            real: &fixture.real,
            normalisation: &fixture.normalisation,
            simulator: None,
            discount: DISCOUNT,
            num_actions: N,
            horizon: H,
            noise: NoiseScheme::Antithetic,
            seeds: &SEEDS,
            iteration: 5,
            threads,
        }
    }

    fn run(fixture: &Fixture, threads: usize) -> (Tensor, Tensor) {
        let context = context(fixture, threads);
        let actions = extra_actions(&context, &fixture.actor.predict(&fixture.real.obs).tanh());
        let advantages = super::advantages(&fixture.model, &context, &actions);
        (actions, advantages)
    }

    #[test]
    fn the_microcontrollers_model_rollouts_find_the_same_advantages() {
        for target in [TransitionTarget::Next, TransitionTarget::Difference] {
            let fixture = fixture(target);
            let (actions, advantages) = run(&fixture, 2);
            let rows = ROWS_ON_CPU / N;
            for (s, seed) in SEEDS.into_iter().enumerate() {
                let actor = fixture.actor.seed_params(s);
                let (_, transition) = fixture.model.transition(s);
                let (_, reward) = fixture.model.reward(s);
                let critic = fixture.critic.seed_params(s);
                let scale = match target {
                    TransitionTarget::Next => SVector::from([1.0; 3]),
                    TransitionTarget::Difference => SVector::from([0.5, 1.0, 2.0]),
                };
                let ones = SVector::from([1.0; 3]);
                let limits = [ActionLimits { low: -1.0, high: 1.0 }; 2];
                let policy = Policy::<3, 6, 2>::new(
                    &actor,
                    Activation::Tanh,
                    SVector::zeros(),
                    &ones,
                    3.0,
                    limits,
                );
                let weights = (&transition[..], &reward[..]);
                let core: LearnedModel<'_, 3, 2, 5, 6, 5, 5, 7> = LearnedModel {
                    dynamics: Dynamics::new(weights, Activation::Silu, target, scale, 3.0).unwrap(),
                    critic: Mlp::new(&critic, Activation::Tanh).unwrap(),
                    policy: policy.unwrap(),
                };
                // A state of the second piece, whose noise is a separate stream.
                let state = rows + 3;
                let mut rng = stream(seed, Purpose::Imagination, (5 << 20) | 1);
                let count = rows * N * 2;
                let mut noise = vec![0.0; (H - 1) * count];
                noise.chunks_exact_mut(count).for_each(|step| fill_normal(&mut rng, step));
                let z = SVector::<f32, 3>::from_column_slice(&to_vec(
                    &fixture.real.obs.get(s as i64).get(state as i64),
                ));
                let chosen: Vec<SVector<f32, 2>> = to_vec(&actions.get(s as i64).get(state as i64))
                    .chunks_exact(2)
                    .map(SVector::from_column_slice)
                    .collect();
                let follow_up = (0..N).flat_map(|n| (1..H).map(move |h| (n, h))).map(|(n, h)| {
                    let at = (h - 1) * count + (3 * N + n) * 2;
                    SVector::from([noise[at], noise[at + 1]])
                });
                let mut expected = [0.0; N];
                all_action_advantages::<H, _>(
                    &core,
                    &z,
                    &chosen,
                    follow_up,
                    DISCOUNT,
                    &mut expected,
                );
                let ours = to_vec(&advantages.get(s as i64).get(state as i64));
                for (ours, expected) in ours.iter().zip(expected) {
                    assert!(
                        (ours - expected).abs() < 1e-4,
                        "{target:?} seed {seed}: {ours} {expected}"
                    );
                }
                assert!(
                    expected.iter().any(|a| (a - expected[0]).abs() > 1e-2),
                    "all advantages alike"
                );
            }
        }
    }

    #[test]
    fn model_rollouts_do_not_depend_on_the_threads() {
        let fixture = fixture(TransitionTarget::Difference);
        let (one, many) = (run(&fixture, 1), run(&fixture, 3));
        assert_eq!(to_vec(&one.0), to_vec(&many.0));
        assert_eq!(to_vec(&one.1), to_vec(&many.1));
    }

    #[test]
    fn antithetic_actions_come_in_pairs_around_the_mean() {
        let fixture = fixture(TransitionTarget::Difference);
        let (actions, _) = run(&fixture, 1);
        let mean = fixture.actor.predict(&fixture.real.obs).tanh();
        let centre = (actions.select(2, 0) + actions.select(2, 1)) * 0.5;
        assert!((centre - &mean).abs().max().double_value(&[]) < 1e-6);
        assert!((actions.select(2, 0) - mean).abs().mean(Kind::Float).double_value(&[]) > 0.1);
    }

    #[test]
    fn simulated_states_are_where_the_extra_actions_lead() {
        let fixture = fixture(TransitionTarget::Difference);
        let context = context(&fixture, 2);
        let actions = extra_actions(&context, &fixture.actor.predict(&fixture.real.obs).tanh());
        let simulated = states(&fixture.model, &context, &actions);
        assert_eq!(simulated.obs.size(), [2, STATES * N as i64, 3]);
        let model = fixture.model.reader(&(0..2), &fixture.normalisation.changes, 3.0);
        let repeated = fixture.real.obs.repeat_interleave_self_int(N as i64, 1, None::<i64>);
        let (next, _) = model.step(&repeated, &actions.flatten(1, 2));
        let off = (&simulated.obs - next).abs().max().double_value(&[]);
        assert!(off < 1e-6, "{off}");
        // The actions there are the policy's: the squares of their noise have mean 1.
        let mean = fixture.actor.predict(&simulated.obs).tanh();
        let deviation = fixture.actor.extra().exp().unsqueeze(1);
        let noise = (&simulated.actions - mean) / deviation;
        let square = noise.square().mean(Kind::Float).double_value(&[]);
        // 16 800 squares of variance 2: a standard error of 0.011.
        assert!((square - 1.0).abs() < 0.05, "{square}");
        // With gamma = 0 an advantage is the first step's reward less the value.
        let zero = Discount { gamma: 0.0, lambda: 0.9 };
        let simulated = states(&fixture.model, &Context { discount: zero, ..context }, &actions);
        let (_, reward) = model.step(&simulated.obs, &simulated.actions);
        let expected = (reward - fixture.critic.predict(&simulated.obs)).squeeze_dim(2);
        let off = (&simulated.advantages - expected).abs().max().double_value(&[]);
        assert!(off < 1e-5, "{off}");
    }
}
