//! A user's task, from its files to the emulated microcontroller.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tests::{SMALL_RUN, firmware_sim, host_trainer, refuse, root, run, succeed, xtask};

/// Copies the files of the example and returns the path of the task file.
fn files(folder: &Path) -> PathBuf {
    for name in ["hover.toml", "hover.xml"] {
        fs::copy(root().join("examples/quadrotor").join(name), folder.join(name)).unwrap();
    }
    folder.join("hover.toml")
}

/// Trains a run of a few seconds, which does not learn to hover, and returns its directory.
fn trained(folder: &Path, toml: &Path) -> PathBuf {
    let run_dir = folder.join("run");
    let mut train = host_trainer(folder);
    train.arg("train").args(SMALL_RUN).arg("--task").arg(toml).arg("-q");
    let _ = succeed(train.arg("--run-dir").arg(&run_dir));
    run_dir
}

#[test]
fn a_task_goes_from_its_files_to_the_microcontroller() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let toml = files(here);
    let run_dir = trained(here, &toml);
    // The configuration has the preset of the task's [train] table and the policy's own rate.
    let config = fs::read_to_string(run_dir.join("config.toml")).unwrap();
    assert!(
        config.contains("preset = \"tuned\"") && config.contains("action_repeat = 1\n"),
        "{config}"
    );
    let sum = Command::new("sh")
        .arg("-c")
        .arg("cat hover.toml hover.xml | sha256sum")
        .current_dir(here)
        .output();
    let sum = String::from_utf8(sum.unwrap().stdout).unwrap();
    assert!(config.contains(&format!("task = \"hover@{}\"", &sum[..12])), "{config}");

    // Without the original files the run uses its own copies of the task.
    let original = fs::read_to_string(&toml).unwrap();
    fs::remove_file(&toml).unwrap();
    fs::remove_file(here.join("hover.xml")).unwrap();
    let run_text = run_dir.to_str().unwrap();
    let image = run_dir.join("policy.daa");
    let image_text = image.to_str().unwrap();
    let evaluate = |what: &str| {
        let mut command = host_trainer(here);
        command.args(["evaluate", what, "--episodes", "3", "--json"]);
        serde_json::from_str::<Value>(&succeed(&mut command)).unwrap()
    };
    let of_run = evaluate(run_text);
    assert_eq!(of_run, evaluate(image_text));
    assert_eq!(of_run["returns"].as_array().unwrap().len(), 3);
    let _ = succeed(host_trainer(here).args(["export", run_text, "-o", "again.daa"]));
    assert_eq!(fs::read(here.join("again.daa")).unwrap(), fs::read(&image).unwrap());
    let mut render = host_trainer(here);
    let render = run(render.args(["render", image_text, "-o", "a.png", "--frames", "2"]));
    assert!(render.code == 0 || render.stderr.contains("OpenGL"), "{render:?}");

    // An image without its run needs the task's files, unchanged.
    let alone = tempfile::tempdir().unwrap();
    fs::copy(&image, alone.path().join("policy.daa")).unwrap();
    let lonely = |arguments: &[&str]| {
        let mut command = host_trainer(alone.path());
        command.args(["evaluate", "policy.daa", "--episodes", "3", "--json"]).args(arguments);
        command
    };
    refuse(&mut lonely(&[]), &["hover@", "are not here", "--task-file hover.toml"]);
    let copy = run_dir.join("task/hover.toml");
    let brought = succeed(&mut lonely(&["--task-file", copy.to_str().unwrap()]));
    assert_eq!(serde_json::from_str::<Value>(&brought).unwrap(), of_run);
    fs::copy(run_dir.join("task/hover.xml"), alone.path().join("hover.xml")).unwrap();
    fs::write(alone.path().join("hover.toml"), original.replace("margin = 0.5", "margin = 0.6"))
        .unwrap();
    refuse(&mut lonely(&["--task-file", "hover.toml"]), &["hover@", "or have changed"]);
    refuse(&mut lonely(&["--task-file", "none.toml"]), &["none.toml", "cannot read it"]);

    let report = succeed(xtask().arg("emulate").arg(&image).args(["--episodes", "2", "--json"]));
    let report: Value = serde_json::from_str(&report).unwrap();
    for episode in report["episodes"].as_array().unwrap() {
        assert_eq!(episode["differing_actions"], 0, "{episode}");
        assert_eq!(episode["host_return"], episode["mcu_return"]);
        assert!(episode["decisions"].as_u64().unwrap() > 0);
    }
    // 16-64-64-4.
    assert_eq!(report["network"]["multiply_adds"], 16 * 64 + 64 * 64 + 64 * 4);

    // No task of the suite has 16 observations and 4 actions: the simulation runs tasks of any size.
    let campaign = succeed(firmware_sim(here).arg(&image).args(["--episodes", "1", "--json"]));
    let campaign: Value = serde_json::from_str(&campaign).unwrap();
    for row in campaign["rows"].as_array().unwrap() {
        assert!(row["outcomes"][0]["ticks"].as_u64().unwrap() > 0, "{row}");
    }
}

#[test]
fn a_resumed_run_uses_its_own_copy_of_the_task_and_notices_a_changed_file() {
    let folder = tempfile::tempdir().unwrap();
    let toml = files(folder.path());
    let run_dir = trained(folder.path(), &toml);
    let text = fs::read_to_string(&toml).unwrap();
    fs::write(&toml, text.replace("episode_seconds = 5", "episode_seconds = 4")).unwrap();
    let mut train = host_trainer(folder.path());
    train.arg("train").args(SMALL_RUN).arg("--task").arg(&toml).arg("-q");
    refuse(train.arg("--run-dir").arg(&run_dir), &["holds a run with task = \"hover@"]);
    let _ = succeed(host_trainer(folder.path()).args(["train", "-q", "--resume"]).arg(&run_dir));
}

#[test]
fn a_mistake_in_a_task_file_is_reported_in_one_line_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let toml = files(folder.path());
    let text = fs::read_to_string(&toml).unwrap();
    let cases = [
        ("rate_hz = 100", "rate_hz = 300", "not a whole number"),
        ("sensor = \"gyro\"", "sensor = \"giro\"", "it has gyro"),
        ("[[observation]]", "[[observations]]", "did you mean observation?"),
        ("preset = \"tuned\"", "preset = \"tunde\"", "did you mean tuned?"),
        ("preset = \"tuned\"", "epocs = 3", "did you mean update.epochs?"),
        ("preset = \"tuned\"", "task = \"cartpole-swingup\"", "leave it out"),
    ];
    for (from, to, word) in cases {
        let spoilt = text.replacen(from, to, 1);
        assert_ne!(spoilt, text);
        fs::write(&toml, spoilt).unwrap();
        let mut train = host_trainer(folder.path());
        refuse(train.args(["train", "--task", "hover.toml", "--run-dir", "run"]), &["hover", word]);
        assert!(!folder.path().join("run").exists());
    }
    let mut train = host_trainer(folder.path());
    refuse(train.args(["train", "--task", "none.toml"]), &["none.toml", "cannot read it"]);
}

#[test]
fn the_example_in_rust_trains() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--release", "-p", "host-trainer", "--example", "own_task"]);
    let text = succeed(cargo.args(["--", "4096"]).current_dir(root()));
    assert!(text.starts_with("return of 200: "), "{text}");
}
