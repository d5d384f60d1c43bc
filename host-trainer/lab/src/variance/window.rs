//! Trajectories of the simulator, which is rewound at every state to measure the returns of other actions.
//!
//! A window is T decisions of an episode from a uniformly drawn start, so that its states are those of training.
//! The simulator's clock is set to 0, so that no rollout reaches the end of the episode: the value of a state
//! does not depend on the time of its visit.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `observations` | `[T][D]` | |
//! | `actions` | `[T][K][A]` | raw; the first of each state was taken |
//! | `returns` | `[T][K][R]` | discounted, over the horizon; with a critic, plus the value of the last state and minus the value of the first |

use daa_envs::{self as task, Environment, RandomState, State, Task};
use daa_trainer::decomposition::{Actor, Draws, stream};
use rand::{Rng, RngExt as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Settings of a measurement.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The task.
    pub task: &'static Task,
    /// Control steps for which an action is held.
    pub action_repeat: u32,
    /// T, decisions of a window.
    pub trajectory_len: usize,
    /// K, number of actions of a state, including the action taken.
    pub num_actions: usize,
    /// R, number of rollouts of an action.
    pub rollouts: usize,
    /// Decisions of a rollout.
    pub horizon: usize,
    /// Discount gamma of a decision.
    pub discount: f64,
    /// Seed. Window `i` is the same for all programs and threads.
    pub seed: u64,
}

impl Settings {
    /// Decisions of an episode.
    #[must_use]
    pub fn episode(&self) -> usize {
        self.task.episode_steps.div_ceil(self.action_repeat) as usize
    }
}

/// A window with the returns of the actions of its states.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// Observations, `[T][D]`.
    pub observations: Vec<f64>,
    /// Raw actions, `[T][K][A]`.
    pub actions: Vec<f64>,
    /// Returns, `[T][K][R]`.
    pub returns: Vec<f64>,
    /// Number of simulations that diverged and were drawn again.
    pub divergences: usize,
}

/// An environment that can be rewound to earlier states.
#[derive(Debug)]
pub struct Walker {
    settings: Settings,
    environment: Environment,
    /// State before the first episode.
    blank: State,
    observation: Vec<f64>,
}

/// Number of diverged simulations in a row after which an error is returned.
const PATIENCE: usize = 100;

