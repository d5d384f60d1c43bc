//! `host-trainer report`, with runs whose files the tests write.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use tests::{SMALL_RUN, host_trainer, reference_python, refuse, root, run, small_image, succeed};

fn report(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = host_trainer(folder);
    command.arg("report").args(arguments);
    command
}

/// Writes a run of two iterations of 100 decisions, each with a second of acting and a second of policy update. All
/// seeds score `first` in the first iteration, and in the second what `last` has for them.
fn write_run(folder: &Path, name: &str, estimator: &str, first: f64, last: &[f64]) {
    let run = folder.join(name);
    fs::create_dir_all(&run).unwrap();
    let seeds: Vec<usize> = (1..=last.len()).collect();
    let config = format!(
        "task = \"cartpole-swingup\"\nestimator.kind = \"{estimator}\"\nseeds = {seeds:?}\ndecisions = 200\n"
    );
    fs::write(run.join("config.toml"), config).unwrap();
    // The columns have another order than the trainer's, and one of them is unknown.
    let mut metrics = String::from(
        "seed,iteration,colour,evaluation_return,decisions,seconds,seconds_acting,seconds_policy\n",
    );
    for seed in &seeds {
        writeln!(metrics, "{seed},1,red,{first},100,2,1,1").unwrap();
    }
    for (seed, score) in seeds.iter().zip(last) {
        writeln!(metrics, "{seed},2,red,{score},200,2,1,1").unwrap();
    }
    fs::write(run.join("metrics.csv"), metrics).unwrap();
}

/// Writes runs of PPO and DAA, with five seeds each.
fn two_arms(folder: &Path) {
    write_run(folder, "runs/ppo", "single", 0.0, &[10.0, 20.0, 30.0, 40.0, 1000.0]);
    write_run(folder, "runs/daa", "dynamics", 10.0, &[50.0, 60.0, 70.0, 80.0, 90.0]);
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}

/// The line of a text that begins with `start`.
fn line<'a>(text: &'a str, start: &str) -> &'a str {
    text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}: {text}"))
}

#[test]
fn the_numbers_are_those_worked_out_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    two_arms(folder);
    let all = ["runs", "--csv", "r.csv", "--markdown", "r.md", "--svg", "charts"];
    let shown = succeed(&mut report(folder, &all));
    assert!(!folder.join("report.html").exists(), "a page that was not asked for");
    assert!(shown.contains("DAA-PPO") && shown.contains("charts/final-scores.svg"), "{shown}");

    // The interquartile mean leaves out the lowest and the highest of five: (20 + 30 + 40) / 3, (60 + 70 + 80) / 3.
    let csv = read(folder, "r.csv");
    let cells =
        |start: &str| -> Vec<String> { line(&csv, start).split(',').map(str::to_owned).collect() };
    let ppo = cells("final,cartpole-swingup,PPO,200,5,");
    assert_eq!([&ppo[5], &ppo[8], &ppo[11], &ppo[12]], ["30", "220", "10", "1000"]);
    let daa = cells("final,cartpole-swingup,DAA-PPO,200,5,");
    assert_eq!([&daa[5], &daa[8]], ["70", "70"]);
    let number = |cell: &String| cell.parse::<f64>().unwrap();
    assert!(50.0 <= number(&daa[6]) && number(&daa[6]) < 70.0 && number(&daa[7]) <= 90.0);
    // Equal scores give an interval of no width.
    let start = cells("curve,cartpole-swingup,DAA-PPO,100,5,");
    assert_eq!(start[5..], ["10"; 8]);

    let tables = read(folder, "r.md");
    // The folder's runs in the order of their names: daa, ppo.
    let scores = line(&tables, "| cartpole-swingup | **70.0");
    assert!(scores.contains("** | 30.0"), "{scores}");
    assert!(
        scores.contains(" | 736 (617) | 828 (707) | 825 (702) | 802 (677) | RPO 613 at 8M |"),
        "{scores}"
    );
    // The columns are mean, lowest, highest, and the area under the curve: v / 2 for a seed that goes from 0 to v.
    let detail = line(&tables, "| cartpole-swingup | PPO | 5 | 200 | 30.0");
    assert!(detail.ends_with("| 220 | 10.0 | 1000 | 15.0 |"), "{detail}");
    // The curve goes from 10 at 100 decisions to 70 at 200, and so reaches 30 after a third of the way.
    assert!(tables.contains("| cartpole-swingup | 30.0 | 200 | **133 (0.67×)** |"), "{tables}");
    // Each of DAA's seeds beats four of five.
    assert!(line(&tables, "| DAA-PPO | – | 0.800").ends_with('|'));
    assert!(line(&tables, "| PPO | 0.200").ends_with("| – |"));
    // Five seeds take 200 decisions each in 4 s, half of which is acting.
    assert!(tables.contains("| PPO | 250 | 2.00 | 2.00 |"), "{tables}");
    assert!(tables.contains("| estimator.kind | dynamics | single |"), "{tables}");

    let chart = read(folder, "charts/final-scores.svg");
    let widths: Vec<f64> = chart
        .split("<rect class=\"bar")
        .skip(1)
        .map(|bar| {
            bar.split("width=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
        })
        .collect();
    assert!((widths[0] / widths[1] - 70.0 / 30.0).abs() < 0.05, "{widths:?}");
}

