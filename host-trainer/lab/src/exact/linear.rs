//! Dense linear algebra for problems with a few states.

/// Solves `matrix x = right` for a square row-major matrix, by elimination with row exchanges.
pub(super) fn solve(mut matrix: Vec<f64>, mut right: Vec<f64>) -> Vec<f64> {
    let n = right.len();
    for column in 0..n {
        let size = |row: &usize| matrix[row * n + column].abs();
        let pivot = (column..n).max_by(|a, b| size(a).total_cmp(&size(b))).unwrap_or(column);
        (0..n).for_each(|i| matrix.swap(column * n + i, pivot * n + i));
        right.swap(column, pivot);
        for row in column + 1..n {
            let factor = matrix[row * n + column] / matrix[column * n + column];
            (column..n).for_each(|i| matrix[row * n + i] -= factor * matrix[column * n + i]);
            right[row] -= factor * right[column];
        }
    }
    for row in (0..n).rev() {
        let known: f64 = (row + 1..n).map(|i| matrix[row * n + i] * right[i]).sum();
        right[row] = (right[row] - known) / matrix[row * n + row];
    }
    right
}

/// Values of a Markov reward process: `v = reward + discount chain v`.
pub(super) fn values(chain: &[f64], reward: &[f64], discount: f64) -> Vec<f64> {
    let n = reward.len();
    let entry = |i: usize| f64::from(u8::from(i / n == i % n)) - discount * chain[i];
    solve((0..n * n).map(entry).collect(), reward.to_vec())
}

/// The stationary distribution of `chain`, which must have one recurrent class.
pub(super) fn stationary(chain: &[f64], n: usize) -> Vec<f64> {
    // Columns of (chain - 1) transposed sum to 0: one equation is replaced by "sums to 1".
    let mut matrix = vec![1.0; n * n];
    for row in 0..n - 1 {
        for column in 0..n {
            let diagonal = f64::from(u8::from(row == column));
            matrix[row * n + column] = chain[column * n + row] - diagonal;
        }
    }
    let mut right = vec![0.0; n];
    right[n - 1] = 1.0;
    solve(matrix, right)
}

/// Expected discounted visits of each state from `start`: `d = start + discount chain' d`.
pub(super) fn visits(chain: &[f64], start: &[f64], discount: f64) -> Vec<f64> {
    let n = start.len();
    let transposed: Vec<f64> = (0..n * n).map(|i| chain[(i % n) * n + i / n]).collect();
    values(&transposed, start, discount)
}

/// The index whose part of the cumulated probabilities contains a number in 0..1.
pub(super) fn draw(unit: f64, probabilities: &[f64]) -> usize {
    let mut left = unit;
    for (index, probability) in probabilities.iter().enumerate() {
        left -= probability;
        if left < 0.0 {
            return index;
        }
    }
    // Rounding: the probabilities sum to a little less than 1.
    probabilities.iter().rposition(|probability| *probability > 0.0).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_that_needs_a_row_exchange_is_solved() {
        // y = 2, x + y = 5.
        assert_eq!(solve(vec![0.0, 1.0, 1.0, 1.0], vec![2.0, 5.0]), [3.0, 2.0]);
    }

    #[test]
    fn two_states_have_the_distribution_and_values_of_hand_calculation() {
        // 0 -> 1 with 0.2, 1 -> 0 with 0.3: balance p0 0.2 = p1 0.3.
        let chain = [0.8, 0.2, 0.3, 0.7];
        let stationary = stationary(&chain, 2);
        assert!((stationary[0] - 0.6).abs() < 1e-12 && (stationary[1] - 0.4).abs() < 1e-12);
        // Reward 1 in every state: 1 / (1 - 0.9) everywhere; 10 visits in all.
        let values = values(&chain, &[1.0, 1.0], 0.9);
        assert!(values.iter().all(|value| (value - 10.0).abs() < 1e-12));
        let visits = visits(&chain, &[1.0, 0.0], 0.9);
        assert!((visits.iter().sum::<f64>() - 10.0).abs() < 1e-12);
        assert!(visits[0] > visits[1]);
    }

    #[test]
    fn draws_fall_where_the_probabilities_are() {
        assert_eq!([0.0, 0.19, 0.2, 0.99].map(|unit| draw(unit, &[0.2, 0.8, 0.0])), [0, 0, 1, 1]);
        assert_eq!(draw(1.0, &[0.2, 0.8, 0.0]), 1);
    }
}
