//! The variance laboratory, as a user runs it.

use std::path::Path;
use std::process::Command;
use tests::{SMALL_RUN, host_trainer, refuse, run, succeed};

/// A measurement of seconds.
fn variance(folder: &Path) -> Command {
    let mut command = host_trainer(folder);
    command.args(["variance", "--preset", "quick", "--updates", "1"]);
    command
}

/// A run of seconds that has something to give advice on.
fn train(folder: &Path) -> Command {
    let mut command = host_trainer(folder);
    command.arg("train").args(SMALL_RUN);
    command
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn a_measurement_prints_a_table_beside_the_papers_and_writes_csv_and_charts() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let two = ["--task", "cartpole-swingup", "--task", "reacher-easy", "--out", "out"];
    let text = succeed(variance(folder).args(two));
    for part in ["cartpole-swingup: 840 states", "reacher-easy", "95 %", "5.003", "61", "Delta_N"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let csv = read(&folder.join("out/components.csv"));
    let head = csv.lines().next().unwrap();
    assert!(head.starts_with("task,component,at,estimate,low,high,paper,"), "{head}");
    let wide = head.split(',').count();
    assert!(csv.lines().all(|line| line.split(',').count() == wide));
    // The table's lines add up: the chain's part and the policy's are made of two each.
    let value = |name: &str| -> f64 {
        let row = format!("cartpole-swingup,{name},,");
        let line = csv.lines().find(|line| line.starts_with(&row)).unwrap();
        line[row.len()..].split(',').next().unwrap().parse().unwrap()
    };
    let sum = value("state_variance") + value("marginal_sum");
    assert!((sum - value("markov_chain")).abs() < 1e-9 * (1.0 + sum.abs()));
    assert!(value("action_variance") > 0.0);
    for name in ["components", "deltas-n-cartpole-swingup", "deltas-t-reacher-easy"] {
        let svg = read(&folder.join(format!("out/{name}.svg")));
        assert!(svg.starts_with("<svg") && !svg.contains("NaN"), "{name}");
    }
    let svg = read(&folder.join("out/components.svg"));
    assert!(svg.contains("cartpole-swingup") && svg.contains("the paper"), "{svg}");
    // The same command gives the same file, whatever the threads; another seed another one.
    let again = |more: &[&str]| {
        let _ = succeed(variance(folder).args(&two[..4]).args(["--csv", "b.csv"]).args(more));
        read(&folder.join("b.csv"))
    };
    assert_eq!(again(&["--threads", "1"]), csv);
    assert_ne!(again(&["--seed", "2"]), csv);
}

#[test]
fn impossible_measurements_are_refused_with_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("file"), "x").unwrap();
    let cases: [(&[&str], &[&str]); 10] = [
        (&["--task", "cartpole-swing"], &["did you mean cartpole-swingup?"]),
        (
            &["--task", "cartpole-swingup", "--extension", "0"],
            &["measure.extension = 0.0", "above 0"],
        ),
        (&["--task", "cartpole-swingup", "--discount", "1.5"], &["gamma = 1.5", "0 to 1"]),
        (&["--task", "cartpole-swingup", "--learning-rate", "nan"], &["new_policy.learning_rate"]),
        (
            &["--task", "cartpole-swingup", "--horizon", "900"],
            &["measure.horizon = 900", "250 decisions"],
        ),
        (&["--task", "cartpole-swingup", "--activation", "gelu"], &["gelu", "relu"]),
        (&["--critic"], &["--critic", "--policy RUN"]),
        (&["--actions", "2"], &["measure.actions = 2", "3 to 1000"]),
        (&["--csv", "none/x.csv"], &["cannot write none/x.csv"]),
        (&["--out", "file"], &["cannot make file"]),
    ];
    for (flags, words) in cases {
        refuse(variance(folder).args(flags).args(["--states", "40"]), words);
    }
    refuse(
        host_trainer(folder).args(["variance", "--preset", "table1"]),
        &["did you mean table-1?"],
    );
    refuse(
        host_trainer(folder).args(["variance", "bias", "none"]),
        &["none is not a run directory"],
    );
    let policies =
        [(&["--policy", "none"][..], "none"), (&["--policy", "file", "--critic"], "file")];
    for (flags, word) in policies {
        refuse(host_trainer(folder).arg("variance").args(flags), &[word]);
    }
    // Flags that are not understood end with 2, as everywhere.
    for flags in [&["--states", "many"][..], &["--actions", "x"], &["--nonsense"]] {
        let outcome = run(variance(folder).args(flags));
        assert_eq!(outcome.code, 2, "{flags:?} {outcome:?}");
        assert!(outcome.stderr.starts_with("error: "), "{outcome:?}");
    }
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1, "something was written");
}

