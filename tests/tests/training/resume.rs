//! Runs that are killed, locked by another process or damaged are resumed without a loss.

use std::fs;
use std::process::{Command, Stdio};
use tests::runs::{
    PacedRun, checkpoints, difference, everything, hidden, interrupt, iterations, kill_at, train,
};
use tests::{Outcome, SMALL_RUN, host_trainer, reference_python, refuse, root, run, succeed};

#[test]
fn a_run_killed_at_twenty_random_moments_ends_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _ = succeed(&mut train(folder, "whole", 48));
    assert_eq!(iterations(folder, "whole"), 48);

    let left = interrupt(|| train(folder, "cut", 48), folder, "cut", 48, 20);
    assert_eq!(left.len(), 20);
    // The kills are spread over the whole run, not only over its beginning.
    let mut different = left.clone();
    different.dedup();
    assert!(different.is_sorted() && different.len() >= 5, "{left:?}");
    assert!(left[0] <= 8 && left[19] >= 30, "{left:?}");
    assert_eq!(difference(folder, "whole", "cut"), None, "{left:?}");
    assert!(!folder.join("cut/lock").exists());
    assert!(hidden(&folder.join("cut/checkpoints")).is_empty(), "half a checkpoint is left");

    // TensorBoard sees every iteration once, although some were written and lost between kills.
    if let Some(mut python) = reference_python() {
        let script = root().join("tools/read_events.py");
        let read = succeed(python.arg(script).arg(folder.join("cut/tensorboard/seed-1")));
        let read: serde_json::Value = serde_json::from_str(&read).unwrap();
        let text = fs::read_to_string(folder.join("cut/metrics.csv")).unwrap();
        let returns = read["return/evaluation_return"].as_array().unwrap();
        assert_eq!(returns.len(), 48);
        for (line, point) in text.lines().skip(1).zip(returns) {
            let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap_or(0.0)).collect();
            assert_eq!(point[0].as_f64().unwrap(), cells[2]);
            assert!((point[1].as_f64().unwrap() - cells[4]).abs() < 1e-4 * cells[4].abs().max(1.0));
        }
    }

    // Negative control: another seed gives other bytes.
    let _ = succeed(train(folder, "other", 48).args(["--seed", "2"]));
    let (a, b) = (everything(folder, "whole"), everything(folder, "other"));
    for (ours, theirs) in a.iter().zip(&b) {
        assert!(ours.1 != theirs.1, "{} does not depend on the seed", ours.0);
    }
}

#[test]
fn other_estimators_and_several_seeds_resume_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let kinds: &[(&str, &[&str])] = &[
        ("seeds", &["--seeds", "3..4"]),
        ("q_network", &["--estimator", "q_network", "--set", "estimator.noise=sobol"]),
        (
            "rewind",
            &["--estimator", "rewind", "--update", "trpo", "--set", "estimator.noise=independent"],
        ),
    ];
    for (name, arguments) in kinds {
        let run = |name: &str| {
            let mut command = train(folder, name, 14);
            command.args(*arguments);
            command
        };
        let (whole, cut) = (format!("{name}-whole"), format!("{name}-cut"));
        let _ = succeed(&mut run(&whole));
        let left = interrupt(|| run(&cut), folder, &cut, 14, 5);
        assert!(left[0] <= 5 && left[4] >= 8, "{name}: {left:?}");
        assert_eq!(difference(folder, &whole, &cut), None, "{name}: {left:?}");
    }
    // Negative control: the runs differ from each other, and the second seed has its own image.
    assert!(difference(folder, "q_network-whole", "rewind-cut").is_some());
    assert!(everything(folder, "seeds-cut").iter().any(|(name, _)| name == "policy-4.daa"));
}

