//! Runs that are killed, locked, damaged or short of disk lose nothing.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tests::runs::{assert_same, checkpoints, everything, train};
use tests::{SMALL_RUN, host_trainer, reference_python, refuse, root, run, succeed};

fn lines(folder: &Path, name: &str) -> usize {
    let metrics = folder.join(name).join("metrics.csv");
    fs::read_to_string(metrics).map_or(0, |text| text.lines().count())
}

/// Waits until a run has so many lines on record.
fn reach(folder: &Path, name: &str, wanted: usize) {
    let begun = Instant::now();
    while lines(folder, name) < wanted {
        assert!(begun.elapsed() < Duration::from_secs(120), "{name} does not come forward");
        std::thread::sleep(Duration::from_millis(3));
    }
}

fn kill(child: &mut Child) {
    child.kill().unwrap();
    let _ = child.wait().unwrap();
}

/// Moments of a fixed sequence, in 0 to 1.
struct Moments(u64);

impl Moments {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f64 / (1u64 << 24) as f64
    }
}

/// Kills a run exactly so many times, evenly over its `updates` and each time at a random moment: every third
/// time while it starts, the others within an update. Then lets it come to its end.
fn kill_often(folder: &Path, name: &str, kills: usize, updates: usize, run: &dyn Fn() -> Command) {
    let mut moments = Moments(0x2545_f491_4f6c_dd1d ^ kills as u64);
    let mut reached = Vec::new();
    for number in 0..kills {
        let mut child = run().spawn().unwrap();
        if number % 3 == 2 {
            std::thread::sleep(Duration::from_secs_f64(0.4 * moments.next()));
        } else {
            // Once for each seed; the header is a line, too.
            let seeds = lines_of_an_update(folder, name);
            reach(folder, name, 1 + seeds * (1 + number * updates * 3 / (4 * kills)));
            std::thread::sleep(Duration::from_secs_f64(0.06 * moments.next()));
        }
        assert!(child.try_wait().unwrap().is_none(), "kill {number}: the run has ended");
        kill(&mut child);
        reached.push(checkpoints(folder, name).last().map_or(0, |(iteration, _)| *iteration));
    }
    // It was killed on the way, not again and again at its beginning.
    assert_eq!(reached.len(), kills);
    assert!(reached.last().unwrap() * 2 >= updates as u64, "{reached:?}");
    let _ = succeed(&mut run());
    assert!(!folder.join(name).join("lock").exists());
    for place in [folder.join(name), folder.join(name).join("checkpoints")] {
        let names = fs::read_dir(place).unwrap().map(|entry| entry.unwrap().file_name());
        let hidden: Vec<_> = names.filter(|name| name.to_string_lossy().starts_with('.')).collect();
        assert!(hidden.is_empty(), "half a file is left: {hidden:?}");
    }
}

/// Seeds of a run, as far as its metrics tell.
fn lines_of_an_update(folder: &Path, name: &str) -> usize {
    let text = fs::read_to_string(folder.join(name).join("metrics.csv")).unwrap_or_default();
    let updates = text.lines().skip(1).filter(|line| line.starts_with("1,")).count();
    updates.max(1)
}

