//! The measurements as a table for a terminal, as a CSV file, and as a page of the documentation.

use std::fmt::Write as _;

use super::networks::{NETWORKS, WIDE, name};
use super::subject::Family;
use super::trace::Measured;

/// One network of one family.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) family: Family,
    pub(super) network: String,
    pub(super) multiply_adds: u64,
    /// The largest difference from our plain kernel's outputs, as a share of the largest output; none where the plain
    /// kernel was not measured.
    pub(super) difference: Option<f32>,
    pub(super) measured: Measured,
}

impl Row {
    fn per_multiply_add(&self) -> f64 {
        self.measured.instructions as f64 / self.multiply_adds as f64
    }
}

/// The table for a terminal, network by network.
pub(super) fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    for network in NETWORKS.into_iter().chain([WIDE]).map(name) {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.network == network).collect();
        let macs = rows.first().map_or(0, |row| row.multiply_adds);
        let _ = writeln!(text, "{network} ({macs} multiply-adds)");
        let _ = writeln!(
            text,
            "  {:<34} {:>4} {:>12} {:>8} {:>13} {:>11}",
            "", "", "instructions", "per MAC", "model cycles", "difference"
        );
        for row in rows {
            let _ = writeln!(
                text,
                "  {:<34} {:>4} {:>12} {:>8.2} {:>13} {:>11}",
                row.family.label,
                row.family.numbers,
                row.measured.instructions,
                row.per_multiply_add(),
                row.measured.model_cycles,
                difference(row)
            );
        }
    }
    text + "Instructions are counted. Cycles are a model: the Cortex-M4 manual's timings of the executed instructions,\n\
            without wait states. Only a board can measure cycles."
}

fn difference(row: &Row) -> String {
    match row.difference {
        Some(0.0) => "same bits".into(),
        Some(difference) => format!("{difference:.0e}"),
        None => "-".into(),
    }
}

/// The CSV file, one line for each row.
pub(super) fn csv(rows: &[Row]) -> String {
    let mut text =
        "subject,numbers,network,multiply_adds,instructions,model_cycles,difference\n".to_owned();
    for row in rows {
        let _ = writeln!(
            text,
            "\"{}\",{},{},{},{},{},{}",
            row.family.label,
            row.family.numbers,
            row.network,
            row.multiply_adds,
            row.measured.instructions,
            row.measured.model_cycles,
            row.difference.map_or_else(String::new, |difference| format!("{difference:e}"))
        );
    }
    text
}

/// The page `docs/benchmarks-mcu.md`.
pub(super) fn page(rows: &[Row], ticks: &str) -> String {
    let mut text = include_str!("page.md").to_owned();
    for network in NETWORKS.into_iter().chain([WIDE]).map(name) {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.network == network).collect();
        let macs = rows.first().map_or(0, |row| row.multiply_adds);
        let _ = write!(
            text,
            "\n## {network} ({macs} multiply-adds)\n\n\
             | | numbers | instructions | per multiply-add | model cycles | difference |\n\
             |---|---|---|---|---|---|\n"
        );
        for row in rows {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {:.2} | {} | {} |",
                row.family.label,
                row.family.numbers,
                row.measured.instructions,
                row.per_multiply_add(),
                row.measured.model_cycles,
                difference(row)
            );
        }
    }
    text + include_str!("tick.md") + ticks
}
