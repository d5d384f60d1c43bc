//! Costs of states and actions, and the number of extra actions that they justify.

use super::{Components, Condition};

/// Costs of a state and of an extra action, in any common unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prices {
    /// Cost of a state, the action taken included.
    pub state: f64,
    /// Cost of an extra action in a state.
    pub action: f64,
}

impl Prices {
    /// The paper's delta: the cost of raising the extra actions per state from `from` to `to`, as a multiple of the
    /// cost of a state with `from` extra actions.
    ///
    /// ```
    /// use daa_trainer::decomposition::Prices;
    /// // A state with two extra actions costs 4 + 2; two more cost a third of that.
    /// assert_eq!(Prices { state: 4.0, action: 1.0 }.extension(2, 4), 2.0 / 6.0);
    /// ```
    #[must_use]
    pub fn extension(self, from: usize, to: usize) -> f64 {
        (to - from) as f64 * self.action / (self.state + from as f64 * self.action)
    }

    /// Compares two ways to spend the same budget: raising the extra actions per state from `from` to `to`, or longer
    /// trajectories (Lemma 2, Eq. 28). Returns the reduction of the gradient's variance for each, as a share of the
    /// variance with `from` extra actions. Finite even if actions are free.
    ///
    /// ```
    /// use daa_trainer::decomposition::{Components, Prices, Verdict};
    /// // Samples vary by 6 within a state and by 1 between states. One extra action: 1 + 6/2 = 4.
    /// let c = Components { state_variance: 1.0, action_variance: 6.0, ..Components::default() };
    /// // A second one leaves 1 + 6/3 = 3: a quarter less. It costs a quarter of 3 + 1, and trajectories
    /// // longer by a quarter leave 4 / 1.25: a fifth less.
    /// let trade = Prices { state: 3.0, action: 1.0 }.trade(&c, 100, 1, 2);
    /// assert!((trade.actions - 0.25).abs() < 1e-12 && (trade.states - 0.2).abs() < 1e-12);
    /// assert_eq!(trade.verdict(), Verdict::MoreActions);
    /// // The same at the price of a state.
    /// let trade = Prices { state: 1.0, action: 1.0 }.trade(&c, 100, 1, 2);
    /// assert_eq!(trade.verdict(), Verdict::MoreStates);
    /// // With free actions, the same budget buys no states.
    /// assert_eq!(Prices { state: 1.0, action: 0.0 }.trade(&c, 100, 1, 2).states, 0.0);
    /// ```
    #[must_use]
    pub fn trade(self, c: &Components, trajectory_len: usize, from: usize, to: usize) -> Condition {
        let now = c.variance(from + 1, trajectory_len);
        let extension = self.extension(from, to);
        let scale = if now == 0.0 { 1.0 } else { now.abs() };
        Condition {
            actions: (now - c.variance(to + 1, trajectory_len)) / scale,
            states: -c.delta_states(from + 1, trajectory_len, extension) / scale,
        }
    }
}

/// Returns the next number of extra actions: `2 now` if the additional actions certainly reduce the variance more than
/// states for the same cost, `now / 2` if the second half of the actions certainly does not, and `now` otherwise; always
/// between `least` and `most`. `trade(from, to)` returns the advantage of raising the number from `from` to `to` over
/// states for the same cost, and whether the sign of the advantage is certain.
#[must_use]
pub fn next_num_actions(
    now: usize,
    [least, most]: [usize; 2],
    trade: impl Fn(usize, usize) -> (f64, bool),
) -> usize {
    let more = (2 * now).min(most);
    if more > now && matches!(trade(now, more), (gain, true) if gain > 0.0) {
        return more;
    }
    let less = (now / 2).max(least);
    if less < now && matches!(trade(less, now), (gain, true) if gain < 0.0) {
        return less;
    }
    now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_actions_moves_only_where_it_is_certain_and_stays_in_its_bounds() {
        let next = |now, answer: (f64, bool)| next_num_actions(now, [2, 24], |_, _| answer);
        assert_eq!(
            [next(8, (1.0, true)), next(16, (1.0, true)), next(24, (1.0, true))],
            [16, 24, 24]
        );
        assert_eq!(
            [next(8, (-1.0, true)), next(3, (-1.0, true)), next(2, (-1.0, true))],
            [4, 2, 2]
        );
        assert_eq!(
            [next(8, (1.0, false)), next(8, (-1.0, false)), next(8, (f64::NAN, true))],
            [8; 3]
        );
    }

    proptest::proptest! {
        #[test]
        fn bandits_never_want_actions_at_the_price_of_a_state(
            state in 0.0..9.0f64,
            action in 1e-3..9.0f64,
            from in 0usize..40,
            more in 1usize..40,
            price in 1.0..20.0f64,
            cheap in 0.01..0.3f64,
        ) {
            let c = Components { state_variance: state, action_variance: action, ..Components::default() };
            let margin = |c: &Components, price: f64| {
                Prices { state: 1.0, action: price }.trade(c, 7, from, from + more).margin()
            };
            proptest::prop_assert!(margin(&c, price) <= 1e-12);
            // If all states have equal gradients, actions cheaper than states always pay.
            let alike = Components { state_variance: 0.0, ..c };
            proptest::prop_assert!(margin(&alike, cheap) > 0.0);
        }
    }

    #[test]
    fn with_known_components_it_comes_to_the_best_number_at_that_cost() {
        // The variance times the cost of a state, (1 + 30 / (N + 1)) (10 + N), is smallest near N = 15.
        let c = Components { state_variance: 1.0, action_variance: 30.0, ..Components::default() };
        let prices = Prices { state: 10.0, action: 1.0 };
        let walk = |from| {
            let step = |now| {
                next_num_actions(now, [1, 1000], |a, b| (prices.trade(&c, 64, a, b).margin(), true))
            };
            (0..20).fold(from, |now, _| step(now))
        };
        for from in [1, 2, 7, 100, 1000] {
            let end = walk(from);
            assert!((11..=23).contains(&end), "{from} -> {end}");
        }
        let cost = |n: usize| c.variance(n + 1, 64) * (10.0 + n as f64);
        assert!((1..200).all(|n| cost(n) >= 0.97 * cost(walk(1))));
    }
}
