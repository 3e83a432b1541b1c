//! How answers look to people: tables, ages, short digests.

use std::time::Duration;

use crate::failure::on_one_line;
use crate::operator::Build;

/// How a column is aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// A table, in which a row may be followed by remarks across all columns.
#[derive(Debug)]
pub(super) struct Table<const COLUMNS: usize> {
    columns: [(&'static str, Align); COLUMNS],
    rows: Vec<Row<COLUMNS>>,
}

#[derive(Debug)]
enum Row<const COLUMNS: usize> {
    Cells([String; COLUMNS]),
    Remark(String),
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    pub(super) const fn new(columns: [(&'static str, Align); COLUMNS]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: [String; COLUMNS]) {
        // Libraries name themselves, and a terminal obeys control characters.
        self.rows.push(Row::Cells(cells.map(|cell| on_one_line(&cell))));
    }

    pub(super) fn remark(&mut self, text: &str) {
        self.rows.push(Row::Remark(on_one_line(text)));
    }

    /// Lines, the head first.
    pub(super) fn text(&self) -> String {
        let head = self.columns.map(|(name, _)| name.to_owned());
        let mut widths = self.columns.map(|(name, _)| name.chars().count());
        for row in &self.rows {
            let Row::Cells(cells) = row else { continue };
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = self.line(&head, &widths);
        for row in &self.rows {
            match row {
                Row::Cells(cells) => text.push_str(&self.line(cells, &widths)),
                Row::Remark(remark) => text.push_str(&format!("    {remark}\n")),
            }
        }
        text
    }

    fn line(&self, cells: &[String; COLUMNS], widths: &[usize; COLUMNS]) -> String {
        let mut line = String::new();
        for ((cell, width), (_, align)) in cells.iter().zip(widths).zip(self.columns) {
            let cell = match align {
                Align::Left => format!("{cell:<width$}"),
                Align::Right => format!("{cell:>width$}"),
            };
            if !line.is_empty() {
                line.push_str("  ");
            }
            line.push_str(&cell);
        }
        format!("{}\n", line.trim_end())
    }
}

/// An age in its largest unit.
pub(super) fn age(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..120 => format!("{seconds}s"),
        seconds @ 120..7_200 => format!("{}m", seconds / 60),
        seconds @ 7_200..172_800 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// As much of a digest as tells versions apart.
pub(super) fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

pub(super) fn build(build: &Build) -> String {
    let Build { version, digest, generation } = build;
    format!("{version} ({}, generation {generation})", short(digest))
}

/// A number that may not be counted.
pub(super) fn number(number: Option<u64>) -> String {
    number.map_or_else(|| String::from("-"), |number| number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new([("APP", Align::Left), ("REQUESTS", Align::Right)]);
        let row = |app: &str, requests: &str| [app.to_owned(), requests.to_owned()];
        table.row(row("a-long-name", "7"));
        table.remark("failed: it \u{1b}[2J is\nbroken");
        table.row(row("b", "123456789"));
        let expected = "\
APP           REQUESTS
a-long-name          7
    failed: it ?[2J is | broken
b            123456789
";
        assert_eq!(table.text(), expected);
    }

    #[test]
    fn ages_have_one_unit() {
        for (seconds, text) in
            [(0, "0s"), (119, "119s"), (120, "2m"), (7_199, "119m"), (7_200, "2h"), (172_800, "2d")]
        {
            assert_eq!(age(Duration::from_secs(seconds)), text);
        }
    }
}