#[test]
fn a_run_killed_at_twenty_random_moments_ends_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let updates = 40;
    let decisions = 2048 * updates as u64;
    let _ = succeed(&mut train(folder, "whole", decisions));
    assert_eq!(lines(folder, "whole"), 1 + updates);
    kill_often(folder, "cut", 20, updates, &|| train(folder, "cut", decisions));
    assert_same(folder, "whole", "cut");

    // TensorBoard sees every iteration once, whatever was written and lost on the way.
    if let Some(mut python) = reference_python() {
        let script = root().join("tools/read_events.py");
        let read = succeed(python.arg(script).arg(folder.join("cut/tensorboard/seed-1")));
        let read: serde_json::Value = serde_json::from_str(&read).unwrap();
        let text = fs::read_to_string(folder.join("cut/metrics.csv")).unwrap();
        let returns = read["return/evaluation_return"].as_array().unwrap();
        assert_eq!(returns.len(), updates);
        for (line, point) in text.lines().skip(1).zip(returns) {
            let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap_or(0.0)).collect();
            assert_eq!(point[0].as_f64().unwrap(), cells[2]);
            assert!((point[1].as_f64().unwrap() - cells[4]).abs() < 1e-4 * cells[4].abs().max(1.0));
        }
    }

    // The control: another seed gives other bytes, so the comparison sees something.
    let _ = succeed(train(folder, "other", decisions).args(["--seed", "2"]));
    let (a, b) = (everything(folder, "whole"), everything(folder, "other"));
    for (ours, theirs) in a.iter().zip(&b) {
        assert!(ours.1 != theirs.1, "{} does not depend on the seed", ours.0);
    }
}

#[test]
fn other_estimators_several_seeds_and_advice_are_resumed_as_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let updates = 10;
    let cases: [(&str, &[&str]); 4] = [
        ("seeds", &["--seeds", "1..2"]),
        ("simulator", &["--set", "estimator=rewind", "--set", "horizon=2"]),
        ("values", &["--set", "estimator=q_network"]),
        ("auto", &["--auto", "--advise", "1"]),
    ];
    for (name, options) in cases {
        let [whole, cut] = ["whole", "cut"].map(|part| format!("{name}-{part}"));
        let run = |place: &str| {
            let mut command = train(folder, place, 2048 * updates as u64);
            command.args(options);
            command
        };
        let _ = succeed(&mut run(&whole));
        kill_often(folder, &cut, 5, updates, &|| run(&cut));
        assert_same(folder, &whole, &cut);
        let advice = |place: &str| fs::read_to_string(folder.join(place).join("advice.csv")).ok();
        assert_eq!(advice(&whole), advice(&cut), "{name}");
        assert_eq!(advice(&cut).is_some_and(|text| text.lines().count() > updates), name == "auto");
    }
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
    // Nothing to go on with: a fresh one.
    let mut child = run(&["--resume", "auto"], "1").spawn().unwrap();
    let begun = Instant::now();
    while runs().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no run begins");
        std::thread::sleep(Duration::from_millis(3));
    }
    let name = format!("runs/{}", runs()[0]);
    reach(folder, &name, 3);
    kill(&mut child);
    let before = lines(folder, &name);
    // Another configuration does not touch it.
    let _ = succeed(&mut run(&["--resume", "auto"], "2"));
    assert_eq!((runs().len(), lines(folder, &name)), (2, before));
    // This one is gone on with; and once it is finished, the next is a fresh one.
    let _ = succeed(&mut run(&["--resume", "auto"], "1"));
    assert_eq!((runs().len(), lines(folder, &name)), (2, 9));
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
fn a_damaged_checkpoint_is_named_and_the_one_before_it_taken() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let decisions = 2048 * 6;
    let _ = succeed(&mut train(folder, "whole", decisions));
    let mut child = train(folder, "cut", decisions).spawn().unwrap();
    reach(folder, "cut", 5);
    kill(&mut child);
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
        // Whatever is read of the run says so.
        let export = run(host_trainer(folder).args(["export", "cut", "-o", "some.daa"]));
        assert_eq!(export.code, 0, "{}", export.stderr);
        assert!(export.stderr.contains("is damaged"), "{file}: {}", export.stderr);
        assert!(export.stderr.contains("taking the one before it"), "{}", export.stderr);
        fs::write(checkpoints(folder, "cut")[kept - 1].1.join(file), saved).unwrap();
    }
    damage(kept - 1, "state.bin");
    let again = run(&mut train(folder, "cut", decisions));
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(again.stderr.contains("taking the one before it"), "{}", again.stderr);
    assert_same(folder, "whole", "cut");

    // Where none is whole, that is an error, and nothing is touched.
    let mut child = train(folder, "lost", decisions).spawn().unwrap();
    reach(folder, "lost", 5);
    kill(&mut child);
    for (_, place) in checkpoints(folder, "lost") {
        fs::write(place.join("state.bin"), "").unwrap();
    }
    let before = lines(folder, "lost");
    refuse(&mut train(folder, "lost", decisions), &["is damaged", "no older one is whole"]);
    assert_eq!(lines(folder, "lost"), before);
    // Another version's is refused, not taken for damaged.
    let place = checkpoints(folder, "whole").pop().unwrap().1.join("manifest.json");
    let text = fs::read_to_string(&place).unwrap();
    fs::write(&place, text.replace("\"version\": 2", "\"version\": 1")).unwrap();
    refuse(host_trainer(folder).args(["export", "whole"]), &["version 1", "reads 2"]);
}

