//! Tables as HTML and as Markdown.

use crate::plot::escape;

/// A cell of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Text.
    pub text: String,
    /// Whether the cell is the best of its row.
    pub best: bool,
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), best: false }
    }
}

/// A table. Its first `names` columns are words, the others numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns.
    pub head: Vec<String>,
    /// The rows; each has a cell for every column.
    pub rows: Vec<Vec<Cell>>,
    /// Number of columns with words, from the left.
    pub names: usize,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(names: usize, head: &[&str]) -> Self {
        let head = head.iter().map(|name| (*name).to_owned()).collect();
        Self { head, rows: Vec::new(), names }
    }

    /// The table as HTML.
    #[must_use]
    pub fn html(&self) -> String {
        let align = |column: usize| if column < self.names { "" } else { " class=\"n\"" };
        let mut text = String::from("<div class=\"scroll\"><table>\n<thead><tr>");
        for (column, name) in self.head.iter().enumerate() {
            text.push_str(&format!("<th{}>{}</th>", align(column), escape(name)));
        }
        text.push_str("</tr></thead>\n<tbody>\n");
        for row in &self.rows {
            text.push_str("<tr>");
            for (column, cell) in row.iter().enumerate() {
                let words = escape(&cell.text);
                let words = if cell.best { format!("<b>{words}</b>") } else { words };
                text.push_str(&format!("<td{}>{words}</td>", align(column)));
            }
            text.push_str("</tr>\n");
        }
        text.push_str("</tbody></table></div>\n");
        text
    }

    /// The table as GitHub's Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let mut text = line(self.head.iter().map(|name| escape_markdown(name)).collect());
        let rule = |column: usize| if column < self.names { "---" } else { "---:" };
        text.push_str(&format!(
            "|{}|\n",
            (0..self.head.len()).map(rule).collect::<Vec<_>>().join("|")
        ));
        for row in &self.rows {
            let cell = |cell: &Cell| {
                let words = escape_markdown(&cell.text);
                if cell.best { format!("**{words}**") } else { words }
            };
            text.push_str(&line(row.iter().map(cell).collect()));
        }
        text
    }
}

/// A text with the special characters of Markdown tables escaped.
#[must_use]
pub(super) fn escape_markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '|' | '*' | '_' | '<' | '`' | '\\' | '[' | ']' => escaped.extend(['\\', character]),
            '\n' | '\r' => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_left_and_numbers_right_and_the_best_stands_out() {
        let mut table = Table::new(1, &["task", "return"]);
        table.rows.push(vec!["a|b".into(), Cell { text: "5".to_owned(), best: true }]);
        assert_eq!(table.markdown(), "| task | return |\n|---|---:|\n| a\\|b | **5** |\n");
        assert!(table.html().contains("<tr><td>a|b</td><td class=\"n\"><b>5</b></td></tr>"));
    }

    #[test]
    fn names_are_text_and_nothing_else() {
        let mut table = Table::new(1, &["<i>"]);
        table.rows.push(vec!["<script>\n| x".into()]);
        assert!(!table.html().contains("<script>") && !table.html().contains("<i>"));
        assert_eq!(table.markdown().lines().count(), 3);
    }
}
