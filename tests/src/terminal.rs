//! A pseudo-terminal, and a model of what its screen shows.

use std::process::{Command, ExitStatus};
use tools::terminal::{self, Ended};

/// A screen with a fixed number of columns and any number of rows.
#[derive(Clone, Debug, Default)]
pub struct Screen {
    columns: usize,
    rows: Vec<Vec<char>>,
    row: usize,
    column: usize,
    /// The former contents of rows that were cleared or overwritten from their first column.
    pub gone: Vec<String>,
}

impl Screen {
    /// An empty screen.
    #[must_use]
    pub fn new(columns: usize) -> Self {
        Self { columns, rows: vec![Vec::new()], ..Self::default() }
    }

    /// The rows that are not empty.
    #[must_use]
    pub fn rows(&self) -> Vec<String> {
        let text = |row: &Vec<char>| row.iter().collect::<String>().trim_end().to_owned();
        self.rows.iter().map(text).filter(|row| !row.is_empty()).collect()
    }

    fn down(&mut self, rows: usize) {
        self.row += rows;
        self.rows.resize(self.rows.len().max(self.row + 1), Vec::new());
    }

    fn forget(&mut self) {
        let text: String = self.rows[self.row].iter().collect();
        self.gone.extend(Some(text.trim_end().to_owned()).filter(|text| !text.is_empty()));
    }

    fn put(&mut self, character: char) {
        // The cursor stays behind the last column until another character follows.
        if self.column == self.columns {
            self.column = 0;
            self.down(1);
        }
        if self.column == 0 {
            self.forget();
        }
        let row = &mut self.rows[self.row];
        row.resize(row.len().max(self.column + 1), ' ');
        row[self.column] = character;
        self.column += 1;
    }

    /// Applies the output of a program.
    ///
    /// # Panics
    /// At escape sequences that the programs of this repository do not use.
    pub fn write(&mut self, text: &str) {
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '\r' => self.column = 0,
                '\n' => self.down(1),
                '\x1b' => {
                    assert_eq!(characters.next(), Some('['), "another escape sequence");
                    let mut number = String::new();
                    let end = loop {
                        match characters.next() {
                            Some(digit) if digit.is_ascii_digit() => number.push(digit),
                            other => break other,
                        }
                    };
                    let count = number.parse().unwrap_or(1);
                    match end {
                        Some('A') => self.row = self.row.saturating_sub(count),
                        Some('B') => self.down(count),
                        Some('K') => {
                            assert_eq!(count, 2, "another way to clear");
                            self.forget();
                            self.rows[self.row].clear();
                        }
                        other => panic!("the escape sequence [{number}{other:?}"),
                    }
                }
                _ => self.put(character),
            }
        }
    }
}

/// Runs a program whose standard error is a terminal with `columns` columns. Returns the exit status, the standard
/// output, and the text that the terminal received.
#[must_use]
pub fn on_terminal(command: &mut Command, columns: u16) -> (ExitStatus, String, String) {
    let ended = terminal::run(command, columns).expect("the program runs on a terminal");
    let Ended { status, stdout, terminal } = ended;
    (status, stdout, terminal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_shows_what_was_written_last() {
        let mut screen = Screen::new(4);
        screen.write("abcd");
        assert_eq!(screen.rows(), ["abcd"]);
        screen.write("e\r\nf");
        assert_eq!(screen.rows(), ["abcd", "e", "f"]);
        screen.write("\x1b[2A\r\x1b[2Kxy\x1b[1B\rz");
        assert_eq!(screen.rows(), ["xy", "z", "f"]);
        assert_eq!(screen.gone, ["abcd", "e"]);
    }
}