fn diverged<T>(result: Result<T, task::Error>) -> Result<Option<T>, task::Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(task::Error::Diverged(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Walker {
    /// # Errors
    /// [`task::Error`] of the environment.
    pub fn new(settings: Settings) -> Result<Self, task::Error> {
        let environment =
            Environment::new(settings.task, settings.action_repeat, settings.seed, 0)?;
        let blank = environment.save();
        let observation = vec![0.0; settings.task.observations.len()];
        Ok(Self { settings, environment, blank, observation })
    }

    /// Draws window `index` with a policy and measures the returns of its actions.
    ///
    /// # Errors
    /// [`task::Error`], also where the simulation diverges repeatedly.
    pub fn window(&mut self, actor: &Actor, index: u64) -> Result<Window, task::Error> {
        self.retried(index, |walker, rng, window| walker.draw(actor, rng, window))
    }

    /// Draws window `index` without rewinding; the return of each state's one action is what followed,
    /// over the horizon.
    ///
    /// # Errors
    /// As [`Self::window`].
    pub fn path(&mut self, actor: &Actor, index: u64) -> Result<Window, task::Error> {
        self.retried(index, |walker, rng, window| walker.follow(actor, rng, window))
    }

    fn retried(
        &mut self,
        index: u64,
        mut draw: impl FnMut(&mut Self, &mut ChaCha8Rng, &mut Window) -> Result<Option<()>, task::Error>,
    ) -> Result<Window, task::Error> {
        let mut rng = stream(self.settings.seed, Draws::Noise, index);
        let mut state = self.blank.clone();
        let first = (Draws::Starts as u64) << 48 | index;
        state.random = RandomState { seed: self.settings.seed, stream: first, position: 0 };
        self.environment.restore(&state)?;
        let mut divergences = 0;
        loop {
            let mut window = Window { divergences, ..Window::default() };
            if draw(self, &mut rng, &mut window)?.is_some() {
                return Ok(window);
            }
            divergences = window.divergences + 1;
            if divergences > PATIENCE {
                return Err(self.hopeless());
            }
        }
    }

    fn hopeless(&self) -> task::Error {
        let name = self.settings.task.name;
        task::Error::Request(format!("{name}: {PATIENCE} simulations in a row diverged"))
    }

    /// A sampled action at the current observation.
    fn act(&self, actor: &Actor, rng: &mut impl Rng) -> Vec<f64> {
        let pass = actor.pass(&self.observation);
        let mut action: Vec<f64> =
            (0..actor.actions()).map(|_| StandardNormal.sample(rng)).collect();
        actor.perturb(&pass.means, &mut action);
        action
    }

    /// Reward of an action; none where the simulation diverged.
    fn step(&mut self, action: &[f64]) -> Result<Option<f64>, task::Error> {
        let step = self.environment.step(action, &mut self.observation);
        Ok(diverged(step)?.map(|step| step.reward))
    }

    /// Starts a new episode, runs it to a random state, and resets its clock.
    fn begin(&mut self, actor: &Actor, rng: &mut ChaCha8Rng) -> Result<Option<()>, task::Error> {
        if diverged(self.environment.reset(&mut self.observation))?.is_none() {
            return Ok(None);
        }
        let latest = self.settings.episode() - self.settings.trajectory_len;
        for _ in 0..rng.random_range(0..=latest) {
            let action = self.act(actor, rng);
            if self.step(&action)?.is_none() {
                return Ok(None);
            }
        }
        let state = self.now();
        self.environment.restore(&state)?;
        Ok(Some(()))
    }

    /// The current state with the clock at 0.
    fn now(&self) -> State {
        State { step: Some(0), ..self.environment.save() }
    }

    fn draw(
        &mut self,
        actor: &Actor,
        rng: &mut ChaCha8Rng,
        window: &mut Window,
    ) -> Result<Option<()>, task::Error> {
        if self.begin(actor, rng)?.is_none() {
            return Ok(None);
        }
        // The path is drawn first, so that its noise does not depend on the number of other actions.
        let (mut states, mut taken) = (Vec::new(), Vec::new());
        for _ in 0..self.settings.trajectory_len {
            states.push(self.now());
            window.observations.extend_from_slice(&self.observation);
            let action = self.act(actor, rng);
            if self.step(&action)?.is_none() {
                return Ok(None);
            }
            taken.push(action);
        }
        let width = self.observation.len();
        for (t, (state, taken)) in states.iter().zip(taken).enumerate() {
            let first = window.actions.len();
            window.actions.extend(taken);
            for _ in 1..self.settings.num_actions {
                let observation = &window.observations[t * width..][..width];
                self.observation.copy_from_slice(observation);
                window.actions.extend(self.act(actor, rng));
            }
            let actions = window.actions[first..].to_vec();
            let observation = &window.observations[t * width..][..width];
            let baseline = actor.critic().map_or(0.0, |critic| critic.value(observation));
            for action in actions.chunks_exact(actor.actions()) {
                for _ in 0..self.settings.rollouts {
                    let total = self.rollout(actor, rng, state, action, &mut window.divergences)?;
                    window.returns.push(total - baseline);
                }
            }
        }
        Ok(Some(()))
    }

    /// Discounted return of an action that is followed by actions of the policy.
    fn rollout(
        &mut self,
        actor: &Actor,
        rng: &mut ChaCha8Rng,
        state: &State,
        action: &[f64],
        divergences: &mut usize,
    ) -> Result<f64, task::Error> {
        for _ in 0..PATIENCE {
            self.environment.restore(state)?;
            let (mut total, mut weight, mut next) = (Some(0.0), 1.0, action.to_vec());
            for _ in 0..self.settings.horizon {
                total = match (total, self.step(&next)?) {
                    (Some(total), Some(reward)) => Some(total + weight * reward),
                    _ => None,
                };
                if total.is_none() {
                    break;
                }
                weight *= self.settings.discount;
                next = self.act(actor, rng);
            }
            let beyond = actor.critic().map(|critic| weight * critic.value(&self.observation));
            match total {
                Some(total) => return Ok(total + beyond.unwrap_or(0.0)),
                None => *divergences += 1,
            }
        }
        Err(self.hopeless())
    }

    fn follow(
        &mut self,
        actor: &Actor,
        rng: &mut ChaCha8Rng,
        window: &mut Window,
    ) -> Result<Option<()>, task::Error> {
        if self.begin(actor, rng)?.is_none() {
            return Ok(None);
        }
        let (len, horizon) = (self.settings.trajectory_len, self.settings.horizon);
        let mut rewards = Vec::with_capacity(len + horizon);
        // The return of the last state needs a horizon after it, as far as the episode allows.
        for t in 0..(len + horizon - 1).min(self.settings.episode()) {
            let action = self.act(actor, rng);
            if t < len {
                window.observations.extend_from_slice(&self.observation);
                window.actions.extend_from_slice(&action);
            }
            match self.step(&action)? {
                Some(reward) => rewards.push(reward),
                None => return Ok(None),
            }
        }
        for t in 0..len {
            let ahead = rewards[t..].iter().take(horizon).rev();
            window.returns.push(ahead.fold(0.0, |sum, r| r + self.settings.discount * sum));
        }
        Ok(Some(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use daa_core::Activation;

    fn settings() -> Settings {
        Settings {
            task: task::find("cartpole-swingup").unwrap(),
            action_repeat: 4,
            trajectory_len: 5,
            num_actions: 3,
            rollouts: 2,
            horizon: 4,
            discount: 0.9,
            seed: 3,
        }
    }

    fn actor() -> Actor {
        let sizes = vec![5, 16, 1];
        let mut actor = Actor::new(&mut stream(1, Draws::Weights, 0), sizes, Activation::Relu, 0.5);
        // Narrow: actions beyond the actuator's limits would all do the same.
        if let Some(log_std) = actor.params_mut().last_mut() {
            *log_std = -2.0;
        }
        actor
    }

    #[test]
    fn a_window_depends_on_its_index_alone() {
        let mut walker = Walker::new(settings()).unwrap();
        let first = walker.window(&actor(), 7).unwrap();
        let other = walker.window(&actor(), 8).unwrap();
        let again = Walker::new(settings()).unwrap().window(&actor(), 7).unwrap();
        assert_eq!(walker.window(&actor(), 7).unwrap(), first);
        assert_eq!(first, again);
        assert_ne!(first.observations, other.observations);
        assert_eq!(first.observations.len(), 5 * 5);
        assert_eq!((first.actions.len(), first.returns.len()), (5 * 3, 5 * 3 * 2));
    }

    #[test]
    fn the_path_is_the_same_whatever_is_tried_beside_it() {
        let more = Settings { num_actions: 4, rollouts: 1, horizon: 9, ..settings() };
        let few = Walker::new(settings()).unwrap().window(&actor(), 2).unwrap();
        let many = Walker::new(more).unwrap().window(&actor(), 2).unwrap();
        assert_eq!(few.observations, many.observations);
        for t in 0..5 {
            assert_eq!(few.actions[3 * t], many.actions[4 * t]);
        }
    }

    #[test]
    fn rollouts_of_one_decision_are_the_reward_of_the_action() {
        let one = Settings { horizon: 1, ..settings() };
        let window = Walker::new(one).unwrap().window(&actor(), 4).unwrap();
        // Without the policy's noise after it, both rollouts of an action agree; actions do not.
        for returns in window.returns.chunks_exact(2) {
            assert_eq!(returns[0], returns[1]);
        }
        assert_ne!(window.returns[0], window.returns[2]);
        // With a second decision they part.
        let two = Settings { horizon: 2, ..settings() };
        let window = Walker::new(two).unwrap().window(&actor(), 4).unwrap();
        assert!(window.returns.chunks_exact(2).all(|returns| returns[0] != returns[1]));
    }

    #[test]
    fn with_a_critic_returns_become_advantages_that_go_on() {
        let mut trainer = daa_trainer::testing::small();
        trainer.iterate().unwrap();
        let critic = crate::variance::critic_of(&trainer, 0);
        let one = Settings { horizon: 1, rollouts: 1, ..settings() };
        let plain = Walker::new(one).unwrap().window(&actor(), 4).unwrap();
        let with = actor().with_critic(critic.clone());
        let found = Walker::new(one).unwrap().window(&with, 4).unwrap();
        assert_eq!(plain.observations, found.observations);
        // The action taken leads to the next state: r + gamma V(s') - V(s).
        for t in 0..4 {
            let value = |t: usize| critic.value(&found.observations[t * 5..][..5]);
            let expected = plain.returns[t * 3] + 0.9 * value(t + 1) - value(t);
            assert!((found.returns[t * 3] - expected).abs() < 1e-9);
            assert!(value(t).abs() > 1e-6);
        }
    }

    #[test]
    fn a_paths_returns_are_those_of_its_rewards() {
        let one = Settings { horizon: 1, ..settings() };
        let mut walker = Walker::new(one).unwrap();
        let rewards = walker.path(&actor(), 5).unwrap();
        let two =
            Walker::new(Settings { horizon: 2, ..settings() }).unwrap().path(&actor(), 5).unwrap();
        for t in 0..4 {
            let expected = rewards.returns[t] + 0.9 * rewards.returns[t + 1];
            assert!((two.returns[t] - expected).abs() < 1e-12);
        }
        // Rewinding walks the same path, and its rollouts begin with the same rewards.
        let window = walker.window(&actor(), 5).unwrap();
        assert_eq!(window.observations, rewards.observations);
        assert_eq!(window.returns[0], rewards.returns[0]);
        assert_eq!(window.returns[4 * 6], rewards.returns[4]);
    }

    #[test]
    fn windows_begin_all_over_the_episode_and_outlive_its_end() {
        let long = Settings { trajectory_len: 40, horizon: 200, rollouts: 1, ..settings() };
        let mut walker = Walker::new(long).unwrap();
        // Episodes last 250 decisions; 40 + 200 of them do not fit behind most starts.
        let starts: Vec<f64> =
            (0..8).map(|i| walker.path(&actor(), i).unwrap().observations[4].abs()).collect();
        // An episode's pole starts at rest; windows in its middle do not.
        assert!(starts.iter().filter(|speed| **speed > 0.2).count() >= 4, "{starts:?}");
    }
}