#[test]
fn scores_can_be_read_off_before_the_end_and_other_columns_taken() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    two_arms(folder);
    let _ = succeed(&mut report(folder, &["runs/ppo", "--at", "150", "--csv", "r.csv"]));
    // Halfway from 0: (10 + 15 + 20) / 3.
    assert!(read(folder, "r.csv").contains("\nfinal,cartpole-swingup,PPO,150,5,15,"));
    let mean = ["runs/ppo", "--centre", "mean", "--markdown", "r.md"];
    let _ = succeed(&mut report(folder, &mean));
    assert!(read(folder, "r.md").contains("| cartpole-swingup | 220 "));
    refuse(&mut report(folder, &["runs", "--score", "sampled"]), &["sampled actions"]);
    // The same scores give the same intervals.
    let _ = succeed(&mut report(folder, &["runs", "--csv", "a.csv"]));
    let _ = succeed(&mut report(folder, &["runs", "--csv", "b.csv"]));
    assert_eq!(read(folder, "a.csv"), read(folder, "b.csv"));
}

#[test]
fn the_page_carries_everything_in_itself() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    two_arms(folder);
    // The smallest PNG: 1 pixel.
    let mut pixel = Vec::new();
    png::Encoder::new(&mut pixel, 1, 1).write_header().unwrap().write_image_data(&[7]).unwrap();
    fs::write(folder.join("runs/daa/work.png"), &pixel).unwrap();
    let _ = succeed(&mut report(folder, &["<b>&ours=runs/daa", "runs/ppo", "--title", "A <i> B"]));
    let page = read(folder, "report.html");
    for part in [
        "<!doctype html>",
        "prefers-color-scheme:dark",
        "<h1>A &lt;i&gt; B</h1>",
        "&lt;b&gt;&amp;ours",
        "data:image/png;base64,iVBORw0KGgo",
        "Performance profiles",
        "Probability of improvement on PPO",
        "</html>",
    ] {
        assert!(page.contains(part), "no {part}");
    }
    for part in ["<script", "<b>&", "<link", "@import", "url(", "NaN"] {
        assert!(!page.contains(part), "{part}");
    }
    // The only address is the name of the SVG language.
    let addresses = page.matches("http").count();
    assert_eq!(addresses, page.matches("http://www.w3.org/2000/svg").count());
    assert_eq!(page.matches("<section>").count(), page.matches("</section>").count());
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
}

