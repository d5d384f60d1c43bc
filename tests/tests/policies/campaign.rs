//! The fault campaign of `firmware-sim`: how the firmware's control loop reacts to each injected fault.

use serde_json::Value;
use std::path::Path;
use tests::{firmware_sim, host_trainer, refuse, succeed, trained_image};

const EPISODES: usize = 3;
/// Decisions of a cartpole episode, and decisions before a fault begins.
const DECISIONS: u64 = 250;
const ONSET: u64 = 100;
/// Ticks for which the last command is held before the fallback, which needs an observation, takes over.
const HOLD: u64 = 3;

fn campaign(more: &[&str]) -> Value {
    let mut command = firmware_sim(Path::new("."));
    command.arg(trained_image()).args(["--json", "--episodes", &EPISODES.to_string()]).args(more);
    serde_json::from_str(&succeed(&mut command)).unwrap()
}

/// The outcomes of the episodes with a fault.
fn episodes<'v>(campaign: &'v Value, fault: &str) -> &'v [Value] {
    let rows = campaign["rows"].as_array().unwrap();
    let row = rows.iter().find(|row| row["fault"] == fault).unwrap_or_else(|| panic!("no {fault}"));
    row["outcomes"].as_array().unwrap()
}

#[test]
fn every_fault_ends_as_promised_and_a_campaign_is_reproducible() {
    let table = campaign(&[]);
    assert_eq!((&table["task"], &table["monitor"]), (&"cartpole-swingup".into(), &true.into()));
    assert_eq!(table, campaign(&[]));

    // Without a fault the loop sends the policy's actions unchanged.
    for outcome in episodes(&table, "none") {
        for event in ["alarmed", "held", "fell_back", "safe"] {
            assert_eq!(outcome[event], Value::Null, "{event}: {outcome}");
        }
        assert_eq!((&outcome["departures"], &outcome["late"]), (&0.into(), &0.into()));
        // In SAFE the loop also feeds the watchdog when only a part of the first observation has arrived.
        let (ticks, fed) = (DECISIONS, DECISIONS + 1);
        assert_eq!((&outcome["ticks"], &outcome["fed"]), (&ticks.into(), &fed.into()));
    }
    let seed = 0x00FA_0175.to_string();
    let mut evaluate = host_trainer(Path::new("."));
    evaluate.arg("evaluate").arg(trained_image()).args(["--seed", &seed, "--json"]);
    let direct = succeed(evaluate.args(["--episodes", &EPISODES.to_string()]));
    let direct: Value = serde_json::from_str(&direct).unwrap();
    let totals: Vec<&Value> = episodes(&table, "none").iter().map(|o| &o["total"]).collect();
    let expected: Vec<&Value> = direct["returns"].as_array().unwrap().iter().collect();
    assert_eq!(totals, expected);

    // Without observations the loop holds the last command for a few ticks and then stays safe. Each tick waits a
    // period and a quarter for an observation: the fourth such tick, the first that is not held, is
    // 1/4 + 3 * 5/4 = 4 periods after the first lost observation.
    for (fault, until_safe) in [("dropped all", HOLD + 1), ("NaN, always", HOLD)] {
        for outcome in episodes(&table, fault) {
            assert_eq!(outcome["held"], ONSET + 1, "{fault}: {outcome}");
            assert_eq!(outcome["safe"], ONSET + 1 + until_safe, "{fault}: {outcome}");
            assert_eq!(outcome["fell_back"], Value::Null);
            assert_eq!(outcome["departures"], 1);
        }
    }
    // A single lost observation holds the last command and has no other effect.
    for fault in ["dropped 10 %", "NaN, 10 %"] {
        for outcome in episodes(&table, fault) {
            assert_eq!(outcome["safe"], Value::Null, "{fault}: {outcome}");
            // On average 15 of 150 observations are lost, a few of them in a row.
            let departures = outcome["departures"].as_u64().unwrap();
            assert!((4..=28).contains(&departures), "{fault}: {outcome}");
            let fed = outcome["fed"].as_u64().unwrap();
            assert!(fed < DECISIONS && fed + 40 > DECISIONS, "{fault}: {outcome}");
        }
    }
    // A clock that is off by 2 % makes no tick late, because the loop waits for data and so follows the robot's
    // clock.
    for fault in ["clock -2 %", "clock +2 %"] {
        for outcome in episodes(&table, fault) {
            assert_eq!((&outcome["ticks"], &outcome["late"]), (&DECISIONS.into(), &0.into()));
        }
    }
    // With every fault, actions are finite and within the actuators' limits.
    for row in table["rows"].as_array().unwrap() {
        for outcome in row["outcomes"].as_array().unwrap() {
            let largest = outcome["largest_action"].as_f64().unwrap();
            assert!(largest <= 1.0, "{}: {outcome}", row["fault"]);
        }
    }
}

#[test]
fn only_the_monitor_notices_a_biased_sensor() {
    let fault = "biased by a deviation, signal 4";
    let (with, without) = (campaign(&[]), campaign(&["--no-monitor"]));
    assert_eq!(without["monitor"], false);
    for outcome in episodes(&with, fault) {
        let at = |event: &str| outcome[event].as_u64().unwrap_or_else(|| panic!("no {event}"));
        // Five prediction errors in a row above the first level warn; five above the second level fall back.
        assert!(at("warned") > ONSET && at("warned") <= ONSET + 40, "{outcome}");
        assert!(at("alarmed") >= at("warned") && at("alarmed") == at("fell_back"), "{outcome}");
    }
    // Negative control: without the model's prediction the same fault is not noticed.
    for row in without["rows"].as_array().unwrap() {
        for outcome in row["outcomes"].as_array().unwrap() {
            assert_eq!((&outcome["warned"], &outcome["alarmed"]), (&Value::Null, &Value::Null));
        }
    }
    for outcome in episodes(&without, fault) {
        assert_eq!((&outcome["departures"], &outcome["held"]), (&0.into(), &Value::Null));
    }
}

#[test]
fn a_file_that_is_not_an_image_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    refuse(firmware_sim(folder.path()).arg("nothing.daa"), &["cannot read nothing.daa"]);
    let mut bytes = std::fs::read(trained_image()).unwrap();
    bytes[4000] ^= 1;
    std::fs::write(folder.path().join("flipped.daa"), bytes).unwrap();
    refuse(firmware_sim(folder.path()).arg("flipped.daa"), &["flipped.daa", "CRC-32"]);
}
