//! The report that `host-trainer hil --json` prints, and a table for people.

use serde::Deserialize;

/// Several episodes with the microcontroller as the controller.
#[derive(Debug, Deserialize)]
pub struct Report {
    /// The episodes in order.
    pub episodes: Vec<Episode>,
    /// Cost of the network alone.
    pub network: Cost,
    /// Cost of a whole decision.
    pub decision: Cost,
    /// The deepest stack.
    pub stack_high_water_bytes: u64,
    #[serde(default)]
    planned: Option<Planned>,
    #[serde(default)]
    plan_instructions: Option<u64>,
    #[serde(default)]
    period_us: u64,
}

/// Planning on the microcontroller, summed over all decisions.
#[derive(Debug, Deserialize)]
struct Planned {
    decisions: u64,
    changed: u64,
    fewest: u64,
}

/// The processor's clock on the board.
const CORE_MHZ: u64 = 168;

/// One episode.
#[derive(Debug, Deserialize)]
pub struct Episode {
    /// Return with the host's actions.
    pub host_return: f64,
    /// Return with the microcontroller's actions.
    pub mcu_return: f64,
    /// Actions of the microcontroller that differ from the host's in any bit.
    pub differing_actions: u64,
    /// Actions that were not the policy's.
    pub outside_run: u64,
    /// Number of actions.
    pub decisions: u64,
    /// Mean over the episode.
    pub instructions_per_decision: f64,
}

/// Cost of a computation.
#[derive(Debug, Deserialize)]
pub struct Cost {
    /// Executed instructions.
    pub instructions: u64,
    /// Multiply-adds of the network.
    pub multiply_adds: u64,
}

impl Cost {
    fn per_multiply_add(&self) -> f64 {
        self.instructions as f64 / self.multiply_adds.max(1) as f64
    }
}

impl Report {
    /// The mean returns of host and microcontroller.
    pub fn mean_returns(&self) -> (f64, f64) {
        let count = self.episodes.len().max(1) as f64;
        let mean =
            |value: fn(&Episode) -> f64| self.episodes.iter().map(value).sum::<f64>() / count;
        (mean(|episode| episode.host_return), mean(|episode| episode.mcu_return))
    }

    /// The number of actions that differ in any bit, and the number of all actions.
    pub fn differing(&self) -> (u64, u64) {
        let sum = |value: fn(&Episode) -> u64| self.episodes.iter().map(value).sum();
        (sum(|episode| episode.differing_actions), sum(|episode| episode.decisions))
    }

    /// The report as text.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{:>7} {:>12} {:>12} {:>22} {:>22}\n",
            "episode", "host return", "MCU return", "actions that differ", "instructions/decision"
        );
        for (index, episode) in self.episodes.iter().enumerate() {
            let differ = format!("{} of {}", episode.differing_actions, episode.decisions);
            text += &format!(
                "{index:>7} {:>12.3} {:>12.3} {differ:>22} {:>22.0}\n",
                episode.host_return, episode.mcu_return, episode.instructions_per_decision
            );
        }
        let (host, mcu) = self.mean_returns();
        let (differing, decisions) = self.differing();
        let differ = format!("{differing} of {decisions}");
        text += &format!("{:>7} {host:>12.3} {mcu:>12.3} {differ:>22}\n\n", "mean");
        let outside: u64 = self.episodes.iter().map(|episode| episode.outside_run).sum();
        if outside > 0 {
            text += &format!(
                "{outside} actions were not the policy's: the safety state machine had left RUN (--verbose says why)\n\n"
            );
        }
        text += &format!(
            "network:  {} instructions, {:.2} for each of {} multiply-adds\n\
             decision: {} instructions (guards, normaliser, network, tanh, limits)\n\
             stack:    {} bytes at most\n\
             These are instructions, not cycles: on a Cortex-M4F a VMLA takes 3 cycles, a VLDR 2, a VMUL or VADD 1,\n\
             and flash wait states add to that.",
            self.network.instructions,
            self.network.per_multiply_add(),
            self.network.multiply_adds,
            self.decision.instructions,
            self.stack_high_water_bytes
        );
        if let (Some(planned), Some(instructions)) = (&self.planned, self.plan_instructions) {
            text += &format!(
                "\nplanning: at most {instructions} instructions, {:.1} % of a period at one cycle each; {} of {} plans chose\n\
                 another action than the policy's; every plan compared at least {} actions",
                100.0 * instructions as f64 / (CORE_MHZ * self.period_us).max(1) as f64,
                planned.changed,
                planned.decisions,
                planned.fewest
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"episodes":[
        {"host_return":800.0,"mcu_return":800.0,"differing_actions":0,"outside_run":0,"decisions":250,
         "instructions_per_decision":9000.0},
        {"host_return":900.0,"mcu_return":898.0,"differing_actions":3,"outside_run":4,"decisions":250,
         "instructions_per_decision":9000.0}],
        "network":{"instructions":14000,"multiply_adds":5568},
        "decision":{"instructions":15000,"multiply_adds":5568},
        "stack_high_water_bytes":2048,"golden_vectors":64}"#;

    #[test]
    fn the_table_shows_the_report() {
        let report: Report = serde_json::from_str(TEXT).unwrap();
        assert_eq!(report.mean_returns(), (850.0, 849.0));
        assert_eq!(report.differing(), (3, 500));
        let table = report.table();
        assert!(table.contains("3 of 500") && table.contains("2.51 for each of 5568"));
        assert!(table.contains("2048 bytes") && table.contains("4 actions were not the policy's"));
    }
}
