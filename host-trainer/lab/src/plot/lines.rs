//! Lines with bands.

use super::axis::Axis;
use super::svg::{Anchor, Svg, text_width};
use super::{Series, WIDTH};
use crate::stats::Estimate;

/// A point of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Horizontal coordinate.
    pub x: f64,
    /// Vertical coordinate, and the band around it.
    pub y: Estimate,
    /// Whether the line to this point is thinner, because fewer samples reached this point.
    pub weak: bool,
}

impl Point {
    /// A point without a band.
    #[must_use]
    pub fn new(x: f64, y: f64) -> Self {
        Self { x, y: Estimate::exact(y), weak: false }
    }
}

/// Lines with bands, one for each series.
///
/// ```
/// use daa_lab::stats::Estimate;
/// use daa_lab::plot::{Axis, LineChart, Point, Series};
/// let height = |x: f64| Estimate { value: 1.0 / x, interval: Some([0.8 / x, 1.3 / x]) };
/// let points = (1..9).map(f64::from).map(|x| Point { x, y: height(x), weak: false }).collect();
/// let chart = LineChart {
///     title: "Variance of the gradient".to_owned(),
///     x: Axis::linear("actions of a state, N"),
///     y: Axis::log("variance, relative"),
///     lines: vec![(Series::new("cheetah run", 0), points)],
///     marks: vec![],
///     steps: false,
/// };
/// std::fs::write(std::env::temp_dir().join("variance.svg"), chart.svg(true))?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineChart {
    /// Title above the chart.
    pub title: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// The lines, each in increasing order of x.
    pub lines: Vec<(Series, Vec<Point>)>,
    /// Heights of dotted lines to compare with, and their names.
    pub marks: Vec<(f64, String)>,
    /// Whether a line is a staircase: level up to its next point.
    pub steps: bool,
}

impl LineChart {
    /// The chart as SVG: a complete file where `alone`, else a part of a page that contains
    /// [`super::style::STYLE`].
    #[must_use]
    pub fn svg(&self, alone: bool) -> String {
        const PLOT: f64 = 300.0;
        let (left, right) = (64.0, WIDTH - 18.0);
        let mut svg = Svg::new(WIDTH);
        svg.text("title", [14.0, 24.0], Anchor::Start, &self.title);
        let entries: Vec<_> = self.lines.iter().map(|(s, _)| (s.line(), s.name.clone())).collect();
        let top = 44.0 + svg.legend([14.0, 46.0], &entries) + 4.0;
        let bottom = top + PLOT;

        let points = || self.lines.iter().flat_map(|(_, points)| points);
        let ends = |point: &Point| point.y.interval.unwrap_or([point.y.value; 2]);
        let heights = points().flat_map(|p| [ends(p)[0], p.y.value, ends(p)[1]]);
        let y = self.y.lay(heights.chain(self.marks.iter().map(|(y, _)| *y)), [bottom, top]);
        let x = self.x.lay(points().map(|point| point.x), [left, right]);
        for (value, text) in &y.ticks {
            let Some(at) = y.place(*value) else { continue };
            svg.line("grid", [left, at], [right, at]);
            svg.text("", [left - 8.0, at + 4.0], Anchor::End, text);
        }
        let mut free = f64::NEG_INFINITY;
        for (value, text) in &x.ticks {
            let Some(at) = x.place(*value) else { continue };
            svg.line("axis", [at, bottom], [at, bottom + 4.0]);
            let half = text_width(text, 12.5) / 2.0;
            if at - half > free {
                svg.text("", [at, bottom + 19.0], Anchor::Middle, text);
                free = at + half + 6.0;
            }
        }
        svg.line("axis", [left, bottom], [right, bottom]);
        svg.text("", [(left + right) / 2.0, bottom + 40.0], Anchor::Middle, &self.x.label);
        svg.upright([15.0, (top + bottom) / 2.0], &self.y.label);
        self.draw_marks(&mut svg, &y, [left, right]);

        for (series, points) in &self.lines {
            let place = |point: &Point, height: f64| Some([x.place(point.x)?, y.place(height)?]);
            let corners = |which: usize| -> Vec<[f64; 2]> {
                self.stepped(points.iter().filter_map(|p| place(p, p.y.interval?[which])).collect())
            };
            let (low, mut high) = (corners(0), corners(1));
            high.reverse();
            if low.len() > 1 {
                svg.path(
                    &format!("band {}", series.fill()),
                    &format!("{}Z", path(low.iter().chain(&high))),
                );
            }
        }
        for (series, points) in &self.lines {
            let placed: Vec<_> = points
                .iter()
                .filter_map(|p| Some(([x.place(p.x)?, y.place(p.y.value)?], p)))
                .collect();
            // The segment of a weak point is the one that ends at it.
            let strong = placed.iter().take_while(|(_, point)| !point.weak).count();
            let corners: Vec<_> = placed.iter().map(|(corner, _)| *corner).collect();
            let (certain, weak) = (&corners[..strong], &corners[strong.saturating_sub(1)..]);
            if certain.len() > 1 {
                svg.path(&series.line(), &path(&self.stepped(certain.to_vec())));
            }
            if weak.len() > 1 && strong < corners.len() {
                svg.path(&format!("{} thin", series.line()), &path(&self.stepped(weak.to_vec())));
            }
            let radius = if placed.len() == 1 { 4.0 } else { 2.4 };
            if placed.len() <= 60 && !self.steps {
                for (corner, point) in &placed {
                    let tip = format!(
                        "{}: {} at {}",
                        series.name,
                        said(point.y),
                        daa_trainer::number::number(point.x)
                    );
                    svg.dot(&series.fill(), *corner, radius, &tip);
                }
            }
        }
        svg.finish(bottom + 50.0, &self.title, alone)
    }