#[test]
fn unfinished_waiting_old_and_repeated_runs_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    two_arms(folder);
    let metrics =
        |name: &str, text: &str| fs::write(folder.join(name).join("metrics.csv"), text).unwrap();
    // This run was killed while it wrote the second iteration.
    write_run(folder, "runs/cut", "q_network", 0.0, &[1.0]);
    metrics("runs/cut", "iteration,seed,decisions,evaluation_return\n1,1,100,5\n2,1,2");
    // This run is from before the column for seeds, and is finished.
    write_run(folder, "runs/old", "rewind", 0.0, &[1.0]);
    metrics("runs/old", "iteration,decisions,evaluation_return\n1,100,\n2,200,NaN\n");
    fs::write(folder.join("runs/old/summary.json"), "{\"return\": 123.5}").unwrap();
    // This run has not begun.
    write_run(folder, "runs/waiting", "simulated_states", 0.0, &[1.0]);
    fs::remove_file(folder.join("runs/waiting/metrics.csv")).unwrap();
    // This run repeats two seeds of PPO.
    write_run(folder, "runs/zagain", "single", 0.0, &[500.0, 500.0]);

    let outcome = run(&mut report(folder, &["runs", "--markdown", "r.md", "--csv", "r.csv"]));
    assert_eq!(outcome.code, 0, "{outcome:?}");
    for words in
        ["runs/cut (100 of 200 decisions)", "Left out, without", "runs/waiting", "Seed 2 of PPO"]
    {
        assert!(outcome.stderr.contains(words), "no {words:?}: {}", outcome.stderr);
    }
    let csv = read(folder, "r.csv");
    assert!(csv.contains("\nfinal,cartpole-swingup,QAA-PPO,100,1,5,,,5,,,5,5\n"), "{csv}");
    assert!(csv.contains("\nfinal,cartpole-swingup,AA-PPO,200,1,123.5,,,"), "{csv}");
    // A repeated seed counts once.
    assert!(csv.contains("\nfinal,cartpole-swingup,PPO,200,5,30,"), "{csv}");
    let tables = read(folder, "r.md");
    assert!(tables.contains("100 to 200: --at 100 compares them at equal ones."), "{tables}");
    assert!(line(&tables, "| runs/old").contains("| finished |"));
    assert!(line(&tables, "| runs/cut").contains("| not finished |"));
}

#[test]
fn an_impossible_report_is_refused_in_one_line_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    two_arms(folder);
    fs::create_dir(folder.join("empty")).unwrap();
    let broken = |name: &str, file: &str, text: &str| {
        write_run(folder, name, "single", 0.0, &[1.0]);
        fs::write(folder.join(name).join(file), text).unwrap();
    };
    broken("toml", "config.toml", "task = ");
    broken("types", "config.toml", "task = 3");
    broken("cell", "metrics.csv", "decisions,evaluation_return\n100,high\n200,2\n");
    broken("short", "metrics.csv", "decisions,evaluation_return\n100\n200,2\n");
    broken("column", "metrics.csv", "iteration,evaluation_return\n1,2\n");
    broken("none", "metrics.csv", "decisions,evaluation_return\n100,\n");
    broken("summary", "summary.json", "{");
    fs::write(folder.join("binary"), [0xff, 0xfe]).unwrap();
    write_run(folder, "bytes", "single", 0.0, &[1.0]);
    fs::copy(folder.join("binary"), folder.join("bytes/metrics.csv")).unwrap();
    let cases: [(&[&str], &[&str]); 16] = [
        (&["nowhere"], &["nowhere does not exist"]),
        (&["name=nowhere"], &["nowhere does not exist"]),
        (&["binary"], &["binary is not a folder"]),
        (&["empty"], &["empty contains no run", "config.toml"]),
        (&["toml"], &["toml/config.toml"]),
        (&["types"], &["types/config.toml", "task"]),
        (&["cell"], &["cell/metrics.csv", "line 2", "\"high\"", "evaluation_return"]),
        (&["short"], &["short/metrics.csv", "line 2"]),
        (&["column"], &["column/metrics.csv", "no column decisions"]),
        (&["none"], &["none of the 1 runs", "--score training"]),
        (&["summary"], &["summary/summary.json"]),
        (&["bytes"], &["bytes/metrics.csv"]),
        (&["runs", "--at", "201"], &["201 decisions", "--at"]),
        (&["runs", "--baseline", "SAC"], &["\"SAC\"", "DAA-PPO; PPO"]),
        (&["runs", "-o", "no/page.html"], &["no/page.html", "no folder"]),
        (&["runs", "--svg", "binary"], &["cannot make binary"]),
    ];
    let before = fs::read_dir(folder).unwrap().count();
    for (arguments, words) in cases {
        refuse(&mut report(folder, arguments), words);
    }
    assert_eq!(fs::read_dir(folder).unwrap().count(), before);
    for arguments in [
        &[][..],
        &["runs", "--score", "best"],
        &["runs", "--at", "0"],
        &["runs", "--resamples", "1"],
    ] {
        assert_eq!(run(&mut report(folder, arguments)).code, 2, "{arguments:?}");
    }
}

