//! DAA: N actions of every state, H steps each through the learned model.

use super::{Imagination, Readers, RealRollout};
use crate::nn::{Network, to_vec, use_one_thread};
use crate::random::{Purpose, fill_normal, stream};
use daa_core::advantage::imagined_advantages;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tch::{Device, Tensor};

/// Imagined trajectories of one piece of work on a CPU: their activations stay in its cache.
const ROWS_ON_CPU: usize = 1024;
/// On a GPU few large pieces cost less than many small ones.
const ROWS_ON_GPU: usize = 1 << 18;

/// States `first..first + count` of every seed.
struct Piece {
    index: usize,
    z: Tensor,
    mean: Tensor,
    values: Tensor,
}

/// Raw actions and advantages of a piece, `[S, count, N, A]` and `[S, count, N]`.
struct Imagined {
    actions: Tensor,
    advantages: Tensor,
}

/// N extra raw actions `[S, T, N, A]` of every state and their advantages `[S, T, N]`. The result
/// does not depend on the number of threads: noise belongs to (seed, iteration, piece).
pub fn imagine(
    what: &Imagination<'_>,
    actor: &Network,
    real: &RealRollout,
    mean: &Tensor,
) -> (Tensor, Tensor) {
    let states = real.z.size()[1] as usize;
    let on_gpu = real.z.device() != Device::Cpu;
    let rows = if on_gpu { ROWS_ON_GPU } else { ROWS_ON_CPU };
    let len = (rows / what.num_actions).clamp(1, states);
    let pieces: Vec<Mutex<Option<Piece>>> = (0..states.div_ceil(len))
        .map(|index| {
            let (first, count) = ((index * len) as i64, len.min(states - index * len) as i64);
            let cut = |tensor: &Tensor| tensor.narrow(1, first, count);
            let (z, mean, values) = (cut(&real.z), cut(mean), cut(&real.values));
            Mutex::new(Some(Piece { index, z, mean, values }))
        })
        .collect();
    let results: Vec<Mutex<Option<Imagined>>> = pieces.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let settings = Settings::of(what);
    let threads = if on_gpu { 1 } else { what.threads.clamp(1, pieces.len()) };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let model = what.model.reader(what.changes, what.observation_clip);
            let readers = Readers { actor: actor.reader(), critic: what.critic.reader(), model };
            let (pieces, results, next, settings) = (&pieces, &results, &next, &settings);
            scope.spawn(move || {
                use_one_thread();
                while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let Some(piece) = piece.lock().ok().and_then(|mut piece| piece.take()) else {
                        continue;
                    };
                    let index = piece.index;
                    let result = settings.run(&readers, &piece);
                    if let Ok(mut slot) = results[index].lock() {
                        *slot = Some(result);
                    }
                }
            });
        }
    });
    let results: Vec<Imagined> =
        results.into_iter().filter_map(|slot| slot.into_inner().ok().flatten()).collect();
    let join = |part: fn(&Imagined) -> &Tensor| {
        Tensor::cat(
            &results.iter().map(|result| part(result).shallow_clone()).collect::<Vec<_>>(),
            1,
        )
    };
    (join(|result| &result.actions), join(|result| &result.advantages))
}

/// What every thread needs to know.
struct Settings<'a> {
    num_actions: usize,
    horizon: usize,
    antithetic: bool,
    discount: daa_core::advantage::Discount,
    seeds: &'a [u64],
    iteration: u64,
}

impl<'a> Settings<'a> {
    fn of(what: &Imagination<'a>) -> Self {
        let Imagination { num_actions, horizon, antithetic, discount, seeds, iteration, .. } =
            *what;
        Self { num_actions, horizon, antithetic, discount, seeds, iteration }
    }

    /// Noise `[H, S, rows, A]` of a piece: the first step's in opposite pairs when antithetic.
    fn noise(&self, piece: &Piece, rows: usize, actions: usize) -> Vec<f32> {
        let block = rows * actions;
        let mut noise = vec![0.0; self.horizon * self.seeds.len() * block];
        for (s, seed) in self.seeds.iter().enumerate() {
            let number = (self.iteration << 20) | piece.index as u64;
            let mut rng = stream(*seed, Purpose::Imagination, number);
            for h in 0..self.horizon {
                let start = (h * self.seeds.len() + s) * block;
                fill_normal(&mut rng, &mut noise[start..start + block]);
            }
            if self.antithetic {
                let first = &mut noise[s * block..(s + 1) * block];
                for state in first.chunks_exact_mut(self.num_actions * actions) {
                    for pair in state.chunks_exact_mut(2 * actions) {
                        let (plus, minus) = pair.split_at_mut(actions);
                        minus.iter_mut().zip(plus).for_each(|(minus, plus)| *minus = -*plus);
                    }
                }
            }
        }
        noise
    }

