//! Training as a user runs it: it is reproducible and resumable, and it keeps out of other runs' directories.

use std::path::Path;
use std::process::{Command, Stdio};
use tests::runs::PacedRun;
use tests::{Outcome, SMALL_RUN, host_trainer, refuse, run, succeed};

fn train(folder: &Path, name: &str) -> Command {
    let mut command = host_trainer(folder);
    command.arg("train").args(SMALL_RUN).args(["--run-dir", name]);
    command
}

/// The weights and the optimiser's state in the newest checkpoint, as bytes.
fn weights(folder: &Path, name: &str) -> Vec<u8> {
    let checkpoints = folder.join(name).join("checkpoints");
    let newest = std::fs::read_dir(checkpoints)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .max_by_key(|path| path.file_name().unwrap().to_str().unwrap().parse::<u64>().unwrap_or(0));
    std::fs::read(newest.unwrap().join("weights.safetensors")).unwrap()
}

/// The lines of `metrics.csv`.
fn metrics(folder: &Path, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join(name).join("metrics.csv")).unwrap();
    text.lines().map(ToOwned::to_owned).collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes_with_any_threads_and_evaluations() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _ = succeed(train(folder, "a").arg("-q"));
    let _ = succeed(train(folder, "b").args(["-q", "--threads", "1"]));
    let _ = succeed(train(folder, "c").args(["-q", "--set", "evaluate.every=0"]));
    let _ = succeed(train(folder, "d").args(["-q", "--seed", "2"]));
    assert!(weights(folder, "a") == weights(folder, "b"), "threads change the weights");
    assert!(weights(folder, "a") == weights(folder, "c"), "evaluation changes the weights");
    assert!(weights(folder, "a") != weights(folder, "d"), "the seed changes nothing");
    assert_eq!(metrics(folder, "a"), metrics(folder, "b"));
    let image = |name: &str| std::fs::read(folder.join(name).join("policy.daa")).unwrap();
    assert!(image("a") == image("b"));
}

#[test]
fn a_seed_learns_the_same_together_with_others_and_alone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _ = succeed(train(folder, "four").args(["-q", "--seeds", "1..4"]));
    let _ = succeed(train(folder, "third").args(["-q", "--seed", "3"]));
    let of_third = |name: &str| -> Vec<String> {
        let lines = metrics(folder, name).into_iter();
        lines.filter(|line| line.split(',').nth(1) == Some("3")).collect()
    };
    assert_eq!(of_third("four").len(), 3);
    assert_eq!(of_third("four"), of_third("third"));
    assert_ne!(of_third("four"), metrics(folder, "four")[1..4]);
    // The images are the same bytes, whether the seed was trained with others or alone.
    let _ =
        succeed(host_trainer(folder).args(["export", "four", "--seed", "3", "-o", "of-four.daa"]));
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    assert!(read("of-four.daa") == read("third/policy.daa"));
    assert!(read("four/policy-3.daa") == read("third/policy.daa"));
    assert!(read("four/policy-2.daa") != read("third/policy.daa"));

    // The seed exported as `best` is one of the four, and no other seed has a higher return.
    let export = succeed(
        host_trainer(folder).args(["export", "four", "--seed", "best", "-o", "best.daa", "--json"]),
    );
    let best: serde_json::Value = serde_json::from_str(&export).unwrap();
    let seed = best["exported"]["seed"].as_u64().unwrap();
    let mean = |image: &str| -> f64 {
        let evaluation = succeed(host_trainer(folder).args(["evaluate", image, "--json"]));
        serde_json::from_str::<serde_json::Value>(&evaluation).unwrap()["mean"].as_f64().unwrap()
    };
    let best = mean("best.daa");
    for other in 1..=4 {
        let image = if other == 1 {
            "four/policy.daa".to_owned()
        } else {
            format!("four/policy-{other}.daa")
        };
        let other_mean = mean(&image);
        assert!(if other == seed { other_mean == best } else { other_mean <= best });
    }
    refuse(host_trainer(folder).args(["export", "four", "--seed", "9"]), &["no seed 9", "best"]);
}

