//! Charts as SVG that look right on light and on dark ground.
//!
//! | file | what |
//! |---|---|
//! | `lines` | lines with bands: learning curves, profiles, variances against N |
//! | `rows` | bars, dots with intervals, bars made of parts |
//! | `axis` | linear and logarithmic axes with round marks |
//! | `style` | colours as custom properties, chosen by `prefers-color-scheme` |
//! | `svg` | the writer |
//!
//! A chart is a plain struct; `svg(true)` is a file of its own, `svg(false)` a part of a page whose
//! style sheet holds [`style::STYLE`] and [`style::colours`].

mod axis;
mod lines;
mod rows;
pub mod style;
mod svg;

pub use axis::{Axis, Scale};
pub use lines::{LineChart, Point};
pub use rows::{Kind, RowChart};
pub use svg::escape;

/// Width of every chart, in its own units.
const WIDTH: f64 = 720.0;

/// What a colour stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// In the legend.
    pub name: String,
    /// Number of the colour; the same number is the same colour in every chart.
    pub colour: usize,
}

impl Series {
    /// A name and the number of its colour.
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

    /// The stroke of a bar's key.
    fn key(&self) -> String {
        format!("swatch s{}", self.colour % style::COLOURS)
    }
}