#[test]
fn a_run_that_chooses_its_number_of_actions_resumes_with_the_same_choices() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let auto = |name: &str| {
        let mut command = train(folder, name, 20);
        command.args(["--auto", "--advise", "2", "--set", "estimator.noise=independent"]);
        command.args(["--set", "advise.max_actions=16"]);
        command
    };
    let _ = succeed(&mut auto("whole"));
    let left = interrupt(|| auto("cut"), folder, "cut", 20, 6);
    assert!(left[5] >= 10, "{left:?}");
    assert_eq!(difference(folder, "whole", "cut"), None, "{left:?}");
    let advice = fs::read_to_string(folder.join("cut/advice.csv")).unwrap();
    let numbers: Vec<&str> = advice.lines().skip(1).filter_map(|l| l.split(',').nth(3)).collect();
    assert_eq!(numbers.len(), 10, "a verdict every second iteration: {advice}");
    assert!(numbers.iter().any(|n| *n != numbers[0]), "nothing was chosen: {advice}");

    // Negative control: without the record of its choices a run would continue with another N, so it is refused.
    kill_at(8, auto("lost"));
    fs::remove_file(folder.join("lost/advice.csv")).unwrap();
    refuse(&mut auto("lost"), &["lost/advice.csv", "chosen number of actions"]);
    fs::write(folder.join("lost/advice.csv"), advice.lines().next().unwrap()).unwrap();
    let _ = succeed(&mut auto("lost"));
    assert!(difference(folder, "whole", "lost").is_some(), "the choices change nothing");
}

#[test]
fn auto_finds_the_unfinished_run_of_this_configuration_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let run = |resume: &[&str], seed: &str| {
        let mut command = host_trainer(folder);
        command.arg("train").args(SMALL_RUN).args(["--decisions", "16384", "--seed", seed]);
        command.args(["--checkpoint-every", "0", "--quiet"]).args(resume);
        command
    };
    let runs = || {
        let entries = fs::read_dir(folder.join("runs")).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter(|entry| entry.path().is_dir())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    // Without an unfinished run a new one begins.
    kill_at(2, run(&["--resume", "auto"], "1"));
    let name = format!("runs/{}", runs()[0]);
    let before = iterations(folder, &name);
    // A run with another configuration does not touch the first one.
    let _ = succeed(&mut run(&["--resume", "auto"], "2"));
    assert_eq!((runs().len(), iterations(folder, &name)), (2, before));
    // The same configuration resumes the first run; once that is finished, a new run begins.
    let _ = succeed(&mut run(&["--resume", "auto"], "1"));
    assert_eq!((runs().len(), iterations(folder, &name)), (2, 8));
    let _ = succeed(&mut run(&["--resume", "auto"], "1"));
    assert_eq!(runs().len(), 3);
    let all: Vec<String> = runs().iter().map(|name| format!("runs/{name}")).collect();
    let third = all.iter().filter(|other| **other != name).find(|other| {
        fs::read(folder.join(other).join("policy.daa")).unwrap()
            == fs::read(folder.join(&name).join("policy.daa")).unwrap()
    });
    assert!(third.is_some(), "resumed or not, the same configuration gives the same image");
}

#[test]
fn a_damaged_checkpoint_is_named_and_the_previous_one_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _ = succeed(&mut train(folder, "whole", 10));
    kill_at(4, train(folder, "cut", 10));
    let damage = |number: usize, file: &str| {
        let (_, place) = &checkpoints(folder, "cut")[number];
        let mut bytes = fs::read(place.join(file)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(place.join(file), bytes).unwrap();
    };
    let kept = checkpoints(folder, "cut").len();
    assert!(kept >= 2);
    for file in ["weights.safetensors", "state.bin", "manifest.json"] {
        let saved = fs::read(checkpoints(folder, "cut")[kept - 1].1.join(file)).unwrap();
        damage(kept - 1, file);
        // Every command that reads the run reports the damage.
        let export = run(host_trainer(folder).args(["export", "cut", "-o", "some.daa"]));
        assert_eq!(export.code, 0, "{}", export.stderr);
        assert!(export.stderr.contains("is damaged"), "{file}: {}", export.stderr);
        assert!(export.stderr.contains("loading the checkpoint of iteration"), "{}", export.stderr);
        fs::write(checkpoints(folder, "cut")[kept - 1].1.join(file), saved).unwrap();
    }
    damage(kept - 1, "state.bin");
    let again = run(&mut train(folder, "cut", 10));
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(again.stderr.contains("loading the checkpoint of iteration"), "{}", again.stderr);
    assert_eq!(difference(folder, "whole", "cut"), None);

    // A run without an intact checkpoint is refused, and none of its files is changed.
    kill_at(4, train(folder, "lost", 10));
    for (_, place) in checkpoints(folder, "lost") {
        fs::write(place.join("state.bin"), "").unwrap();
    }
    let before = iterations(folder, "lost");
    refuse(&mut train(folder, "lost", 10), &["is damaged", "no older checkpoint is complete"]);
    assert_eq!(iterations(folder, "lost"), before);
    // A checkpoint of another version is refused as such, not reported as damaged.
    let place = checkpoints(folder, "whole").pop().unwrap().1.join("manifest.json");
    let text = fs::read_to_string(&place).unwrap();
    fs::write(&place, text.replace("\"version\": 3", "\"version\": 1")).unwrap();
    refuse(host_trainer(folder).args(["export", "whole"]), &["version 1", "reads version 3"]);
}

