//! CSV files of runs, read by the names of their columns, and the text of CSV files.

use anyhow::{Context, Result, bail};
use csv::{ReaderBuilder, StringRecord, Trim, WriterBuilder};
use std::str::FromStr;

/// A CSV file. A cell is found by the name of its column, because versions of this program differ in their
/// columns. A process that was killed may leave half a line: [`rows`](Self::rows) leaves such lines out.
#[derive(Debug, Default)]
pub(crate) struct CsvFile {
    columns: StringRecord,
    lines: Vec<StringRecord>,
}

/// A line of a CSV file, with as many cells as the file has columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    columns: &'a StringRecord,
    cells: &'a StringRecord,
}

impl CsvFile {
    /// Reads the text of a file whose first line names the columns. Empty lines are left out.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut reader = ReaderBuilder::new();
        let reader = reader.flexible(true).trim(Trim::All);
        let mut reader = reader.from_reader(text.as_bytes());
        let columns = reader.headers().context("line 1")?.clone();
        let lines = reader.records().collect::<Result<_, _>>().context("the file is not CSV")?;
        Ok(Self { columns, lines })
    }

    /// The names of the columns.
    pub(crate) fn columns(&self) -> Vec<&str> {
        self.columns.iter().collect()
    }

    /// Whether there is a column of this name.
    pub(crate) fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|known| known == column)
    }

    /// The lines that have all cells.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let columns = &self.columns;
        let whole = self.lines.iter().filter(|cells| cells.len() == columns.len());
        whole.map(move |cells| Row { columns, cells })
    }

    /// Checks that no line but the last one lacks cells.
    ///
    /// # Errors
    /// The number of the first line that has another number of cells than the first line.
    pub(crate) fn check(&self) -> Result<()> {
        let (wanted, all) = (self.columns.len(), self.lines.len());
        for (index, cells) in self.lines.iter().enumerate() {
            let cut = index + 1 == all && cells.len() < wanted;
            if cells.len() != wanted && !cut {
                bail!("line {}: {} cells, not {wanted}", line(cells), cells.len());
            }
        }
        Ok(())
    }
}

/// The number of a line in its file.
fn line(cells: &StringRecord) -> u64 {
    cells.position().map_or(0, csv::Position::line)
}

impl<'a> Row<'a> {
    /// The cell of a column.
    pub(crate) fn get(&self, column: &str) -> Option<&'a str> {
        self.cells.get(self.columns.iter().position(|known| known == column)?)
    }

    /// All cells.
    pub(crate) fn cells(&self) -> Vec<&'a str> {
        self.cells.iter().collect()
    }

    /// The number in the cell of a column.
    ///
    /// # Errors
    /// When the file has no such column, or the cell does not hold a number of this type.
    pub(crate) fn number<T: FromStr>(&self, column: &str) -> Result<T> {
        let cell = self.get(column).with_context(|| format!("line 1: no column {column}"))?;
        let line = line(self.cells);
        let number = cell.parse().ok();
        number.with_context(|| format!("line {line}: {cell:?} under {column} is not a number"))
    }
}

/// The text of a CSV file with these lines. Cells with commas or quotes are quoted.
pub(crate) fn text<C: AsRef<str>>(lines: &[Vec<C>]) -> String {
    let mut writer = WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for line in lines {
        // Writing to memory cannot fail.
        let _ = writer.write_record(line.iter().map(AsRef::as_ref));
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_found_by_the_names_of_their_columns() {
        let file = CsvFile::parse("a, b\n1,2\n3,x\n4").unwrap();
        file.check().unwrap();
        let rows: Vec<Row<'_>> = file.rows().collect();
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].number::<u64>("b").unwrap(), rows[1].get("b")), (2, Some("x")));
        let message = rows[1].number::<f64>("b").unwrap_err().to_string();
        assert_eq!(message, "line 3: \"x\" under b is not a number");
        let message = rows[1].number::<f64>("c").unwrap_err().to_string();
        assert_eq!(message, "line 1: no column c");
    }

    #[test]
    fn only_the_last_line_may_lack_cells() {
        for (text, wanted) in
            [("a,b\n1\n2,2\n", "line 2: 1 cells, not 2"), ("a\n1,2\n", "line 2: 2 cells, not 1")]
        {
            assert_eq!(CsvFile::parse(text).unwrap().check().unwrap_err().to_string(), wanted);
        }
    }

    #[test]
    fn cells_with_commas_or_quotes_are_quoted() {
        let lines = [vec!["a", "b"], vec!["x, \"y\"", "2"]];
        assert_eq!(text(&lines), "a,b\n\"x, \"\"y\"\"\",2\n");
    }
}