#[test]
fn two_processes_never_write_into_one_directory() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let decisions = 2048 * 40;
    let mut first = train(folder, "run", decisions).spawn().unwrap();
    reach(folder, "run", 2);
    let pid = first.id().to_string();
    refuse(
        &mut train(folder, "run", decisions),
        &[&format!("process {pid} on "), "writes into run", "another --run-dir"],
    );
    refuse(host_trainer(folder).args(["train", "--resume", "run"]), &[&pid]);
    // To read is allowed.
    let _ = succeed(host_trainer(folder).args(["evaluate", "run", "--episodes", "1"]));
    kill(&mut first);
    assert!(folder.join("run/lock").exists(), "a killed process cleans up nothing");

    // A dead owner's lock is taken over, by one that is asked to stop in its turn.
    let mut second = host_trainer(folder);
    second.args(["train", "--resume", "run"]).stderr(Stdio::piped());
    let second = second.spawn().unwrap();
    let before = lines(folder, "run");
    reach(folder, "run", before + 1);
    let stop = Command::new("kill").args(["-TERM", &second.id().to_string()]).status().unwrap();
    assert!(stop.success());
    let output = second.wait_with_output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{message}");
    assert!(message.contains(&format!("taking over from process {pid}")), "{message}");
    assert!(message.contains("going on after") && message.contains("saved"), "{message}");
    assert!(!folder.join("run/lock").exists());
}

#[test]
fn the_best_evaluation_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _ = succeed(train(folder, "run", 2048 * 8).args(["--seeds", "1..2"]));
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

#[test]
fn a_run_killed_while_it_saves_keeps_every_checkpoint_whole() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // Networks of some megabytes: a save takes long enough to be met.
    let big = |name: &str| {
        let mut command = train(folder, name, 2048 * 12);
        command.args(["--set", "transition_hidden=512", "--set", "model_steps=2"]);
        command
    };
    let _ = succeed(&mut big("whole"));
    let half = || {
        let entries = fs::read_dir(folder.join("cut/checkpoints")).into_iter().flatten().flatten();
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with('.')).count()
    };
    let mut met = 0;
    for _ in 0..8 {
        let mut child = big("cut").spawn().unwrap();
        // What the last one left half done goes first.
        let before = lines(folder, "cut");
        while lines(folder, "cut") <= before && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        while half() == 0 && child.try_wait().unwrap().is_none() {}
        kill(&mut child);
        met += half();
        // Every checkpoint that is there can be gone on from.
        for (iteration, _) in checkpoints(folder, "cut") {
            let which = iteration.to_string();
            let arguments = ["export", "cut", "--checkpoint", &which, "-o", "some.daa"];
            let export = run(host_trainer(folder).args(arguments));
            assert_eq!((export.code, export.stderr.contains("damaged")), (0, false), "{export:?}");
        }
    }
    assert!(met >= 3, "only {met} of 8 kills met a save");
    let _ = succeed(&mut big("cut"));
    assert_same(folder, "whole", "cut");
}
