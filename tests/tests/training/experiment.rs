//! Experiments, diagnosis and the training benchmark, as a user runs them.

use serde_json::Value;
use std::path::Path;
use std::process::Command;
use tests::{SMALL_RUN, host_trainer, refuse, run, succeed};

/// A figure shrunk to seconds.
fn experiment(folder: &Path, name: &str) -> Command {
    let mut command = host_trainer(folder);
    command.args(["experiment", name, "--task", "cartpole-swingup", "--seeds", "1,2"]);
    for assignment in [
        "decisions=2048",
        "rollout.length=1024",
        "actor.hidden=16",
        "critic.hidden=16",
        "model.transition_hidden=16",
        "model.reward_hidden=16",
        "model.start=0",
        "model.steps=4",
        "model.first_steps=4",
        "update.epochs=1",
        "evaluate.every=1",
        "evaluate.episodes=1",
        "evaluate.sampled_episodes=1",
    ] {
        command.args(["--set", assignment]);
    }
    command
}

#[test]
fn a_figure_runs_all_its_arms_once_and_reports() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let plan = succeed(experiment(folder, "fig3").arg("--plan"));
    assert_eq!(plan.lines().count(), 3);
    assert!(!folder.join("runs").exists(), "a plan writes nothing");

    let outcome = run(&mut experiment(folder, "fig3"));
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(outcome.stderr.matches("2 seeds of 2048 decisions").count(), 3, "{outcome:?}");
    let out = folder.join("runs/fig3");
    let report = std::fs::read_to_string(out.join("report.md")).unwrap();
    for part in ["Figure 3", "DAA-PPO is better", "PPO", "QAA-PPO", "cartpole-swingup", "seeds"] {
        assert!(report.contains(part), "{part}: {report}");
    }
    assert!(out.join("report.html").exists());
    // What the table says is what the runs say: with two seeds the interquartile mean is the mean.
    let summary =
        std::fs::read_to_string(out.join("cartpole-swingup/daa-ppo/summary.json")).unwrap();
    let summary: Value = serde_json::from_str(&summary).unwrap();
    let returns: Vec<f64> = summary["seeds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["return"].as_f64().unwrap())
        .collect();
    let mean = (returns[0] + returns[1]) / 2.0;
    assert!(report.contains(&format!("{mean:.0}")), "{mean}: {report}");

    // Nothing is left to do.
    let again = run(&mut experiment(folder, "fig3"));
    assert_eq!((again.code, again.stderr.matches("2 seeds of").count()), (0, 0), "{again:?}");
    // A lost run is made again, the others are not.
    std::fs::remove_dir_all(out.join("cartpole-swingup/ppo")).unwrap();
    let third = run(&mut experiment(folder, "fig3"));
    assert_eq!((third.code, third.stderr.matches("2 seeds of").count()), (0, 1), "{third:?}");
    // Another configuration is not mixed in.
    refuse(experiment(folder, "fig3").args(["--set", "gamma=0.9"]), &["gamma", "--out"]);
    refuse(&mut experiment(folder, "fig33"), &["fig3", "did you mean"]);
    let list = succeed(host_trainer(folder).arg("experiment"));
    for name in ["fig1", "fig3", "fig4", "fig5", "fig6", "fig7"] {
        assert!(list.contains(name), "{name}");
    }
}

#[test]
fn advantages_are_diagnosed_against_the_simulator() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // With lambda = 1 over as many steps as the truth, one rewound rollout is one draw of the truth.
    let whole = ["--set", "lambda=1", "--set", "estimator.horizon=20", "-q", "--run-dir", "r"];
    let _ = succeed(host_trainer(folder).arg("train").args(SMALL_RUN).args(whole));
    let diagnose = |rollouts: &str| -> Value {
        let output = succeed(host_trainer(folder).args([
            "diagnose",
            "r",
            "--states",
            "24",
            "--actions",
            "4",
            "--rollouts",
            rollouts,
            "--truth-horizon",
            "20",
            "--batches",
            "2",
            "--json",
        ]));
        serde_json::from_str(&output).unwrap()
    };
    let report = diagnose("16");
    assert!(report["deviation_within_states"].as_f64().unwrap() > 0.0);
    let names: Vec<&str> = report["qualities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|quality| quality["estimator"].as_str().unwrap())
        .collect();
    for name in ["rewind", "dynamics", "q_network", "single"] {
        assert!(names.iter().any(|known| known.starts_with(name)), "{name}");
    }
    let rewind = &report["qualities"][0];
    assert!(rewind["correlation"].as_f64().unwrap() > 0.5, "{rewind}");
    let error = rewind["error_within_states"].as_f64().unwrap();
    assert!(rewind["bias"].as_f64().unwrap().abs() < 0.5 * error, "{rewind}");
    // More rollouts, a better truth.
    let reliability = |report: &Value| report["reliability"].as_f64().unwrap();
    assert!(reliability(&diagnose("64")) > reliability(&diagnose("4")));
    refuse(host_trainer(folder).args(["diagnose", "nowhere"]), &["nowhere", "not a run directory"]);
    refuse(host_trainer(folder).args(["diagnose", "r", "--seed", "8"]), &["no seed 8"]);
}

#[test]
fn the_training_benchmark_counts_every_phase() {
    let folder = tempfile::tempdir().unwrap();
    let output = succeed(host_trainer(folder.path()).args([
        "bench",
        "train",
        "--iterations",
        "1",
        "--json",
        "--set",
        "model.steps=20",
    ]));
    let report: Value = serde_json::from_str(&output).unwrap();
    let costs = report["costs"].as_array().unwrap();
    let of = |phase: &str, key: &str| -> f64 {
        costs.iter().find(|c| c["phase"] == phase).unwrap()[key].as_f64().unwrap()
    };
    let phases = ["acting", "environment", "preparing", "model", "extra", "policy"];
    let sum: f64 = phases.iter().map(|phase| of(phase, "cpu_seconds")).sum();
    assert!((of("all", "cpu_seconds") - sum).abs() < 1e-9 && sum > 0.0);
    // 10 epochs of 5-64-64-1 for actor and critic: forward 2 * 4480, backward 2 * 4480 + 2 * 4160.
    let step = 2.0 * (2.0 * 4480.0 + 4160.0);
    assert!((of("policy", "flop") - 1000.0 * 10.0 * 2.0 * step).abs() < 1.0);
    assert_eq!(of("acting", "flop"), 0.0);
}
