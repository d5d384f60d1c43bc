//! A pseudo-terminal, and a model of what its screen shows.

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::File;
use std::io::Read;
use std::process::{Command, ExitStatus, Stdio};

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
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("there are terminals");
    grantpt(&ours).expect("it is ours");
    unlockpt(&ours).expect("it is ours");
    let name = ptsname(&ours, Vec::new()).expect("it has a name");
    let name = name.to_str().expect("it is ASCII").to_owned();
    let theirs = File::options().read(true).write(true).open(name).expect("it can be opened");
    let size = Winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&theirs, size).expect("it has a size");
    command.env("TERM", "xterm-256color").env_remove("NO_COLOR").env_remove("CLICOLOR");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(theirs);
    let child = command.spawn().expect("the program starts");
    // A copy of the program's end in this process would keep the terminal open.
    command.stderr(Stdio::null());
    let reader = std::thread::spawn(move || {
        let (mut bytes, mut terminal) = (Vec::new(), File::from(ours));
        // Reading is an error when the program has closed its end.
        let _ = terminal.read_to_end(&mut bytes);
        String::from_utf8(bytes).expect("it writes text")
    });
    let output = child.wait_with_output().expect("the program ends");
    let text = reader.join().expect("reading does not panic");
    (output.status, String::from_utf8_lossy(&output.stdout).into_owned(), text)
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

    #[test]
    fn a_program_finds_a_terminal_of_that_width() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "test -t 2 && stty size <&2 >&2; echo out"]);
        let (status, output, text) = on_terminal(&mut shell, 77);
        assert!(status.success());
        assert_eq!((output.as_str(), text.as_str()), ("out\n", "40 77\r\n"));
    }
}
