//! Aligned output: rows of columns, and fields with names.
//!
//! Knows widths only. What goes into a cell has been made safe before (`escape`).

use crate::escape::width;

/// Spaces between columns.
const GAP: &str = "  ";

/// Rows with columns as wide as their widest cell. The last column is never filled up.
pub(crate) struct Table {
    right: &'static [usize],
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table; the columns named are aligned to the right.
    pub(crate) fn new(right: &'static [usize]) -> Self {
        Self {
            right,
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// One line for each row, without trailing spaces. Columns that are empty in every row are left out.
    pub(crate) fn lines(&self) -> Vec<String> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widest = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| width(cell)).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(widest).collect();
        let line = |row: &Vec<String>| {
            let mut line = String::new();
            let cells = row.iter().zip(&widths).enumerate();
            for (column, (cell, &wide)) in cells.filter(|(_, (_, wide))| **wide > 0) {
                if !line.is_empty() {
                    line.push_str(GAP);
                }
                let fill = " ".repeat(wide.saturating_sub(width(cell)));
                if self.right.contains(&column) {
                    line.push_str(&fill);
                    line.push_str(cell);
                } else {
                    line.push_str(cell);
                    line.push_str(&fill);
                }
            }
            line.truncate(line.trim_end().len());
            line
        };
        self.rows.iter().map(line).collect()
    }
}

/// Named values, one to a line; further lines of a value stand below its first.
#[derive(Default)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Adds a field.
    pub(crate) fn add(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.0.push((name.to_owned(), value.into()));
        self
    }

    /// Adds a field if there is a value.
    pub(crate) fn add_some(&mut self, name: &str, value: Option<impl Into<String>>) -> &mut Self {
        if let Some(value) = value {
            self.add(name, value);
        }
        self
    }

    /// The lines, each with an indent before it.
    pub(crate) fn lines(&self, indent: &str) -> Vec<String> {
        let wide = self
            .0
            .iter()
            .map(|(name, _)| width(name))
            .max()
            .unwrap_or(0);
        let mut lines = Vec::new();
        for (name, value) in &self.0 {
            let mut name = name.as_str();
            for part in value.split('\n') {
                let fill = " ".repeat(wide.saturating_sub(width(name)));
                let line = format!("{indent}{name}{fill}{GAP}{part}");
                lines.push(line.trim_end().to_owned());
                name = "";
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&[1]);
        table.row(["ana/1".into(), "9 B".into(), "日本".into(), "x".into()]);
        table.row(["b/10".into(), "12 KiB".into(), "abc".into(), String::new()]);
        assert_eq!(
            table.lines(),
            ["ana/1     9 B  日本  x", "b/10   12 KiB  abc"]
        );
    }

    #[test]
    fn columns_without_content_are_left_out() {
        let mut table = Table::new(&[]);
        table.row(["a".into(), String::new(), "b".into()]);
        table.row([String::new(), String::new(), "c".into()]);
        assert_eq!(table.lines(), ["a  b", "   c"]);
        assert!(Table::new(&[]).lines().is_empty());
    }

    #[test]
    fn values_of_several_lines_cannot_look_like_fields() {
        let mut fields = Fields::default();
        fields
            .add("title", "x")
            .add("text", "one\nroot  two")
            .add_some("place", None::<String>);
        assert_eq!(
            fields.lines("  "),
            ["  title  x", "  text   one", "         root  two"]
        );
    }
}
