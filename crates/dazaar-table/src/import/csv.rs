//! Rows of comma separated values (RFC 4180). Grade: plain.
//!
//! A missing value has nothing between its commas; `""` is empty text. Empty lines are skipped.

use std::borrow::Cow;

use super::error::{ImportError, Place};
use super::table::Table;
use super::text::Row;

mod scan;

pub(super) use scan::{Scan, Scanner};

/// The fields of a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    text: &'a str,
    /// Where each field ends.
    ends: &'a [usize],
}

/// A field as it stands in the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Field<'a> {
    Missing,
    Text(Cow<'a, str>),
}

impl<'a> Fields<'a> {
    fn new(bytes: &'a [u8], ends: &'a [usize], place: Place) -> Result<Self, ImportError> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| ImportError::NotUtf8 { place, byte: error.valid_up_to() + 1 })?;
        Ok(Self { text, ends })
    }

    pub(super) const fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Field<'a>> {
        let begins = std::iter::once(0).chain(self.ends.iter().map(|end| end + 1));
        begins.zip(self.ends).map(move |(begin, &end)| field(self.text.get(begin..end).unwrap_or_default()))
    }
}

fn field(text: &str) -> Field<'_> {
    let Some(quoted) = text.strip_prefix('"') else {
        return if text.is_empty() { Field::Missing } else { Field::Text(Cow::Borrowed(text)) };
    };
    let inside = quoted.strip_suffix('"').unwrap_or(quoted);
    if inside.contains('"') {
        Field::Text(Cow::Owned(inside.replace("\"\"", "\"")))
    } else {
        Field::Text(Cow::Borrowed(inside))
    }
}

/// Reads the rows after the header.
#[derive(Debug)]
pub(super) struct Csv {
    scanner: Scanner,
    /// For each field of the file, its column; `None` if the schema leaves it out.
    columns: Vec<Option<usize>>,
}

impl Csv {
    pub(super) fn new(columns: Vec<Option<usize>>) -> Self {
        Self { scanner: Scanner::default(), columns }
    }

    /// Adds the row that `bytes` begin with, if it is complete.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        ended: bool,
        place: Place,
        table: &mut Table,
    ) -> Result<Row, ImportError> {
        let row = match self.scanner.scan(bytes, ended).map_err(|fault| fault.at(place))? {
            Scan::More => return Ok(Row::More),
            Scan::End => return Ok(Row::End),
            Scan::Blank(row) => return Ok(Row::Blank { bytes: row.bytes, lines: row.lines }),
            Scan::Row(row) => row,
        };
        let fields = Fields::new(&bytes[..row.bytes], self.scanner.ends(), place)?;
        if fields.len() != self.columns.len() {
            return Err(ImportError::FieldCount { place, expected: self.columns.len(), got: fields.len() });
        }
        for (field, column) in fields.iter().zip(&self.columns) {
            match (column, field) {
                (None, _) => {}
                (Some(column), Field::Missing) => table.push_missing(*column, place)?,
                (Some(column), Field::Text(text)) => table.push(*column, &text, place)?,
            }
        }
        Ok(Row::Read { bytes: row.bytes, lines: row.lines })
    }
}

/// The fields of the rows that `bytes` begin with, one after the other, the header first. Ends before the first row that is
/// not complete.
pub(super) fn rows(
    bytes: &[u8],
    ended: bool,
    mut each: impl FnMut(Fields<'_>, usize) -> Result<bool, ImportError>,
) -> Result<(), ImportError> {
    let mut scanner = Scanner::default();
    let (mut begin, mut place) = (0, Place { row: 0, line: Some(1) });
    loop {
        let row = match scanner.scan(&bytes[begin..], ended).map_err(|fault| fault.at(place))? {
            Scan::More | Scan::End => return Ok(()),
            Scan::Blank(row) => row,
            Scan::Row(row) => {
                let fields = Fields::new(&bytes[begin..begin + row.bytes], scanner.ends(), place)?;
                if !each(fields, begin + row.bytes)? {
                    return Ok(());
                }
                place.row += 1;
                row
            }
        };
        begin += row.bytes;
        place.line = place.line.map(|line| line + row.lines);
    }
}
