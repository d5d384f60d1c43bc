//! Rows of bars, of dots with intervals, or of stacked bars.

use super::axis::{Axis, Placed};
use super::lines::said;
use super::svg::{Anchor, Svg, text_width};
use super::{Series, WIDTH};
use crate::stats::Estimate;
use daa_trainer::number::number;

/// Shape in which the values of a row are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A bar for each series, with whiskers.
    #[default]
    Bars,
    /// A dot for each series, with whiskers.
    Dots,
    /// One bar in which the series follow one another.
    Stacked,
}

/// Rows of bars or dots.
///
/// ```
/// use daa_lab::stats::Estimate;
/// use daa_lab::plot::{Axis, Kind, RowChart, Series};
/// let chart = RowChart {
///     title: "Where the variance comes from".to_owned(),
///     value: Axis::linear("share").from(0.0).to(1.0),
///     series: vec![Series::new("states", 0), Series::new("actions", 1)],
///     rows: vec![("cheetah run".to_owned(), [0.2, 0.8].map(|v| Some(Estimate::exact(v))).to_vec())],
///     kind: Kind::Stacked,
///     marks: vec![],
/// };
/// assert!(chart.svg(false).starts_with("<svg"));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowChart {
    /// Title above the chart.
    pub title: String,
    /// Axis of the values.
    pub value: Axis,
    /// Series; a row has one value for each.
    pub series: Vec<Series>,
    /// Name and values of each row; a missing value takes no space.
    pub rows: Vec<(String, Vec<Option<Estimate>>)>,
    /// Shape of the values.
    pub kind: Kind,
    /// Values to compare with.
    pub marks: Vec<f64>,
}

/// Height of a bar.
const BAR: f64 = 15.0;

/// Space between the bars of a row, and between rows.
const GAP: [f64; 2] = [4.0, 16.0];

impl RowChart {
    /// The chart as SVG: a complete file where `alone`, else a part of a page that contains
    /// [`super::style::STYLE`].
    #[must_use]
    pub fn svg(&self, alone: bool) -> String {
        let widest = self.rows.iter().map(|(name, _)| text_width(name, 12.5)).fold(60.0, f64::max);
        let (left, right) = ((widest + 22.0).min(0.45 * WIDTH), WIDTH - 70.0);
        let mut svg = Svg::new(WIDTH);
        svg.text("title", [14.0, 24.0], Anchor::Start, &self.title);
        let most = self.rows.iter().map(|(_, values)| values.iter().flatten().count()).max();
        let most = most.unwrap_or(0).max(1);
        // The only series of a chart needs no name beside the name of its row.
        let shown = self.series.len() > 1 && most > 1;
        let keys: Vec<_> = self.series.iter().map(|s| (s.key(), s.name.clone())).collect();
        let legend = if shown { svg.legend([14.0, 46.0], &keys) } else { 0.0 };
        let top = 40.0 + legend + 4.0;
        let bars = if self.kind == Kind::Stacked { 1 } else { most };
        let height = bars as f64 * (BAR + GAP[0]) - GAP[0] + GAP[1];
        let bottom = top + height * self.rows.len() as f64 + 4.0;

        let axis = self.value.lay(self.extent(), [left, right]);
        for (value, text) in &axis.ticks {
            let Some(at) = axis.place(*value) else { continue };
            svg.line("grid", [at, top], [at, bottom]);
            svg.text("", [at, bottom + 17.0], Anchor::Middle, text);
        }
        for at in self.marks.iter().filter_map(|value| axis.place(*value)) {
            svg.line("mark", [at, top], [at, bottom]);
        }
        svg.text("", [(left + right) / 2.0, bottom + 38.0], Anchor::Middle, &self.value.label);
        for (index, (name, values)) in self.rows.iter().enumerate() {
            let y = top + height * index as f64 + GAP[1] / 2.0;
            let middle = y + (height - GAP[1]) / 2.0;
            svg.text("key", [left - 10.0, middle + 4.0], Anchor::End, &cut(name, left - 14.0));
            match self.kind {
                Kind::Stacked => self.stack(&mut svg, &axis, y, values),
                _ => self.side_by_side(&mut svg, &axis, y, values),
            }
        }
        if self.kind != Kind::Dots {
            svg.line("axis", [axis.foot(), top], [axis.foot(), bottom]);
        }
        svg.finish(bottom + 48.0, &self.title, alone)
    }

    /// All numbers that the axis must contain.
    fn extent(&self) -> impl Iterator<Item = f64> {
        let mut all = self.marks.clone();
        for (_, values) in &self.rows {
            let known = values.iter().flatten();
            if self.kind == Kind::Stacked {
                all.push(known.map(|estimate| estimate.value).filter(|v| v.is_finite()).sum());
            } else {
                all.extend(known.flat_map(|e| {
                    let [low, high] = e.interval.unwrap_or([e.value; 2]);
                    [low, e.value, high]
                }));
            }
        }
        // The length of a bar is its value only where the bar begins at 0.
        if self.kind != Kind::Dots {
            all.push(0.0);
        }
        all.into_iter()
    }

