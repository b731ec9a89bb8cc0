//! Aligned columns for a terminal. Grade: over a door (any `Write`).
//!
//! The first rows say how wide columns are, so that rows can be shown as they come.

use std::io::Write;

use arrow::array::RecordBatch;

use super::values::values;
use super::{ExportError, RowSink};
use crate::schema::{Column, Kind};

/// Characters up to which a column is aligned; longer values stand out.
const WIDTH_MAX: usize = 40;

/// Characters between columns.
const GAP: &str = "  ";

/// Writes rows.
pub(super) struct Table {
    columns: Vec<Column>,
    /// Characters of each column; none before the first rows.
    widths: Option<Vec<usize>>,
    out: Box<dyn Write + Send>,
}

impl Table {
    pub(super) fn new(columns: &[Column], out: Box<dyn Write + Send>) -> Self {
        Self { columns: columns.to_vec(), widths: None, out }
    }

    fn header(&self) -> Vec<String> {
        let title = |column: &Column| match &column.unit {
            Some(unit) => visible(&format!("{} [{unit}]", column.name)),
            None => visible(&column.name),
        };
        self.columns.iter().map(title).collect()
    }

    fn push_line(&self, cells: &[String], widths: &[usize], text: &mut String) {
        let begin = text.len();
        for (nth, ((cell, column), width)) in cells.iter().zip(&self.columns).zip(widths).enumerate() {
            let right = matches!(column.kind, Kind::Int | Kind::Float | Kind::Decimal { .. });
            let gap = if nth > 0 { GAP } else { "" };
            let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
            let parts = if right { [gap, &padding, cell] } else { [gap, cell, &padding] };
            text.extend(parts);
        }
        text.truncate(begin + text[begin..].trim_end_matches(' ').len());
        text.push('\n');
    }

    /// Shows rows, the header before the first of them.
    fn show(&mut self, rows: &[Vec<String>]) -> Result<(), ExportError> {
        let mut text = String::new();
        let widths = self.widths.take().unwrap_or_else(|| {
            let header = self.header();
            let lines = || rows.iter().chain([&header]);
            let widest = |nth: usize| lines().map(|cells| cells[nth].chars().count()).max().unwrap_or(0);
            let widths: Vec<usize> = (0..self.columns.len()).map(|nth| widest(nth).min(WIDTH_MAX)).collect();
            self.push_line(&header, &widths, &mut text);
            widths
        });
        for cells in rows {
            self.push_line(cells, &widths, &mut text);
        }
        self.widths = Some(widths);
        Ok(self.out.write_all(text.as_bytes())?)
    }
}

impl RowSink for Table {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), ExportError> {
        let columns = values(&self.columns, batch);
        let rows: Vec<Vec<String>> = (0..batch.num_rows())
            .map(|row| {
                let cell = |values: &super::values::Values<'_>| {
                    let mut text = String::new();
                    if !values.is_missing(row) {
                        values.write(row, &mut text);
                    }
                    visible(&text)
                };
                columns.iter().map(cell).collect()
            })
            .collect();
        if rows.is_empty() { Ok(()) } else { self.show(&rows) }
    }

    fn flush(&mut self) -> Result<(), ExportError> {
        Ok(self.out.flush()?)
    }

    fn finish(&mut self) -> Result<(), ExportError> {
        if self.widths.is_none() {
            self.show(&[])?;
        }
        self.flush()
    }
}

/// A stranger's text must not command the terminal, nor break the lines.
fn visible(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}
