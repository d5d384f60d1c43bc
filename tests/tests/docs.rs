//! Every command in the documentation is one that the programs understand, and those that plan are run.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::process::Command;
use std::{fmt, fs};
use tests::{host_trainer, root, run, xtask};

/// A command of a page: the page, the line, the words.
struct Documented {
    page: String,
    line: usize,
    words: Vec<String>,
}

impl fmt::Display for Documented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.page, self.line, self.words.join(" "))
    }
}

/// Splits a line as a shell would, up to a comment, a pipe, a redirection or a `;`.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut open) = (Vec::new(), String::new(), None, false);
    for letter in line.chars() {
        match (quote, letter) {
            (Some(mark), _) if letter == mark => quote = None,
            (Some(_), _) => word.push(letter),
            (None, '"' | '\'') => (quote, open) = (Some(letter), true),
            (None, '#' | '|' | '>' | ';' | '&') if word.is_empty() && !open => break,
            (None, ';') => break,
            (None, ' ') => {
                if open || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                open = false;
            }
            (None, _) => word.push(letter),
        }
    }
    if open || !word.is_empty() {
        words.push(word);
    }
    words
}

/// The commands in the shell blocks of a page.
fn commands(page: &str, text: &str) -> Vec<Documented> {
    let mut found = Vec::new();
    let (mut inside, mut pending) = (false, String::new());
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            inside = !inside && line.trim() == "```sh";
            continue;
        }
        if !inside {
            continue;
        }
        if let Some(begun) = line.trim_end().strip_suffix('\\') {
            pending += begun;
            continue;
        }
        let whole = std::mem::take(&mut pending) + line.trim();
        let whole = whole.split_once(" do ").map_or(whole.as_str(), |(_, body)| body);
        let words = words(whole);
        if !words.is_empty() {
            found.push(Documented { page: page.to_owned(), line: number + 1, words });
        }
    }
    found
}

fn pages() -> Vec<(String, String)> {
    let mut places: Vec<PathBuf> =
        vec![root().join("README.md"), root().join("firmware/README.md")];
    places.extend(fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    places.sort();
    let pages = places.into_iter().filter(|path| path.extension().is_some_and(|end| end == "md"));
    let name = |path: &PathBuf| path.strip_prefix(root()).unwrap().display().to_string();
    pages
        .filter(|path| path.exists())
        .map(|path| (name(&path), fs::read_to_string(&path).unwrap()))
        .collect()
}

/// The program that a command starts, with `--help` behind its arguments: flags that it does not have are
/// refused before that. None for other people's programs.
fn asked(words: &[String]) -> Option<Command> {
    let after = |start: &[&str]| -> Option<Vec<String>> {
        let same = words.iter().zip(start).all(|(word, wanted)| word == wanted);
        (words.len() >= start.len() && same).then(|| words[start.len()..].to_vec())
    };
    let trainers = [
        &["host-trainer"][..],
        &["target/release/host-trainer"],
        &["cargo", "run", "--release", "-p", "host-trainer", "--"],
        &["cargo", "run", "-p", "host-trainer", "--"],
    ];
    if let Some(rest) = trainers.iter().find_map(|start| after(start)) {
        let mut command = host_trainer(root());
        command.args(rest);
        return Some(command);
    }
    let rest = after(&["cargo", "xtask"])?;
    let mut command = xtask();
    command.args(rest);
    Some(command)
}

#[test]
fn every_command_in_the_documentation_is_understood() {
    let mut seen = 0;
    let mut wrong = Vec::new();
    for (page, text) in pages() {
        for found in commands(&page, &text) {
            let Some(mut command) = asked(&found.words) else { continue };
            seen += 1;
            let variable =
                found.words.iter().any(|word| word.contains(['$', '…']) || word == "...");
            if variable {
                continue;
            }
            let outcome = run(command.arg("--help"));
            if outcome.code != 0 {
                wrong.push(format!("{found}: {}", outcome.stderr));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 40, "only {seen} commands were found");
}

#[test]
fn documented_experiments_and_tests_exist() {
    let mut planned = 0;
    for (page, text) in pages() {
        for found in commands(&page, &text) {
            let words: Vec<&str> = found.words.iter().map(String::as_str).collect();
            if let Some(at) = words.iter().position(|word| *word == "experiment")
                && asked(&found.words).is_some()
                && words.get(at + 1).is_some_and(|name| !name.starts_with('-'))
            {
                let mut command = asked(&found.words).unwrap();
                let outcome = run(command.arg("--plan"));
                assert_eq!(outcome.code, 0, "{found}: {}", outcome.stderr);
                planned += 1;
            }
            // `cargo test -p tests --test NAME` names a file.
            if words.starts_with(&["cargo", "test"])
                && let Some(at) = words.iter().position(|word| *word == "--test")
                && words.contains(&"tests")
            {
                let file = root().join("tests/tests").join(words[at + 1]).with_extension("rs");
                assert!(file.exists(), "{found}");
            }
        }
    }
    assert!(planned >= 3, "{planned}");
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
    let text = "```sh\nhost-trainer train --sede 3   # a comment\nls | wc\n```\n```text\nhost-trainer nothing\n```\n";
    let found = commands("page", text);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].words, ["host-trainer", "train", "--sede", "3"]);
    assert_ne!(run(asked(&found[0].words).unwrap().arg("--help")).code, 0);
    assert!(asked(&found[1].words).is_none());
    assert_eq!(words("a 'b c' \"d\" e=f > out"), ["a", "b c", "d", "e=f"]);
}