    /// Dotted lines with their names at the left, so that no name covers another.
    fn draw_marks(&self, svg: &mut Svg, y: &super::axis::Placed, [left, right]: [f64; 2]) {
        let mut marks: Vec<_> =
            self.marks.iter().filter_map(|(value, name)| Some((y.place(*value)?, name))).collect();
        marks.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut free = f64::NEG_INFINITY;
        for (at, name) in marks {
            svg.line("mark", [left, at], [right, at]);
            // The name is above its line, or below it where the previous name leaves no space.
            let text = if at - 4.0 >= free { at - 4.0 } else { (at + 11.0).max(free) };
            svg.text("note", [left + 6.0, text], Anchor::Start, name);
            free = text + 12.0;
        }
    }

    /// The points of a line, with the corners of a staircase where the chart has staircases.
    fn stepped(&self, corners: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
        if !self.steps {
            return corners;
        }
        let mut all: Vec<[f64; 2]> = Vec::with_capacity(2 * corners.len());
        for corner in corners {
            if let Some(last) = all.last().copied() {
                all.push([corner[0], last[1]]);
            }
            all.push(corner);
        }
        all
    }
}

fn path<'a>(corners: impl IntoIterator<Item = &'a [f64; 2]>) -> String {
    let mut data = String::new();
    for [x, y] in corners {
        let letter = if data.is_empty() { 'M' } else { 'L' };
        data.push_str(&format!("{letter}{x:.1} {y:.1}"));
    }
    data
}

/// A number and its interval in words.
pub(super) fn said(estimate: Estimate) -> String {
    let value = daa_trainer::number::number(estimate.value);
    match estimate.interval {
        Some([low, high]) => format!(
            "{value} [{}, {}]",
            daa_trainer::number::number(low),
            daa_trainer::number::number(high)
        ),
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<Point>) -> LineChart {
        LineChart {
            x: Axis::linear("x").from(0.0).to(100.0),
            y: Axis::linear("y").from(0.0).to(10.0),
            lines: vec![(Series::new("a", 0), points)],
            ..LineChart::default()
        }
    }

    #[test]
    fn a_line_goes_through_its_points() {
        let svg = chart(vec![Point::new(0.0, 0.0), Point::new(50.0, 10.0), Point::new(100.0, 5.0)])
            .svg(false);
        // The plot is 638 by 300, its lower left corner at 64, 368.
        assert!(svg.contains("d=\"M64.0 368.0L383.0 68.0L702.0 218.0\""), "{svg}");
    }

    #[test]
    fn weak_points_are_drawn_apart() {
        let mut points = vec![Point::new(0.0, 0.0), Point::new(50.0, 10.0), Point::new(100.0, 5.0)];
        assert!(!chart(points.clone()).svg(false).contains("thin"));
        points[2].weak = true;
        let svg = chart(points).svg(false);
        assert!(svg.contains("class=\"line s0 thin\" d=\"M383.0 68.0L702.0 218.0\""), "{svg}");
    }

    #[test]
    fn no_data_and_bad_data_make_a_picture_too() {
        for points in
            [vec![], vec![Point::new(f64::NAN, 1.0)], vec![Point::new(1.0, f64::INFINITY)]]
        {
            let svg = chart(points).svg(true);
            assert!(svg.starts_with("<svg") && !svg.contains("NaN") && !svg.contains("inf"));
        }
    }
}
