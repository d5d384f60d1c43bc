//! Charts as SVG, legible on light and on dark backgrounds.
//!
//! | file | what |
//! |---|---|
//! | `lines` | lines with bands: learning curves, profiles, variances against N |
//! | `rows` | bars, dots with intervals, stacked bars |
//! | `axis` | linear and logarithmic axes with round marks |
//! | `style` | colours as custom properties, selected by `prefers-color-scheme` |
//! | `svg` | the writer |
//!
//! A chart is a plain struct; `svg(true)` is a complete file, `svg(false)` a part of a page whose style sheet
//! contains [`style::STYLE`] and [`style::colours`].

mod axis;
mod lines;
mod rows;
pub mod style;
mod svg;

pub use axis::{Axis, Scale};
pub use lines::{LineChart, Point};
pub use rows::{Kind, RowChart};
pub use svg::escape;

/// Width of every chart in SVG units.
const WIDTH: f64 = 720.0;

/// A series of a chart: its name and its colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// Name in the legend.
    pub name: String,
    /// Number of the colour, which is the same colour in every chart.
    pub colour: usize,
}

impl Series {
    /// A series with the number of its colour.
    #[must_use]
    pub fn new(name: &str, colour: usize) -> Self {
        Self { name: name.to_owned(), colour }
    }

    fn fill(&self) -> String {
        format!("f{}", self.colour % style::COLOURS)
    }

    fn line(&self) -> String {
        let dashed = if self.colour >= style::COLOURS { " dashed" } else { "" };
        format!("line s{}{dashed}", self.colour % style::COLOURS)
    }

    /// Style of the series' key in the legend.
    fn key(&self) -> String {
        format!("swatch s{}", self.colour % style::COLOURS)
    }
}