#[test]
fn a_run_gets_advice_and_its_gradients_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let noise = ["--set", "estimator.noise=independent", "--set", "estimator.num_actions=2"];
    let advised = ["--advise", "1", "--cost", "seconds", "--run-dir", "a"];
    let outcome = run(train(folder).args(noise).args(advised));
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let said: Vec<&str> =
        outcome.stderr.lines().filter(|line| line.starts_with("advice of seed")).collect();
    assert!(!said.is_empty(), "{outcome:?}");
    assert!(said.iter().all(|line| line.contains("LHS") && line.contains("RHS")), "{said:?}");
    let csv = read(&folder.join("a/advice.csv"));
    assert_eq!(csv.lines().count(), 1 + said.len());
    let delta: f64 = csv.lines().nth(1).unwrap().split(',').nth(4).unwrap().parse().unwrap();
    assert!(delta > 0.0 && delta < 1.0, "{delta}");

    // N that was chosen: in the file, in the report, the same every time.
    let auto = [&noise[..], &["--auto", "--advise", "1", "-q", "--run-dir"]].concat();
    let _ = succeed(train(folder).args(&auto).arg("b"));
    let _ = succeed(train(folder).args(&auto).arg("c"));
    let chosen = read(&folder.join("b/advice.csv"));
    assert_eq!(chosen, read(&folder.join("c/advice.csv")));
    let text = succeed(host_trainer(folder).args(["report", "auto=b", "-o", "page.html"]));
    assert!(text.contains("advice: auto, cartpole-swingup, seed 1"), "{text}");
    assert!(text.contains("(chosen)"), "{text}");
    let page = read(&folder.join("page.html"));
    assert!(page.contains("More actions, or more states?") && page.contains("chosen"), "no advice");

    // The full measurement of the same policy, with the critic for the baseline.
    let measured = [
        "variance",
        "--policy",
        "a",
        "--critic",
        "--now",
        "3",
        "--states",
        "200",
        "--actions",
        "3",
        "--horizon",
        "10",
        "--trajectory-len",
        "20",
        "--rollouts",
        "1",
    ];
    let text = succeed(host_trainer(folder).args(measured));
    assert!(text.contains("N = 3, delta = 1"), "{text}");
    let mixed = run(host_trainer(folder).args(measured).args(["bias", "a"]));
    assert_eq!(mixed.code, 2, "{mixed:?}");

    let bias = ["variance", "bias", "a", "--estimates", "4", "--states", "250", "--batches", "1"];
    let some =
        ["--estimators", "single,dynamics,simulated_states", "--horizon", "2", "--reference", "1"];
    let text = succeed(host_trainer(folder).args(bias).args(some).args(["--csv", "bias.csv"]));
    for name in ["single", "dynamics", "simulated_states", "relative bias"] {
        assert!(text.contains(name), "{name}: {text}");
    }
    assert_eq!(read(&folder.join("bias.csv")).lines().count(), 4);
    refuse(host_trainer(folder).args(bias).args(["--seed", "9"]), &["no seed 9"]);
    refuse(host_trainer(folder).args(bias).args(["--csv", "none/x"]), &["cannot write none/x"]);
}

#[test]
fn advice_that_cannot_be_given_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let cases: [(&[&str], &[&str]); 5] = [
        (
            &["--advise", "--estimator", "single"],
            &["estimator.kind = \"single\"", "rewind, q_network or dynamics"],
        ),
        (&["--auto", "--seeds", "1,2"], &["advise.auto", "one seed a run"]),
        (
            &["--auto", "--set", "estimator.num_actions=64"],
            &["estimator.num_actions = 64", "advise.max_actions"],
        ),
        (&["--auto", "--set", "advise.max_actions=0"], &["advise.max_actions = 0"]),
        (&["--advise", "--cost", "euros"], &["advise.cost", "euros"]),
    ];
    for (flags, words) in cases {
        refuse(train(folder).args(flags).args(["--run-dir", "a"]), words);
    }
    assert_eq!(run(train(folder).args(["--advise", "0"])).code, 2);
    assert!(!folder.join("a").exists());
}