    fn side_by_side(&self, svg: &mut Svg, axis: &Placed, y: f64, values: &[Option<Estimate>]) {
        let known = self.series.iter().zip(values).filter_map(|(s, value)| Some((s, (*value)?)));
        for (index, (series, estimate)) in known.enumerate() {
            let Some(at) = axis.place(estimate.value) else { continue };
            let y = y + index as f64 * (BAR + GAP[0]);
            let middle = y + BAR / 2.0;
            let tip = format!("{}: {}", series.name, said(estimate));
            if self.kind == Kind::Bars {
                let (from, to) = (axis.foot().min(at), axis.foot().max(at));
                svg.rect(&format!("bar {}", series.fill()), [from, y], [to - from, BAR], &tip);
            }
            let mut end = at;
            let places = estimate.interval.map(|ends| ends.map(|value| axis.place(value)));
            if let Some([Some(low), Some(high)]) = places {
                let data = format!(
                    "M{low:.1} {middle:.1}H{high:.1}M{low:.1} {:.1}v6M{high:.1} {:.1}v6",
                    middle - 3.0,
                    middle - 3.0
                );
                svg.path_with_tip("whisker", &data, &tip);
                end = end.max(high);
            }
            if self.kind == Kind::Dots {
                svg.dot(&series.fill(), [at, middle], 5.0, &tip);
            }
            svg.text("value", [end + 7.0, middle + 4.0], Anchor::Start, &number(estimate.value));
        }
    }

    fn stack(&self, svg: &mut Svg, axis: &Placed, y: f64, values: &[Option<Estimate>]) {
        let mut sum = 0.0;
        for (series, estimate) in self.series.iter().zip(values) {
            let Some(value) =
                estimate.map(|e| e.value).filter(|value| *value > 0.0 && value.is_finite())
            else {
                continue;
            };
            let (Some(from), Some(to)) = (axis.place(sum), axis.place(sum + value)) else {
                continue;
            };
            sum += value;
            let tip = format!("{}: {}", series.name, number(value));
            svg.rect(&format!("bar edge {}", series.fill()), [from, y], [to - from, BAR], &tip);
        }
        if let Some(end) = axis.place(sum) {
            svg.text("value", [end + 7.0, y + BAR / 2.0 + 4.0], Anchor::Start, &number(sum));
        }
    }
}

/// The name, shortened with an ellipsis where it is too long.
fn cut(name: &str, room: f64) -> String {
    let fits = (room / text_width("m", 12.5)).max(4.0) as usize;
    if name.chars().count() <= fits {
        return name.to_owned();
    }
    name.chars().take(fits - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(kind: Kind, values: &[f64]) -> RowChart {
        RowChart {
            title: "t".to_owned(),
            value: Axis::linear("v").from(0.0).to(10.0),
            series: (0..values.len()).map(|n| Series::new(&format!("s{n}"), n)).collect(),
            rows: vec![(
                "row".to_owned(),
                values.iter().map(|v| Some(Estimate::exact(*v))).collect(),
            )],
            kind,
            marks: vec![],
        }
    }

    /// Left ends and widths of the bars.
    fn bars(svg: &str) -> Vec<[f64; 2]> {
        let number = |part: &str, name: &str| -> f64 {
            part.split(&format!(" {name}=\""))
                .nth(1)
                .unwrap()
                .split('"')
                .next()
                .unwrap()
                .parse()
                .unwrap()
        };
        svg.split("<rect class=\"bar")
            .skip(1)
            .map(|part| [number(part, "x"), number(part, "width")])
            .collect()
    }

    #[test]
    fn bars_begin_at_zero_and_parts_at_each_other() {
        // "row" leaves 82 on the left, 70 on the right: 568 for 10.
        let unit = (650.0 - 82.0) / 10.0;
        for (kind, starts) in [(Kind::Bars, [0.0, 0.0]), (Kind::Stacked, [0.0, 4.0])] {
            let found = bars(&chart(kind, &[4.0, 2.0]).svg(false));
            let expected =
                [[82.0 + unit * starts[0], 4.0 * unit], [82.0 + unit * starts[1], 2.0 * unit]];
            for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
                assert!((found - expected).abs() < 0.11, "{kind:?} {found} {expected}");
            }
        }
    }

    #[test]
    fn no_data_and_bad_data_make_a_picture_too() {
        for kind in [Kind::Bars, Kind::Dots, Kind::Stacked] {
            for values in [&[][..], &[f64::NAN], &[-3.0, f64::INFINITY]] {
                let svg = chart(kind, values).svg(true);
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{kind:?} {values:?}: {svg}");
            }
        }
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(cut("a long name of a row", 70.0), "a long na…");
        assert_eq!(cut("short", 70.0), "short");
    }
}
