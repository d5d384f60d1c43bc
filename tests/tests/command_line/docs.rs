//! Every command in the documentation is run, and every link leads to a file.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tests::pages::{Documented, blocks, commands, pages};
use tests::rehearsal::{Fate, Program, Step, fate, folder, ours, rehearse, stale_exceptions};
use tests::{host_trainer, root, run};

/// Runs the commands of a page and returns their errors.
fn faults(page: &str, text: &str) -> Vec<String> {
    let found = commands(page, text);
    if found.is_empty() {
        return Vec::new();
    }
    let folder = folder(text);
    let one = |found: &Documented| -> Result<(), String> {
        let mut turns = found.turns().into_iter();
        let first = turns.next().unwrap();
        match fate(&first) {
            None => return Err(format!("{found}: no rule says whether to run it")),
            Some(Fate::Leave(_)) => return Ok(()),
            Some(Fate::Ask(step, _)) => understood(found, step)?,
            Some(Fate::Run(steps)) => {
                let begin = Instant::now();
                steps.iter().try_for_each(|step| rehearse(found, step, folder.path()))?;
                println!("{:6.1} s  {found}", begin.elapsed().as_secs_f64());
            }
        }
        // The turns of a loop differ in a word: the first one was run, the arguments of the last one are checked.
        turns.last().and_then(|words| ours(&words)).map_or(Ok(()), |step| understood(found, step))
    };
    found.iter().filter_map(|found| one(found).err()).collect()
}

/// Checks a command's arguments without running it: unknown flags are refused even with `--help`.
fn understood(found: &Documented, mut step: Step) -> Result<(), String> {
    step.words.push("--help".to_owned());
    let outcome = run(&mut step.command(root()));
    if outcome.code == 0 { Ok(()) } else { Err(format!("{found}: {}", outcome.stderr)) }
}

