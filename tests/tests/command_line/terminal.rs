//! The progress display of a training run: a bar on a terminal, plain lines elsewhere.

use std::fs;
use std::path::Path;
use std::process::Command;
use tests::terminal::{Screen, on_terminal};
use tests::{SMALL_RUN, host_trainer, run};

const ITERATIONS: usize = 12;
const BLOCKS: &str = "▁▂▃▄▅▆▇█";
const PHASES: [&str; 7] =
    ["acting", "environments", "preparing", "model", "extra actions", "policy", "evaluation"];

fn train(folder: &Path, name: &str) -> Command {
    let mut command = host_trainer(folder);
    command.arg("train").args(SMALL_RUN).args(["--run-dir", name]);
    command.args(["--decisions", &(ITERATIONS * 2048).to_string()]);
    command
}

/// The names and percentages of a row such as `model 12 %  policy 3 %`.
fn shares(row: &str) -> Vec<(&str, u32)> {
    let pairs = row.split('%').map(str::trim).filter(|pair| !pair.is_empty());
    pairs.filter_map(|pair| pair.rsplit_once(' ')).map(|(n, x)| (n, x.parse().unwrap())).collect()
}

#[test]
fn a_terminal_shows_bar_curve_and_phases_and_keeps_the_result() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (status, output, text) = on_terminal(&mut train(folder, "wide"), 160);
    assert!(status.success() && output.is_empty(), "{text:?} {output:?}");
    let mut screen = Screen::new(160);
    screen.write(&text);

    // The bar has 32 columns, agrees with the percentage beside it, and never goes backwards.
    let bars: Vec<(usize, usize)> = (screen.gone.iter())
        .filter(|row| row.ends_with("left"))
        .map(|row| {
            let (bar, rest) = row.split_at(row.find(' ').unwrap());
            assert_eq!(bar.chars().count(), 32, "{row}");
            let full = bar.chars().filter(|block| *block == '█').count();
            (full, rest.split('%').next().unwrap().trim().parse().unwrap())
        })
        .collect();
    assert!(bars.len() >= 3 && bars.is_sorted(), "{bars:?}");
    assert!(bars[0].1 <= 50 && bars.last().unwrap().1 >= 50, "{bars:?}");
    for (full, percent) in bars {
        assert!(full.abs_diff(percent * 32 / 100) <= 1, "{full} of 32 at {percent} %");
    }

    // The curve has a block for each evaluation so far, among them the lowest and the highest block.
    let curves: Vec<&String> = screen.gone.iter().filter(|r| r.contains("(mean action)")).collect();
    let last = curves.last().unwrap();
    let blocks: Vec<char> = last.chars().take_while(|c| BLOCKS.contains(*c)).collect();
    assert!((3..=ITERATIONS).contains(&blocks.len()), "{last}");
    assert!(blocks.contains(&'▁') && blocks.contains(&'█'), "{last}");
    for word in ["return", "(sampled)", "decisions/s"] {
        assert!(last.contains(word), "{last}");
    }

    // The phases are shares of the whole time. Which of them are large enough to be shown depends on the machine.
    let is_phase = |row: &&String| row.ends_with('%') && PHASES.iter().any(|p| row.starts_with(p));
    let phases = shares(screen.gone.iter().rfind(is_phase).unwrap());
    assert!(phases.iter().all(|(name, _)| PHASES.contains(name)), "{phases:?}");
    let sum: u32 = phases.iter().map(|(_, percent)| percent).sum();
    assert!((95..=105).contains(&sum), "{phases:?}");

    // At the end the bar is gone, at any width, and the result is shown.
    let narrow = {
        let (status, _, text) = on_terminal(&mut train(folder, "narrow"), 60);
        assert!(status.success(), "{text}");
        let mut screen = Screen::new(60);
        screen.write(&text);
        screen
    };
    for screen in [&screen, &narrow] {
        let left = screen.rows().concat();
        assert!(left.starts_with("cartpole-swingup: quickstart with seed 1"), "{left}");
        assert!(left.contains("return") && left.contains("policy.daa"), "{left}");
        for gone in ["%  ", "left", "░", "▁", "(sampled)"] {
            assert!(!left.contains(gone), "{gone:?} is left in {left}");
        }
    }

    // Without a terminal there is a line for each iteration, and no control character.
    let plain = run(&mut train(folder, "plain"));
    assert_eq!(plain.code, 0, "{}", plain.stderr);
    assert!(!plain.stderr.contains(['\x1b', '\r', '░']), "{:?}", plain.stderr);
    assert!(!plain.stderr.contains(|c| BLOCKS.contains(c)), "{:?}", plain.stderr);
    let lines = plain.stderr.lines().filter(|line| line.contains("decisions  return")).count();
    assert_eq!(lines, ITERATIONS, "{}", plain.stderr);
    // Negative control: the terminal did receive such characters.
    assert!(text.contains('\x1b') && text.contains('\r') && text.contains('░'));

    // With --quiet or --json there is no bar on a terminal either.
    let (_, output, text) = on_terminal(train(folder, "quiet").arg("--quiet"), 160);
    assert_eq!((output.as_str(), text.as_str()), ("", ""));
    let (_, output, text) = on_terminal(train(folder, "json").arg("--json"), 160);
    assert!(!text.contains('\x1b') && !text.contains('░'), "{text:?}");
    assert_eq!(output.lines().count(), ITERATIONS + 1);
    assert!(output.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));

    // The display does not change the results.
    let metrics = |name: &str| fs::read(folder.join(name).join("metrics.csv")).unwrap();
    for other in ["narrow", "plain", "quiet", "json"] {
        assert!(metrics("wide") == metrics(other), "{other}");
    }
}