#[test]
fn real_runs_are_reported_with_pictures_where_there_is_opengl() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for estimator in ["single", "dynamics"] {
        let mut train = host_trainer(folder);
        train.arg("train").args(SMALL_RUN).args([
            "-q",
            "--seeds",
            "1..2",
            "--estimator",
            estimator,
        ]);
        let _ = succeed(train.args(["--run-dir", &format!("runs/{estimator}")]));
    }
    let shown = succeed(&mut report(folder, &["runs", "--csv", "r.csv", "-o", "r.html"]));
    assert!(shown.contains("PPO") && shown.contains("seeds 2"), "{shown}");
    // Each run has three evaluations.
    let csv = read(folder, "r.csv");
    assert_eq!(csv.matches("curve,cartpole-swingup,DAA-PPO,").count(), 3, "{csv}");
    let page = read(folder, "r.html");
    for phase in ["acting", "model", "policy"] {
        assert!(page.contains(&format!("<th class=\"n\">{phase}</th>")), "{phase}");
    }
    assert!(!page.contains("data:image"));

    write_run(folder, "drawn/run", "dynamics", 0.0, &[1.0]);
    fs::copy(small_image(), folder.join("drawn/run/policy.daa")).unwrap();
    let outcome = run(&mut report(folder, &["drawn", "--pictures"]));
    if outcome.code == 0 {
        assert!(read(folder, "report.html").contains("data:image/gif;base64,R0lGODlh"));
        // The picture is kept, and the second report does not draw it again.
        assert!(folder.join("drawn/run/policy.gif").exists());
        let again = succeed(&mut report(folder, &["drawn", "--pictures"]));
        assert!(outcome.stdout.contains("frames") && !again.contains("frames"), "{again}");
    } else {
        refuse(&mut report(folder, &["drawn", "--pictures"]), &["OpenGL", "apt-get install"]);
    }
}

/// The curves that TensorBoard's own reader finds in a folder, through `tools/read_events.py`; none where these
/// comparisons are left out.
fn read_with_tensorboard(folder: &Path) -> Option<serde_json::Value> {
    let mut python = reference_python()?;
    let script = root().join("tools/read_events.py");
    Some(serde_json::from_str(&succeed(python.arg(script).arg(folder))).unwrap())
}

#[test]
fn tensorboard_reads_what_the_metrics_say() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    two_arms(folder);
    let _ = succeed(&mut report(folder, &["runs", "--tensorboard", "logs"]));
    let file = "events.out.tfevents.0000000000.host-trainer";
    let seed = folder.join("logs/runs/ppo/seed-5");
    assert!(folder.join("logs/runs/daa/seed-1").join(file).exists());
    let bytes = fs::read(seed.join(file)).unwrap();
    assert_eq!(bytes[12 + 9..][..2], [0x1a, 13]);
    assert_eq!(bytes[12 + 11..][..13], *b"brain.Event:2");

    let Some(read) = read_with_tensorboard(&seed) else { return };
    let expected = serde_json::json!({
        "return/evaluation_return": [[100, 0.0, 2.0], [200, 1000.0, 4.0]],
        "time/seconds": [[100, 2.0, 2.0], [200, 2.0, 4.0]],
        "time/seconds_acting": [[100, 1.0, 2.0], [200, 1.0, 4.0]],
        "time/seconds_policy": [[100, 1.0, 2.0], [200, 1.0, 4.0]],
    });
    assert_eq!(read, expected);
    // Negative control: with a flipped bit in the second record's checksum the reader stops before that record.
    let mut damaged = bytes.clone();
    let second = 24 + 12 + 4;
    damaged[second + 8] ^= 1;
    fs::write(seed.join(file), damaged).unwrap();
    assert_eq!(read_with_tensorboard(&seed).unwrap(), serde_json::json!({}));
}
