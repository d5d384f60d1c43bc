//! The cost of networks and of whole ticks on the microcontroller, ours and other libraries'.

mod cycles;
mod microflow;
#[path = "../../../firmware/bench/networks.rs"]
#[allow(unreachable_pub, reason = "shared with a build script")]
mod networks;
mod peers;
mod report;
mod subject;
mod tick;
mod trace;

use anyhow::{Result, bail};

use crate::files;
use crate::progress::Step;
use crate::project::Project;
use peers::Workshop;
use report::Row;
use subject::{Agreement, PROGRAMS};

/// Builds, measures, compares, prints a table, and writes page and CSV unless `dry`.
///
/// # Errors
/// When a program does not build, fails in the emulator, or computes other outputs than it should.
pub fn microcontroller(project: &Project, dry: bool) -> Result<()> {
    let workshop = Workshop::open(project)?;
    let mut rows: Vec<Row> = Vec::new();
    for (program, families) in PROGRAMS {
        let elf = program.build(project, &workshop)?;
        let step = Step::new(format!("counting in {}", project.shorten(&elf)));
        let measured = trace::run(project, &elf)?;
        step.done();
        for family in families {
            for network in networks::NETWORKS.into_iter().chain([networks::WIDE]) {
                let name = networks::name(network);
                let function = format!("{}_{}", family.prefix, name.replace('-', "_"));
                let Some(found) = measured.iter().find(|found| found.function == function) else {
                    if network == networks::WIDE {
                        continue; // Too large as floats, too slow for the clock without assembly.
                    }
                    bail!("{} has no function {function}", project.shorten(&elf));
                };
                let reference = rows.iter().find(|row| row.network == name);
                let difference =
                    reference.map(|row| difference(&row.measured.outputs, &found.outputs));
                let agrees = match (family.agreement, reference) {
                    (_, None) => true,
                    (Agreement::Bits, Some(row)) => equal(&row.measured.outputs, &found.outputs),
                    (Agreement::Within(share), _) => difference.is_some_and(|d| d <= share),
                };
                if !agrees {
                    bail!(
                        "{} computes other outputs than our plain kernel for {name}: {:?}",
                        family.label,
                        found.outputs
                    );
                }
                let (family, measured) = (*family, found.clone());
                rows.push(Row {
                    family,
                    network: name,
                    multiply_adds: macs(network),
                    difference,
                    measured,
                });
            }
        }
    }
    let measured = tick::measure(project)?;
    let ticks = tick::table(&measured);
    println!("{}\n\n{ticks}", report::table(&rows));
    if !dry {
        let docs = project.root().join("docs");
        files::write(&docs.join("benchmarks/mcu.csv"), report::csv(&rows))?;
        files::write(&docs.join("benchmarks/mcu-ticks.csv"), tick::csv(&measured))?;
        files::write(&docs.join("benchmarks-mcu.md"), report::page(&rows, &ticks))?;
    }
    Ok(())
}

fn macs((inputs, hidden, outputs): (usize, usize, usize)) -> u64 {
    (inputs * hidden + hidden * hidden + hidden * outputs) as u64
}

fn equal(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

/// The largest difference as a share of the largest output; infinite when the outputs cannot be compared.
fn difference(reference: &[f32], outputs: &[f32]) -> f32 {
    let largest = reference.iter().fold(0f32, |largest, y| largest.max(y.abs()));
    if reference.len() != outputs.len() || largest == 0.0 {
        return f32::INFINITY;
    }
    let differences = reference.iter().zip(outputs).map(|(a, b)| (a - b).abs());
    differences.fold(0f32, |most, d| if d.is_nan() { f32::INFINITY } else { most.max(d) }) / largest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_compared() {
        assert_eq!(difference(&[2.0, -4.0], &[2.0, -3.0]), 0.25);
        assert_eq!(difference(&[1.0], &[f32::NAN]), f32::INFINITY);
        assert_eq!(difference(&[1.0], &[]), f32::INFINITY);
        assert!(equal(&[0.0], &[0.0]) && !equal(&[0.0], &[-0.0]) && !equal(&[0.0], &[]));
    }
}
