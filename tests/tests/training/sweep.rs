//! Sweeps: from a file to finished runs.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use tests::runs::wait_until;
use tests::{SMALL_RUN, host_trainer, refuse, run, succeed};

/// A sweep of four jobs of a second or two, and its plan.
fn plan(folder: &Path, decisions: u64) -> Vec<String> {
    let small = fs::read_to_string(SMALL_RUN[1]).unwrap();
    let common: Vec<&str> = small.lines().filter(|line| !line.starts_with("decisions")).collect();
    let text = format!(
        "seeds = \"1..2\"\n[set]\ndecisions = {decisions}\n{}\n[grid]\nestimator.kind = [\"single\", \"dynamics\"]\ngamma = [0.9, 0.99]\n",
        common.join("\n")
    );
    fs::write(folder.join("sweep.toml"), text).unwrap();
    let plan = succeed(host_trainer(folder).args(["sweep", "plan", "sweep.toml"]));
    fs::write(folder.join("plan.jsonl"), &plan).unwrap();
    plan.lines().map(id).collect()
}

fn id(line: &str) -> String {
    let job: serde_json::Value = serde_json::from_str(line).unwrap();
    job["id"].as_str().unwrap().to_owned()
}

fn sweep(folder: &Path) -> Command {
    let mut command = host_trainer(folder);
    command.args(["sweep", "run", "plan.jsonl", "--out", "runs"]);
    command
}

#[test]
fn every_job_of_a_plan_is_run_once_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let ids = plan(folder, 4096);
    assert_eq!(ids.len(), 4);
    // One of them by itself, as an element of a job array would; the others find it done.
    let _ = succeed(sweep(folder).args(["--index", "2"]));
    let stamp = |id: &str| {
        fs::metadata(folder.join("runs").join(id).join("summary.json")).unwrap().modified().unwrap()
    };
    let first = stamp(&ids[2]);
    let status = succeed(sweep(folder).arg("--status"));
    assert!(status.contains("1 of 4 finished"), "{status}");
    assert!(status.lines().filter(|line| line.contains("finished  ")).count() == 1, "{status}");
    // A report is possible at any time.
    let _ = succeed(host_trainer(folder).args(["report", "runs", "-o", "partial.html"]));

    let _ = succeed(sweep(folder).args(["--jobs", "2"]));
    assert_eq!(stamp(&ids[2]), first, "a finished job was run again");
    let status = succeed(sweep(folder).arg("--status"));
    assert!(status.contains("4 of 4 finished"), "{status}");
    for id in &ids {
        assert_eq!(
            fs::read_to_string(folder.join("runs").join(id).join("metrics.csv"))
                .unwrap()
                .lines()
                .count(),
            1 + 2 * 2
        );
    }
    let _ = succeed(host_trainer(folder).args(["report", "runs", "-o", "whole.html"]));
    let (partial, whole) = ("partial.html", "whole.html");
    let size = |name: &str| fs::metadata(folder.join(name)).unwrap().len();
    assert!(size(whole) > size(partial));
    // What a job is called is what it is: the grid's values are in its configuration.
    let config = fs::read_to_string(folder.join("runs").join(&ids[2]).join("config.toml")).unwrap();
    let lines = fs::read_to_string(folder.join("plan.jsonl")).unwrap();
    let job: serde_json::Value = serde_json::from_str(lines.lines().nth(2).unwrap()).unwrap();
    for word in job["name"].as_str().unwrap().split(' ') {
        let (key, value) = word.split_once('=').unwrap();
        let key = key.rsplit('.').next().unwrap();
        let found = config.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap();
        assert!(found.contains(value), "{found} is not {value}");
    }
}

#[test]
fn a_killed_sweep_goes_on_and_leaves_no_run_behind() {
    let lines = |folder: &Path, id: &str| {
        let metrics = folder.join("runs").join(id).join("metrics.csv");
        fs::read_to_string(metrics).map_or(0, |text| text.lines().count())
    };
    // Where this process is stalled for so long that the sweep is over, it is killed in another folder.
    let killed = (0..10).find_map(|_| {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let ids = plan(here, 2048 * 8);
        let mut child = sweep(here).args(["--jobs", "2"]).stderr(Stdio::null()).spawn().unwrap();
        wait_until("the first job has two iterations", || lines(here, &ids[0]) > 2 * 2);
        child.kill().unwrap();
        let _ = child.wait().unwrap();
        // Its runs save what they have reached and end with it: their locks go.
        let locked = |id: &String| here.join("runs").join(id).join("lock").exists();
        wait_until("no run outlives its sweep", || !ids.iter().any(locked));
        let reached: Vec<usize> = ids.iter().map(|id| lines(here, id)).collect();
        (reached.iter().sum::<usize>() < 4 * 17).then_some((folder, ids, reached))
    });
    let (folder, ids, reached) = killed.expect("a sweep that is killed before it is over");
    let folder = folder.path();
    let lines = |id: &str| lines(folder, id);
    let _ = succeed(&mut sweep(folder));
    assert!(ids.iter().all(|id| lines(id) == 17), "{reached:?}");
    assert!(ids.iter().all(|id| folder.join("runs").join(id).join("summary.json").exists()));
}

#[test]
fn what_is_wrong_with_a_plan_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let ids = plan(folder, 4096);
    fs::write(folder.join("bad.toml"), "[grid]\nhorizont = [3]\n").unwrap();
    fs::write(folder.join("empty.jsonl"), "\n").unwrap();
    let text = fs::read_to_string(folder.join("plan.jsonl")).unwrap();
    fs::write(folder.join("other.jsonl"), text.replace("gamma=0.9\"", "gamma=0.8\"")).unwrap();
    let table: [(&[&str], &[&str]); 7] = [
        (&["sweep", "plan", "none.toml"], &["cannot read none.toml"]),
        (&["sweep", "plan", "bad.toml"], &["bad.toml", "did you mean estimator.horizon?"]),
        (&["sweep", "run", "none.jsonl"], &["cannot read none.jsonl"]),
        (&["sweep", "run", "empty.jsonl"], &["no jobs"]),
        (&["sweep", "run", "other.jsonl"], &["plan again"]),
        (&["sweep", "run", "plan.jsonl", "--index", "4"], &["4 jobs, no line 4"]),
        (&["sweep", "run", "plan.jsonl", "--only", "abc"], &["no job abc"]),
    ];
    for (args, words) in table {
        refuse(host_trainer(folder).args(args), words);
    }
    assert!(!folder.join("runs").exists(), "a refused command wrote something");
    // A job that fails does not stop the others, and is named.
    fs::create_dir_all(folder.join("runs").join(&ids[0])).unwrap();
    fs::write(folder.join("runs").join(&ids[0]).join("thesis.tex"), "x").unwrap();
    let outcome = run(&mut sweep(folder));
    assert_eq!(outcome.code, 1, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("1 of 4 runs failed") && outcome.stderr.contains(&ids[0]));
    let status = succeed(sweep(folder).arg("--status"));
    assert!(status.contains("3 of 4 finished"), "{status}");
}