#[test]
fn every_estimator_and_every_update_runs() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let column = |name: &str, at: usize| -> Vec<String> {
        let lines = metrics(folder, name).into_iter().skip(1);
        lines.map(|line| line.split(',').nth(at).unwrap().to_owned()).collect()
    };
    for estimator in ["single", "rewind", "q_network", "dynamics", "simulated_states"] {
        let mut run = train(folder, estimator);
        let _ = succeed(run.args(["-q", "--estimator", estimator]));
        // The column is the number of extra actions.
        let expected = match estimator {
            "single" => ["0"; 3],
            "rewind" | "q_network" => ["4"; 3],
            _ => ["4"; 3],
        };
        assert_eq!(column(estimator, 17), expected, "{estimator}");
    }
    for update in ["ppo", "a2c", "trpo"] {
        let _ = succeed(train(folder, update).args(["-q", "--update", update]));
    }
    let _ = succeed(train(folder, "sobol").args(["-q", "--set", "estimator.noise=sobol"]));
    let _ = succeed(train(folder, "rpo").args(["-q", "--set", "ppo.rpo_alpha=0.1"]));
    let _ = succeed(train(folder, "trunk").args(["-q", "--set", "model.common_trunk=true"]));
    let all = [
        "single",
        "rewind",
        "q_network",
        "dynamics",
        "simulated_states",
        "a2c",
        "trpo",
        "sobol",
        "rpo",
        "trunk",
    ];
    let mut different: Vec<_> = all.iter().map(|name| weights(folder, name)).collect();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), all.len(), "two of them learned the same");
    assert!(weights(folder, "ppo") == weights(folder, "dynamics"));
    refuse(train(folder, "x").args(["--estimator", "dynamic"]), &["estimator", "dynamics"]);
    refuse(train(folder, "x").args(["--update", "sac"]), &["update", "trpo"]);
}

#[test]
fn scripts_get_json() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let output = succeed(train(folder, "run").arg("--json"));
    let lines: Vec<serde_json::Value> =
        output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    for (update, line) in lines[..3].iter().enumerate() {
        assert_eq!(line["iteration"], update as u64 + 1);
        for key in [
            "decisions",
            "episode_return",
            "policy_loss",
            "kl",
            "clip_fraction",
            "explained_variance",
        ] {
            assert!(line.get(key).is_some(), "{key}");
        }
    }
    let last = &lines[3];
    assert_eq!((&last["run_dir"], &last["image"]), (&"run".into(), &"run/policy.daa".into()));
    assert_eq!(last["decisions"], 6144);
    assert!(last["seconds"].as_f64().unwrap() > 0.0);

    let evaluation = succeed(host_trainer(folder).args([
        "evaluate",
        "run",
        "--episodes",
        "3",
        "--seed",
        "5",
        "--json",
    ]));
    let evaluation: serde_json::Value = serde_json::from_str(&evaluation).unwrap();
    let returns: Vec<f64> =
        evaluation["returns"].as_array().unwrap().iter().map(|r| r.as_f64().unwrap()).collect();
    assert_eq!(returns.len(), 3);
    let mean = returns.iter().sum::<f64>() / 3.0;
    assert!((evaluation["mean"].as_f64().unwrap() - mean).abs() < 1e-9);
    // A trajectory file has a line for each decision: observations, actions and reward.
    let saved = ["evaluate", "run", "--episodes", "3", "--seed", "5", "--trajectories", "all.csv"];
    let _ = succeed(host_trainer(folder).args(saved));
    let text = std::fs::read_to_string(folder.join("all.csv")).unwrap();
    let mut lines = text.lines();
    let columns: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert_eq!((columns[0], columns.len()), ("episode", 2 + 5 + 1 + 1));
    assert!(columns[2].starts_with("observation_") && columns[7].starts_with("action_"));
    let mut totals = [0.0; 3];
    for line in lines {
        let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
        totals[cells[0] as usize] += cells[8];
        assert!(cells[7].abs() <= 1.0);
    }
    for (total, expected) in totals.iter().zip(&returns) {
        assert!((total - expected).abs() < 1e-9, "{total} {expected}");
    }
    // The run and its image hold the same policy.
    let of_image = succeed(host_trainer(folder).args([
        "evaluate",
        "run/policy.daa",
        "--episodes",
        "3",
        "--seed",
        "5",
        "--json",
    ]));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&of_image).unwrap(), evaluation);
}

#[test]
fn a_run_directory_holds_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _ = succeed(train(folder, "run").arg("-q"));
    let before = weights(folder, "run");
    let file = |name: &str| {
        let path = folder.join("run").join(name);
        (std::fs::metadata(&path).unwrap().modified().unwrap(), std::fs::read(&path).unwrap())
    };
    let (image, lines) = (file("policy.daa"), file("metrics.csv"));
    // A finished run is not trained again, and `--json` prints its result again.
    let again = run(&mut train(folder, "run"));
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(again.stderr.contains("finished"), "{}", again.stderr);
    let summary = succeed(host_trainer(folder).args(["train", "--json", "--resume", "run"]));
    assert_eq!(
        summary.trim(),
        std::fs::read_to_string(folder.join("run/summary.json")).unwrap().trim()
    );
    // A run with another configuration, or with `--resume never`, is refused; the error names the differing key.
    refuse(
        train(folder, "run").args(["--set", "update.epochs=4"]),
        &["update.epochs = 3", "not 4", "another --run-dir", "--resume run"],
    );
    refuse(train(folder, "run").args(["--resume", "never"]), &["already holds a run"]);
    refuse(
        host_trainer(folder).args(["train", "--resume", "run", "--seed", "2"]),
        &["uses the recorded configuration"],
    );
    assert!(weights(folder, "run") == before);
    assert!(file("policy.daa") == image && file("metrics.csv") == lines);
    assert!(!folder.join("run/lock").exists());
}

