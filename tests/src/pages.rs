//! The pages of the documentation and the commands in them.
//!
//! Commands are the lines of the blocks marked `sh`. The parser understands the part of the shell's syntax that the
//! pages use: quotes, comments, continued lines, `;`, `&&`, `|`, `>`, `cd` and `for` loops over words.

use crate::root;
use std::path::{Path, PathBuf};
use std::{fmt, fs};

/// A command of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Documented {
    /// The page's path, relative to the repository's root.
    pub page: String,
    /// The line on which the command ends.
    pub line: usize,
    /// The folder of a `cd` that precedes the command on the same line.
    pub folder: Option<String>,
    /// The program and its arguments, in which variables of loops are not yet replaced.
    pub words: Vec<String>,
    /// The file to which the standard output is redirected.
    pub output: Option<String>,
    /// The variables and values of the loops around the command, the outermost first.
    pub loops: Vec<(String, Vec<String>)>,
}

impl fmt::Display for Documented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.page, self.line, self.words.join(" "))
    }
}

impl Documented {
    /// The program and arguments in every turn of the loops around the command.
    #[must_use]
    pub fn turns(&self) -> Vec<Vec<String>> {
        self.loops.iter().fold(vec![self.words.clone()], |turns, (name, values)| {
            let each = |words: Vec<String>| {
                values.iter().map(move |value| {
                    let put = |word: &String| word.replace(&format!("${name}"), value);
                    words.iter().map(put).collect()
                })
            };
            turns.into_iter().flat_map(each).collect()
        })
    }
}

/// A block of a page between two fences.
#[derive(Clone, Debug)]
pub struct Block<'t> {
    /// The word after the opening fence, such as `sh` or `toml`.
    pub mark: &'t str,
    /// The line of the opening fence.
    pub line: usize,
    /// The lines between the fences.
    pub lines: Vec<&'t str>,
}

/// The fenced blocks of a page.
#[must_use]
pub fn blocks(text: &str) -> Vec<Block<'_>> {
    let (mut found, mut open) = (Vec::new(), None::<Block<'_>>);
    for (number, line) in text.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), open.take()) {
            (Some(mark), None) => {
                open = Some(Block { mark: mark.trim(), line: number + 1, lines: Vec::new() });
            }
            (Some(_), Some(block)) => found.push(block),
            (None, Some(mut block)) => {
                block.lines.push(line);
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    found
}

/// A word, or a separator between commands.
#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Sign(char),
}

/// Splits a line as a shell would, up to a comment. `&&` becomes one `&`.
fn tokens(line: &str) -> Vec<Token> {
    let (mut tokens, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in line.chars() {
        match (quote, letter) {
            (Some(mark), _) if letter == mark => quote = None,
            (Some(_), _) => word.get_or_insert_default().push(letter),
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, ' ' | ';' | '&' | '|' | '>') => {
                tokens.extend(word.take().map(Token::Word));
                if letter != ' ' && tokens.last() != Some(&Token::Sign('&')) {
                    tokens.push(Token::Sign(letter));
                }
            }
            (None, _) => word.get_or_insert_default().push(letter),
        }
    }
    tokens.extend(word.map(Token::Word));
    tokens
}

/// The commands in the shell blocks of a page.
#[must_use]
pub fn commands(page: &str, text: &str) -> Vec<Documented> {
    let mut found = Vec::new();
    for block in blocks(text).into_iter().filter(|block| block.mark == "sh") {
        let (mut loops, mut pending) = (Vec::new(), String::new());
        for (number, line) in block.lines.iter().enumerate() {
            if let Some(begun) = line.trim_end().strip_suffix('\\') {
                pending += begun;
                continue;
            }
            let whole = std::mem::take(&mut pending) + line.trim();
            let place = (page, block.line + number + 1);
            line_of(place, tokens(&whole), &mut loops, &mut found);
        }
    }
    found
}

/// The commands of one line.
fn line_of(
    (page, line): (&str, usize),
    tokens: Vec<Token>,
    loops: &mut Vec<(String, Vec<String>)>,
    found: &mut Vec<Documented>,
) {
    let mut folder = None;
    for part in tokens.split(|token| matches!(token, Token::Sign(';' | '&' | '|'))) {
        let mut words: Vec<String> = Vec::new();
        let (mut output, mut redirected) = (None, false);
        for token in part {
            match token {
                Token::Word(word) if redirected => output = Some(word.clone()),
                Token::Word(word) => words.push(word.clone()),
                Token::Sign(_) => redirected = true,
            }
        }
        if words.first().is_some_and(|word| word == "do") {
            words.remove(0);
        }
        match words.first().map(String::as_str) {
            None => {}
            Some("for") => loops.push((words[1].clone(), words[3..].to_vec())),
            Some("done") => drop(loops.pop()),
            Some("cd") => folder = words.get(1).cloned(),
            Some(_) => found.push(Documented {
                page: page.to_owned(),
                line,
                folder: folder.clone(),
                words,
                output,
                loops: loops.clone(),
            }),
        }
    }
}

/// Every page of the documentation: its path relative to the repository's root, and its text.
#[must_use]
pub fn pages() -> Vec<(String, String)> {
    let mut places = vec![root().join("README.md"), root().join("firmware/README.md")];
    below(&root().join("docs"), &mut places);
    places.sort();
    let name = |path: &PathBuf| path.strip_prefix(root()).unwrap_or(path).display().to_string();
    let read = |path: &PathBuf| fs::read_to_string(path).expect("a page can be read");
    places.iter().map(|path| (name(path), read(path))).collect()
}

/// Adds the pages in a folder and its subfolders.
fn below(folder: &Path, pages: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            below(&path, pages);
        } else if path.extension().is_some_and(|end| end == "md") {
            pages.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(commands: &[Documented]) -> Vec<Vec<&str>> {
        commands.iter().map(|c| c.words.iter().map(String::as_str).collect()).collect()
    }

    #[test]
    fn commands_are_read_as_a_shell_reads_them() {
        let text = "```sh\na 'b c' \"d#\" e=f > out   # comment\ng \\\n  h; i && j | k\n```\n```text\nno\n```\n";
        let found = commands("page", text);
        assert_eq!(
            words(&found),
            [vec!["a", "b c", "d#", "e=f"], vec!["g", "h"], vec!["i"], vec!["j"], vec!["k"]]
        );
        assert_eq!((found[0].line, found[0].output.as_deref()), (2, Some("out")));
        assert_eq!(found[1].line, 4);
    }

    #[test]
    fn loops_are_taken_through_every_turn() {
        let text = "```sh\nfor a in 1 2; do\n  x $a\n  for b in 3 4; do y $a/$b; done\ndone\ncd over && z\nw\n```\n";
        let found = commands("page", text);
        assert_eq!(found[0].turns(), [["x", "1"], ["x", "2"]]);
        assert_eq!(found[1].turns(), [["y", "1/3"], ["y", "1/4"], ["y", "2/3"], ["y", "2/4"]]);
        assert_eq!((found[2].folder.as_deref(), found[3].folder.as_deref()), (Some("over"), None));
        assert_eq!(found[3].turns(), [["w"]]);
    }
}
