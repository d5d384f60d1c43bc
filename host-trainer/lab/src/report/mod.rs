//! Reports of runs: statistics over seeds, charts and tables, as one HTML page. `host-trainer report`.
//!
//! | file | what |
//! |---|---|
//! | `runs` | run directories, grouped into arms |
//! | `curves`, `analysis` | curves over seeds, scores, comparisons, times |
//! | `advice` | the advice on more actions or more states |
//! | `events` | TensorBoard's event files |
//! | `charts`, `tables`, `table`, `text`, `page`, `pictures` | the parts of a report, and its file formats |
//! | `command` | a whole report |
//!
//! The interquartile mean of some seeds with its 95 % interval, and a chart of it:
//!
//! ```
//! use daa_lab::plot::{Axis, Kind, RowChart, Series};
//! use daa_lab::stats::{Bootstrap, statistics};
//!
//! // [task][seed]; a single task is a single row.
//! let returns = [vec![810.0, 835.5, 790.2, 850.1, 122.0]];
//! let iqm = Bootstrap::default()
//!     .estimate(&returns, |returns| statistics::pooled(returns, statistics::iqm));
//! assert!((iqm.value - (810.0 + 835.5 + 790.2) / 3.0).abs() < 1e-9);
//!
//! let chart = RowChart {
//!     title: "Cartpole swingup".to_owned(),
//!     value: Axis::linear("return").from(0.0),
//!     series: vec![Series::new("DAA-PPO", 0)],
//!     rows: vec![("at 100k decisions".to_owned(), vec![Some(iqm)])],
//!     kind: Kind::Bars,
//!     marks: vec![736.0],
//! };
//! let file = chart.svg(true); // A file by itself; svg(false) is for a page with plot::style.
//! assert!(file.starts_with("<svg") && file.contains("prefers-color-scheme"));
//! ```
//!
//! A whole report, with additional paragraphs and sections:
//!
//! ```no_run
//! use daa_lab::plot;
//! use daa_lab::report::{Analysis, Options, Section, Source, Study};
//!
//! # fn main() -> anyhow::Result<()> {
//! let sources: Vec<Source> = ["N = 4=runs/fig5/n4".parse()?, "N = 16=runs/fig5/n16".parse()?].into();
//! let options = Options {
//!     title: "Figure 5".to_owned(),
//!     intro: vec!["The paper: returns grow with N up to 16.".to_owned()],
//!     ..Options::default()
//! };
//! let analysis = Analysis::new(Study::read(&sources, options.score)?, options)?;
//! let more = Section { heading: "Seen".to_owned(), html: format!("<p>{}</p>", plot::escape("…")) };
//! std::fs::write("fig5.html", analysis.html(&[], &[more]))?;
//! # Ok(())
//! # }
//! ```

mod advice;
mod analysis;
mod charts;
mod command;
pub mod curves;
mod events;
mod page;
mod pictures;
mod runs;
mod table;
mod tables;
mod text;

pub use analysis::{Analysis, Options, Outcome, Times};
pub use charts::Chart;
pub use command::{Request, report};
pub use curves::Centre;
pub use events::write_events;
pub use page::Section;
pub use pictures::{Picture, collect as pictures};
pub use runs::{Arm, Record, Score, SeedRecord, Source, Study};
pub use table::{Cell, Table};