#[test]
fn two_processes_never_write_into_one_directory() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut first = PacedRun::start(train(folder, "run", 40));
    first.reach(1);
    let pid = first.id().to_string();
    refuse(
        &mut train(folder, "run", 40),
        &[&format!("process {pid} on "), "writes into run", "another --run-dir"],
    );
    refuse(host_trainer(folder).args(["train", "--resume", "run"]), &[&pid]);
    // Reading a locked run is allowed.
    let _ = succeed(host_trainer(folder).args(["evaluate", "run", "--episodes", "1"]));
    first.kill();
    assert!(folder.join("run/lock").exists(), "a killed process cleans up nothing");

    // A second process takes over the lock of the killed one, and is then asked to stop.
    let mut second = host_trainer(folder);
    second.args(["train", "--resume", "run"]).stderr(Stdio::piped());
    let before = iterations(folder, "run");
    let mut second = PacedRun::start(second);
    second.reach(before + 1);
    let stop = Command::new("kill").args(["-TERM", &second.id().to_string()]).status().unwrap();
    assert!(stop.success());
    let Outcome { code, stderr: message, .. } = second.end();
    assert_eq!(code, 130, "{message}");
    assert!(message.contains(&format!("taking over from process {pid}")), "{message}");
    assert!(message.contains("continuing after") && message.contains("saved"), "{message}");
    assert!(!folder.join("run/lock").exists());
}

#[test]
fn the_best_evaluation_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _ = succeed(train(folder, "run", 8).args(["--seeds", "1..2"]));
    let text = fs::read_to_string(folder.join("run/metrics.csv")).unwrap();
    let mut means = [0.0; 9];
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let iteration: usize = cells[0].parse().unwrap();
        means[iteration] += cells[4].parse::<f64>().unwrap() / 2.0;
    }
    let best = (1..=8).max_by(|a, b| means[*a].total_cmp(&means[*b])).unwrap();
    let named: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("run/checkpoints/best.json")).unwrap())
            .unwrap();
    assert_eq!(named["iteration"], best);
    assert!((named["return"].as_f64().unwrap() - means[best]).abs() < 1e-9);
    let kept: Vec<u64> = checkpoints(folder, "run").into_iter().map(|(number, _)| number).collect();
    let mut expected = vec![best as u64, 7, 8];
    expected.sort_unstable();
    expected.dedup();
    assert_eq!(kept, expected);

    let export = |which: &str| {
        let name = format!("{which}.daa");
        let arguments = ["export", "run", "--checkpoint", which, "-o", &name];
        let _ = succeed(host_trainer(folder).args(arguments));
        fs::read(folder.join(name)).unwrap()
    };
    assert!(export("best") == export(&best.to_string()));
    assert!(export("newest") == export("8"));
    assert_eq!(export("best") == export("newest"), best == 8);
    refuse(
        host_trainer(folder).args(["export", "run", "--checkpoint", "3000"]),
        &["no checkpoint of iteration 3000", "7, 8"],
    );
}