#[test]
fn every_command_in_the_documentation_works() {
    let mut pages = pages();
    // The longest pages come first, so that no thread is left with a long one at the end.
    pages.sort_by_key(|(page, text)| std::cmp::Reverse(commands(page, text).len()));
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((page, text)) = pages.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let faults = faults(page, text);
                    wrong.lock().unwrap().extend(faults);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn most_commands_are_run_and_every_exception_is_needed() {
    let all: Vec<_> = pages().iter().flat_map(|(page, text)| commands(page, text)).collect();
    let run = all.iter().filter(|found| matches!(fate(&found.words), Some(Fate::Run(_)))).count();
    assert!(run > 60, "only {run} of {} commands are run", all.len());
    let words: Vec<_> = all.into_iter().map(|found| found.words).collect();
    assert_eq!(stale_exceptions(&words), [""; 0], "these exceptions cover no command");
}

#[test]
fn commands_within_sentences_are_understood() {
    let mut seen = HashSet::new();
    let mut wrong = Vec::new();
    for (page, text) in pages() {
        for (number, line) in text.lines().enumerate() {
            for span in line.split('`').skip(1).step_by(2) {
                let spoken = span.replace("RUN\\|IMAGE", "RUN");
                let block = format!("```sh\n{spoken}\n```");
                for mut found in commands(&page, &block) {
                    found.line = number + 1;
                    let whole = found.words.len() > 2 && !spoken.contains('…');
                    let Some(step) =
                        ours(&found.words).filter(|s| whole && s.program != Program::Copy)
                    else {
                        continue;
                    };
                    if !seen.insert(spoken.clone()) {
                        continue;
                    }
                    wrong.extend(understood(&found, step).err());
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen.len() > 20, "only {} commands were found", seen.len());
}

#[test]
fn documented_tests_exist() {
    let mut named = 0;
    for (page, text) in pages() {
        // `cargo test -p tests --test BINARY MODULE::` names a file.
        let mut words = text.split([' ', '`', '\n', ')']).peekable();
        while let Some(word) = words.next() {
            if let Some(binary) = words.next_if(|_| word == "--test") {
                let folder = root().join("tests/tests").join(binary);
                assert!(folder.join("main.rs").exists(), "{page}: --test {binary}");
                if let Some(module) = words.peek().and_then(|word| word.strip_suffix("::")) {
                    let file = folder.join(module).with_extension("rs");
                    assert!(file.exists(), "{page}: --test {binary} {module}::");
                    named += 1;
                }
            }
        }
    }
    assert!(named > 5, "{named}");
}

/// Lines with a command of this repository outside of the blocks marked `sh`, which no test would run.
fn unmarked(text: &str) -> Vec<&str> {
    let ours = |line: &&str| {
        ["host-trainer ", "cargo ", "$ ", "python3 "].iter().any(|start| line.starts_with(start))
    };
    let inside = blocks(text);
    let wrong = inside.iter().filter(|block| block.mark.is_empty());
    let fenced = wrong.flat_map(|block| block.lines.iter().copied()).filter(ours);
    let indented = text.lines().filter_map(|line| line.strip_prefix("    "));
    fenced.chain(indented.filter(ours)).collect()
}

#[test]
fn commands_stand_in_blocks_that_are_marked() {
    for (page, text) in pages() {
        assert_eq!(unmarked(&text), [""; 0], "{page}");
    }
    let text = "```\nhost-trainer a\n```\n\n    cargo b\n\n```sh\ncargo c\n```\n";
    assert_eq!(unmarked(text), ["host-trainer a", "cargo b"]);
}

/// Rows of a page's tables of options: the key, its default, its value in each preset (or empty).
fn options(text: &str) -> Vec<(String, [String; 5])> {
    let header = "| key | default | `quickstart` | `tuned` | `paper-2022` | `icml-2023` |";
    let mut rows = Vec::new();
    for table in text.split(header).skip(1) {
        for row in table.lines().skip(2).take_while(|line| line.starts_with('|')) {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let values = std::array::from_fn(|i| cells[i + 2].to_owned());
            rows.push((cells[1].trim_matches('`').to_owned(), values));
        }
    }
    rows
}

/// Whether two TOML values are the same, however numbers are written.
fn same(a: &str, b: &str) -> bool {
    let number = |text: &str| text.replace('_', "").parse::<f64>();
    match (number(a), number(b)) {
        (Ok(a), Ok(b)) => (a - b).abs() <= 1e-6 * a.abs(),
        _ => a.trim_matches('"') == b.trim_matches('"'),
    }
}

/// What is wrong with the tables of options of a page. `layers` are the defaults and the presets, as lines `key = value`.
fn wrong_options(text: &str, layers: &[String; 5]) -> Vec<String> {
    let value = |layer: &String, key: &str| {
        let of_key = |line: &str| {
            let (name, value) = line.split_once(" = ")?;
            (name.trim() == key).then(|| value.split("  ").next().unwrap_or_default().to_owned())
        };
        layer.lines().find_map(of_key).unwrap_or_default()
    };
    let mut wrong = Vec::new();
    for (key, cells) in options(text) {
        for (cell, layer) in cells.iter().zip(layers) {
            let value = value(layer, &key);
            if !same(cell, &value) {
                wrong.push(format!("{key}: {cell:?} for {value:?}"));
            }
        }
    }
    wrong
}

/// A TOML text with the names of its tables before its keys: `[ppo]`, `clip = 0.2` is `ppo.clip = 0.2`.
fn dotted(text: &str) -> String {
    let mut table = String::new();
    let mut lines = String::new();
    for line in text.lines() {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(name) => table = format!("{name}."),
            None => lines += &format!("{table}{line}\n"),
        }
    }
    lines
}

#[test]
fn tables_of_options_are_those_of_the_program() {
    let help = run(host_trainer(root()).args(["train", "--help"])).stdout;
    let defaults: String = help.lines().map(|line| line.trim_start().to_owned() + "\n").collect();
    let preset = |name: &str| {
        let file = format!("host-trainer/trainer/src/presets/{name}.toml");
        std::fs::read_to_string(root().join(file)).unwrap()
    };
    let presets =
        ["quickstart", "tuned", "paper-2022", "icml-2023"].map(preset).map(|t| dotted(&t));
    let [a, b, c, d] = presets;
    let layers = [defaults, a, b, c, d];
    let mut rows = 0;
    for (page, text) in pages() {
        rows += options(&text).len();
        assert_eq!(wrong_options(&text, &layers), [""; 0], "{page}");
    }
    assert!(rows > 50, "{rows}");
    let wrong = pages().into_iter().find(|(page, _)| page.ends_with("ppo.md")).unwrap().1;
    let wrong = wrong.replace("| `ppo.clip` | 0.2 |", "| `ppo.clip` | 0.3 |");
    assert_eq!(wrong_options(&wrong, &layers), ["ppo.clip: \"0.3\" for \"0.2\""]);
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut links = 0;
    for (page, text) in pages() {
        for part in text.split("](").skip(1) {
            let Some(target) = part.split(')').next() else { continue };
            let target = target.split('#').next().unwrap();
            if target.is_empty() || target.contains("://") || target.contains(' ') {
                continue;
            }
            let place = root().join(&page).parent().unwrap().join(target);
            assert!(place.exists(), "{page}: {target} leads nowhere");
            links += 1;
        }
    }
    assert!(links > 20, "{links}");
}

#[test]
fn a_wrong_command_would_be_noticed() {
    let fault = |line: &str| {
        let faults = faults("page", &format!("```sh\n{line}\n```\n"));
        assert_eq!(faults.len(), 1, "{faults:?}");
        faults[0].clone()
    };
    // An unknown flag, in a command that is run, in one that is not run, and in the second turn of a loop.
    assert!(fault("host-trainer tasks --sede 3").contains("--sede"));
    assert!(fault("cargo xtask faults --none").contains("--none"));
    assert!(fault("for a in json none; do host-trainer tasks --$a; done").contains("--none"));
    // Errors that only running the command shows.
    assert!(fault("host-trainer evaluate runs/none").contains("runs/none"));
    assert!(fault("host-trainer train --set epoks=3").contains("did you mean update.epochs"));
    // A program without a rule.
    assert!(fault("frobnicate policy.daa").contains("no rule says"));
    // An exception that no page needs.
    let words = [["cargo", "embed"].map(str::to_owned).to_vec()];
    assert!(!stale_exceptions(&words).contains(&"embed"));
    assert!(stale_exceptions(&words).contains(&"sbatch"));
}