    fn run(&self, readers: &Readers, piece: &Piece) -> Imagined {
        let _no_grad = tch::no_grad_guard();
        let (seeds, count, actions) = (piece.z.size()[0], piece.z.size()[1], piece.mean.size()[2]);
        let (n, horizon) = (self.num_actions as i64, self.horizon as i64);
        let rows = count * n;
        let device = piece.z.device();
        let noise = self.noise(piece, rows as usize, actions as usize);
        let noise =
            Tensor::from_slice(&noise).view([horizon, seeds, rows, actions]).to_device(device);
        let deviation = readers.actor.extra().exp().unsqueeze(1);
        let repeat = |tensor: &Tensor| tensor.repeat_interleave_self_int(n, 1, None::<i64>);

        let mut z = repeat(&piece.z);
        let first = repeat(&piece.mean).addcmul(&noise.get(0), &deviation);
        let mut values = vec![repeat(&piece.values.unsqueeze(2))];
        let mut rewards = Vec::new();
        let mut raw = first.shallow_clone();
        for h in 0..horizon {
            let (next, reward) = readers.model.step(&z, &raw);
            z = next;
            rewards.push(reward);
            values.push(readers.critic.predict(&z));
            if h + 1 < horizon {
                raw = readers.actor.predict(&z).tanh().addcmul(&noise.get(h + 1), &deviation);
            }
        }
        let (rewards, values) =
            (to_vec(&Tensor::cat(&rewards, 2)), to_vec(&Tensor::cat(&values, 2)));
        let mut advantages = vec![0.0; (seeds * rows) as usize];
        imagined_advantages(&rewards, &values, self.horizon, self.discount, &mut advantages);
        Imagined {
            actions: first.view([seeds, count, n, actions]),
            advantages: Tensor::from_slice(&advantages).view([seeds, count, n]).to_device(device),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::dynamics::WorldModel;
    use crate::nn::AdamOptions;
    use daa_core::advantage::Discount;
    use daa_core::dynamics::{Dynamics, TransitionTarget};
    use daa_core::imagination::{LearnedModel, all_action_advantages};
    use daa_core::policy::ActionLimits;
    use daa_core::{Activation, Mlp, MlpShape, Policy, SVector};
    use tch::Kind;

    const SEEDS: [u64; 2] = [1, 2];
    const H: usize = 4;
    const N: usize = 6;
    const STATES: i64 = 700;

    struct Fixture {
        actor: Network,
        critic: Network,
        model: WorldModel,
        changes: Vec<Vec<f32>>,
        real: RealRollout,
    }

    fn fixture(target: TransitionTarget) -> Fixture {
        tch::manual_seed(9);
        let config = Config {
            seeds: SEEDS.to_vec(),
            transition_hidden: 5,
            reward_hidden: 5,
            transition_target: target,
            ..Config::default()
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
        let z = Tensor::randn([2, STATES, 3], (Kind::Float, Device::Cpu));
        let real = RealRollout {
            actions: Tensor::zeros([2, STATES, 2], (Kind::Float, Device::Cpu)),
            advantages: Tensor::zeros([2, STATES], (Kind::Float, Device::Cpu)),
            values: critic.predict(&z).squeeze_dim(2),
            z,
        };
        let model = WorldModel::new(&config, 3, 2, Device::Cpu);
        Fixture { actor, critic, model, changes: vec![vec![0.5, 1.0, 2.0]; 2], real }
    }

    fn run(fixture: &Fixture, threads: usize) -> (Tensor, Tensor) {
        let what = Imagination {
            model: &fixture.model,
            changes: &fixture.changes,
            observation_clip: 3.0,
            critic: &fixture.critic,
            discount: Discount { gamma: 0.97, lambda: 0.9 },
            num_actions: N,
            horizon: H,
            antithetic: true,
            seeds: &SEEDS,
            iteration: 5,
            threads,
        };
        imagine(
            &what,
            &fixture.actor,
            &fixture.real,
            &fixture.actor.predict(&fixture.real.z).tanh(),
        )
    }

    #[test]
    fn the_microcontrollers_imagination_finds_the_same_advantages() {
        for target in [TransitionTarget::Next, TransitionTarget::Difference] {
            let fixture = fixture(target);
            let (actions, advantages) = run(&fixture, 2);
            let rows = ROWS_ON_CPU / N;
            for (s, seed) in SEEDS.into_iter().enumerate() {
                let actor = fixture.actor.seed_params(s);
                let [transition, reward, critic] =
                    [&fixture.model.transition, &fixture.model.reward, &fixture.critic]
                        .map(|n| n.seed_params(s));
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
                // A state of the second piece, whose noise is a stream of its own.
                let state = rows + 3;
                let mut rng = stream(seed, Purpose::Imagination, (5 << 20) | 1);
                let count = rows * N * 2;
                let mut noise = vec![0.0; H * count];
                noise.chunks_exact_mut(count).for_each(|step| fill_normal(&mut rng, step));
                let z = SVector::<f32, 3>::from_column_slice(&to_vec(
                    &fixture.real.z.get(s as i64).get(state as i64),
                ));
                let chosen: Vec<SVector<f32, 2>> = to_vec(&actions.get(s as i64).get(state as i64))
                    .chunks_exact(2)
                    .map(SVector::from_column_slice)
                    .collect();
                let follow_up = (0..N).flat_map(|n| (1..H).map(move |h| (n, h))).map(|(n, h)| {
                    let at = h * count + (3 * N + n) * 2;
                    SVector::from([noise[at], noise[at + 1]])
                });
                let mut expected = [0.0; N];
                let discount = Discount { gamma: 0.97, lambda: 0.9 };
                all_action_advantages::<H, 3, 2>(
                    &core,
                    &z,
                    &chosen,
                    follow_up,
                    discount,
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
    fn imagination_does_not_depend_on_the_threads() {
        let fixture = fixture(TransitionTarget::Difference);
        let (one, many) = (run(&fixture, 1), run(&fixture, 3));
        assert_eq!(to_vec(&one.0), to_vec(&many.0));
        assert_eq!(to_vec(&one.1), to_vec(&many.1));
    }

    #[test]
    fn antithetic_actions_come_in_pairs_around_the_mean() {
        let fixture = fixture(TransitionTarget::Difference);
        let (actions, _) = run(&fixture, 1);
        let mean = fixture.actor.predict(&fixture.real.z).tanh();
        let centre = (actions.select(2, 0) + actions.select(2, 1)) * 0.5;
        assert!((centre - &mean).abs().max().double_value(&[]) < 1e-6);
        assert!((actions.select(2, 0) - mean).abs().mean(Kind::Float).double_value(&[]) > 0.1);
    }
}