#[test]
fn an_interrupted_run_saves_its_progress_and_resumes_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let longer = ["--set", "decisions=49152", "-q"];
    let _ = succeed(train(folder, "whole").args(longer));

    let mut cut = train(folder, "cut");
    cut.args(longer).stderr(Stdio::piped());
    let mut cut = PacedRun::start(cut);
    cut.reach(2);
    let interrupt = Command::new("kill").args(["-INT", &cut.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    let Outcome { code, stderr: message, .. } = cut.end();
    assert_eq!(code, 130, "{message}");
    assert!(message.contains("--resume cut") && message.contains("saved"), "{message}");

    // The interrupted run can be exported, and it can be resumed.
    let _ = succeed(host_trainer(folder).args(["export", "cut", "-o", "early.daa"]));
    let _ = succeed(host_trainer(folder).args(["train", "-q", "--resume", "cut"]));
    assert!(weights(folder, "cut") == weights(folder, "whole"), "resuming changes the weights");
    assert_eq!(metrics(folder, "cut"), metrics(folder, "whole"));
}

#[test]
fn bad_input_gets_one_line_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("bad.toml"), "[update]\nepochs = \"ten\"\n").unwrap();
    std::fs::write(folder.join("unknown.toml"), "learning_rte = 0.1\n").unwrap();
    std::fs::write(folder.join("broken.toml"), "epochs = = 3\n").unwrap();
    std::fs::write(folder.join("request.json"), "{\"task\": 3}").unwrap();
    let table: [(&[&str], &[&str]); 17] = [
        (&["train", "--set", "ppo.clip=1e300"], &["clip", "above 0"]),
        (&["train", "--set", "estimator.num_actions=abc"], &["num_actions", "invalid type"]),
        (&["train", "--set", "preset=paper-2022"], &["--preset"]),
        (
            &["train", "--task", "cartpole-swingpu"],
            &["cartpole-swingpu", "did you mean cartpole-swingup?"],
        ),
        (&["train", "--preset", "quickstat"], &["quickstat", "did you mean quickstart?"]),
        (&["train", "--set", "horizont=3"], &["horizont", "did you mean estimator.horizon?"]),
        (&["train", "--set", "estimator.horizon=0"], &["estimator.horizon = 0", "1 to 1000"]),
        (&["train", "--set", "gamma=1.5"], &["gamma", "0 to 1"]),
        (&["train", "--set", "update.learning_rate=nan"], &["learning_rate"]),
        (&["train", "--config", "bad.toml"], &["bad.toml", "update.epochs"]),
        (
            &["train", "--config", "unknown.toml"],
            &["learning_rte", "did you mean update.learning_rate?"],
        ),
        (&["train", "--config", "broken.toml"], &["broken.toml"]),
        (&["train", "--config", "missing.toml"], &["cannot read missing.toml"]),
        (&["train", "--device", "tpu"], &["tpu", "cpu, cuda"]),
        (&["train", "--resume", "nothing"], &["nothing is not a run directory"]),
        (&["export", "nothing"], &["nothing is not a run directory"]),
        (&["replay", "request.json"], &["request.json"]),
    ];
    for (args, words) in table {
        refuse(host_trainer(folder).args(args), words);
    }
    assert!(!folder.join("runs").exists(), "a refused command wrote something");
    // An unknown command has another exit code.
    assert_eq!(run(host_trainer(folder).arg("trian")).code, 2);
}

#[test]
fn output_that_cannot_be_written_is_an_error_and_a_device_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    refuse(host_trainer(folder.path()).arg("tasks").stdout(full()), &["standard output"]);
    // The output is a link to a device, not the device itself, so that a failing test does not harm the machine.
    std::os::unix::fs::symlink("/dev/null", folder.path().join("null.daa")).unwrap();
    let _ = succeed(train(folder.path(), "run").arg("-q"));
    refuse(
        host_trainer(folder.path()).args(["export", "run", "-o", "null.daa"]),
        &["not a regular file"],
    );
    assert!(folder.path().join("null.daa").is_symlink());
}

#[test]
fn a_cuda_device_is_refused_where_there_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let doctor = succeed(host_trainer(folder.path()).args(["doctor", "--json"]));
    let doctor: serde_json::Value = serde_json::from_str(&doctor).unwrap();
    assert_eq!(doctor["torch"], "2.11.0");
    assert!(doctor["matmul_error"].as_f64().unwrap() < 1e-4);
    let found = doctor["cuda_devices"].as_u64().unwrap();
    let missing = format!("cuda:{found}");
    refuse(host_trainer(folder.path()).args(["train", "--device", &missing]), &["CUDA device"]);
}
