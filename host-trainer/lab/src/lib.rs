//! Analysis of runs: statistics, charts, reports, the variance of gradients, the quality of estimators,
//! studies of many runs, benchmarks and pictures.

pub mod bench;
mod csv_file;
pub mod exact;
pub mod plot;
pub mod quality;
pub mod render;
pub mod report;
pub mod stats;
pub mod study;
pub mod subject;
pub mod variance;
