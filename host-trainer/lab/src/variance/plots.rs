//! Charts of measurements: the components of the variance, and how actions and states reduce it.

use super::table::{Report, TABLE_1};
use crate::plot::{Axis, Kind, LineChart, Point, RowChart, Series};
use crate::stats::Estimate;

/// The four lines of Table 1.
const PARTS: [&str; 4] =
    ["1 states differ", "2 actions differ", "3 states in a row", "4 what actions lead to"];

/// Stacked components by task, measured and of the paper, as shares of the sum of the positive components. The
/// names of the rows list the negative components.
pub(super) fn components(reports: &[Report]) -> RowChart {
    let mut rows = Vec::new();
    for report in reports {
        let task = report.settings.task.name;
        let own: Vec<f64> = report.rows[..4].iter().map(|row| row.interval.value).collect();
        rows.push(row(task, &own));
        let published = TABLE_1.iter().find(|published| published.task == task);
        if let Some(published) = published.filter(|_| report.rows[0].paper.is_some()) {
            rows.push(row("the paper", &published.components[..4]));
        }
    }
    RowChart {
        title: "What the variance of the policy gradient is made of".to_owned(),
        value: Axis::linear("share of the positive parts, %").from(0.0).to(100.0),
        series: PARTS.iter().enumerate().map(|(n, name)| Series::new(name, n)).collect(),
        rows,
        kind: Kind::Stacked,
        marks: vec![],
    }
}

fn row(name: &str, parts: &[f64]) -> (String, Vec<Option<Estimate>>) {
    let whole: f64 = parts.iter().map(|part| part.max(0.0)).sum();
    let below: Vec<String> =
        (1..).zip(parts).filter(|(_, x)| **x < 0.0).map(|(n, _)| n.to_string()).collect();
    let name = match below.as_slice() {
        [] => name.to_owned(),
        below => format!("{name} ({} below 0)", below.join(", ")),
    };
    let share = |part: &f64| Some(Estimate::exact(100.0 * part.max(0.0) / whole));
    (name, parts.iter().map(share).collect())
}

/// Charts of `Delta_N` and `Delta_T` over N and over T, with the names of their files.
pub(super) fn deltas(report: &Report) -> [(String, LineChart); 2] {
    let (task, len) = (report.settings.task.name, report.settings.trajectory_len);
    let chart = |over: &str, title: String, x: &str, rows: &[(usize, [Estimate; 2])]| {
        let line = |side: usize| -> Vec<Point> {
            let point = |(at, sides): &(usize, [Estimate; 2])| Point {
                x: *at as f64,
                y: sides[side],
                weak: false,
            };
            rows.iter().map(point).collect()
        };
        let chart = LineChart {
            title,
            x: Axis::log(x),
            y: Axis::linear("less variance, % of it").from(0.0),
            lines: vec![
                (Series::new("one more action a state", 1), line(0)),
                (Series::new(&format!("{} T more states", report.extension), 0), line(1)),
            ],
            marks: vec![],
            steps: false,
        };
        (format!("deltas-{over}-{task}.svg"), chart)
    };
    [
        chart("n", format!("{task}, T = {len}"), "actions of a state, N", &report.by_actions),
        chart(
            "t",
            format!("{task}, N = {}", report.now),
            "states of a trajectory, T",
            &report.by_states,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_negative_parts_are_named() {
        let (name, parts) = row("reacher", &[1.0, 6.0, 1.0, -2.0]);
        assert_eq!(name, "reacher (4 below 0)");
        let values: Vec<f64> = parts.iter().map(|part| part.unwrap().value).collect();
        assert_eq!(values, [12.5, 75.0, 12.5, 0.0]);
        assert_eq!(row("cartpole", &[1.0; 4]).0, "cartpole");
    }
}
